"""Gradients that explode: where it comes from, how it ends, and what bounds it."""

from __future__ import annotations

from math import hypot, inf, isinf, isnan
from typing import Any

from dlcalc.answers.activation import activation
from dlcalc.answers.norm import norm
from dlcalc.answers.step import step
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import number
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof
from dlcalc.concepts.themes.vanishing import DEPTH, chain, gradients, mean, ratios, stack

#: The activations that the notes name.
NAMED = ("sigmoid", "tanh", "relu", "leaky_relu", "elu")


@claim(
    "explosion-derivative-above-one",
    title="Gradients explode through large weights, not through steep activations",
    chinese="激活函数导数绝对值大于 1 则梯度爆炸",
    terms=("梯度爆炸的原因", "exploding gradient", "导数大于 1", "导数绝对值大于 1"),
    tier=2,
    sources=[("001", "back-propagation")],
    statement="""Printed: gradients explode where the slope of the activation is above 1. No
        activation in the notes has such a slope: at most 1/4 for the sigmoid, and 1 for tanh,
        ReLU and its kin. What multiplies up is the weights: with three times the usual ones 20
        tanh layers grow a gradient hundreds of times over.""",
    statement_chinese="""原文说激活函数导数大于 1 则梯度爆炸。但文中的激活函数没有一个导数超过 1：
        sigmoid 至多 1/4，tanh、ReLU 及其变体至多 1。真正连乘放大的是权值：
        权值为通常的 3 倍时，20 层 tanh 会把梯度放大数百倍。""",
    verdict=ERRATUM,
    formula="(weight*slope)**layers",
    commands=[
        "dlcalc activation tanh --of largest --expect 1",
        "dlcalc activation --compare sigmoid,tanh,relu,elu",
    ],
)
def explosion_derivative_above_one(proof: Proof) -> None:
    named = proof.subject("the activations", NAMED, ("tanh", "selu"))
    for name in named:
        largest = number(activation(name, of="largest").value)
        proof.fails(f"the slope of {name} is somewhere above 1", largest > 1 + 1e-12, largest)
    for weight in (1.0, 1.5):
        grown = chain("relu", weight, 0.0, 1.0)
        told = f"what 20 ReLU units of weight {weight:g} pass back, over w**20"
        proof.near(told, 1, grown / weight**DEPTH, 1e-9, RIGHT)
    # SiLU is steeper than 1 in places; here each of its 20 units has slope 1/2.
    steep = number(activation("silu", of="largest").value)
    proof.at_least("the largest slope of SiLU", 1.05, steep, RIGHT)
    small = chain("silu", 0.5, 0.0, 0.0)
    proof.near(
        "what 20 of weight 0.5 pass back at 0, over 0.25**20", 1, small / 0.25**20, 1e-9, RIGHT
    )
    found = ratios(proof, "tanh", scale=3.0)
    proof.at_least("|g_1|/|g_20|, tanh, three times the weights", 50, mean(found), RIGHT, found)


def doublings(factor: float, name: str) -> int:
    """How many times 1 is multiplied until a type of NumPy's overflows."""
    import numpy as np

    kind = np.dtype(name).type
    value, times = kind(1), 0
    with np.errstate(over="ignore"):
        while np.isfinite(value):
            value, times = value * kind(factor), times + 1
    return times


