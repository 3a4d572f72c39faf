"""Neurons and dense layers: what one computes, its shapes, and what its weights say."""

from __future__ import annotations

from itertools import product
from math import exp, tanh

from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import difference, partial_difference, passed, ran, trial
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

#: The worked example: weights, inputs, bias.
W, X, B = [0.5, -1.0, 2.0], [1.0, 2.0, 3.0], 0.1


def inner(w: list[float], x: list[float]) -> float:
    """The inner product."""
    return sum(a * b for a, b in zip(w, x, strict=True))


@claim(
    "neuron-affine-activation",
    title="A neuron is an activation of a weighted sum and a bias",
    chinese="神经元 / 单层感知器",
    terms=("神经元模型", "感知器", "偏置 吸收", "感知机"),
    sources=[("000", "neural networks"), ("003", "neuron"), ("001", "neural networks")],
    statement="""A neuron puts out f(w.x + b). The bias can be taken for the weight of one more
        input that is always 1: with x' = (x, 1) and w' = (w, b), f(w'.x') is the same.""",
    statement_chinese="""神经元的输出为 f(w·x + b)。偏置可看作恒为 1 的附加输入的权值：
        令 x' = (x, 1)、w' = (w, b)，则 f(w'·x') 与之相同。""",
    verdict=HOLDS,
    formula="f(sum(w[i]*x[i] for i in range(n)) + b)",
    commands=[
        "dlcalc forward 1,2,3 dense:1 --set dense1.weight='[[0.5,-1,2]]' --set dense1.bias='[0.1]'"
    ],
)
def neuron_affine_activation(proof: Proof) -> None:
    constant = proof.subject("the constant input", 1.0, 0.0)
    cases = [(W, X, B)]
    for stream in range(5):
        numbers = [float(v) for v in proof.random(stream).normal(size=7)]
        cases.append((numbers[:3], numbers[3:6], numbers[6]))
    for w, x, b in cases:
        closed = inner(w, x) + b
        tensors = {"dense1.weight": [w], "dense1.bias": [b]}
        for name, f in (("", float), (" tanh", tanh)):
            engine = float(ran(f"3 dense:1{name}", x, tensors)[0])
            proof.near(f"f(w.x + b){name}", f(closed), engine, 1e-12)
            wide = {"dense1.weight": [[*w, b]]}
            absorbed = float(ran(f"4 dense:1,bias=no{name}", [*x, constant], wide)[0])
            proof.near("the bias as a weight", engine, absorbed, 1e-12)


@claim(
    "neuron-bias-inside-sum",
    title="The bias is added once, not once for each input",
    chinese="偏置 b 在求和号内",
    terms=("偏置 求和号", "f(sum(w_i x_i + b))"),
    tier=2,
    sources=[("003", "neuron")],
    statement="""Printed: f(sum(w_i*x_i + b)), with the bias inside the sum. Read so it is added
        once for each input, (n - 1)*b too much; it is f(sum(w_i*x_i) + b). For three inputs and
        b = 0.1 the first gives 4.8, the second 4.6.""",
    statement_chinese="""原文把偏置写在求和号内：f(sum(w_i x_i + b))。照此每个输入都加一次 b，
        多出 (n - 1)b；应为 f(sum(w_i x_i) + b)。三个输入、b = 0.1 的例子中前者得 4.8，
        后者得 4.6。""",
    verdict=ERRATUM,
    formula="sum(w[i]*x[i] for i in range(n)) + b",
    commands=[
        "dlcalc forward 1,2,3 dense:1 --set dense1.weight='[[0.5,-1,2]]' --set dense1.bias='[0.1]'"
    ],
)
def neuron_bias_inside_sum(proof: Proof) -> None:
    for n in (2, 3):
        engine = float(
            ran(f"{n} dense:1", X[:n], {"dense1.weight": [W[:n]], "dense1.bias": [B]})[0]
        )
        times = proof.subject("how often the text adds the bias", n, 1)
        printed = sum(w * x for w, x in zip(W[:n], X[:n], strict=True)) + times * B
        proof.differs(f"the engine's sum of {n} inputs", printed, engine, 1e-6)
        proof.near("the bias outside", inner(W[:n], X[:n]) + B, engine, 1e-12, RIGHT)
        proof.near("too much is (n - 1)*b", (n - 1) * B, printed - engine, 1e-12, RIGHT)


