"""Gradient descent: steps against the gradient, rates, convexity, several minima."""

from __future__ import annotations

import math
from itertools import pairwise

from dlcalc.answers.descent_result import DescentResult
from dlcalc.answers.step import step
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof


def descended(
    function: str, start: list[float], rate: float, steps: int, tolerance: float = 1e-6
) -> DescentResult:
    """The path of ``dlcalc step`` down a function."""
    found = step(function=function, start=start, lr=rate, steps=steps, tolerance=tolerance)
    assert isinstance(found, DescentResult)
    return found


def ended(function: str, start: list[float], rate: float, steps: int) -> tuple[float, ...]:
    """Where it ends."""
    return tuple(descended(function, start, rate, steps).walk.visits[-1].at)


def falls(values: list[float]) -> bool:
    """Whether each value is below the one before it."""
    return all(after < before for before, after in pairwise(values))


@claim(
    "first-order-taylor",
    title="The first-order expansion errs by the square of the step",
    chinese="泰勒展开",
    terms=("一阶泰勒", "一阶近似"),
    sources=[("001", "gradient descent")],
    tier=2,
    statement="""f(x + d) is f(x) + d.grad f(x) but for an error of the order |d|**2: a step ten
        times shorter has a hundredth of the error. Gradient descent trusts it, and so needs
        small steps.""",
    statement_chinese="""f(x+d)≈f(x)+d·∇f(x)，误差为 |d|² 阶：
        步长缩小到十分之一，误差缩小到百分之一。梯度下降依赖这一近似，所以步长要小。""",
    verdict=HOLDS,
    formula="sin(x)*exp(y) + h*(cos(x)*exp(y) + sin(x)*exp(y))",
    commands=["dlcalc grad 'sin(x)*exp(y)' --wrt x,y --at x=1,y=0.5"],
)
def first_order_taylor(proof: Proof) -> None:
    from dlcalc.expr.parse import parse
    from dlcalc.formulas.dual import Function

    function = Function(parse("sin(x)*exp(y)"), ["x", "y"])
    x, y = 1.0, 0.5
    _, gradient = function.gradient([x, y])
    proof.near("df/dx by differences", _central(x, y, 1, 0), gradient[0], 1e-8)
    proof.near("df/dy by differences", _central(x, y, 0, 1), gradient[1], 1e-8)
    terms = proof.subject("the terms of the gradient", 2, 1)
    errors = []
    for h in (0.1, 0.01, 0.001):
        line = math.sin(x) * math.exp(y) + h * sum(gradient[:terms])
        errors.append(math.sin(x + h) * math.exp(y + h) - line)
    for (long, short), h in zip(pairwise(errors), (0.1, 0.01), strict=True):
        proof.near(f"error at {h:g} over that at {h / 10:g}", 100, long / short, 5)
    # Half the second derivative along (1, 1): (-sin + 2*cos + sin)*exp(y)/2.
    second = math.cos(x) * math.exp(y)
    proof.near("error/h**2 at 0.001", second, errors[-1] / 1e-6, 0.01)


def _central(x: float, y: float, along: float, across: float, h: float = 1e-5) -> float:
    high = math.sin(x + h * along) * math.exp(y + h * across)
    low = math.sin(x - h * along) * math.exp(y - h * across)
    return (high - low) / (2 * h)


@claim(
    "negative-gradient-decreases",
    title="A small enough step against the gradient goes down",
    chinese="沿负梯度方向",
    terms=("负梯度", "下降方向", "2/L"),
    sources=[("001", "gradient descent"), ("003", "gradient descent")],
    statement="""A step of -s*grad f lowers f if s is small enough: to first order by
        s*|grad f|**2. With curvature L it does so just for s < 2/L; at 2/L the value stays, and
        beyond it grows.""",
    statement_chinese="""沿 -s∇f 走一小步会使 f 减小，一阶减少量为 s|∇f|²。
        曲率为 L 时当且仅当 s<2/L；s=2/L 时不变，更大则增大。""",
    verdict=CONDITIONS,
    conditions="f is differentiable, its gradient is not 0, and s < 2/L for the curvature L.",
    formula="(1 - s*L)**2*L*x**2/2",
    commands=[
        "dlcalc step --function 'x^2/2' --start 1 --lr 1.99 --steps 5",
        "dlcalc step --function 'x^2/2' --start 1 --lr 2.01 --steps 5",
    ],
)
def negative_gradient_decreases(proof: Proof) -> None:
    for curvature in (1.0, 4.0):
        for share in (0.01, 1.0, 1.99):
            values = _values(curvature, share / curvature)
            proof.holds(
                f"f falls, L = {curvature:g}, s = {share}/L", values[1] < values[0], part=INSIDE
            )
            exact = (1 - share) ** 2 * values[0]
            proof.near("to (1 - s*L)**2*f", exact, values[1], 1e-12, INSIDE)
    large = proof.subject("a rate above 2/L", 2.01, 1.99)
    for share in (2.0, large):
        values = _values(1.0, share)
        proof.fails(f"f falls at s = {share}/L", falls(values), values[-1], OUTSIDE)
    flat = descended("x^2/2", [0.0], 0.1, 3).walk.values
    proof.fails("f falls where the gradient is 0", falls(flat), flat[-1], OUTSIDE)


