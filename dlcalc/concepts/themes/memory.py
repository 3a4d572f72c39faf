"""What recurrent networks remember: how it fades, when it lasts, what training makes of it."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Any

from dlcalc.concepts.claim import CONDITIONS, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, Proof

if TYPE_CHECKING:
    import numpy as np

    from dlcalc.engine.program import Program

    Array = np.ndarray[Any, np.dtype[Any]]

WIDTH = 16


def mean(values: list[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def recurrent(random: np.random.Generator, act: str, steps: int, scale: float) -> Program:
    """A layer of 16 units read at its last step, W a rotation times ``scale``, U drawn.

    The cotangent is drawn too; the inputs, one for each step, are still 0.
    """
    import numpy as np

    from dlcalc.engine.experiments.learner import read
    from dlcalc.engine.program import Program

    program = Program(read(f"rnn:{WIDTH},act={act},bias=no last"), (steps, 1), training=True)
    rotation, _ = np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))
    program.tensors["rnn1.weight_hh_l0"].value[...] = scale * rotation
    program.tensors["rnn1.weight_ih_l0"].value[...] = random.normal(size=(WIDTH, 1))
    program.output.cotangent[...] = random.normal(size=program.output.data.shape)
    return program


def total(random: np.random.Generator, steps: int, size: float = 0.0) -> float:
    """|dE/dW| after so many steps of a sigmoid layer: normal inputs, or all of a ``size``."""
    import numpy as np

    program = recurrent(random, "sigmoid", steps, 0.5)
    drawn = random.normal(size=program.input.data.shape)
    program.input.data[...] = size or drawn
    program.forward()
    program.backward()
    return float(np.linalg.norm(program.tensors["rnn1.weight_hh_l0"].gradient))


@claim(
    "rnn-total-gradient-never-vanishes",
    title="The nearest steps keep the gradient of a shared weight up, unless they saturate",
    chinese="RNN 总的梯度不会消失",
    terms=("远距离梯度消失", "近距离梯度", "梯度被近距离主导"),
    sources=[("004", "gradients of an RNN")],
    statement="""The gradient of a shared weight sums over all steps, and the nearest steps reach it
        through few factors. So it does not shrink with the length of the sequence, although
        what comes from far does. It vanishes all the same where every unit saturates.""",
    statement_chinese="""共享权重的梯度是各时刻之和，最近几步只经过少数几个因子，
        所以序列变长时总梯度并不变小，变小的只是远处的贡献。
        但若所有单元都饱和，最近一步的导数也趋于 0，总梯度照样消失。""",
    verdict=CONDITIONS,
    conditions="The slopes at the newest steps are not tiny themselves: the units do not saturate.",
    formula="sum(dE/ds_T * ds_T/ds_k * ds_k/dW for k in steps)",
    commands=["dlcalc forward 100,100,100 rnn:1,act=sigmoid,bias=no --trace"],
)
def rnn_total_gradient_never_vanishes(proof: Proof) -> None:
    size = proof.subject("the size of saturating inputs", 1e4, 0.0)
    found: dict[tuple[int, float], list[float]] = {}
    for steps, inputs in ((5, 0.0), (100, 0.0), (100, size)):
        found[steps, inputs] = [total(proof.random(s), steps, inputs) for s in range(20)]
    short = mean(found[5, 0.0])
    ratios = [value / short for value in found[100, 0.0]]
    quantity = "|dE/dW| after 100 steps, in that after 5"
    proof.at_least(quantity, 0.5, mean(ratios), INSIDE, ratios)
    proof.at_most(quantity, 1.5, mean(ratios), INSIDE, ratios)
    # A unit whose input weight is drawn near 0 does not saturate, so that the middle of the
    # seeds is judged, not their mean.
    stuck = sorted(value / short for value in found[100, size])
    proof.at_most("the same with every input 10,000, middle of 20 seeds", 1e-6, stuck[10], OUTSIDE)


def reach(random: np.random.Generator, steps: int, scale: float) -> float:
    """|ds_T/dx_1| over |ds_T/dx_T| of a tanh layer on normal inputs."""
    program = recurrent(random, "tanh", steps, scale)
    program.input.data[...] = random.normal(size=program.input.data.shape)
    program.forward()
    program.backward()
    slopes = abs(program.input.cotangent[0, :, 0])
    return float(slopes[0] / slopes[-1])


@claim(
    "rnn-memory-decays",
    title="Early inputs fade where the recurrent weights are small",
    chinese="记忆力会衰弱",
    terms=("短期记忆", "早期输入衰减", "记忆衰减"),
    tier=2,
    sources=[("000", "shortcomings of the RNN")],
    statement="""The slope of the last state in an early input is a product with one factor for each
        step between. With recurrent weights of norm below 1 it falls exponentially; with larger
        ones it need not, and may grow.""",
    statement_chinese="""末状态对早期输入的导数是逐步连乘的积。循环权重范数小于 1 时按指数衰减；
        权重较大时不一定衰减，甚至会增大。""",
    verdict=CONDITIONS,
    contradicts=["rnn-has-memory"],
    conditions="The norm of W is below 1; with W = 2 the first input still counts after 48 steps.",
    formula="prod(W*(1 - s_k**2) for k in steps)",
    commands=["dlcalc forward 1,0,0,0,0,0 rnn:1,bias=no --set rnn1.weight_hh_l0=0.5 --trace"],
)
def rnn_memory_decays(proof: Proof) -> None:
    small = proof.subject("the norm of W", 0.9, 2.0)
    for part, scale in ((INSIDE, small), (OUTSIDE, 2.0)):
        logs = [log(reach(proof.random(seed), 48, scale)) for seed in range(40)]
        quantity = f"slope by input 1 of 48 in that by the last, W = {scale:g} (geometric mean)"
        if part == INSIDE:
            proof.at_most(quantity, 1e-3, exp(mean(logs)), part)
        else:
            proof.at_least(quantity, 1e-2, exp(mean(logs)), part)


def first_bit(steps: int) -> tuple[Array, Array]:
    """Two sequences, +1 and -1 with zeros behind, four of each; the class is the first sign."""
    import numpy as np

    x = np.zeros((8, steps, 1), np.float32)
    x[:, 0, 0] = [1, -1] * 4
    return x, (x[:, 0] > 0).astype(np.float32)


def recalled(
    net: str, steps: int, seed: int, forget: float | None = None, fits: int = 200
) -> float:
    """The share of first bits that a net recalls at the last step, after training on them."""
    import numpy as np

    from dlcalc.engine.experiments.learner import Learner

    x, y = first_bit(steps)
    learner = Learner(
        f"{net} last dense:1",
        x,
        y,
        loss="binary_cross_entropy",
        rate=0.02,
        seed=seed,
        dtype=np.float32,
    )
    if forget is not None:
        # The gates stand one behind another: input, forget, candidate, output.
        bias = learner.weight("lstm1.bias_ih_l0")
        learner.weight("lstm1.bias_hh_l0")[...] = 0
        bias[...] = 0
        bias[len(bias) // 4 : len(bias) // 2] = forget
    return learner.fit(fits).accuracy(x, y)


@claim(
    "rnn-has-memory",
    title="A recurrent network remembers",
    chinese="记忆能力",
    terms=("RNN 记忆", "循环神经网络", "反馈神经网络", "前馈神经网络"),
    sources=[("000", "RNN"), ("001", "RNN"), ("004", "RNN")],
    statement="""The state depends on the state before it, so a recurrent network can answer with
        the input of a step ago. A net that sees the newest input alone only guesses.""",
    statement_chinese="""当前状态依赖上一时刻的状态，所以循环网络能答出上一步的输入；
        只看当前输入的网络只能靠猜。""",
    verdict=HOLDS,
    contradicts=["rnn-memory-decays"],
    formula="y[t] == x[t - 1]",
    commands=["dlcalc train-toy echo:1 rnn:8 dense:4 --epochs 3"],
    trained=True,
)
def rnn_has_memory(proof: Proof) -> None:
    import numpy as np

    from dlcalc.engine.experiments.learner import Learner

    nets = {
        "a net that sees the newest": "last dense:8 tanh dense:1",
        "an RNN": proof.subject("the RNN", "rnn:4 last dense:1", "last dense:8 tanh dense:1"),
    }
    for name, net in nets.items():
        right = []
        for seed in range(5):
            random = proof.random(seed)
            x = random.choice(np.array([-1, 1], np.float32), (512, 6, 1))
            y = (x[:, -2] > 0).astype(np.float32)
            learner = Learner(
                net,
                x[:256],
                y[:256],
                loss="binary_cross_entropy",
                rate=0.03,
                seed=100 * proof.seed + seed,
                dtype=np.float32,
            )
            right.append(learner.fit(120).accuracy(x[256:], y[256:]))
        quantity = f"{name}, fresh sequences right"
        if name == "an RNN":
            proof.at_least(f"{quantity}, the worst seed", 0.95, min(right))
        else:
            proof.at_most(quantity, 0.6, mean(right), values=right)


@claim(
    "rnn-ten-step-limit",
    title="Ten steps are the limit of a sigmoid RNN, not of every RNN",
    chinese="超过十个时刻",
    terms=("十个时刻", "时间步 上限", "长期依赖"),
    sources=[("004", "BPTT")],
    statement="""With a sigmoid each step back multiplies by at most W/4; at W = 1 after ten steps
        less than a millionth is left: the first bit is learnt over 5 steps and not over 20.
        A tanh layer learns it over 40: its slope at 0 is 1.""",
    statement_chinese="""sigmoid 每向前回溯一步至多乘以 W/4，W=1 时十步后不足百万分之一：
        首位信息隔 5 步能学会，隔 20 步学不会。tanh 在 0 处斜率为 1，隔 40 步也能学会。""",
    verdict=CONDITIONS,
    conditions="The recurrence contracts, as a sigmoid's does; tanh learns over far more steps.",
    formula="0.25**10",
    commands=[
        "dlcalc forward 1,0,0,0,0 rnn:1,act=sigmoid,bias=no --trace",
        "dlcalc train-toy recall:5 rnn:8 last dense:4 --epochs 2",
    ],
    trained=True,
)
def rnn_ten_step_limit(proof: Proof) -> None:
    tried = range(100 * proof.seed, 100 * proof.seed + 8)
    act = proof.subject("the activation", "sigmoid", "tanh")
    near = [recalled(f"rnn:8,act={act}", 5, seed) for seed in tried]
    far = [recalled(f"rnn:8,act={act}", 20, seed) for seed in tried]
    other = [recalled("rnn:8", 40, seed) for seed in tried]
    proof.at_least(f"first bit recalled over 5 steps, {act}", 0.9, mean(near), INSIDE, near)
    proof.at_most(f"first bit recalled over 20 steps, {act}", 0.65, mean(far), INSIDE, far)
    proof.at_least("first bit recalled over 40 steps, tanh", 0.85, mean(other), OUTSIDE, other)
    program = recurrent(proof.random(), act, 11, 1.0)
    program.forward()
    program.backward()
    slopes = abs(program.input.cotangent[0, :, 0])
    # From one input to another ten steps on there are ten factors of at most 1/4.
    proof.at_most(f"slope ten steps back, W a rotation, {act}", 1e-4, float(slopes[0]), INSIDE)


@claim(
    "lstm-long-recall",
    title="An LSTM that starts by keeping its cell learns long memories",
    chinese="LSTM 长短期记忆",
    terms=("多层 LSTM", "LSTM 网络", "遗忘门 偏置", "长期记忆"),
    sources=[("000", "LSTM"), ("004", "LSTM")],
    statement="""An LSTM recalls the first of 20 inputs where a sigmoid RNN stays at chance. It does
        so because its forget gate starts open: with a bias of 4 it recalls over 50 steps, with 0
        the cell halves at each step, and what stood there first is lost.""",
    statement_chinese="""sigmoid RNN 只能靠猜时，LSTM 能记住 20 步前的输入，
        前提是遗忘门初始时打开：偏置取 4，隔 50 步也记得住；
        偏置取 0，细胞状态每步减半，最初的信息便丢失了。""",
    verdict=CONDITIONS,
    conditions="The bias of the forget gate starts at 1 or more; with 0 it fails over 50 steps.",
    formula="c = f*c + i*g",
    commands=["dlcalc train-toy recall:20 lstm:8 last dense:4 --epochs 2"],
    trained=True,
)
def lstm_long_recall(proof: Proof) -> None:
    tried = range(100 * proof.seed, 100 * proof.seed + 6)
    kept = proof.subject("the bias of the forget gate", 4.0, -4.0)
    plain = [recalled("rnn:8,act=sigmoid", 20, seed) for seed in tried]
    short = [recalled("lstm:8", 20, seed, kept) for seed in tried]
    long = [recalled("lstm:8", 50, seed, kept) for seed in tried]
    lost = [recalled("lstm:8", 50, seed, 0.0) for seed in tried]
    proof.at_most("first bit recalled over 20 steps, sigmoid RNN", 0.65, mean(plain), INSIDE, plain)
    proof.at_least(f"LSTM, 20 steps, bias {kept:g}", 0.85, mean(short), INSIDE, short)
    proof.at_least(f"LSTM, 50 steps, bias {kept:g}", 0.7, mean(long), INSIDE, long)
    proof.at_most("LSTM, 50 steps, bias 0", 0.7, mean(lost), OUTSIDE, lost)
