"""Evaluation and data: hold-out, k-fold, bootstrap, resampling, what a test error is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from dlcalc.answers.bootstrap import bootstrap
from dlcalc.answers.split import split
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof


@claim(
    "up-down-sampling-data",
    title="Under- and over-sampling even out classes",
    chinese="上采样/下采样 (数据)",
    terms=("类别不平衡", "过采样", "欠采样"),
    sources=[("004", "imbalanced data")],
    tier=2,
    statement="""Under-sampling drops examples of the large class, over-sampling repeats those of
        the small one: of 900 and 100 they make 100 and 100, or 900 and 900. Repeating every
        example nine times adds nothing new: it is a weight of 9 in the loss.""",
    statement_chinese="""下采样丢弃大类样本，上采样重复小类样本：900 与 100 变为 100 与 100，
        或 900 与 900。每个样本重复九次并无新信息，等价于损失中权重取 9。""",
    verdict=HOLDS,
    formula="100*9 == 900",
    commands=["dlcalc split 1000 --holdout 9:1 --verify"],
)
def up_down_sampling_data(proof: Proof) -> None:
    large, small = split(1000, holdout="9:1", seed=proof.seed).rounds[0]
    random = proof.random()
    kept = random.choice(list(large), size=len(small), replace=False).tolist()
    proof.equal("classes after under-sampling", (100, 100), (len(set(kept)), len(small)))
    times = proof.subject("how often the small class is repeated", 9, 8)
    repeated = [each for each in small for _ in range(times)]
    proof.equal("classes after over-sampling", (900, 900), (len(large), len(repeated)))
    proof.equal("different ones among the repeated", 100, len(set(repeated)))
    values = random.normal(size=1000)
    drawn = float(values[[*large, *repeated]].mean())
    weights = [1] * 900 + [9] * 100
    weighted = values[[*large, *small]] @ weights / sum(weights)
    proof.near("mean loss with weight 9", float(weighted), drawn, 1e-12)


@claim(
    "up-down-sampling-image",
    title="Images: down-sampling shrinks, up-sampling enlarges",
    chinese="图像缩小/放大",
    terms=("图像下采样", "图像上采样", "插值"),
    sources=[("004", "sampling")],
    tier=2,
    statement="""Down-sampling makes an image smaller and up-sampling larger, as 8x8 to 4x4 and
        back. Shrinking what was enlarged gives the image back; enlarging what was shrunk does
        not, for the detail within each window is gone.""",
    statement_chinese="""图像下采样使图像变小，上采样使其变大，如 8x8 与 4x4 之间。
        先放大再缩小可复原；先缩小再放大不能，窗口内的细节已丢失。""",
    verdict=HOLDS,
    commands=["dlcalc shape 1x8x8 avgpool:2 --verify", "dlcalc shape 1x4x4 upsample:2 --verify"],
)
def up_down_sampling_image(proof: Proof) -> None:
    import numpy

    from dlcalc.answers.forward import forward

    down = proof.subject("shrinking", "avgpool:2", "identity")
    image = proof.random().normal(size=(8, 8))
    small = numpy.array(forward(image.tolist(), down).value)
    proof.equal("sizes of the shrunk image", (4, 4), small.shape)
    blocks = image.reshape(4, 2, 4, 2).mean((1, 3))
    proof.near(
        "shrunk, by blocks", 0, float(abs(small - blocks).max()) if down != "identity" else 1
    )
    back = numpy.array(forward(small.tolist(), "upsample:2").value)
    proof.equal("sizes enlarged again", (8, 8), back.shape)
    proof.at_least("largest detail that is lost", 0.1, _gap(image, back))
    large = numpy.array(forward(small.tolist(), "upsample:2", "avgpool:2").value)
    proof.near("enlarged, then shrunk", 0, _gap(small, large), 1e-12)


def _gap(a: Any, b: Any) -> float:
    """The largest difference of two arrays; infinite if their shapes differ."""
    import numpy

    if numpy.shape(a) != numpy.shape(b):
        return math.inf
    return float(numpy.abs(numpy.subtract(a, b)).max())


@claim(
    "holdout-7-3",
    title="Hold-out: 7 parts to train on, 3 to test on",
    chinese="Holdout 检验",
    terms=("留出法", "7:3", "训练集", "验证集"),
    sources=[("004", "evaluation")],
    tier=2,
    statement="""A hold-out splits the examples at random, such as 7:3, so that each is in exactly
        one part. 1000 make 700 and 300; 101 do not divide, and are 70 and 31 here.""",
    statement_chinese="""留出法把样本随机分开，如 7:3，每个样本恰在其中一份：
        1000 个分为 700 与 300；101 个除不尽，此处为 70 与 31。""",
    verdict=HOLDS,
    formula="7*1000//10 == 700",
    commands=["dlcalc split 1000 --holdout 7:3 --verify", "dlcalc split 101 --holdout 7:3"],
)
def holdout_7_3(proof: Proof) -> None:
    ratio = proof.subject("the ratio", "7:3", "8:2")
    for n, sizes in ((1000, (700, 300)), (101, (70, 31))):
        found = split(n, holdout=ratio, seed=proof.seed)
        proof.equal(f"sizes of {n}", sizes, found.value)
        train, test = (set(part) for part in found.rounds[0])
        proof.equal(
            f"in both of {n}, in neither", (0, 0), (len(train & test), n - len(train | test))
        )
        other = set(split(n, holdout=ratio, seed=proof.seed + 1).rounds[0][0])
        proof.holds(f"another seed splits {n} otherwise", other != train)


@claim(
    "kfold-partition",
    title="k-fold: every example is tested once",
    chinese="k折交叉验证",
    terms=("交叉验证", "K-fold", "10 折"),
    sources=[("004", "evaluation")],
    statement="""k-fold cross-validation splits the examples into k equal parts, tests on each
        once after training on the rest, and averages. The parts are equal if k divides n:
        103 examples make three folds of 11 and seven of 10.""",
    statement_chinese="""k 折交叉验证把样本分成 k 等份，轮流以一份验证、其余训练，再取平均。
        k 整除 n 时才等分：103 个样本的 10 折为三折 11 个、七折 10 个。""",
    verdict=CONDITIONS,
    conditions="k divides n; else n mod k folds have one example more.",
    formula="103//10, 103%10",
    commands=["dlcalc split 103 --kfold 10 --verify"],
)
def kfold_partition(proof: Proof) -> None:
    odd = proof.subject("a number that 10 does not divide", 103, 100)
    for n, part in ((100, INSIDE), (50, INSIDE), (odd, OUTSIDE)):
        found = split(n, kfold=10, seed=proof.seed)
        sizes = [len(fold) for fold in found.rounds[0]]
        every = sorted(index for fold in found.rounds[0] for index in fold)
        proof.holds(f"each of {n} is tested once", every == list(range(n)), part=part)
        if part == INSIDE:
            proof.equal(f"sizes of the folds of {n}", {n // 10}, set(sizes), part)
        else:
            proof.fails(f"the folds of {n} are equal", len(set(sizes)) == 1, tuple(sizes), part)
            larger = (sizes.count(n // 10 + 1), sizes.count(n // 10))
            proof.equal("larger and smaller ones", (n % 10, 10 - n % 10), larger, part)


@claim(
    "bootstrap-limit",
    title="A bootstrap leaves out 1/e of the examples",
    chinese="自助法 0.368",
    terms=("36.8%", "1/e", "自助采样", "bootstrap", "包外样本"),
    sources=[("004", "evaluation")],
    statement="""n draws with replacement miss an example with probability (1 - 1/n)**n, which
        goes to 1/e = 0.368: about 36.8 % of the examples are out of the bag. On the way
        1 - 1/n is 1/(1 + 1/(n - 1)).""",
    statement_chinese="""有放回抽 n 次，某样本一次也没抽到的概率为 (1-1/n)^n，趋于 1/e=0.368，
        即约 36.8% 的样本在包外。推导中 1-1/n = 1/(1+1/(n-1))。""",
    verdict=HOLDS,
    formula="(1 - 1/1000)**1000",
    commands=["dlcalc bootstrap 10 100 1000 --verify", "dlcalc bootstrap 1000 --derive"],
)
def bootstrap_limit(proof: Proof) -> None:
    from dlcalc.engine.resampling import shares_never_drawn

    share: Callable[[int], Fraction] = proof.subject(
        "the chance of one draw", lambda n: Fraction(1, n), lambda n: Fraction(1, n + 1)
    )
    for n in (10, 100, 1000):
        exact = float((1 - share(n)) ** n)
        proof.near(f"(1 - 1/{n})**{n}", exact, float(bootstrap(n).value), 1e-13)  # type: ignore[arg-type]
        drawn = shares_never_drawn(n, n, 2000, seed=proof.seed)
        error = float(drawn.std()) / math.sqrt(2000)
        proof.near(f"drawn, n = {n}", exact, float(drawn.mean()), 5 * error)
        proof.equal("(1 - 1/n)*(1 + 1/(n - 1))", 1, (1 - share(n)) * (1 + Fraction(1, n - 1)))
        after = math.exp(-1) * (1 - 1 / (2 * n) - 5 / (24 * n * n))
        proof.near("1/e*(1 - 1/(2n) - 5/(24n^2))", after, exact, 0.2 / n**3)


@claim(
    "bootstrap-minibatch-definition",
    title="A bootstrap is no epoch of mini-batches",
    chinese="bootstrap epoch 覆盖全部数据",
    terms=("自助法 小批量", "有放回抽样", "epoch 覆盖"),
    sources=[("004", "evaluation")],
    statement="""Printed: bootstrap draws m of n each iteration, and n/m iterations are an epoch
        that covers all the data. With replacement they miss about 36 %. A bootstrap draws n
        with replacement to train on and tests on the 36.8 % left out; an epoch deals out a
        shuffled deck, and misses none.""",
    statement_chinese="""原文说 bootstrap 每次取 m 个，n/m 次为一个 epoch、覆盖全部数据。
        有放回时约 36% 抽不到。自助法是有放回抽 n 个作训练、用剩下的 36.8% 测试；
        epoch 则是打乱后依次分批，无一遗漏。""",
    verdict=ERRATUM,
    formula="(1 - 50/1000)**20",
    commands=["dlcalc bootstrap 1000 --batch 50", "dlcalc split 1000 --batch 50"],
)
def bootstrap_minibatch_definition(proof: Proof) -> None:
    from dlcalc.engine.resampling import shares_never_drawn

    iterations = proof.subject("the iterations of an epoch", 20, 2000)
    for batch in (1, 50):
        drawn = shares_never_drawn(1000, 50 * iterations, 40, batch=batch, seed=proof.seed)
        missed = float(drawn.mean())
        proof.fails(f"all are covered, {batch} distinct at a time", missed < 0.001, missed, PRINTED)
        stated = float(bootstrap(1000, batch=batch).value)  # type: ignore[arg-type]
        exact = (1 - batch / 1000) ** (1000 // batch)
        proof.near("the share missed, by the formula", exact, stated, 1e-12, RIGHT)
        proof.near("the share missed, drawn", exact, missed, 0.01, RIGHT)
    proof.equal("steps of a real epoch", 20, split(1000, batch=50).value, RIGHT)
    dealt = proof.random().permutation(1000).reshape(20, 50)
    proof.equal("different examples in it", 1000, len(set(dealt.ravel().tolist())), RIGHT)


class Fit(NamedTuple):
    """Exact parts of the expected error of a polynomial fit, and the error measured."""

    bias2: float
    bias: float
    variance: float
    train: float
    measured: float


#: The noise of the examples that polynomials are fitted to.
NOISE = 0.3


def fits(proof: Proof, degrees: Sequence[int], repeats: int = 1500) -> list[Fit]:
    """Polynomials fitted to sin(pi*x) at 20 places with noise; tested with fresh noise there.

    A least-squares fit is a projection H: the bias is H@f - f, the variance the noise's times
    trace(H)/20. The error is measured by drawing.
    """
    import numpy

    x = numpy.linspace(-1, 1, 20)
    truth = numpy.sin(math.pi * x)
    random = proof.random()
    first, fresh = truth + NOISE * random.normal(size=(2, repeats, 20))
    found = []
    for degree in degrees:
        q = numpy.linalg.qr(numpy.vander(x, degree + 1))[0]
        projection = q @ q.T
        bias = projection @ truth - truth
        variance = NOISE**2 * float(numpy.trace(projection)) / 20
        bias2 = float((bias**2).mean())
        train = bias2 + NOISE**2 - variance
        measured = float(((first @ projection - fresh) ** 2).mean())
        found.append(Fit(bias2, float(abs(bias).mean()), variance, train, measured))
    return found


@claim(
    "bias-variance-noise",
    title="The squared error is bias squared plus variance plus noise",
    chinese="误差分解",
    terms=("偏差-方差分解", "偏差", "方差", "噪声"),
    sources=[("004", "bias and variance")],
    statement="""Printed: error = bias + variance + noise. For the squared loss it is the square
        of the bias, plus the variance, plus the variance of the noise, the bias being taken
        point by point; the plain sum is far too large.""",
    statement_chinese="""原文为 误差 = 偏差 + 方差 + 噪声。对平方损失应为 偏差² + 方差 + 噪声方差，
        且偏差要逐点取平方再平均；直接相加会大得多。""",
    verdict=ERRATUM,
    formula="bias**2 + variance + sigma**2",
    commands=["dlcalc split 1000 --holdout 7:3"],
)
def bias_variance_noise(proof: Proof) -> None:
    squared = proof.subject("the printed bias, not squared", False, True)
    for degree, fit in zip((1, 3, 5), fits(proof, (1, 3, 5)), strict=True):
        noise = NOISE**2 if squared else NOISE
        printed = (fit.bias2 if squared else fit.bias) + fit.variance + noise
        right = fit.bias2 + fit.variance + NOISE**2
        least = 0.1 * fit.measured
        proof.differs(f"the printed sum, degree {degree}", printed, fit.measured, least)
        proof.near(f"the error drawn, degree {degree}", right, fit.measured, 0.03 * right, RIGHT)


@claim(
    "low-variance-means-small-test-error",
    title="Low variance does not mean a small test error",
    chinese="测试误差小 (low variance)",
    terms=("高偏差", "欠拟合", "low variance", "high bias"),
    sources=[("004", "bias and variance")],
    tier=2,
    statement="""Printed: a small test error is low variance, and a simple model has high
        variance. A simple model has low variance and high bias: a constant fitted to a sine
        has the least variance of all polynomials and the largest error.""",
    statement_chinese="""原文把测试误差小等同于低方差，并说简单模型方差高。
        简单模型方差低而偏差高：用常数拟合正弦，方差在各次多项式中最小，误差却最大。""",
    verdict=ERRATUM,
    commands=["dlcalc split 1000 --holdout 7:3"],
)
def low_variance_means_small_test_error(proof: Proof) -> None:
    simple = proof.subject("the degree of the simple model", 0, 3)
    low, high = fits(proof, (simple, 5))
    smaller = low.measured < high.measured
    proof.fails(f"degree {simple} errs less than degree 5", smaller, low.measured, PRINTED)
    ratio = low.variance / high.variance
    proof.at_most(f"variance of degree {simple}, degree 5 = 1", 0.5, ratio, RIGHT)
    proof.at_least(f"bias**2 of degree {simple} less that of 5", 0.1, low.bias2 - high.bias2, RIGHT)


@claim(
    "complexity-tradeoff",
    title="More complex: less bias, more variance",
    chinese="模型复杂度",
    terms=("偏差与方差的权衡", "训练误差", "过拟合"),
    sources=[("004", "bias and variance")],
    tier=2,
    statement="""With the degree of a polynomial the training error and the bias fall and the
        variance rises, so that the test error is least in between: for a noisy sine at 20
        places degree 3 or 5, neither 0 nor 12.""",
    statement_chinese="""多项式次数升高时，训练误差与偏差下降、方差上升，测试误差在中间最小：
        20 个点的带噪正弦在 3 到 5 次最好，0 次和 12 次都差。""",
    verdict=HOLDS,
    commands=["dlcalc split 1000 --holdout 7:3"],
)
def complexity_tradeoff(proof: Proof) -> None:
    degrees = proof.subject("the degree grows", (0, 1, 3, 5, 12), (12, 5, 3, 1, 0))
    found = fits(proof, degrees)
    proof.holds("training error falls", _falls([fit.train for fit in found]))
    proof.holds("bias falls", _falls([fit.bias2 for fit in found]))
    proof.holds("variance rises", _falls([-fit.variance for fit in found]))
    errors = [fit.measured for fit in found]
    best = degrees[errors.index(min(errors))]
    proof.holds("the test error is least between", best in (3, 5), f"at degree {best}")


def _falls(values: Sequence[float]) -> bool:
    return all(b < a for a, b in pairwise(values))
