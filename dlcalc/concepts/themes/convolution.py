"""What convolution does: its sum, its locality, its linearity, its transpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.forward import forward
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import compiled, made, ran
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array


@claim(
    "convolution-definition",
    title="The convolution sum",
    chinese="卷积公式",
    terms=("y(n)=sum x(i)h(n-i)", "离散卷积定义"),
    tier=2,
    sources=[("000", "convolution")],
    statement="""The convolution of x and h is y(n) = sum of x(i)*h(n - i) over i. Of 7 and 3
        numbers it has 7 + 3 - 1 = 9.""",
    statement_chinese="x 与 h 的卷积为 y(n) = Σ x(i)h(n-i)；长为 7 与 3 时结果长 7 + 3 - 1 = 9。",
    verdict=HOLDS,
    contradicts=["conv-is-cross-correlation"],
    formula="sum(x[i]*h[n - i] for i in range(len(x)) if 0 <= n - i < len(h))",
    commands=[
        "dlcalc forward 1,2,3 1x3 conv:1,k2,p1,bias=no --set conv1.weight=1,10 --flip",
    ],
)
def convolution_definition(proof: Proof) -> None:
    import numpy

    drawn = proof.random()
    x, h = drawn.normal(size=7), drawn.normal(size=3)
    sign = proof.subject("the flip, n - i", -1, 1)
    full = range(7 + 3 - 1)
    places = [[(n + sign * i) for i in range(7)] for n in full]
    y = [sum(x[i] * h[place] for i, place in enumerate(row) if 0 <= place < 3) for row in places]
    engine = forward(
        x.tolist(), "1x7 conv:1,k3,p2,bias=no", set={"conv1.weight": h.tolist()}, flip=True
    ).output.ravel()
    proof.equal("how many numbers", 9, len(engine))
    proof.near("greatest difference to the engine's", 0, float(abs(engine - y).max()))
    proof.near("and to NumPy's", 0, float(abs(numpy.convolve(x, h) - y).max()))


@claim(
    "conv-is-cross-correlation",
    title="The convolution of deep learning is a cross-correlation",
    chinese="卷积与互相关",
    terms=("卷积 vs 互相关", "卷积核翻转 180 度"),
    sources=[
        ("000", "convolution"),
        ("002", "discrete convolution"),
        ("004", "CNN overview"),
    ],
    statement="""A convolution layer multiplies and sums without turning the kernel: it is a
        cross-correlation, and equals the convolution by the kernel turned by 180 degrees.
        Learnt kernels come out turned, and nothing is lost.""",
    statement_chinese="""卷积层不翻转核而直接相乘求和，实为互相关；把核翻转 180 度后即与卷积相等。
        核由学习得到，翻转与否无妨。""",
    verdict=CONDITIONS,
    contradicts=["convolution-definition"],
    conditions="""The kernel is turned by 180 degrees, or is the same when turned. Else the two
        differ.""",
    formula="correlate(x, k) == convolve(x, rot180(k))",
    commands=[
        "dlcalc forward '[[7,5,4,2],[2,0,0,0],[1,7,5,8]]' conv:1,k2,bias=no"
        " --set conv1.weight='[[0,1],[3,2]]'",
        "dlcalc forward '[[7,5,4,2],[2,0,0,0],[1,7,5,8]]' conv:1,k2,bias=no"
        " --set conv1.weight='[[0,1],[3,2]]' --flip",
    ],
)
def conv_is_cross_correlation(proof: Proof) -> None:
    x = [[7, 5, 4, 2], [2, 0, 0, 0], [1, 7, 5, 8]]
    kernel, even = [[0, 1], [3, 2]], [[1, 4], [4, 1]]
    lopsided = proof.subject("a kernel that turning changes", kernel, even)

    def engine(k: list[list[int]], flip: bool) -> object:
        line = "conv:1,k2,bias=no"
        return forward(x, line, set={"conv1.weight": k}, flip=flip).value

    def by_hand(k: list[list[int]]) -> list[list[int]]:
        spots = [(a, b) for a in range(2) for b in range(2)]
        return [
            [sum(x[i + a][j + b] * k[a][b] for a, b in spots) for j in range(3)] for i in range(2)
        ]

    turned = [row[::-1] for row in kernel[::-1]]
    proof.equal("the layer multiplies and sums", by_hand(kernel), engine(kernel, False), INSIDE)
    proof.equal("convolution by the turned kernel", by_hand(kernel), engine(turned, True), INSIDE)
    proof.equal("a symmetric kernel", engine(even, False), engine(even, True), INSIDE)
    found = engine(lopsided, True)
    same = found == engine(lopsided, False)
    proof.fails("convolution by the kernel as it is", same, found, OUTSIDE)


@claim(
    "local-connectivity-receptive-field",
    title="Neurons are linked locally, and see more the deeper they are",
    chinese="局部连接与感受野",
    terms=("感受域", "局部感知", "高层神经元看到更大范围"),
    sources=[("000", "local connection"), ("004", "CNN overview")],
    statement="""A unit sees only the k inputs under its kernel, but each layer adds (k - 1)
        times the strides before it: 3, 5, 7, 9, 11 for kernels of 3 at stride 1.""",
    statement_chinese="""每个神经元只看核下的 k 个输入；每加一层，
        感受野增加 (k - 1) 乘以前面各层步幅之积：
        3x3、步幅 1 时为 3、5、7、9、11。""",
    verdict=HOLDS,
    formula="1 + sum((k[n] - 1)*prod(s[:n]) for n in range(len(k)))",
    commands=["dlcalc shape 1x32x32 conv:1,k3 conv:1,k3 conv:1,k3"],
)
def local_connectivity_receptive_field(proof: Proof) -> None:
    from math import prod

    less = proof.subject("the k - 1", 1, 0)
    kernels, strides = (3, 3, 3, 3, 3), (1, 1, 1, 1, 1)
    for k, s in ((kernels[:1], strides), (kernels[:3], strides), (kernels, strides),
                 ((5, 2, 3), (1, 2, 1)), ((7, 3, 3), (2, 2, 1))):  # fmt: skip
        line = "1x40 " + " ".join(
            f"conv:1,k{a},s{b},bias=no" for a, b in zip(k, s[: len(k)], strict=True)
        )
        told = 1 + sum((a - less) * prod(s[:n]) for n, a in enumerate(k))
        program = compiled(line, {f"conv{n + 1}.weight": 1.0 for n in range(len(k))})
        program.forward()
        program.output.cotangent[...] = 0.0
        program.output.cotangent[0, 0, 1] = 1.0
        program.backward()
        proof.equal(
            f"inputs that move a unit, k {k}", told, int((program.input.cotangent != 0).sum())
        )
        field = shape(line).document()["layers"][-1]["receptive_field"]  # type: ignore[index]
        proof.equal("dlcalc shape sees", [told], field)


@claim(
    "weight-sharing-parameter-saving",
    title="Sharing weights saves parameters",
    chinese="权值共享减少参数",
    terms=("权值共享", "参数共享"),
    sources=[("000", "weight sharing"), ("004", "CNN overview")],
    statement="""Six 5x5 kernels over 32x32 have 156 parameters, since each is used at all 784
        places. Unshared they would have 122,304, and dense to as many outputs 4,821,600.""",
    statement_chinese="""32x32 上 6 个 5x5 的核共 156 个参数，每个核用于全部 784 个位置；
        不共享则为 122,304 个，全连接到同样多的输出则为 4,821,600 个。""",
    verdict=HOLDS,
    formula="6*(5*5 + 1) == 156",
    commands=["dlcalc params 1x32x32 conv:6,k5 --sharing"],
)
def weight_sharing_parameter_saving(proof: Proof) -> None:
    places = (32 - 5 + 1) ** 2
    used = proof.subject("a kernel of its own at each place", places, 1)
    proof.equal("shared", 6 * (5 * 5 + 1), params("1x32x32 conv:6,k5").value)
    unshared = params("1x32x32 local:6,k5").value
    proof.equal("local, unshared", used * 6 * (5 * 5 + 1), unshared)
    dense = params(f"1x32x32 flatten dense:{6 * places}").value
    proof.equal("dense", 6 * places * (32 * 32 + 1), dense)
    held = compiled("1x32x32 conv:6,k5").parameters.size
    proof.equal("trained numbers in the engine, shared", 156, held)


@claim(
    "two-linear-convs-one-conv",
    title="Two convolutions without an activation are one, and a weaker one",
    chinese="两个线性卷积层等于一个",
    terms=("两个卷积层不如一个", "卷积是线性的"),
    sources=[("001", "convolution layer")],
    statement="""Two 3x3 convolutions without an activation between them are one 5x5
        convolution by the convolved kernels; their 18 weights reach only 17 of the 25
        dimensions of 5x5 kernels. A ReLU between breaks the equality.""",
    statement_chinese="""中间没有激活函数的两个 3x3 卷积等于一个 5x5 卷积，其核为二者的卷积；
        18 个权重只能达到 25 维中的 17 维。中间加 ReLU 则不再相等。""",
    verdict=HOLDS,
    formula="conv(conv(x, k1), k2) == conv(x, convolve(k1, k2))",
    commands=["dlcalc shape 1x9x9 conv:1,k3 conv:1,k3", "dlcalc shape 1x9x9 conv:1,k5"],
)
def two_linear_convs_one_conv(proof: Proof) -> None:
    import numpy

    drawn = proof.random()
    x, first, second = (drawn.normal(size=(n, n)) for n in (9, 3, 3))
    between = proof.subject("no activation between", "", "relu ")
    given = {"conv1.weight": first, "conv2.weight": second}
    two = ran(f"1x9x9 conv:1,k3 {between}conv:1,k3", x, given)
    one = ran("1x9x9 conv:1,k5", x, {"conv1.weight": _convolved(first, second)})
    proof.near("two less one", 0, float(abs(two - one).max()))
    bent = ran("1x9x9 conv:1,k3 relu conv:1,k3", x, given)
    proof.at_least("the same with a ReLU between", 0.1, float(abs(bent - one).max()))
    unit = numpy.eye(9).reshape(9, 3, 3)
    slopes = [_convolved(e, second).ravel() for e in unit]
    slopes += [_convolved(first, e).ravel() for e in unit]
    proof.equal("dimensions reached of 25", 17, int(numpy.linalg.matrix_rank(slopes)))


def _convolved(first: Array, second: Array) -> Array:
    """The full convolution of two 3x3 kernels, 5x5."""
    import numpy

    found = numpy.zeros((5, 5))
    for i in range(3):
        for j in range(3):
            found[i : i + 3, j : j + 3] += first[i, j] * second
    return found


@claim(
    "conv-spatial-invariance",
    title="Convolution moves with its input; it is not invariant",
    chinese="卷积的平移等变性",
    terms=("空间不变性", "平移不变性", "等变"),
    sources=[("001", "pooling"), ("004", "CNN overview")],
    statement="""Printed in one place: features of a convolution are spatially invariant; in
        another: they are not. They are equivariant: a shifted input gives shifted features.
        Global pooling behind makes it exactly invariant.""",
    statement_chinese="""一处说卷积特征具有空间不变性，另一处说没有。卷积是等变的：输入平移，
        特征随之平移；
        其后接全局池化才完全不变。""",
    verdict=ERRATUM,
    contradicts=["pooling-translation-invariance"],
    formula="conv(shift(x)) == shift(conv(x))",
    commands=["dlcalc forward 0,0,1,0,0,0 1x6 conv:1,k3,p1 globalmaxpool"],
)
def conv_spatial_invariance(proof: Proof) -> None:
    import numpy

    drawn = proof.random()
    x = numpy.zeros((1, 12, 12))
    x[:, 3:8, 3:8] = drawn.normal(size=(5, 5))
    given = {"conv1.weight": drawn.normal(size=(1, 1, 3, 3))}
    shift = proof.subject("the shift", (1, 2), (0, 0))
    moved = numpy.roll(x, shift, (1, 2))
    line = "1x12x12 conv:1,k3,p1"
    before, after = ran(line, x, given), ran(line, moved, given)
    apart = float(abs(after - before).max())
    proof.differs("greatest |conv(shift(x)) - conv(x)|", 0.0, apart, 0.1)
    back = float(abs(after - numpy.roll(before, shift, (1, 2))).max())
    proof.near("greatest |conv(shift(x)) - shift(conv(x))|", 0, back, part=RIGHT)
    line += " globalmaxpool"
    pooled = float(abs(ran(line, moved, given) - ran(line, x, given)).max())
    proof.near("the change behind global pooling", 0, pooled, part=RIGHT)


@claim(
    "transposed-convolution-inverse",
    title="A transposed convolution is no inverse",
    chinese="反卷积不是卷积的逆",
    terms=("反卷积", "转置卷积"),
    sources=[("002", "deconvolution")],
    statement="""Printed: deconvolution inverts convolution and restores the image. It is the
        transpose and restores the shape alone, (o - 1)s + k - 2p: 3x3 over 6x6 keeps 16 of 36
        dimensions, which nothing brings back.""",
    statement_chinese="""原文说反卷积是卷积的逆，可还原图像。它只是转置，
        仅还原形状 (o-1)s + k - 2p；
        6x6 上的 3x3 卷积只留下 36 维中的 16 维，无法还原。""",
    verdict=ERRATUM,
    formula="(o - 1)*s + k - 2*p",
    commands=[
        "dlcalc shape 1x6x6 conv:1,k3 convtranspose:1,k3 --verify",
        "dlcalc shape 1x14x14 convtranspose:1,k2,s2 --verify",
    ],
)
def transposed_convolution_inverse(proof: Proof) -> None:
    import numpy

    drawn = proof.random()
    kernel = drawn.normal(size=(1, 1, 3, 3))
    unit = numpy.eye(36).reshape(36, 1, 6, 6)
    line = "1x6x6 conv:1,k3,bias=no"
    matrix = numpy.stack([ran(line, e, {"conv1.weight": kernel}).ravel() for e in unit], axis=1)
    x, y = drawn.normal(size=(1, 6, 6)), drawn.normal(size=(1, 4, 4))
    program = compiled("1x4x4 convtranspose:1,k3,bias=no")
    (name,) = program.tensors
    program.tensors[name].value[...] = kernel

    def spread(values: Array) -> Array:
        program.input.data[...] = values
        found: Array = program.forward()[0].ravel().copy()
        return found

    proof.equal("the shape comes back", "1x6x6", made(line + " convtranspose:1,k3"), RIGHT)
    apart = float(abs(spread(y) - matrix.T @ y.ravel()).max())
    proof.near("the layer less the transposed matrix", 0, apart, part=RIGHT)
    rank = int(numpy.linalg.matrix_rank(matrix))
    proof.equal("dimensions kept of 36", 16, rank, RIGHT)
    side = (14 - 1) * 2 + 2
    doubled = made("1x14x14 convtranspose:1,k2,s2")
    proof.equal("14 up-sampled by k 2, s 2", f"1x{side}x{side}", doubled, RIGHT)
    size = float(numpy.linalg.norm(x))
    restored = proof.subject("the restored image", spread((matrix @ x.ravel()).reshape(1, 4, 4)),
                             x.ravel())  # fmt: skip
    off = float(numpy.linalg.norm(restored - x.ravel())) / size
    proof.differs("relative error of the restored image", 0.0, off, 0.1)
    best = numpy.linalg.pinv(matrix) @ matrix @ x.ravel()
    left = float(numpy.linalg.norm(best - x.ravel())) / size
    proof.differs("and of the best that any inverse can do", 0.0, left, 0.1)


@claim(
    "s2-subsampling-layer",
    title="The stages C1, S2, C3, S4 of the first convolutional nets",
    chinese="C1、S2、C3、S4 下采样层",
    terms=("C1 S2 C3 S4", "四个像素求和加权", "下采样", "子采样"),
    tier=2,
    sources=[("002", "CNN")],
    statement="""A subsampling unit sums four pixels, multiplies by a trained coefficient, adds a
        bias and takes the sigmoid: two parameters a map. Of 32x32, kernels of 5x5 make 28,
        then 14, 10 and 5.""",
    statement_chinese="""下采样单元把四个像素求和，乘以可训练系数，加偏置，再过 sigmoid，
        每张图两个参数；
        32x32 经 5x5 的核依次为 28、14、10、5。""",
    verdict=HOLDS,
    formula="1/(1 + exp(-(beta*(a + b + c + d) + bias)))",
    commands=[
        "dlcalc shape 1x32x32 conv:3,k5 subsample:2 sigmoid conv:3,k5 subsample:2",
        "dlcalc forward '[[0.1,0.2],[0.3,0.4]]' subsample:2 sigmoid",
    ],
)
def s2_subsampling_layer(proof: Proof) -> None:
    from math import exp

    line = "1x32x32 conv:3,k5 subsample:2"
    proof.equal("C1 and S2", "3x14x14", made(line))
    proof.equal("C3 and S4", "3x5x5", made(line + " sigmoid conv:3,k5 subsample:2"))
    proof.equal("parameters", 3 * (25 + 1) + 3 * 2, params(line).value)
    a, beta, bias = ((0.1, 0.2), (0.3, 0.4)), 0.25, 0.5
    given = {"subsample1.weight": beta, "subsample1.bias": bias}
    unit = float(ran("1x2x2 subsample:2 sigmoid", a, given).item())
    gain = proof.subject("the coefficient on the sum", beta, beta / 4)
    told = 1 / (1 + exp(-(gain * (0.1 + 0.2 + 0.3 + 0.4) + bias)))
    proof.near("the unit's value", told, unit)


@claim(
    "flatten-fc-softmax-head",
    title="Maps are flattened, made dense, and end in a softmax",
    chinese="展平、全连接与 softmax 输出",
    terms=("全连接层压缩到类别数", "展平"),
    tier=2,
    sources=[("004", "CNN overview")],
    statement="""16 maps of 5x5 become a row of 400 numbers; dense layers bring it to 120, 84 and
        the number of classes, and softmax makes these probabilities.""",
    statement_chinese="""16 张 5x5 的特征图展平为 400 个数，经全连接层变为 120、84 和类别数，
        softmax 化为概率。""",
    verdict=HOLDS,
    formula="16*5*5 == 400",
    commands=["dlcalc shape 16x5x5 flatten dense:120 tanh dense:84 tanh dense:10 softmax --verify"],
)
def flatten_fc_softmax_head(proof: Proof) -> None:
    head = "flatten dense:120 tanh dense:84 tanh dense:10"
    maps = proof.subject("all maps in the row", 16, 1)
    proof.equal("maps times places", maps * 5 * 5, int(made("16x5x5 flatten")))
    layers = shape(f"16x5x5 {head}").document()["layers"]
    sizes = [each["output"] for each in layers if each["layer"].startswith("dense")]  # type: ignore[attr-defined]
    proof.equal("dense layers", [[120], [84], [10]], sizes)
    row = params(f"16x5x5 {head}").value
    told = sum(a * b + b for a, b in ((maps * 25, 120), (120, 84), (84, 10)))
    proof.equal("parameters", told, row)
    x = proof.random().normal(size=(16, 5, 5))
    flat = ran("16x5x5 flatten", x)
    proof.holds("the row keeps the order of maps and rows", bool((flat == x.ravel()).all()))
    weight = proof.random(1).normal(size=(10, 400))
    chances = ran("16x5x5 flatten dense:10 softmax", x, {"dense1.weight": weight})
    proof.near("the sum of the outputs", 1, float(chances.sum()))
    proof.at_least("the least of them", 0, float(chances.min()))
