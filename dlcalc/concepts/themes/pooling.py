"""What pooling does: its values, what it keeps, what it is invariant to, what it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.forward import forward
from dlcalc.answers.params import params
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import compiled, made, ran
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array


@claim(
    "max-mean-pooling",
    title="Max pooling keeps the largest, mean pooling the mean",
    chinese="最大池化与均值池化",
    terms=("最大/均值池化", "平均池化"),
    sources=[("000", "pooling"), ("001", "pooling"), ("002", "pooling"), ("004", "CNN overview")],
    statement="""Of each window max pooling gives the largest value and mean pooling the mean,
        map by map. Mean pooling is a convolution by fixed weights of 1/4.""",
    statement_chinese="""对每个窗口，最大池化取最大值，均值池化取平均，各特征图分别进行；
        2x2 的均值池化即权重固定为 1/4 的卷积。""",
    verdict=HOLDS,
    formula="max(window), sum(window)/len(window)",
    commands=[
        "dlcalc forward '[[1,3,2,4],[5,7,6,8],[3,2,1,0],[1,2,3,4]]' maxpool:2",
        "dlcalc forward '[[1,3,2,4],[5,7,6,8],[3,2,1,0],[1,2,3,4]]' avgpool:2",
    ],
)
def max_mean_pooling(proof: Proof) -> None:
    x = [[1, 3, 2, 4], [5, 7, 6, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
    windows = [
        [[x[i][j], x[i][j + 1], x[i + 1][j], x[i + 1][j + 1]] for j in (0, 2)] for i in (0, 2)
    ]
    largest = proof.subject("the largest", max, min)
    told = [[largest(window) for window in row] for row in windows]
    proof.equal("max pooling", told, forward(x, "maxpool:2").value)
    mean = ran("1x4x4 avgpool:2", x)
    proof.equal("mean pooling", [[sum(w) / 4 for w in row] for row in windows], mean[0].tolist())
    quarter = ran("1x4x4 conv:1,k2,s2", x, {"conv1.weight": 0.25})
    proof.near("mean pooling less the convolution", 0, float(abs(mean - quarter).max()))
    two = proof.random().normal(size=(2, 4, 4))
    apart = [abs(ran("2x4x4 maxpool:2", two)[n] - ran("1x4x4 maxpool:2", two[n])) for n in (0, 1)]
    proof.near("two maps less each map alone", 0, max(float(each.max()) for each in apart))


@claim(
    "stochastic-pooling",
    title="Stochastic pooling draws by the activations",
    chinese="随机池化",
    terms=("随机 pooling 概率矩阵", "stochastic pooling"),
    sources=[("002", "pooling")],
    statement="""Stochastic pooling draws one value of a window with probability a_i/sum(a). Its
        expectation is sum(a^2)/sum(a), between mean and maximum, and is the output at test.""",
    statement_chinese="""随机池化以概率 a_i/Σa 从窗口中抽取一个值，
        其期望 Σa²/Σa 介于均值与最大值之间，
        测试时即取此加权和。""",
    verdict=CONDITIONS,
    conditions="""The activations are not negative, and are drawn by these probabilities. Drawn
        evenly they give the mean; a negative one has no probability.""",
    formula="sum(a*a for a in window)/sum(window)",
    commands=["dlcalc forward 1.6,0,0,2.4 1x4 stochasticpool:4"],
)
def stochastic_pooling(proof: Proof) -> None:
    import numpy

    window = numpy.array([1.6, 0.0, 0.0, 2.4])
    chances = proof.subject("the probabilities", window / window.sum(), numpy.full(4, 0.25))
    expected = float(chances @ window)
    tested = float(ran("1x4 stochasticpool:4", window).item())
    proof.near("the output at test", expected, tested, part=INSIDE)
    between = window.mean() <= tested <= window.max()
    proof.holds("between mean and maximum", bool(between), tested, INSIDE)
    many = 20_000
    row = numpy.tile(window, many)
    drawn = forward(
        row, f"1x{4 * many} stochasticpool:4", training=True, seed=proof.seed
    ).output.ravel()
    share = float((drawn == 2.4).mean())
    error = 5 * (0.6 * 0.4 / many) ** 0.5
    proof.near("share of 2.4 drawn", float(chances[3]), share, error, INSIDE)
    even = float(proof.random().choice(window, many).mean())
    proof.fails("drawn evenly they reach it", abs(even - tested) <= 0.1, even, OUTSIDE)
    negative = [1.6, -0.5, 0.0, 2.4]
    line = "1x4 stochasticpool:4"
    proof.refused("a negative activation", lambda: forward(negative, line).value, OUTSIDE)


@claim(
    "pooling-fixed-length",
    title="Pooling gives a fixed length if its bins are fixed",
    chinese="池化得到定长输出",
    terms=("获得定长输出", "定长", "自适应池化"),
    sources=[("002", "pooling")],
    statement="""Texts of any length come out at one length of a global pooling, or of an adaptive
        one with a fixed number of bins; a fixed window only divides the length.""",
    statement_chinese="""全局池化或箱数固定的自适应池化把任意长度的文本变为定长；
        固定窗口的池化只是把长度按比例缩短。""",
    verdict=CONDITIONS,
    conditions="The number of bins is fixed. A window of 2 makes 5 of 10 and 7 of 15.",
    formula="len([i*n//bins for i in range(bins)]) == bins",
    commands=["dlcalc shape 8x15 adaptivemaxpool:4 --verify", "dlcalc shape 8x15 maxpool:2"],
)
def pooling_fixed_length(proof: Proof) -> None:
    lengths = (10, 15, 33)
    for net, length in (("adaptivemaxpool:4", 4), ("globalmaxpool", 1)):
        found = [made(f"8x{n} {net}") for n in lengths]
        proof.equal(f"{net} of {lengths}", [f"8x{length}"] * 3, found, INSIDE)
    window = proof.subject("a window in place of bins", "maxpool:2", "adaptivemaxpool:4")
    found = [made(f"8x{n} {window}") for n in lengths]
    proof.fails(f"{window} gives one length", len(set(found)) == 1, found, OUTSIDE)


@claim(
    "pooling-reduces-parameters",
    title="Pooling saves parameters of a dense layer behind it",
    chinese="池化减少参数和计算量",
    terms=("减少计算量和参数个数",),
    sources=[("002", "pooling"), ("004", "CNN overview")],
    statement="""A dense layer behind a 2x2 pooling has a quarter of the weights: 141,240 in place
        of 564,600 for 120 units over 28x28x6. Pooling itself has none, and a convolution
        behind keeps its count and saves only work.""",
    statement_chinese="""2x2 池化后的全连接层只需四分之一的权重：
        28x28x6 上 120 个单元由 564,600 降为 141,240。
        池化本身没有参数；其后的卷积层参数不变，只减少计算量。""",
    verdict=CONDITIONS,
    conditions="A dense layer follows. A convolution has as many parameters as before.",
    formula="(28//2)**2*6*120 + 120 == 141240",
    commands=[
        "dlcalc params 6x28x28 flatten dense:120",
        "dlcalc params 6x28x28 maxpool:2 flatten dense:120",
    ],
)
def pooling_reduces_parameters(proof: Proof) -> None:
    follows = proof.subject("a convolution behind", "conv:16,k5", "flatten dense:16")
    for pool, side in (("", 28), ("maxpool:2 ", 14)):
        told = side * side * 6 * 120 + 120
        found = params(f"6x28x28 {pool}flatten dense:120").value
        proof.equal(f"dense over {side}x{side}x6", told, found, INSIDE)
    proof.equal("parameters of pooling", 0, params("6x28x28 maxpool:2").value, INSIDE)
    plain, pooled = params(f"6x28x28 {follows}"), params(f"6x28x28 maxpool:2 {follows}")
    proof.fails("pooling saves parameters of a convolution", pooled.value != plain.value,
                pooled.value, OUTSIDE)  # fmt: skip
    fewer = int(str(pooled.macs)) < int(str(plain.macs))
    proof.holds("it saves multiply-accumulates", fewer, pooled.macs, OUTSIDE)


@claim(
    "pooling-translation-invariance",
    title="Pooling is invariant to small shifts within a window",
    chinese="池化的平移不变性",
    terms=("迁移不变性", "平移不变性"),
    sources=[("001", "pooling"), ("002", "pooling")],
    statement="""A pooling does not notice a shift that leaves the maximum in its window. That
        hangs on alignment: of random maps shifted by one pixel only 1/3 of the 2x2 windows
        keep their value. Only global pooling is exact.""",
    statement_chinese="""最大值仍在窗口内的小平移不改变池化结果，但取决于对齐：
        随机图平移一个像素时，只有约 1/3 的 2x2 窗口不变；全局池化才完全不变。""",
    verdict=CONDITIONS,
    contradicts=["conv-spatial-invariance"],
    conditions="The shift leaves the maximum in its window, or pooling is global.",
    formula="pool(shift(x)) == pool(x)",
    commands=[
        "dlcalc forward 0,0,1,0,0,0 1x6 maxpool:2",
        "dlcalc forward 0,0,0,1,0,0 1x6 maxpool:2",
    ],
)
def pooling_translation_invariance(proof: Proof) -> None:
    import numpy

    def pooled(place: int, net: str = "maxpool:2") -> list[float]:
        x = numpy.zeros((1, 8))
        x[0, place] = 1.0
        found: list[float] = ran(f"1x8 {net}", x).ravel().tolist()
        return found

    proof.equal("an impulse moved from 2 to 3", pooled(2), pooled(3), INSIDE)
    proof.equal("from 2 to 5, global", pooled(2, "globalmaxpool"), pooled(5, "globalmaxpool"),
                INSIDE)  # fmt: skip
    beyond = proof.subject("one pixel more", 4, 3)
    proof.fails("moved from 3 by one", pooled(beyond) == pooled(3), pooled(beyond), OUTSIDE)
    # A window and the one shifted share 2 of 6 pixels; both have the greatest if it is shared.
    x = proof.random().normal(size=(60, 16, 17))
    line = "60x16x16 maxpool:2"
    kept = float((ran(line, x[:, :, 1:]) == ran(line, x[:, :, :-1])).mean())
    proof.near("share of windows kept by random maps", 1 / 3, kept, 0.04, OUTSIDE)


@claim(
    "pooling-brightness-invariance",
    title="Pooling follows brightness; it is not invariant",
    chinese="池化没有亮度不变性",
    terms=("亮度不变性", "亮度校正"),
    tier=2,
    sources=[("001", "pooling")],
    statement="""Printed: pooling is invariant to brightness. A map that is brighter by c pools to
        values greater by c, and one of a times the contrast to a times the values: it is
        equivariant.""",
    statement_chinese="""原文说池化具有亮度不变性。输入整体加 c，输出也加 c；
        输入乘以正数 a，输出也乘以 a：是等变，而非不变。""",
    verdict=ERRATUM,
    formula="pool(a*x + c) == a*pool(x) + c",
    commands=["dlcalc forward 1.3,2.3,3.3,4.3 1x4 maxpool:2"],
)
def pooling_brightness_invariance(proof: Proof) -> None:
    x = proof.random().normal(size=(1, 6, 6))
    more, times = 0.3, 1.5
    brighter = proof.subject("the brighter map", x + more, x)
    for net in ("maxpool:2", "avgpool:2"):
        line = f"1x6x6 {net}"
        before = ran(line, x)
        moved = float(abs(ran(line, brighter) - before).max())
        proof.differs(f"{net}: change by + 0.3", 0.0, moved)
        both = ran(line, times * x + more)
        apart = float(abs(both - (times * before + more)).max())
        proof.near(f"{net}: pool(1.5*x + 0.3) less 1.5*pool(x) + 0.3", 0, apart, part=RIGHT)


@claim(
    "pooling-scale-invariance",
    title="Pooling follows scale; it is not invariant",
    chinese="池化没有尺度不变性",
    terms=("尺度空间不变性", "尺度不变性"),
    tier=2,
    sources=[("001", "pooling")],
    statement="""Printed: repeated pooling is invariant to scale. A picture twice as large pools
        to the picture, 8x8, and not to the 4x4 of the picture pooled: a pyramid of scales,
        and no invariance.""",
    statement_chinese="""原文说反复池化具有尺度不变性。放大一倍的 8x8 图池化后还原为 8x8 原图，
        而不是原图池化得到的 4x4：只是多尺度金字塔，并非不变。""",
    verdict=ERRATUM,
    formula="pool(upsample(x)) == x",
    commands=["dlcalc shape 1x8x8 upsample:2 maxpool:2", "dlcalc shape 1x8x8 maxpool:2"],
)
def pooling_scale_invariance(proof: Proof) -> None:
    x = proof.random().normal(size=(1, 8, 8))
    scale = proof.subject("the larger picture", "upsample:2 ", "")
    larger, plain = ran(f"1x8x8 {scale}maxpool:2", x), ran("1x8x8 maxpool:2", x)
    same = larger.shape == plain.shape and bool((larger == plain).all())
    proof.fails("pool(upsample(x)) is pool(x)", same, f"{larger.shape} and {plain.shape}")
    back = ran("1x8x8 upsample:2 maxpool:2", x)
    proof.near("greatest |pool(upsample(x)) - x|", 0, float(abs(back - x).max()), part=RIGHT)


@claim(
    "stride-one-pool-overlaps",
    title="Windows overlap when the stride is below the window",
    chinese="步幅为 1 的重叠池化",
    terms=("重叠池化", "overlapping pooling"),
    tier=2,
    sources=[("001", "pooling")],
    statement="""Pooling windows overlap exactly when the stride is less than the window, so at
        stride 1 always but for a window of 1. Then the resolution hardly falls: 28 to 27.""",
    statement_chinese="""步幅小于窗口时池化窗口才重叠，步幅 1 时除窗口为 1 外都重叠；
        此时分辨率几乎不降：28 变为 27。""",
    verdict=CONDITIONS,
    conditions="The window is wider than the stride; 1 at stride 1 and 2 at stride 2 are not.",
    formula="overlap == (s < k)",
    commands=["dlcalc shape 28 maxpool:2,s1 --verify"],
)
def stride_one_pool_overlaps(proof: Proof) -> None:
    def most_used(k: int, s: int) -> int:
        """In how many windows the busiest input is, by the engine's sums of windows of ones."""
        program = compiled(f"1x28 avgpool:{k},s{s}")
        program.forward()
        program.output.cotangent[...] = k
        program.backward()
        return round(float(program.input.cotangent.max()))

    for k, s in ((2, 1), (3, 1), (3, 2)):
        proof.at_least(f"windows over one input, k {k}, s {s}", 2, most_used(k, s), INSIDE)
    proof.equal("28 at k 2, s 1", "27", made("28 maxpool:2,s1"), INSIDE)
    apart = proof.subject("a stride not below the window", 2, 1)
    for k, s in ((2, apart), (1, 1), (3, 3)):
        shared = most_used(k, s)
        proof.fails(f"windows overlap, k {k}, s {s}", shared > 1, shared, OUTSIDE)


