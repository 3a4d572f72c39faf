"""Over-fitting: how it shows, and what stopping, batch norm and shortcuts do about it."""

from __future__ import annotations

from math import log

from dlcalc.concepts.claim import CONDITIONS, HOLDS, claim
from dlcalc.concepts.measure import mean
from dlcalc.concepts.proof import INSIDE, OUTSIDE, Proof


@claim(
    "overfitting-gap",
    title="Over-fitting: perfect on the training data, poor on new data",
    chinese="过拟合",
    terms=("overfitting", "训练误差小测试误差大", "泛化差距", "高方差"),
    sources=[("004", "training tips"), ("000", "problems")],
    statement="""A net that does far better on the data it learnt from than on new data over-fits.
        64 units learn 80 examples by heart, with the 15 % of labels that are wrong: they are right
        on 100 % of these and on 68 % of clean new data. As the training loss goes to 0, the test
        loss rises.""",
    statement_chinese="""训练数据上远好于新数据，就是过拟合。64 个单元把 80 个样本连同 15% 的
        错误标签全部背下：训练准确率 100%，在无噪的新数据上约 68%；
        继续训练，训练损失趋于 0，测试损失反而上升。""",
    verdict=HOLDS,
    formula="test loss - training loss",
    commands=[
        "dlcalc train-toy noisy-labels dense:64 relu dense:64 relu dense:2 --samples 200"
        " --epochs 300"
    ],
    trained=True,
)
def overfitting_gap(proof: Proof) -> None:
    from dlcalc.engine.experiments.trials import trials

    net = proof.subject("a net with room to spare", "dense:64 relu dense:2", "dense:2")
    right, gaps, last, rose = [], [], [], []
    for each in trials(proof.seed, 10, 80):
        learner = each.fit(net, 50)
        early = each.loss(learner)
        learner.fit(200)
        right.append(learner.accuracy(each.inputs, each.targets))
        gaps.append(right[-1] - each.accuracy(learner))
        last.append(learner.losses[-1])
        rose.append(each.loss(learner) - early)
    proof.at_least("accuracy on the training data", 0.98, mean(right), values=right)
    proof.at_least("less that on new data", 0.2, mean(gaps), values=gaps)
    proof.at_most("training loss after 250 steps", 0.01, mean(last), values=last)
    proof.at_least("test loss rises from step 50 by", 0.4, mean(rose), values=rose)


@claim(
    "early-stopping",
    title="Stop when the validation loss gets worse",
    chinese="早停",
    terms=("及时停止训练", "early stopping", "验证集 停止", "提前停止"),
    sources=[("004", "training tips"), ("000", "problems")],
    statement="""Judge the net on held-out examples as it trains, and keep the weights of the best
        moment. A net fitted to 20 noisy points of a sine has less than half the test error
        there that it has after 800 steps.""",
    statement_chinese="""训练时定期在验证集上评估，保留最好时刻的权值。用 20 个带噪的正弦点训练，
        最佳时刻的测试误差不到训练 800 步之后的一半。""",
    verdict=HOLDS,
    formula="log(error at the end/error at the best)",
    commands=[
        "dlcalc train-toy sine --samples 40 --noise 0.3 --early-stopping 20",
        "dlcalc train-toy sine --samples 40 --noise 0.3",
    ],
    trained=True,
)
def early_stopping(proof: Proof) -> None:
    import numpy

    from dlcalc.engine.experiments.learner import Learner
    from dlcalc.engine.stopping import EarlyStopping

    grid = numpy.linspace(-1, 1, 200)[:, None]
    # Watching the training loss keeps the end: that always gets better.
    watched = proof.subject("the examples that are watched", "held out", "trained on")
    ratios = []
    for number in range(30):
        random = proof.random(100 + number)
        x = random.uniform(-1, 1, (2, 20, 1))
        y = numpy.sin(numpy.pi * x) + 0.3 * random.normal(size=x.shape)
        learner = Learner(
            "dense:32 tanh dense:32 tanh dense:1",
            x[0],
            y[0],
            seed=1000 * proof.seed + number,
            dtype=numpy.float32,
        )
        stopping = EarlyStopping({"parameters": learner.program.parameters})
        part = 1 if watched == "held out" else 0
        for step in range(10, 801, 10):
            stopping.observe(learner.fit(10).loss(x[part], y[part]), step)
        end = learner.loss(grid, numpy.sin(numpy.pi * grid))
        stopping.restore_best()
        ratios.append(log(end / learner.loss(grid, numpy.sin(numpy.pi * grid))))
    proof.at_least("log(error at the end/at the best)", 0.25, mean(ratios), values=ratios)
    better = [float(each >= 0) for each in ratios]
    proof.at_least("share of nets that are no worse for it", 0.7, mean(better), values=better)