@claim(
    "exploding-overflow-nan",
    title="A gradient that grows at each layer overflows, and then makes NaN",
    chinese="梯度爆炸导致溢出, NaN",
    terms=("梯度爆炸 NaN", "数值溢出", "loss 变成 nan"),
    sources=[("004", "training tips")],
    statement="""Factors above 1 multiply up: 128 doublings are past the largest float32, as in 128
        layers of weight 2. Overflow makes infinity; NaN comes from the next step, inf - inf or
        0*inf. Descent on w**2 at rate 3 multiplies by -5, overflows after 441 steps, and one
        step later is NaN.""",
    statement_chinese="""大于 1 的因子连乘：float32 翻倍 128 次就溢出，例如 128 层权值为 2 的网络。
        溢出得到的是 inf，下一步的 inf - inf 或 0·inf 才产生 NaN。
        对 w² 以学习率 3 下降，每步乘 -5，441 步后溢出，再走一步就是 NaN。""",
    verdict=HOLDS,
    formula="2**128",
    commands=["dlcalc step --function 'x^2' --start 1 --lr 3 --steps 500"],
)
def exploding_overflow_nan(proof: Proof) -> None:
    import numpy as np

    from dlcalc.engine.experiments.learner import read
    from dlcalc.engine.program import Program

    kind = proof.subject("the type", "float32", "float64")
    for factor, times in ((2.0, 128), (1.5, 219)):
        proof.equal(
            f"factors of {factor:g} until float32 overflows", times, doublings(factor, kind)
        )
    for layers, finite in ((127, True), (128, False)):
        program = Program(read(f"{layers}*[dense:1 relu]"), (1,), dtype=kind)
        for name, tensor in program.tensors.items():
            tensor.value[...] = 2 if name.endswith("weight") else 0
        program.input.data[...] = program.output.cotangent[...] = 1
        with np.errstate(over="ignore", invalid="ignore"):
            program.forward()
            program.backward()
        back = float(program.input.cotangent[0, 0])
        proof.equal(f"{layers} layers of weight 2 pass back", 2.0**layers if finite else inf, back)
    proof.holds("inf - inf and 0*inf are NaN", isnan(inf - inf) and isnan(0 * inf))
    w, steps = 1.0, 0
    while not isinf(w):
        w, steps = w - 3 * (2 * w), steps + 1
    proof.equal("steps at rate 3 on w**2 until infinity", 441, steps)
    proof.holds("the step after it gives NaN", isnan(w - 3 * (2 * w)))
    found: Any = step(weights=[1.0], grad=[2.0], lr=3).value
    proof.equal("dlcalc's first step, a factor of -5", -5.0, found[0])