@claim(
    "mp-neuron-logic-gates",
    title="A threshold unit makes logic gates, except XOR, and does not learn by itself",
    chinese="MP 神经元",
    terms=("人工神经元模型 (1943)", "McCulloch-Pitts", "逻辑门"),
    sources=[("001", "neural networks")],
    statement="""A unit with fixed weights and a hard threshold makes 14 of the 16 functions of
        two bits; XOR and its negation are missing. The model of 1943 has no rule of learning,
        and the slope of a step is 0; with the perceptron rule the same unit learns all 14.""",
    statement_chinese="""权值固定、硬阈值的单元能实现两位输入 16 个布尔函数中的 14 个，
        缺的是异或与同或。1943 年的模型没有学习规则，阶跃的梯度也为 0；加上感知器规则，
        同一单元能学会这 14 个。""",
    verdict=CONDITIONS,
    conditions="""That it cannot learn is meant of the unit without a rule. The perceptron rule,
        which needs no gradient, teaches it every separable function.""",
    formula="w1*x1 + w2*x2 > t",
    commands=["dlcalc grad 'heaviside(w*x - t, 0)' --wrt w"],
)
def mp_neuron_logic_gates(proof: Proof) -> None:
    bits = list(product((0, 1), repeat=2))
    halves = proof.subject("the thresholds", [t + 0.5 for t in range(-7, 7)], [0.5])
    tables = {
        tuple(int(u * a + v * b > t) for a, b in bits)
        for u, v, t in product(range(-3, 4), range(-3, 4), halves)
    }
    proof.equal("functions of two bits that a unit makes", 14, len(tables), INSIDE)
    for name, table in (("AND", (0, 0, 0, 1)), ("OR", (0, 1, 1, 1)), ("NAND", (1, 1, 1, 0))):
        proof.holds(f"{name} among them", table in tables, part=INSIDE)
    for name, table in (("XOR", (0, 1, 1, 0)), ("XNOR", (1, 0, 0, 1))):
        proof.fails(f"{name} among them", table in tables, part=INSIDE)
    slopes = [difference(lambda z: float(z > 0), z) for z in (-1.5, -0.5, 0.5, 1.5)]
    proof.equal("slopes of the step, which descent needs", [0.0] * 4, slopes, INSIDE)
    learnt: set[tuple[int, ...]] = set()
    for wanted in product((0, 1), repeat=4):
        w = [0, 0, 0]
        for _ in range(30):
            for (a, b), target in zip(bits, wanted, strict=True):
                error = target - int(w[0] * a + w[1] * b + w[2] > 0)
                w = [w[0] + error * a, w[1] + error * b, w[2] + error]
        if all(
            int(w[0] * a + w[1] * b + w[2] > 0) == t for (a, b), t in zip(bits, wanted, strict=True)
        ):
            learnt.add(wanted)
    proof.equal("functions that the perceptron rule learns", 14, len(learnt), OUTSIDE)
    proof.equal("they are the same", True, learnt == tables, OUTSIDE)