@claim(
    "bn-regularises",
    title="Batch norm regularises by the noise of small batches",
    chinese="批标准化提高泛化能力",
    terms=("BN 正则化", "BN 防止过拟合", "批归一化 泛化"),
    tier=2,
    sources=[("002", "batch normalisation"), ("004", "training tips")],
    statement="""In batches of 16 each example is normalised by the chance company it is in: that
        noise lowers the test loss of an over-fitted net. With all examples in one batch there is
        no such noise, and batch norm lowers nothing.""",
    statement_chinese="""每批 16 个时，样本按偶然同批的其他样本归一化，
        这种噪声使过拟合网络的测试损失下降。全部样本作一批时没有这种噪声，
        批归一化也就没有这种作用。""",
    verdict=CONDITIONS,
    conditions="""Small batches, drawn afresh, in a net that over-fits. Not with all the data in one
        batch.""",
    formula="(x - mean)/sqrt(var + eps)",
    commands=[
        "dlcalc train-toy noisy-labels dense:64 bn relu dense:2 --samples 200 --batch 16",
        "dlcalc train-toy noisy-labels dense:64 relu dense:2 --samples 200 --batch 16",
    ],
    trained=True,
)
def bn_regularises(proof: Proof) -> None:
    from dlcalc.engine.experiments.trials import trials

    norm = proof.subject("the norm", "bn", "identity")
    changes: dict[int, list[float]] = {16: [], 80: []}
    for each in trials(proof.seed, 13, 80):
        for batch, found in changes.items():
            plain = each.fit("dense:64 relu dense:2", 250, batch=batch)
            normed = each.fit(f"dense:64 {norm} relu dense:2", 250, batch=batch)
            found.append(each.loss(normed) - each.loss(plain))
    small, whole = (mean(found) for found in changes.values())
    quantity = "test loss with batch norm less without"
    proof.at_most(f"{quantity}, batches of 16", -0.14, small, INSIDE, changes[16])
    proof.fails(f"{quantity}, one batch of 80, is as low", whole <= -0.14, whole, OUTSIDE)


@claim(
    "residual-prevents-overfitting",
    title="Shortcuts help a deep net to train; over-fit it still does",
    chinese="残差网络防止过拟合",
    terms=("ResNet 过拟合", "残差 正则化"),
    tier=2,
    sources=[("004", "training tips")],
    statement="""The notes list residual nets among the remedies for over-fitting. On 80 noisy
        examples shortcuts lower the test loss of three layers, which are then less sure of their
        errors. Yet they learn the data by heart all the same, are right no more often, and one
        layer alone does better. What shortcuts are for is to make deep nets trainable.""",
    statement_chinese="""原文把残差网络列为防止过拟合的手段。在 80 个带噪样本上，
        三层网络加上跳跃连接后测试损失下降，即出错时不那么自信；
        但它照样背下训练数据，准确率并未提高，还不如只有一层的网络。
        残差连接的用处是让深层网络练得动。""",
    verdict=CONDITIONS,
    conditions="""Only against a plain net of the same depth, and only as the loss counts it: the
        accuracy is the same, and a shallow net over-fits less.""",
    formula="x + f(x)",
    commands=["dlcalc shape 10 dense:32 relu 'residual[dense:32 relu]' dense:2"],
    trained=True,
)
def residual_prevents_overfitting(proof: Proof) -> None:
    from dlcalc.engine.experiments.trials import trials

    layer = "dense:32 relu "
    block = proof.subject("the block", f"residual[{layer}] ", layer)
    known, lower, better, shallow = [], [], [], []
    for each in trials(proof.seed, 14, 80):
        plain, short = each.fit(layer * 3 + "dense:2", 250), each.fit(layer + "dense:2", 250)
        residual = each.fit(layer + block * 2 + "dense:2", 250)
        known.append(residual.accuracy(each.inputs, each.targets))
        lower.append(each.loss(residual) - each.loss(plain))
        better.append(each.accuracy(residual) - each.accuracy(plain))
        shallow.append(each.loss(residual) - each.loss(short))
    proof.at_most("test loss less that of the plain net", -0.2, mean(lower), INSIDE, lower)
    proof.at_least("accuracy on the training data", 0.98, mean(known), OUTSIDE, known)
    gain, below = mean(better), mean(shallow)
    proof.fails("test accuracy gains 0.05", gain >= 0.05, gain, OUTSIDE)
    proof.fails("it is 0.2 below that of one layer too", below <= -0.2, below, OUTSIDE)
