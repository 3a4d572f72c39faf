"""Activations and their slopes: sigmoid, tanh, ReLU and its relatives."""

from __future__ import annotations

from functools import partial
from math import erf, exp, pi, sqrt, tanh

from dlcalc.answers.activation import activation
from dlcalc.concepts.claim import ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import difference, number, passed, ran, slopes
from dlcalc.concepts.proof import RIGHT, Proof

POINTS = [-6.0, -2.0, -0.5, 0.0, 0.3, 1.0, 4.0]


def sigmoid(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + exp(-x))


def relu(x: float) -> float:
    """The positive part."""
    return max(0.0, x)


def sign(x: float) -> float:
    """-1, 0 or 1."""
    return float((x > 0) - (x < 0))


def step(x: float) -> float:
    """0 below 0, 1 above."""
    return float(x > 0)


def mean_of(name: str) -> float:
    """The mean of an activation under N(0, 1), by dlcalc."""
    return number(activation(name, of="mean").value)


@claim(
    "sigmoid-derivative-identity",
    title="The derivative of the sigmoid is f(1 - f)",
    chinese="sigmoid 求导 f(x)(1-f(x))",
    terms=("sigmoid 导数", "S 函数求导"),
    sources=[("003", "chain rule"), ("004", "cross-entropy"), ("004", "LSTM")],
    statement="""The slope of the sigmoid follows from its value: f*(1 - f). So a backward pass
        needs the output alone, not the input.""",
    statement_chinese="""sigmoid 的导数可由其函数值算出：f(1 - f)，故反向传播只需要输出，
        不需要输入。""",
    verdict=HOLDS,
    formula="f*(1 - f)",
    commands=["dlcalc grad 'sigmoid(x)' --expect 'sigmoid(x)*(1 - sigmoid(x))'"],
)
def sigmoid_derivative_identity(proof: Proof) -> None:
    from fractions import Fraction

    top = proof.subject("the one in 1 - f", 1, 2)
    # With u = exp(-x) the value is 1/(1 + u), and u' = -u: fractions suffice.
    us = [Fraction(n, 3) for n in range(1, 6)]
    same = [u / (1 + u) ** 2 == 1 / (1 + u) * (top - 1 / (1 + u)) for u in us]
    proof.equal("u/(1 + u)^2 is f*(1 - f), exactly", [True] * 5, same)
    engine = passed(f"{len(POINTS)} sigmoid", POINTS)
    for point, told, back in zip(POINTS, slopes("sigmoid", POINTS), engine, strict=True):
        value = sigmoid(point)
        closed = value * (top - value)
        proof.near(f"at {point:g}, central difference", closed, difference(sigmoid, point), 1e-8)
        proof.near(f"at {point:g}, dlcalc and engine", 2 * closed, told + float(back), 1e-12)


@claim(
    "sigmoid-gradient-max",
    title="The slope of the sigmoid is at most 1/4",
    chinese="sigmoid 梯度最大值 1/4",
    terms=("sigmoid 最大梯度", "0.25"),
    sources=[("000", "vanishing gradient")],
    statement="""The sigmoid is steepest at 0, with a slope of 1/4: with u its value, 1/4 - u*(1 -
        u) is the square (2u - 1)^2/4, which is 0 for u = 1/2 only.""",
    statement_chinese="""sigmoid 在 0 处最陡，斜率为 1/4：设函数值为 u，
        则 1/4 - u(1 - u) = (2u - 1)^2/4，只有 u = 1/2 时为 0。""",
    verdict=HOLDS,
    formula="1/4 - u*(1 - u) == (2*u - 1)**2/4",
    commands=["dlcalc activation sigmoid --of largest --expect 0.25"],
)
def sigmoid_gradient_max(proof: Proof) -> None:
    from fractions import Fraction

    name = proof.subject("the activation", "sigmoid", "tanh")
    proof.near("the largest slope", 0.25, number(activation(name, of="largest").value))
    grid = [i / 50 for i in range(-1000, 1001)]
    found = [float(slope) for slope in passed(f"{len(grid)} {name}", grid)]
    proof.near("the largest on a grid of the engine", 0.25, max(found))
    proof.equal(
        "it is reached at", [0.0], [x for x, s in zip(grid, found, strict=True) if s > 0.25 - 1e-9]
    )
    # Both sides are of degree 2: three points decide.
    us = [Fraction(i, 7) for i in range(3)]
    squares = [Fraction(1, 4) - u * (1 - u) == (2 * u - 1) ** 2 / 4 for u in us]
    proof.equal("1/4 - u(1 - u) is a square", [True] * 3, squares)


