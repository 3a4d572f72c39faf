"""Which activation suits: where inputs lie, what dies, what it costs."""

from __future__ import annotations

from math import acosh, exp, sqrt, tanh
from typing import TYPE_CHECKING

from dlcalc.concepts.claim import CONDITIONS, ERRATUM, claim
from dlcalc.concepts.measure import compiled, ran, slopes, trial
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array


def sigmoid(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + exp(-x))


def apart(name: str, x: float, y: float) -> float:
    """How far the engine's activation holds two numbers apart."""
    values = ran(f"2 {name}", [x, y])
    return abs(float(values[0] - values[1]))


@claim(
    "tanh-vs-sigmoid-feature-differences",
    title="tanh is the steeper near 0, the sigmoid far from it",
    chinese="特征相差较大用 tanh, 较小用 sigmoid",
    terms=("tanh 与 sigmoid 的选择", "特征相差明显"),
    sources=[("002", "activation functions")],
    statement="""Printed: tanh suits features that differ much, the sigmoid those that differ
        little. What counts is where they lie: within 1.663 of 0 tanh is the steeper, four times
        at 0, and holds small differences apart better; beyond it the sigmoid does.""",
    statement_chinese="""原文建议特征相差较大时用 tanh，相差较小时用 sigmoid。
        关键在于输入落在哪里：|x| < 1.663 时 tanh 更陡（0 处为 4 倍），更能区分微小差别；
        更远处则是 sigmoid。""",
    verdict=ERRATUM,
    formula="cosh(x/2) == (1 + sqrt(3))/2",
    commands=["dlcalc activation --compare tanh,sigmoid"],
)
def tanh_vs_sigmoid_feature_differences(proof: Proof) -> None:
    fine, coarse = proof.subject(
        "the advice for small and large", ("sigmoid", "tanh"), ("tanh", "sigmoid")
    )
    small = apart(fine, -0.05, 0.05), apart(coarse, -0.05, 0.05)
    name = f"{fine} holds -0.05 and 0.05 further apart than {coarse}"
    proof.fails(name, small[0] > small[1], f"{small[0]:.4f} and {small[1]:.4f}")
    large = apart(fine, 2, 6), apart(coarse, 2, 6)
    name = f"{coarse} holds 2 and 6 further apart than {fine}"
    proof.fails(name, large[1] > large[0], f"{large[1]:.4f} and {large[0]:.4f}")
    crossing = 2 * acosh((1 + sqrt(3)) / 2)
    from dlcalc.answers.activation import activation

    told = activation("tanh", compare="sigmoid").value
    proof.near("the slopes cross at", crossing, told[1], 1e-9, RIGHT)  # type: ignore[index]
    for x, steeper in ((0.0, "tanh"), (1.6, "tanh"), (1.7, "sigmoid"), (4.0, "sigmoid")):
        found = {name: slopes(name, [x])[0] for name in ("tanh", "sigmoid")}
        proof.equal(f"the steeper at {x:g}", steeper, max(found, key=lambda n: found[n]), RIGHT)
    ratio = (1 - tanh(0) ** 2) / (sigmoid(0) * (1 - sigmoid(0)))
    told_ratio = slopes("tanh", [0.0])[0] / slopes("sigmoid", [0.0])[0]
    proof.near("tanh's slope over the sigmoid's at 0", ratio, told_ratio, 1e-12, RIGHT)


def layer(proof: Proof, name: str, scale: float, shrink: float = 1.0) -> tuple[Array, Array]:
    """What a layer of 50 units puts out, and its slopes, for 200 inputs of this scale."""
    random = proof.random()
    program = trial(f"10 dense:50 {name}", random, batch=200)
    program.parameters /= sqrt(10) * shrink
    program.tensors["dense1.bias"].value[...] = 0
    program.input.data[...] *= scale
    values = program.forward().copy()
    program.output.cotangent[...] = 1
    program.backward()
    # What the bias gets is the sum of the slopes over the batch.
    return values, program.tensors["dense1.bias"].gradient / 200


