"""Back-propagation through the 2-2-2 net of the notes, held against complex steps."""

from __future__ import annotations

from dlcalc.answers.grad_net import grad_net
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.notes_net import NOTES, TARGET, flat, numbers, slope, told, units
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof


@claim(
    "forward-matrix-form",
    title="A layer as a matrix times a vector",
    chinese="正向传播矩阵形式",
    terms=("前向传播", "z = Wa + b"),
    sources=[("003", "forward propagation")],
    statement="""With w[j,k] leading to unit j from unit k, the weighted sums of a layer are one
        product: z = W a + b. The first index is the row, and the unit that receives.""",
    statement_chinese="""设 w[j,k] 从单元 k 通向单元 j，则一层的加权和就是一个矩阵乘积：
        z = W a + b；第一个下标是行，即接收信号的单元。""",
    verdict=HOLDS,
    formula="z = W @ a + b",
    commands=["dlcalc grad --net 2-2-2 --at notes"],
)
def forward_matrix_form(proof: Proof) -> None:
    import numpy as np

    from dlcalc.concepts.measure import ran

    turned = proof.subject("the order of the indices", False, True)
    n = numbers()
    a = [n["a[1,1]"], n["a[1,2]"]]
    for layer, bias in ((2, 0.35), (3, 0.60)):
        w = np.array([[n[f"w[{layer},{j},{k}]"] for k in (1, 2)] for j in (1, 2)])
        z = (w.T if turned else w) @ np.array(a) + bias
        for j in (1, 2):
            proof.near(f"z[{layer},{j}] by the sum", n[f"z[{layer},{j}]"], float(z[j - 1]))
        tensors = {"dense1.weight": w, "dense1.bias": [bias, bias]}
        engine = ran("2 dense:2", a, tensors)
        proof.near("the engine's layer off it", 0, float(np.abs(engine - z).max()))
        a = [n[f"a[{layer},{j}]"] for j in (1, 2)]


@claim(
    "output-layer-missing-activation",
    title="The output is the activation of the sum, not the sum",
    chinese="输出层缺少激活函数",
    terms=("A^3 = W^3 A^2 + B^3",),
    tier=2,
    sources=[("003", "forward propagation")],
    statement="""Printed: A3 = W3 A2 + B3. That is the weighted sum Z3; the output is
        A3 = sigmoid(Z3). On the worked numbers the sums are 1.106 and 1.225, which no
        sigmoid can give, and the outputs 0.751 and 0.773.""",
    statement_chinese="""原文写 A3 = W3 A2 + B3。那只是加权和 Z3，输出应为 A3 = sigmoid(Z3)。
        按例中数字，加权和为 1.106 与 1.225（sigmoid 不可能取到），输出为 0.751 与 0.773。""",
    verdict=ERRATUM,
    formula="Z3 = W3 @ A2 + B3; A3 = 1/(1 + exp(-Z3))",
    commands=["dlcalc grad --net 2-2-2 --wrt 'w[3,1,1]' --at notes"],
)
def output_layer_missing_activation(proof: Proof) -> None:
    from dlcalc.concepts.measure import ran

    n = numbers()
    tensors = {
        "dense1.weight": [[0.15, 0.20], [0.25, 0.30]],
        "dense1.bias": [0.35, 0.35],
        "dense2.weight": [[0.40, 0.45], [0.50, 0.55]],
        "dense2.bias": [0.60, 0.60],
    }
    engine = ran("2 dense:2 sigmoid dense:2 sigmoid", [0.05, 0.10], tensors)
    for j in (1, 2):
        a = float(engine[j - 1])
        printed = proof.subject("the equation of the text", n[f"z[3,{j}]"], n[f"a[3,{j}]"])
        proof.differs(f"output {j} of the engine", printed, a)
        proof.fails(f"the sum {printed:.6g} is below 1", printed < 1)
        proof.near(f"sigmoid of the sum, output {j}", n[f"a[3,{j}]"], a, part=RIGHT)


