"""Dropout: what it does to values and to gradients, and what it costs and brings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import prod, sqrt
from typing import Any

from dlcalc.concepts.claim import CONDITIONS, HOLDS, claim
from dlcalc.concepts.measure import mean, ran, trial
from dlcalc.concepts.proof import INSIDE, OUTSIDE, Proof

#: A net that learns 80 noisy examples by heart, and the same with dropout.
LARGE = "dense:64 relu dense:2"
DROPPED = "dense:64 relu dropout:0.5 dense:2"


def masks(count: int, keep: Fraction) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """Every way to keep (1) or to drop (0) so many units, with its probability."""
    for mask in product((0, 1), repeat=count):
        yield mask, prod([keep if kept else 1 - keep for kept in mask], start=Fraction(1))


def dot(x: Sequence[Any], y: Sequence[Any]) -> Any:
    """The sum of products."""
    return sum(a * b for a, b in zip(x, y, strict=True))


@claim(
    "dropout-inverted-scaling",
    title="Dropout divides what it keeps by the share kept",
    chinese="神经元的值除以保留比率",
    terms=("dropout 缩放", "inverted dropout", "保留比率", "keep_prob", "反向 dropout"),
    sources=[("004", "dropout"), ("004", "CNN overview")],
    statement="""A unit is kept with probability p and then divided by p, so that its mean stays
        what it was; its variance grows by (1 - p)/p times the square of its value. If nothing is
        divided, as in the notes 002 and 003, values are p times as large on average, and the
        weights must be multiplied by p for testing.""",
    statement_chinese="""每个单元以概率 p 保留，保留的值除以 p，于是期望不变，
        方差增加 (1-p)/p 乘以值的平方。若不除以 p（002、003 的写法），
        训练时均值只有 p 倍，测试时权值须乘 p。""",
    verdict=HOLDS,
    formula="p*(x/p) + (1 - p)*0",
    commands=["dlcalc forward 1,2,3,4 dropout:0.2 --training", "dlcalc forward 1,2 dropout:0.2"],
)
def dropout_inverted_scaling(proof: Proof) -> None:
    keep, x = Fraction(4, 5), (3, -1, 2, 5, -7)
    divisor = proof.subject("what the kept are divided by", keep, Fraction(1))
    sums = [(chance, Fraction(dot(mask, x)) / divisor) for mask, chance in masks(5, keep)]
    expected = sum(chance * value for chance, value in sums)
    proof.equal("mean of the sum over all 32 masks, exactly", Fraction(sum(x)), expected)
    variance = sum(chance * value**2 for chance, value in sums) - expected**2
    squares = (1 - keep) / keep * sum(each**2 for each in x)
    proof.equal("its variance, exactly", squares, variance)
    bare = sum(chance * dot(mask, x) for mask, chance in masks(5, keep))
    proof.equal("mean where nothing is divided", keep * sum(x), bare)
    program = trial("5 dropout:0.2 dense:1,bias=no", proof.random(), batch=20_000)
    program.parameters[...] = 1
    program.input.data[...] = x
    drawn = program.forward()
    error = float(drawn.std()) / sqrt(len(drawn))
    proof.near(
        "mean of 20,000 draws of the engine", float(expected), float(drawn.mean()), 5 * error
    )
    spread = float(drawn.var() / float(variance))
    proof.near("their variance over the exact one", 1, spread, 0.08)
    tested = ran("5 dropout:0.2", x).tolist()
    proof.equal("in evaluation the values pass unchanged", [float(v) for v in x], tested)


@claim(
    "dropout-zero-gradients",
    title="A dropped unit keeps its weights and gets no gradient",
    chinese="权重不更新, 保留",
    terms=("dropout 梯度为 0", "被丢弃的神经元", "权重保留"),
    sources=[("002", "dropout"), ("004", "dropout")],
    statement="""The weights into and out of a dropped unit have a gradient of exactly 0, so plain
        gradient descent leaves them as they are for this step. Each example of a batch has a
        mask of its own: a unit dropped for one still learns from the others. Momentum and weight
        decay move weights even where the gradient is 0.""",
    statement_chinese="""被丢弃单元的输入权值和输出权值梯度恰为 0，普通梯度下降在这一步不改动它们。
        同一批里每个样本有各自的掩码，一个样本丢弃的单元仍可从其他样本学习；
        动量与权重衰减则会移动梯度为 0 的权值。""",
    verdict=HOLDS,
    formula="w - lr*0",
    commands=[
        "dlcalc forward 1,2 dense:4 tanh dropout:0.5 dense:1 --training --backward mse --target 1"
    ],
)
def dropout_zero_gradients(proof: Proof) -> None:
    from dlcalc.engine.optimisers.registry import make

    program = trial("4 dense:32 tanh dropout:0.5 dense:3", proof.random(), batch=1)
    momentum = make("momentum", program.parameters)
    program.forward()
    program.backward()
    momentum.step(program.gradient, 0.01)
    program.forward()
    program.backward()
    dropped = program.trail[2][2].data[0] == 0
    chosen = proof.subject("the units that were dropped", dropped, ~dropped)
    tensors = program.tensors
    parts = {
        "into": tensors["dense1.weight"].gradient[chosen],
        "out of": tensors["dense2.weight"].gradient[:, chosen],
        "at the bias of": tensors["dense1.bias"].gradient[chosen],
    }
    for name, found in parts.items():
        proof.equal(f"largest gradient {name} dropped units", 0.0, float(abs(found).max()))
    proof.holds(
        "the units kept all have one", bool(tensors["dense1.bias"].gradient[~dropped].all())
    )
    before = tensors["dense1.weight"].value.copy()
    make("gd", program.parameters).step(program.gradient, 0.01)
    moved = abs(tensors["dense1.weight"].value - before)[dropped]
    proof.equal("their largest move by gradient descent", 0.0, float(moved.max()))
    before = tensors["dense1.weight"].value.copy()
    momentum.step(program.gradient, 0.01)
    moved = abs(tensors["dense1.weight"].value - before)[dropped]
    proof.holds("momentum moves them all the same", bool(moved.max() > 0), float(moved.max()))
    several = trial("4 dense:32 tanh dropout:0.5 dense:3", proof.random(1), batch=16)
    several.forward()
    several.backward()
    some = (several.trail[2][2].data == 0).any(axis=0)
    learns = several.tensors["dense1.bias"].gradient[some].all()
    proof.holds("in a batch of 16 they learn from other examples", bool(learns))


@claim(
    "dropout-enlarges-gradients",
    title="Dropout enlarges the gradients of the kept, not the average",
    chinese="计算出来的梯度也放大了",
    terms=("dropout 梯度放大", "dropout 等价于 L2", "除以保留比率"),
    tier=2,
    sources=[("004", "dropout")],
    statement="""For the same error a unit that is kept has a gradient 1/p times as large. Averaged
        over all masks nothing is enlarged: for a linear unit and half the squared error the mean
        gradient is that without dropout plus w*x**2*(1 - p)/p, which is an L2 penalty.""",
    statement_chinese="""误差相同时，被保留单元的梯度是原来的 1/p 倍。对所有掩码取平均则没有放大：
        线性单元加平方误差（乘 1/2）的平均梯度等于无 dropout 的梯度加 w·x²·(1-p)/p，
        即一个 L2 惩罚项。""",
    verdict=CONDITIONS,
    conditions="""A single mask, and a unit that it keeps. On average over the masks only the
        penalty is added.""",
    formula="(y - t)*x + w*x**2*(1 - p)/p",
    commands=[
        "dlcalc forward 1,2 dropout:0.5 dense:1 --training --backward sum",
        "dlcalc forward 1,2 dropout:0.5 dense:1 --backward sum",
    ],
)
def dropout_enlarges_gradients(proof: Proof) -> None:
    keep, x, w, t = Fraction(3, 4), (1, -2, 3, 4), (2, 1, -1, 3), 5
    one = trial("4 dropout:0.25 dense:1,bias=no", proof.random(1), batch=1)
    one.input.data[...], one.output.cotangent[...] = x, 1
    factors = set()
    for _ in range(40):
        one.forward()
        factors |= {abs(float(v)) for v in one.backward() / x}
    proof.equal(
        "its gradient, without dropout = 1", [0.0, float(1 / keep)], sorted(factors), INSIDE
    )
    program = trial("4 dropout:0.25 dense:1,bias=no", proof.random(), batch=20_000)
    program.parameters[...] = w
    program.input.data[...] = x
    made = program.forward()
    shown = program.trail[0][2].data
    program.output.cotangent[...] = (made - t) / len(made)
    drawn = program.backward().tolist()
    errors = ((made - t) * shown).std(axis=0) / sqrt(len(made))
    ridge = proof.subject("the penalty that is added", (1 - keep) / keep, Fraction(0))
    base = [(dot(w, x) - t) * each for each in x]
    for i in range(4):
        exact = sum(
            chance
            * (dot([m * b for m, b in zip(mask, w, strict=True)], x) / keep - t)
            * mask[i]
            * x[i]
            / keep
            for mask, chance in masks(4, keep)
        )
        closed = base[i] + ridge * w[i] * x[i] ** 2
        proof.equal(f"mean gradient of w{i} over all 16 masks, exactly", closed, exact, OUTSIDE)
        tolerance = 5 * float(errors[i])
        proof.near(f"the same, {len(made)} draws", float(closed), drawn[i], tolerance, OUTSIDE)
        larger = exact == base[i] / keep
        proof.fails(f"it is 1/p times that without dropout, {base[i]}", larger, exact, OUTSIDE)


@claim(
    "dropout-reduces-overfitting",
    title="Dropout makes an over-fitted net less sure of its errors",
    chinese="dropout 减轻过拟合",
    terms=("dropout", "随机失活", "过拟合 dropout", "共适应"),
    sources=[
        ("000", "problems"),
        ("002", "dropout"),
        ("003", "dropout"),
        ("004", "dropout"),
    ],
    statement="""A net of 64 units learns 80 noisy examples by heart; with half of the units
        dropped at each step it does so too, but its test loss is lower. Its accuracy hardly
        changes here. A net too small to over-fit is made worse by dropout.""",
    statement_chinese="""64 个单元的网络能背下全部 80 个带噪样本；每步丢弃一半单元，仍能背下，
        但测试损失（负对数似然）下降，准确率在此几乎不变。
        网络太小、本不过拟合时，加 dropout 反而变差。""",
    verdict=CONDITIONS,
    conditions="""The net over-fits without it, and the loss is judged: on toy data a change of
        accuracy drowns in the noise.""",
    commands=[
        "dlcalc train-toy noisy-labels dense:64 relu dense:64 relu dense:2 --samples 200"
        " --epochs 300 --dropout 0.5",
    ],
    trained=True,
)
def dropout_reduces_overfitting(proof: Proof) -> None:
    from dlcalc.engine.experiments.trials import trials

    rate = proof.subject("the rate", "0.5", "0")
    net = f"dense:64 relu dropout:{rate} dense:2"
    known, lower, better = [], [], []
    for each in trials(proof.seed, 24, 80):
        plain, dropped = each.fit(LARGE, 250), each.fit(net, 250)
        known.append(dropped.accuracy(each.inputs, each.targets))
        lower.append(each.loss(dropped) - each.loss(plain))
        better.append(each.accuracy(dropped) - each.accuracy(plain))
    proof.at_most("test loss with dropout less without", -0.12, mean(lower), INSIDE, lower)
    learnt = mean(known)
    proof.at_least("accuracy with dropout on the training data", 0.95, learnt, INSIDE, known)
    gain = mean(better)
    proof.fails("test accuracy gains 0.04", gain >= 0.04, gain, OUTSIDE)
    small = []
    for each in trials(proof.seed, 6, 2000):
        pair = [each.fit(f"dense:4 relu{d} dense:2", 250, batch=100) for d in ("", " dropout:0.5")]
        small.append(each.loss(pair[1]) - each.loss(pair[0]))
    proof.at_least("the same, 4 units and 2000 examples", 0.05, mean(small), OUTSIDE, small)


@claim(
    "dropout-slows-training",
    title="Dropout needs more steps",
    chinese="延长训练时间",
    terms=("dropout 训练时间", "训练轮数", "收敛变慢"),
    sources=[("004", "dropout")],
    statement="""With dropout every step trains only a part of the net, along a noisier gradient. To
        bring the loss on the two arms of a spiral down to 0.3, a net takes about 50 steps without
        it, 70 at rate 0.3 and 100 at rate 0.5.""",
    statement_chinese="""用 dropout 时每步只训练网络的一部分，梯度噪声也更大，因此步数更多：
        双螺旋数据上训练损失降到 0.3，不用时约 50 步，比率 0.3 时约 70 步，0.5 时约 100 步。""",
    verdict=HOLDS,
    commands=["dlcalc train-toy spirals --dropout 0.5", "dlcalc train-toy spirals"],
    trained=True,
)
def dropout_slows_training(proof: Proof) -> None:
    from dlcalc.engine.experiments.data import spiral
    from dlcalc.engine.experiments.trials import trials

    rates = {"0.3": 1.15, proof.subject("the larger rate", "0.5", "0"): 1.5}
    found: dict[str, list[float]] = {rate: [] for rate in rates}
    for each in trials(proof.seed, 8, 200, draw=spiral, test=spiral, tests=2):

        def steps(rate: str) -> int:
            layer = f"dense:64 relu dropout:{rate} "
            learner = each.learner(2 * layer + "dense:2", rate=0.005)  # noqa: B023
            for step in range(4, 400, 4):
                if learner.fit(4).loss(learner.inputs, learner.targets) < 0.3:
                    return step
            return 400

        plain = steps("0")
        for rate in rates:
            found[rate].append(steps(rate) / plain)
    for rate, least in rates.items():
        ratios = found[rate]
        proof.at_least(f"steps at rate {rate}, without = 1", least, mean(ratios), values=ratios)


@claim(
    "dropout-off-at-test",
    title="Dropout is switched off for testing",
    chinese="测试时关闭 dropout",
    terms=("dropout 测试", "推理阶段 dropout", "MC dropout", "model.eval"),
    sources=[("004", "dropout")],
    statement="""In use all units take part. Left on, dropout costs accuracy, here from 82 % down to
        77 %. The mean over many masks is as good as switching it off, and some do that on
        purpose (Monte Carlo dropout): only a single mask is too noisy.""",
    statement_chinese="""测试和使用时所有单元都参与。若不关闭，准确率会下降，此处约从 82% 降到 77%。
        对许多次掩码取平均与关闭效果相当（即 MC dropout），只用一次掩码则噪声太大。""",
    verdict=HOLDS,
    commands=[
        "dlcalc forward 1,2,3,4 dropout:0.5",
        "dlcalc forward 1,2,3,4 dropout:0.5 --training",
    ],
    trained=True,
)
def dropout_off_at_test(proof: Proof) -> None:
    import numpy

    from dlcalc.engine.experiments.trials import trials

    on = proof.subject("dropout while testing", True, False)
    losses, averages = [], []
    for each in trials(proof.seed, 10, 400, tests=500):
        learner = each.fit(DROPPED, 200)
        drawn = numpy.array([learner.outputs(each.test_inputs, training=on) for _ in range(30)])
        right = drawn.argmax(-1) == each.test_targets
        odds = 1 / (1 + numpy.exp(drawn[..., 0] - drawn[..., 1]))
        average = ((odds.mean(0) > 0.5) == each.test_targets).mean()
        off = each.accuracy(learner)
        losses.append(off - float(right.mean()))
        averages.append(off - float(average))
    proof.at_least("accuracy off less on", 0.025, mean(losses), values=losses)
    proof.near("accuracy off less that of 30 masks' mean", 0, mean(averages), 0.015)


@claim(
    "dropout-model-average",
    title="Switching dropout off averages all its nets in one pass",
    chinese="多个模型的平均",
    terms=("多个网络组合", "dropout 集成", "模型平均", "几何平均"),
    sources=[("002", "dropout"), ("003", "dropout")],
    statement="""Each mask is a net of its own, and 6 inputs have 64. Testing with all units gives
        exactly the normalised geometric mean of what the 64 say, if a single softmax layer
        follows. It is not their arithmetic mean; behind hidden layers that bend it is near, not
        equal.""",
    statement_chinese="""每个掩码就是一个网络，6 个输入有 64 个。若后面只有一层 softmax，
        用全部单元测试恰好等于这 64 个网络输出的归一化几何平均；
        它不是算术平均，隔着非线性隐层时也只是近似。""",
    verdict=CONDITIONS,
    conditions="""A single softmax layer behind the dropout, and the geometric mean.""",
    formula="softmax(log(p1)/2 + log(p2)/2)",
    commands=[
        "dlcalc forward 1,2,3 dropout:0.5 dense:2 softmax --training",
        "dlcalc forward 1,2,3 dropout:0.5 dense:2 softmax",
    ],
)
def dropout_model_average(proof: Proof) -> None:
    geometric, arithmetic = averaging_gaps(proof, "6 dense:3 softmax")
    logs = proof.subject("the mean is that of the logarithms", geometric, arithmetic)
    proof.at_most("geometric mean of 64 nets less one pass", 1e-12, max(logs), INSIDE)
    gap = mean(arithmetic)
    proof.fails("the arithmetic mean is the same", gap < 0.01, gap, OUTSIDE)
    gap = mean(averaging_gaps(proof, "6 dense:8 relu dense:3 softmax")[0])
    proof.fails("the geometric mean is, with a hidden layer", gap < 0.005, gap, OUTSIDE)


def averaging_gaps(proof: Proof, line: str) -> tuple[list[float], list[float]]:
    """How far all units are from the geometric and from the arithmetic mean over all masks.

    The largest difference of a probability, for 60 nets of random weights; every other one
    keeps 4 of 5 units in place of half of them.
    """
    import numpy

    random = proof.random()
    every, one = trial(line, random, batch=64), trial(line, random, batch=1)
    gaps: tuple[list[float], list[float]] = ([], [])
    for number in range(60):
        keep = Fraction(1, 2) if number % 2 else Fraction(4, 5)
        found = list(masks(6, keep))
        chances = numpy.array([float(chance) for _, chance in found])
        every.parameters[...] = one.parameters[...] = random.normal(size=one.parameters.size)
        one.input.data[...] = random.normal(size=6)
        every.input.data[...] = one.input.data * [mask for mask, _ in found] / float(keep)
        whole, parts = one.forward()[0], every.forward()
        powers = numpy.exp(chances @ numpy.log(parts))
        for kept, mixed in zip(gaps, (powers / powers.sum(), chances @ parts), strict=True):
            kept.append(float(abs(mixed - whole).max()))
    return gaps