@claim(
    "layer-matrix-shapes",
    title="The shapes of a dense layer",
    chinese="隐层权重矩阵",
    terms=("偏置向量维度", "全连接层参数量", "N x F"),
    sources=[("001", "neural networks")],
    statement="""N examples of F features, times a weight matrix of F x H, plus a bias of 1 x H
        for all rows, are N x H. Each unit owns a column of F weights and one bias, so the layer
        has F*H + H parameters: 78500 from 784 to 100.""",
    statement_chinese="""N 个样本、F 个特征的输入乘 F x H 的权值矩阵，各行再加 1 x H 的偏置，
        得 N x H。每个单元占一列 F 个权值和一个偏置，共 F·H + H 个参数；784 到 100 为 78500 个。""",
    verdict=HOLDS,
    formula="F*H + H",
    commands=["dlcalc params 784 dense:100 dense:10", "dlcalc shape 5x3 dense:4 --verify"],
)
def layer_matrix_shapes(proof: Proof) -> None:
    biases = proof.subject("the biases", 1, 0)
    program = trial("3 dense:4", proof.random(), batch=5)
    x, y = program.input.data, program.forward()
    w, b = (program.tensors[f"dense1.{name}"].value for name in ("weight", "bias"))
    proof.equal("shape of X", (5, 3), x.shape)
    proof.equal("shape of X W + b in the engine", (5, 4), y.shape)
    off = max(
        abs(float(y[n, h]) - sum(float(x[n, f] * w[h, f]) for f in range(3)) - biases * float(b[h]))
        for n in range(5)
        for h in range(4)
    )
    proof.near("off the sums written out", 0, off, 1e-12)
    proof.equal("dlcalc shape", "5x4", str(shape("5x3 dense:4").value))
    for f, h in ((3, 4), (784, 100), (100, 10)):
        proof.equal(f"parameters {f} to {h}", f * h + biases * h, params(f"{f} dense:{h}").value)
    proof.equal("784-100-10", 79510, params("784 dense:100 dense:10").value)


#: The notes' listing of a layer, in our own names, and mended.
LISTING = """
product = matmul(X, W)
B = ones(H)
A = sigmoid(Z)
"""
MENDED = LISTING.replace("A =", "Z = product + B\nA =")


def never_given(code: str, known: set[str]) -> list[str]:
    """The names that a listing reads before any line of it gives them; nothing of it runs."""
    import ast

    given, missing = set(known), []
    for statement in ast.parse(code).body:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        reads = [name.id for name in names if isinstance(name.ctx, ast.Load)]
        missing += [name for name in reads if name not in given]
        given |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return missing


@claim(
    "layer-code-omits-bias-add",
    title="A layer's code must form Z = XW + B before the activation",
    chinese="示例代码缺少 Z = XW + B",
    terms=("TensorFlow 全连接层代码", "未定义 Z", "缺少偏置相加"),
    tier=2,
    sources=[("001", "neural networks, code")],
    statement="""Printed: a listing that multiplies X by W, declares B, and applies the sigmoid to a
        Z that nothing has defined: it stops with a NameError. The line Z = matmul(X, W) + B is
        missing. The product alone will not do: with B of ones, as declared, every sum would be
        too small by 1.""",
    statement_chinese="""原文代码计算了 XW、声明了 B，却对未定义的 Z 使用 sigmoid，
        运行即报 NameError。缺少的一行是 Z = matmul(X, W) + B。只用 XW 也不对：
        B 全为 1，每个加权和都会少 1。""",
    verdict=ERRATUM,
    formula="Z = X @ W + B; A = sigmoid(Z)",
    commands=[
        "dlcalc forward 1,2 dense:2 sigmoid --set dense1.weight='[[0.5,-1],[2,0.25]]'"
        " --set dense1.bias=1",
        "dlcalc params 2 dense:2",
    ],
)
def layer_code_omits_bias_add(proof: Proof) -> None:
    listing = proof.subject("the listing", LISTING, MENDED)
    known = {"X", "W", "H", "matmul", "ones", "sigmoid"}
    missing = never_given(listing, known)
    proof.fails("every name that it reads is given", not missing, ", ".join(missing) or "none")
    proof.equal("names that the mended listing lacks", [], never_given(MENDED, known), RIGHT)
    x = [float(v) for v in proof.random().normal(size=3)]
    rows = proof.random(1).normal(size=(2, 3)).tolist()
    tensors = {"dense1.weight": rows, "dense1.bias": [1.0, 1.0]}
    sums, engine = ran("3 dense:2", x, tensors), ran("3 dense:2 sigmoid", x, tensors)
    for j, row in enumerate(rows):
        proof.differs(f"sum {j} without B", inner(row, x), float(sums[j]), 0.5)
        proof.near(
            f"it is off by the 1 of B, unit {j}", 1, float(sums[j]) - inner(row, x), 1e-12, RIGHT
        )
        closed = 1 / (1 + exp(-inner(row, x) - 1))
        proof.near(f"sigmoid(x.w + B), unit {j}", closed, float(engine[j]), 1e-12, RIGHT)


