"""Gradient descent in practice: rates, batches and epochs, losses compared, late noise."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from dlcalc.answers.split import split
from dlcalc.answers.step import step
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof
from dlcalc.concepts.themes.descent import descended, falls


def path(rate: float, steps: int, function: str = "x^2/2") -> list[float]:
    """The last point after 0, 1, ... steps from 1, one descent for each."""
    return [1.0] + [
        descended(function, [1.0], rate, n).walk.visits[-1].at[0] for n in range(1, steps)
    ]


@claim(
    "learning-rate-too-large-or-small",
    title="Learning rate: too small crawls, too large overshoots",
    chinese="学习速率",
    terms=("学习率", "学习率过大", "学习率过小", "震荡"),
    sources=[("003", "learning rate"), ("000", "hyper-parameters")],
    statement="""Each step multiplies the distance to the minimum by 1 - rate*L. A small rate takes
        many steps, above 1/L each step jumps over the minimum, and from 2/L on it never
        arrives: to a thousandth with L = 1 it takes 688 steps at 0.01, 66 at 0.1, 10 at 0.5.""",
    statement_chinese="""每步使到极小点的距离乘以 1-αL：α 太小走得慢，大于 1/L 每步越过极小点，
        从 2/L 起不再收敛。L=1 时缩小到千分之一，α=0.01、0.1、0.5 分别要 688、66、10 步。""",
    verdict=HOLDS,
    formula="ceil(log(0.001)/log(abs(1 - rate*L)))",
    commands=[
        "dlcalc step --function 'x^2/2' --start 1 --lr 0.1 --steps 100",
        "dlcalc step --function 'x^2/2' --start 1 --lr 2.1 --steps 20",
    ],
)
def learning_rate_too_large_or_small(proof: Proof) -> None:
    curvature = proof.subject("the curvature", 1.0, 2.0)
    text = f"{curvature}*x^2/2"
    for rate, count in ((0.01, 688), (0.1, 66), (0.5, 10), (1.5, 10)):
        walk = descended(text, [1.0], rate, 700, tolerance=0.001).walk
        exact = math.ceil(math.log(0.001) / math.log(abs(1 - rate)))
        proof.equal(f"steps at rate {rate}, by logarithms", count, exact)
        proof.equal(f"steps at rate {rate}", count, walk.arrived)
    signs = [x > 0 for x in path(1.5, 5)]
    proof.equal("sides at rate 1.5", [True, False, True, False, True], signs)
    proof.equal("sides at rate 0.5", [True] * 5, [x > 0 for x in path(0.5, 5)])
    for rate in (2.0, 2.1):
        proof.equal(f"arrival at rate {rate}", None, descended(text, [1.0], rate, 200).walk.arrived)


@claim(
    "step-length-is-lr-times-gradient",
    title="The step is the learning rate times the gradient",
    chinese="学习速率定义移动的距离",
    terms=("步长", "移动的距离"),
    sources=[("003", "learning rate")],
    tier=2,
    statement="""The notes call the learning rate the distance moved, and write the step once
        as x - dh and once with alpha. The distance is alpha*|dh|: with alpha fixed, steps
        shrink as the gradient does.""",
    statement_chinese="""原文称学习率为移动的距离，更新式有时写 x-dh、有时带 α。
        距离是 α·|dh|：α 不变时，步长随梯度变小而变小。""",
    verdict=CONDITIONS,
    conditions="""The step is written x - alpha*dh. The distance is alpha itself only where the
        gradient has length 1.""",
    formula="alpha*abs(gradient)",
    commands=["dlcalc step --function 'x^2/2' --start 1 --lr 0.1 --steps 5"],
)
def step_length_is_lr_times_gradient(proof: Proof) -> None:
    points = path(0.1, 6)
    for before, after in pairwise(points):
        proof.near(f"distance from {before:.4g}", 0.1 * before, before - after, 1e-12, INSIDE)
    at = proof.subject("a point where the gradient is not 1", 3.0, 1.0)
    (after,) = step(weights=[at], grad=[at], lr=0.1).value  # type: ignore[misc]
    moved = at - after
    proof.fails(f"the distance from {at:g} is alpha", abs(moved - 0.1) < 1e-9, moved, OUTSIDE)
    bare = at - (at - at)
    proof.fails("x - dh is the same step", abs(bare - after) < 1e-9, bare - after, OUTSIDE)


@claim(
    "gd-compares-losses",
    title="The gradient, not a comparison of losses, says where to go",
    chinese="比较损失函数增大还是缩小",
    terms=("反向传播过程", "损失比较"),
    sources=[("004", "back-propagation process")],
    tier=2,
    statement="""Printed: the loss is computed again and compared to decide the direction. Direction
        and length come from the gradient alone: the loss and the loss + 1000 make the same path,
        and at a rate above 2/L the loss grows at each step and nothing turns round. Comparing
        belongs to line search, schedules and early stopping.""",
    statement_chinese="""原文说重新计算损失并比较大小来决定方向。方向与步长只由梯度决定：
        损失加 1000 轨迹不变；学习率大于 2/L 时损失步步增大也无人纠正。
        比较损失属于线搜索、学习率调度与早停。""",
    verdict=ERRATUM,
    formula="x - rate*x",
    commands=["dlcalc step --function 'x^2/2' --start 1 --lr 2.01 --steps 20"],
)
def gd_compares_losses(proof: Proof) -> None:
    rate = proof.subject("a rate above 2/L", 2.01, 0.1)
    values = descended("x^2/2", [1.0], rate, 100).walk.values
    turned = not falls(values[::-1])
    proof.fails(f"a growing loss is put right at rate {rate}", turned, values[-1], PRINTED)
    for each in (0.1, 1.9):
        same = path(each, 8) == path(each, 8, "x^2/2 + 1000")
        proof.holds(f"loss and loss + 1000 make one path at {each}", same, part=RIGHT)
        near = abs(path(each, 8)[-1] - (1 - each) ** 7)
        proof.near("its end, from the gradient alone", 0, near, 1e-12, RIGHT)


@claim(
    "minibatch-gradient-unbiased",
    title="The batches' gradients average to the whole gradient",
    chinese="分批 Batch",
    terms=("小批量", "mini-batch", "批梯度"),
    sources=[("003", "batches and epochs")],
    statement="""Of examples dealt at random into equal batches the mean of the batches' gradients
        is the gradient of all; batches of different size must be weighted by their sizes.""",
    statement_chinese="""样本随机分成等大的批次时，各批梯度的平均就是全体的梯度；批次不等大时须按大小加权。""",
    verdict=HOLDS,
    formula="sum(gradients)/len(gradients)",
    commands=["dlcalc split 64 --batch 8", "dlcalc grad 'mse(w*x + b, t)' --wrt w,b"],
)
def minibatch_gradient_unbiased(proof: Proof) -> None:
    import numpy

    from dlcalc.answers.forward import forward

    random = proof.random()
    x, t = random.normal(size=(64, 3)), random.normal(size=(64, 1))
    folds = split(64, kfold=8, seed=proof.seed).rounds[0]
    uneven = proof.subject("equal batches", False, True)
    batches = [list(fold) for fold in folds]
    if uneven:
        batches = [batches[0] + batches[1], *batches[2:]]
    weight = numpy.array([[0.5, -1.0, 2.0]])

    def gradient(chosen: list[int]) -> Any:
        rows = x[chosen]
        given = {"dense1.weight": weight.tolist()}
        made = forward(rows.tolist(), "dense:1,bias=no", batch=True, set=given).value
        return 2 * (numpy.reshape(made, (-1, 1)) - t[chosen]).T @ rows / len(rows)

    mean = numpy.mean([gradient(batch) for batch in batches], axis=0)
    # The gradient of all, by differences of the loss.
    for place in range(3):
        unit = 1e-5 * numpy.eye(3)[place]
        losses = [float(((x @ (weight + s * unit).T - t) ** 2).mean()) for s in (1, -1)]
        full = (losses[0] - losses[1]) / 2e-5
        proof.near(f"mean of 8 gradients of w{place}", full, float(mean[0, place]), 1e-7)


@claim(
    "epoch-counts-batches",
    title="An epoch takes every batch once",
    chinese="周期 Epoch",
    terms=("epoch", "迭代次数", "iteration", "batch size"),
    sources=[("003", "batches and epochs"), ("004", "bootstrap")],
    tier=2,
    statement="""An epoch goes through every example once, in N/B iterations for batches of B. If
        B does not divide N it is rounded up and the last batch is smaller: 1000 examples in
        batches of 64 are 16 iterations, the last of 40.""",
    statement_chinese="""一个 epoch 把所有样本过一遍，批大小为 B 时为 N/B 次迭代。
        B 不整除 N 时向上取整、末批较小：1000 个样本、每批 64 个为 16 次，末批 40 个。""",
    verdict=CONDITIONS,
    conditions="""B divides N. Else it is N/B rounded up, or rounded down where the last batch is
        dropped.""",
    formula="ceil(1000/64) == 16",
    commands=["dlcalc split 1000 --batch 64", "dlcalc split 1000 --batch 64 --drop-last"],
)
def epoch_counts_batches(proof: Proof) -> None:
    for n, size in ((1000, 50), (640, 64)):
        proof.equal(f"iterations of {n} by {size}", n // size, split(n, batch=size).value, INSIDE)
    size = proof.subject("a batch that does not divide 1000", 64, 50)
    sizes = [len(range(1000)[first : first + size]) for first in range(0, 1000, size)]
    counted = split(1000, batch=size).value
    proof.equal("iterations, by slicing", len(sizes), counted, OUTSIDE)
    proof.fails(f"1000/{size} is their number", 1000 / size == counted, counted, OUTSIDE)
    proof.fails("all batches are equal", len(set(sizes)) == 1, sizes[-1], OUTSIDE)
    dropped = split(1000, batch=size, drop_last=True).value
    proof.equal("without the last", sum(each == size for each in sizes), dropped, OUTSIDE)


@claim(
    "constant-lr-oscillates-adagrad-settles",
    title="Under noise a fixed rate never settles; Adagrad does",
    chinese="训练后期反复震荡 / Adagrad",
    terms=("Adagrad", "自适应学习率", "学习率衰减", "震荡"),
    sources=[("004", "training tips"), ("000", "hyper-parameters")],
    statement="""With noisy gradients or a kink a constant rate bounces around the optimum to the
        end: on x**2/2 with unit noise E x**2 stays at a/(2 - a). Adagrad's steps shrink like
        1/sqrt(t), and it settles. Smooth and without noise a constant rate settles as well.""",
    statement_chinese="""梯度有噪声或目标有尖点时，固定学习率到最后仍在最优点附近来回：
        x²/2 加单位噪声时 E x² 停在 a/(2-a)；Adagrad 的步长约按 1/√t 缩小，因而稳定下来。
        光滑且无噪声时，固定学习率也会收敛。""",
    verdict=CONDITIONS,
    conditions="""The gradient is noisy or jumps, as that of |x|. On a smooth function without noise
        a constant rate below 2/L settles too.""",
    formula="a/(2 - a)",
    commands=[
        "dlcalc step --function 'abs(x)' --start 0.13 --lr 0.1 --steps 20",
        "dlcalc step --weights 1 --grad 1 --optimizer adagrad --lr 1 --steps 100",
    ],
)
def constant_lr_oscillates_adagrad_settles(proof: Proof) -> None:
    import numpy

    from dlcalc.engine.optimisers.adagrad import Adagrad

    random = proof.random()
    for rate in (0.5, 0.1):
        # 4,000 walkers, until what they start with is forgotten: (1 - rate)**200.
        x = numpy.ones(4000)
        for _ in range(200):
            x -= rate * (x + random.normal(size=4000))
        exact = rate / (2 - rate)
        proof.near(f"late E x**2 at rate {rate}", exact, float((x**2).mean()), 0.12 * exact, INSIDE)
    x = numpy.ones(4000)
    adagrad = Adagrad(x)
    for _ in range(1500):
        adagrad.step(x + random.normal(size=4000), 0.5)
    proof.at_most("late E x**2 by Adagrad(0.5)", 0.05, float((x**2).mean()), INSIDE)
    kinked = [descended("abs(x)", [0.13], 0.1, n).walk.visits[-1].at[0] for n in (98, 99, 100)]
    proof.near("|x| at rate 0.1: two steps later", kinked[0], kinked[2], 1e-9, INSIDE)
    proof.near("and between", 0.1, abs(kinked[0] - kinked[1]), 1e-9, INSIDE)
    function = proof.subject("a smooth function", "x^2/2", "abs(x)")
    end = descended(function, [0.13], 0.1, 300).walk.visits[-1].at[0]
    proof.fails("it bounces without noise", abs(end) > 1e-6, end, OUTSIDE)
