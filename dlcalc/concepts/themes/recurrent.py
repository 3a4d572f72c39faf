"""Plain recurrent networks: the step, its parameters, sequences of any length."""

from __future__ import annotations

from math import tanh
from typing import Any

from dlcalc.answers.forward import forward
from dlcalc.answers.params import params
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof


@claim(
    "rnn-step-formula",
    title="The step of a recurrent network",
    chinese="RNN 公式",
    terms=("循环神经网络", "隐藏状态", "W_hh", "W_xh"),
    sources=[("000", "RNN"), ("001", "RNN"), ("002", "RNN"), ("004", "RNN")],
    statement="""The state is h = tanh(W_hh @ h + W_xh @ x), the output a function of V @ h. All
        notes leave out the bias: with one, the formula misses it.""",
    statement_chinese="""状态 h_t = tanh(W_hh·h_{t-1} + W_xh·x_t)，输出为 V·h_t 的函数。
        各版笔记都省略了偏置；有偏置时此式不全。""",
    verdict=CONDITIONS,
    conditions="The layer has no bias; with one, tanh(W_hh @ h + W_xh @ x + b) is right.",
    formula="tanh(u*h + w*x)",
    commands=["dlcalc forward 1,-1,2 rnn:1,bias=no --trace", "dlcalc params 7x28 rnn:128,bias=no"],
)
def rnn_step_formula(proof: Proof) -> None:
    inputs = (1.0, -1.0, 2.0)
    for part, bias in ((INSIDE, 0.0), (OUTSIDE, proof.subject("a bias", 0.5, 0.0))):
        given: dict[str, Any] = {
            "rnn1.weight_ih_l0": [[0.6]],
            "rnn1.weight_hh_l0": [[-0.9]],
        }
        given |= {"rnn1.bias_ih_l0": [bias], "rnn1.bias_hh_l0": [0.0]}
        found: Any = forward([[x] for x in inputs], "rnn:1", set=given).value
        h, whole = 0.0, 0.0
        for x in inputs:
            h, whole = tanh(-0.9 * h + 0.6 * x), tanh(-0.9 * whole + 0.6 * x + bias)
        own = _last(found)
        if part == INSIDE:
            proof.near("h after 3 steps", h, own, 1e-12, part)
        else:
            same = abs(h - own) < 1e-9
            proof.fails("the formula without bias is right beside one", same, own - h, part)
            proof.near("h with the bias", whole, own, 1e-12, part)


def _last(found: Any) -> float:
    """The last number of nested lists."""
    while isinstance(found, list):
        found = found[-1]
    return float(found)


@claim(
    "rnn-subscript-typo",
    title="W multiplies the state; the state is no subscript",
    chinese="下标错误",
    terms=("W_{S_{t-1}}", "RNN 公式 勘误"),
    sources=[("004", "RNN formula")],
    tier=2,
    statement="""Printed: W and V carry s as a subscript, as if there were a matrix for each state.
        They are products, W @ s and V @ s of matrix and vector: one W for all steps, with
        which the shapes fit.""",
    statement_chinese="""原文把 s 写成 W、V 的下标，仿佛每个状态各有一个矩阵。
        应为乘积 W·s_{t-1} 与 V·s_t：各时刻共用一个 W，形状才对得上。""",
    verdict=ERRATUM,
    formula="f1(U @ x + W @ s), f2(V @ s)",
    commands=["dlcalc params 7x3 rnn:4,bias=no", "dlcalc params 9x3 rnn:4,bias=no"],
)
def rnn_subscript_typo(proof: Proof) -> None:
    counts = [params(f"{time}x3 rnn:4,bias=no").value for time in (7, 9)]
    each = proof.subject("matrices W, if one for each state", 9, 1)
    printed = 4 * 3 + each * 4 * 4
    proof.differs("parameters with a W for each of 9 states", printed, int(str(counts[1])))
    proof.equal("parameters with one W, for 7 and for 9 steps", [4 * 3 + 4 * 4] * 2, counts, RIGHT)
    given = {"rnn1.weight_ih_l0": [[0.0]], "rnn1.weight_hh_l0": [[0.7]]}
    found = forward([[0.0]] * 2, "rnn:1,bias=no", set={**given, "rnn1.h0_l0": [0.5]}).value
    proof.near("s after 2 steps of W*s", tanh(0.7 * tanh(0.7 * 0.5)), _last(found), 1e-12, RIGHT)


