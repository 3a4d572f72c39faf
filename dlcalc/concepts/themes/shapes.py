"""Output sizes of convolution and pooling: the worked examples of the notes."""

from __future__ import annotations

from functools import partial
from itertools import product

from dlcalc.answers.forward import forward
from dlcalc.answers.shape import shape
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import made
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof

#: Input, kernel, stride, padding: all small cases in which the kernel fits.
SMALL = [
    (i, k, s, p)
    for i, k, s, p in product(range(1, 13), range(1, 6), range(1, 4), range(3))
    if k <= i + 2 * p
]


#: A kernel of 2 that takes the right one.
RIGHT_NEIGHBOUR = {"conv1.weight": [0, 1]}


def places(i: int, k: int, s: int, p: int = 0) -> int:
    """How many places a kernel has, counted by moving it until it no longer fits."""
    found, begin = 0, -p
    while begin + k <= i + p:
        found, begin = found + 1, begin + s
    return found


@claim(
    "conv-output-size",
    title="The output size of a convolution",
    chinese="卷积输出尺寸公式",
    terms=("卷积 feature map 尺寸", "特征图尺寸", "(M-A+1)"),
    sources=[("004", "feature-map size"), ("002", "convolution")],
    statement="""A side of h becomes (h + 2p - k)/s + 1, rounded down, under a kernel of k,
        stride s and padding p; without padding and at stride 1 that is h - k + 1.""",
    statement_chinese="""边长 h 经核 k、步幅 s、填充 p 的卷积得到 (h + 2p - k)/s + 1，向下取整；
        不填充、步幅 1 时即 h - k + 1。""",
    verdict=HOLDS,
    formula="(h + 2*p - k)//s + 1",
    commands=["dlcalc shape 1x224x224 conv:64,k7,s2,p3 --verify"],
)
def conv_output_size(proof: Proof) -> None:
    sides = proof.subject("padding on both sides", 2, 1)
    told = [(i + sides * p - k) // s + 1 for i, k, s, p in SMALL]
    counted = [places(*case) for case in SMALL]
    agree = sum(a == b for a, b in zip(told, counted, strict=True))
    proof.equal("small cases in which the formula counts the places", len(SMALL), agree)
    layers = [str(shape(f"{i} conv:1,k{k},s{s},p{p}").value) for i, k, s, p in SMALL]
    proof.equal("dlcalc shape says the same", [str(n) for n in counted], layers)
    proof.equal("the engine, 224 under 7x7, s 2, p 3", "112", made("224 conv:1,k7,s2,p3"))
    plain = all(places(i, k, 1) == i - k + 1 for i in range(1, 20) for k in range(1, i + 1))
    proof.holds("h - k + 1 at stride 1 without padding", plain)


@claim(
    "conv-size-round-up",
    title="A size that is not whole is rounded down",
    chinese="尺寸不为整数时向下取整",
    terms=("取上值整数", "ceil", "向上取整"),
    sources=[("004", "feature-map size")],
    statement="""Printed: a size that is not whole is rounded up. A convolution has no place for
        part of a kernel and rounds down; only SAME padding of TensorFlow, which is
        ceil(h/s), and pooling in ceil mode, as in Caffe, round up.""",
    statement_chinese="""原文说尺寸不为整数时向上取整。卷积核放不下就不算一个位置，故应向下取整；
        只有 TensorFlow 的 SAME 填充 (ceil(h/s)) 和 Caffe 等的 ceil 池化才向上取整。""",
    verdict=ERRATUM,
    formula="(7 - 2)//2 + 1 == 3",
    commands=[
        "dlcalc shape 7 conv:1,k2,s2 --verify",
        "dlcalc shape 28 maxpool:3,s2 --compare",
    ],
)
def conv_size_round_up(proof: Proof) -> None:
    from math import ceil, floor

    rounded = proof.subject("the rounding of the text", ceil, floor)
    part = [case for case in SMALL if (case[0] + 2 * case[3] - case[1]) % case[2]]
    right = [rounded((i + 2 * p - k) / s) + 1 == places(i, k, s, p) for i, k, s, p in part]
    quantity = f"rounding up counts the places in {len(part)} fractional cases"
    proof.fails(quantity, any(right), f"in {sum(right)}")
    engine = made("7 conv:1,k2,s2")
    printed = str(rounded((7 - 2) / 2) + 1)
    proof.fails(f"the engine makes {printed} of 7 under k 2, s 2", engine == printed, engine)
    counted = sum((i + 2 * p - k) // s + 1 == places(i, k, s, p) for i, k, s, p in part)
    proof.equal("fractional cases in which rounding down counts them", len(part), counted, RIGHT)
    proof.equal("pooling of 28 by 3, s 2, rounded down", "13", made("28 maxpool:3,s2"), RIGHT)
    caffe = made("28 maxpool:3,s2", "caffe")
    proof.equal("the same in Caffe, rounded up", str(ceil((28 - 3) / 2) + 1), caffe, RIGHT)
    same = made("7 conv:1,k3,s2,p=same", "tf")
    proof.equal("SAME of TensorFlow, 7 at stride 2", str(ceil(7 / 2)), same, RIGHT)


@claim(
    "valid-divides-by-two",
    title="VALID divides by the stride, not by 2",
    chinese="VALID 填充应除以步幅",
    terms=("Padding=Valid", "(I-K)/2+1", "(I-K)/S+1"),
    sources=[("000", "convolution parameters")],
    statement="""Printed: VALID makes (I - K)/2 + 1. The divisor is the stride S, so it is
        floor((I - K)/S) + 1; 2 is right at stride 2 only, and the figure has stride 1.""",
    statement_chinese="""原文写 VALID 的输出为 (I - K)/2 + 1。除数应是步幅 S，
        即 floor((I - K)/S) + 1；只有步幅 2 时才除以 2，而图中步幅为 1。""",
    verdict=ERRATUM,
    formula="(I - K)//S + 1 == -(-(I - K + 1)//S)",
    commands=["dlcalc shape 5 conv:1,k3,p=valid --like tf --verify"],
)
def valid_divides_by_two(proof: Proof) -> None:
    for i, k, s in ((5, 3, 1), (7, 3, 3)):
        divisor = proof.subject("the divisor of the text", 2, s)
        name = f"(I - K)/{divisor} + 1 at I {i}, K {k}, S {s}"
        engine = int(made(f"{i} conv:1,k{k},s{s},p=valid", "tf"))
        proof.differs(name, (i - k) // divisor + 1, engine)
        proof.equal(f"(I - K)//S + 1 at I {i}, K {k}, S {s}", (i - k) // s + 1, engine, RIGHT)
    cases = [(i, k, s) for i, k, s, p in SMALL if not p]
    wrong = [
        (i, k, s)
        for i, k, s in cases
        if not (i - k) // s + 1 == -(-(i - k + 1) // s) == places(i, k, s)
    ]
    proof.equal(f"places miscounted by floor or ceil in {len(cases)} cases", [], wrong, RIGHT)


@claim(
    "same-keeps-shape",
    title="SAME keeps the shape at stride 1",
    chinese="SAME 填充保持尺寸",
    terms=("Padding=SAME", "输出尺寸等于输入尺寸"),
    sources=[("000", "convolution parameters")],
    statement="""SAME padding keeps the sides at stride 1. At stride S it makes ceil(I/S); where
        the padding is odd, the row too many stands at the bottom and on the right.""",
    statement_chinese="""步幅为 1 时 SAME 填充保持边长；步幅 S 时得 ceil(I/S)，
        总填充为奇数时多出的一行在下边和右边。""",
    verdict=CONDITIONS,
    conditions="The stride is 1. At stride 2 a side of 28 becomes 14.",
    formula="-(-I//S)",
    commands=["dlcalc shape 28 conv:1,k3,p=same --like tf --verify"],
)
def same_keeps_shape(proof: Proof) -> None:
    stride = proof.subject("a stride that is not 1", 2, 1)
    for side, k in ((5, 3), (7, 2), (28, 5)):
        kept = made(f"{side} conv:1,k{k},p=same", "tf")
        proof.equal(f"{side} under k {k} at stride 1", str(side), kept, INSIDE)
    right = forward([1, 2, 3], "1x3 conv:1,k2,p=same,bias=no", set=RIGHT_NEIGHBOUR, like="tf")
    proof.equal("the odd padding is on the right", [[2, 3, 0]], right.value, INSIDE)
    for side, s in ((7, stride), (28, stride), (13, 5)):
        engine = made(f"{side} conv:1,k3,s{s},p=same", "tf")
        proof.fails(f"{side} kept at stride {s}", engine == str(side), engine, OUTSIDE)
        proof.equal(f"ceil({side}/{s})", str(-(-side // s)), engine, OUTSIDE)


#: What the operation behind tf.nn.conv2d takes, by the message of TensorFlow that its issue
#: 57167 quotes. Nothing here runs TensorFlow.
TENSORFLOW_WORDS = ("SAME", "VALID", "EXPLICIT")


@claim(
    "tf-padding-lowercase",
    title="tf.nn.conv2d wants SAME and VALID in capitals",
    chinese="‘same’ 或 ’valid’",
    terms=("padding 大小写", "padding='same'", "padding='valid'", "tf.nn.conv2d"),
    sources=[("000", "TensorFlow signature")],
    tier=2,
    statement="""Printed: the padding of tf.nn.conv2d is 'same' or 'valid'. It takes SAME, VALID or
        numbers (EXPLICIT inside), and rejects small letters. For that TensorFlow's word is taken:
        it is not run here. PyTorch wants small letters, Keras takes both. dlcalc writes p=same and
        p=valid whatever the framework, and refuses capitals.""",
    statement_chinese="""原文注释称 tf.nn.conv2d 的 padding 取 'same' 或 'valid'。
        应为大写的 SAME、VALID，或直接给出数值（内部称 EXPLICIT），小写会报错；
        这一点采信 TensorFlow 自己的说明，此处并不运行它。
        PyTorch 只认小写，Keras 大小写均可；dlcalc 一律写 p=same、p=valid，不认大写。""",
    verdict=ERRATUM,
    formula="same: -(-I//S), valid: -(-(I - K + 1)//S)",
    commands=[
        "dlcalc shape 1x7x7 conv:1,k3,s2,p=same --like tf --verify",
        "dlcalc shape 1x7x7 conv:1,k3,s2,p=valid --like tf --verify",
    ],
)
def tf_padding_lowercase(proof: Proof) -> None:
    from dlcalc.layers.convention import TF

    written = proof.subject("how the text writes the words", str.lower, str.upper)
    for word in TF.conv_words:
        known = written(word) in TENSORFLOW_WORDS
        told = f"it has {', '.join(TENSORFLOW_WORDS)}"
        proof.fails(
            f"TensorFlow's list, taken on authority, has {written(word)}", known, told, PRINTED
        )
        proof.holds(f"it has {word.upper()}", word.upper() in TENSORFLOW_WORDS, part=RIGHT)
        line = f"7 conv:1,k3,s2,p={word.upper()}"
        proof.refused(f"dlcalc and p={word.upper()}", partial(shape, line, like="tf"), RIGHT)
    for i, k, s in ((7, 3, 2), (28, 5, 1), (13, 2, 5)):
        same, valid = (made(f"{i} conv:1,k{k},s{s},p={word}", "tf") for word in TF.conv_words)
        proof.equal(f"p=same of {i}, k {k}, s {s}: ceil(I/S)", str(-(-i // s)), same, RIGHT)
        proof.equal("p=valid: ceil((I - K + 1)/S)", str(-(-(i - k + 1) // s)), valid, RIGHT)
    explicit = made("7 conv:1,k3,s2,p=0+1", "tf")
    proof.equal("numbers, p=0+1", str(places(7 + 1, 3, 2)), explicit, RIGHT)


@claim(
    "pool-output-size",
    title="The output size of a pooling",
    chinese="池化尺寸公式",
    terms=("池化输出尺寸", "(conv1-k_p)/s_p+1", "Caffe 向上取整"),
    sources=[("004", "feature-map size")],
    statement="""A window of k with stride s turns h into (h - k)/s + 1, rounded down: the rule of
        convolution without padding. Caffe rounds pooling up.""",
    statement_chinese="""窗口 k、步幅 s 的池化把 h 变为 (h - k)/s + 1，向下取整，
        与不填充的卷积同理；Caffe 的池化向上取整。""",
    verdict=HOLDS,
    contradicts=["pool-28-stride1-14"],
    formula="(h - k)//s + 1",
    commands=["dlcalc shape 28 maxpool:3,s2 --compare"],
)
def pool_output_size(proof: Proof) -> None:
    one = proof.subject("the + 1", 1, 0)
    cases = [(i, k, s) for i, k, s, p in SMALL if not p]
    told = [(i - k) // s + one for i, k, s in cases]
    proof.equal("the places in all small cases", [places(*case) for case in cases], told)
    for kind in ("maxpool", "avgpool"):
        layers = [int(str(shape(f"{i} {kind}:{k},s{s}").value)) for i, k, s in cases]
        proof.equal(f"dlcalc shape of {kind}", told, layers)
    proof.equal("the engine, 28 by 3 at stride 2", "13", made("28 maxpool:3,s2"))


@claim(
    "conv-3x4-2x2",
    title="A 2x2 kernel turns 3x4 into 2x3",
    chinese="3x4 输入与 2x2 卷积核",
    terms=("input 3*4, Kernel 2*2", "离散卷积"),
    sources=[("002", "discrete convolution")],
    statement="""A 2x2 kernel has 2x3 places in a 3x4 input: (M - A + 1)x(N - B + 1), for the
        correlation of deep learning and for the flipped convolution alike.""",
    statement_chinese="""2x2 的核在 3x4 的输入上有 2x3 个位置，即 (M-A+1)x(N-B+1)；
        互相关与翻转的卷积都如此。""",
    verdict=HOLDS,
    formula="(3 - 2 + 1, 4 - 2 + 1) == (2, 3)",
    commands=[
        "dlcalc forward '[[7,5,4,2],[2,0,0,0],[1,7,5,8]]' conv:1,k2,bias=no"
        " --set conv1.weight='[[0,1],[3,2]]'"
    ],
)
def conv_3x4_2x2(proof: Proof) -> None:
    one = proof.subject("the + 1", 1, 0)
    size = (3 - 2 + one, 4 - 2 + one)
    x, kernel = [[7, 5, 4, 2], [2, 0, 0, 0], [1, 7, 5, 8]], [[0, 1], [3, 2]]
    for flip in (False, True):
        y = forward(x, "conv:1,k2,bias=no", set={"conv1.weight": kernel}, flip=flip).value
        name = "convolution" if flip else "correlation"
        proof.equal(f"sizes of the {name}", size, (len(y), len(y[0])))
    proof.equal("places counted", size, (places(3, 2, 1), places(4, 2, 1)))


@claim(
    "conv-5x5x3-filter",
    title="A 3x3x3 filter turns a 5x5x3 part into 3x3x1",
    chinese="5x5x3 区域与 3x3x3 滤波器",
    terms=("7*7*3, 5*5*3, 3*3*3", "多层卷积"),
    sources=[("002", "multi-layer convolution")],
    statement="""A 3x3x3 filter makes 3x3x1 of a 5x5x3 part, and of 5x5x3 padded to 7x7 at stride
        2; of a whole 7x7x3 input it makes 5x5x1 at stride 1.""",
    statement_chinese="""3x3x3 的滤波器把 5x5x3 的区域变为 3x3x1；5x5x3 填充成 7x7、步幅 2 时亦然。
        若在整个 7x7x3 输入上以步幅 1 滑动，则得 5x5x1。""",
    verdict=CONDITIONS,
    conditions="""The filter moves over the 5x5 part at stride 1, or over the input padded to 7x7
        at stride 2; not over all of 7x7 at stride 1.""",
    formula="(5 - 3)//1 + 1 == (5 + 2*1 - 3)//2 + 1 == 3",
    commands=["dlcalc shape 3x5x5 conv:1,k3,s2,p1 --verify", "dlcalc shape 3x7x7 conv:1,k3"],
)
def conv_5x5x3_filter(proof: Proof) -> None:
    stride = proof.subject("the stride over all of 7x7", 1, 2)
    side = f"1x{places(5, 3, 1)}x{places(5, 3, 1)}"
    proof.equal("the part of 5x5x3", side, made("3x5x5 conv:1,k3"), INSIDE)
    proof.equal("5x5x3 padded to 7x7, stride 2", side, made("3x5x5 conv:1,k3,s2,p1"), INSIDE)
    whole = made(f"3x7x7 conv:1,k3,s{stride}")
    proof.fails(f"all of 7x7x3 at stride {stride} makes {side}", whole == side, whole, OUTSIDE)


@claim(
    "conv-32-5-28",
    title="A 5x5 kernel turns 32 into 28",
    chinese="卷积尺寸 32 → 28",
    terms=("(32-5)/1+1", "卷积输出尺寸", "32x32 卷积 5x5"),
    sources=[("004", "convolution example")],
    statement="A 5x5 kernel with stride 1 and no padding fits into 28 places along 32 pixels.",
    statement_chinese="5x5 的卷积核以步幅 1、不填充滑过 32 个像素，共有 28 个位置。",
    verdict=HOLDS,
    formula="(32 - 5)//1 + 1 == 28",
    commands=["dlcalc shape 3x32x32 conv:6,k5 --verify"],
)
def conv_32_5_28(proof: Proof) -> None:
    one = proof.subject("the + 1", 1, 0)
    proof.equal("(32 - 5)//1 + 1", 28, (32 - 5) // 1 + one)
    proof.equal("the engine's map", "6x28x28", made("3x32x32 conv:6,k5"))


@claim(
    "pool-28-stride1-14",
    title="A 2x2 pooling with stride 1 turns 28 into 14",
    chinese="池化尺寸",
    terms=("池化步幅", "(28-2)/2+1"),
    sources=[("004", "pooling example")],
    statement="""Printed: a 2x2 window with stride 1 makes 14 of 28. The formula beside it
        divides by 2: 14 is right for stride 2, and stride 1 makes 27.""",
    statement_chinese="""原文说 2x2、步幅 1 的池化把 28 变成 14；
        其公式除以 2，即步幅 2 才得 14，步幅 1 得 27。""",
    verdict=ERRATUM,
    contradicts=["pool-output-size"],
    formula="(28 - 2)//2 + 1 == 14",
    commands=["dlcalc shape 28 maxpool:2,s2 --verify", "dlcalc shape 28 maxpool:2,s1 --verify"],
)
def pool_28_stride1_14(proof: Proof) -> None:
    stride = proof.subject("the stride of the text", 1, 2)
    proof.differs(f"(28 - 2)//{stride} + 1", 14, (28 - 2) // stride + 1)
    engine = made("28 maxpool:2,s1")
    proof.fails("the engine makes 14 at stride 1", engine == "14", f"it makes {engine}", PRINTED)
    proof.equal("(28 - 2)//2 + 1", 14, (28 - 2) // 2 + 1, RIGHT)
    proof.equal("the engine at stride 2", "14", made("28 maxpool:2,s2"), RIGHT)


@claim(
    "maxpool-halves",
    title="A 2x2 max pooling halves the sides",
    chinese="最大池化尺寸减半",
    terms=("池化后尺寸减半",),
    sources=[("004", "pooling example")],
    statement="A 2x2 window with stride 2 halves even sides, and rounds odd ones down.",
    statement_chinese="2x2、步幅 2 的池化使偶数边长减半；奇数边长向下取整。",
    verdict=CONDITIONS,
    conditions="The side is even. An odd one loses its last row: 7 becomes 3.",
    formula="(n - 2)//2 + 1 == n//2",
    commands=["dlcalc shape 28 maxpool:2 --verify", "dlcalc shape 7 maxpool:2 --compare"],
)
def maxpool_halves(proof: Proof) -> None:
    odd = proof.subject("an odd side", 7, 8)
    for side in (2, 8, 28, 224):
        proof.equal(f"{side} halved", side / 2, float(made(f"{side} maxpool:2")), INSIDE)
    proof.fails(f"{odd} halved", float(made(f"{odd} maxpool:2")) == odd / 2, part=OUTSIDE)
