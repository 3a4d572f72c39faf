"""Softmax and losses: their formulas, their gradients, what they estimate, where they overflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import exp, inf, isnan, log, nan

from dlcalc.answers.loss import loss
from dlcalc.answers.softmax import softmax
from dlcalc.concepts.claim import ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import difference, number, partial_difference
from dlcalc.concepts.proof import RIGHT, Proof


def shares(logits: Sequence[float]) -> list[float]:
    """Softmax by its definition; nan where exp has no number."""
    try:
        powers = [exp(z) for z in logits]
    except OverflowError:
        return [nan for _ in logits]
    return [power / sum(powers) for power in powers]


def share_of(i: int, logits: Sequence[float]) -> float:
    """One of the probabilities."""
    return shares(logits)[i]


def told(logits: Sequence[float], method: str | None = None, epsilon: float = 1e-8) -> list[float]:
    """The probabilities of dlcalc softmax, exact ones or by one method in float64."""
    text = ",".join(map(repr, logits))
    found = softmax(text, method=method, epsilon=epsilon).value
    return [float(p) for p in found]  # type: ignore[attr-defined]


def apart(first: Sequence[float], second: Sequence[float]) -> float:
    """The largest difference of two vectors."""
    return max(abs(x - y) for x, y in zip(first, second, strict=True))


@claim(
    "softmax-sums-to-one",
    title="Softmax makes probabilities",
    chinese="softmax 层",
    terms=("softmax 公式", "归一化指数函数", "概率和为 1"),
    sources=[("000", "softmax layer"), ("001", "softmax"), ("004", "softmax")],
    statement="""exp(z_j) over the sum of all exp(z_k) is positive and sums to 1. With two classes
        it is the sigmoid of the difference of the logits; the derivative of p_i by z_j is
        p_i*(1 - p_i) for i = j, and -p_i*p_j otherwise.""",
    statement_chinese="""exp(z_j) 除以所有 exp(z_k) 之和，各项为正，总和为 1。
        两类时即 logit 之差的 sigmoid；
        p_i 对 z_j 的导数在 i = j 时为 p_i(1 - p_i)，否则为 -p_i p_j。""",
    verdict=HOLDS,
    contradicts=["softmax-index-typo"],
    formula="exp(z[j])/sum(exp(z[k]) for k in range(len(z)))",
    commands=["dlcalc softmax 1,2,3 --jacobian --verify"],
)
def softmax_sums_to_one(proof: Proof) -> None:
    from dlcalc.engine.softmax import engine_softmax

    divide = proof.subject("the division by the sum", True, False)
    own = proof.subject("the one in p*(1 - p)", 1.0, 0.0)
    random = proof.random()
    for size in (2, 3, 7):
        z = [float(x) for x in random.normal(0, 3, size)]
        p = told(z) if divide else [exp(x) for x in z]
        proof.near(f"sum of {size} probabilities", 1, sum(p), 1e-12)
        proof.holds("all are positive", min(p) > 0)
        proof.near("off the definition", 0, apart(p, shares(z)), 1e-12)
        proof.near("off the engine", 0, apart(p, engine_softmax(tuple(z), 1.0)[0].tolist()), 1e-12)
    z = [float(x) for x in random.normal(0, 2, 3)]
    p = shares(z)
    for i in range(3):
        for j in range(3):
            slope = partial_difference(partial(share_of, i), z, j)
            closed = p[i] * ((own if i == j else 0) - p[j])
            proof.near(f"dp[{i}]/dz[{j}]", closed, slope, 1e-8)
    two = told([1.5, -0.7])[0]
    proof.near("two classes: sigmoid of the difference", 1 / (1 + exp(-2.2)), two, 1e-12)


@claim(
    "softmax-index-typo",
    title="The exponents of softmax are logits, not their numbers",
    chinese="softmax 公式 e^i",
    terms=("e^i / sum e^j",),
    tier=2,
    sources=[("004", "softmax optimisation")],
    statement="""Printed: e^i over the sum of e^j, with indices for exponents. That is the same for
        all inputs, (0.090, 0.245, 0.665) for three classes; the exponents are the logits,
        e^(z_i), and equal logits make 1/3 each.""",
    statement_chinese="""原文写成 e^i / sum e^j，把下标当成了指数，于是对任何输入都得到
        (0.090, 0.245, 0.665)。指数应是 logit：e^(z_i)；三个相等的 logit 各得 1/3。""",
    verdict=ERRATUM,
    contradicts=["softmax-sums-to-one"],
    formula="exp(z[i])/sum(exp(z[j]) for j in range(len(z)))",
    commands=["dlcalc softmax 0,0,0", "dlcalc softmax 1,2,3"],
)
def softmax_index_typo(proof: Proof) -> None:
    for z in ([0.0, 0.0, 0.0], [3.0, 1.0, -2.0]):
        printed = shares(proof.subject("the exponents of the text", [1.0, 2.0, 3.0], z))
        true = told(z)
        quantity = f"e^i over the sum of e^j is the softmax of {z}"
        proof.fails(quantity, apart(printed, true) < 1e-9, f"off by {apart(printed, true):.3f}")
        proof.near(f"e^(z_i) for {z}, off by", 0, apart(shares(z), true), 1e-12, RIGHT)


@claim(
    "softmax-shift-overflow",
    title="Subtracting the largest logit prevents overflow",
    chinese="减去 xmax 防止上溢",
    terms=("softmax 上溢", "减去最大值", "数值稳定"),
    sources=[("004", "softmax optimisation")],
    statement="""A constant added to all logits cancels, so the largest may be subtracted: the
        result is the same, and no exponent is above 0. Without that, exp overflows above
        709.78 in float64 and above 88.72 in float32.""",
    statement_chinese="""所有 logit 加同一常数不改变结果，故可先减去最大值：
        结果不变，指数不超过 0，不会上溢。
        否则 float64 中超过 709.78、float32 中超过 88.72 时 exp 就上溢。""",
    verdict=HOLDS,
    formula="exp(z[i] - max(z))/sum(exp(x - max(z)) for x in z)",
    commands=["dlcalc softmax 1000,1001,1002", "dlcalc softmax 1,2,3 --find"],
)
def softmax_shift_overflow(proof: Proof) -> None:
    share = proof.subject("how much of the largest is subtracted", 1.0, 0.0)
    for z in ([1.0, 2.0, 3.0], [1000.0, 1001.0, 1002.0], [710.0, 0.0]):
        shifted = shares([x - share * max(z) for x in z])
        proof.near(f"shifted {z} off dlcalc's exact value", 0, apart(shifted, told(z)), 1e-12)
    for constant in (-50.0, 0.5, 300.0):
        moved = shares([x + constant for x in (1.0, 2.0, 3.0)])
        proof.near(f"{constant} added changes it by", 0, apart(moved, shares([1, 2, 3])), 1e-12)
    naive = told([1000.0, 1001.0, 1002.0], "naive")
    proof.holds("unshifted it is nan", all(isnan(p) for p in naive))
    for logit, fine in ((709.78, True), (709.79, False)):
        proof.equal(f"{logit} passes unshifted", fine, not isnan(told([logit, 0.0], "naive")[0]))
    for logit, fine in ((88.72, True), (88.73, False)):
        found = softmax(f"{logit},0", dtype="float32", method="naive").value
        proof.equal(f"{logit} passes in float32", fine, not isnan(found[0]))  # type: ignore[index]


@claim(
    "softmax-underflow-epsilon",
    title="A small constant below does not cure underflow",
    chinese="防止下溢加小常数",
    terms=("softmax 下溢", "分母加小常数", "logsumexp"),
    sources=[("004", "softmax optimisation")],
    statement="""Printed: a small constant in the denominator prevents underflow. It turns 0/0 into
        0, so the probabilities of (-1000, -1001) sum to 0. With the largest logit
        subtracted the denominator is at least 1, and they are 0.731 and 0.269.""",
    statement_chinese="""原文建议在分母上加一个小常数以防下溢。那只是把 0/0 变成 0，
        (-1000, -1001) 的概率之和成了 0。减去最大 logit 后分母至少为 1，得 0.731 与 0.269。""",
    verdict=ERRATUM,
    formula="exp(z[i] - max(z))/sum(exp(x - max(z)) for x in z)",
    commands=[
        "dlcalc softmax -1000,-1001",
        "dlcalc softmax 0,-1000 --target 1",
    ],
)
def softmax_underflow_epsilon(proof: Proof) -> None:
    advised = proof.subject("the advice of the text", "epsilon", "shifted")
    for z, epsilon in (([-1000.0, -1001.0], 1e-8), ([0.0, 0.0], 1e-3)):
        total = sum(told(z, advised, epsilon))
        proof.differs(f"{z} with {epsilon:g} below: the sum", 1, total, 1e-6)
        shifted = told(z, "shifted")
        proof.near(f"{z} shifted: the sum", 1, sum(shifted), 1e-12, RIGHT)
        closed = 1 / (1 + exp(z[1] - z[0]))
        proof.near("its first, by the sigmoid", closed, shifted[0], 1e-12, RIGHT)
    least = min(sum(exp(x - max(z)) for x in z) for z in ([-1000, -1001], [0, 0], [5, -800]))
    proof.at_least("the least denominator if shifted", 1, least, RIGHT)
    logs = told([0.0, -1000.0], "log-softmax")
    proof.near("log of the second of (0, -1000)", -1000, logs[1], 1e-9, RIGHT)


@claim(
    "mse-missing-square",
    title="The squared error has a square",
    chinese="均方误差公式",
    terms=("MSE", "1/2 sum(y - y')", "平方误差"),
    sources=[("003", "cost function")],
    statement="""Printed: L = 1/2*sum(y - y'). Without the square errors cancel, and the loss has no
        least value; it is 1/2*sum((y - y')^2), divided by n for the mean. For y = (1, 0)
        and y' = (0, 1) the first gives 0, the second 1.""",
    statement_chinese="""原文写 L = 1/2 sum(y - y')。缺了平方，误差正负相消，且损失没有下界；
        应为 1/2 sum((y - y')^2)，再除以 n 才是均值。
        y = (1,0)、y' = (0,1) 时前者得 0，后者得 1。""",
    verdict=ERRATUM,
    contradicts=["chain-rule-output-weights"],
    formula="sum((y - x)**2 for y, x in zip(target, prediction))/2",
    commands=["dlcalc loss mse --half --target 1,0 --prediction 0,1 --reduction sum"],
)
def mse_missing_square(proof: Proof) -> None:
    power = proof.subject("the power in the text", 1, 2)

    def printed(y: Sequence[float], x: Sequence[float]) -> float:
        return sum((a - b) ** power for a, b in zip(y, x, strict=True)) / 2

    def half(y: Sequence[float], x: Sequence[float]) -> float:
        return sum((a - b) ** 2 for a, b in zip(y, x, strict=True)) / 2

    y, x = [1.0, 0.0], [0.0, 1.0]
    proof.fails("two wrong answers cost more than 0", printed(y, x) > 0, f"{printed(y, x):g}")
    low = printed([0.0], [1e6])
    proof.fails("it is never below 0", low >= 0, f"{low:g}")
    right = loss("mse", target=y, prediction=x, half=True, reduction="sum")
    proof.near("with the square", 1, number(right.value), 1e-12, RIGHT)
    by = right.document()["gradient"]
    for i in (0, 1):
        slope = partial_difference(partial(half, y), x, i)
        proof.near(f"its slope by y'[{i}], x - y", by[i], slope, 1e-8, RIGHT)  # type: ignore[index]


@claim(
    "binary-cross-entropy-minimum",
    title="Binary cross-entropy is least at the target",
    chinese="交叉熵",
    terms=("二元交叉熵", "交叉熵损失", "BCE"),
    sources=[("003", "cost function")],
    statement="""-(y*log(p) + (1 - y)*log(1 - p)) is least where p = y. Its derivative by p is
        (p - y)/(p*(1 - p)), and by the logit z of p = sigmoid(z) simply p - y.""",
    statement_chinese="""-(y ln p + (1 - y) ln(1 - p)) 在 p = y 处最小。
        对 p 的导数为 (p - y)/(p(1 - p))，
        对 p = sigmoid(z) 的 logit z 的导数就是 p - y。""",
    verdict=HOLDS,
    formula="-(y*log(p) + (1 - y)*log(1 - p))",
    commands=["dlcalc loss bce --target 0.3 --prediction 0.6 --verify"],
)
def binary_cross_entropy_minimum(proof: Proof) -> None:
    both = proof.subject("the term of the zeros", 1, 0)

    def cost(y: float, p: float) -> float:
        return -(y * log(p) + both * (1 - y) * log(1 - p))

    def through(y: float, z: float) -> float:
        return cost(y, 1 / (1 + exp(-z)))

    grid = [i / 1000 for i in range(1, 1000)]
    for y in (0.2, 0.5, 0.9):
        proof.near(f"least for y = {y:g} at", y, min(grid, key=partial(cost, y)))
    for y, p in ((1.0, 0.3), (0.0, 0.8), (0.4, 0.7)):
        found = loss("bce", target=[y], prediction=[p]).document()
        proof.near(f"dlcalc's loss at y {y:g}, p {p:g}", cost(y, p), number(found["value"]), 1e-12)
        slope = difference(partial(cost, y), p)
        proof.near("dL/dp", (p - y) / (p * (1 - p)), slope, 1e-6)
        z = log(p / (1 - p))
        slope = difference(partial(through, y), z)
        proof.near("dL/dz = p - y", p - y, slope, 1e-8)
        by_logit = loss("bce", from_logits=True, target=[y], prediction=[z]).document()["gradient"]
        proof.near("the same of dlcalc", p - y, by_logit[0], 1e-12)  # type: ignore[index]


@claim(
    "softmax-ce-gradient",
    title="Cross-entropy after softmax has the gradient p - y",
    chinese="交叉熵与 softmax 求导",
    terms=("p - y", "softmax 交叉熵梯度"),
    sources=[("004", "cross-entropy and squared error")],
    statement="""Through softmax, cross-entropy reaches the logits as p - y, if the targets sum to
        1. It does not vanish while the answer is wrong: a confident error gives almost 1.""",
    statement_chinese="""交叉熵经 softmax 传到 logit 的梯度就是 p - y（目标之和为 1）。
        只要答案是错的，它就不会消失：越自信地答错，其大小越接近 1。""",
    verdict=HOLDS,
    formula="p - y",
    commands=["dlcalc softmax 1,2,3 --target 0", "dlcalc grad 'log(1 + exp(w*x)) - y*w*x' --wrt w"],
)
def softmax_ce_gradient(proof: Proof) -> None:
    def cost(y: Sequence[float], z: Sequence[float]) -> float:
        return -sum(t * log(p) for t, p in zip(y, shares(z), strict=True))

    y = proof.subject("targets that sum to 1", [0.2, 0.5, 0.3], [0.2, 0.5, 0.5])
    z = [1.0, -0.5, 2.0]
    p = told(z)
    for i in range(3):
        slope = partial_difference(partial(cost, y), z, i)
        proof.near(f"dL/dz[{i}] = p - y", p[i] - y[i], slope, 1e-8)
    engine = loss("ce", from_logits=True, target=[1], prediction=[z]).document()["gradient"]
    hot = [p[0], p[1] - 1, p[2]]
    proof.near("dlcalc's gradient off p - y", 0, apart(hot, engine[0]), 1e-12)  # type: ignore[index]
    wrong = softmax("20,0,0", target=1).gradient[1]
    proof.near("at a confident error", -1, float(wrong), 1e-8)


@claim(
    "mse-sigmoid-slow-learning",
    title="Squared error behind a sigmoid learns slowly when it is wrong",
    chinese="均方误差梯度变小",
    terms=("均方误差 sigmoid 学习慢", "交叉熵与均方误差"),
    sources=[("004", "cross-entropy and squared error")],
    statement="""The squared error reaches a logit with the slope p*(1 - p) of the sigmoid as a
        factor, which cross-entropy cancels. At z = 6 with target 0 that is 405 times less,
        and descent at rate 0.15 needs 2829 steps to p < 0.5 instead of 47.""",
    statement_chinese="""均方误差的梯度多一个因子 p(1 - p)，交叉熵恰好把它消去。
        目标为 0、z = 6 时相差 405 倍；
        以 0.15 的学习率降到 p < 0.5，前者要 2829 步，后者只要 47 步。""",
    verdict=HOLDS,
    formula="(p - y)*p*(1 - p)",
    commands=[
        "dlcalc loss mse --half --target 0 --prediction 6 --through sigmoid",
        "dlcalc loss bce --from-logits --target 0 --prediction 6",
    ],
)
def mse_sigmoid_slow_learning(proof: Proof) -> None:
    factor = proof.subject("the slope of the sigmoid", True, False)

    def sigmoid(z: float) -> float:
        return 1 / (1 + exp(-z))

    def squared(z: float) -> float:
        p = sigmoid(z)
        return p * (p * (1 - p) if factor else 1)

    for z in (-2.0, 1.0, 6.0):
        slope = difference(lambda x: sigmoid(x) ** 2 / 2, z)
        proof.near(f"squared error's slope at z = {z:g}", squared(z), slope, 1e-9)
        told = loss("mse", target=[0], prediction=[z], half=True, through="sigmoid").value
        proof.near("the same of dlcalc", squared(z), number(told), 1e-12)
    by = loss("bce", from_logits=True, target=[0], prediction=[6]).document()["gradient"]
    proof.near("cross-entropy's over it at z = 6", 405.4, by[0] / squared(6), 4)  # type: ignore[index]

    def steps(slope: Callable[[float], float]) -> int:
        z, count = 6.0, 0
        while sigmoid(z) >= 0.5:
            z, count = z - 0.15 * slope(z), count + 1
        return count

    proof.equal("steps of cross-entropy to p < 0.5", 47, steps(sigmoid))
    proof.equal("steps of the squared error", 2829, steps(squared))


@claim(
    "loss-zoo-minimisers",
    title="Losses estimate the mean, the median and quantiles",
    chinese="均方误差 / 平均绝对误差 / 分位数损失",
    terms=("MAE", "分位数损失", "中位数 离群点"),
    tier=2,
    sources=[("001", "loss functions")],
    statement="""The constant with the least squared error is the mean, with the least absolute
        error a median, with the least quantile loss that quantile. One outlier moves the mean as
        far as you like, and the median hardly.""",
    statement_chinese="""使平方误差最小的常数是均值，绝对误差对应中位数，分位数损失对应该分位数。
        一个离群点能把均值拉到任意远处，中位数却几乎不动。""",
    verdict=HOLDS,
    formula="(q - (t < x))*(t - x)",
    commands=[
        "dlcalc loss mse --target 1,2,3,4,10",
        "dlcalc loss mae --target 1,2,3,4,10",
        "dlcalc loss quantile --q 0.9 --target 1,2,3,4,10",
    ],
)
def loss_zoo_minimisers(proof: Proof) -> None:
    values = sorted(round(float(x), 2) for x in proof.random().exponential(1, 101))
    grid = [i / 200 for i in range(int(values[-1] * 200) + 2)]
    share = proof.subject("the share of the quantile", 0.9, 0.5)
    kinds: list[tuple[str, float, Callable[[float, float], float]]] = [
        ("mse", sum(values) / 101, lambda t, x: (t - x) ** 2),
        ("mae", values[50], lambda t, x: abs(t - x)),
        ("quantile", values[90], lambda t, x: (share - (t < x)) * (t - x)),
    ]
    for name, expected, term in kinds:
        sums = [sum(term(t, x) for t in values) for x in grid]
        best = grid[sums.index(min(sums))]
        proof.near(f"{name}: the grid's best constant", expected, best, 0.0051)
        q = 0.9 if name == "quantile" else None
        told = loss(name, target=values, q=q).value
        proof.near(f"{name}: dlcalc's", expected, number(told), 1e-9)
    spoilt = [*values[1:], 1e4]
    before, after = (number(loss("mse", target=t).value) for t in (values, spoilt))
    proof.at_least("an outlier of 1e4 moves the mean by", 50, after - before)
    middle = number(loss("mae", target=spoilt).value)
    proof.at_most("and the median by", 0.2, abs(middle - values[50]))


@claim(
    "contrastive-loss",
    title="Contrastive loss pulls pairs together or pushes them to a margin",
    chinese="对比损失",
    terms=("contrastive loss", "孪生网络"),
    tier=2,
    sources=[("001", "loss functions")],
    statement="""Of a distance d, y*d^2 + (1 - y)*max(0, m - d)^2 pulls a pair that belongs together
        (y = 1) to 0, and pushes another (y = 0) to the margin m; beyond it nothing acts.""",
    statement_chinese="""对距离 d，y d^2 + (1 - y) max(0, m - d)^2 把同类对 (y = 1) 拉向 0，
        把异类对 (y = 0) 推到间隔 m；超过间隔后不再有作用。""",
    verdict=HOLDS,
    formula="y*d**2 + (1 - y)*max(0, m - d)**2",
    commands=["dlcalc loss contrastive --target 1,0,0 --prediction 0.4,0.4,1.5 --reduction none"],
)
def contrastive_loss(proof: Proof) -> None:
    least = proof.subject("the margin's stop at 0", 0.0, -inf)

    def cost(y: float, d: float) -> float:
        return y * d**2 + (1 - y) * max(least, 1 - d) ** 2

    for y, d in ((1, 0.4), (0, 0.4), (0, 1.5), (1, 1.5)):
        found = loss("contrastive", target=[y], prediction=[d]).document()
        pair = "equal" if y else "unequal"
        proof.near(f"{pair} pair at {d:g}", cost(y, d), number(found["value"]), 1e-12)
        slope = difference(partial(cost, y), d)
        proof.near("its slope", found["gradient"][0], slope, 1e-8)  # type: ignore[index]
