"""Penalties as constraints: diamonds and circles, correlated features, ill-posed problems."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dlcalc.answers.step import step
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Point = tuple[float, float]


def lasso(centre: Point, lam: float) -> Point:
    """What minimises |w - centre|**2/2 + lam*sum |w|: one proximal step of ``dlcalc step``."""
    found: Point = step(weights=list(centre), lr=1, l1=lam, proximal=True).value  # type: ignore[assignment]
    return found


def onto_diamond(centre: Point, radius: float) -> Point:
    """The point of |w1| + |w2| <= radius nearest to a centre with two positive numbers."""
    first, second = centre
    if first + second <= radius:
        return centre
    if abs(first - second) >= radius:
        return (radius, 0.0) if first > second else (0.0, radius)
    return (first - second + radius) / 2, (second - first + radius) / 2


def searched(centre: Point, radius: float, circle: bool = False) -> Point:
    """The same by trying 200,001 points of the border in the first quadrant."""
    import numpy

    along = numpy.linspace(0, 1, 200_001)
    if circle:
        border = radius * numpy.cos(along * math.pi / 2), radius * numpy.sin(along * math.pi / 2)
    else:
        border = radius * along, radius * (1 - along)
    best = numpy.argmin((border[0] - centre[0]) ** 2 + (border[1] - centre[1]) ** 2)
    return float(border[0][best]), float(border[1][best])


@claim(
    "l1-correlated-l2-uncorrelated",
    title="L2, not L1, suits correlated features",
    chinese="L1 适用于特征有关联, L2 适用于无关联",
    terms=("特征有关联", "特征无关联", "共线性"),
    sources=[("004", "regularisation")],
    statement="""Printed: L1 suits features that are related, L2 those that are not. It is the
        other way round, in this setting: of two features with correlation 0.99 that matter
        alike, L1 takes one at the cost of the other, while L2 shares the weight between them;
        of exact copies L2 takes equal parts, and L1 has no preference at all.""",
    statement_chinese="""原文说 L1 适用于特征有关联、L2 适用于无关联的情形。在此设定下恰好相反：
        两个相关系数 0.99、同等重要的特征，L1 偏取其一，L2 则平均分担；
        完全相同的特征，L2 各取一半，L1 的解不唯一。""",
    verdict=ERRATUM,
    commands=["dlcalc step --weights 1,0.3 --lr 1 --l1 0.3 --proximal"],
)
def l1_correlated_l2_uncorrelated(proof: Proof) -> None:
    import numpy

    correlated = proof.subject("the correlation", 0.99, 0.0)
    gaps = _gaps(proof, correlated)
    ratio = float(numpy.mean(gaps[0]) / numpy.mean(gaps[1]))
    proof.fails(f"L1 shares as evenly as L2 at {correlated}", ratio < 3, f"gap {ratio:.3g} times")
    loose = _gaps(proof, 0.0)
    apart = float(numpy.mean(loose[0]) / numpy.mean(loose[1]))
    proof.at_most("gap of L1 over that of L2 at correlation 0", 2.0, apart, RIGHT)
    # Copies: only w1 + w2 matters to the data.
    gram = numpy.ones((2, 2))
    ridge = numpy.linalg.solve(gram + 0.1 * numpy.eye(2), numpy.full(2, 2.0))
    proof.near("|w1 - w2| of L2 for copies", 0.0, abs(float(ridge[0] - ridge[1])), part=RIGHT)
    split = [(2 - a - b) ** 2 / 2 + 0.1 * (abs(a) + abs(b)) for a, b in ((1.9, 0), (1, 0.9))]
    proof.near("L1 objective of one or of both", split[0], split[1], part=RIGHT)


def _gaps(proof: Proof, correlation: float) -> tuple[Array, Array]:
    """|w1 - w2| by L1 and by L2 for 400 data sets of 40 examples with true weights (1, 1)."""
    import numpy

    random = proof.random()
    z = random.normal(size=(400, 40, 2))
    second = correlation * z[..., 0] + math.sqrt(1 - correlation**2) * z[..., 1]
    x = numpy.stack([z[..., 0], second], -1)
    y = x.sum(-1) + random.normal(size=(400, 40))
    gram = numpy.einsum("sni,snj->sij", x, x) / 40
    moment = numpy.einsum("sni,sn->si", x, y) / 40
    w = numpy.zeros((400, 2))
    lam = 0.1
    for _ in range(400):
        for k in (0, 1):
            rest = moment[:, k] - gram[:, k, 1 - k] * w[:, 1 - k]
            w[:, k] = (rest - numpy.clip(rest, -lam, lam)) / gram[:, k, k]
    ridge = numpy.linalg.solve(gram + lam * numpy.eye(2), moment[..., None])[..., 0]
    return abs(w[:, 0] - w[:, 1]), abs(ridge[:, 0] - ridge[:, 1])


@claim(
    "penalty-constraint-equivalence",
    title="A penalty is a constraint in disguise",
    chinese="凸优化问题 约束形式",
    terms=("约束优化", "拉格朗日", "KKT"),
    sources=[("004", "optimisation view")],
    tier=2,
    statement="""For convex E, minimising E + lambda*R is minimising E where R <= C: the C that
        belongs to a lambda is R of the penalised answer. A constraint so wide that it does
        not bind belongs to lambda = 0 alone.""",
    statement_chinese="""E 为凸函数时，最小化 E+λR 等价于在 R≤C 下最小化 E，
        C 取惩罚问题解处的 R 值；        不起作用的约束只对应 λ=0。""",
    verdict=CONDITIONS,
    conditions="""E and R are convex and the constraint binds: C is below R of the answer without
        any penalty.""",
    formula="abs(w1) + abs(w2) <= C",
    commands=["dlcalc step --weights 1,0.3 --lr 1 --l1 0.2 --proximal"],
)
def penalty_constraint_equivalence(proof: Proof) -> None:
    centre = (1.0, 0.3)
    for lam in (0.1, 0.2, 0.4, 0.8):
        penalised = lasso(centre, lam)
        constrained = onto_diamond(centre, sum(penalised))
        proof.near(
            f"distance of both at lambda {lam}", 0, _apart(penalised, constrained), 1e-12, INSIDE
        )
        found = searched(centre, sum(penalised))
        proof.near(f"and by search at lambda {lam}", 0, _apart(penalised, found), 1e-5, INSIDE)
    wide = proof.subject("a radius that does not bind", 2.0, 1.1)
    free = onto_diamond(centre, wide)
    proof.fails(
        f"C = {wide} belongs to lambda 0.1", _apart(free, lasso(centre, 0.1)) < 1e-9, part=OUTSIDE
    )


def _apart(first: Point, second: Point) -> float:
    return math.dist(first, second)


@claim(
    "constraint-radius-inverse-lambda",
    title="C falls as lambda grows, but not as its inverse",
    chinese="C 与 λ 成反比",
    terms=("反比", "约束半径"),
    sources=[("004", "optimisation view")],
    tier=2,
    statement="""Printed: the radius C of the constraint is inversely proportional to lambda. It
        only never grows with lambda: for L1 around (1, 0.3) the lambdas 0.1, 0.2, 0.4 and
        0.8 have C = 1.1, 0.9, 0.6 and 0.2, whose products with lambda are not one number.""",
    statement_chinese="""原文说约束半径 C 与 λ 成反比。其实 C 只是随 λ 增大而不增：
        对中心 (1, 0.3) 的 L1，λ=0.1、0.2、0.4、0.8 时 C=1.1、0.9、0.6、0.2，λC 并非常数。""",
    verdict=ERRATUM,
    commands=[f"dlcalc step --weights 1,0.3 --lr 1 --l1 {lam} --proximal" for lam in (0.1, 0.4)],
)
def constraint_radius_inverse_lambda(proof: Proof) -> None:
    centre, lams = (1.0, 0.3), (0.1, 0.2, 0.4, 0.8)
    inverse = [0.11 / lam for lam in lams]
    radii = proof.subject("C of the answers", [sum(lasso(centre, lam)) for lam in lams], inverse)
    ridge = [sum((each / (1 + lam)) ** 2 for each in centre) for lam in lams]
    for name, found in (("L1", radii), ("L2", ridge)):
        products = [lam * each for lam, each in zip(lams, found, strict=True)]
        spread = max(products) / min(products)
        proof.fails(f"lambda*C is constant for {name}", spread < 1.01, tuple(products))
        falls = all(a >= b for a, b in pairwise(found))
        proof.holds(f"C never grows with lambda for {name}", falls, tuple(found), RIGHT)
    known = [sum(max(each - lam, 0) for each in centre) for lam in lams]
    proof.near("the C of L1 by sum of max(c - lambda, 0)", 0, math.dist(known, radii), 1e-12, RIGHT)


@claim(
    "l1-geometry-diamond",
    title="The L1 ball is a square on its tip, and its tips attract",
    chinese="旋转 45 度的正方形",
    terms=("菱形", "L1 几何", "顶点", "稀疏解"),
    sources=[("004", "optimisation view")],
    statement="""|w1| + |w2| <= C is a square on its tip. The point of it nearest to a centre c
        outside is a tip, where a weight is 0, if the two coordinates of c differ by at
        least C; else it is on an edge, and both weights stay.""",
    statement_chinese="""|w1|+|w2|≤C 是旋转 45 度的正方形。离外部中心 c 最近的点，
        当 c 的两坐标之差不小于 C 时是顶点（有一个权值为 0），否则在边上，两个权值都不为 0。""",
    verdict=CONDITIONS,
    conditions="""The contours of E are circles and |c1 - c2| >= C, for c1 and c2 positive.
        Between, the edge is touched: c = (1, 0.9), C = 0.8 gives (0.45, 0.35).""",
    formula="abs(c1 - c2) >= C",
    commands=["dlcalc step --weights 1.5,0.2 --lr 1 --l1 0.7 --proximal"],
)
def l1_geometry_diamond(proof: Proof) -> None:
    edge = proof.subject("a centre off the tips", (1.0, 0.9), (1.0, 0.1))
    for centre in ((1.5, 0.2), (0.2, 1.5), (2.0, 1.1)):
        found = searched(centre, 0.8)
        proof.holds(f"a weight is 0 for c = {centre}", min(found) == 0, found, INSIDE)
        proof.near("and by the formula", 0, _apart(found, onto_diamond(centre, 0.8)), 1e-5, INSIDE)
    proof.near(
        "the penalty's answer, lambda 0.7",
        0,
        _apart(lasso((1.5, 0.2), 0.7), (0.8, 0)),
        1e-9,
        INSIDE,
    )
    found = searched(edge, 0.8)
    proof.fails(f"a weight is 0 for c = {edge}", min(found) == 0, found, OUTSIDE)
    proof.near("and by the formula", 0, _apart(found, onto_diamond(edge, 0.8)), 1e-5, OUTSIDE)
    random = proof.random()
    centres = [(a, b) for a, b in (2 * random.random((20_000, 2))).tolist() if a + b > 0.8]
    tips = sum(min(onto_diamond(centre, 0.8)) == 0 for centre in centres) / len(centres)
    # Of the square [0, 2]**2 less the corner within the ball, two triangles lead to tips.
    area = 4 - 0.32
    proof.near("share of tips for centres in [0, 2]**2", 1.2**2 / area, tips, 0.02, OUTSIDE)


@claim(
    "l1-tangent-w2-axis-zeroes-w2",
    title="On the w2 axis it is w1 that is zero",
    chinese="切向量指向 w2 轴 → w2 为 0",
    terms=("切向量", "w2 轴"),
    sources=[("004", "optimisation view")],
    tier=2,
    statement="""Printed: the tangent leads to the w2 axis, so w2 becomes 0. On the w2 axis w1 is
        0; w2 is 0 on the w1 axis. Which of them it is depends on the centre: the smaller of
        its coordinates goes.""",
    statement_chinese="""原文说切向量指向 w2 轴，于是 w2 为 0。在 w2 轴上为 0 的是 w1；
        在 w1 轴上 w2 才为 0。到底哪个为 0 取决于中心：较小的那个坐标变为 0。""",
    verdict=ERRATUM,
    formula="w1 == 0",
    commands=["dlcalc step --weights 0.2,1.5 --lr 1 --l1 0.7 --proximal"],
)
def l1_tangent_w2_axis_zeroes_w2(proof: Proof) -> None:
    centre = proof.subject("a centre near the w2 axis", (0.2, 1.5), (1.5, 0.2))
    found = lasso(centre, 0.7)
    proof.fails("w2 is 0 on the w2 axis", found[1] == 0, found)
    proof.near("w1 there", 0, found[0], 0, RIGHT)
    proof.near("the nearest point by search", 0, _apart(found, searched(centre, 0.8)), 1e-5, RIGHT)
    other = lasso((1.5, 0.2), 0.7)
    proof.near("w2 on the w1 axis", 0, other[1], 0, RIGHT)


@claim(
    "l2-geometry-circle",
    title="The L2 ball is a circle and keeps both weights",
    chinese="L2 圆",
    terms=("L2 几何", "圆形约束"),
    sources=[("004", "optimisation view")],
    tier=2,
    statement="""w1**2 + w2**2 <= C is a circle of radius sqrt(C). For circular contours of E the
        answer is the centre drawn in to it, sqrt(C)*c/|c|: both weights get smaller in the
        same proportion, and none is 0 that was not.""",
    statement_chinese="""w1²+w2²≤C 是半径 √C 的圆。E 的等高线为圆时，解为 √C·c/|c|：
        两个权值按同一比例缩小，原来不为 0 的不会变为 0。""",
    verdict=HOLDS,
    formula="sqrt(C)*c/hypot(c, d)",
    commands=["dlcalc step --weights 1,0.9 --lr 1 --l2 0.5"],
)
def l2_geometry_circle(proof: Proof) -> None:
    centre, bound = (1.0, 0.9), 0.8
    radius = proof.subject("the radius sqrt(C)", math.sqrt(bound), bound)
    drawn = (radius * centre[0] / math.hypot(*centre), radius * centre[1] / math.hypot(*centre))
    found = searched(centre, math.sqrt(bound), circle=True)
    proof.near("w1, by search", found[0], drawn[0], 1e-5)
    proof.near("w2, by search", found[1], drawn[1], 1e-5)
    proof.at_least("the smaller weight", 0.1, min(found))
    # The penalty leads there too, with 1 + lambda = |c|/sqrt(C): gradient steps arrive.
    lam = math.hypot(*centre) / math.sqrt(bound) - 1
    w: tuple[float, ...] = (0.0, 0.0)
    for _ in range(60):
        pull = [each - c for each, c in zip(w, centre, strict=True)]
        w = step(weights=list(w), grad=[pull], lr=0.5, l2=lam).value  # type: ignore[assignment]
    proof.near("steps of dlcalc step end there", 0, math.dist(w, drawn), 1e-9)


@claim(
    "well-posed-three-conditions",
    title="Well-posed: a solution that exists, is unique and is stable",
    chinese="适定问题",
    terms=("不适定", "存在性", "唯一性", "稳定性", "病态"),
    sources=[("004", "regularisation")],
    tier=2,
    statement="""A problem is well-posed if it has a solution, only one, and one that moves little
        when the data do. Each can fail alone: w = 1 and w = 2 have no solution, w1 + w2 = 2 has
        many, and the Hilbert matrix of order 10 can turn an error of 1e-6 into one of millions.""",
    statement_chinese="""适定问题的解存在、唯一且稳定，缺一即为不适定。w=1 与 w=2 无解；
        w1+w2=2 有无穷多解；10 阶希尔伯特矩阵可把 1e-6 的数据误差放大到数百万。""",
    verdict=HOLDS,
    commands=["dlcalc step --function '(x + y - 2)^2' --start 0,0 --lr 0.1 --steps 100"],
)
def well_posed_three_conditions(proof: Proof) -> None:
    import numpy

    rank = numpy.linalg.matrix_rank
    both = numpy.array([[1.0, 1.0], [1.0, 2.0]])
    proof.equal("ranks of [1; 1] and [1 1; 1 2]", (1, 2), (int(rank(both[:, :1])), int(rank(both))))
    ends = [_ended((x, 0.0)) for x in (0.0, 5.0)]
    proof.at_most("(w1 + w2 - 2)**2 at the ends of two descents", 1e-9, max(e[1] for e in ends))
    proof.at_least("how far the two ends are apart", 1.0, math.dist(ends[0][0], ends[1][0]))
    order = proof.subject("the order of the Hilbert matrix", 10, 2)
    proof.at_least("solution error per data error", 1e12, _amplified(order, 0.0))


def _ended(start: Point) -> tuple[list[float], float]:
    found = step(function="(x + y - 2)^2", start=list(start), lr=0.1, steps=200)
    at = list(found.value)  # type: ignore[call-overload]
    return at, (sum(at) - 2) ** 2


def _hilbert(order: int) -> Array:
    import numpy

    return 1 / (numpy.arange(order)[:, None] + numpy.arange(order) + 1.0)


def _amplified(order: int, ridge: float) -> float:
    """The most by which an error in the data grows in the solution, ridge added to A.T @ A."""
    import numpy

    a = _hilbert(order)
    if not ridge:
        return float(1 / numpy.linalg.svd(a)[1][-1])
    inverse = numpy.linalg.solve(a.T @ a + ridge * numpy.eye(order), a.T)
    return float(numpy.linalg.norm(inverse, 2))


@claim(
    "regularisation-restores-well-posedness",
    title="A penalty replaces an ill-posed problem by a well-posed neighbour",
    chinese="邻近的适定问题",
    terms=("正则化 适定", "岭回归 稳定", "吉洪诺夫"),
    sources=[("004", "regularisation")],
    statement="""A little L2 makes a solution unique and stable at the price of a small shift:
        w1 + w2 = 2 then has the one answer near (1, 1), and with the Hilbert matrix of order 10
        and a ridge of 1e-8 no error in the data grows more than 1/(2*sqrt(1e-8)) = 5000 fold.""",
    statement_chinese="""加一点 L2 就能以微小偏移换来唯一且稳定的解：w1+w2=2 只剩一个解，
        在 (1, 1) 附近；10 阶希尔伯特矩阵加 1e-8 的岭后，数据误差最多放大 1/(2·√1e-8)=5000 倍。""",
    verdict=HOLDS,
    formula="1/(2*sqrt(1e-8))",
    commands=["dlcalc step --function '(x + y - 2)^2 + 0.001*(x^2 + y^2)' --start 5,0 --lr 0.1"],
)
def regularisation_restores_well_posedness(proof: Proof) -> None:
    import numpy

    ridge = proof.subject("the ridge", 1e-8, 0.0)
    bound = 1 / (2 * math.sqrt(1e-8))
    proof.at_most("solution error per data error, order 10", bound, _amplified(10, ridge))
    a = _hilbert(10)
    true = numpy.ones(10)
    error = 1e-6 * proof.random().normal(size=10)
    found = numpy.linalg.solve(a.T @ a + ridge * numpy.eye(10), a.T @ (a @ true + error))
    proof.at_most("error of the solution for data error 1e-6", 0.2, float(abs(found - true).max()))
    row = numpy.ones((1, 2))
    unique = numpy.linalg.solve(row.T @ row + 1e-8 * numpy.eye(2), 2 * row[0])
    proof.near("w1 and w2 apart", 0, float(abs(unique[0] - unique[1])), 1e-6)
    ends = [_descended((x, 0.0)) for x in (0.0, 5.0)]
    closed = 4 / (4 + 2 * 0.01)
    for end in ends:
        proof.near("a descent with a penalty of 0.01 ends at", closed, end[0], 1e-5)


def _descended(start: Point) -> tuple[float, ...]:
    text = "(x + y - 2)^2 + 0.01*(x^2 + y^2)"
    found = step(function=text, start=list(start), lr=0.2, steps=4000)
    return tuple(found.value)  # type: ignore[arg-type]
