"""Batch normalisation and scaling: what they make of data, and what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

from dlcalc.answers.norm import norm
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import partial_difference, trial
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof


def moments(x: Sequence[float]) -> tuple[float, float, float]:
    """Mean, variance over n, skewness."""
    mean = sum(x) / len(x)
    variance = sum((v - mean) ** 2 for v in x) / len(x)
    third = sum((v - mean) ** 3 for v in x) / len(x)
    return mean, variance, third / variance**1.5 if variance else 0.0


def standardised(x: Sequence[float], eps: float = 0.0) -> list[float]:
    """Batch normalisation of one feature, by its definition."""
    mean, variance, _ = moments(x)
    return [(v - mean) / sqrt(variance + eps) for v in x]


def told(method: str, x: Sequence[float], **settings: Any) -> list[float]:
    """What dlcalc norm makes of one feature of many examples."""
    return [float(v) for v in norm(method, list(x), **settings).value]  # type: ignore[attr-defined]


def apart(first: Sequence[float], second: Sequence[float]) -> float:
    """The largest difference."""
    return max(abs(x - y) for x, y in zip(first, second, strict=True))


def exponential(count: int) -> list[float]:
    """Values of the exponential distribution, one for each of as many equal shares."""
    return [-log(1 - (i + 0.5) / count) for i in range(count)]


def normal(count: int) -> list[float]:
    """Values of the normal distribution, likewise."""
    from statistics import NormalDist

    return [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]


@claim(
    "bn-zero-mean-unit-variance",
    title="Batch normalisation gives a batch mean 0 and variance 1",
    chinese="批标准化计算过程",
    terms=("batch normalization", "批归一化", "BN 公式"),
    sources=[("004", "batch normalisation"), ("002", "batch normalisation")],
    statement="""Each feature has its mean over the batch subtracted and is divided by its
        deviation, so that its mean is 0 and its variance 1; then gamma and beta, which are
        trained, scale and shift it. The gradient passes through mean and deviation as well.""",
    statement_chinese="""每个特征减去批内均值、除以批内标准差，于是均值为 0、方差为 1；
        再用可学习的 gamma、beta 缩放和平移。梯度也要经过均值和标准差。""",
    verdict=HOLDS,
    formula="gamma*(x - mean)/sqrt(var + eps) + beta",
    commands=["dlcalc norm batch '[[1,2],[3,4],[5,9]]' --gamma 2,1 --backward ones --verify"],
)
def bn_zero_mean_unit_variance(proof: Proof) -> None:
    through = proof.subject("the gradient through the mean", True, False)
    root = proof.subject("the root of the variance", True, False)
    for stream in range(3):
        x = [float(v) for v in proof.random(stream).normal(5, 3, 16)]
        mean, variance, _ = moments(x)
        closed = [(v - mean) / (sqrt(variance) if root else variance) for v in x]
        found = told("batch", x, eps=0)
        proof.near("dlcalc off (x - mean)/deviation", 0, apart(closed, found), 1e-9)
        proof.near("mean of what comes out", 0, moments(found)[0], 1e-9)
        proof.near("variance of what comes out", 1, moments(found)[1], 1e-9)
        scaled = told("batch", x, eps=0, gamma=[2.0], beta=[-1.0])
        proof.near("gamma and beta", 0, apart([2 * v - 1 for v in closed], scaled), 1e-9)
    x, up = [1.0, 2.0, 4.0, 8.0], [0.3, -1.0, 0.5, 2.0]
    own = norm("batch", x, eps=0, backward=up).document()["gradient"]

    def total(at: Sequence[float]) -> float:
        mean, variance, _ = moments(at)
        centre = mean if through else moments(x)[0]
        return sum(c * (v - centre) / sqrt(variance) for c, v in zip(up, at, strict=True))

    for i, back in enumerate(own["x"]):  # type: ignore[index]
        proof.near(f"gradient by x[{i}]", partial_difference(total, x, i), back, 1e-8)


@claim(
    "bn-standard-normal",
    title="Batch normalisation does not make data normal",
    chinese="标准正态分布",
    terms=("BN 正态分布", "拉回 N(0,1)"),
    sources=[("004", "batch normalisation")],
    statement="""Printed: batch normalisation turns the distribution into the standard normal one.
        It sets two moments, mean 0 and variance 1; the shape stays: exponential data keep their
        skewness of 2, where a normal distribution has 0.""",
    statement_chinese="""原文说批归一化把分布拉回标准正态分布。它只规定两个矩：均值 0、方差 1，
        分布的形状不变；指数分布的数据偏度仍约为 2，而正态分布为 0。""",
    verdict=ERRATUM,
    formula="(x - mean)/sqrt(var + eps)",
    commands=["dlcalc norm batch 0.1,0.3,0.5,1,2,5"],
)
def bn_standard_normal(proof: Proof) -> None:
    data = proof.subject("data that are not normal", exponential(2000), normal(2000))
    found = told("batch", data, eps=0)
    mean, variance, skew = moments(found)
    proof.differs("skewness of exponential data, normalised", 0, skew, 0.5)
    least = min(found)
    proof.fails("some lie below -2, as of N(0, 1) do", least < -2, f"the least is {least:.3f}")
    proof.near("mean", 0, mean, 1e-9, RIGHT)
    proof.near("variance", 1, variance, 1e-9, RIGHT)
    proof.near("skewness, the same as before", moments(data)[2], skew, 1e-9, RIGHT)


@claim(
    "bn-epsilon-missing",
    title="Without epsilon a constant feature divides by 0",
    chinese="标准差为 0",
    terms=("BN epsilon", "除以标准差"),
    tier=2,
    sources=[("004", "formula of batch normalisation")],
    statement="""Divided by the bare deviation, as printed, a feature that is constant over the
        batch, or a batch of one, gives 0/0. Frameworks divide by sqrt(var + eps), with the
        variance over n and an eps such as 1e-5, and get 0.""",
    statement_chinese="""若按原文只除以标准差，批内取值相同的特征（或批大小为 1）会得到 0/0。
        框架除以 sqrt(var + eps)，方差除以 n，eps 例如 1e-5，此时得 0。""",
    verdict=CONDITIONS,
    conditions="""The feature varies over the batch. Of a constant one or a batch of one the
        formula without epsilon is no number.""",
    formula="(x - mean)/sqrt(var + eps)",
    commands=["dlcalc norm batch '[[1,2]]'", "dlcalc norm batch 1,2,4 --eps 0"],
)
def bn_epsilon_missing(proof: Proof) -> None:
    x = [1.0, 2.0, 4.0, 9.0]
    proof.near(
        "a feature that varies", 0, apart(standardised(x), told("batch", x, eps=0)), 1e-9, INSIDE
    )
    alone = proof.subject("a batch of one", [3.0], [3.0, 4.0])
    for name, data in (("a batch of one", alone), ("a constant feature", [2.0, 2.0, 2.0])):
        rows = [[v] for v in data]
        proof.refused(f"{name} without epsilon", lambda r=rows: norm("batch", r, eps=0), OUTSIDE)
        zeros = [row[0] for row in norm("batch", rows).value]  # type: ignore[attr-defined]
        proof.equal(f"{name} with epsilon", [0.0] * len(data), zeros, OUTSIDE)
    program = trial("1 batchnorm", proof.random(), batch=4)
    program.input.data[:, 0], program.parameters[...] = x, [1, 0]
    engine = program.forward()[:, 0].tolist()
    proof.near(
        "the engine, variance over n + 1e-5", 0, apart(standardised(x, 1e-5), engine), 1e-9, INSIDE
    )


@claim(
    "bn-gamma-beta-recover",
    title="Gamma and beta can undo a normalisation",
    chinese="γ β 调节因子",
    terms=("gamma beta", "缩放和平移", "表达能力"),
    sources=[("004", "batch normalisation")],
    statement="""With gamma the deviation and beta the mean of a batch, normalising changes
        nothing, so the layer can still express what it could. It is an affine map and no more:
        it fits one batch's statistics, and never changes the shape of a distribution.""",
    statement_chinese="""令 gamma 为批的标准差、beta 为批的均值，归一化就等于没做，
        故表达能力不减。但它只是仿射变换：只对应一个批的统计量，也不能改变分布的形状。""",
    verdict=CONDITIONS,
    conditions="""Gamma and beta are the deviation and the mean of that very batch. Another batch,
        or another shape of distribution, is not recovered.""",
    formula="sqrt(var + eps)*(x - mean)/sqrt(var + eps) + mean == x",
    commands=["dlcalc norm batch 1,2,4,9 --gamma 3.0822070014844882 --beta 4 --eps 0"],
)
def bn_gamma_beta_recover(proof: Proof) -> None:
    x = [float(v) for v in proof.random().normal(2, 5, 12)]
    eps = 1e-5
    mean, variance, _ = moments(x)
    gamma = proof.subject("the gamma", sqrt(variance + eps), 1.0)
    back = told("batch", x, eps=eps, gamma=[gamma], beta=[mean])
    proof.near("the batch itself, off by", 0, apart(x, back), 1e-9, INSIDE)
    other = [2 * v + 1 for v in x]
    found = told("batch", other, eps=eps, gamma=[gamma], beta=[mean])
    proof.differs("another batch, off by", 0, apart(other, found), 0.1, OUTSIDE)
    for g, b in ((0.5, 3.0), (4.0, -1.0)):
        shape = moments(told("batch", exponential(500), eps=0, gamma=[g], beta=[b]))[2]
        proof.differs(f"skewness under gamma {g:g}, beta {b:g}", 0, shape, 0.5, OUTSIDE)
    program = trial("3 dense:4 batchnorm tanh", proof.random(1), batch=8)
    program.forward()
    program.backward()
    gradient = float(abs(program.tensors["dense1.bias"].gradient).max())
    proof.at_most(
        "gradient of a bias in front, which beta makes redundant", 1e-12, gradient, INSIDE
    )