@claim(
    "saturating-activations-need-normalised-input",
    title="Large inputs flatten sigmoid and tanh",
    chinese="输入归一化, 平坦区",
    terms=("sigmoid tanh 输入规范化", "饱和区", "平坦区"),
    sources=[("002", "activation functions")],
    statement="""Inputs of a large scale drive sigmoid and tanh into their flat parts: at a
        hundred times the scale the mean slope falls to about a fiftieth, and outputs look alike.
        Weights that are as much smaller undo it.""",
    statement_chinese="""尺度很大的输入把 sigmoid、tanh 推入平坦区：
        尺度为 100 倍时平均斜率降到约五十分之一，输出彼此难分。权值若相应缩小，则不会如此。""",
    verdict=CONDITIONS,
    conditions="""The weights are those for inputs of scale 1. Weights a hundred times smaller,
        given or learnt, bring the slopes back.""",
    formula="sigmoid(w*x + b)",
    commands=[
        "dlcalc activation sigmoid --at 0,1,10,100",
        "dlcalc activation tanh --at 0,1,10,100",
    ],
)
def saturating_activations_need_normalised_input(proof: Proof) -> None:
    kinds = proof.subject("the activations", ("sigmoid", "tanh"), ("relu", "softplus"))
    for name in kinds:
        mean = {scale: float(layer(proof, name, scale)[1].mean()) for scale in (1.0, 100.0)}
        proof.at_most(f"{name}: slope at scale 100 over scale 1", 0.05, mean[100] / mean[1], INSIDE)
        values = layer(proof, name, 100.0)[0]
        low = -1.0 if name == "tanh" else 0.0
        flat = float(((values < low + 0.01) | (values > 0.99)).mean())
        proof.at_least(f"{name}: outputs within 0.01 of an end", 0.9, flat, INSIDE)
        small = float(layer(proof, name, 100.0, shrink=100.0)[1].mean())
        proof.near(f"{name}: slope, weights over 100", mean[1], small, 1e-9, OUTSIDE)


@claim(
    "relu-needs-no-input-normalisation",
    title="ReLU does not saturate on inputs of any scale",
    chinese="ReLU 不需要输入归一化",
    terms=("relu 输入规范化",),
    tier=2,
    sources=[("002", "activation functions")],
    statement="""Positive factors pass through ReLU, so the share of active units is the same at
        every scale of the inputs. The step size is not: a rate that suits inputs of scale 1
        throws the unit below 0 on inputs a hundred times larger.""",
    statement_chinese="""正的倍数可以穿过 ReLU，故不论输入尺度多大，激活单元的比例不变。
        学习率却不然：适合尺度 1 的学习率，在 100 倍的输入上会把单元一步推到 0 以下。""",
    verdict=CONDITIONS,
    conditions="""Only saturation is meant. The step size and the conditioning still depend on the
        scale of the inputs.""",
    formula="max(0, c*x) == c*max(0, x)",
    commands=["dlcalc activation relu --at -100,-1,1,100"],
)
def relu_needs_no_input_normalisation(proof: Proof) -> None:
    name = proof.subject("the activation", "relu", "sigmoid")
    one = layer(proof, name, 1.0)
    for scale in (10.0, 100.0):
        values, slope = layer(proof, name, scale)
        same = float(abs(slope - one[1]).max())
        proof.at_most(f"shares of active examples, apart at scale {scale:g}", 0, same, INSIDE)
        off = float(abs(values / scale - one[0]).max())
        proof.near("outputs over the scale, apart", 0, off, 1e-9, INSIDE)
    for scale, part in ((1.0, INSIDE), (100.0, OUTSIDE)):
        # Half the squared distance of relu(w*scale) from scale, downhill at rate 0.1.
        program = compiled("1 dense:1,bias=no relu", {"dense1.weight": [[2.0]]})
        program.input.data[...] = scale
        program.output.cotangent[...] = program.forward() - scale
        program.parameters -= 0.1 * program.backward()
        w = 2 - 0.1 * scale**2
        name = f"the unit is active after the step, scale {scale:g}"
        weight = float(program.parameters[0])
        proof.near(f"the weight after a step, scale {scale:g}", w, weight, 1e-9, part)
        if part == INSIDE:
            proof.holds(name, weight > 0, part=part)
        else:
            proof.fails(name, weight > 0, f"its weight is {weight:g}", part)


