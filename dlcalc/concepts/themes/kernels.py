"""Kernels, channels and maps: how many there are, and what a 1x1 kernel does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.forward import forward
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import made, ran
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array


@claim(
    "kernels-equal-maps",
    title="There are as many feature maps as kernels",
    chinese="卷积核个数等于特征图个数",
    terms=("有多少个卷积核就有多少层特征图", "输出通道数"),
    sources=[
        ("000", "convolution parameters"),
        ("001", "convolution layer"),
        ("002", "multi-layer convolution"),
        ("004", "convolution example"),
    ],
    statement="""Each kernel looks at all input channels and makes one map, so two kernels make
        3x3x2 where one makes 3x3x1, and six make 28x28x6.""",
    statement_chinese="""每个卷积核遍及所有输入通道，得到一张特征图：一个核得 3x3x1，
        两个核得 3x3x2，六个核得 28x28x6。""",
    verdict=HOLDS,
    formula="maps == kernels",
    commands=["dlcalc shape 3x5x5 conv:2,k3 --verify", "dlcalc params 3x32x32 conv:6,k5"],
)
def kernels_equal_maps(proof: Proof) -> None:
    kernels = proof.subject("the number of kernels", 2, 3)
    proof.equal("two kernels over 3x5x5", "2x3x3", made(f"3x5x5 conv:{kernels},k3"))
    proof.equal("six kernels over 3x32x32", "6x28x28", made("3x32x32 conv:6,k5"))
    drawn = proof.random()
    x, weight = drawn.normal(size=(3, 5, 5)), drawn.normal(size=(2, 3, 3, 3))
    both = ran("3x5x5 conv:2,k3", x, {"conv1.weight": weight})
    for n in range(2):
        window = sum(
            weight[n, c, i, j] * x[c, i : i + 3, j : j + 3]
            for c in range(3)
            for i in range(3)
            for j in range(3)
        )
        apart = float(abs(both[n] - window).max())
        proof.near(f"map {n} less the sum by kernel {n} alone", 0, apart)


@claim(
    "conv1x1-single-channel",
    title="A 1x1 kernel over 3x3x1 makes 3x3x1",
    chinese="单通道 1x1 卷积",
    terms=("[1,3,3,1]", "1x1 卷积核"),
    tier=2,
    sources=[("000", "conv2d example")],
    statement="Over one channel a 1x1 kernel is one factor and one bias for all 3x3 pixels.",
    statement_chinese="单通道上的 1x1 卷积核对 3x3 个像素逐一乘以同一系数并加偏置，尺寸不变。",
    verdict=HOLDS,
    formula="y == w*x + b",
    commands=["dlcalc shape 1x3x3 conv:1,k1 --verify"],
)
def conv1x1_single_channel(proof: Proof) -> None:
    x = proof.random().normal(size=(1, 3, 3))
    proof.equal("the engine's map", "1x3x3", made("1x3x3 conv:1,k1"))
    y = ran("1x3x3 conv:1,k1", x, {"conv1.weight": 1.5, "conv1.bias": -0.25})
    bias = proof.subject("the bias", -0.25, 0.0)
    proof.near("greatest |y - (1.5*x - 0.25)|", 0, float(abs(y - (1.5 * x + bias)).max()))


@claim(
    "conv1x1-five-channel-kernel-shape",
    title="A 1x1 kernel over five channels has five weights",
    chinese="五通道 1x1 卷积核的形状",
    terms=("[1,1,1,1] 五通道", "[1,1,5,1]"),
    sources=[("000", "conv2d example")],
    statement="""Printed: a filter [1,1,1,1] for an image of 5 channels. A kernel needs a weight
        for each input channel: [1,1,5,1] (height, width, in, out), which makes 3x3x1.""",
    statement_chinese="""原文对 5 通道图像用滤波器 [1,1,1,1]。卷积核对每个输入通道都要有权重，
        应为 [1,1,5,1]（高、宽、输入、输出），得到 3x3x1。""",
    verdict=ERRATUM,
    formula="kernel == (1, 1, 5, 1)",
    commands=["dlcalc params 5x3x3 conv:1,k1", "dlcalc shape 5x3x3 conv:1,k1 --verify"],
)
def conv1x1_five_channel_kernel_shape(proof: Proof) -> None:
    x = proof.random().normal(size=(5, 3, 3))
    line = "5x3x3 conv:1,k1,bias=no"
    channels = proof.subject("the input channels of the printed filter", 1, 5)
    # Two kernels, since a single number given for a tensor fills it.
    given = {"conv1.weight": [[[[0.5]]] * channels, [[[2.0]]] * channels]}
    two = "5x3x3 conv:2,k1,bias=no"
    proof.refused(
        f"kernels over {channels} of 5 channels", lambda: forward(x.tolist(), two, set=given).value
    )
    proof.refused("five groups with one output", lambda: shape("5x3x3 conv:1,k1,g5").value)
    weights = [0.5, -1.0, 2.0, 0.25, 3.0]
    right = {"conv1.weight": [[[[w]] for w in weights]]}
    y = forward(x.tolist(), line, set=right).output
    proof.equal("weights of the right filter", len(weights), params(line).value, RIGHT)
    proof.equal("its map", "1x3x3", made(line), RIGHT)
    told = sum(w * x[c] for c, w in enumerate(weights))
    proof.near("greatest |y - sum(w*x)|", 0, float(abs(y - told).max()), part=RIGHT)


@claim(
    "conv1x1-128-to-32",
    title="32 kernels of 1x1 turn 6x6x128 into 6x6x32",
    chinese="1x1 卷积降维 6x6x128 → 6x6x32",
    terms=("6x6x128 → 6x6x32", "1x1 卷积降维"),
    sources=[("004", "1x1 convolution")],
    statement="""32 kernels of 1x1x128 leave height and width and make 32 channels of 128, with
        32*128 weights and 32 biases.""",
    statement_chinese="""32 个 1x1x128 的卷积核保持高和宽，把 128 个通道变为 32 个，
        共 32*128 个权重和 32 个偏置。""",
    verdict=HOLDS,
    formula="32*128 + 32 == 4128",
    commands=["dlcalc params 128x6x6 conv:32,k1 --verify"],
)
def conv1x1_128_to_32(proof: Proof) -> None:
    deep = proof.subject("the depth of a kernel", 128, 1)
    proof.equal("32*128 + 32", params("128x6x6 conv:32,k1").value, 32 * deep + 32)
    proof.equal("the engine's maps", "32x6x6", made("128x6x6 conv:32,k1"))


@claim(
    "conv1x1-reduction-condition",
    title="A 1x1 layer reduces when kernels are fewer than input channels",
    chinese="1x1 卷积降维的条件",
    terms=("通道数少于输出的特征图通道数", "降维条件"),
    tier=2,
    sources=[("004", "1x1 convolution")],
    statement="""Printed: a 1x1 layer reduces when it has fewer kernels than output channels. The
        kernels are the output channels, never fewer; it reduces when they are fewer than the
        input channels.""",
    statement_chinese="""原文说卷积核数少于输出通道数时降维。卷积核数就等于输出通道数；
        应是少于输入通道数时降维。""",
    verdict=ERRATUM,
    formula="kernels < input_channels",
    commands=["dlcalc shape 128x6x6 conv:32,k1", "dlcalc shape 32x6x6 conv:128,k1"],
)
def conv1x1_reduction_condition(proof: Proof) -> None:
    counts = (1, 32, 127, 128, 256)
    after = {n: int(made(f"128x2x2 conv:{n},k1").split("x")[0]) for n in counts}
    reduced = [n for n in counts if after[n] < 128]
    compared = proof.subject("the channels of the text", after, dict.fromkeys(counts, 128))
    told = [n for n in counts if n < compared[n]]
    proof.fails("fewer kernels than the text's channels where it reduces", told == reduced, told)
    proof.equal(
        "counts below the 128 input channels", reduced, [n for n in counts if n < 128], RIGHT
    )


@claim(
    "conv1x1-channel-mixing",
    title="A 1x1 convolution mixes the channels of each pixel",
    chinese="1x1 卷积的跨通道整合",
    terms=("跨通道的交互和信息整合", "逐像素全连接"),
    sources=[("004", "1x1 convolution")],
    statement="""At stride 1 a 1x1 convolution is one matrix times the channels of every pixel: a
        dense layer at each place. No pixel sees another.""",
    statement_chinese="""步幅 1 的 1x1 卷积在每个像素处用同一矩阵乘其通道向量，
        如逐像素的全连接层；像素之间互不影响。""",
    verdict=HOLDS,
    formula="y[:, i, j] == W @ x[:, i, j]",
    commands=["dlcalc shape 128x6x6 conv:32,k1 --verify"],
)
def conv1x1_channel_mixing(proof: Proof) -> None:
    drawn = proof.random()
    x, weight = drawn.normal(size=(128, 6, 6)), drawn.normal(size=(32, 128))
    y = ran("128x6x6 conv:32,k1", x, {"conv1.weight": weight[:, :, None, None]})
    mixed = proof.subject("all channels mixed", 128, 127)
    told = (weight[:, :mixed] @ x.reshape(128, 36)[:mixed]).reshape(32, 6, 6)
    proof.near("greatest |y - W @ x|", 0, float(abs(y - told).max()))
    x[:, 2, 3] += 1.0
    moved = ran("128x6x6 conv:32,k1", x, {"conv1.weight": weight[:, :, None, None]}) != y
    proof.equal("pixels that change with pixel (2, 3)", [[2, 3]], _pixels(moved))


def _pixels(changed: Array) -> list[list[int]]:
    """The places at which any channel changed."""
    import numpy

    found: list[list[int]] = numpy.argwhere(changed.any(axis=0)).tolist()
    return found


@claim(
    "input-channels-gray-colour",
    title="A grey image has one channel, a colour image three",
    chinese="灰度图与彩色图的通道数",
    terms=("灰度 1, 彩色 3", "输入通道"),
    tier=2,
    sources=[("004", "feature-map size")],
    statement="""One number a pixel tells a grey image and three tell red, green and blue. With
        transparency there are four, and multispectral images have more.""",
    statement_chinese="""灰度图每个像素一个数，彩色图为红绿蓝三个；带透明度时有四个，
        多光谱图像更多。""",
    verdict=CONDITIONS,
    conditions="The image is grey or RGB. RGBA has 4 channels, multispectral images more.",
    formula="channels == {'L': 1, 'RGB': 3, 'RGBA': 4}[mode]",
    commands=["dlcalc params 1x32x32 conv:6,k5", "dlcalc params 3x32x32 conv:6,k5"],
)
def input_channels_gray_colour(proof: Proof) -> None:
    import numpy

    drawn = proof.random()
    weight = drawn.normal(size=(1, 3, 3, 3))
    grey = drawn.uniform(size=(1, 8, 8))
    stored = numpy.repeat(grey, 3, axis=0)
    three = ran("3x8x8 conv:1,k3", stored, {"conv1.weight": weight})
    one = ran("1x8x8 conv:1,k3", grey, {"conv1.weight": weight.sum(axis=1, keepdims=True)})
    apart = float(abs(three - one).max())
    proof.near("a grey image stored as RGB needs one channel: error", 0, apart, part=INSIDE)
    rank = numpy.linalg.matrix_rank
    colour = drawn.uniform(size=(3, 64))
    proof.equal("independent channels of a grey image", 1, int(rank(stored.reshape(3, 64))), INSIDE)
    proof.equal("of a colour image", 3, int(rank(colour)), INSIDE)
    layers = proof.subject("the channels with transparency", 4, 3)
    clear = drawn.uniform(size=(layers, 64))
    proof.fails("three channels hold RGBA", int(rank(clear)) <= 3, int(rank(clear)), OUTSIDE)
    line = "3x8x8 conv:1,k3"
    taken = clear.reshape(layers, 8, 8).tolist()
    proof.refused("RGBA into a net for three", lambda: forward(taken, line).output, OUTSIDE)
