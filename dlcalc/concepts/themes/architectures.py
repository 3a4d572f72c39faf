"""Well-known nets: shapes and parameter counts."""

from __future__ import annotations

from itertools import pairwise

from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.concepts.claim import ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import compiled, made
from dlcalc.concepts.proof import PRINTED, RIGHT, Proof


def conv(inputs: int, outputs: int, kernel: int) -> int:
    """Parameters of a square convolution with biases."""
    return outputs * (inputs * kernel * kernel + 1)


def dense(*sizes: int) -> int:
    """Parameters of dense layers of these sizes, one behind the other, with biases."""
    return sum(a * b + b for a, b in pairwise(sizes))


@claim(
    "lenet5-shapes-params",
    title="LeNet-5: shapes and parameters",
    chinese="LeNet-5 的尺寸与参数",
    terms=("LeNet", "经典卷积网络"),
    sources=[("000", "classic CNNs")],
    statement="""LeNet-5 goes 32, 28, 14, 10, 5. Its modern form has 61,706 parameters; in that of
        1998 all maps of C3 but one see only some of S2's, by 1,516 parameters, and the net has
        60,000 without its fixed output layer.""",
    statement_chinese="""LeNet-5 的边长依次为 32、28、14、10、5。现代形式有 61,706 个参数；
        1998 年的 C3 只部分连接，有 1,516 个参数，不计固定的输出层共 60,000 个。""",
    verdict=HOLDS,
    formula="6*26 + 16*151 + 120*401 + 84*121 + 10*85 == 61706",
    commands=["dlcalc params lenet5", "dlcalc shape lenet5 --verify", "dlcalc params lenet5-1998"],
)
def lenet5_shapes_params(proof: Proof) -> None:
    head = dense(16 * 5 * 5, 120, 84, 10)
    biases = proof.subject("the biases of C3", 16, 0)
    modern = conv(1, 6, 5) + 16 * 6 * 25 + biases + head
    proof.equal("parameters of the modern form", modern, params("lenet5").value)
    proof.equal("trained numbers in the engine", modern, compiled("1x32x32 lenet5").parameters.size)
    stages = "1x32x32 conv:6,k5 tanh avgpool:2 conv:16,k5 tanh avgpool:2"
    sizes = [each["output"][1] for each in shape(stages).document()["layers"]]  # type: ignore[attr-defined]
    counted = [32 - 4, 28 // 2, 14 - 4, 10 // 2]
    proof.equal("sides", counted, list(dict.fromkeys(sizes)))
    proof.equal("the engine's last maps", "16x5x5", made(stages))
    # Six maps of C3 see 3 of S2's, nine see 4 and one sees all 6.
    c3 = 6 * conv(3, 1, 5) + 9 * conv(4, 1, 5) + conv(6, 1, 5)
    proof.equal("parameters of C3 in 1998", 1516, c3)
    old = conv(1, 6, 5) + 2 * 6 + c3 + 2 * 16 + dense(16 * 25, 120, 84)
    proof.equal("parameters in 1998", old, params("lenet5-1998").value)


#: The convolutions of each of the five stages, and the channels of a stage.
VGG = {"vgg11": (1, 1, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


@claim(
    "vgg16-params",
    title="VGG: stacks of 3x3, and 138 million parameters",
    chinese="VGG 的参数量",
    terms=("VGG", "VGG-16", "3x3 卷积堆叠"),
    sources=[("000", "classic CNNs")],
    statement="""VGG-16 has 138,357,544 parameters, VGG-11 132,863,336 and VGG-19 143,667,240;
        224 becomes 7. Three 3x3 layers see 7x7 like one layer of 7x7, with 27 in place of 49
        weights for each pair of channels.""",
    statement_chinese="""VGG-16 有 138,357,544 个参数，VGG-11 132,863,336 个，
        VGG-19 143,667,240 个，
        边长由 224 变为 7。三层 3x3 的感受野同一层 7x7，每对通道只用 27 个权重而非 49 个。""",
    verdict=HOLDS,
    formula="3*3*3*64*64 == 110592 < 7*7*64*64 == 200704",
    commands=["dlcalc params vgg16", "dlcalc params vgg19 -q --expect 143667240"],
)
def vgg16_params(proof: Proof) -> None:
    kernel = proof.subject("kernels of 3", 3, 2)
    for name, depths in VGG.items():
        told, inputs = dense(512 * 7 * 7, 4096, 4096, 1000), 3
        for count, channels in zip(depths, CHANNELS, strict=True):
            for _ in range(count):
                told += conv(inputs, channels, kernel)
                inputs = channels
        proof.equal(f"parameters of {name}", told, params(name).value)
    proof.equal(
        "224 halved five times", str(224 // 2**5), str(shape("224" + " maxpool:2" * 5).value)
    )
    stack = "64x9x9" + " conv:64,k3,bias=no" * 3
    wide = "64x9x9 conv:64,k7,bias=no"
    proof.equal("weights of three 3x3", 3 * 3**2 * 64**2, params(stack).value)
    proof.equal("weights of one 7x7", 7**2 * 64**2, params(wide).value)
    seen = [shape(line).document()["layers"][-1]["receptive_field"] for line in (stack, wide)]  # type: ignore[index]
    proof.equal("both see", [[7, 7], [7, 7]], seen)


INPUT_3A = "192x28x28"
MODULE_3A = (
    "concat[conv:64,k1 | conv:96,k1 conv:128,k3,p1 | conv:16,k1 conv:32,k5,p2"
    " | maxpool:3,s1,p1 conv:32,k1]"
)
NAIVE_3A = "concat[conv:64,k1 | conv:128,k3,p1 | conv:32,k5,p2 | maxpool:3,s1,p1]"
#: The modules: input, 1x1, 3x3 reduced, 3x3, 5x5 reduced, 5x5, behind pooling (paper, table 1).
INCEPTION = (
    (192, 64, 96, 128, 16, 32, 32),
    (256, 128, 128, 192, 32, 96, 64),
    (480, 192, 96, 208, 16, 48, 64),
    (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64),
    (528, 256, 160, 320, 32, 128, 128),
    (832, 256, 160, 320, 32, 128, 128),
    (832, 384, 192, 384, 48, 128, 128),
)


def inception(
    n: int, one: int, before3: int, three: int, before5: int, five: int, pool: int
) -> int:
    """Parameters of an inception module."""
    direct = conv(n, one, 1) + conv(n, pool, 1)
    return (
        direct
        + conv(n, before3, 1)
        + conv(before3, three, 3)
        + conv(n, before5, 1)
        + conv(before5, five, 5)
    )


@claim(
    "googlenet-inception-params",
    title="GoogLeNet: inception modules with 1x1 reductions",
    chinese="GoogLeNet 的 Inception 模块",
    terms=("GoogLeNet inception", "GoogLeNet", "inception 网络", "64+128+32+32=256"),
    sources=[("000", "classic CNNs")],
    statement="""Inception module 3a puts 1x1, 3x3, 5x5 and pooling side by side: 64 + 128 + 32 +
        32 = 256 channels from 163,696 parameters, 387,296 without the 1x1 reductions. The net
        has 6,998,552 without auxiliary heads, and pools rounding up: 112, 56, 28, 14, 7.""",
    statement_chinese="""Inception 3a 将 1x1、3x3、5x5 与池化并联，
        得 64 + 128 + 32 + 32 = 256 个通道，
        163,696 个参数；没有 1x1 降维则为 387,296 个。全网不计辅助输出为 6,998,552 个，
        池化向上取整：112、56、28、14、7。""",
    verdict=HOLDS,
    formula="64 + 128 + 32 + 32 == 256",
    commands=[
        "dlcalc params googlenet-2014",
        f"dlcalc params {INPUT_3A} '{MODULE_3A}'",
        "dlcalc shape 112 maxpool:3,s2 --compare",
    ],
)
def googlenet_inception_params(proof: Proof) -> None:
    behind = proof.subject("the reduction behind pooling", 32, 0)
    told = inception(*INCEPTION[0][:-1], behind)
    proof.equal("parameters of 3a", told, params(INPUT_3A, MODULE_3A).value)
    channels = 64 + 128 + 32 + behind
    proof.equal("its maps", f"{channels}x28x28", made(f"{INPUT_3A} {MODULE_3A}"))
    naive = conv(192, 64, 1) + conv(192, 128, 3) + conv(192, 32, 5)
    proof.equal("without reductions", naive, params(INPUT_3A, NAIVE_3A).value)
    stem = conv(3, 64, 7) + conv(64, 64, 1) + conv(64, 192, 3)
    whole = stem + sum(inception(*module) for module in INCEPTION) + dense(1024, 1000)
    proof.equal("parameters of the net", whole, params("googlenet-2014").value)
    up, down, sides = 112, 112, []
    for _ in range(4):
        up, down = -(-(up - 3) // 2) + 1, (down - 3) // 2 + 1
        sides.append((up, down))
    for n, (ceiled, floored) in enumerate(sides, 1):
        found = made("112" + " maxpool:3,s2,ceil=yes" * n), made("112" + " maxpool:3,s2" * n)
        proof.equal(f"112 pooled {n} times, up and down", (str(ceiled), str(floored)), found)


@claim(
    "lstm-5x128-params",
    title="Five LSTM layers of 128 units",
    chinese="五层 128 单元 LSTM 的参数量",
    terms=("rnn_size=128, num_layers=5", "多层 LSTM"),
    sources=[("000", "multi-layer LSTM")],
    statement="""An LSTM layer of h units over d inputs has 4(h(h + d) + h) parameters: 131,584
        for 128 over 128, 657,920 for five. PyTorch has a second bias, and 660,480. With 50
        inputs it is 617,984.""",
    statement_chinese="""输入 d、单元 h 的 LSTM 层有 4(h(h+d)+h) 个参数：128 对 128 为 131,584 个，
        五层 657,920 个。PyTorch 多一组偏置，为 660,480 个。输入为 50 时为 617,984 个。""",
    verdict=HOLDS,
    formula="4*(h*(h + d) + h)",
    commands=[
        "dlcalc params lstm-5x128 --like keras",
        "dlcalc params 10x50 lstm:128,layers=5 --like keras",
    ],
)
def lstm_5x128_params(proof: Proof) -> None:
    gates = proof.subject("gates and candidate", 4, 3)

    def layer(d: int, h: int = 128, biases: int = 1) -> int:
        return gates * (h * (h + d) + biases * h)

    one = params("10x128 lstm:128,biases=1")
    proof.equal("one layer", layer(128), one.value)
    proof.equal("five", 5 * layer(128), params("lstm-5x128", like="keras").value)
    proof.equal("five, two biases", 5 * layer(128, biases=2), params("lstm-5x128").value)
    fifty = params("10x50 lstm:128,layers=5", like="keras").value
    proof.equal("five over 50 inputs", layer(50) + 4 * layer(128), fifty)
    held = compiled("3x128 lstm:128,biases=1").parameters.size
    proof.equal("trained numbers in the engine", layer(128), held)


#: What the notes print, shortened to its names; and the same mended.
PRINTED_SNIPPET = """
decoder_cell = LSTMCell(rnn_size)
cell = MultiRNNCell([get_decoder_cell(rnn_size) for _ in range(num_layers)])
"""
MENDED_SNIPPET = """
def get_decoder_cell(size):
    return LSTMCell(size)
cell = MultiRNNCell([get_decoder_cell(rnn_size) for _ in range(num_layers)])
"""
FROM_OUTSIDE = {"LSTMCell", "MultiRNNCell", "rnn_size", "num_layers", "range"}


def undefined(text: str) -> list[str]:
    """The names that a text loads and neither binds nor has from outside."""
    import ast

    tree = ast.walk(ast.parse(text))
    bound, loaded = set(FROM_OUTSIDE), set[str]()
    for node in tree:
        if isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
    return sorted(loaded - bound)


@claim(
    "lstm-snippet-undefined-function",
    title="The LSTM snippet calls a function that it does not define",
    chinese="LSTM 代码片段中未定义的函数",
    terms=("get_decoder_cell 未定义", "MultiRNNCell"),
    tier=2,
    sources=[("000", "multi-layer LSTM")],
    statement="""Printed: one cell is built, then MultiRNNCell calls get_decoder_cell, which is
        nowhere defined. It should be a function that returns a new cell for each layer; one
        cell repeated would share its weights among the layers.""",
    statement_chinese="""原文先建一个单元，再在 MultiRNNCell 中调用从未定义的 get_decoder_cell。
        应定义此函数，每层返回一个新单元；重复同一个单元会使各层共享权重。""",
    verdict=ERRATUM,
    formula="[get_decoder_cell(size) for _ in range(layers)]",
    commands=["dlcalc params lstm-5x128 --like keras"],
)
def lstm_snippet_undefined_function(proof: Proof) -> None:
    text = proof.subject("the text as printed", PRINTED_SNIPPET, MENDED_SNIPPET)
    missing = undefined(text)
    proof.fails("every name of the text is defined", not missing, missing, PRINTED)
    proof.equal("names missing with the function", [], undefined(MENDED_SNIPPET), RIGHT)

    class Cell:
        """A cell that counts its parameters once, however often it is used."""

        size = params("10x128 lstm:128,biases=1").value

    def count(cells: list[Cell]) -> object:
        return sum(int(str(cell.size)) for cell in set(cells))

    told = params("lstm-5x128", like="keras").value
    proof.equal("five new cells", told, count([Cell() for _ in range(5)]), RIGHT)
    shared = count([Cell()] * 5)
    proof.fails("one cell five times has as many", shared == told, shared, PRINTED)