@claim(
    "bn-statistics-axes",
    title="Which values share a mean in batch normalisation",
    chinese="全连接 n 个值, 卷积 R×L×N 个值",
    terms=("BN 卷积层 均值", "每个通道", "批归一化的轴"),
    sources=[("004", "batch normalisation")],
    statement="""Behind a dense layer each unit has its own mean, over the N examples. Behind a
        convolution each channel has one, over N*H*W values: all examples and all places. So 32
        kernels have 64 trained numbers, a gamma and a beta each.""",
    statement_chinese="""全连接层之后，每个单元在 N 个样本上求均值；卷积层之后，
        每个通道在全部样本和全部位置共 N·H·W 个值上求均值。故 32 个卷积核对应 64 个可学习参数，
        即各一个 gamma 和 beta。""",
    verdict=HOLDS,
    formula="N*H*W",
    commands=[
        "dlcalc params 32x28x28 batchnorm",
        "dlcalc norm batch '[[[1,2],[3,4]],[[5,6],[7,9]]]'",
    ],
)
def bn_statistics_axes(proof: Proof) -> None:
    from dlcalc.answers.params import params

    method = proof.subject("the kind of normalisation", "batch", "instance")
    program = trial(f"3x5x7 {method}norm", proof.random(), batch=8)
    for name, tensor in program.tensors.items():
        tensor.value[...] = 1 if name.endswith(("weight", "gamma")) else 0
    x, y = program.input.data, program.forward()
    document = norm(method, x.reshape(8, 3, 35).tolist(), eps=1e-5).document()
    proof.equal("values that share a mean, 8x3x5x7", 8 * 5 * 7, document["values_in_a_mean"])
    for channel in range(3):
        closed = standardised(x[:, channel].ravel().tolist(), 1e-5)
        off = apart(closed, y[:, channel].ravel().tolist())
        proof.near(f"channel {channel} of the engine, off by", 0, off, 1e-9)
    dense = norm("batch", x[:, :, 0, 0].tolist()).document()
    proof.equal("the same behind a dense layer, 8x3", 8, dense["values_in_a_mean"])
    proof.equal("trained numbers of 32 channels", 2 * 32, params("32x28x28 batchnorm").value)