def _values(curvature: float, rate: float, steps: int = 5) -> list[float]:
    return descended(f"{curvature}*x^2/2", [1.0], rate, steps).walk.values


@claim(
    "monotone-descent-implies-minimum",
    title="Falling values need not end at a minimum",
    chinese="不断下降即收敛到局部极小点",
    terms=("收敛", "充分下降", "Armijo", "局部极小"),
    sources=[("001", "gradient descent")],
    statement="""Printed: a sequence of falling values f(x) converges to a local minimum. Falling is
        not enough: x = 1 + 1/t lowers x**2 for ever and ends at 1, where the slope is 2. The
        fall must be sufficient, as with a fixed rate below 2/L; then the gradient goes to 0.""",
    statement_chinese="""原文说函数值不断下降就收敛到局部极小点。下降还不够：
        x=1+1/t 使 x² 一直下降，却停在斜率为 2 的 1 处。
        须有充分下降（如固定步长小于 2/L），梯度才趋于 0。""",
    verdict=ERRATUM,
    formula="(1 + 1/t)**2",
    commands=["dlcalc step --function 'x^2' --start 2 --lr 0.1 --steps 100"],
)
def monotone_descent_implies_minimum(proof: Proof) -> None:
    from dlcalc.expr.parse import parse
    from dlcalc.formulas.dual import Function

    function = Function(parse("x^2"), ["x"])
    limit = proof.subject("where the sequence leads", 1.0, 0.0)
    points = [limit + 1 / t for t in range(1, 2001)]
    proof.holds("its values fall", falls([x * x for x in points]), part=RIGHT)
    _, (slope,) = function.gradient([points[-1]])
    proof.fails("its slope goes to 0", abs(slope) < 0.1, slope, PRINTED)
    shrinking = 2.0
    for t in range(60):
        shrinking -= 0.25 * 0.5**t * function.gradient([shrinking])[1][0]
    _, (slope,) = function.gradient([shrinking])
    proof.fails("steps that shrink too soon end at slope 0", abs(slope) < 0.1, slope, PRINTED)
    (end,) = ended("x^2", [2.0], 0.1, 200)
    proof.near("the slope after 200 steps of rate 0.1", 0, 2 * end, 1e-9, RIGHT)
    proof.near("by 2*0.8**200", 2 * 0.8**200, end, 1e-15, RIGHT)


@claim(
    "convex-local-is-global",
    title="Convex: every way down ends at the same lowest value",
    chinese="凸函数",
    terms=("凸优化", "全局最优", "条件数", "全局最小"),
    sources=[("001", "gradient descent")],
    statement="""For a convex objective a local minimum is the global one, and descent with a rate
        below 2/L finds it from everywhere; a function that is not convex has starts that end
        higher. How quickly depends on the condition number: a hundred times more of it takes
        about a hundred times more steps.""",
    statement_chinese="""凸目标的局部极小就是全局最小，步长小于 2/L 时从任何起点都能到达；
        非凸函数则有起点停在更高处。快慢取决于条件数：大一百倍，步数也约多一百倍。""",
    verdict=CONDITIONS,
    conditions="""f is convex and the rate is below 2/L. It is quick only where the condition
        number is small.""",
    formula="log(1e-6)/log(1 - 1/kappa)",
    commands=["dlcalc step --function 'x^2/2 + 10*y^2/2' --start 3,1 --lr 0.1 --steps 200"],
)
def convex_local_is_global(proof: Proof) -> None:
    convex = proof.subject("a convex function", "x^2/2 + 10*y^2/2", "x^4/4 - x^2/2 + x/5 + y^2")
    starts = proof.random().uniform(-2, 2, size=(8, 2)).tolist()
    ends = [ended(convex, start, 0.1, 200) for start in starts]
    far = max(math.dist(end, ends[0]) for end in ends)
    proof.at_most("the ends of 8 descents are apart", 1e-6, far, INSIDE)
    counts = []
    for kappa in (10, 100):
        found = descended(f"x^2/2 + {kappa}*y^2/2", [1.0, 0.0], 1 / kappa, 1500).walk.arrived
        counts.append(found or 0)
        exact = math.ceil(math.log(1e-6) / math.log(1 - 1 / kappa))
        proof.near(f"steps at condition number {kappa}", exact, counts[-1], 20, OUTSIDE)
    proof.fails("a worse condition is as quick", counts[1] < 2 * counts[0], tuple(counts), OUTSIDE)
    wells = [ended("x^4/4 - x^2/2 + x/5", [x], 0.1, 300)[0] for x in (-2.0, 2.0)]
    proof.fails("two wells have one end", abs(wells[0] - wells[1]) < 0.1, tuple(wells), OUTSIDE)


