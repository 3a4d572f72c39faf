"""What nets can express: linear stacks, XOR, approximation, pieces of ReLU nets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from math import exp, pi, sin
from typing import TYPE_CHECKING

from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import ran, trial
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array

BITS = list(product((0, 1), repeat=2))
XOR = (0, 1, 1, 0)


@claim(
    "linear-stack-collapses",
    title="Layers without activations are one affine map",
    chinese="没有激活函数 = 线性组合",
    terms=("没有激活函数", "线性组合", "激活函数的作用"),
    sources=[
        ("000", "activation functions"),
        ("001", "activation functions"),
        ("003", "activation functions"),
        ("004", "activation functions"),
    ],
    statement="""Without an activation between them dense layers multiply out to one matrix and
        one bias, however many there are: W2(W1 x + b1) + b2 = (W2 W1)x + (W2 b1 + b2).""",
    statement_chinese="""各层之间没有激活函数时，不论多少层都可合并为一个矩阵和一个偏置：
        W2(W1 x + b1) + b2 = (W2 W1)x + (W2 b1 + b2)。""",
    verdict=HOLDS,
    formula="W2 @ (W1 @ x + b1) + b2 == (W2 @ W1) @ x + (W2 @ b1 + b2)",
    commands=["dlcalc grad 'W2@(W1@x + b1) + b2' --wrt x --shape W1=hxn,W2=mxh,x=n,b1=h,b2=m"],
)
def linear_stack_collapses(proof: Proof) -> None:
    import numpy as np

    between = proof.subject("what stands between the layers", "", " tanh")
    for depth in (2, 10):
        program = trial("6" + f"{between} dense:6" * depth, proof.random(depth), batch=50)
        program.parameters /= 3
        y = program.forward()
        a, c = np.eye(6), np.zeros(6)
        for i in range(1, depth + 1):
            w, b = (program.tensors[f"dense{i}.{n}"].value for n in ("weight", "bias"))
            a, c = w @ a, w @ c + b
        off = float(abs(program.input.data @ a.T + c - y).max())
        proof.at_most(f"{depth} layers off one affine map", 1e-10, off)


@claim(
    "xor-needs-nonlinearity",
    title="XOR needs a hidden layer with an activation",
    chinese="异或问题",
    terms=("XOR", "线性不可分"),
    sources=[("000", "XOR")],
    statement="""No straight line parts XOR: three of its four points are the most that a linear
        unit, or a stack of them, gets right. Two hidden ReLUs suffice, in the plane itself:
        relu(x1 + x2) - 2*relu(x1 + x2 - 1).""",
    statement_chinese="""异或不是线性可分的：线性单元或其堆叠最多答对四点中的三点。
        加入两个 ReLU 隐藏单元即可，无须升到更高维：relu(x1 + x2) - 2 relu(x1 + x2 - 1)。""",
    verdict=HOLDS,
    formula="max(0, x1 + x2) - 2*max(0, x1 + x2 - 1)",
    commands=[
        "dlcalc forward 0,1 dense:2 relu dense:1 --set dense1.weight='[[1,1],[1,1]]'"
        " --set dense1.bias='[0,-1]' --set dense2.weight='[[1,-2]]'"
    ],
)
def xor_needs_nonlinearity(proof: Proof) -> None:
    table = proof.subject("the function", XOR, (0, 1, 1, 1))
    grid = [i / 10 - 2 for i in range(41)]
    best = max(
        sum(int(u * a + v * b + c > 0) == t for (a, b), t in zip(BITS, table, strict=True))
        for u, v, c in product(grid[::2], grid[::2], grid)
    )
    proof.equal("points that the best of 18081 lines gets right", 3, best)
    # Above 0 at (0,1) and (1,0), and not at (0,0) and (1,1): both pairs have one midpoint.
    sums = [
        sum(p[i] for p, t in zip(BITS, table, strict=True) if t == k)
        for k in (0, 1)
        for i in (0, 1)
    ]
    proof.equal("the ones and the zeros have the same sum", sums[:2], sums[2:])
    tensors = {
        "dense1.weight": [[1, 1], [1, 1]],
        "dense1.bias": [0, -1],
        "dense2.weight": [[1, -2]],
    }
    found = [float(ran("2 dense:2 relu dense:1", x, tensors)[0]) for x in BITS]
    proof.equal("two hidden ReLUs of the engine", [float(t) for t in table], found)
    line = [float(ran("2 dense:2 dense:1", x, tensors)[0]) for x in BITS]
    linear = sum(int(y > 0.5) == t for y, t in zip(line, table, strict=True))
    proof.at_most("points right without the ReLU", 3, linear)


def target(x: float) -> float:
    """A wave with a kink, to be approximated on [0, 1]."""
    return sin(2 * pi * x) + 0.5 * abs(x - 0.3)


def steps(units: int, steep: float = 40.0) -> dict[str, object]:
    """Weights of a net of steep sigmoids that climbs the target in as many steps."""
    edges = [i / units for i in range(units)]
    heights = [target((i + 0.5) / units) for i in range(units)]
    rises = [b - a for a, b in pairwise(heights)]
    return {
        "dense1.weight": [[steep * units]] * (units - 1),
        "dense1.bias": [-steep * units * edge for edge in edges[1:]],
        "dense2.weight": [rises],
        "dense2.bias": [heights[0]],
    }


def worst(line: str, tensors: dict[str, object], points: Sequence[float]) -> float:
    """How far a net is off the target at the worst of some points."""
    return max(
        abs(float(y) - target(x)) for x, y in zip(points, curve(line, tensors, points), strict=True)
    )


def curve(line: str, tensors: dict[str, object], points: Sequence[float]) -> Array:
    """A net of one input at many points."""
    import numpy as np

    from dlcalc.answers.network import load_line
    from dlcalc.engine.program import Program

    start, net = load_line(line)
    assert start.sizes == (1,)
    program = Program(net, (1,), batch=len(points))
    for name, value in tensors.items():
        program.tensors[name].value[...] = value
    program.input.data[:, 0] = np.asarray(points)
    found: Array = program.forward()[:, 0].copy()
    return found


@claim(
    "universal-approximation",
    title="One hidden layer approximates any continuous function, given enough units",
    chinese="万能近似定理",
    terms=("通用近似定理", "universal approximation"),
    sources=[
        ("000", "universal approximation"),
        ("004", "activation functions"),
        ("001", "neural networks"),
    ],
    statement="""One hidden layer of sigmoids and a linear output come as near to a continuous
        function on a bounded domain as you like, with enough units: twice the steps, half the
        error. It says that such weights exist, not how to find them, nor anything beyond the
        domain.""",
    statement_chinese="""在有界区域上，一个 sigmoid 隐藏层加线性输出，只要单元够多，
        就能任意逼近连续函数：台阶数加倍，误差减半。定理只说这样的权值存在，不说如何找到，
        也不管区域之外。""",
    verdict=CONDITIONS,
    conditions="""The domain is bounded and there are units enough. With a fixed number of them,
        or outside the domain, the error does not become small.""",
    formula="sum(v[i]*sigmoid(w[i]*x + b[i]) for i in range(n)) + c",
    commands=["dlcalc params 1 dense:80 sigmoid dense:1"],
)
def universal_approximation(proof: Proof) -> None:
    grow = proof.subject("the units, twice as many each time", [5, 10, 20, 40, 80], [5] * 5)
    # Where one step goes over into the next the sigmoids are halfway: the middles are between.
    inside = [i / 997 for i in range(998)]
    errors = [worst(f"1 dense:{n - 1} sigmoid dense:1", steps(n), inside) for n in grow]
    for n, before, after in zip(grow[1:], errors, errors[1:], strict=False):
        proof.at_most(f"worst error at {n} steps over that at half", 0.65, after / before, INSIDE)
    few = worst("1 dense:4 sigmoid dense:1", steps(5), inside)
    proof.at_least("worst error of 5 steps, however long one waits", 0.3, few, OUTSIDE)
    beyond = [1.75, 2.25, 2.75]
    far = worst("1 dense:79 sigmoid dense:1", steps(80), beyond)
    proof.at_least("worst error of 80 steps beyond the domain", 0.5, far, OUTSIDE)


def fit(columns: list[Callable[[float], float]], points: Sequence[float]) -> float:
    """The root mean square error of the best linear combination of functions."""
    import numpy as np

    a = np.array([[f(x) for f in columns] for x in points])
    y = np.array([target(x) for x in points])
    best = np.linalg.lstsq(a, y, rcond=None)[0]
    return float(np.sqrt(((a @ best - y) ** 2).mean()))


@claim(
    "uat-any-nonlinear-activation",
    title="Not every activation that bends approximates everything",
    chinese="任意非线性激活都可万能近似",
    terms=("至少一个非线性隐藏层", "多项式激活"),
    sources=[("004", "activation functions")],
    statement="""Printed: any hidden layer that is not linear suffices to approximate everything.
        With squares for activations every net of one hidden layer is a quadratic, whatever its
        width. What is needed is an activation that is no polynomial, such as ReLU or sigmoid.""",
    statement_chinese="""原文说只要有一个非线性隐藏层即可逼近任何函数。若激活函数是平方，
        单隐层网络不论多宽都只是二次函数。需要的是非多项式的激活函数，如 ReLU 或 sigmoid。""",
    verdict=ERRATUM,
    formula="(w*x + b)**2 == w**2*x**2 + 2*w*b*x + b**2",
    commands=["dlcalc grad '(w*x + b)^2' --wrt x --order 3"],
)
def uat_any_nonlinear_activation(proof: Proof) -> None:
    def square(z: float) -> float:
        return z * z

    def rectified(z: float) -> float:
        return max(0.0, z)

    def sigmoid(z: float) -> float:
        return 1 / (1 + exp(-z))

    points = [i / 100 for i in range(101)]
    random = proof.random()
    weights = [(float(w), float(b)) for w, b in random.normal(0, 8, (64, 2))]

    def error(f: Callable[[float], float], width: int) -> float:
        units = [lambda x, w=w, b=b: f(w * (x - 0.5) + b / 2) for w, b in weights[:width]]
        return fit([*units, lambda x: 1.0], points)

    bent = proof.subject("the activation that bends", square, rectified)
    quadratic = fit([lambda x: 1.0, lambda x: x, lambda x: x * x], points)
    for width in (4, 16, 64):
        found = error(bent, width)
        name = f"{width} squares come nearer than the best quadratic"
        proof.fails(name, found < quadratic - 1e-6, f"{found:.6f} and {quadratic:.6f}", PRINTED)
    for name, f in (("ReLU", rectified), ("sigmoid", sigmoid)):
        proof.at_most(f"64 units of {name}, error", 0.1, error(f, 64), RIGHT)


def kinks(y: Array) -> int:
    """Straight pieces of a curve on an even grid: a kink shows in one or two differences."""
    import numpy as np

    bent = np.abs(np.diff(y, 2)) > 1e-9 * max(1.0, float(np.abs(y).max()))
    return 1 + int(bent[0]) + int((bent[1:] & ~bent[:-1]).sum())


@claim(
    "relu-net-piecewise-linear",
    title="A ReLU net is made of straight pieces",
    chinese="分片线性函数",
    terms=("分段线性", "ReLU 网络", "piecewise linear"),
    sources=[("001", "activation functions"), ("004", "ReLU")],
    statement="""A net of ReLUs is linear between its kinks. With one input, a hidden layer of H
        units bends at most once for each, which makes at most H + 1 pieces.""",
    statement_chinese="""ReLU 网络在相邻转折点之间是线性的。输入为一维时，
        含 H 个单元的隐藏层每个单元至多带来一个转折，故至多 H + 1 段。""",
    verdict=HOLDS,
    formula="pieces <= H + 1",
    commands=["dlcalc activation relu --plot"],
)
def relu_net_piecewise_linear(proof: Proof) -> None:
    name = proof.subject("the activation", "relu", "tanh")
    points = [i / 1000 - 20 for i in range(40001)]
    for h in (4, 8, 16, 32):
        program = trial(f"1 dense:{h} {name} dense:1", proof.random(h), batch=1)
        tensors: dict[str, object] = {n: t.value for n, t in program.tensors.items()}
        y = curve(f"1 dense:{h} {name} dense:1", tensors, points)
        proof.at_most(f"pieces of {h} units, from the curve", h + 1, kinks(y))
        w, b = (program.tensors[f"dense1.{n}"].value.ravel() for n in ("weight", "bias"))
        where = sorted(-float(c / v) for v, c in zip(w, b, strict=True) if abs(c / v) < 20)
        apart = min((b - a for a, b in pairwise(where)), default=1) > 0.003
        # Bends that are too near or too slight are not to be told on the grid.
        bends = abs(w * program.tensors["dense2.weight"].value.ravel())
        if where and apart and bends.min() > 1e-3:
            proof.equal("one for each unit that turns there", len(where) + 1, kinks(y))


@claim(
    "depth-multiplies-linear-pieces",
    title="Depth multiplies the pieces of a ReLU net, width adds them",
    chinese="网络越深表达能力越强",
    terms=("深度 表达能力", "帐篷映射", "线性段数"),
    sources=[("000", "deep networks"), ("004", "ReLU")],
    statement="""Two ReLUs make a tent, 2*relu(x) - 4*relu(x - 1/2); in a chain of L tents each
        layer folds the interval once more, so 2L units make 2^L pieces. Side by side in one
        layer 2L units make 2L + 1 at most.""",
    statement_chinese="""两个 ReLU 组成帐篷函数 2relu(x) - 4relu(x - 1/2)；串联 L 个，
        每层把区间再对折一次，2L 个单元得 2^L 段。并列在同一层时，2L 个单元至多 2L + 1 段。""",
    verdict=HOLDS,
    formula="2**L > 2*L + 1 if L > 2 else True",
    commands=["dlcalc params 1 dense:2 relu dense:2 relu dense:2 relu dense:1"],
)
def depth_multiplies_linear_pieces(proof: Proof) -> None:
    fold = proof.subject("the slope behind the fold", -4.0, -2.0)
    for depth in (1, 2, 3, 6, 10):
        line = "1" + " dense:2 relu dense:1" * depth
        tensors: dict[str, object] = {}
        for i in range(depth):
            tensors[f"dense{2 * i + 1}.weight"] = [[1], [1]]
            tensors[f"dense{2 * i + 1}.bias"] = [0, -0.5]
            tensors[f"dense{2 * i + 2}.weight"] = [[2, fold]]
        parts = 4 * 2**depth
        y = curve(line, tensors, [i / parts for i in range(parts + 1)])
        proof.equal(f"{depth} tents: pieces", 2**depth, kinks(y))
        turned = [1 - abs(2 * (i / parts * 2 ** (depth - 1) % 1) - 1) for i in range(parts + 1)]
        off = max(abs(a - float(b)) for a, b in zip(turned, y, strict=True))
        proof.near("off the wave in closed form", 0, off, 1e-9)
        if depth > 2:
            proof.at_least("against one layer of as many units", 2 * depth + 2, kinks(y))