@claim(
    "rnn-parameters-omit-w",
    title="W is learnt as well as U and V",
    chinese="U,V 为需要学习的参数",
    terms=("RNN 参数量", "遗漏 W"),
    sources=[("002", "RNN")],
    tier=2,
    statement="""Printed: the parameters to learn are U and V. The recurrent W is learnt too, and is
        the largest of them: of the 21,248 weights for 28 inputs, 128 units and 10 outputs W
        holds 16,384.""",
    statement_chinese="""原文说需要学习的参数是 U、V，漏了 W。W 同样要学习，而且最大：
        28 输入、128 单元、10 输出时共 21,248 个权值，W 占 16,384 个。""",
    verdict=ERRATUM,
    formula="28*128 + 128*128 + 128*10",
    commands=["dlcalc params 28x28 rnn:128,bias=no dense:10,bias=no"],
)
def rnn_parameters_omit_w(proof: Proof) -> None:
    total = int(str(params("28x28 rnn:128,bias=no dense:10,bias=no").value))
    w = proof.subject("the parameters of W left out", 0, 128 * 128)
    proof.differs("U and V alone", 28 * 128 + 128 * 10 + w, total)
    proof.equal("U, W and V", 28 * 128 + 128 * 128 + 128 * 10, total, RIGHT)
    moved = [_echo(u) for u in (0.5, 0.5001)]
    slope = (moved[1] - moved[0]) / 1e-4
    # After two steps h = tanh(w*x2 + u*tanh(w*x1)); its slope in u is what learning uses.
    exact = (1 - tanh(0.3 + 0.5 * tanh(0.3)) ** 2) * tanh(0.3)
    proof.near("the slope of the output in W", exact, slope, 1e-4, RIGHT)


def _echo(u: float) -> float:
    given = {"rnn1.weight_ih_l0": [[0.3]], "rnn1.weight_hh_l0": [[u]]}
    return _last(forward([[1.0], [1.0]], "rnn:1,bias=no", set=given).value)


@claim(
    "rnn-weight-sharing-variable-length",
    title="One set of weights for every step, so any length fits",
    chinese="共用权重 / 不定长输入",
    terms=("参数共享", "变长序列", "权值共享", "多对一 RNN"),
    sources=[("000", "RNN"), ("004", "RNN")],
    tier=2,
    statement="""U, W and V are the same at each step, so a recurrent network takes sequences of any
        length with the same parameters; only the size of each step's input is fixed.""",
    statement_chinese="""每一步共用 U、W、V，故参数量与序列长度无关，可处理任意长度；
        固定的只是每步输入的大小。""",
    verdict=HOLDS,
    formula="d*h + h*h + h",
    commands=["dlcalc params 3x2 rnn:8 last dense:1", "dlcalc params 12x2 rnn:8 last dense:1"],
)
def rnn_weight_sharing_variable_length(proof: Proof) -> None:
    net = proof.subject("a recurrent net", "rnn:8,biases=1 last dense:1", "flatten dense:1")
    counts = [params(f"{time}x2 {net}").value for time in (3, 7, 12)]
    proof.equal("parameters for 3, 7, 12 steps", [2 * 8 + 8 * 8 + 8 + 8 + 1] * 3, counts)
    given = {"rnn1.weight_ih_l0": [[0.6]], "rnn1.weight_hh_l0": [[-0.9]]}
    long: Any = forward([[1.0], [2.0], [3.0]], "rnn:1,bias=no", set=given)
    short: Any = forward([[1.0], [2.0]], "rnn:1,bias=no", set=given)
    proof.near("the state after 2 of 3 steps", _last(short.value), _last(long.value[1]), 1e-15)


@claim(
    "seq2seq-only-rnn",
    title="Feed-forward nets map sequences to sequences too",
    chinese="序列到序列",
    terms=("seq2seq", "因果卷积", "一维卷积"),
    sources=[("000", "RNN")],
    tier=2,
    statement="""Printed: only a recurrent network can map a sequence to a sequence. A convolution
        in time does too: kernel (1, 0) over a padded sequence repeats it one step late, for any
        length. What recurrence adds is a reach that no window bounds.""",
    statement_chinese="""原文说只有 RNN 能做序列到序列。时间上的卷积也能：
        核 (1, 0) 把序列延迟一步输出，长度任意。循环结构的优势在于记忆范围不受窗口限制。""",
    verdict=ERRATUM,
    formula="y[t] == x[t - 1]",
    commands=["dlcalc shape 1x9 conv1d:1,k2 --verify"],
)
def seq2seq_only_rnn(proof: Proof) -> None:
    kernel = proof.subject("the kernel", [[[1.0, 0.0]]], [[[0.0, 1.0]]])
    for length in (4, 9):
        x = proof.random(length).normal(size=length).tolist()
        given = {"conv1.weight": kernel}
        found: Any = forward([[0.0, *x]], "conv1d:1,k2,bias=no", set=given).value
        made = found[0] if isinstance(found[0], list) else found
        echo = [0.0, *x[:-1]]
        right = made == echo
        proof.fails(f"a convolution cannot delay {length} numbers", not right, part=PRINTED)
        proof.equal(f"the sequence of {length}, a step late", echo, made, RIGHT)