@claim(
    "zscore-sample-std",
    title="The z-score with n - 1 has a sample deviation of 1",
    chinese="z-score 标准化",
    terms=("zscore", "样本标准差", "n-1", "特征标准化"),
    sources=[("004", "feature scaling")],
    statement="""(x - mean)/s, with s over n - 1, has mean 0 and sample deviation 1. Over n, which
        is NumPy's default, the deviation of the same numbers is sqrt((n - 1)/n).""",
    statement_chinese="""(x - 均值)/s，其中 s 除以 n - 1，结果均值为 0、样本标准差为 1。
        若除以 n（NumPy 的默认值），同一结果的标准差为 sqrt((n - 1)/n)。""",
    verdict=HOLDS,
    formula="(x - mean)/sqrt(sum((v - mean)**2 for v in data)/(n - 1))",
    commands=["dlcalc norm zscore 1,2,3,4,5", "dlcalc norm zscore 1,2,3,4,5 --ddof 0"],
)
def zscore_sample_std(proof: Proof) -> None:
    from statistics import mean, pstdev, stdev

    ddof = proof.subject("what is taken from n", 1, 0)
    for n in (2, 5, 10):
        x = [float(v) for v in proof.random(n).normal(3, 7, n)]
        found = told("zscore", x, ddof=ddof)
        proof.near(
            f"n = {n}: off (x - mean)/s", 0, apart([(v - mean(x)) / stdev(x) for v in x], found)
        )
        proof.near("mean", 0, mean(found))
        proof.near("sample deviation", 1, stdev(found))
        proof.near("deviation over n", sqrt((n - 1) / n), pstdev(found))