def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The cosine of the angle between two vectors."""
    inner = sum(x * y for x, y in zip(a, b, strict=True))
    return inner / hypot(*a) / hypot(*b)


def clipped(gradient: tuple[float, ...], **how: Any) -> tuple[float, ...]:
    """A gradient as dlcalc step clips it: the step of rate 1 from 0, turned round."""
    found: Any = step(weights=[0.0] * len(gradient), grad=list(gradient), lr=1, **how).value
    return tuple(-each for each in found)


@claim(
    "gradient-clipping",
    title="Clipping bounds a gradient: by norm it keeps its direction",
    chinese="梯度裁剪 / 梯度截断",
    terms=("gradient clipping", "梯度剪切", "clip norm"),
    sources=[("000", "vanishing gradient"), ("004", "training tips")],
    statement="""A gradient above a threshold is forced back. By norm (30, 40) with threshold 5
        becomes (3, 4): shorter, same direction. Entry by entry it becomes (5, 5), which points
        elsewhere; (3, 400) is turned by 31 degrees. No clipping enlarges a gradient that has
        vanished.""",
    statement_chinese="""梯度超过阈值就压回范围内。阈值 5 时，按范数 (30, 40) 变为 (3, 4)，
        方向不变；
        逐元素则变为 (5, 5)，方向变了，(3, 400) 会偏转 31 度。
        裁剪不会放大已经消失的梯度。""",
    verdict=CONDITIONS,
    conditions="""The gradient is too large, and is scaled by its norm. Clipped entry by entry it
        changes direction, and one that is too small stays so.""",
    formula="g*min(1, bound/norm)",
    commands=[
        "dlcalc step --weights 0,0 --grad 30,40 --lr 1 --clip-norm 5",
        "dlcalc step --weights 0,0 --grad 3,400 --lr 1 --clip-value 5",
    ],
)
def gradient_clipping(proof: Proof) -> None:
    import numpy as np

    from dlcalc.engine.clipping import clip_by_norm, norm_of

    how = proof.subject("the way that keeps the direction", "clip_norm", "clip_value")
    cases = ((30.0, 40.0), (3.0, 400.0))
    for given in cases:
        wanted = [5 * each / hypot(*given) for each in given]
        found = clipped(given, **{how: 5.0})
        off = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
        proof.near(f"{given} by its norm, off", 0, off, 1e-9, INSIDE)
        proof.near("its new norm", 5, hypot(*found), 1e-9, INSIDE)
        proof.near("cosine to what it was", 1, cosine(given, found), 1e-12, INSIDE)
    for size in (0.1, 1.0):
        proof.equal(f"{size} with threshold 5", (size,), clipped((size,), clip_norm=5.0), INSIDE)
    deep = stack("tanh").run(proof.random(), scale=3.0)
    gradient = deep.program.gradient.copy()
    before = gradient.copy()
    proof.at_least("norm of an exploded gradient", 1000, clip_by_norm(gradient, 1.0), INSIDE)
    proof.near("and clipped", 1, norm_of(gradient), 1e-9, INSIDE)
    apart = float(np.abs(gradient * norm_of(before) / before - 1).max())
    proof.near("its entries, in proportion as before, off", 0, apart, 1e-9, INSIDE)
    for given in cases:
        entries = clipped(given, clip_value=5.0)
        exact = cosine(given, tuple(min(each, 5.0) for each in given))
        proof.near(f"{given} by entries, cosine", exact, cosine(given, entries), 1e-12, OUTSIDE)
        proof.fails("it keeps its direction", exact > 0.995, exact, OUTSIDE)
    faint = stack("sigmoid").run(proof.random()).gradients()[0]
    after = clipped((float(faint),), clip_norm=1.0)[0]
    proof.fails("clipping brings back |g_1| of a sigmoid net", after > 1e-6, after, OUTSIDE)


@claim(
    "explosion-remedies-l2-bn",
    title="Batch normalisation stops an explosion at once, L2 slowly",
    chinese="正则化, 批标准化解决梯度爆炸",
    terms=("梯度爆炸的解决", "权重衰减 梯度爆炸"),
    tier=2,
    sources=[("004", "training tips")],
    statement="""Batch normalisation takes any scale out of the weights, so that three times He's do
        not explode a ReLU net as they do without it. It costs: at the usual scale it makes the
        first gradient many times larger. L2 shrinks a weight of 1.2 by a hundredth at a step,
        and needs 19 until it is below 1.""",
    statement_chinese="""批归一化消去权值的尺度，故三倍于 He 的权值不会使 ReLU 网络梯度爆炸。
        代价是：尺度正常时它反而把首层梯度放大许多倍。L2 见效慢：每步把 1.2 的权值缩小百分之一，
        19 步后才小于 1。""",
    verdict=CONDITIONS,
    conditions="""L2 has had time to shrink the weights; at the start they explode as before. Batch
        normalisation removes the dependence on scale, not all growth.""",
    formula="ceil(log(1/1.2)/log(0.99))",
    commands=[
        "dlcalc step --weights 1.2 --grad 0 --lr 0.1 --l2 0.1 --steps 19",
        "dlcalc norm batch 1,2,4",
        "dlcalc norm batch 3,6,12",
    ],
)
def explosion_remedies_l2_bn(proof: Proof) -> None:
    normed = proof.subject("what is in front of ReLU", "bn relu", "relu")
    x = [float(v) for v in proof.random(99).normal(size=16)]
    once: Any = norm("batch", x, eps=0).value
    thrice: Any = norm("batch", [3 * v for v in x], eps=0).value
    off = max(abs(a - b) for a, b in zip(once, thrice, strict=True))
    proof.near("3*x and x normalised, apart", 0, off, 1e-9, INSIDE)
    first = {
        (block, scale): [
            norms[0] for norms in gradients(proof, stack(block), how="he_normal", scale=scale)
        ]
        for block, scale in (("relu", 1.0), ("relu", 3.0), (normed, 1.0), (normed, 3.0))
    }
    plain = [b / a for a, b in zip(first["relu", 1.0], first["relu", 3.0], strict=True)]
    # Without biases each of the 19 other layers multiplies by 3.
    proof.near(
        "|g_1|, plain, three times the weights, over 3**19", 1, mean(plain) / 3**19, 1e-6, INSIDE
    )
    kept = [b / a for a, b in zip(first[normed, 1.0], first[normed, 3.0], strict=True)]
    proof.at_most(
        "|g_1|, normalised, three times the weights over once", 1, mean(kept), INSIDE, kept
    )
    weights = [1.2]
    for _ in range(19):
        weights.append(step(weights=[weights[-1]], grad=[0.0], lr=0.1, l2=0.1).value[0])  # type: ignore[index]
    shrinks = [w > 1 for w in weights]
    proof.equal("steps of L2 until 1.2 is below 1", 19, shrinks.index(False), INSIDE)
    left = chain("relu", weights[-1], 0.0, 1.0)
    proof.at_most("what 20 layers of that weight make of a gradient", 1, left, INSIDE)
    costs = [b / a for a, b in zip(first["relu", 1.0], first[normed, 1.0], strict=True)]
    proof.fails("normalised |g_1| stays about what it was", mean(costs) < 5, mean(costs), OUTSIDE)
    early = chain("relu", weights[1], 0.0, 1.0)
    proof.fails("after one step of L2 it no longer grows", early < 1, early, OUTSIDE)
