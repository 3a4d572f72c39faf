"""Convolution and pooling trained on shifted digits: what they gain, measured over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.params import params
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import number
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof

if TYPE_CHECKING:
    from numpy.random import Generator

SEEDS = 12
SIDE = 12
HEAD = "flatten dense:10"
MLP = f"flatten dense:32 relu {HEAD.removeprefix('flatten ')}"
PLAIN = f"conv:8,k3 relu {HEAD}"


def pooled(layer: str) -> str:
    """A net of one convolution and this pooling."""
    return f"conv:8,k3 relu {layer} {HEAD}"


class Right(NamedTuple):
    """Shares of digits that are right: on those learnt, and on fresh ones."""

    learnt: float
    fresh: float


def trained(net: str, random: Generator, seed: int, noise: float, steps: int) -> Right:
    """A net fitted to 300 shifted digits, judged on them and on 400 others."""
    import numpy as np

    from dlcalc.engine.experiments.learner import Learner
    from dlcalc.engine.tasks.glyphs import glyphs

    data = glyphs(SIDE).draw(random, 700, noise)
    x, y = data.inputs[:300], data.targets[:300]
    learner = Learner(
        net,
        x.astype(np.float32),
        y,
        loss="cross_entropy",
        rate=0.02,
        batch=32,
        seed=seed,
        dtype=np.float32,
    ).fit(steps)
    fresh = learner.accuracy(data.inputs[300:].astype(np.float32), data.targets[300:])
    return Right(learner.accuracy(learner.inputs, y), fresh)


def over_seeds(proof: Proof, net: str, noise: float = 0.1, steps: int = 100) -> list[Right]:
    """The same net on other digits from another start, for every seed; paired across nets."""
    return [
        trained(net, proof.random(seed), 100 * proof.seed + seed, noise, steps)
        for seed in range(SEEDS)
    ]


def gains(better: list[Right], other: list[Right]) -> list[float]:
    """By how much more of the fresh digits are right, seed by seed."""
    return [a.fresh - b.fresh for a, b in zip(better, other, strict=True)]


def mean(values: list[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


@claim(
    "cnn-beats-mlp-on-shifted-patterns",
    title="A convolutional net tells shifted digits apart with fewer parameters",
    chinese="CNN 减少参数提取局部特征",
    terms=("CNN 与全连接比较", "局部特征", "卷积神经网络"),
    tier=2,
    sources=[("000", "why CNN"), ("001", "CNN")],
    statement="""A kernel looks for the same local pattern everywhere. On digits that are shifted
        about, a net of one convolution and pooling has 2,090 parameters and gets more fresh
        digits right than a dense net of 4,970.""",
    statement_chinese="""卷积核在各处寻找同样的局部图案。对位置不定的数字，
        一层卷积加池化的网络只有 2,090 个参数，却比 4,970 个参数的全连接网络更准。""",
    verdict=HOLDS,
    formula="fresh(conv) > fresh(dense)",
    commands=[
        "dlcalc params 1x12x12 conv:8,k3 relu maxpool:2 flatten dense:10",
        "dlcalc params 1x12x12 flatten dense:32 relu dense:10",
        "dlcalc train-toy glyphs --epochs 1",
    ],
    trained=True,
)
def cnn_beats_mlp_on_shifted_patterns(proof: Proof) -> None:
    net = proof.subject("the convolutional net", pooled("maxpool:2"), MLP)
    counts = [number(params(f"1x{SIDE}x{SIDE} {each}").value) for each in (net, MLP)]
    proof.equal("parameters of the two nets", [2090.0, 4970.0], counts)
    more = gains(over_seeds(proof, net), over_seeds(proof, MLP))
    proof.at_least("fresh digits right, CNN less MLP", 0.08, mean(more), values=more)


@claim(
    "max-beats-overlap-and-mean",
    title="Max pooling is not plainly better than overlapping or mean pooling",
    chinese="最大值池化明显优于重叠池化与均值池化",
    terms=("最大池化", "重叠池化", "均值池化", "平均池化 比较"),
    tier=2,
    sources=[("001", "pooling")],
    statement="""Printed: experiments show max pooling clearly ahead of overlapping and mean
        pooling. Contradicted in this setting: on noisy shifted digits windows of 3 with stride
        2, which overlap, get more right than windows of 2, and mean pooling is no worse. Which
        is best depends on the data.""",
    statement_chinese="""原文说实验表明最大值池化明显优于重叠池化与均值池化。在此设定下并非如此：
        在带噪声、位置不定的数字上，窗口 3、步幅 2 的重叠池化更准，均值池化也不差。
        孰优孰劣取决于数据。""",
    verdict=ERRATUM,
    formula="fresh(max2) - fresh(max3/2)",
    commands=["dlcalc train-toy glyphs conv:8,k3 relu maxpool:3,s2 flatten dense:10 --epochs 2"],
    trained=True,
)
def max_beats_overlap_and_mean(proof: Proof) -> None:
    best = proof.subject("the overlapping windows", "maxpool:3,s2", "maxpool:1")
    found = {
        layer: over_seeds(proof, pooled(layer), noise=0.3)
        for layer in dict.fromkeys(("maxpool:2", best, "avgpool:2"))
    }
    ahead = gains(found["maxpool:2"], found["avgpool:2"])
    over = gains(found[best], found["maxpool:2"])
    quantity = "max pooling of 2 gets at least 0.02 more right than mean pooling"
    proof.fails(quantity, mean(ahead) >= 0.02, mean(ahead), PRINTED)
    quantity = "fresh digits right, overlapping 3/2 less max pooling of 2"
    proof.at_least(quantity, 0.0, mean(over), RIGHT, over)
    quantity = "fresh digits right, max less mean pooling"
    proof.at_most(quantity, 0.015, mean(ahead), RIGHT, ahead)


@claim(
    "pooling-reduces-overfitting",
    title="Pooling over-fits less; too much of it under-fits",
    chinese="防止过拟合或带来欠拟合",
    terms=("池化 过拟合", "池化 欠拟合"),
    tier=2,
    sources=[("002", "pooling"), ("004", "pooling")],
    statement="""On shifted digits a net without pooling knows every digit that it learnt and under
        half of the fresh ones; with pooling it gets more fresh ones right. The mean over the whole
        map goes too far: the net fits neither what it learns nor what is new.""",
    statement_chinese="""在位置不定的数字上，不池化的网络把训练样本全部记住，新样本却对不到一半；
        加池化后新样本更准。对整张特征图取均值则过了头，训练样本与新样本都拟合不好。""",
    verdict=CONDITIONS,
    conditions="The windows are small beside the map; the mean over the whole map under-fits.",
    formula="fresh(pooled) - fresh(plain)",
    commands=[
        "dlcalc shape 1x12x12 conv:8,k3 relu maxpool:2 flatten dense:10",
        "dlcalc train-toy glyphs conv:8,k3 relu globalavgpool flatten dense:10 --epochs 2",
    ],
    trained=True,
)
def pooling_reduces_overfitting(proof: Proof) -> None:
    layer = proof.subject("the pooling", "maxpool:2", "maxpool:1")
    plain, small = over_seeds(proof, PLAIN), over_seeds(proof, pooled(layer))
    whole = over_seeds(proof, pooled("globalavgpool"))
    more = gains(small, plain)
    proof.at_least("fresh digits right, pooled less plain", 0.08, mean(more), INSIDE, more)
    learnt = [each.learnt for each in plain]
    proof.at_least("learnt digits right without pooling", 0.95, mean(learnt), INSIDE, learnt)
    learnt = [each.learnt for each in whole]
    quantity = "learnt digits right, the mean over the whole map"
    proof.at_most(quantity, 0.6, mean(learnt), OUTSIDE, learnt)
    less = gains(whole, plain)
    quantity = "fresh digits right, the mean over the whole map less plain"
    proof.at_most(quantity, -0.03, mean(less), OUTSIDE, less)