@claim(
    "minmax-unit-interval",
    title="Min-max scaling leads the data it has seen to [0, 1]",
    chinese="min-max 标准化",
    terms=("min-max 归一化", "X_nom", "最大最小归一化"),
    tier=2,
    sources=[("004", "feature scaling")],
    statement="""(x - min)/(max - min) takes the least value to 0 and the greatest to 1. A value
        beyond them, met later, falls outside; a constant feature divides 0 by 0.""",
    statement_chinese="""(x - min)/(max - min) 把最小值变为 0、最大值变为 1。
        以后遇到的更大或更小的值会落在区间之外；取值恒定的特征则是 0/0。""",
    verdict=CONDITIONS,
    conditions="""The values are those whose least and greatest were taken, and they are not all
        the same.""",
    formula="(x - low)/(high - low)",
    commands=["dlcalc norm minmax 3,9,12", "dlcalc norm minmax --min 3 --max 12 20"],
)
def minmax_unit_interval(proof: Proof) -> None:
    unseen = proof.subject("a value that was not seen", 20.0, 8.0)
    for x in ([3.0, 9.0, 12.0], [-1.0, 0.5, 0.25, 7.0]):
        low, high = min(x), max(x)
        closed = [(v - low) / (high - low) for v in x]
        found = told("minmax", x)
        proof.near("off (x - min)/(max - min)", 0, apart(closed, found), 1e-12, INSIDE)
        proof.equal("least and greatest", (0.0, 1.0), (min(found), max(found)), INSIDE)
        late = told("minmax", [unseen], statistics={"min": [low], "max": [high]})[0]
        proof.near(f"{unseen:g}, met later", (unseen - low) / (high - low), late, 1e-12, OUTSIDE)
        proof.fails("it lies in [0, 1]", 0 <= late <= 1, f"{late:g}", OUTSIDE)
    constant = norm("minmax", [3.0, 3.0]).document()
    proof.equal("divisor of a constant feature", [0.0], constant["divisor"], OUTSIDE)


@claim(
    "feature-scaling-conditioning",
    title="Features of one scale make descent fast",
    chinese="特征缩放",
    terms=("特征归一化", "条件数", "同一尺度"),
    tier=2,
    sources=[("004", "feature scaling")],
    statement="""The Hessian of least squares is X.T X/n. With features of scales 1 and 1000 its
        largest and least eigenvalue are about a million apart, and descent crawls along the
        flat one; with z-scores they are nearly alike.""",
    statement_chinese="""最小二乘的 Hessian 为 X.T X/n。特征尺度为 1 与 1000 时，
        其最大与最小特征值相差约百万倍，梯度下降在平坦方向上几乎不动；z-score 之后两者相近。""",
    verdict=HOLDS,
    formula="max(eigenvalues)/min(eigenvalues)",
    commands=["dlcalc step --function 'x^2 + 1000000*y^2' --start 1,1 --lr 0.0000005 --steps 100"],
)
def feature_scaling_conditioning(proof: Proof) -> None:
    import numpy as np

    x = proof.random().normal(size=(200, 2)) * [1, 1000]
    scale = proof.subject("the scaling", "zscore", "")
    columns = [told("zscore", c) if scale else c for c in x.T.tolist()]
    for name, data, low, high in (
        ("as they are", x, 1e5, 1e8),
        ("as z-scores", np.array(columns).T, 1, 2),
    ):
        data = data - data.mean(axis=0)
        hessian = data.T @ data / 200
        trace, determinant = float(np.trace(hessian)), float(np.linalg.det(hessian))
        root = sqrt(trace**2 - 4 * determinant)
        large = (trace + root) / 2
        condition = large**2 / determinant
        proof.near(
            f"{name}: the quadratic over NumPy's condition number",
            1,
            condition / float(np.linalg.cond(hessian)),
            1e-6,
        )
        proof.at_least(f"{name}: condition number", low, condition)
        proof.at_most(f"{name}: condition number", high, condition)
        w = np.ones(2)
        for _ in range(50):
            w = w - hessian @ w / large
        left = float(abs(w).max())
        if low > 1:
            proof.at_least(f"{name}: error left after 50 steps", 0.9, left)
        else:
            proof.at_most(f"{name}: error left after 50 steps", 1e-3, left)
