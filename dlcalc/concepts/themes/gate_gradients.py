"""Gradients through an LSTM: the path of the cell state, other paths, growth."""

from __future__ import annotations

from math import exp
from typing import Any

from dlcalc.answers.step import step
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof
from dlcalc.concepts.themes.gates import sigmoid, traced


def cell_after(start: float, u: float, forget: float, steps: int, x: float = 0.0) -> float:
    """The cell state of an LSTM of one unit after some steps, by ``dlcalc forward``.

    ``u`` weighs h in the candidate alone; the forget gate has a bias.
    """
    tensors = {
        "weight_ih_l0": [[0.0], [0.0], [1.0], [0.0]],
        "weight_hh_l0": [[0.0], [0.0], [u], [0.0]],
        "bias_ih_l0": [0.0, forget, 0.0, 0.0],
        "bias_hh_l0": [0.0] * 4,
        "c0_l0": [start],
        "h0_l0": [0.0],
    }
    return traced("lstm:1", [x] * steps, tensors)[-1]["c"]


def growth(u: float, forget: float, steps: int, at: float = 0.0, x: float = 0.0) -> float:
    """dC_T/dC_0 by differences; so small a change stays in the linear part."""
    width = 1e-7 if at else 1e-12
    ends = [cell_after(at + side * width, u, forget, steps, x) for side in (1, -1)]
    return (ends[0] - ends[1]) / (2 * width)


@claim(
    "lstm-cell-path-gradient",
    title="Along the cell state a gradient is multiplied by the forget gates alone",
    chinese="C_{t-1}→C_t 梯度不会消失",
    terms=("细胞状态路径", "遗忘门偏置", "LSTM 梯度消失"),
    sources=[("004", "LSTM"), ("000", "LSTM")],
    statement="""Along the path C to C the derivative is f, so over many steps it is the product of
        the forget gates. Near 1 they carry a gradient far: with a bias of 5 half and more is
        left after 50 steps; at bias 0 it is 0.5**50, and the gradient vanishes.""",
    statement_chinese="""C_{t-1}→C_t 直接路径的导数就是 f，多步则为各遗忘门之积。
        f 接近 1 时梯度传得远：偏置为 5 时 50 步后仍剩一半以上；
        偏置为 0 时只剩 0.5^50，照样消失。""",
    verdict=CONDITIONS,
    conditions="The forget gates are near 1, as with a large bias; at 0.5 the path vanishes.",
    formula="(1/(1 + exp(-bias)))**50",
    commands=["dlcalc forward 0,0,0 lstm:1 --set lstm1.c0_l0=1 --trace"],
)
def lstm_cell_path_gradient(proof: Proof) -> None:
    shut = proof.subject("a small forget bias", 0.0, 5.0)
    for part, bias in ((INSIDE, 5.0), (OUTSIDE, shut)):
        # Without weights on h the direct path is the only one, and linear in the start.
        left = cell_after(1.0, 0.0, bias, 50)
        exact = sigmoid(bias) ** 50
        proof.near(f"dC_50/dC_0 at bias {bias:g}", exact, left, 1e-12 * exact + 1e-18, part)
        if part == INSIDE:
            proof.at_least("the gradient left", 0.5, left, part)
        else:
            proof.fails("the gradient is kept", left > 1e-10, left, part)


@claim(
    "lstm-path-sum",
    title="The whole gradient is the sum over all paths",
    chinese="各条路径梯度之和",
    terms=("路径之和", "梯度抵消"),
    sources=[("004", "LSTM")],
    tier=2,
    statement="""dC_T/dC_0 is the sum of the gradients along all paths, and one healthy path keeps
        it alive, unless others cancel it: with a negative weight on h the sum can be 0 though the
        direct path is 0.88**2.""",
    statement_chinese="""dC_T/dC_0 是各条路径梯度之和，有一条路径不消失通常就够了；
        但各路径可能抵消：h 的权值为负时，总和可以为 0，尽管直接路径为 0.88²。""",
    verdict=CONDITIONS,
    conditions="The other paths do not cancel the direct one.",
    formula="f**2 + f*i*u*o",
    commands=["dlcalc forward 0,0 lstm:1 --set lstm1.c0_l0=0.1 --trace"],
)
def lstm_path_sum(proof: Proof) -> None:
    f = sigmoid(2.0)
    # At the origin: C2 = f*C1 + i*u*h1 with h1 = o*C1, and i = o = 1/2.
    for u in (0.5, 2.0):
        proof.near(f"both paths, u = {u}", f * f + f * u / 4, growth(u, 2.0, 2), 1e-6, INSIDE)
        proof.at_least("no less than the direct path", f * f, growth(u, 2.0, 2), INSIDE)
    u = proof.subject("the weight that cancels", -4 * f, 1.0)
    total = growth(u, 2.0, 2)
    proof.fails(
        f"a direct path of {f * f:.3g} keeps the sum above 0.1", total > 0.1, total, OUTSIDE
    )