@claim(
    "hidden-neuron-input-mislabelled",
    title="Hidden units of one layer do not feed one another",
    chinese="神经元 d 的输入",
    terms=("同层神经元不相连",),
    tier=2,
    sources=[("003", "forward propagation")],
    statement="""Printed: the second hidden unit receives the output of the first. Units of one
        layer are not connected: both receive the two inputs a[1,1] and a[1,2].""",
    statement_chinese="""原文说第二个隐藏单元接收第一个隐藏单元的输出。同层单元互不相连：
        两者的输入都是 a[1,1] 和 a[1,2]。""",
    verdict=ERRATUM,
    formula="z[2,2] == w[2,2,1]*a[1,1] + w[2,2,2]*a[1,2] + b[2,2]",
    commands=["dlcalc grad --net 2-2-2 --wrt 'w[2,2,1]' --at notes"],
)
def hidden_neuron_input_mislabelled(proof: Proof) -> None:
    # The bias of the first hidden unit moves its output and nothing else.
    source = proof.subject("what moves the first hidden unit alone", (2, 1, 0), (1, 1, 0))
    moved = units({**NOTES, source: NOTES[source] + 1})
    still = units(NOTES)
    change = abs(moved["z[2,2]"] - still["z[2,2]"])
    proof.holds("the first hidden unit has moved", moved["a[2,1]"] != still["a[2,1]"], part=RIGHT)
    proof.fails("the second moves with the first", change > 0, f"by {change:.6g}")
    for k in (1, 2):
        inputs = units({**NOTES, (1, k, 0): NOTES[1, k, 0] + 1})
        change = (inputs["z[2,2]"] - still["z[2,2]"]).real
        proof.near(f"it moves with input {k} by", NOTES[2, 2, k].real, change, part=RIGHT)
    steps = {step.symbol: step.text for step in grad_net("2-2-2", wrt=["w[2,2,1]"]).steps}
    text = steps["z[2,2]"]
    proof.fails("a[2,1] is in dlcalc's z[2,2]", "a[2,1]" in text, text)


@claim(
    "chain-rule-output-weights",
    title="Gradients of the output weights",
    chinese="链式求导 输出层",
    terms=("输出层梯度", "反向传播 链式法则"),
    sources=[("003", "chain rule")],
    statement="""An output weight's gradient is (a - y) times a(1 - a) times what the weight
        multiplies: the error, the slope of the sigmoid, and the hidden unit's value. The
        bias has the same without the last factor.""",
    statement_chinese="""输出层权值的梯度等于 (a - y)、a(1 - a) 与该权值所乘的隐藏单元输出三者之积，
        即误差、sigmoid 的斜率和输入；偏置的梯度没有最后一个因子。""",
    verdict=HOLDS,
    contradicts=["chain-rule-superscripts", "mse-missing-square"],
    formula="(a3 - y)*a3*(1 - a3)*a2",
    commands=["dlcalc grad --net 2-2-2 --wrt 'w[3,1,1]' --at notes"],
)
def chain_rule_output_weights(proof: Proof) -> None:
    n = numbers()
    for j in (1, 2):
        a = n[f"a[3,{j}]"]
        delta = (a - TARGET[j - 1]) * proof.subject("the slope of the sigmoid", flat(a), 1.0)
        for k in (1, 2):
            name = f"w[3,{j},{k}]"
            closed = delta * n[f"a[2,{k}]"]
            proof.near(f"dE/d{name} by a complex step", closed, slope((3, j, k)), 1e-12)
            proof.near(f"dE/d{name} by dlcalc grad", closed, told(name), 1e-12)
        proof.near(f"dE/db[3,{j}] by a complex step", delta, slope((3, j, 0)), 1e-12)


@claim(
    "chain-rule-hidden-weights",
    title="Gradients of the hidden weights",
    chinese="链式求导 隐藏层",
    terms=("隐藏层梯度",),
    sources=[("003", "chain rule")],
    statement="""A hidden weight's gradient carries the output error back through the output
        weight and both slopes: (a3 - y)a3(1 - a3) w3 a2(1 - a2) a1. That is one output's
        share; the gradient of the whole error adds the shares of all outputs.""",
    statement_chinese="""隐藏层权值的梯度把输出误差经输出权值和两个斜率传回：
        (a3 - y)a3(1 - a3) w3 a2(1 - a2) a1。这只是一个输出的份额，总误差的梯度要把各输出相加。""",
    verdict=CONDITIONS,
    conditions="""The error is that of the first output alone; the whole error adds the second
        output's share, here -0.000230 to 0.000668.""",
    formula="(a3 - y)*a3*(1 - a3)*w3*a2*(1 - a2)*a1",
    commands=[
        "dlcalc grad --net 2-2-2 --wrt 'w[2,1,1]' --at notes --unit 1",
        "dlcalc grad --net 2-2-2 --wrt 'w[2,1,1]' --at notes",
    ],
)
def chain_rule_hidden_weights(proof: Proof) -> None:
    n = numbers()
    every = proof.subject("the outputs that have an error outside", (1, 2), (1,))
    for j in (1, 2):
        a = n["a[3,1]"]
        back = (a - TARGET[0]) * flat(a) * n[f"w[3,1,{j}]"]
        back *= proof.subject("the slope of the hidden sigmoid", flat(n[f"a[2,{j}]"]), 1.0)
        for k in (1, 2):
            closed, name = back * n[f"a[1,{k}]"], f"w[2,{j},{k}]"
            first = slope((2, j, k), (1,))
            proof.near(f"d(output 1's error)/d{name}", closed, first, 1e-12, INSIDE)
            proof.near(f"{name} by dlcalc grad --unit 1", first, told(name, 1), 1e-12, INSIDE)
        proof.near(f"the bias b[2,{j}]", back, slope((2, j, 0), (1,)), 1e-12, INSIDE)
        whole = slope((2, j, 1), every)
        proof.differs(f"dE/dw[2,{j},1] of both", back * n["a[1,1]"], whole, 1e-6, OUTSIDE)
    shares = slope((2, 1, 1), (1,)) + slope((2, 1, 1), (2,))
    proof.near("dE/dw[2,1,1], the shares added", told("w[2,1,1]"), shares, 1e-12, OUTSIDE)