@claim(
    "pooling-sparsity",
    title="Max and mean pooling have the same zeros",
    chinese="池化与特征稀疏性",
    terms=("不利于特征的稀疏生成", "稀疏特征"),
    tier=2,
    sources=[("001", "pooling")],
    statement="""Printed: overlapping and mean pooling hurt the sparsity of features. Behind a
        ReLU the max and the mean of a window are zero together, so their zeros are the same.
        On random maps overlap hardly matters, and only a wider window makes much fewer.""",
    statement_chinese="""原文说重叠池化与均值池化不利于稀疏。ReLU 之后窗口的最大值与均值同时为零，
        零的位置完全相同；在随机图上重叠影响甚微，窗口变大才明显减少零。""",
    verdict=ERRATUM,
    formula="(maxpool(x) == 0) == (avgpool(x) == 0)",
    commands=["dlcalc forward 0,0,0,3 1x4 maxpool:2", "dlcalc forward 0,0,0,3 1x4 avgpool:2"],
)
def pooling_sparsity(proof: Proof) -> None:
    x = proof.random().normal(-0.5, 1.0, size=(40, 24, 24))
    shift = proof.subject("the ReLU in front", "relu ", "")

    def zeros(net: str) -> Array:
        found: Array = ran(f"40x24x24 {shift}{net}", x) == 0
        return found

    def share(net: str) -> float:
        return float(zeros(net).mean())

    for net in ("pool:2", "pool:2,s1", "pool:3,s2"):
        most, mean = zeros(f"max{net}"), zeros(f"avg{net}")
        fewer = int(mean.sum()) < int(most.sum())
        proof.fails(f"avg{net} has fewer zeros than max{net}", fewer)
        proof.holds("the same zeros", bool((mean == most).all()), part=RIGHT)
    plain, overlapping, wide = share("maxpool:2"), share("maxpool:2,s1"), share("maxpool:3,s2")
    lost = plain - overlapping > 0.02
    proof.fails("stride 1 makes fewer zeros than stride 2", lost, overlapping)
    proof.at_most("share of zeros, 3x3", plain / 2, wide, RIGHT)
    proof.at_most("share of zeros, 2x2", share("identity") - 0.1, plain, RIGHT)