@claim(
    "local-minima-multistart",
    title="Several minima: start from several points",
    chinese="多个随机起点",
    terms=("局部最优", "随机重启", "多起点", "局部最小"),
    sources=[("001", "gradient descent")],
    statement="""With several local minima descent ends in the one whose basin it starts in, so
        one starts from several random points and keeps the best: with a chance p for one
        start, k starts find the lowest with 1 - (1 - p)**k.""",
    statement_chinese="""有多个局部极小时，梯度下降停在起点所在的谷里，所以取多个随机起点并保留最好的：
        单次成功率为 p 时，k 次中至少一次成功的概率为 1-(1-p)^k。""",
    verdict=HOLDS,
    formula="1 - (1 - p)**20",
    commands=["dlcalc step --function 'sin(3*x) + x^2/10' --start 3 --lr 0.05 --steps 200"],
    budget=4.0,
)
def local_minima_multistart(proof: Proof) -> None:
    import numpy

    text = "sin(3*x) + x^2/10"
    starts = numpy.linspace(-6, 6, 241)
    ends = numpy.array(starts)
    for _ in range(400):
        ends -= 0.05 * (3 * numpy.cos(3 * ends) + ends / 5)
    heights = numpy.sin(3 * ends) + ends**2 / 10
    for place in (30, 120, 200):
        (own,) = ended(text, [float(starts[place])], 0.05, 400)
        proof.near(f"dlcalc step from {starts[place]:g}", float(ends[place]), own, 1e-6)
    proof.at_least("different minima", 3, len({round(float(end), 3) for end in ends}))
    success = float(numpy.mean(heights < heights.min() + 1e-6))
    proof.at_most("share of starts that find the lowest", 0.5, success)
    count = proof.subject("how many starts", 20, 1)
    proof.at_least(f"1 - (1 - p)**{count}", 0.9, 1 - (1 - success) ** count)
    random = proof.random()
    drawn = random.integers(241, size=(4000, count))
    best = heights[drawn].min(1) < heights.min() + 1e-6
    proof.near(
        "share of draws with a success", 1 - (1 - success) ** count, float(best.mean()), 0.03
    )


@claim(
    "no-minimum-needs-iteration-cap",
    title="Without a minimum descent never stops",
    chinese="设置最大迭代次数",
    terms=("最大迭代次数", "停止条件"),
    sources=[("001", "gradient descent")],
    tier=2,
    statement="""If f has no minimum, descent goes on for ever, so the number of iterations is
        capped: down exp(-x) the value falls at every step and the slope is never 0, with x
        growing like the logarithm of the number of steps.""",
    statement_chinese="""若 f 没有极小点，梯度下降永不停止，所以要限制迭代次数：
        对 exp(-x)，每步都下降而斜率从不为 0，x 像步数的对数那样增长。""",
    verdict=HOLDS,
    formula="log(1 + rate*t)",
    commands=["dlcalc step --function 'exp(-x)' --start 0 --lr 0.1 --steps 1000"],
)
def no_minimum_needs_iteration_cap(proof: Proof) -> None:
    text = proof.subject("a function without a minimum", "exp(-x)", "exp(-x) + x")
    found = descended(text, [0.0], 0.1, 4000, tolerance=1e-12)
    proof.holds("its values fall at each of 4,000 steps", falls(found.walk.values))
    proof.equal("the step at which its slope is 0", None, found.walk.arrived)
    # The flow dx/dt = exp(-x) is x = log(1 + t).
    proof.near("x", math.log(1 + 0.1 * 4000), found.walk.visits[-1].at[0], 0.01)