@claim(
    "activation-cost-and-division",
    title="The sigmoid divides on the way forward, not on the way back",
    chinese="激活函数计算量大, 求导涉及除法",
    terms=("sigmoid 计算量", "指数运算", "求导涉及除法"),
    tier=2,
    sources=[("001", "activation functions")],
    statement="""The sigmoid costs an exponential and a division, where ReLU costs a comparison.
        Its derivative as a function of the input divides too; from the output that the forward
        pass kept it is f*(1 - f): one product, no division.""",
    statement_chinese="""sigmoid 要算一次指数和一次除法，而 ReLU 只需一次比较。若由输入计算导数，
        也要除法；若用前向传播保存的输出，导数为 f(1 - f)，只需一次乘法，不用除法。""",
    verdict=CONDITIONS,
    conditions="""The derivative is worked out from the input. From the output that was kept, f*(1
        - f), it takes no division.""",
    formula="f*(1 - f)",
    commands=["dlcalc activation sigmoid", "dlcalc grad 'sigmoid(x)' --wrt x"],
)
def activation_cost_and_division(proof: Proof) -> None:
    from dlcalc.answers.activation import activation

    kept = proof.subject("what is used on the way back", "output", "input")
    told = activation("sigmoid").document()
    for key in ("formula", "derivative"):
        text = str(told[key])
        found = ("exp(" in text, "/" in text)
        proof.equal(f"{text} has an exponential, a division", (True, True), found, INSIDE)
    counts: list[str] = []

    class Counted(float):
        """A number that writes down the divisions that it takes part in."""

        def __truediv__(self, other: float) -> Counted:
            counts.append("/")
            return Counted(float(self) / other)

        __rtruediv__ = __truediv__

    for x in (-2.0, 0.5, 3.0):
        counts.clear()
        part = Counted(exp(-x))
        output = Counted(1) / (1 + part)
        proof.equal(f"divisions forward at {x:g}", 1, len(counts), INSIDE)
        counts.clear()
        # From the input the exponential is squared below a second division.
        back = output * (1 - output) if kept == "output" else part / (1 + part) ** 2
        proof.equal(f"divisions back at {x:g}", 0, len(counts), OUTSIDE)
        proof.near("and the slope is right", slopes("sigmoid", [x])[0], float(back), 1e-12, OUTSIDE)


@claim(
    "dying-relu",
    title="A large step can silence a ReLU unit for good",
    chinese="ReLU 神经元死亡",
    terms=("dead relu", "不再激活", "神经元坏死"),
    sources=[("001", "activation functions"), ("004", "drawbacks of ReLU")],
    statement="""One very large step may push a ReLU unit below 0 on all the data. Its gradient is
        then 0, and it stays as it is, until layers before it change its inputs.""",
    statement_chinese="""一次过大的更新可能使某个 ReLU 单元在全部数据上都小于 0。
        此后它的梯度为 0，参数不再变化，除非前面的层改变了它的输入。""",
    verdict=CONDITIONS,
    conditions="""Dead means silent on the data seen, with inputs that stay. Inputs that move, as
        those from a layer that still learns, can wake it.""",
    formula="max(0, w*x + b)",
    commands=[
        "dlcalc forward 1,2 dense:1 relu --set dense1.weight='[[1,1]]' --set dense1.bias='[-10]'"
        " --backward mse --target 1"
    ],
    trained=True,
)
def dying_relu(proof: Proof) -> None:
    big = proof.subject("the large rate", 50.0, 0.01)
    dead: dict[float, list[float]] = {0.01: [], 50.0: []}
    moved = 0.0
    for seed in range(20):
        for rate, step in ((0.01, 0.01), (50.0, big)):
            program = trial("5 dense:32 relu dense:1", proof.random(seed), batch=64)
            program.parameters /= sqrt(5)
            program.input.data[...] = abs(program.input.data).clip(0, 1)
            target = program.input.data[:, :1] * 2
            hidden = program.trail[1][2].data
            silent = None
            for _ in range(3):
                program.forward()
                program.output.cotangent[...] = (program.output.data - target) / 64
                silent = (hidden == 0).all(axis=0)
                before = program.tensors["dense1.weight"].value[silent].copy()
                program.backward()
                program.parameters -= step * program.gradient
                change = abs(program.tensors["dense1.weight"].value[silent] - before)
                moved = max(moved, float(change.max(initial=0)))
                step = 0.01
            assert silent is not None
            dead[rate].append(float(silent.mean()))
    more = [b - a for a, b in zip(dead[0.01], dead[50.0], strict=True)]
    proof.at_least("share of silent units, rate 50 less 0.01", 0.2, sum(more) / 20, INSIDE, more)
    proof.equal("largest move of a silent unit's weights", 0.0, moved, INSIDE)
    program = compiled("2 dense:1 relu", {"dense1.weight": [[1, 1]], "dense1.bias": [-10]})
    for x, part in (([1.0, 2.0], INSIDE), ([8.0, 8.0], OUTSIDE)):
        program.input.data[...] = x
        program.forward()
        program.output.cotangent[...] = 1
        largest = float(abs(program.backward()).max())
        proof.equal(f"a dead unit's gradient at inputs {x}", max(x) * (sum(x) > 10), largest, part)