@claim(
    "sigmoid-saturates-at-infinity",
    title="The slope of the sigmoid tends to 0, that of ReLU stays 1",
    chinese="Sigmoid 梯度趋近于零, ReLU 恒定",
    terms=("sigmoid 饱和", "两端饱和"),
    sources=[("001", "introduction"), ("001", "activation functions")],
    statement="""Far from 0, on both sides, the slope of the sigmoid goes to 0 as exp(-|x|) does:
        it is 4.5e-5 at 10. That of ReLU is 1 at every positive number.""",
    statement_chinese="""远离 0 时，sigmoid 的斜率在两侧都像 exp(-|x|) 那样趋于 0，
        在 10 处为 4.5e-5；ReLU 在一切正数处斜率都是 1。""",
    verdict=HOLDS,
    formula="exp(-abs(x))/(1 + exp(-abs(x)))**2",
    commands=[
        "dlcalc activation sigmoid --at -10,0,10,40",
        "dlcalc activation --compare sigmoid,relu",
    ],
)
def sigmoid_saturates_at_infinity(proof: Proof) -> None:
    name = proof.subject("the activation that saturates", "sigmoid", "softplus")
    far = [-40.0, -10.0, 10.0, 40.0]
    told = slopes(name, far)
    engine = passed(f"4 {name}", far)
    for x, slope, back in zip(far, told, engine, strict=True):
        part = exp(-abs(x))
        proof.near(f"slope at {x:g} over exp(-|x|)", 1, slope / part, 1e-4)
        proof.near(f"off 1/(1 + exp(-|x|))^2 at {x:g}", 0, slope / part - 1 / (1 + part) ** 2)
        proof.near(f"the engine's slope at {x:g}", slope, float(back), 1e-12)
    for x in (1e-3, 10.0, 1e6):
        proof.equal(f"ReLU's slope at {x:g}", 1.0, float(passed("1 relu", [x])[0]))


@claim(
    "tanh-sigmoid-relation",
    title="tanh is the sigmoid stretched, and centred at 0",
    chinese="Tanh 函数",
    terms=("双曲正切", "tanh 与 sigmoid 的关系"),
    tier=2,
    sources=[("002", "activation functions"), ("004", "LSTM")],
    statement="""tanh(x) = 2*sigmoid(2x) - 1, with the slope 1 - tanh(x)^2, which is 1 at 0. Its
        values lie between -1 and 1, and their mean is 0 for inputs that are symmetric about 0,
        where the sigmoid's is 1/2.""",
    statement_chinese="""tanh(x) = 2 sigmoid(2x) - 1，斜率为 1 - tanh(x)^2，在 0 处等于 1。
        值域为 (-1, 1)；输入关于 0 对称时输出均值为 0，而 sigmoid 的均值为 1/2。""",
    verdict=HOLDS,
    formula="2/(1 + exp(-2*x)) - 1",
    commands=["dlcalc activation tanh --verify", "dlcalc activation sigmoid --of mean"],
)
def tanh_sigmoid_relation(proof: Proof) -> None:
    inner = proof.subject("the 2 inside", 2, 1)
    engine = ran(f"{len(POINTS)} tanh", POINTS)
    for x, value, slope in zip(POINTS, engine, slopes("tanh", POINTS), strict=True):
        closed = 2 * sigmoid(inner * x) - 1
        proof.near(f"2*sigmoid(2x) - 1 at {x:g}", closed, float(value), 1e-12)
        proof.near(f"1 - f^2 at {x:g}", 1 - closed**2, slope, 1e-12)
        proof.near("the central difference", slope, difference(tanh, x), 1e-8)
    for name, mean in (("tanh", 0.0), ("sigmoid", 0.5)):
        proof.near(f"mean of {name} under N(0, 1)", mean, mean_of(name), 1e-12)
        pairs = ran("4 " + name, [-3, -1, 1, 3])
        proof.near("mean over pairs x, -x", mean, float(pairs.mean()), 1e-12)


