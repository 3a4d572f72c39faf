"""Back-propagation as a method: what it is, how errors go back, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from dlcalc.answers.grad_net import grad_net
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.notes_net import TARGET, flat, numbers, slope, told
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array
    from dlcalc.engine.program import Program

Unit = Callable[[int, int], float]
Keep = Callable[[Unit], Unit]


@claim(
    "backprop-is-sgd",
    title="Back-propagation finds the gradient; descent uses it",
    chinese="反向传播本质是随机梯度下降",
    terms=("BP 算法", "反向传播与梯度下降"),
    sources=[("001", "BP"), ("003", "back-propagation")],
    statement="""Printed: back-propagation is stochastic gradient descent, and is the update of the
        weights. It is the chain rule, draws nothing and leaves the weights alone: it makes
        the gradient that descent, stochastic or not, and Adam then use.""",
    statement_chinese="""原文说反向传播本质上就是随机梯度下降，又把权值更新本身叫作反向传播。
        反向传播只是用链式法则求梯度，既不随机也不改变权值；梯度下降、SGD、Adam 再去使用该梯度。""",
    verdict=ERRATUM,
    formula="w_new = w - lr*gradient",
    commands=[
        "dlcalc grad --net 2-2-2 --at notes",
        "dlcalc step --weights 0.4 --grad 0.0821670406 --lr 0.5",
        "dlcalc step --weights 0.4 --grad 0.0821670406 --lr 0.5 --optimizer adam",
    ],
)
def backprop_is_sgd(proof: Proof) -> None:
    from dlcalc.answers.step import step
    from dlcalc.concepts.measure import trial

    def only(program: Program) -> Array:
        return program.backward().copy()

    def and_move(program: Program) -> Array:
        program.parameters[...] -= 0.5 * program.backward()
        return program.gradient.copy()

    backward = proof.subject("what back-propagation does", only, and_move)
    program = trial("3 dense:4 tanh dense:2", proof.random(), batch=6)
    before = program.parameters.copy()
    program.forward()
    first = backward(program)
    again = backward(program)
    moved = float(abs(program.parameters - before).max())
    proof.fails("back-propagation moves the weights", moved > 0, f"by {moved:g}")
    proof.fails("a second run gives another gradient", bool((first != again).any()))
    closed = slope((3, 1, 1))
    proof.near("its gradient by a complex step", closed, told("w[3,1,1]"), 1e-12, RIGHT)
    for name, expected in (("sgd", 0.4 - 0.5 * closed), ("adam", 0.4 - 0.5)):
        value = step(weights=[0.4], grad=[closed], lr=0.5, optimizer=name).value
        proof.near(f"the weight after a step of {name}", expected, value[0], 1e-6, RIGHT)  # type: ignore[index]


def split(w: list[list[int]], e: list[Fraction], by: str) -> list[Fraction]:
    """Output errors shared among hidden units by weights over the sum of a row or a column."""
    rows = [sum(row) for row in w]
    columns = [sum(column) for column in zip(*w, strict=True)]
    below = [rows, rows] if by == "row" else [[column] * 2 for column in columns]
    return [w[0][k] * e[0] / below[k][0] + w[1][k] * e[1] / below[k][1] for k in (0, 1)]


#: w[j][k] leads to output j from hidden unit k.
W = [[1, 2], [3, 4]]


@claim(
    "error-split-proportional",
    title="Sharing an error by weights divides by what reaches the output",
    chinese="误差按权值分配",
    terms=("误差反向传播 分母", "w11+w21"),
    sources=[("003", "error back-propagation")],
    statement="""Printed: the shares of an output's error are divided by w11 + w21 and w12 + w22.
        With w[j,k] to output j from hidden unit k the weights that reach an output are
        w11 + w12 and w21 + w22; only these keep the sum of the errors.""",
    statement_chinese="""原文分配误差时的分母为 w11+w21 与 w12+w22。
        若 w[j,k] 由隐藏单元 k 通向输出 j，进入同一输出的权值之和是
        w11+w12 与 w21+w22；只有这样误差总和才不变。""",
    verdict=ERRATUM,
    formula="e_h1 == w11/(w11 + w12)*e_o1 + w21/(w21 + w22)*e_o2",
    commands=["dlcalc grad --net 2-2-2 --activation identity"],
)
def error_split_proportional(proof: Proof) -> None:
    by = proof.subject("the denominators of the text", "column", "row")
    for name, e in (("1, 0", [1, 0]), ("0, 1", [0, 1]), ("2, 1", [2, 1])):
        errors = [Fraction(x) for x in e]
        printed, right = split(W, errors, by), split(W, errors, "row")
        quantity = f"errors {name} keep their sum of {sum(e)}"
        proof.fails(quantity, sum(printed) == sum(e), f"they become {sum(printed)}")
        proof.equal(quantity, Fraction(sum(e)), sum(right), RIGHT)
    shares = [str(x) for x in split(W, [Fraction(1), Fraction(1)], "row")]
    proof.equal("errors 1, 1 are shared as", ["16/21", "26/21"], shares, RIGHT)


@claim(
    "error-split-drop-denominator",
    title="Without its denominators the split is another rule",
    chinese="去掉分母不破坏比例",
    terms=("误差分配 去掉分母",),
    tier=2,
    sources=[("003", "error back-propagation")],
    statement="""Printed: the denominators may be dropped, since the proportions stay. They do
        not: 16 to 26 becomes 4 to 6, and for errors 1/2 and -1/4 even a sign changes. The
        transposed weights come from the chain rule, not from the split.""",
    statement_chinese="""原文说去掉分母不破坏比例。其实比例会变：16 比 26 变成 4 比 6，
        误差为 1/2 与 -1/4 时连符号都变。转置权值来自链式法则，而不是来自误差分配。""",
    verdict=ERRATUM,
    formula="dE/da2 == W.T @ delta",
    commands=["dlcalc grad 'sum((W@x - y)^2)/2' --wrt x --shape W=nxm,x=m,y=n"],
)
def error_split_drop_denominator(proof: Proof) -> None:
    for e in ([Fraction(1), Fraction(1)], [Fraction(1, 2), Fraction(-1, 4)]):
        shared = split(W, e, "row")
        plain = [W[0][k] * e[0] + W[1][k] * e[1] for k in (0, 1)]
        printed = proof.subject("the rule without denominators", plain, [5 * x for x in shared])
        same = shared[0] * printed[1] == shared[1] * printed[0]
        quantity = f"{shared[0]} to {shared[1]} stays in proportion"
        proof.fails(quantity, same, f"{printed[0]} to {printed[1]}")
        # Halves of squares are quadratic, so central differences are exact.
        x, y = [Fraction(3), Fraction(5)], [13 - e[0], 29 - e[1]]

        def half(x: list[Fraction], y: list[Fraction] = y) -> Fraction:
            return sum(
                ((W[j][0] * x[0] + W[j][1] * x[1] - y[j]) ** 2 / 2 for j in (0, 1)), Fraction(0)
            )

        moved = [half([x[0] + d, x[1]]) - half([x[0] - d, x[1]]) for d in (Fraction(1, 2),)]
        moved += [half([x[0], x[1] + d]) - half([x[0], x[1] - d]) for d in (Fraction(1, 2),)]
        proof.equal("the chain rule gives W.T @ e", plain, moved, RIGHT)


@claim(
    "delta-recursion-needs-derivative",
    title="Errors go back through the transposed weights and the slopes",
    chinese="误差反向传播 e_h = (W^3)^T e_o",
    terms=("误差反向传播矩阵形式", "delta 递推"),
    sources=[("003", "error back-propagation")],
    statement="""The error of a hidden layer is the transposed weights times the errors of the
        next layer, times the slope of its own activation. Without the slopes, as the plain
        rule W.T e has it, it is a gradient only if the units are linear.""",
    statement_chinese="""隐藏层的误差等于转置权值乘下一层的误差，再乘本层激活函数的斜率。
        若没有斜率（即 W.T e），只有在单元为线性时才是梯度。""",
    verdict=CONDITIONS,
    conditions="""Both deltas have the slope of their activation, a(1 - a) for a sigmoid, and the
        signed error a - y. Without them 0.188 stands for 0.00877.""",
    formula="delta2 = (W3.T @ delta3)*a2*(1 - a2)",
    commands=["dlcalc grad --net 2-2-2 --at notes"],
)
def delta_recursion_needs_derivative(proof: Proof) -> None:
    n = numbers()
    sloped = proof.subject("the slopes in the recursion", True, False)
    told_b2 = next(a for a in grad_net("2-2-2", at="notes").answers if a.symbol == "dE/db2").value
    for k in (1, 2):
        plain = recursion = 0.0
        for j in (1, 2):
            a = n[f"a[3,{j}]"]
            plain += n[f"w[3,{j},{k}]"] * (a - TARGET[j - 1])
            recursion += n[f"w[3,{j},{k}]"] * (a - TARGET[j - 1]) * (flat(a) if sloped else 1)
        recursion *= flat(n[f"a[2,{k}]"]) if sloped else 1
        true = slope((2, k, 0))
        proof.near(f"dE/db[2,{k}] by the recursion", recursion, true, 1e-12, INSIDE)
        proof.near("the same by dlcalc grad", true, told_b2[k - 1], 1e-12, INSIDE)  # type: ignore[index]
        proof.differs(f"W.T e for dE/db[2,{k}]", plain, true, 1e-3, OUTSIDE)


@claim(
    "backprop-reuses-subexpressions",
    title="Shared factors make back-propagation cheap",
    chinese="公式中重复的部分",
    terms=("反向传播 重复计算", "公共子表达式"),
    sources=[("003", "chain rule")],
    statement="""The gradients of all weights share most of their factors. One backward pass
        computes each factor once: its work grows with the weights as a forward pass does,
        where a difference for each weight needs two forward passes a weight.""",
    statement_chinese="""各权值的梯度有大量公共因子。一次反向传播只把每个因子算一遍，
        计算量与一次前向传播同阶；而逐个权值做差分，每个权值都要两次前向传播。""",
    verdict=HOLDS,
    formula="delta2 = (W3.T @ delta3)*a2*(1 - a2)",
    commands=["dlcalc grad --net 2-2-2", "dlcalc grad --net 2-2-2 --wrt 'w[2,1,1]'"],
)
def backprop_reuses_subexpressions(proof: Proof) -> None:
    from functools import cache

    keep: Keep = proof.subject("what is kept between the weights", cache, lambda function: function)
    for depth in (2, 4, 6):
        told, engine, units = _gradients(depth, keep, proof)
        apart = max(abs(x - y) for x, y in zip(told, engine, strict=True))
        proof.at_most(f"{depth} layers: factors apart from the engine's gradient", 1e-12, apart)
        proof.at_most(f"{depth} layers of 2: factors worked out, all weights", 4 * depth + 2, units)
        alone = _gradients(depth, lambda function: function, proof)[2]
        proof.at_least("the same, each weight by itself", 3 * units, alone)
        differences = 2 * len(told) * 2 * depth
        proof.at_least("units of two forward passes a weight", 3 * units, differences)


def _gradients(depth: int, keep: Keep, proof: Proof) -> tuple[list[float], list[float], int]:
    """All gradients of a net of tanh by recursion, by the engine, and how many calls it took."""
    from math import tanh

    from dlcalc.concepts.measure import trial

    line = "2" + " dense:2,bias=no tanh" * depth
    program = trial(line, proof.random(depth), batch=1)
    program.forward()
    engine = [float(x) for x in program.backward()]
    w = program.parameters.reshape(depth, 2, 2).tolist()
    x, error = program.input.data[0].tolist(), program.output.cotangent[0].tolist()
    calls = []

    @keep
    def a(layer: int, j: int) -> float:
        calls.append("a")
        if not layer:
            return float(x[j])
        return tanh(sum(w[layer - 1][j][k] * a(layer - 1, k) for k in (0, 1)))

    @keep
    def delta(layer: int, j: int) -> float:
        calls.append("delta")
        after = [w[layer][i][j] * delta(layer + 1, i) for i in (0, 1)] if layer < depth else ()
        return float((sum(after) if after else error[j]) * (1 - a(layer, j) ** 2))

    told = [
        delta(layer, j) * a(layer - 1, k)
        for layer in range(1, depth + 1)
        for j in (0, 1)
        for k in (0, 1)
    ]
    return told, engine, len(calls)


@claim(
    "backprop-matches-finite-differences",
    title="Back-propagation equals numerical gradients in every layer",
    chinese="梯度检验",
    terms=("梯度检查", "数值梯度", "gradient check"),
    sources=[("003", "back-propagation"), ("001", "BP")],
    statement="""Back-propagation is exact: in dense, convolution, pooling, batch-normalisation and
        recurrent layers its gradient is what central differences of the forward pass find,
        as far as rounding lets them.""",
    statement_chinese="""反向传播是精确的：对全连接、卷积、池化、批归一化和循环层，
        其梯度都与前向传播的中心差分一致，误差只来自舍入。""",
    verdict=HOLDS,
    formula="(L(w + h) - L(w - h))/(2*h)",
    commands=[
        "dlcalc forward '[[1,2,3],[4,5,6],[7,8,10]]' conv:2,k2 tanh flatten dense:1 --seed 1"
        " --backward mse --target 0 --verify"
    ],
    budget=4.0,
)
def backprop_matches_finite_differences(proof: Proof) -> None:
    import numpy as np

    from dlcalc.concepts.measure import trial

    whole = proof.subject("the backward pass", True, False)
    for line in (
        "3 dense:4 sigmoid dense:2",
        "1x5x5 conv:2,k3 tanh",
        "1x4x4 conv:2,k3,p1 maxpool:2",
        "1x4x4 conv:2,k3,p1 avgpool:2,s1",
        "3 dense:3 batchnorm tanh",
        "3x2 rnn:2",
        "3x2 lstm:2",
        "3x2 gru:2",
    ):
        program = trial(line, proof.random(), batch=3)
        program.forward()
        if not whole:
            # The last layer passes its errors on first.
            del program.backward_calls[0]
        gradient = program.backward().copy()
        weights, cotangent = program.parameters, program.output.cotangent
        found = np.zeros_like(gradient)
        for i in range(weights.size):
            value, sums = weights[i], []
            for weights[i] in (value + 1e-6, value - 1e-6):
                sums.append(float((program.forward() * cotangent).sum()))
            weights[i] = value
            found[i] = (sums[0] - sums[1]) / 2e-6
        proof.at_most(f"{line}: largest difference", 1e-7, float(np.abs(found - gradient).max()))
