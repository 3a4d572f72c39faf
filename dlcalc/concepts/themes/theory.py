"""Learning theory: hypothesis spaces, Occam's razor, no free lunch, Bayes."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Table = tuple[int, ...]
#: The inputs of Boolean functions of two and of three variables.
PAIRS, TRIPLES = tuple(product((0, 1), repeat=2)), tuple(product((0, 1), repeat=3))


@claim(
    "mitchell-learning-definition",
    title="Learning: performance at a task improves with experience",
    chinese="机器学习定义 (T,P,E)",
    terms=("任务 T", "性能 P", "经验 E", "机器学习的定义"),
    sources=[("004", "machine learning")],
    tier=2,
    statement="""A program learns if its performance P at a task T improves with experience E. A
        classifier by the nearer class mean gets better with every ten times more examples,
        towards the accuracy that the overlap of the classes allows.""",
    statement_chinese="""若程序在任务 T 上的性能 P 随经验 E 提高，就称它在学习。
        按最近类均值分类的模型，样本每多十倍准确率就提高，并趋于类别重叠所允许的上限。""",
    verdict=HOLDS,
    commands=["dlcalc split 1000 --holdout 7:3"],
)
def mitchell_learning_definition(proof: Proof) -> None:
    counts = proof.subject("experience grows", (4, 40, 400), (400, 40, 4))
    found = [_accuracies(proof, count) for count in counts]
    means = [math.fsum(each) / len(each) for each in found]
    for (few, many), (low, high) in zip(pairwise(counts), pairwise(means), strict=True):
        proof.at_least(f"gain from {few} to {many} examples", 0.01, high - low)
    proof.near("accuracy beside the best there is", _normal(1.0), means[-1], 0.01)


def _accuracies(proof: Proof, count: int) -> list[float]:
    """Exact accuracies of 200 mean classifiers of classes at (1, 0, ...) and (-1, 0, ...)."""
    import numpy

    random = proof.random(count)
    centre = numpy.eye(20)[0]
    half = count // 2
    means = random.normal(size=(200, 2, 20)) / math.sqrt(half)
    w = (means[:, 0] + centre) - (means[:, 1] - centre)
    middle = (means[:, 0] + means[:, 1]) / 2
    bias = -(w * middle).sum(1)
    norm = numpy.linalg.norm(w, axis=1)
    sides = zip((w[:, 0] + bias) / norm, (w[:, 0] - bias) / norm, strict=True)
    return [(_normal(float(a)) + _normal(float(b))) / 2 for a, b in sides]


def _normal(x: float) -> float:
    """The normal distribution function."""
    return math.erfc(-x / math.sqrt(2)) / 2


@claim(
    "iid-train-test",
    title="Training carries over if the test is drawn alike",
    chinese="独立同分布",
    terms=("i.i.d.", "分布偏移", "训练集与测试集"),
    sources=[("004", "training and test sets")],
    statement="""Performance in training carries over because training and test examples are
        independent and identically distributed. Independence alone is not enough: with the
        classes exchanged the test examples are as independent, and the accuracy falls below a
        half.""",
    statement_chinese="""训练表现能推广到测试，靠的是样本独立同分布。
        只独立还不够：若测试时两类互换，样本同样独立，准确率却跌到一半以下。""",
    verdict=CONDITIONS,
    conditions="Training and test examples have the same distribution, not only independence.",
    commands=["dlcalc split 1000 --holdout 7:3"],
)
def iid_train_test(proof: Proof) -> None:
    import numpy

    random = proof.random()
    centre = 0.5 * numpy.eye(5)[0]

    def drawn(sign: float) -> tuple[Any, Any]:
        labels = random.integers(2, size=4000)
        at = random.normal(size=(4000, 5)) + sign * numpy.where(labels[:, None], centre, -centre)
        return at, labels

    (x, y), alike = drawn(1.0), drawn(1.0)
    shifted = drawn(proof.subject("the sign of the other distribution", -1.0, 1.0))
    w = x[y == 1].mean(0) - x[y == 0].mean(0)
    middle = (x[y == 1].mean(0) + x[y == 0].mean(0)) @ w / 2

    def accuracy(at: Any, labels: Any) -> float:
        return float(((at @ w > middle) == labels).mean())

    train, test, other = accuracy(x, y), accuracy(*alike), accuracy(*shifted)
    # Classes at +-0.5 overlap: the best accuracy is that of the normal distribution at 0.5.
    best = math.erfc(-0.5 / math.sqrt(2)) / 2
    proof.near("accuracy in training", best, train, 0.04, INSIDE)
    proof.near("test less training, same distribution", 0, test - train, 0.05, INSIDE)
    proof.fails("above a half, classes exchanged", other > 0.5, other, OUTSIDE)
    proof.near("and as far below it", 1 - best, other, 0.04, OUTSIDE)


@claim(
    "generalisation-error-is-test-error",
    title="The test error only estimates the generalisation error",
    chinese="泛化误差",
    terms=("测试集误差", "期望误差", "选择偏差"),
    sources=[("004", "generalisation")],
    tier=2,
    statement="""The generalisation error is the expected error on new examples; the error on a
        test set estimates it as long as nothing was chosen by that set. Of 50 coin tossers
        the best on 100 test examples seems right 61 % of the time.""",
    statement_chinese="""泛化误差是对新样本的期望误差，测试集误差只是它的估计，且前提是未用测试集做选择：
        50 个瞎猜的分类器在 100 个测试样本上，最好的看似有 61% 的准确率。""",
    verdict=CONDITIONS,
    conditions="The test set is large, and no model was chosen by it.",
    commands=["dlcalc split 1000 --holdout 8:1:1"],
)
def generalisation_error_is_test_error(proof: Proof) -> None:
    chosen = proof.subject("how many models the test set chooses from", 50, 1)
    scores = proof.random().binomial(100, 0.5, size=(4000, chosen)) / 100
    proof.near("mean accuracy of one coin tosser", 0.5, float(scores[:, 0].mean()), 0.004, INSIDE)
    best = float(scores.max(1).mean())
    proof.fails("that of the best of 50 is 0.5 within 0.05", abs(best - 0.5) < 0.05, best, OUTSIDE)
    # P(best <= k) = P(one <= k)**50 exactly.
    below, exact = 0.0, 0.0
    for k in range(101):
        below += math.comb(100, k) / 2**100
        exact += 1 - min(below, 1.0) ** 50
    proof.near("and as the binomial says", exact / 100, best, 0.004, OUTSIDE)


@claim(
    "hypothesis-space-count",
    title="The hypothesis space is a set, not a number",
    chinese="假设空间",
    terms=("函数总数", "hypothesis space"),
    sources=[("004", "hypothesis space")],
    tier=2,
    statement="""Printed: the hypothesis space is the total number of functions. It is the set of
        them: two spaces of 14 Boolean functions may differ in whether XOR can be learnt. A
        threshold neuron with two inputs computes 14 of the 16, all but XOR and its negation.""",
    statement_chinese="""原文说假设空间是函数的总数。它是这些函数的集合：
        同为 14 个布尔函数的两个空间，一个含异或、一个不含。
        两输入的阈值神经元能表示 16 个中的 14 个，唯缺异或与同或。""",
    verdict=ERRATUM,
    formula="16 - 2 == 14",
    commands=["dlcalc forward 1,0 dense:1 --set dense1.weight=1,1 --set dense1.bias=-1.5"],
)
def hypothesis_space_count(proof: Proof) -> None:
    thresholds = {
        tuple([int(a * x + b * y + c > 0) for x, y in PAIRS])
        for a, b, c in product((-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (-1.5, -0.5, 0.5, 1.5))
    }
    xor = proof.subject("a function out of reach", (0, 1, 1, 0), (0, 1, 1, 1))
    other = {xor, *sorted(thresholds)[1:]}
    proof.equal("functions of a threshold neuron", 14, len(thresholds), RIGHT)
    # The weighted inputs of 00 and 11 have the same sum as those of 01 and 10: a line
    # cannot have one pair above and the other below.
    apart = {f for f in product((0, 1), repeat=4) if not (f[0] == f[3] != f[1] == f[2])}
    proof.holds("they are all but the two parities", apart == thresholds, part=RIGHT)
    same = (xor in thresholds) == (xor in other)
    sizes = f"sizes {len(thresholds)} and {len(other)}"
    proof.fails(f"the number says whether {xor} is learnable", same, f"not so: {sizes}", PRINTED)


@claim(
    "occam-razor",
    title="Of hypotheses that fit alike, take the simplest",
    chinese="奥卡姆剃刀",
    terms=("最简单的假设",),
    sources=[("004", "Occam's razor")],
    statement="""If several hypotheses fit the data, choose the simplest. It pays where the truth
        is simple: of two exact fits to points on a line the line is right between them, and a
        polynomial of degree 10 through the same points is not.""",
    statement_chinese="""若多个假设都与数据一致，选最简单的。前提是真相简单：
        数据在直线上时，直线处处正确，而过同样各点的 10 次多项式在点间出错。""",
    verdict=CONDITIONS,
    conditions="""The truth is simple. Where the truth is the complex one, the simple fit is as
        exact on the data and wrong between.""",
    commands=["dlcalc split 10 --kfold 5"],
)
def occam_razor(proof: Proof) -> None:
    import numpy

    places = numpy.linspace(-1, 1, 10)
    between = numpy.linspace(-0.95, 0.95, 96)

    def simple(x: Array) -> Array:
        return 2 * x + 1

    def wiggling(x: Array) -> Array:
        found: Array = 2 * x + 1 + 10 * numpy.prod(x[:, None] - places, axis=1)
        return found

    line = numpy.polynomial.Polynomial.fit(places, simple(places), 1)
    truths: dict[str, Callable[[Array], Array]] = {INSIDE: simple, OUTSIDE: wiggling}
    truths[INSIDE] = proof.subject("a simple truth", simple, wiggling)
    for part, truth in truths.items():
        data = truth(places)
        for name, fit in (("line", line), ("degree 10", wiggling)):
            miss = float(abs(fit(places) - data).max())
            proof.at_most(f"residual of the {name}", 1e-9, miss, part)
        errors = [float(abs(fit(between) - truth(between)).max()) for fit in (line, wiggling)]
        better = errors[0] < errors[1]
        if part == INSIDE:
            proof.holds("the line errs less between", better, tuple(errors), part)
        else:
            proof.fails("the line errs less between", better, tuple(errors), part)


#: Learners of Boolean functions: labels of the five training inputs, and an input, to a label.
Learner = Callable[[Table, tuple[int, ...]], int]


def _nearest(labels: Table, at: tuple[int, ...]) -> int:
    distances = [sum(a != b for a, b in zip(each, at, strict=True)) for each in TRIPLES[:5]]
    return labels[distances.index(min(distances))]


LEARNERS: dict[str, Learner] = {
    "always 0": lambda labels, at: 0,
    "majority": lambda labels, at: int(sum(labels) > 2),
    "minority": lambda labels, at: int(sum(labels) <= 2),
    "nearest": _nearest,
    "parity": lambda labels, at: sum(at) % 2,
}


def _score(learner: Learner, target: Table) -> Fraction:
    """The share of the three unseen inputs that a learner gets right."""
    labels = target[:5]
    right = [learner(labels, at) == y for at, y in zip(TRIPLES[5:], target[5:], strict=True)]
    return Fraction(sum(right), 3)


def _targets() -> list[Table]:
    return list(product((0, 1), repeat=8))


@claim(
    "no-free-lunch",
    title="No free lunch: over all targets every learner is a coin",
    chinese="没有免费的午餐",
    terms=("NFL", "NFL 定理"),
    sources=[("004", "no free lunch")],
    statement="""Averaged over all target functions alike, every learner is right on exactly half
        of the unseen inputs. Learners differ on some targets only because targets are not all
        alike: the average over all of them is what makes it a theorem.""",
    statement_chinese="""对所有目标函数取均匀平均，任何学习算法在未见样本上的正确率都恰为一半。
        算法之间的差别只来自目标并非均匀出现。""",
    verdict=HOLDS,
    formula="Fraction(1, 2)",
    commands=["dlcalc split 8 --holdout 5:3 --no-shuffle"],
)
def no_free_lunch(proof: Proof) -> None:
    every = _targets()
    targets = proof.subject("every target", every, every[::2])
    proof.equal("targets", 2**8, len(targets))
    for name, learner in LEARNERS.items():
        mean = sum(_score(learner, target) for target in targets) / len(targets)
        proof.equal(f"mean score of {name}", Fraction(1, 2), mean)
    linear = [(0, 0, 0, 0, 1, 1, 1, 1), (0, 0, 1, 1, 0, 0, 1, 1), (0, 1, 0, 1, 0, 1, 0, 1)]
    scores = [sum(_score(each, t) for t in linear) / 3 for each in LEARNERS.values()]
    proof.holds("on three linear targets they differ", len(set(scores)) > 1, tuple(scores))


@claim(
    "nfl-swap",
    title="Where one learner wins there are as many targets where it loses",
    chinese="学习算法优劣",
    terms=("A 优于 B", "NFL 推论"),
    sources=[("004", "no free lunch")],
    tier=2,
    statement="""If learner A beats B on some targets, then B beats A on others: over all
        Boolean functions of three inputs the wins of either are equally many, for the nearest
        neighbour against the majority as for any other two.""",
    statement_chinese="""若算法 A 在某些目标上优于 B，则必有目标使 B 优于 A：
        对三输入的全部布尔函数，任意两种算法互胜的次数相等。""",
    verdict=HOLDS,
    commands=["dlcalc split 8 --holdout 5:3 --no-shuffle"],
)
def nfl_swap(proof: Proof) -> None:
    every = _targets()
    targets = proof.subject("every target", every, every[:100])
    names = ("nearest", "majority", "parity")
    for first, second in (names[:2], names[1:], names[::2]):
        a, b = LEARNERS[first], LEARNERS[second]
        gaps = [_score(a, target) - _score(b, target) for target in targets]
        won, lost = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
        proof.equal(f"targets where {first} beats {second}, and loses", won, lost)
        proof.at_least("of which there are", 1, won)


@claim(
    "bayes-joint-to-posterior",
    title="Bayes: prior times likelihood gives the posterior",
    chinese="贝叶斯分类器",
    terms=("后验概率", "先验概率", "似然", "联合分布"),
    sources=[("004", "generative models")],
    tier=2,
    statement="""p(x|c)*p(c) is the joint distribution, and divided by its sum over the classes
        it is p(c|x). For two normal classes of one variance that is a logistic function of x:
        sigmoid(x*(m1 - m0)/s**2 + constant).""",
    statement_chinese="""p(x|c)p(c) 即联合分布，除以它对各类的和便得 p(c|x)。
        两类为同方差正态分布时，后验是 x 的 logistic 函数。""",
    verdict=HOLDS,
    formula="0.1/(0.1 + 0.3) == 0.25",
    commands=["dlcalc activation sigmoid 0.5"],
)
def bayes_joint_to_posterior(proof: Proof) -> None:
    from dlcalc.formulas.scalars import sigmoid

    prior = proof.subject("the prior", (0.4, 0.6), (0.5, 0.5))
    likelihood = ((0.25, 0.75), (0.5, 0.5))
    joint = [[p * each for each in row] for p, row in zip(prior, likelihood, strict=True)]
    # Of 1,000 cases counted as the joint says, the share of class 0 among those with x.
    counts = ((100, 300), (300, 300))
    for x in (0, 1):
        counted = counts[0][x] / (counts[0][x] + counts[1][x])
        proof.near(f"p(c=0|x={x})", counted, joint[0][x] / (joint[0][x] + joint[1][x]))
    # Normal classes of variance 0.25 around 0 and 1, alike frequent.
    for at in (-1.0, 0.3, 2.0):
        densities = [math.exp(-((at - mean) ** 2) / 0.5) for mean in (0, 1)]
        logistic = sigmoid(at / 0.25 - 0.5 / 0.25)
        proof.near(f"p(c=1|x={at:g}) as a sigmoid", densities[1] / sum(densities), logistic, 1e-12)


@claim(
    "generative-implies-discriminative",
    title="A generative model gives a discriminative one, not the reverse",
    chinese="生成模型→判别模型",
    terms=("生成模型", "判别模型", "条件分布"),
    sources=[("004", "generative models")],
    tier=2,
    statement="""From the joint distribution p(x, c) the conditional p(c|x) follows by a division;
        from p(c|x) alone the joint does not, for p(x) is missing: different joints have the
        same conditional.""",
    statement_chinese="""由联合分布 p(x,c) 可除得条件分布 p(c|x)；反之不行，因为缺少 p(x)：
        不同的联合分布可以有相同的条件分布。""",
    verdict=HOLDS,
    formula="p_joint/p_x",
    commands=["dlcalc activation sigmoid 0.5"],
)
def generative_implies_discriminative(proof: Proof) -> None:
    conditional = ((Fraction(1, 4), Fraction(3, 4)), (Fraction(1, 2), Fraction(1, 2)))
    marginals = ((Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 8), Fraction(7, 8)))
    other = proof.subject("another distribution of x", marginals[1], marginals[0])
    joints = []
    for weights in (marginals[0], other):
        rows = zip(weights, conditional, strict=True)
        joint = [[weight * each for each in row] for weight, row in rows]
        proof.equal("the sum of the joint", 1, sum(map(sum, joint)))
        found = tuple(tuple(each / sum(row) for each in row) for row in joint)
        proof.holds("its conditional is the same", found == conditional)
        joints.append(joint)
    gaps = [abs(a - b) for r, q in zip(*joints, strict=True) for a, b in zip(r, q, strict=True)]
    proof.at_least("the largest difference of the joints", 0.1, float(max(gaps)))