@claim(
    "relu-derivative-sgn",
    title="The derivative of ReLU is a step, not the sign",
    chinese="ReLU 导数为 sgn",
    terms=("relu 求导", "阶跃函数", "sgn"),
    sources=[("001", "activation functions")],
    statement="""Printed: the derivative of ReLU is sgn. For negative inputs that is -1, and the
        slope there is 0: it is the step function, (1 + sgn(x))/2 away from 0. A net trained
        with sgn may still learn, so only a gradient check shows the error.""",
    statement_chinese="""原文称 ReLU 的导数是 sgn。输入为负时 sgn 得 -1，而真实斜率为 0：
        应是阶跃函数，即 (1 + sgn(x))/2（0 处除外）。用 sgn 训练损失也可能下降，
        只有梯度检验才能发现。""",
    verdict=ERRATUM,
    contradicts=["relu-gates-on-input-sign"],
    formula="(1 + sgn(x))/2",
    commands=["dlcalc activation relu --at -2,0,3", "dlcalc grad 'relu(x)' --at x=-2"],
)
def relu_derivative_sgn(proof: Proof) -> None:
    printed = proof.subject("the derivative of the text", sign, step)
    for x in (-2.0, -0.1):
        proof.differs(f"the slope at {x:g}", printed(x), difference(relu, x), 1e-6)
    points = [-2.0, -0.1, 0.1, 3.0]
    engine = passed("4 relu", points)
    for x, told, back in zip(points, slopes("relu", points), engine, strict=True):
        closed = (1 + sign(x)) / 2
        proof.near(f"(1 + sgn)/2 at {x:g}", closed, difference(relu, x), 1e-6, RIGHT)
        proof.equal(f"dlcalc and the engine at {x:g}", (closed, closed), (told, float(back)), RIGHT)


@claim(
    "relu-gradient-constant",
    title="ReLU passes a gradient on unchanged where it is active",
    chinese="ReLU 正半轴导数为 1",
    terms=("relu 梯度恒为 1",),
    tier=2,
    sources=[("001", "activation functions"), ("004", "ReLU")],
    statement="""The slope of ReLU is 1 at every positive input, so along active units a gradient
        is multiplied by the weights alone, however many layers there are.""",
    statement_chinese="""ReLU 在一切正输入处斜率为 1，故沿激活的单元，不论多少层，
        梯度只乘以权值。""",
    verdict=HOLDS,
    formula="1",
    commands=["dlcalc activation relu --depth 50", "dlcalc activation sigmoid --depth 50"],
)
def relu_gradient_constant(proof: Proof) -> None:
    name = proof.subject("the activation", "relu", "softplus")
    x = sorted(float(v) for v in proof.random().uniform(1e-6, 100, 50))
    proof.equal("slopes at 50 positive points", (1.0,) * 50, slopes(name, x))
    weights = [0.5, 3.0, 1.25, 2.0]
    line = "1" + f" dense:1,bias=no {name}" * len(weights)
    tensors = {f"dense{i}.weight": [[w]] for i, w in enumerate(weights, 1)}
    product = 1.0
    for w in weights:
        product *= w
    proof.near(
        "four layers: the product of the weights", product, float(passed(line, [2.0], tensors)[0])
    )