@claim(
    "chain-rule-superscripts",
    title="Two layers under one superscript",
    chinese="上标 w^2 / w^1 不一致",
    terms=("上标不一致",),
    sources=[("003", "chain rule"), ("003", "summary")],
    statement="""Printed: the output weights become w2 in the results, and the hidden ones w1.
        With w[l] leading into layer l they are w3 and w2: the formula printed for w2 gives
        0.0822, which is the derivative by w[3,1,1]; output 1's by w[2,1,1] is 0.000668.""",
    statement_chinese="""原文结果中把输出层权值写成 w2，隐藏层写成 w1。按其约定（w^l 进入第 l 层），
        应为 w3 与 w2：标为 w2 的公式等于 0.0822，
        那是对 w[3,1,1] 的导数，对 w[2,1,1] 的是 0.000668。""",
    verdict=ERRATUM,
    contradicts=["chain-rule-output-weights"],
    formula="(a3 - y)*a3*(1 - a3)*a2",
    commands=[
        "dlcalc grad --net 2-2-2 --wrt 'w[3,1,1]' --at notes",
        "dlcalc grad --net 2-2-2 --wrt 'w[2,1,1]' --at notes --unit 1",
    ],
)
def chain_rule_superscripts(proof: Proof) -> None:
    n = numbers()
    printed = (n["a[3,1]"] - TARGET[0]) * flat(n["a[3,1]"]) * n["a[2,1]"]
    layer = proof.subject("the superscript of the text", 2, 3)
    named = slope((layer, 1, 1), (1,))
    proof.differs(f"the derivative by w[{layer},1,1]", printed, named, 1e-6)
    proof.near("the derivative by w[3,1,1]", printed, slope((3, 1, 1), (1,)), 1e-12, RIGHT)
    proof.near("w[3,1,1] by dlcalc grad", printed, told("w[3,1,1]", 1), 1e-12, RIGHT)
    proof.refused(
        f"a weight w[{layer - 1},1,1]",
        lambda: grad_net("2-2-2", wrt=[f"w[{layer - 1},1,1]"]).value,
    )


@claim(
    "chain-rule-unbalanced-parenthesis",
    title="A bracket that is not closed changes the gradient",
    chinese="括号不匹配",
    terms=("隐藏层梯度 括号",),
    tier=2,
    sources=[("003", "chain rule")],
    statement="""Printed: a(1 - a * w ..., with the bracket never closed before the product. Closed
        at the end it gives 0.0258 on the worked numbers; closed behind 1 - a, where it
        belongs, 0.000668.""",
    statement_chinese="""原文写成 a(1 - a * w ...，括号在乘积之前没有闭合。若在末尾闭合，
        按例中数字得 0.0258；在 1 - a 之后闭合才对，得 0.000668。""",
    verdict=ERRATUM,
    formula="(a3 - y)*a3*(1 - a3)*w3*a2*(1 - a2)*a1",
    commands=["dlcalc grad --net 2-2-2 --wrt 'w[2,1,1]' --at notes --unit 1"],
)
def chain_rule_unbalanced_parenthesis(proof: Proof) -> None:
    n = numbers()
    a, w, hidden, x = n["a[3,1]"], n["w[3,1,1]"], n["a[2,1]"], n["a[1,1]"]
    closed = (a - TARGET[0]) * a * (1 - a) * w * hidden * (1 - hidden) * x
    for k, name in ((1, "w[2,1,1]"), (2, "w[2,1,2]")):
        ratio = n[f"a[1,{k}]"] / x
        long = (a - TARGET[0]) * a * (1 - a * w * hidden * (1 - hidden) * x * ratio)
        printed = proof.subject("where the bracket closes", long, closed * ratio)
        true = slope((2, 1, k), (1,))
        proof.differs(f"the derivative by {name}", printed, true, 1e-6)
        proof.near(f"closed behind 1 - a, {name}", closed * ratio, true, 1e-12, RIGHT)
        proof.near(f"{name} by dlcalc grad", closed * ratio, told(name, 1), 1e-12, RIGHT)