@claim(
    "output-layer-single-value",
    title="The output layer has as many values as the task needs",
    chinese="输出层转化为单一的输出值",
    terms=("输出层 单一值", "输出单元个数"),
    tier=2,
    sources=[("001", "neural networks")],
    statement="""Printed: the output layer turns the last hidden vector into a single value. It
        gives as many as the task needs: one for a number or a yes-or-no question, K for K
        classes, as softmax in the same notes has it.""",
    statement_chinese="""原文说输出层把最后的隐藏向量转化为单一的输出值。输出个数由任务决定：
        回归一个数或二分类为 1 个，K 类则为 K 个，同一笔记后文的 softmax 即如此。""",
    verdict=ERRATUM,
    formula="probabilities = softmax(W @ h + b)",
    commands=["dlcalc shape 16 dense:10 softmax --verify", "dlcalc shape 16 dense:1 --verify"],
)
def output_layer_single_value(proof: Proof) -> None:
    units = proof.subject("the classes", 10, 1)
    h = [float(v) for v in proof.random().normal(size=16)]
    weights = proof.random(1).normal(size=(units, 16))
    y = ran(f"16 dense:{units} softmax", h, {"dense1.weight": weights})
    proof.fails("ten classes come out as one value", y.size == 1, f"{y.size} values")
    proof.equal("values for ten classes", str(10), str(shape("16 dense:10 softmax").value), RIGHT)
    powers = [exp(inner(row, h)) for row in weights.tolist()]
    closed = [power / sum(powers) for power in powers]
    off = max(abs(a - b) for a, b in zip(closed, y.tolist(), strict=True))
    proof.near("they are the softmax of their sums, off by", 0, off, 1e-12, RIGHT)
    proof.equal("values for one number", "1", str(shape("16 dense:1").value), RIGHT)


@claim(
    "fully-connected-inner-product",
    title="A dense unit is an inner product with all inputs",
    chinese="全连接层 / 内积",
    terms=("全连接层", "fully connected", "内积"),
    tier=2,
    sources=[("002", "fully connected layer"), ("000", "neural networks")],
    statement="""Each unit of a dense layer has the inner product of its weights with all inputs,
        plus its bias. On the way back the inputs get W.T times the gradient of the outputs, and
        the weights that gradient times the inputs, as an outer product.""",
    statement_chinese="""全连接层的每个单元是其权值与全部输入的内积再加偏置。反向时，
        输入的梯度为 W.T 乘输出的梯度，权值的梯度为输出的梯度与输入的外积。""",
    verdict=HOLDS,
    formula="dx = W.T @ dy; dW = outer(dy, x)",
    commands=["dlcalc grad 'W@x + b' --wrt x --shape W=nxm,x=m,b=n"],
)
def fully_connected_inner_product(proof: Proof) -> None:
    turned = proof.subject("the transpose on the way back", True, False)
    program = trial("3 dense:3", proof.random(), batch=1)
    y = program.forward()[0].copy()
    program.backward()
    x, dy = program.input.data[0].tolist(), program.output.cotangent[0].tolist()
    w, b = (program.tensors[f"dense1.{n}"].value.tolist() for n in ("weight", "bias"))
    for j in range(3):
        proof.near(f"unit {j}", inner(w[j], x) + b[j], float(y[j]), 1e-12)
        back = inner([row[j] for row in w] if turned else w[j], dy)
        proof.near(f"gradient of input {j}", back, float(program.input.cotangent[0, j]), 1e-12)
        slope = partial_difference(
            lambda at: sum(
                d * (inner(row, list(at)) + c) for d, row, c in zip(dy, w, b, strict=True)
            ),
            x,
            j,
        )
        proof.near("the same by differences", back, slope, 1e-8)
        gradient = program.tensors["dense1.weight"].gradient[j].tolist()
        off = max(abs(dy[j] * v - g) for v, g in zip(x, gradient, strict=True))
        proof.near(f"gradient of row {j} off dy*x", 0, off, 1e-12)


