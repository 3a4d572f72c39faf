"""What lets deep networks train: shortcuts, and pre-training by Boltzmann machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.params import params
from dlcalc.concepts.claim import HOLDS, claim
from dlcalc.concepts.measure import number, passed
from dlcalc.concepts.proof import Proof

if TYPE_CHECKING:
    import numpy as np


def mean(values: list[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def left(block: str, depth: int, random: np.random.Generator, seed: int) -> float:
    """The loss that is left of so many tanh blocks of width 16 after 120 steps of Adam.

    The classes are the signs of a product of two inputs; hidden weights are half as
    large as they should be to keep the size of what runs through them.
    """
    import numpy as np

    from dlcalc.engine.experiments.learner import Learner

    x = random.normal(size=(60, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    learner = Learner(
        f"dense:16 {depth}*[{block}] dense:2",
        x,
        y,
        loss="cross_entropy",
        rate=0.01,
        seed=seed,
        dtype=np.float32,
    )
    for tensor in learner.program.tensors.values():
        if tensor.value.shape == (16, 16):
            tensor.value[...] = 0.5 * random.normal(size=(16, 16)) / 4
    return learner.fit(120).loss(x, y)


@claim(
    "resnet-trains-deeper",
    title="Shortcuts make deep networks trainable",
    chinese="深度残差网络 ResNet",
    terms=("残差网络", "残差连接", "恒等映射", "跳跃连接"),
    sources=[("000", "networks"), ("004", "residual networks")],
    statement="""The derivative of x + F(x) is 1 + F'(x): on the shortcut the gradient reaches the
        first layer undiminished. With 20 or 40 small tanh layers a plain stack hardly learns,
        and the same stack with shortcuts fits its data. ResNet-18, 34 and 50 have 11,689,512,
        21,797,672 and 25,557,032 parameters.""",
    statement_chinese="""x + F(x) 的导数是 1 + F'(x)，梯度沿捷径不衰减地到达首层。
        20 或 40 层小权值 tanh 层直接堆叠几乎学不动，加上捷径就能拟合数据。
        ResNet-18、34、50 的参数量为 11,689,512、21,797,672、25,557,032。""",
    verdict=HOLDS,
    formula="1 + diff(F(x), x)",
    commands=[
        "dlcalc params resnet18",
        "dlcalc grad 'x + tanh(x)'",
        "dlcalc shape 16 'residual[dense:16 tanh]' --verify",
    ],
    trained=True,
)
def resnet_trains_deeper(proof: Proof) -> None:
    block = proof.subject("the residual block", "residual[dense:16 tanh]", "dense:16 tanh")
    narrow = block.replace("16", "3")
    # All weights are 0, so that F' is 0 and only the shortcut's 1 is left.
    through = tuple(passed(f"3 {narrow}", [-1, 0, 2]).tolist())
    proof.equal("the gradient through a block with F' = 0", (1.0, 1.0, 1.0), through)
    for depth in (20, 40):
        plain, short = [], []
        for seed in range(4):
            own = 100 * proof.seed + seed
            plain.append(left("dense:16 tanh", depth, proof.random(seed), own))
            short.append(left(block, depth, proof.random(seed), own))
        proof.at_least(f"loss left of {depth} plain layers", 0.4, mean(plain), values=plain)
        proof.at_most(f"loss left of {depth} residual blocks", 0.1, mean(short), values=short)
    counts = [number(params(f"resnet{depth}").value) for depth in (18, 34, 50)]
    proof.equal("parameters", [11_689_512.0, 21_797_672.0, 25_557_032.0], counts)


@claim(
    "dbn-rbm-pretraining",
    title="A deep belief net is pre-trained layer by layer, as Boltzmann machines",
    chinese="深度信念网络",
    terms=("受限玻尔兹曼机", "RBM", "DBN", "对比散度", "逐层预训练"),
    sources=[("001", "deep belief network")],
    statement="""Each layer is first trained alone, as a restricted Boltzmann machine on what the
        layer below gives; labels come in with the fine-tuning. Contrastive divergence does make
        the data likelier: for nine pixels of bars and stripes the exact log-likelihood rises
        from ln(1/512) towards its bound ln(1/14).""",
    statement_chinese="""先逐层训练：每层作为受限玻尔兹曼机，学习下一层给出的表示；微调时才用标签。
        对比散度确实使数据更可能：九像素的条纹图上，精确对数似然
        从 ln(1/512) 升向上界 ln(1/14)。""",
    verdict=HOLDS,
    formula="dW = <v h>_data - <v h>_reconstruction",
    commands=["dlcalc check dbn-rbm-pretraining --seed 1"],
    trained=True,
)
def dbn_rbm_pretraining(proof: Proof) -> None:
    import numpy as np

    from dlcalc.engine.experiments.boltzmann import Boltzmann, deep_belief

    data = bars_and_stripes()
    rate = proof.subject("the direction of learning", 0.2, -0.2)
    start, gain, off, upper = [], [], [], []
    for seed in range(4):
        machine = Boltzmann(9, 12, proof.random(seed))
        start.append(machine.log_likelihood(data))
        machine.fit(data, 1500, rate=rate, batch=14)
        gain.append(machine.log_likelihood(data) - start[-1])
        off.append(float(np.mean((data - machine.down(machine.up(data))) ** 2)))
        # A second layer on the first: its data are the first one's probabilities.
        codes = machine.up(data)
        (second,) = deep_belief(codes, [6], proof.random(10 + seed), 300, rate=rate)
        upper.append(float(np.mean((codes - second.down(second.up(codes))) ** 2)))
    proof.near("log-likelihood at the start", float(np.log(2.0**-9)), mean(start), 0.5)
    proof.at_least("gain in nats, the worst of 4 seeds", 1.5, min(gain), values=gain)
    most = max(a + b for a, b in zip(start, gain, strict=True))
    proof.at_most("log-likelihood reached, bound ln(1/14)", float(-np.log(14)), most)
    proof.at_most("reconstruction error", 0.1, mean(off), values=off)
    proof.at_most("reconstruction error, second layer on the first", 0.15, mean(upper))


def bars_and_stripes() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The 14 images of 3x3 pixels made of whole rows or of whole columns, each once."""
    import numpy as np

    lines = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(float)
    columns = np.repeat(lines[:, None, :], 3, axis=1)
    both = np.concatenate([columns, columns.transpose(0, 2, 1)])
    found: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = np.unique(both, axis=0)
    return found.reshape(-1, 9)
