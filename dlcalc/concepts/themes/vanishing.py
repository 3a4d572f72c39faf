"""Gradients that vanish in depth: where, why, and which of the cures work."""

from __future__ import annotations

from itertools import pairwise
from math import erf, exp, pi, sqrt
from typing import TYPE_CHECKING, Any

from dlcalc.answers.activation import activation
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import number, passed
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof

if TYPE_CHECKING:
    from dlcalc.engine.experiments.deep import Stack

#: Seeds in an experiment, and layers and units of its nets unless told otherwise.
SEEDS, DEPTH, WIDTH = 10, 20, 64


def stack(block: str, **settings: Any) -> Stack:
    """A stack of 20 dense layers of 64 units, each with this behind it."""
    from dlcalc.engine.experiments.deep import Stack

    return Stack(block, **{"depth": DEPTH, "width": WIDTH, **settings})


def gradients(proof: Proof, deep: Stack, **settings: Any) -> list[list[float]]:
    """For each seed the gradient norm of each layer's weights, the first layer's first."""
    return [deep.run(proof.random(seed), **settings).gradients().tolist() for seed in range(SEEDS)]


def ratios(proof: Proof, block: str, depth: int = DEPTH, **settings: Any) -> list[float]:
    """For each seed the first layer's gradient over the last one's."""
    found = gradients(proof, stack(block, depth=depth), **settings)
    return [norms[0] / norms[-1] for norms in found]