@claim(
    "relu-gates-on-input-sign",
    title="The gate of ReLU is the sign of its input",
    chinese="当输出<0 时导数为 0",
    terms=("relu 输出<0", "relu 门"),
    tier=2,
    sources=[("004", "ReLU")],
    statement="""Printed: the derivative is 1 where the output is above 0, and 0 where the output
        is below 0. The output is never below 0: the gate is the sign of the input. At 0 there
        is no derivative, and frameworks take 0.""",
    statement_chinese="""原文说输出 > 0 时导数为 1，输出 < 0 时导数为 0。ReLU 的输出从不小于 0，
        应看输入的符号；输入为 0 时导数不存在，各框架取 0。""",
    verdict=ERRATUM,
    contradicts=["relu-derivative-sgn"],
    formula="1 if x > 0 else 0",
    commands=["dlcalc activation relu --at -2,0,3", "dlcalc grad 'relu(x)' --at x=0"],
)
def relu_gates_on_input_sign(proof: Proof) -> None:
    x = [float(v) for v in proof.random().normal(size=1000)]
    name = proof.subject("the activation", "relu", "leaky_relu")
    outputs = ran(f"1000 {name}", x)
    below = int((outputs < 0).sum())
    proof.fails("some outputs are below 0", below > 0, f"{below} of 1000")
    gate = passed("1000 relu", x)
    by_input = sum(g == step(v) for g, v in zip(gate.tolist(), x, strict=True))
    proof.equal("gates that the sign of the input tells", 1000, by_input, RIGHT)
    proof.equal("the slope taken at 0", 0.0, float(passed("1 relu", [0.0])[0]), RIGHT)
    sides = [(relu(h) - relu(0)) / h for h in (-1e-6, 1e-6)]
    proof.equal(
        "slopes from the left and the right of 0", [0.0, 1.0], [abs(s) for s in sides], RIGHT
    )


@claim(
    "relu-output-not-zero-mean",
    title="What ReLU puts out has a positive mean",
    chinese="输出不是 0 均值",
    terms=("relu 缺点", "非零均值"),
    sources=[("004", "drawbacks of ReLU")],
    statement="""ReLU drops the negative half, so inputs with mean 0 come out with a positive one:
        for N(0, 1) it is 1/sqrt(2 pi) = 0.399, with a deviation of 0.584.""",
    statement_chinese="""ReLU 去掉了负的一半，均值为 0 的输入，输出均值为正：
        N(0, 1) 时为 1/sqrt(2π) = 0.399，标准差 0.584。""",
    verdict=HOLDS,
    formula="1/sqrt(2*pi)",
    commands=["dlcalc activation relu --of mean", "dlcalc activation tanh --of mean"],
)
def relu_output_not_zero_mean(proof: Proof) -> None:
    name = proof.subject("the activation", "relu", "tanh")
    mean, deviation = 1 / sqrt(2 * pi), sqrt(1 / 2 - 1 / (2 * pi))
    proof.near("mean by dlcalc", mean, mean_of(name))
    proof.near("deviation", deviation, number(activation(name, of="deviation").value))
    # The normal distribution in 8001 slices of the same width.
    grid = [-8 + i / 500 for i in range(8001)]
    share = [(erf((x + 0.001) / sqrt(2)) - erf((x - 0.001) / sqrt(2))) / 2 for x in grid]
    values = ran(f"8001 {name}", grid).tolist()
    total = sum(p * y for p, y in zip(share, values, strict=True))
    proof.near("mean over slices of N(0, 1), the engine's", mean, total, 1e-5)
    centred = [v for x in proof.random().normal(size=500) for v in (float(x), -float(x))]
    proof.at_least("mean of a centred sample", 0.3, float(ran(f"1000 {name}", centred).mean()))


