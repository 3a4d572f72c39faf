"""Back-propagation through time: its sum, its products, what vanishes and what explodes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dlcalc.answers.forward import forward
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def states(w: float, inputs: list[float], start: float = 0.0) -> list[float]:
    """The states of one tanh unit, by ``dlcalc forward``."""
    given = {"rnn1.weight_ih_l0": [[1.0]], "rnn1.weight_hh_l0": [[w]], "rnn1.h0_l0": [start]}
    found: Any = forward([[x] for x in inputs], "rnn:1,bias=no", set=given).value
    return [each[0] if isinstance(each, list) else each for each in found]


def terms(w: float, inputs: list[float], start: float = 0.0) -> list[float]:
    """The parts of ds_T/dw, one for each step: the immediate slope times those behind it."""
    found = states(w, inputs, start)
    slopes = [1 - s * s for s in found]
    before = [start, *found[:-1]]
    return [
        slopes[k] * before[k] * math.prod(w * slope for slope in slopes[k + 1 :])
        for k in range(len(found))
    ]


def measured(w: float, inputs: list[float], start: float = 0.0) -> float:
    """ds_T/dw by differences of ``dlcalc forward``."""
    high, low = states(w + 1e-5, inputs, start)[-1], states(w - 1e-5, inputs, start)[-1]
    return (high - low) / 2e-5


@claim(
    "bptt-sum-over-time",
    title="Through time the gradient of a shared weight is a sum",
    chinese="BPTT 随时间反向传播",
    terms=("时间上求和", "梯度之和"),
    sources=[("000", "RNN"), ("004", "BPTT")],
    statement="""A weight shared over time gets the sum of what each step contributes: the immediate
        slope at step k times the slopes of all steps behind it. Leave out the earlier steps,
        and the gradient is wrong, unless they had no state to carry.""",
    statement_chinese="""各时刻共享的权值，其梯度是各步贡献之和：第 k 步的直接导数
        乘以其后各步的导数。漏掉早先各步，梯度就不对。""",
    verdict=CONDITIONS,
    conditions="""The factors behind step k are the slopes of one step to the next, and all
        steps are summed; the newest alone is the gradient only for a first step.""",
    formula="sum(immediate[k]*prod(slopes[k + 1:]))",
    commands=["dlcalc forward 1,-1,2 rnn:1,bias=no --trace"],
)
def bptt_sum_over_time(proof: Proof) -> None:
    inputs = proof.random().normal(size=6).tolist()
    for w in (0.8, -1.3):
        found = sum(terms(w, inputs))
        proof.near(f"the sum at w = {w}, by differences", measured(w, inputs), found, 1e-8, INSIDE)
    newest = proof.subject("how many steps are summed", 1, 6)
    short = sum(terms(0.8, inputs)[-newest:])
    right = abs(short - measured(0.8, inputs)) < 1e-6
    proof.fails(f"the newest {newest} of 6 terms are enough", right, short, OUTSIDE)


@claim(
    "bptt-product-index",
    title="The product through time runs over neighbouring steps",
    chinese="∏ ∂s_t/∂s_k 连乘下标",
    terms=("雅可比连乘", "BPTT 公式 勘误", "∂s_j/∂s_{j-1}"),
    sources=[("004", "BPTT formula")],
    statement="""Printed: a product over j of ds_t/ds_k, the same factor each time. It is the
        product of ds_j/ds_(j-1) over the steps from k + 1 to t, times the immediate
        derivative of s_k by
        W.""",
    statement_chinese="""原文写成对 j 连乘 ∂s_t/∂s_k，各因子相同。
        应为从 k+1 到 t 连乘 ∂s_j/∂s_{j-1}，再乘以 s_k 对 W 的直接导数。""",
    verdict=ERRATUM,
    formula="prod(w*slope for slope in slopes[k + 1:])",
    commands=["dlcalc forward 1,1,1,1 rnn:1,bias=no --trace"],
)
def bptt_product_index(proof: Proof) -> None:
    inputs, w = [1.0, -0.5, 0.3, 0.8], 0.8
    found = states(w, inputs)
    slopes = [1 - s * s for s in found]
    before = [0.0, *found[:-1]]
    repeated = proof.subject("ds_t/ds_k as often as there are steps between", True, False)
    printed = 0.0
    for k in range(4):
        between = math.prod(w * slope for slope in slopes[k + 1 :])
        printed += slopes[k] * before[k] * between ** (3 - k if repeated and k < 3 else 1)
    true = measured(w, inputs)
    proof.differs("ds_4/dw as printed", printed, true, 1e-4)
    proof.near("ds_4/dw by neighbouring steps", true, sum(terms(w, inputs)), 1e-8, RIGHT)


@claim(
    "bptt-three-steps-at-t4",
    title="At step 4 the gradient goes back three steps",
    chinese="t=4 向后传递三步",
    terms=("BPTT 步数",),
    sources=[("004", "BPTT")],
    tier=2,
    statement="""The gradient at t = 4 has terms from the steps 4, 3, 2 and 1: one of its own and
        three that go back. A term for k = 0 would be 0, since the first state is a constant.""",
    statement_chinese="""t=4 时的梯度含第 4、3、2、1 步的项：自身一项，向后三项；
        k=0 的项为 0，因为初始状态是常数。""",
    verdict=HOLDS,
    formula="[4 - k for k in (1, 2, 3, 4)]",
    commands=["dlcalc forward 1,-1,2,1 rnn:1,bias=no --trace"],
)
def bptt_three_steps_at_t4(proof: Proof) -> None:
    inputs, w = [1.0, -0.5, 0.3, 0.8], 0.8
    back = proof.subject("how many steps it goes back", 3, 2)
    found = terms(w, inputs, 0.4)
    total = sum(found[3 - back :])
    proof.near("terms 1 to 4 by differences", measured(w, inputs, 0.4), sum(found), 1e-8)
    proof.equal("terms", 4, len(found[3 - back :]))
    proof.near("their sum", sum(found), total, 1e-12)


@claim(
    "rnn-w-above-one-explodes",
    title="The spectrum of W decides, not the size of its entries",
    chinese="W 大于 1 爆炸",
    terms=("梯度爆炸", "谱半径", "特征值"),
    sources=[("000", "RNN problems")],
    statement="""For a single weight powers above 1 explode and below 1 vanish: 1.1**50 is 117,
        0.9**50 is 0.005. For a matrix the eigenvalues decide: a 4x4 of entries 0.5 grows
        like 2**n, and [[2, -2], [2, -2]] squared is 0.""",
    statement_chinese="""单个权值大于 1 时幂次爆炸、小于 1 时消失：1.1^50=117，0.9^50=0.005。
        矩阵则由特征值决定：元素全为 0.5 的 4x4 按 2^n 增长，[[2,-2],[2,-2]] 的平方为 0。""",
    verdict=CONDITIONS,
    conditions="""W is a single number, or its spectral radius is meant; times the slope of the
        activation.""",
    formula="1.1**50, 0.9**50",
    commands=["dlcalc forward 1,0,0,0 rnn:1,bias=no --set rnn1.weight_hh_l0=1.1"],
)
def rnn_w_above_one_explodes(proof: Proof) -> None:
    import numpy

    power = numpy.linalg.matrix_power
    for w in (0.9, 1.1):
        # So small a state is hardly bent by tanh: its slope is 1.
        inputs = [1e-6, *[0.0] * 50]
        left = states(w, inputs)[-1] / 1e-6
        proof.near(f"what is left of 1 after 50 steps of {w}", w**50, left, 1e-6 * w**50, INSIDE)
    half = numpy.full((4, 4), 0.5)
    grown = float(numpy.linalg.norm(power(half, 50), 2))
    radius = max(abs(numpy.linalg.eigvals(half)))
    doublings = 50 * math.log2(radius)
    proof.near("its doublings in 50 steps", doublings, math.log2(grown), 1e-6, OUTSIDE)
    proof.fails("entries below 1 vanish", grown < 1, grown, OUTSIDE)
    entry = proof.subject("the sign of the second column", -2.0, 2.0)
    nilpotent = numpy.array([[2.0, entry], [2.0, entry]])
    size = float(numpy.linalg.norm(power(nilpotent, 2)))
    proof.fails("entries above 1 in size explode", size > 1, size, OUTSIDE)


@claim(
    "rnn-near-gradient-dominates",
    title="In a sigmoid network near steps dominate the gradient",
    chinese="梯度被近距离主导",
    terms=("RNN 梯度消失", "长期依赖", "远距离梯度"),
    sources=[("004", "BPTT note"), ("000", "RNN problems")],
    statement="""That a recurrent network's gradient vanishes means that the far terms do, while
        the near ones stay: with sigmoid, whose slope is at most 1/4, and |W| <= 2 a term ten steps
        back is at most a thousandth of its immediate slope, and the last ten are nearly all.""",
    statement_chinese="""RNN 梯度消失的真正含义是远处各项消失、近处各项仍在：
        sigmoid 的导数不超过 1/4，|W|≤2 时十步之前的项至多剩千分之一，最近十步几乎就是全部。""",
    verdict=HOLDS,
    formula="(2/4)**10",
    commands=["dlcalc forward 1,-1,2 rnn:1,bias=no,act=sigmoid --trace"],
)
def rnn_near_gradient_dominates(proof: Proof) -> None:
    slope = proof.subject("the slope of sigmoid", 1.0, 5.0)
    inputs = proof.random().normal(size=50).tolist()
    for w in (0.5, 2.0):
        found = _sigmoid_states(w, inputs)
        slopes = [slope * s * (1 - s) for s in found]
        before = [0.0, *found[:-1]]
        parts = [
            slopes[k] * before[k] * math.prod(w * each for each in slopes[k + 1 :])
            for k in range(50)
        ]
        ends = [_sigmoid_states(w + side * 1e-5, inputs)[-1] for side in (1, -1)]
        proof.near(f"their sum at w = {w}", (ends[0] - ends[1]) / 2e-5, sum(parts), 1e-8)
        share = sum(abs(part) for part in parts[-10:]) / sum(abs(part) for part in parts)
        proof.at_least(f"share of the last ten at w = {w}", 0.99, share)
        proof.at_most("the factor ten steps back", (w / 4) ** 10, _factor(w, slopes))


def _sigmoid_states(w: float, inputs: list[float]) -> list[float]:
    given = {"rnn1.weight_ih_l0": [[1.0]], "rnn1.weight_hh_l0": [[w]]}
    found: Any = forward([[x] for x in inputs], "rnn:1,bias=no,act=sigmoid", set=given).value
    return [each[0] if isinstance(each, list) else each for each in found]


def _factor(w: float, slopes: list[float]) -> float:
    return math.prod(w * each for each in slopes[-10:])