@claim(
    "pooling-loses-information",
    title="Pooling loses information",
    chinese="池化损失信息",
    terms=("信息损失", "降低分辨率"),
    tier=2,
    sources=[("001", "pooling")],
    statement="""Different inputs pool to the same output, as 1, 2, 3, 4 and 4, 0, 0, 0 both to 4,
        so pooling cannot be undone: a 2x2 window keeps one number of four.""",
    statement_chinese="""不同输入可得同一输出，如 1、2、3、4 与 4、0、0、0 的最大池化都是 4，
        故无法还原；2x2 窗口只保留四分之一的数。""",
    verdict=HOLDS,
    formula="max(1, 2, 3, 4) == max(4, 0, 0, 0)",
    commands=[
        "dlcalc forward '[[1,2],[3,4]]' maxpool:2",
        "dlcalc forward '[[4,0],[0,0]]' maxpool:2",
    ],
)
def pooling_loses_information(proof: Proof) -> None:
    other = proof.subject("another input", [[4, 0], [0, 0]], [[5, 0], [0, 0]])
    first = [[1, 2], [3, 4]]
    proof.holds("the inputs differ", first != other)
    proof.equal("max pooling", forward(first, "maxpool:2").value, forward(other, "maxpool:2").value)
    even = [[2.5, 2.5], [2.5, 2.5]]
    proof.equal("mean pooling", forward(first, "avgpool:2").value, forward(even, "avgpool:2").value)
    left = made("1x28x28 maxpool:2")
    kept = [int(size) for size in left.split("x")]
    proof.equal("numbers kept of 28*28", 28 * 28 // 4, kept[1] * kept[2])