@claim(
    "elu-prelu-repair",
    title="ELU and PReLU keep a slope for negative inputs",
    chinese="ELU 与 PReLU 激活函数",
    terms=("ELU / PReLU", "ELU 函数", "PReLU 参数化修正", "relu 变种"),
    tier=2,
    sources=[("001", "activation functions"), ("002", "activation functions")],
    statement="""For x < 0 PReLU has the trained slope a, and ELU the slope alpha*exp(x), which is
        its value plus alpha; so no unit is without a gradient. ELU's mean under N(0, 1) is
        0.161, nearer to 0 than ReLU's 0.399. Whether they train better depends on the task.""",
    statement_chinese="""x < 0 时 PReLU 的斜率是可学习的 a，ELU 的斜率是 alpha exp(x)，
        即函数值加 alpha，所以没有梯度为 0 的单元。
        N(0,1) 输入下 ELU 的均值 0.161 比 ReLU 的 0.399 更接近 0。训练效果是否更好因任务而异。""",
    verdict=HOLDS,
    formula="alpha*(exp(x) - 1)",
    commands=["dlcalc activation elu --at -3,-1,2", "dlcalc activation --compare relu,elu,prelu"],
)
def elu_prelu_repair(proof: Proof) -> None:
    def elu(alpha: float, x: float) -> float:
        return x if x > 0 else alpha * (exp(x) - 1)

    def prelu(a: float, x: float) -> float:
        return max(0.0, x) + a * min(0.0, x)

    shift = proof.subject("the alpha in f + alpha", 1, 0)
    for x in (-3.0, -1.0, -0.2):
        for alpha in (1.0, 0.5):
            slope = difference(partial(elu, alpha), x)
            told = slopes(f"elu:{alpha}", [x])[0]
            proof.near(
                f"elu:{alpha:g} at {x:g}: f + alpha", elu(alpha, x) + shift * alpha, slope, 1e-8
            )
            proof.near("the same of dlcalc", slope, told, 1e-8)
        slope = difference(partial(prelu, 0.3), x)
        proof.near(f"prelu:0.3 at {x:g}", slope, slopes("prelu:0.3", [x])[0], 1e-8)
    tensors = {"dense1.weight": [[1, 1]], "dense1.bias": [-10]}
    for name, dead in (("relu", True), ("elu", False), ("leaky_relu:0.25", False)):
        gradient = float(abs(passed(f"2 dense:1 {name}", [1, 2], tensors)).max())
        proof.equal(f"a unit at -7 is without a gradient under {name}", dead, gradient == 0)
    means = {n: mean_of(n) for n in ("elu", "relu")}
    proof.at_most("mean of ELU under N(0, 1)", means["relu"] / 2, abs(means["elu"]))


@claim(
    "dead-unit-parameters-zero",
    title="A dead unit has an output and a gradient of 0, not weights of 0",
    chinese="参数一直为 0",
    terms=("死亡神经元 参数", "dead relu 参数"),
    tier=2,
    sources=[("004", "drawbacks of ReLU")],
    statement="""Printed: the parameters of a unit that is never active are always 0. Its output
        and its gradient are 0; its parameters are not, they stay at what they were when it
        died.""",
    statement_chinese="""原文说从不激活的单元参数一直为 0。为 0 的是它的输出和梯度；
        参数并不是 0，而是停在失活时的值上不再变化。""",
    verdict=ERRATUM,
    formula="w_new = w - lr*0",
    commands=[
        "dlcalc forward 1,2 dense:1 relu --set dense1.weight='[[1,1]]' --set dense1.bias='[-10]'"
        " --backward mse --target 1"
    ],
)
def dead_unit_parameters_zero(proof: Proof) -> None:
    from dlcalc.concepts.measure import compiled

    bias = proof.subject("the bias of the dead unit", -10.0, 0.5)
    program = compiled("2 dense:1 relu", {"dense1.weight": [[1, 1]], "dense1.bias": [bias]})
    before = program.parameters.copy()
    output = gradient = 0.0
    for x in ([1.0, 2.0], [0.0, 0.0], [3.0, -4.0], [5.0, 4.5]):
        program.input.data[...] = x
        output = max(output, float(program.forward()[0, 0]))
        # Half the squared distance from a target of 1.
        program.output.cotangent[...] = program.output.data - 1
        gradient = max(gradient, float(abs(program.backward()).max()))
        program.parameters -= 10 * program.gradient
    shown = ", ".join(f"{w:g}" for w in program.parameters)
    proof.fails("its parameters are 0", not program.parameters.any(), shown)
    proof.equal("its largest output on the data", 0.0, output, RIGHT)
    proof.equal("its largest gradient", 0.0, gradient, RIGHT)
    moved = float(abs(program.parameters - before).max())
    proof.equal("its parameters move by", 0.0, moved, RIGHT)
