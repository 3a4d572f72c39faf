"""More data: what it helps against, and whom it helps longest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.measure import mean
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof

if TYPE_CHECKING:
    from numpy.random import Generator

#: Inputs and classes.
Drawn = tuple[Any, Any]
#: Draws so many of them.
Task = Callable[["Generator", int], Drawn]


@claim(
    "data-augmentation-reduces-overfitting",
    title="More data, or noise on the data, against over-fitting",
    chinese="增加数据",
    terms=("数据增强", "data augmentation", "增加数据 过拟合", "输入加噪声"),
    tier=2,
    sources=[("000", "problems")],
    statement="""Five times the examples make an over-fitted net both more accurate (by 8 in 100
        here) and less sure of its errors. Fresh noise on the inputs at each step lowers the test
        loss too, though not the error rate: altered copies are no substitute for new data.""",
    statement_chinese="""样本增至五倍，过拟合网络的测试准确率上升（此处约 8 个百分点），
        测试损失下降。每步给输入加上新的噪声，测试损失也下降，准确率却不变：
        改动旧样本代替不了新样本。""",
    verdict=HOLDS,
    commands=[
        "dlcalc train-toy noisy-labels --samples 80 dense:64 relu dense:2",
        "dlcalc train-toy noisy-labels --samples 400 dense:64 relu dense:2",
    ],
    trained=True,
)
def data_augmentation_reduces_overfitting(proof: Proof) -> None:
    from dlcalc.engine.experiments.trials import trials

    net = "dense:64 relu dense:2"
    count = proof.subject("the larger number of examples", 400, 80)
    spread = proof.subject("the noise on the inputs", 0.3, 0.0)
    better, lower, noisy, righter = [], [], [], []
    for each in trials(proof.seed, 14, 400):
        few = each.fewer(80)
        plain, more = few.fit(net, 250), each.fewer(count).fit(net, 250)
        jittered = few.learner(net)
        for _ in range(250):
            jittered.inputs = few.inputs + spread * each.generator.normal(size=few.inputs.shape)
            jittered.fit(1)
        better.append(each.accuracy(more) - each.accuracy(plain))
        lower.append(each.loss(more) - each.loss(plain))
        noisy.append(each.loss(jittered) - each.loss(plain))
        righter.append(each.accuracy(jittered) - each.accuracy(plain))
    proof.at_least("accuracy of 400 examples less 80", 0.02, mean(better), values=better)
    proof.at_most("test loss of 400 less 80", -0.4, mean(lower), values=lower)
    proof.at_most("test loss of 80 with noise less without", -0.2, mean(noisy), values=noisy)
    proof.at_most("accuracy that the noise gains", 0.04, mean(righter), values=righter)


@claim(
    "underfitting-more-data",
    title="More data does not cure under-fitting",
    chinese="欠拟合: 增强数据",
    terms=("欠拟合", "underfitting", "模型容量不足", "增加模型复杂度"),
    sources=[("000", "problems")],
    statement="""Printed: under-fitting is cured by more data. A line fitted to x**2 on (-1, 1) errs
        by 4/45 = 0.0889 however many examples there are. What helps is capacity: with x**2 as a
        second feature the error is 0 from three examples on.""",
    statement_chinese="""原文把增加数据列为欠拟合的对策。用直线拟合 (-1, 1) 上的 x²，
        样本再多，误差也不低于 4/45=0.0889。应当提高模型容量：
        把 x² 作为第二个特征，三个样本起误差即为 0。""",
    verdict=ERRATUM,
    formula="1/5 - (1/3)**2 == 4/45",
    commands=[
        "dlcalc train-toy sine dense:1 --samples 100",
        "dlcalc train-toy sine dense:1 --samples 5000",
    ],
)
def underfitting_more_data(proof: Proof) -> None:
    powers = proof.subject("the features that under-fit", 1, 2)
    for count in (20, 1000, 10_000):
        error = squares_fitted(proof, powers, count)
        least = 4 / 45 - 1e-12
        proof.fails(f"{count} examples bring a line below 4/45", error < least, error, PRINTED)
    ratio = error / (4 / 45)
    proof.near("a line's error from 10,000 examples, 4/45 = 1", 1, ratio, 0.02, RIGHT)
    for count in (3, 20):
        error = squares_fitted(proof, 2, count)
        proof.at_most(f"the error with x**2 as well, {count} examples", 1e-12, error, RIGHT)


def squares_fitted(proof: Proof, powers: int, count: int) -> float:
    """The mean squared error on (-1, 1) of the best fit to so many points of x**2.

    It is solved for in one piece and put into a dense layer, whose gradient must then be 0.
    """
    import numpy

    from dlcalc.engine.experiments.learner import Learner

    x = proof.random(count).uniform(-1, 1, count)
    features = numpy.stack([x**power for power in range(1, powers + 1)], axis=1)
    learner = Learner("dense:1", features, (x**2)[:, None])
    columns = numpy.column_stack([features, numpy.ones(count)])
    learner.program.parameters[...] = numpy.linalg.lstsq(columns, x**2, rcond=None)[0]
    if abs(learner.gradient()).max() > 1e-9:
        raise AssertionError("the engine goes on from the least-squares solution")
    # Gauss and Legendre's points integrate the square of a parabola exactly.
    points, weights = numpy.polynomial.legendre.leggauss(5)
    grid = numpy.stack([points**power for power in range(1, powers + 1)], axis=1)
    return float(weights @ (learner.outputs(grid)[:, 0] - points**2) ** 2 / 2)


@claim(
    "data-scale-ceilings",
    title="More data helps a large net longer than a simple model",
    chinese="数据量与性能天花板",
    terms=("数据规模", "大数据 深度学习", "性能瓶颈"),
    tier=2,
    sources=[("001", "introduction")],
    statement="""On two arms of a spiral a linear classifier is as good from 100 examples as from
        1000, for no line can do better; two layers of 64 go on to nearly 100 %. Where a line is
        the truth there is no higher ceiling: the large net needs more data to come as far.""",
    statement_chinese="""双螺旋数据上，线性分类器用 100 个样本就和用 1000 个一样好，
        直线只能做到这样；两层 64 个单元的网络则一直升到近 100%。
        若真实边界就是直线，大网络的上限并不更高，反而要更多数据才能赶上。""",
    verdict=CONDITIONS,
    conditions="""What there is to learn is beyond the simple model. Where that model is right, it
        reaches the ceiling first.""",
    commands=["dlcalc train-toy spirals", "dlcalc train-toy spirals dense:2"],
    trained=True,
)
def data_scale_ceilings(proof: Proof) -> None:
    from functools import partial

    from dlcalc.engine.experiments.data import spiral

    turned: Task = partial(spiral, turns=0.7, noise=0.05)
    task = proof.subject("arms beyond a line", turned, linear)
    simple, large = growth(proof, task)
    gain = [late - early for early, late in simple]
    proof.at_most("linear, 1000 examples less 100", 0.03, mean(gain), INSIDE, gain)
    ahead = [net[1] - line[1] for line, net in zip(simple, large, strict=True)]
    proof.at_least("large less linear at 1000", 0.05, mean(ahead), INSIDE, ahead)
    simple, large = growth(proof, linear)
    early, late = (
        [net[i] - line[i] for line, net in zip(simple, large, strict=True)] for i in (0, 1)
    )
    proof.at_most("a linear truth: large less linear at 100", 0, mean(early), OUTSIDE, early)
    higher = mean(late)
    proof.fails("the large net is ahead by 0.02 at 1000", higher >= 0.02, higher, OUTSIDE)


def linear(random: Generator, count: int) -> Drawn:
    """Points of the plane whose class follows a line, with the noise of a logistic model."""
    x = random.normal(size=(count, 2))
    y = x[:, 0] + 0.5 * x[:, 1] + 0.5 * random.logistic(size=count) > 0
    return x, y.astype(int)


def growth(proof: Proof, draw: Task) -> list[list[tuple[float, float]]]:
    """Test accuracies of a linear and of a large net from 100 and from 1000 examples."""
    from dlcalc.engine.experiments.trials import trials

    nets = ("dense:2", "dense:64 tanh dense:64 tanh dense:2")
    found: list[list[tuple[float, float]]] = [[] for _ in nets]
    for each in trials(proof.seed, 6, 1000, draw=draw, test=draw):
        # A spiral comes arm by arm: the first 100 are to be of both.
        order = each.generator.permutation(1000)
        shuffled = each._replace(inputs=each.inputs[order], targets=each.targets[order])
        for scores, net in zip(found, nets, strict=True):
            fitted = [shuffled.fewer(n).fit(net, 250, batch=100) for n in (100, 1000)]
            few, many = map(each.accuracy, fitted)
            scores.append((few, many))
    return found


@claim(
    "generative-needs-more-data",
    title="Whether a generative model needs more data depends on its parameters",
    chinese="生成模型需要数据量大",
    terms=("生成模型 判别模型 数据量", "朴素贝叶斯 逻辑回归", "naive Bayes", "generative"),
    sources=[("004", "generative and discriminative models")],
    statement="""A generative model needs much data if it has much to estimate: normal classes with
        a covariance each, 460 numbers for 20 features, lose to logistic regression at 100
        examples. Naive Bayes has 60, and wins at 50 if the features really are independent. If
        they are not, no amount of data mends it.""",
    statement_chinese="""要估计的参数多，生成模型才需要大量数据：20 个特征、
        两类各有完整协方差的高斯模型共 460 个参数，100 个样本时不如逻辑回归。
        朴素贝叶斯只有 60 个，若特征确实独立，50 个样本就胜过逻辑回归；
        若特征相关，数据再多也补不回来。""",
    verdict=CONDITIONS,
    conditions="""The generative model has many parameters, or a density without a form. With few
        and a right form it needs less data than the discriminative model.""",
    formula="2*(d + d*(d + 1)//2)",
    commands=["dlcalc train-toy blobs:2 dense:2"],
    trained=True,
)
def generative_needs_more_data(proof: Proof) -> None:
    full = proof.subject("the covariances of the classes", "full", "diagonal")
    early, late = contest(proof, full, 100, 0.0, 12), contest(proof, full, 2000, 0.0, 4)
    name = "accuracy of full covariances less logistic regression"
    proof.at_most(f"{name}, 100 examples", -0.05, mean(early), INSIDE, early)
    proof.near("the same at 2000", 0, mean(late), 0.03, OUTSIDE)
    frugal = contest(proof, "diagonal", 50, 0.0, 24)
    proof.at_least(
        "naive Bayes less logistic regression at 50", 0.01, mean(frugal), OUTSIDE, frugal
    )
    wrong = contest(proof, "diagonal", 2000, 1.0, 5)
    proof.at_most("the same of dependent features at 2000", -0.05, mean(wrong), OUTSIDE, wrong)


def contest(proof: Proof, covariance: str, count: int, shared: float, repeats: int) -> list[float]:
    """Accuracies of normal classes less those of logistic regression, from so many examples.

    The classes have a full covariance each, or variances of the features in common (naive
    Bayes). Twenty features shift with the class; with a ``shared`` part, the deviation of
    what is added to all of them, only every other one does.
    """
    import numpy

    from dlcalc.engine.experiments.trials import trials

    shifts = numpy.where(numpy.arange(20) % 2, 0.5, 0.0 if shared else 0.5)

    def draw(random: Generator, size: int) -> Drawn:
        y = random.integers(0, 2, size)
        common = shared * random.normal(size=(size, 1))
        return random.normal(size=(size, 20)) + common + numpy.outer(y - 0.5, shifts), y

    found = []
    for each in trials(proof.seed, repeats, count, draw=draw, test=draw):
        classes = [each.inputs[each.targets == kind] for kind in (0, 1)]
        centred = numpy.concatenate([own - own.mean(axis=0) for own in classes])
        scores = []
        for own in classes:
            pooled = numpy.diag((centred**2).mean(axis=0))
            spread = numpy.cov(own.T) if covariance == "full" else pooled
            away = each.test_inputs - own.mean(axis=0)
            distance = (away @ numpy.linalg.inv(spread) * away).sum(axis=1)
            scores.append(numpy.log(len(own)) - (distance + numpy.linalg.slogdet(spread)[1]) / 2)
        right = float(((scores[1] > scores[0]) == each.test_targets).mean())
        found.append(right - each.accuracy(each.fit("dense:2", 250, rate=0.05)))
    return found
