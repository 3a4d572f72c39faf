"""L1 and L2 penalties: what they add to a step, and where the steps lead."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from dlcalc.answers.step import step
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof


def stepped(weights: Sequence[float], **settings: object) -> tuple[float, ...]:
    """The weights after ``dlcalc step`` with these options."""
    found: tuple[float, ...] = step(weights=list(weights), **settings).value  # type: ignore[arg-type, assignment]
    return found


def slope(function: Callable[[float], float], at: float, width: float = 1e-6) -> float:
    """The central difference of a function of one number."""
    return (function(at + width) - function(at - width)) / (2 * width)


@claim(
    "l1-l2-penalty-definitions",
    title="The L1 and L2 penalties and their gradients",
    chinese="L1正则化项 / L2正则化项",
    terms=("L1 正则化", "L2 正则化", "惩罚项", "正则项"),
    sources=[("004", "regularisation")],
    statement="""L1 adds lambda/n times the sum of |w| to the loss, L2 adds lambda/(2n) times the
        sum of w**2; their gradients are lambda/n*sign(w) and lambda/n*w. The notes write
        three factors (lambda, lambda/n, lambda/2n): convert before comparing strengths.""",
    statement_chinese="""L1 在损失上加 λ/n·Σ|w|，L2 加 λ/(2n)·Σw²；梯度分别为 λ/n·sgn(w) 与 λ/n·w。
        原文用了三种系数（λ、λ/n、λ/2n），比较强度前要先换算。""",
    verdict=HOLDS,
    contradicts=["l1-step-formula"],
    formula="lam/n*abs(w), lam/(2*n)*w**2",
    commands=[
        "dlcalc step --weights 2,-1.5 --lr 0.1 --l1 1 --n 10",
        "dlcalc step --weights 2,-1.5 --lr 0.1 --l2 1 --n 10",
    ],
)
def l1_l2_penalty_definitions(proof: Proof) -> None:
    lam, n = 3.0, 10
    halved = proof.subject("the 2 under lambda/(2n)", 2, 1)
    penalties: dict[str, Callable[[float], float]] = {
        "l1": lambda w: lam / n * abs(w),
        "l2": lambda w: lam / (halved * n) * w * w,
    }
    for w in (2.0, -1.5, 0.03):
        for name, penalty in penalties.items():
            (after,) = stepped([w], lr=1, n=n, **{name: lam})
            measured = slope(penalty, w)
            proof.near(f"{name} gradient at {w:g}, by differences", w - after, measured, 1e-7)


@claim(
    "l1-formula-missing-bar",
    title="The L1 sum needs its absolute value",
    chinese="缺少绝对值符号",
    terms=("L1 公式", "绝对值"),
    sources=[("004", "optimisation view")],
    tier=2,
    statement="""Printed: the L1 penalty is the sum of w_i |, without the opening bar. It is
        lambda times the sum of |w_i|: without the bars (1, -1) would cost nothing, and ever
        more negative weights would make the loss as low as one likes.""",
    statement_chinese="""原文的 L1 惩罚写成 Σ w_i |，缺了左边的绝对值符号。
        应为 λ·Σ|w_i|：没有绝对值时 (1, -1) 的惩罚为 0，而负权值会使目标无下界。""",
    verdict=ERRATUM,
    formula="lam*sum(abs(each) for each in w)",
    commands=["dlcalc step --weights 1,-1 --lr 0.1 --l1 1"],
)
def l1_formula_missing_bar(proof: Proof) -> None:
    import numpy

    from dlcalc.engine.regularisers import L1

    w = numpy.array([1.0, -1.0])
    engine = L1(w, 1.0).penalty()
    barred = proof.subject("the bars left out", False, True)

    def bars(each: float) -> float:
        return abs(each) if barred else each

    proof.differs("the signed sum at (1, -1)", sum(bars(each) for each in w), engine)
    falling = [sum(bars(each) for each in (-size, -size)) for size in (1.0, 10.0, 1000.0)]
    proof.fails("the signed sum is at least 0", min(falling) >= 0, min(falling))
    proof.near("the sum of |w| at (1, -1)", float(numpy.linalg.norm(w, 1)), engine, part=RIGHT)
    # With the bars the penalty pulls both towards 0; the signed sum would push -1 away.
    proof.equal("signs of the pull", (-1, 1), _signs(stepped([1, -1], lr=0.1, l1=1)), RIGHT)


def _signs(after: Sequence[float]) -> tuple[int, ...]:
    return tuple(int(math.copysign(1, a - b)) for a, b in zip(after, (1, -1), strict=True))


@claim(
    "l1-step-formula",
    title="The L1 step moves every weight by the same amount",
    chinese="L1 参数更新",
    terms=("L1 梯度", "sgn(w)", "符号函数"),
    sources=[("004", "gradient view")],
    statement="""With L1 a step is w - eta*lambda/n*sign(w) - eta*dE/dw, where sign is 1, 0 or
        -1: the penalty moves positive weights down and negative ones up, each by
        eta*lambda/n, however large they are, and leaves 0 alone.""",
    statement_chinese="""L1 的更新为 w - ηλ/n·sgn(w) - η·∂E/∂w，sgn 取 1、0、-1：
        正权值减小，负权值增大，幅度都是 ηλ/n，与权值大小无关；0 不动。""",
    verdict=HOLDS,
    contradicts=["l1-l2-penalty-definitions"],
    formula="w - eta*lam/n*((w > 0) - (w < 0)) - eta*g",
    commands=["dlcalc step --weights 2,-1.5,0.03,-0.02 --lr 0.1 --l1 1 --n 10 --verify"],
)
def l1_step_formula(proof: Proof) -> None:
    eta, lam, n = 0.1, 1.0, 10
    power = proof.subject("sign(w), not w", 0, 1)
    for w, gradient in ((2.0, 0.0), (-1.5, 0.0), (0.03, 0.7), (-0.02, -0.4)):
        (after,) = stepped([w], grad=[gradient], lr=eta, l1=lam, n=n)
        right = w - eta * lam / n * math.copysign(abs(w) ** power, w) - eta * gradient
        proof.near(f"from {w:g} with dE/dw {gradient:g}", right, after)
    (after,) = stepped([0.0], lr=eta, l1=lam, n=n)
    proof.near("from 0", 0.0, after, 0.0)


@claim(
    "l1-step-reaches-zero",
    title="L1 steps end at zero by the soft threshold",
    chinese="L1 使参数变为 0",
    terms=("L1 稀疏", "软阈值", "近端梯度"),
    sources=[("004", "gradient view")],
    statement="""Steps of constant size bring a weight exactly to 0 if they stop there, as the
        soft threshold does. The printed rule w - eta*lambda/n*sign(w) jumps over 0 and back
        for ever, from 0.013 by steps of 0.01 between 0.003 and -0.007.""",
    statement_chinese="""步长固定的收缩若在 0 处停住（软阈值），权值恰好变为 0；
        原文的 w - ηλ/n·sgn(w) 会在 0 两侧来回跳动，例如步长 0.01 时在 0.003 与 -0.007 之间。""",
    verdict=CONDITIONS,
    conditions="""The step is proximal (a soft threshold). By the subgradient a weight ends at 0
        only if it is a whole multiple of the step, and rounding spares it that.""",
    formula="w - max(min(w, eta*lam/n), -eta*lam/n)",
    commands=[
        "dlcalc step --weights 2 --lr 0.1 --l1 1 --n 10 --proximal --steps 200 --verify",
        "dlcalc step --weights 0.013 --lr 0.1 --l1 1 --n 10 --steps 3",
    ],
)
def l1_step_reaches_zero(proof: Proof) -> None:
    from dlcalc.formulas.penalties import soft_threshold

    proximal = proof.subject("the soft threshold", True, False)
    settings = {"lr": 0.1, "l1": 1, "n": 10}
    for start, count in ((0.013, 2), (0.997, 100), (-1.234, 124)):
        (after,) = stepped([start], steps=count, proximal=proximal, **settings)
        proof.near(f"{start:g} after {count} soft thresholds", 0.0, after, 0.0, INSIDE)
    w = 0.013
    for _ in range(2):
        w = soft_threshold(w, 0.01)
    proof.near("0.013 by the formula", 0.0, w, 0.0, INSIDE)
    ends = [stepped([0.013], steps=count, **settings)[0] for count in (999, 1000)]
    proof.fails("0.013 by the subgradient is 0", 0.0 in ends, tuple(ends), OUTSIDE)
    proof.near("the width of its jumps", 0.01, abs(ends[0] - ends[1]), part=OUTSIDE)


@claim(
    "l2-step-formula",
    title="The L2 step shrinks a weight by a factor",
    chinese="L2 参数更新 / 权重衰减",
    terms=("权重衰减", "weight decay", "L2 梯度"),
    sources=[("004", "gradient view")],
    statement="""With L2 a step is w - eta*lambda/n*w - eta*dE/dw, which is the weight shrunk by
        the factor 1 - eta*lambda/n, less eta*dE/dw: hence weight decay.""",
    statement_chinese="""L2 的更新为 w - ηλ/n·w - η·∂E/∂w = (1 - ηλ/n)w - η·∂E/∂w：
        权值先按比例缩小，所以叫权重衰减。""",
    verdict=HOLDS,
    formula="(1 - eta*lam/n)*w - eta*g",
    commands=["dlcalc step --weights 2 --grad 0.5 --lr 0.1 --l2 1 --n 10 --verify"],
)
def l2_step_formula(proof: Proof) -> None:
    eta, lam, n = 0.1, 1.0, 10
    factor = 1 - proof.subject("eta*lambda/n", eta * lam / n, lam / n)
    for w, gradient in ((2.0, 0.5), (-1.5, 0.25), (0.03, -0.7)):
        (after,) = stepped([w], grad=[gradient], lr=eta, l2=lam, n=n)
        proof.near(f"from {w:g} with dE/dw {gradient:g}", factor * w - eta * gradient, after)


@claim(
    "l2-step-missing-learning-rate",
    title="The last L2 line loses its learning rate",
    chinese="L2 末行缺少 η",
    terms=("缺少学习率", "L2 更新 勘误"),
    sources=[("004", "gradient view")],
    statement="""Printed: the last line is (1 - eta*lambda/n)*w - dE/dw, without eta before the
        gradient. It is (1 - eta*lambda/n)*w - eta*dE/dw: for eta 0.1, lambda/n 0.1, w 2 and
        dE/dw 0.5 that is 1.93, and not the 1.48 of the printed line.""",
    statement_chinese="""原文末行为 (1 - ηλ/n)w - ∂E/∂w，梯度前漏了 η。
        应为 (1 - ηλ/n)w - η·∂E/∂w：η=0.1、λ/n=0.1、w=2、∂E/∂w=0.5 时得 1.93，而非 1.48。""",
    verdict=ERRATUM,
    formula="(1 - eta*lam/n)*w - eta*g",
    commands=["dlcalc step --weights 2 --grad 0.5 --lr 0.1 --l2 1 --n 10 --as-printed"],
)
def l2_step_missing_learning_rate(proof: Proof) -> None:
    eta, lam, n = 0.1, 1.0, 10
    rate = proof.subject("the missing rate", 1.0, eta)
    for w, gradient in ((2.0, 0.5), (-1.5, 0.25)):
        printed = (1 - eta * lam / n) * w - rate * gradient
        # The step is against the gradient of the whole loss, found by differences.
        whole = slope(lambda v: lam / (2 * n) * v * v, w) + gradient
        (after,) = stepped([w], grad=[gradient], lr=eta, l2=lam, n=n)
        proof.differs(f"the printed line at w = {w:g}", printed, after)
        proof.near(f"with eta, at w = {w:g}", w - eta * whole, after, 1e-7, RIGHT)


@claim(
    "l2-never-exactly-zero",
    title="L2 shrinks weights without end, but not to zero",
    chinese="L2 不为 0",
    terms=("L2 接近 0", "几何衰减"),
    sources=[("004", "gradient view")],
    statement="""By L2 alone a weight is (1 - eta*lambda/n)**t times its start after t steps: the
        smaller it is, the slower it shrinks, and it does not reach 0. After 500 steps of
        factor 0.99, 2 is still 0.01314.""",
    statement_chinese="""只有 L2 时，t 步后权值为起点的 (1 - ηλ/n)^t 倍：越小衰减越慢，
        但不会等于 0。系数 0.99、500 步后，2 变为 0.01314。""",
    verdict=CONDITIONS,
    conditions="""0 < eta*lambda/n < 1 and the data's gradient is 0; it may carry a weight over
        0, and eta*lambda/n = 1 makes it 0 in one step.""",
    formula="2*0.99**500",
    commands=["dlcalc step --weights 2 --lr 0.1 --l2 1 --n 10 --steps 500 --verify"],
)
def l2_never_exactly_zero(proof: Proof) -> None:
    outside = proof.subject("eta*lambda/n = 1", 1.0, 0.5)
    for count in (1, 50, 500):
        (after,) = stepped([2.0], lr=0.1, l2=1, n=10, steps=count)
        proof.near(f"2 after {count} steps", 2 * 0.99**count, after, 1e-12, INSIDE)
        proof.holds(f"above 0 after {count} steps", after > 0, after, INSIDE)
    (after,) = stepped([2.0], lr=outside, l2=1)
    proof.fails(f"above 0 at eta*lambda/n = {outside:g}", after > 0, after, OUTSIDE)
    pulled = [stepped([0.02], grad=[0.05], lr=0.1, l2=0.1, steps=count)[0] for count in (1, 50)]
    proof.fails("it stays above 0 with dE/dw 0.05", pulled[-1] > 0, pulled[-1], OUTSIDE)


@claim(
    "l1-sparse-l2-dense",
    title="L1 makes weights exactly zero, L2 only small",
    chinese="稀疏权值 / 特征选择",
    terms=("稀疏", "特征选择", "lasso", "ridge"),
    sources=[("004", "regularisation")],
    statement="""L1 makes the weights of useless features exactly 0 and so selects features; L2
        only shrinks them. For orthonormal features with least-squares weights c the answers
        are sign(c)*max(|c| - lambda, 0) and c/(1 + lambda).""",
    statement_chinese="""L1 使无用特征的权值恰为 0，因而能做特征选择；L2 只把权值变小。
        特征正交时，最小二乘解 c 分别变为 sgn(c)·max(|c|-λ, 0) 与 c/(1+λ)。""",
    verdict=HOLDS,
    formula="c - max(min(c, lam), -lam), c/(1 + lam)",
    commands=["dlcalc step --weights 1,0.3 --lr 1 --l1 0.3 --proximal"],
)
def l1_sparse_l2_dense(proof: Proof) -> None:
    import numpy

    at = numpy.linspace(-2, 2, 400_001)
    lam = 0.3
    for c in (1.0, 0.3, -0.1):
        (lasso,) = stepped([c], lr=1, l1=lam, proximal=True)
        best = at[numpy.argmin((at - c) ** 2 / 2 + lam * abs(at))]
        proof.near(f"lasso of {c:g}, by a grid", float(best), lasso, 2e-5)
        ridge = at[numpy.argmin((at - c) ** 2 / 2 + lam * at**2 / 2)]
        proof.near(f"ridge of {c:g}, by a grid", float(ridge), c / (1 + lam), 2e-5)
    proximal = proof.subject("L1 by its soft threshold", True, False)
    zero, kept, dense = _selected(proof, proximal)
    proof.at_least("share of exact zeros by L1", 0.5, float(numpy.mean(zero)), values=zero)
    proof.equal("true features lost by L1, of 5 in 8 data sets", 0, kept)
    proof.equal("exact zeros by L2", 0, dense)


def _selected(proof: Proof, proximal: bool) -> tuple[list[float], int, int]:
    """Of data sets of 100 examples and 30 features, 5 of them true: zeros, lost, L2's zeros.

    L1 is the engine's regulariser behind gradient descent, L2 the normal equations.
    """
    import numpy

    from dlcalc.engine.regularisers import L1, ProximalL1

    zeros, lost, dense = [], 0, 0
    for stream in range(8):
        random = proof.random(stream)
        x = random.normal(size=(100, 30))
        true = numpy.where(numpy.arange(30) < 5, 2.0, 0.0)
        gram, moment = x.T @ x / 100, x.T @ (x @ true + 0.5 * random.normal(size=100)) / 100
        w = numpy.zeros(30)
        penalty = (ProximalL1 if proximal else L1)(w, 0.2)
        rate = 1 / float(numpy.linalg.eigvalsh(gram)[-1])
        for _ in range(150):
            gradient = gram @ w - moment
            penalty.on_gradient(gradient)
            w -= rate * gradient
            penalty.after_step(rate)
        zeros.append(float(numpy.mean(w == 0)))
        lost += int(numpy.sum(w[:5] == 0))
        dense += int(numpy.sum(numpy.linalg.solve(gram + 0.2 * numpy.eye(30), moment) == 0))
    return zeros, lost, dense


@claim(
    "regularisation-as-prior",
    title="A penalty is a prior",
    chinese="正则化等价于先验分布",
    terms=("先验分布", "最大后验", "MAP", "高斯先验", "拉普拉斯先验"),
    sources=[("004", "regularisation")],
    statement="""A penalty is what a prior adds to the negative log-likelihood: a Gaussian prior
        of variance tau**2 adds w**2/(2*tau**2), which is L2, a Laplace prior of scale tau adds
        |w|/tau, which is L1. With noise sigma the most probable weights are those of ridge
        regression with lambda = sigma**2/tau**2.""",
    statement_chinese="""惩罚项就是先验在负对数似然上添加的一项：方差 τ² 的高斯先验给出
        w²/(2τ²)，即 L2；尺度 τ 的拉普拉斯先验给出 |w|/τ，即 L1。
        噪声为 σ 时 MAP 解即 λ=σ²/τ² 的岭回归。""",
    verdict=HOLDS,
    formula="sigma**2/tau**2",
    commands=["dlcalc step --weights 2 --lr 0.1 --l2 1", "dlcalc step --weights 2 --lr 0.1 --l1 1"],
)
def regularisation_as_prior(proof: Proof) -> None:
    import numpy

    sigma, tau = 0.5, 2.0
    gauss = {w: math.exp(-(w**2) / (2 * tau**2)) / math.sqrt(2 * math.pi) / tau for w in (0.0, 3.0)}
    laplace = {w: math.exp(-abs(w) / tau) / (2 * tau) for w in (0.0, 3.0)}
    added = -math.log(gauss[3.0] / gauss[0.0]), -math.log(laplace[3.0] / laplace[0.0])
    # The step's penalties have gradients l2*w and l1*sign(w); their sums give the penalties.
    l2_slope = 3.0 - stepped([3.0], lr=1, l2=1 / tau**2)[0]
    l1_slope = 3.0 - stepped([3.0], lr=1, l1=1 / tau)[0]
    proof.near("Gaussian prior at 3", 3.0 * l2_slope / 2, added[0])
    proof.near("Laplace prior at 3", 3.0 * l1_slope, added[1])
    random = proof.random()
    x = random.normal(size=(50, 3))
    y = x @ numpy.array([1.0, -2.0, 0.5]) + sigma * random.normal(size=50)
    lam = proof.subject("lambda = sigma**2/tau**2", sigma**2 / tau**2, sigma / tau)
    ridge = numpy.linalg.solve(x.T @ x + lam * numpy.eye(3), x.T @ y)
    # The posterior's gradient vanishes there, by differences of its logarithm.
    for place in range(3):
        unit = numpy.eye(3)[place]

        def log_posterior(shift: float, unit: Any = unit) -> float:
            w = ridge + shift * unit
            return float(-((y - x @ w) ** 2).sum() / 2 / sigma**2 - (w @ w) / 2 / tau**2)

        proof.near(f"slope of the posterior along w{place}", 0, slope(log_posterior, 0, 1e-4), 1e-5)
