"""LSTM and GRU cells: equations, gates, parameter counts, conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, tanh
from typing import Any

from dlcalc.answers.forward import forward
from dlcalc.answers.params import params
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof


def traced(net: str, inputs: Sequence[float], tensors: Mapping[str, Any]) -> list[dict[str, float]]:
    """The gates and states of a cell with one unit at each step, by ``dlcalc forward --trace``."""
    name = net.partition(":")[0] + "1"
    given = {f"{name}.{tensor}": value for tensor, value in tensors.items()}
    found: Any = forward([[x] for x in inputs], net, set=given, trace=True).document()
    steps = found["layers"][0]["trace"]
    return [
        {key: value[0] for key, value in moment.items() if isinstance(value, list)}
        for moment in steps
    ]


def sigmoid(x: float) -> float:
    """1/(1 + exp(-x)), written once more to be independent."""
    return 1 / (1 + exp(-x))


def lstm_weights(w: float, u: float) -> dict[str, list[list[float]]]:
    """The four gates of an LSTM with one unit, all alike."""
    return {"weight_ih_l0": [[w]] * 4, "weight_hh_l0": [[u]] * 4}


@claim(
    "lstm-equations",
    title="The LSTM cell",
    chinese="LSTM 公式",
    terms=("长短期记忆", "遗忘门", "输入门", "输出门", "候选状态", "细胞状态"),
    sources=[("004", "LSTM"), ("000", "LSTM"), ("001", "LSTM")],
    statement="""f, i and o are sigmoid(W @ [h, x] + b), the candidate is tanh(W @ [h, x] + b); then
        C = f*C + i*candidate and h = o*tanh(C). [h, x] sets the two behind one another, it is
        no product; C and h are both handed on.""",
    statement_chinese="""f、i、o = σ(W[h,x]+b)，候选 = tanh(W[h,x]+b)；
        C = f·C + i·候选，h = o·tanh(C)。[h,x] 是拼接而非相乘；C 与 h 都传给下一步。""",
    verdict=HOLDS,
    formula="c = f*c + i*g; h = o*tanh(c)",
    commands=[
        "dlcalc forward 1,-1 lstm:1,bias=no --set lstm1.weight_ih_l0=0.5,0.5,0.5,0.5 "
        "--set lstm1.weight_hh_l0=0.5,0.5,0.5,0.5 --trace"
    ],
)
def lstm_equations(proof: Proof) -> None:
    inside = proof.subject("the tanh around C", tanh, float)
    found = traced("lstm:1,bias=no", (1.0, -1.0), lstm_weights(0.5, 0.5))
    h = c = 0.0
    for number, (x, own) in enumerate(zip((1.0, -1.0), found, strict=True), 1):
        gate, candidate = sigmoid(0.5 * x + 0.5 * h), tanh(0.5 * x + 0.5 * h)
        c = gate * c + gate * candidate
        h = gate * inside(c)
        proof.near(f"c after {number} steps", c, own["c"], 1e-12)
        proof.near(f"h after {number} steps", h, own["h"], 1e-12)


@claim(
    "lstm-four-weight-sets",
    title="An LSTM has four times the weights of a plain layer",
    chinese="传入 4 个地方, W_f 维度",
    terms=("LSTM 参数量", "4 倍参数", "四组权重"),
    sources=[("000", "LSTM"), ("004", "LSTM")],
    statement="""x enters three gates and the candidate, so an LSTM has four matrices of
        h x (h + d) and four biases: 4*(h*(h + d) + h) parameters, four times those of a plain
        recurrent layer. The state C is as long as h. PyTorch counts the bias twice.""",
    statement_chinese="""x 传入三个门与候选共四处，故有四个 h×(h+d) 矩阵与四个偏置：
        4(h(h+d)+h) 个参数，是普通 RNN 的四倍；C 与 h 等长。PyTorch 有两组偏置。""",
    verdict=HOLDS,
    formula="4*(h*(h + d) + h)",
    commands=["dlcalc params 5x128 lstm:128,biases=1", "dlcalc params 5x128 lstm:128"],
)
def lstm_four_weight_sets(proof: Proof) -> None:
    sets = proof.subject("the weight sets", 4, 3)
    for h, d in ((128, 128), (7, 3)):
        lstm = params(f"5x{d} lstm:{h},biases=1").value
        proof.equal(f"parameters for h = {h}, d = {d}", sets * (h * (h + d) + h), lstm)
        plain = params(f"5x{d} rnn:{h},biases=1").value
        proof.equal("those of plain layers", lstm, 4 * int(str(plain)))


@claim(
    "lstm-gate-intervals",
    title="Gates lie between 0 and 1, the candidate between -1 and 1",
    chinese="门在 [0,1] / 候选在 [-1,1]",
    terms=("门的取值范围", "开区间", "σ 值域"),
    sources=[("004", "LSTM")],
    tier=2,
    statement="""A gate is a sigmoid and stays strictly between 0 and 1, the candidate a tanh and
        stays strictly between -1 and 1. The closed intervals of the notes are reached only
        by rounding: in float64 sigmoid(40) and tanh(20) are 1.""",
    statement_chinese="""门是 sigmoid，取值在 (0,1)；候选是 tanh，取值在 (-1,1)。
        原文的闭区间端点只因舍入才会取到：float64 中 σ(40)=1、tanh(20)=1。""",
    verdict=CONDITIONS,
    conditions="""The intervals are open in exact arithmetic; floating point rounds to the ends
        for large inputs.""",
    formula="1/(1 + exp(-40)) == 1",
    commands=["dlcalc activation sigmoid 40", "dlcalc activation tanh 20"],
)
def lstm_gate_intervals(proof: Proof) -> None:
    for x in (-5.0, 0.0, 5.0):
        (own,) = traced("lstm:1,bias=no", (x,), lstm_weights(1, 0))
        proof.holds(f"0 < f < 1 at {x:g}", 0 < own["f"] < 1, own["f"], INSIDE)
        proof.holds(f"-1 < g < 1 at {x:g}", -1 < own["g"] < 1, own["g"], INSIDE)
        proof.near("f by its formula", sigmoid(x), own["f"], 1e-15, INSIDE)
    large = proof.subject("a large input", 40.0, 4.0)
    (own,) = traced("lstm:1,bias=no", (large,), lstm_weights(1, 0))
    proof.fails(f"f < 1 at {large:g} in float64", own["f"] < 1, own["f"], OUTSIDE)
    proof.fails(f"g < 1 at {large:g} in float64", own["g"] < 1, own["g"], OUTSIDE)


@claim(
    "forget-gate-degree",
    title="The forget gate says how much is kept",
    chinese="遗忘程度",
    terms=("遗忘门", "保留比例"),
    sources=[("004", "LSTM"), ("001", "LSTM")],
    tier=2,
    statement="""f multiplies the old state, so it is the fraction that is kept: 1 keeps all and 0
        erases all. Read as the degree of forgetting it would be backwards.""",
    statement_chinese="""f 乘在旧状态上，是保留的比例：1 全部保留，0 全部抹去。
        若理解为遗忘的程度就反了。""",
    verdict=CONDITIONS,
    conditions="f is read as the fraction kept, not as the fraction forgotten.",
    formula="c = f*c",
    commands=["dlcalc forward 0 lstm:1 --set lstm1.c0_l0=2 --trace"],
)
def forget_gate_degree(proof: Proof) -> None:
    tilt = proof.subject("the sign of the gate's input", 1, -1)
    for bias in (50.0, 0.0, -50.0):
        kept = _kept(tilt * bias)
        proof.near(f"share kept at bias {bias:g}", sigmoid(bias), kept, 1e-12, INSIDE)
    forgotten = 1 - _kept(50.0)
    proof.fails("f = 1 forgets all", abs(forgotten - 1) < 0.5, forgotten, OUTSIDE)


def _kept(bias: float) -> float:
    """The share of the old state left by a cell whose forget gate has a bias, input gate shut."""
    tensors = {
        **lstm_weights(0, 0),
        "bias_ih_l0": [-50.0, bias, 0.0, 0.0],
        "bias_hh_l0": [0.0] * 4,
        "c0_l0": [2.0],
        "h0_l0": [0.0],
    }
    return traced("lstm:1", (0.0,), tensors)[0]["c"] / 2


def gru_weights(r: float, z: float, n: float) -> dict[str, Any]:
    """A GRU of one unit: biases of its gates, weights of its candidate."""
    return {
        "weight_ih_l0": [[0.3], [0.2], [n]],
        "weight_hh_l0": [[0.1], [-0.4], [0.7]],
        "bias_ih_l0": [r, z, 0.1],
        "bias_hh_l0": [0.0, 0.0, 0.2],
        "h0_l0": [-0.8],
    }


@claim(
    "gru-two-gates-coupled",
    title="A GRU has two gates; keeping and writing sum to one",
    chinese="更新门 / 重置门",
    terms=("GRU", "门控循环单元", "耦合", "遗忘门与输入门合并"),
    sources=[("004", "GRU"), ("001", "GRU")],
    statement="""A GRU merges the forget and input gates of the LSTM into one update gate: what it
        keeps of the old state and what it takes of the candidate sum to 1, so the new state
        lies between the two. The other gate resets.""",
    statement_chinese="""GRU 把遗忘门与输入门合并为更新门：旧状态与候选的系数之和为 1，
        新状态总在两者之间；另一个是重置门。""",
    verdict=HOLDS,
    contradicts=["gru-update-gate-direction"],
    formula="z + (1 - z) == 1",
    commands=["dlcalc forward 1,-1 gru:1 --trace"],
)
def gru_two_gates_coupled(proof: Proof) -> None:
    coupled = proof.subject("what both sum to", 1.0, 2.0)
    for bias in (-2.0, 0.3, 2.0):
        (own,) = traced("gru:1", (1.0,), gru_weights(0.5, bias, 0.6))
        z = sigmoid(bias + 0.2 * 1.0 - 0.4 * -0.8)
        proof.near(f"z at bias {bias:g}", z, own["z"], 1e-12)
        proof.near("z*h + (1 - z)*n", z * -0.8 + (coupled - z) * own["n"], own["h"], 1e-12)
        between = min(-0.8, own["n"]) <= own["h"] <= max(-0.8, own["n"])
        proof.holds("the new state is between", between, own["h"])


@claim(
    "gru-update-gate-direction",
    title="The GRU's text and formula mean opposite update gates",
    chinese="更新门越大带入越多",
    terms=("更新门方向", "(1-z)", "z 与 1-z"),
    sources=[("004", "GRU")],
    statement="""Printed: the larger z, the more of the past is brought in, beside the formula
        (1 - z)*h + z*candidate, which does the opposite. The text fits z*h + (1 - z)*candidate,
        as PyTorch and Keras have it; turning the signs of the gate's weights makes one of the
        other.""",
    statement_chinese="""原文说 z 越大带入的过去信息越多，公式却是 (1-z)·h + z·候选，正好相反。
        文字对应 z·h + (1-z)·候选（PyTorch 与 Keras 的写法）；把更新门权值变号，两者就互换。""",
    verdict=ERRATUM,
    contradicts=["gru-two-gates-coupled"],
    formula="z*h + (1 - z)*n",
    commands=["dlcalc forward 1 gru:1 --trace"],
)
def gru_update_gate_direction(proof: Proof) -> None:
    bias = proof.subject("a gate wide open", 20.0, -20.0)
    (own,) = traced("gru:1", (1.0,), gru_weights(0.5, bias, 0.6))
    before = -0.8
    printed = (1 - own["z"]) * before + own["z"] * own["n"]
    keeps = abs(printed - before) < abs(printed - own["n"])
    proof.fails("at z near 1 the printed formula keeps the past", keeps, printed, PRINTED)
    proof.near("dlcalc forward keeps it", before, own["h"], 1e-6, RIGHT)
    for each in (-1.0, 0.4):
        (gate,) = traced("gru:1", (1.0,), gru_weights(0.5, each, 0.6))
        summed = each + 0.2 * 1.0 - 0.4 * before
        z = sigmoid(-summed)
        turned = (1 - z) * before + z * gate["n"]
        proof.near("the printed formula with signs turned", gate["h"], turned, 1e-12, RIGHT)


@claim(
    "gru-reset-gate",
    title="A closed reset gate hides the past from the candidate",
    chinese="重置门",
    terms=("reset gate", "忽略历史"),
    sources=[("004", "GRU")],
    tier=2,
    statement="""The reset gate multiplies the old state within the candidate: at r = 0 the
        candidate is that of the input alone, whatever came before.""",
    statement_chinese="""重置门乘在候选中的旧状态上：r=0 时候选只取决于输入，与历史无关。""",
    verdict=HOLDS,
    formula="tanh(w*x + r*(u*h))",
    commands=["dlcalc forward 1 gru:1 --set gru1.h0_l0=0.9 --trace"],
)
def gru_reset_gate(proof: Proof) -> None:
    closed = proof.subject("the reset gate's bias", -800.0, 0.0)
    candidates = []
    for start in (-0.8, 0.0, 0.9):
        tensors = {**gru_weights(closed, 0.0, 0.6), "h0_l0": [start]}
        candidates.append(traced("gru:1", (1.0,), tensors)[0]["n"])
        proof.near(f"candidate from {start:g}", tanh(0.6 + 0.1), candidates[-1], 1e-12)
    (open_,) = traced("gru:1", (1.0,), gru_weights(2.0, 0.0, 0.6))
    proof.at_least("an open gate lets it in by", 0.1, abs(open_["n"] - tanh(0.7)))


@claim(
    "gru-parameter-count",
    title="A GRU has three weight sets, three quarters of an LSTM",
    chinese="GRU 参数",
    terms=("GRU 参数量", "三组权重"),
    sources=[("004", "GRU")],
    tier=2,
    statement="""Two gates and a candidate make 3*h*(h + d) weights; the notes print no bias. For
        h = d = 128 that is 98,304, with one bias each 98,688, with PyTorch's two 99,072, and
        each time three quarters of the LSTM.""",
    statement_chinese="""两个门与候选共 3h(h+d) 个权重，原文未写偏置。h=d=128 时为 98,304；
        加一组偏置 98,688，PyTorch 两组为 99,072；都是 LSTM 的四分之三。""",
    verdict=HOLDS,
    formula="3*h*(h + d)",
    commands=["dlcalc params 5x128 gru:128,bias=no", "dlcalc params 5x128 gru:128"],
)
def gru_parameter_count(proof: Proof) -> None:
    h = proof.subject("the units", 128, 64)
    for option, count, biases in ((",bias=no", 98304, 0), (",biases=1", 98688, 1), ("", 99072, 2)):
        gru = params(f"5x128 gru:128{option}").value
        proof.equal(f"of gru:128{option}", count, gru)
        proof.equal("by the formula", gru, 3 * (h * (h + 128) + biases * h))
        lstm = params(f"5x128 lstm:128{option}").value
        proof.equal("three quarters of the LSTM", gru * 4, lstm * 3)


@claim(
    "gru-reset-placement",
    title="The reset gate stands before the matrix, or after it",
    chinese="r·h_{t-1} 先乘",
    terms=("reset_after", "重置门位置"),
    sources=[("004", "GRU")],
    tier=2,
    statement="""The notes multiply r and h before the matrix, W @ [r*h, x]; PyTorch and Keras by
        default multiply after it, r*(U @ h + b). The two agree only where it makes no
        difference, as with one unit without that bias. The dot of the notes is both products.""",
    statement_chinese="""原文先算 r·h 再乘矩阵：W[r·h,x]；
        PyTorch 与 Keras 默认在乘矩阵之后：r·(Uh+b)。
        只有单个单元且无该偏置等情形两者才相同。原文的点号既表示矩阵乘又表示逐元素乘。""",
    verdict=CONDITIONS,
    conditions="""U is diagonal and has no bias of its own, as in a cell of one unit with
        bias=no. Else the two cells differ.""",
    formula="U @ (r*h), r*(U @ h)",
    commands=[
        "dlcalc forward 1,-1 gru:1,reset_after=no --trace",
        "dlcalc forward 1,-1 gru:1 --trace",
    ],
)
def gru_reset_placement(proof: Proof) -> None:
    inputs = [[1.0], [-0.5], [2.0]]
    one = [_placed(inputs, f"gru:1,bias=no,reset_after={each}", 0) for each in ("yes", "no")]
    proof.near("difference for one unit", 0, _difference(*one), 1e-15, INSIDE)
    units = proof.subject("several units", 4, 1)
    more = [_placed(inputs, f"gru:{units},bias=no,reset_after={e}", 0) for e in ("yes", "no")]
    same = _difference(*more) < 1e-9
    proof.fails(f"the same for {units} units", same, _difference(*more), OUTSIDE)


def _placed(inputs: list[list[float]], net: str, seed: int) -> Any:
    return forward(inputs, net, seed=seed).value


def _difference(first: Any, second: Any) -> float:
    import numpy

    return float(numpy.abs(numpy.subtract(first, second)).max())