@claim(
    "lstm-may-explode",
    title="Gradients through an LSTM can explode",
    chinese="总的远距离梯度仍可能爆炸",
    terms=("LSTM 梯度爆炸",),
    sources=[("004", "LSTM")],
    statement="""The direct path never grows, but those through h may: near the origin each step
        multiplies by sigmoid(b_f) + u/4, which for u = 16 is 4.5, so 20 steps grow a gradient
        more than a million million fold.""",
    statement_chinese="""直接路径不会放大，但经过 h 的路径可以：在原点附近每步乘以 σ(b_f)+u/4，
        u=16 时为 4.5，20 步后梯度放大超过一万亿倍。""",
    verdict=HOLDS,
    contradicts=["gated-rnn-solves-explosion"],
    formula="0.5*(0.5 + u/4)**(steps - 1)",
    commands=["dlcalc forward 0,0,0 lstm:1 --set lstm1.c0_l0=0.001 --trace"],
)
def lstm_may_explode(proof: Proof) -> None:
    u = proof.subject("the weight on h", 16.0, 1.0)
    for steps in (3, 8):
        exact = 0.5 * (0.5 + u / 4) ** (steps - 1)
        proof.near(f"growth over {steps} steps", exact, growth(u, 0.0, steps), 1e-4 * exact)
    proof.at_least("growth over 8 steps", 1000, growth(u, 0.0, 8))
    proof.at_least("growth over 20 steps, by the formula", 1e12, 0.5 * (0.5 + u / 4) ** 19)


@claim(
    "lstm-explodes-less",
    title="An LSTM explodes later than a plain cell, if its forget gate is not wide open",
    chinese="LSTM 梯度爆炸可能性小得多",
    terms=("爆炸阈值",),
    sources=[("004", "LSTM")],
    tier=2,
    statement="""Near the origin a plain tanh cell grows by u at each step, an LSTM by
        sigmoid(b_f) + u/4: with b_f = 0 it explodes from u = 2 and the plain cell from 1, but
        with b_f = 5 already from about 0.03. The slope of tanh at 0 is 1, not below it.""",
    statement_chinese="""在原点附近，普通 tanh 单元每步放大 u 倍，LSTM 为 σ(b_f)+u/4：
        b_f=0 时 u>2 才爆炸（普通单元为 1），b_f=5 时约 0.03 就会。tanh'(0)=1，并不小于 1。""",
    verdict=CONDITIONS,
    conditions="The forget gate is not near 1; a large bias turns it round.",
    formula="1/(1 + exp(-b)) + u/4",
    commands=["dlcalc forward 0,0,0 lstm:1 --set lstm1.c0_l0=0.001 --trace"],
)
def lstm_explodes_less(proof: Proof) -> None:
    from dlcalc.concepts.themes.through_time import states

    wide = proof.subject("a forget gate wide open", 5.0, 0.0)
    for part, bias, u in ((INSIDE, 0.0, 1.5), (OUTSIDE, wide, 0.5)):
        lstm = growth(u, bias, 7) / growth(u, bias, 6)
        proof.near(f"LSTM's growth, u = {u}", sigmoid(bias) + u / 4, lstm, 1e-4, part)
        plain = states(u, [0.0], 1e-9)[-1] / 1e-9
        proof.near(f"plain cell's growth, u = {u}", u, plain, 1e-6, part)
        if part == INSIDE:
            proof.holds("only the plain cell explodes", lstm < 1 < plain, (lstm, plain), part)
        else:
            proof.fails("the LSTM does not explode", lstm < 1, (lstm, plain), part)


@claim(
    "gated-rnn-solves-explosion",
    title="Gates help against vanishing, not against explosion",
    chinese="门控 RNN 解决梯度消失或爆炸",
    terms=("门控 RNN", "梯度裁剪"),
    sources=[("001", "gated RNN")],
    tier=2,
    statement="""Printed: gated networks mainly solve vanishing or exploding gradients. Open gates
        ease vanishing alone: through h a gradient may still grow by 4.5 at each step. Against that
        one clips its norm.""",
    statement_chinese="""原文说门控 RNN 主要解决梯度消失或爆炸。开着的门只缓解消失；
        经过 h 的梯度每步仍可放大 4.5 倍，爆炸要靠梯度裁剪。""",
    verdict=ERRATUM,
    contradicts=["lstm-may-explode"],
    formula="g*min(1, bound/norm)",
    commands=["dlcalc step --weights 0 --grad 11390 --lr 1 --clip-norm 1"],
)
def gated_rnn_solves_explosion(proof: Proof) -> None:
    u = proof.subject("the weight on h", 16.0, 0.5)
    grown = growth(u, 0.0, 8)
    proof.fails("an LSTM's gradient stays bounded over 8 steps", grown < 100, grown, PRINTED)
    after: Any = step(weights=[0.0], grad=[grown], lr=1, clip_norm=1).value
    proof.near("the step with its norm clipped at 1", 1, abs(after[0]), 1e-12, RIGHT)
    plain = (1 - (1 - 2 / (1 + exp(1.0))) ** 2) ** 50
    open_ = cell_after(1.0, 0.0, 5.0, 50)
    proof.at_least("what open gates leave of a gradient after 50 steps", 0.5, open_, RIGHT)
    proof.at_most("what tanh at slope 0.79 leaves", 1e-4, plain, RIGHT)