@claim(
    "weight-zero-no-influence",
    title="An input with weight 0 has no influence",
    chinese="权重为 0 对输出没有影响",
    terms=("权重为 0",),
    tier=2,
    sources=[("003", "weights")],
    statement="""With w_i = 0 the output does not depend on x_i: its derivative is f'(z)*w_i,
        which is 0 whatever the other inputs are.""",
    statement_chinese="""若 w_i = 0，则输出与 x_i 无关：导数为 f'(z) w_i，
        不论其他输入为何都是 0。""",
    verdict=HOLDS,
    formula="f'(z)*w[i]",
    commands=["dlcalc grad 'sigmoid(w*x + v*y + b)' --wrt x --at w=0,x=1,v=2,y=3,b=1"],
)
def weight_zero_no_influence(proof: Proof) -> None:
    zero = proof.subject("the weight", 0.0, 1e-3)
    tensors = {"dense1.weight": [[zero, 0.7]], "dense1.bias": [0.2]}
    for name in ("sigmoid", "tanh", "relu"):
        line = f"2 dense:1 {name}"
        for other in (-1.0, 2.0):
            still = float(ran(line, [0.0, other], tensors)[0])
            moved = float(ran(line, [1e6, other], tensors)[0])
            proof.equal(
                f"{name}: change if x moves by 1e6, other input {other:g}", 0.0, moved - still
            )
            proof.equal("the derivative", 0.0, float(passed(line, [0.5, other], tensors)[0]))


@claim(
    "weight-magnitude-importance",
    title="A larger weight means more only among inputs of one scale",
    chinese="权重越大重要性越大",
    terms=("权重 重要性",),
    tier=2,
    sources=[("003", "weights")],
    statement="""Among inputs of the same scale the one with the larger weight, by its size and
        not its sign, moves the output more. With scales that differ it is weight times scale
        that counts: 0.5 on an input a hundred times larger outweighs 3.""",
    statement_chinese="""输入尺度相同时，权值的绝对值越大，对输出影响越大。
        尺度不同时要看权值与尺度之积：输入大一百倍时，权值 0.5 的影响超过权值 3。""",
    verdict=CONDITIONS,
    conditions="""The inputs have one scale, and the size of the weight is meant, not its sign.""",
    formula="(w[i]*deviation[i])**2",
    commands=["dlcalc norm zscore '[[1,100],[2,300],[4,200]]'"],
)
def weight_magnitude_importance(proof: Proof) -> None:
    large = proof.subject("the scale of the second input outside", 100.0, 1.0)
    random = proof.random()
    for scale, part in ((1.0, INSIDE), (large, OUTSIDE)):
        x = random.normal(size=(2000, 2)) * [1, scale]
        share = []
        for i, w in enumerate((3.0, 0.5)):
            alone = trial("2 dense:1,bias=no", random, batch=2000)
            alone.parameters[...] = 0
            alone.parameters[i] = w
            alone.input.data[...] = x
            share.append(float(alone.forward().var()))
            closed = (w * (scale if i else 1.0)) ** 2
            proof.near(
                f"variance from weight {w:g} over (w*scale)^2", 1, share[-1] / closed, 0.2, part
            )
        if part == INSIDE:
            proof.at_least("share of the larger weight", 0.9, share[0] / sum(share), part)
        else:
            proof.fails("the larger weight has the larger share", share[0] > share[1], part=part)