def mean(values: list[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def chain(name: str, weight: float, bias: float, at: float, layers: int = DEPTH) -> float:
    """The gradient that passes so many layers of one unit each, in the engine."""
    tensors: dict[str, object] = {}
    for layer in range(1, layers + 1):
        tensors |= {f"dense{layer}.weight": [[weight]], f"dense{layer}.bias": [bias]}
    return float(passed(f"1 {layers}*[dense:1 {name}]", [at], tensors)[0])


def mean_slope(deep: Stack, name: str, layer: int) -> float:
    """The mean slope of an activation in a layer, counted from 1, on the stack's last run."""
    points = deep.into(layer - 1).ravel()
    return float(passed(f"{points.size} {name}", points).mean())  # type: ignore[arg-type]


@claim(
    "sigmoid-depth-vanishing",
    title="Through many sigmoid layers the gradient vanishes",
    chinese="梯度消失",
    terms=("vanishing gradient", "sigmoid 深层网络", "梯度弥散"),
    sources=[("000", "vanishing gradient"), ("001", "back-propagation"), ("004", "training tips")],
    statement="""A sigmoid passes on at most a quarter of a gradient, so twenty of them leave
        0.25**20 = 9e-13 at best, weights aside. With ordinary weights the first of 20 layers gets
        some 2e-12 of what the last gets: it hardly learns.""",
    statement_chinese="""每个 sigmoid 至多传回梯度的四分之一，20 层在权值之外最多剩
        0.25^20 = 9e-13。
        用通常的初始权值，20 层网络的第一层只得到末层约 2e-12 的梯度，几乎学不动。""",
    verdict=HOLDS,
    contradicts=["vanishing-hits-last-layers"],
    formula="0.25**layers",
    commands=[
        "dlcalc activation sigmoid --depth 20",
        "dlcalc train-toy moons '20*[dense:16 sigmoid]' dense:2 --epochs 20",
    ],
)
def sigmoid_depth_vanishing(proof: Proof) -> None:
    name = proof.subject("the activation", "sigmoid", "tanh")
    for depth, bound in ((2, 1.0), (5, 0.1), (10, 1e-4), (20, 1e-9), (30, 1e-15)):
        found = ratios(proof, name, depth)
        proof.at_most(f"|g_1|/|g_{depth}|", bound, mean(found), values=found)
    told = number(activation(name, depth=DEPTH, of="left").value)
    proof.near("the most that 20 slopes leave, over 0.25**20", 1, told / 0.25**20, 1e-9)
    # At 0 the sigmoid is steepest, and a bias of -1/2 leads 1/2 back to 0.
    exact = chain(name, 1.0, -0.5, 0.5)
    proof.near("a chain of 20 units at their steepest, over 0.25**20", 1, exact / 0.25**20, 1e-9)


@claim(
    "vanishing-derivative-below-one",
    title="Slopes below 1 make gradients vanish, unless weights outweigh them",
    chinese="激活函数导数绝对值小于 1 则梯度消失",
    terms=("导数小于 1", "梯度消失的原因", "导数绝对值小于 1"),
    sources=[("001", "back-propagation"), ("000", "vanishing gradient")],
    statement="""Each layer multiplies a gradient by the slope of its activation and by its
        weights; it vanishes where the product stays below 1. The slope alone does not decide:
        a chain of sigmoids with weight 8 doubles the gradient at each layer, though no slope is
        above 1/4.""",
    statement_chinese="""每层把梯度乘以激活函数的导数，再乘以权值；乘积保持小于 1 时梯度才消失。
        只看导数不够：权值为 8 的一串 sigmoid 每层可使梯度加倍，虽然导数从不超过 1/4。""",
    verdict=CONDITIONS,
    conditions="""The product of weight and slope is below 1 in size. With weights 32 times the
        usual ones the gradient of a sigmoid net grows on its way back.""",
    formula="(weight*slope)**layers",
    commands=[
        "dlcalc activation sigmoid --of largest",
        "dlcalc forward 0.5 '4*[dense:1 sigmoid]' --set dense1.weight=8 --set dense1.bias=-4 --set"
        " dense2.weight=8 --set dense2.bias=-4 --set dense3.weight=8 --set dense3.bias=-4 --set"
        " dense4.weight=8 --set dense4.bias=-4 --backward sum",
    ],
)
def vanishing_derivative_below_one(proof: Proof) -> None:
    large = proof.subject("the large weight", 8.0, 3.0)
    usual = ratios(proof, "sigmoid")
    proof.at_most("|g_1|/|g_20|, usual weights", 1e-9, mean(usual), INSIDE, usual)
    for weight, part in ((1.0, INSIDE), (2.0, INSIDE), (large, OUTSIDE)):
        # Every unit stands at its steepest: the bias leads 1/2 back to 0.
        found = chain("sigmoid", weight, -weight / 2, 0.5)
        exact = (weight / 4) ** DEPTH
        proof.near(f"20 units, weight {weight:g}, over (w/4)**20", 1, found / exact, 1e-9, part)
        if part == INSIDE:
            proof.at_most("gradient left", 1e-5, found, part)
        else:
            proof.fails("the gradient vanishes", found < 1, found, part)
    grown = ratios(proof, "sigmoid", scale=4 * large)
    proof.at_least(f"|g_1|/|g_20|, {4 * large:g} times", 10, mean(grown), OUTSIDE, grown)


@claim(
    "relu-mitigates-vanishing",
    title="ReLU keeps a gradient alive in depth, with the right weights",
    chinese="使用 ReLU 缓解梯度消失",
    terms=("relu 梯度消失", "He 初始化", "使用 ReLU 作为激活函数"),
    sources=[
        ("000", "vanishing gradient"),
        ("001", "activation functions"),
        ("004", "ReLU"),
    ],
    statement="""An active ReLU has slope 1, and with He's weights the first of 20 layers gets about
        as much gradient as the last. Weights half as large shrink it by 0.5**19, and units that are
        all silent pass nothing. tanh with weights of deviation 1/sqrt(n) does as well here.""",
    statement_chinese="""激活的 ReLU 斜率为 1，配合 He 初始化，20 层网络的首层与末层梯度相当。
        权值减半则首层梯度缩小 0.5^19，单元全部静默则一点也传不过去。
        用 1/sqrt(n) 初始化的 tanh 在此同样可行。""",
    verdict=CONDITIONS,
    conditions="""The weights keep the variance, as He's do, and units are active. Smaller weights
        or silent units make the gradient vanish all the same.""",
    formula="sqrt(2/fan_in)",
    commands=[
        "dlcalc activation --compare sigmoid,relu",
        "dlcalc train-toy moons '20*[dense:16 relu]' dense:2 --epochs 20",
    ],
)
def relu_mitigates_vanishing(proof: Proof) -> None:
    name = proof.subject("the activation", "relu", "sigmoid")
    kept = ratios(proof, name, how="he_normal")
    proof.at_least("|g_1|/|g_20|, ReLU", 0.01, mean(kept), INSIDE, kept)
    lost = ratios(proof, "sigmoid")
    proof.at_most("|g_1|/|g_20|, sigmoid", 1e-9, mean(lost), INSIDE, lost)
    same = ratios(proof, "tanh")
    proof.at_least("|g_1|/|g_20|, tanh", 0.1, mean(same), INSIDE, same)
    deep = stack(name)
    norms = [
        deep.run(proof.random(), how="he_normal", scale=scale).gradients()[0] for scale in (1, 0.5)
    ]
    # Without biases such a net is homogeneous: each of the 19 other layers halves the gradient.
    shrunk = float(norms[1] / norms[0])
    proof.near("|g_1|, half the weights, over 0.5**19", 1, shrunk / 0.5**19, 1e-9, OUTSIDE)
    silent = deep.run(proof.random(), how="he_normal", bias=-100.0).gradients()
    proof.equal("largest gradient with silent units", 0.0, float(silent.max()), OUTSIDE)


@claim(
    "augmentation-cures-vanishing",
    title="Noise on the data does nothing against vanishing gradients",
    chinese="人工增加数据量 (叠加噪声)",
    terms=("数据增强 梯度消失", "叠加噪声", "样本扩充"),
    sources=[("000", "vanishing gradient")],
    statement="""Printed among the cures for vanishing gradients: more data, made by adding noise.
        The gradient that arrives at the first of 20 sigmoid layers stays as small. What noise
        does is to regularise: least squares on noisy copies shrinks the weights as an L2 penalty
        of n*deviation**2 would.""",
    statement_chinese="""原文把叠加噪声、扩充数据列为梯度消失的对策。20 层 sigmoid 网络的
        首层梯度依然那么小，没有改观。噪声的作用是正则化：在带噪副本上做最小二乘，
        相当于加系数为 n·σ² 的 L2 惩罚。""",
    verdict=ERRATUM,
    formula="X.T @ X + n*deviation**2*I",
    commands=[
        "dlcalc activation sigmoid --depth 20",
        "dlcalc train-toy moons '20*[dense:16 sigmoid]' dense:2 --epochs 20 --noise 0.3",
    ],
)
def augmentation_cures_vanishing(proof: Proof) -> None:
    import numpy as np

    noise, cured = proof.subject("what is done about it", (0.3, "sigmoid"), (0.0, "tanh"))
    without = ratios(proof, "sigmoid")
    found = ratios(proof, cured, noise=noise)
    large = mean(found) > 1e-6
    proof.fails("noise of 0.3 brings |g_1|/|g_20| above 1e-6", large, mean(found), PRINTED)
    times = [a / b for a, b in zip(found, without, strict=True)]
    proof.at_most("|g_1|/|g_20| with noise over that without", 2, mean(times), RIGHT, times)
    proof.at_least("and no less than", 0.5, mean(times), RIGHT, times)
    count, copies, w = 200, 500, np.array([1.0, -2.0, 0.5])
    x = proof.random().normal(size=(count, 3))
    many = np.tile(x, (copies, 1)) + 0.5 * proof.random(1).normal(size=(count * copies, 3))
    fitted = np.linalg.solve(many.T @ many, many.T @ np.tile(x @ w, copies))
    ridge = np.linalg.solve(x.T @ x + count * 0.5**2 * np.eye(3), x.T @ x @ w)
    proof.near(
        "weights by noisy copies, off those by L2", 0, float(abs(fitted - ridge).max()), 0.05, RIGHT
    )
    shrunk = float(np.linalg.norm(fitted) / np.linalg.norm(w))
    proof.at_most("their length over that without noise", 0.95, shrunk, RIGHT)


@claim(
    "init-cures-vanishing",
    title="Careful random weights carry a gradient through tanh, not through sigmoid",
    chinese="随机正交矩阵, 高斯截断正态分布",
    terms=("正交初始化", "截断正态分布", "权值初始化 梯度消失"),
    sources=[("000", "vanishing gradient")],
    statement="""Orthogonal matrices keep lengths, so through 20 linear layers the gradient arrives
        whole, and through tanh nearly so, for tanh has slope 1 at 0. The sigmoid's 1/4 makes it
        vanish all the same. A normal distribution cut off at 2 deviations has a deviation of 0.88
        only: scale for it.""",
    statement_chinese="""正交矩阵保持长度：梯度可完整穿过 20 个线性层，穿过 tanh 也几乎不变，
        因为 tanh 在 0 处斜率为 1。sigmoid 斜率至多 1/4，照样消失。
        截断在 2σ 的正态分布标准差只有 0.88σ，需要相应放大。""",
    verdict=CONDITIONS,
    conditions="""The activation has slope 1 about 0, as tanh has, or ReLU where it is active with
        He's gain. Through sigmoids no usual weights help.""",
    formula="sqrt(1 - 4*exp(-2)/sqrt(2*pi)/erf(sqrt(2)))",
    commands=[
        "dlcalc train-toy moons '20*[dense:16 tanh]' dense:2 --epochs 20 --initialiser orthogonal",
        "dlcalc activation --compare sigmoid,tanh",
    ],
)
def init_cures_vanishing(proof: Proof) -> None:
    import numpy as np

    from dlcalc.engine.experiments.learner import read
    from dlcalc.engine.initialisers import initialise
    from dlcalc.engine.program import Program

    how = proof.subject("the weights", "orthogonal", "normal")
    for ratio in ratios(proof, "identity", how=how)[:3]:
        proof.near("|g_1|/|g_20|, linear layers", 1, ratio, 1e-9, INSIDE)
    found = ratios(proof, "tanh", how=how)
    proof.at_least("|g_1|/|g_20|, tanh", 0.5, mean(found), INSIDE, found)
    proof.at_most("and no more than", 2, mean(found), INSIDE, found)
    program = Program(read("dense:300"), (300,), backwards=False)
    initialise(program, proof.random(), "truncated_normal", scale=1.0)
    drawn = program.tensors["dense1.weight"].value
    # The variance of N(0, 1) within 2 of 0.
    exact = sqrt(1 - 4 * exp(-2) / sqrt(2 * pi) / erf(sqrt(2)))
    proof.near("deviation when cut off at 2", exact, float(drawn.std()), 0.01, INSIDE)
    proof.at_most("the largest of 90000 drawn", 2, float(np.abs(drawn).max()), INSIDE)
    lost = ratios(proof, "sigmoid", how=how)
    proof.at_most("|g_1|/|g_20|, sigmoid", 1e-9, mean(lost), OUTSIDE, lost)


@claim(
    "bn-prevents-vanishing",
    title="Batch normalisation in every layer keeps gradients from vanishing",
    chinese="批标准化避免梯度消失",
    terms=("BN 梯度消失", "批归一化 防止梯度消失"),
    sources=[("002", "batch normalisation"), ("004", "batch normalisation")],
    statement="""With batch normalisation in front of each sigmoid the first of 20 layers gets as
        much gradient as the last. That it pulls units out of saturation is true of large weights
        only: with usual ones none is saturated, but examples have come to look alike to 1e-12,
        and dividing by that small deviation brings the gradient back.""",
    statement_chinese="""每个 sigmoid 之前都做批归一化，20 层网络的首层与末层梯度相当。
        “拉出饱和区”只在权值很大时成立：权值正常时并未饱和，
        而是各样本的差别已缩到 1e-12，除以这个很小的标准差才使梯度恢复。""",
    verdict=CONDITIONS,
    conditions="""Every layer is normalised. Before the last layer alone it comes too late: epsilon
        outweighs the variance that is left. The way out of saturation needs large weights.""",
    formula="gamma*(x - mean)/sqrt(var + eps) + beta",
    commands=[
        "dlcalc train-toy moons '20*[dense:16 bn sigmoid]' dense:2 --epochs 20",
        "dlcalc norm batch 0.6,0.600000000001,0.599999999999",
    ],
)
def bn_prevents_vanishing(proof: Proof) -> None:
    every = proof.subject("the block", "bn sigmoid", "sigmoid")
    kept = ratios(proof, every)
    proof.at_least("|g_1|/|g_20|, normalised", 0.1, mean(kept), INSIDE, kept)
    lost = ratios(proof, "sigmoid")
    proof.at_most("|g_1|/|g_20|, plain", 1e-9, mean(lost), INSIDE, lost)
    plain, normed = stack("sigmoid"), stack(every)
    whole = [norms[0] for norms in gradients(proof, normed)]
    proof.at_least("|g_1|, every layer normalised", 10, mean(whole), INSIDE, whole)
    for scale, part in ((16.0, INSIDE), (1.0, OUTSIDE)):
        slopes = [
            mean_slope(deep.run(proof.random(), scale=scale), "sigmoid", DEPTH)
            for deep in (plain, normed)
        ]
        shown = f"{slopes[0]:.3f} to {slopes[1]:.3f}"
        steeper = slopes[1] > 2 * slopes[0]
        name = f"units were saturated, weights {scale:g} times the usual"
        if part == INSIDE:
            proof.holds(name, steeper, f"slope {shown}", part)
        else:
            proof.fails(name, steeper, f"slope {shown}", part)
    apart = float(plain.deviations()[-1])
    proof.at_most("how far examples are apart in layer 20, plain", 1e-9, apart, OUTSIDE)
    last = [norms[0] for norms in gradients(proof, stack("sigmoid", end="bn sigmoid"))]
    proof.at_most("|g_1|, only the last layer normalised", 1e-5, mean(last), OUTSIDE, last)


@claim(
    "saturation-drift-with-depth",
    title="Units drift into saturation with depth only where weights are large",
    chinese="分布逐渐往取值区间上下限靠近",
    terms=("激活值饱和", "内部协变量偏移", "往两端靠近"),
    tier=2,
    sources=[("004", "batch normalisation")],
    statement="""That inputs of deeper layers move to the flat ends of the sigmoid takes large
        weights: at 16 times the usual ones small inputs grow layer by layer, until slopes are at
        0.04. At the usual size all examples drift together instead, to one constant where the
        slope stays above 0.2.""",
    statement_chinese="""“越深越靠近两端饱和区”需要很大的权值：为通常的 16 倍时，
        很小的输入逐层变大，斜率降到 0.04。权值正常时相反，各样本趋于同一个常数，
        斜率仍在 0.2 以上。""",
    verdict=CONDITIONS,
    conditions="""The weights are large or grow in training. With usual ones a deep sigmoid net is
        not saturated, and its gradient vanishes by slopes of 1/4.""",
    formula="f*(1 - f)",
    commands=["dlcalc activation sigmoid --at 0,0.5,3,10 --of derivative"],
)
def saturation_drift_with_depth(proof: Proof) -> None:
    large = proof.subject("the large scale", 16.0, 1.0)
    deep = stack("sigmoid")
    for part, scale, size in ((INSIDE, large, 0.01), (OUTSIDE, 1.0, 1.0)):
        first, last, apart = [], [], []
        for seed in range(SEEDS):
            deep.run(proof.random(seed), scale=scale, size=size)
            first.append(mean_slope(deep, "sigmoid", 1))
            last.append(mean_slope(deep, "sigmoid", DEPTH))
            apart.append(float(deep.deviations()[-1]))
        told = f"weights {scale:g} times the usual"
        if part == INSIDE:
            proof.at_least(f"slope in layer 1, {told}", 0.2, mean(first), part, first)
            proof.at_most(f"slope in layer 20, {told}", 0.06, mean(last), part, last)
            proof.at_least("how far examples are apart there", 1, mean(apart), part, apart)
        else:
            proof.at_least(f"slope in layer 20, {told}", 0.2, mean(last), part, last)
            proof.at_most("how far examples are apart there", 1e-9, mean(apart), part, apart)


@claim(
    "vanishing-hits-last-layers",
    title="It is the first layers whose gradients vanish, not the last",
    chinese="最后几层梯度越来越小",
    terms=("前面几层", "梯度消失 哪几层", "靠近输入的层"),
    sources=[("004", "batch normalisation")],
    statement="""Printed: in back-propagation the gradients of the last layers become ever smaller.
        A gradient starts at the loss and shrinks on its way to the input, so the first layers
        have the smallest: in a sigmoid net they fall at each of 20 layers. Only layers reached
        last, on the way back, are meant rightly.""",
    statement_chinese="""原文说反向传播时最后几层的梯度越来越小。梯度从损失出发，
        向输入方向逐层缩小，最小的是最前面几层：20 层 sigmoid 网络逐层递减。
        除非“最后”指反向传播最后到达的层。""",
    verdict=ERRATUM,
    contradicts=["sigmoid-depth-vanishing"],
    formula="slope*(weights.T @ gradient)",
    commands=["dlcalc forward 0.5 '4*[dense:1 sigmoid]' --backward sum --seed 1"],
)
def vanishing_hits_last_layers(proof: Proof) -> None:
    order = proof.subject("the layers, the first in front", 1, -1)
    found = [norms[::order] for norms in gradients(proof, stack("sigmoid"))]
    smallest = [norms.index(min(norms)) + 1 for norms in found]
    proof.fails("a last layer has the smallest gradient", max(smallest) > 10, max(smallest))
    means = [mean(list(norms)) for norms in zip(*found, strict=True)]
    least = min(b / a for a, b in pairwise(means))
    proof.at_least("a layer's mean gradient over that before it, least", 1, least, RIGHT)
    first = [norms[0] / norms[-1] for norms in found]
    proof.at_most("|g_1|/|g_20|", 1e-9, mean(first), RIGHT, first)
    # One unit a layer: its weight's gradient is the chain of slopes behind it, times its input.
    for layers in (1, 3, 6):
        left = chain("sigmoid", 1.0, -0.5, 0.5, layers)
        proof.near(f"what {layers} layers pass back", 0.25**layers, left, 1e-12, RIGHT)
