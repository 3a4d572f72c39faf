"""How fast training goes: small batches, and batch norm."""

from __future__ import annotations

from dlcalc.concepts.claim import CONDITIONS, claim
from dlcalc.concepts.measure import mean
from dlcalc.concepts.proof import INSIDE, OUTSIDE, Proof


@claim(
    "minibatch-training-better",
    title="Small batches learn more in an epoch, not in a step",
    chinese="分批训练适用性更好",
    terms=("小批量训练", "分批训练 一次性训练", "mini-batch 更新次数"),
    sources=[("003", "batches and epochs")],
    statement="""In the same number of epochs a net trained in batches learns more than one trained
        on all the data at once, because it takes more steps. 30 epochs of 400 examples are
        600 steps in batches of 20, and lead to 90 % right; in one batch they are 30 steps, and
        lead to 71 %. After 600 steps of its own it has caught up.""",
    statement_chinese="""epoch 数相同时，分批训练的模型更好，因为更新次数更多：
        400 个样本训练 30 个 epoch，每批 20 个为 600 步，准确率约 90%；
        全部作一批只有 30 步，准确率约 71%。都走 600 步时，两者相当。""",
    verdict=CONDITIONS,
    conditions="""The epochs are equal, and so the computing. At equal steps nothing is gained.""",
    formula="30*400//20 == 600",
    commands=["dlcalc split 400 --batch 20", "dlcalc train-toy moons --batch 16 --epochs 30"],
    trained=True,
)
def minibatch_training_better(proof: Proof) -> None:
    from dlcalc.answers.split import split
    from dlcalc.engine.experiments.trials import clean, trials

    size = proof.subject("the small batch", 20, 400)
    steps = 30 * int(split(400, batch=size).value)  # type: ignore[call-overload]
    proof.equal("steps in 30 epochs of 400 in batches of 20", 600, steps, INSIDE)
    net, settings = "dense:32 relu dense:2", {"optimizer": "gd", "rate": 0.1}
    epochs, updates = [], []
    for each in trials(proof.seed, 6, 400, draw=clean):
        small = each.accuracy(each.fit(net, steps, batch=size, **settings))
        whole = each.learner(net, **settings)
        epochs.append(small - each.accuracy(whole.fit(30)))
        updates.append(small - each.accuracy(whole.fit(570)))
    quantity = "accuracy of batches of 20 less one of 400"
    proof.at_least(f"{quantity}, 30 epochs", 0.1, mean(epochs), INSIDE, epochs)
    proof.near(f"{quantity}, 600 steps", 0, mean(updates), 0.02, OUTSIDE)


@claim(
    "bn-speeds-training",
    title="Batch norm makes hard nets faster, and easy ones not",
    chinese="加速收敛 5x~20x",
    terms=("BN 加速收敛", "批标准化 收敛速度", "batch normalization 学习率"),
    sources=[("002", "batch normalisation"), ("004", "batch normalisation")],
    statement="""The notes quote a factor of 5 to 20. On a spiral, each net at its best rate, three
        layers of sigmoids take some 70 steps with batch norm and more than 700 without, three
        of ReLU about 5 times as many without as with it. Three of tanh that start with weights of
        a good size, and a single layer of ReLU, gain nothing.""",
    statement_chinese="""原文称加速 5 到 20 倍。双螺旋数据上，各取最佳学习率，
        三层 sigmoid 用批归一化约 70 步，不用则超过 700 步；三层 ReLU 不用时约为 5 倍；
        初始权值大小合适的三层 tanh，以及只有一层 ReLU 的网络，并不加快。""",
    verdict=CONDITIONS,
    conditions="""The net is hard to train as it stands: deep sigmoids or deep ReLUs. Well-scaled
        tanh layers and shallow nets gain nothing.""",
    formula="steps without/steps with",
    commands=[
        "dlcalc train-toy spirals '3*[dense:32 sigmoid]' dense:2 --epochs 60",
        "dlcalc train-toy spirals '3*[dense:32 bn sigmoid]' dense:2 --epochs 60",
    ],
    trained=True,
)
def bn_speeds_training(proof: Proof) -> None:
    norm = proof.subject("the norm", " bn", "")
    descent = {"optimizer": "gd"}
    # Slower descent of the sigmoids, at 0.1 to 1, takes more than 1500 steps.
    sigmoid = speedups(proof, "3*[dense:32{} sigmoid] dense:2", norm, (3, 10), 3, **descent)
    proof.at_least("sigmoid: steps without, with = 1", 4, mean(sigmoid), INSIDE, sigmoid)
    relu = speedups(proof, "3*[dense:32{} relu] dense:2", norm, (0.3, 1), 4, **descent)
    proof.at_least("ReLU", 2.5, mean(relu), INSIDE, relu)
    he = {**descent, "initialiser": "he_normal"}
    tanh = speedups(proof, "3*[dense:32{} tanh] dense:2", norm, (0.3, 1), 3, **he)
    proof.at_most("tanh from He's weights", 2, mean(tanh), OUTSIDE, tanh)
    shallow = speedups(proof, "dense:64{} relu dense:2", norm, (0.01, 0.03), 3)
    proof.at_most("a single layer of ReLU, by Adam", 1.3, mean(shallow), OUTSIDE, shallow)


def speedups(
    proof: Proof, net: str, norm: str, rates: tuple[float, ...], repeats: int, **settings: object
) -> list[float]:
    """How many times the steps with the norm it takes without, to a loss of 0.3 on a spiral.

    Each at its best rate. 700 steps without an end count as an end: true ratios are larger.
    """
    from dlcalc.engine.experiments.data import spiral
    from dlcalc.engine.experiments.trials import trials

    found = []
    for each in trials(proof.seed, repeats, 200, draw=spiral, test=spiral, tests=2):
        steps = []
        for layer in ("", norm):
            best = 700
            for rate in rates:
                learner = each.learner(net.format(layer), rate=rate, **settings)
                taken = 0
                while taken < best and not learner.fit(5).losses[-1] < 0.3:
                    taken += 5
                best = min(best, taken + 5)
            steps.append(best)
        found.append(steps[0] / steps[1])
    return found
