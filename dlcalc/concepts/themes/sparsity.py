"""Silent units: how many ReLU leaves, what training makes of them, what they are good for."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from dlcalc.concepts.claim import CONDITIONS, ERRATUM, claim
from dlcalc.concepts.measure import trial
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.experiments.learner import Learner

SEEDS = 10


def mean(values: list[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def silent(learner: Learner) -> float:
    """The share of outputs of ReLU that are 0 on the data that it learns."""
    program = learner.program
    program.input.data[...] = learner.inputs
    program.forward()
    found = [float((v.data == 0).mean()) for name, _, v in program.trail if name.startswith("relu")]
    return mean(found)


@claim(
    "relu-sparsity",
    title="ReLU silences half of the units; whether training adds to them depends",
    chinese="神经元稀疏性",
    terms=("relu 稀疏性", "稀疏激活", "激活值为 0"),
    sources=[("004", "ReLU")],
    statement="""With symmetric weights and no bias a ReLU puts out 0 on half of all inputs, and
        with a bias b on a share of Phi(-b/deviation). In training the share may grow or shrink:
        it grows with a large rate on a spiral, and falls where L2 shrinks the weights.""",
    statement_chinese="""权值对称、无偏置时，ReLU 对一半输入输出 0；偏置为 b 时比例为 Φ(-b/σ)。
        训练中这一比例可增可减：大学习率学螺旋数据时上升，用 L2 缩小权值时下降。""",
    verdict=CONDITIONS,
    conditions="""About half at the start, with biases of 0. That training adds to it holds for some
        data and rates only, and with weight decay it turns round.""",
    formula="NormalDist().cdf(-b/deviation)",
    commands=["dlcalc activation relu --at -2,-1,0,1,2"],
    trained=True,
)
def relu_sparsity(proof: Proof) -> None:
    from dlcalc.engine.experiments.data import noisy_task, spiral
    from dlcalc.engine.experiments.learner import Learner

    name = proof.subject("the activation", "relu", "softplus")
    for bias in (0.0, 1.0, -1.0):
        program = trial(f"100 dense:200 {name}", proof.random(99), batch=200)
        program.tensors["dense1.weight"].value[...] /= 10
        program.tensors["dense1.bias"].value[...] = bias
        share = float((program.forward() == 0).mean())
        part = INSIDE if bias == 0 else OUTSIDE
        proof.near(f"share of zeros, bias {bias:g}", NormalDist().cdf(-bias), share, 0.03, part)
    net = f"dense:32 {name} dense:32 {name} dense:2"
    rising: Any = (INSIDE, spiral, {"rate": 0.05})
    falling: Any = (OUTSIDE, noisy_task, {"l2": 0.01})
    for part, data, settings in (rising, falling):
        grown, start = [], []
        for seed in range(SEEDS):
            x, y = data(proof.random(seed))
            own = 100 * proof.seed + seed
            learner = Learner(net, x, y, loss="cross_entropy", seed=own, **settings)
            start.append(silent(learner))
            grown.append(silent(learner.fit(150)) - start[-1])
        if part == INSIDE:
            proof.near("share of zeros at the start", 0.5, mean(start), 0.05, part)
            proof.at_least("what training adds, rate 0.05", 0.05, mean(grown), part, grown)
        else:
            proof.at_most("what training adds, with L2", -0.05, mean(grown), part, grown)


@claim(
    "sparsity-improves-generalisation",
    title="Fewer active units do not generalise better by themselves",
    chinese="稀疏性越大泛化能力越强",
    terms=("稀疏 泛化", "激活神经元越少"),
    tier=2,
    sources=[("004", "ReLU")],
    statement="""Printed: for the same effect, the fewer neurons are active, the better the
        generalisation. Contradicted in this setting: nets that fit equally well, with a sixth or
        four fifths of their units silent, are equally right on fresh data; with almost all silent
        they fit badly and are right less often.""",
    statement_chinese="""原文说效果相同时，激活的神经元越少，泛化能力越强。在此设定下并非如此：
        拟合同样好的网络，静默单元占六分之一或五分之四，在新数据上一样准；
        几乎全部静默时则拟合变差，准确率也更低。""",
    verdict=ERRATUM,
    formula="mean(relu(z) == 0)",
    commands=["dlcalc train-toy noisy-labels dense:24 relu dense:2"],
    trained=True,
)
def sparsity_improves_generalisation(proof: Proof) -> None:
    from dlcalc.engine.experiments.data import noisy_task
    from dlcalc.engine.experiments.learner import Learner

    # The bias at the start steers how many units are silent.
    dense, sparse, few = proof.subject("the biases", (2.0, -2.0, -4.0), (-4.0, 2.0, 2.0))
    shares: dict[float, list[float]] = {bias: [] for bias in (dense, sparse, few)}
    right: dict[float, list[float]] = {bias: [] for bias in (dense, sparse, few)}
    fitted: dict[float, list[float]] = {bias: [] for bias in (dense, sparse, few)}
    for seed in range(16):
        random = proof.random(seed)
        x, y = noisy_task(random)
        fresh = noisy_task(random, 1000, flipped=0)
        for bias in shares:
            own = 100 * proof.seed + seed
            learner = Learner("dense:24 relu dense:2", x, y, loss="cross_entropy", seed=own)
            learner.weight("dense1.bias")[...] = bias
            learner.fit(200)
            shares[bias].append(silent(learner))
            fitted[bias].append(learner.accuracy(x, y))
            right[bias].append(learner.accuracy(*fresh))
    gain = [b - a for a, b in zip(right[dense], right[sparse], strict=True)]
    told = "of equal fit, the sparser is right more often by 0.03 and more"
    proof.fails(told, mean(gain) > 0.03, mean(gain))
    told = "share of silent units, bias {:g} at the start"
    proof.at_most(told.format(dense), 0.3, mean(shares[dense]), RIGHT, shares[dense])
    proof.at_least(told.format(sparse), 0.7, mean(shares[sparse]), RIGHT, shares[sparse])
    proof.at_least(told.format(few), 0.95, mean(shares[few]), RIGHT, shares[few])
    for bias in (dense, sparse):
        told = f"accuracy on the examples learnt, bias {bias:g}"
        proof.at_least(told, 0.93, mean(fitted[bias]), RIGHT, fitted[bias])
    loss = [b - a for a, b in zip(right[dense], right[few], strict=True)]
    told = "accuracy with almost all silent, less that of the dense"
    proof.at_most(told, -0.03, mean(loss), RIGHT, loss)
