"""Deep networks: what is called deep, how they start, what depth does and does not give."""

from __future__ import annotations

from typing import Any

from dlcalc.answers.activation import activation
from dlcalc.answers.params import params
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof


def mean(values: list[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def trained_layers(line: str) -> int:
    """How many layers of a net have parameters, as dlcalc params counts them."""
    document: Any = params(line).document()
    return sum(layer["parameters"] > 0 for layer in document["layers"])


@claim(
    "dnn-hidden-depth-definition",
    title="A network is called deep from two hidden layers on",
    chinese="深度神经网络 DNN 定义",
    terms=("DNN", "隐藏层数", "深度网络", "人工神经网络"),
    tier=2,
    sources=[("000", "neural networks"), ("002", "deep neural networks")],
    statement="""One of the notes calls a network deep with more than one hidden layer, another
        with two or more: the same rule. It is a convention about names, and it counts hidden
        layers. Who counts all layers with weights, the output's too, has one more, and may call
        a net deep that has a single hidden layer.""",
    statement_chinese="""一份笔记说隐藏层多于一层为深度网络，另一份说两层及以上：同一规则。
        这只是命名约定，数的是隐藏层；若连输出层也算，层数多一，
        单隐藏层的网络也会被称为深度网络。""",
    verdict=CONDITIONS,
    conditions="""Hidden layers are counted: those with weights, without the output. Counting the
        output layer as well gives another answer for one hidden layer.""",
    formula="hidden > 1 == hidden >= 2",
    commands=["dlcalc params 784 dense:100 relu dense:100 relu dense:10"],
)
def dnn_hidden_depth_definition(proof: Proof) -> None:
    output = proof.subject("the layers that are not hidden", 1, 0)
    found = []
    for hidden in range(6):
        line = " ".join(["8", *["dense:4 relu"] * hidden, "dense:2"])
        found.append(trained_layers(line) - output)
    proof.equal("hidden layers of six nets", [0, 1, 2, 3, 4, 5], found, INSIDE)
    proof.equal("deep by more than one", [2, 3, 4, 5], [n for n in found if n > 1], INSIDE)
    proof.equal("deep by two or more", [2, 3, 4, 5], [n for n in found if n >= 2], INSIDE)
    # Pooling and activations have no weights, and make no layer deeper.
    lenet = "1x32x32 conv:6,k5 tanh avgpool:2 conv:16,k5 tanh avgpool:2 flatten dense:10"
    proof.equal(
        "hidden layers of two convolutions, pooled", 2, trained_layers(lenet) - output, INSIDE
    )
    one = trained_layers("8 dense:4 relu dense:2")
    proof.fails(
        "both ways to count call one hidden layer shallow", one < 2, f"{one} layers", OUTSIDE
    )


def xor_learner(initialiser: str, weight: float | None = None, seed: int = 0) -> Any:
    """A net of eight tanh units on XOR, with all weights the same unless there is none."""
    import numpy as np

    from dlcalc.engine.experiments.learner import Learner

    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0.0], [1], [1], [0]])
    net = "dense:8 tanh dense:1"
    learner = Learner(net, x, y, rate=0.05, initialiser=initialiser, seed=seed)
    if weight is not None:
        for layer in (1, 2):
            learner.weight(f"dense{layer}.weight")[...] = weight
    return learner


@claim(
    "random-init-breaks-symmetry",
    title="Random weights are what lets units differ",
    chinese="权值随机初始化",
    terms=("随机初始化", "打破对称性", "全零初始化"),
    tier=2,
    sources=[
        ("003", "weights"),
        ("003", "back-propagation"),
        ("000", "vanishing gradient"),
    ],
    statement="""Units that start with the same weights get the same gradient, and stay equal
        however long they train: eight are worth one, and XOR is out of reach. From zeros the
        hidden weights do not even move. Random weights break the symmetry, and the same net
        learns it.""",
    statement_chinese="""初始权值相同的单元得到的梯度也相同，训练多久都一样：八个只顶一个，
        学不会异或。全部从零开始时，隐藏层权值根本不动。随机初始化打破了对称，
        同样的网络就能学会。""",
    verdict=HOLDS,
    formula="gradient[j] == weight[j]*slope(z[j])*error*x",
    commands=[
        "dlcalc train-toy xor dense:8 tanh dense:1 --initialiser zero --epochs 100",
        "dlcalc train-toy xor dense:8 tanh dense:1",
    ],
)
def random_init_breaks_symmetry(proof: Proof) -> None:
    import numpy as np

    weight = proof.subject("the weight that all share", 0.5, None)
    same = xor_learner("default", weight, proof.seed).fit(200)
    units = same.weight("dense1.weight")
    spread = float(np.abs(units - units[0]).max())
    # BLAS may sum the columns of equal units in another order.
    proof.near("units started at 0.5, apart after 200 steps", 0, spread, 1e-9)
    x, y = same.inputs, same.targets
    proof.at_least("their loss on XOR", 0.1, same.loss(x, y))
    zero = xor_learner("zero", None, proof.seed).fit(200)
    moved = float(np.abs(zero.weight("dense1.weight")).max())
    proof.equal("largest hidden weight, started at 0", 0.0, moved)
    # The best constant for two zeros and two ones is 1/2, with an error of 1/4.
    proof.near("their loss", 0.25, zero.loss(x, y), 1e-3)
    drawn = [xor_learner("default", None, 10 * proof.seed + seed).fit(200) for seed in range(5)]
    losses = [each.loss(x, y) for each in drawn]
    proof.at_most("loss from random weights", 0.05, mean(losses), values=losses)
    units = drawn[0].weight("dense1.weight")
    spread = float(np.abs(units - units[0]).max())
    proof.at_least("units started at random, apart after 200 steps", 0.1, spread)


@claim(
    "same-activation-everywhere",
    title="Hidden layers may share an activation, the output has its own",
    chinese="所有神经元使用相同激活函数",
    terms=("输出层 激活函数", "相同激活函数"),
    tier=2,
    sources=[("003", "summary")],
    statement="""One activation for all hidden layers is usual, and works. The output layer is
        chosen by the task: none for numbers, sigmoid for a probability, softmax for classes. A
        sigmoid there cannot come above 1, and on a target of 3 is off by 2 at least, an error
        of 4 when squared.""",
    statement_chinese="""隐藏层通常共用一种激活函数，这没有问题。输出层则由任务决定：
        回归不用激活，概率用 sigmoid，多分类用 softmax。若输出层也用 sigmoid，
        输出不超过 1，目标为 3 时至少差 2，平方误差至少为 4。""",
    verdict=CONDITIONS,
    conditions="""Hidden layers are meant. At the output a bounded activation misses all targets
        beyond its range, however long it trains.""",
    formula="mean(max(0, abs(y) - 1)**2)",
    commands=[
        "dlcalc train-toy sine",
        "dlcalc activation sigmoid",
    ],
)
def same_activation_everywhere(proof: Proof) -> None:
    import numpy as np

    from dlcalc.engine.experiments.learner import Learner

    x = np.linspace(-2, 2, 40)[:, None]
    y = 3 * np.sin(2 * x)
    for name, low in (("tanh", -1.0), ("sigmoid", 0.0)):
        # Beyond the activation's range the nearest end is the best that it can give.
        bound = float(((y - y.clip(low, 1)) ** 2).mean())
        ends = proof.subject("what is at the output", name, "")
        for end, part in (("", INSIDE), (ends, OUTSIDE)):
            net = f"dense:16 {name} dense:16 {name} dense:1 {end}".strip()
            loss = Learner(net, x, y, rate=0.03, seed=proof.seed).fit(250).loss(x, y)
            if part == INSIDE:
                proof.at_most(f"squared error, {name} in hidden layers only", 0.3, loss, part)
            else:
                fits = loss < bound
                shown = f"error {loss:.3g}, no less than {bound:.3g}"
                proof.fails(f"{name} everywhere fits too", fits, shown, part)
    top: Any = activation("sigmoid").document()["range"]
    proof.equal(
        "least squared error of a sigmoid on a target of 3", 4.0, (3 - top["high"]) ** 2, OUTSIDE
    )


@claim(
    "deeper-generalises-better",
    title="Depth adds capacity; it does not always generalise better",
    chinese="网络越深泛化能力越好",
    terms=("深度 泛化", "网络越深越好"),
    sources=[("000", "deep neural networks")],
    statement="""Printed: the deeper a network, the better it generalises. Depth lets a network
        express more, which helps if the data bear it out. Contradicted in this setting: on 80
        examples with wrong labels among them one hidden layer and eight both fit all, and on
        fresh data eight are right less often, and far surer of what is wrong.""",
    statement_chinese="""原文说网络越深泛化越好。深度增加的是表达能力，数据足够时才有益。
        在此设定下结果相反：80 个样本含错误标签，一层与八层隐藏层都能全部拟合；
        在新数据上八层反而更常出错，且错得更加自信。""",
    verdict=ERRATUM,
    formula="-mean(log(p[label]))",
    commands=[
        "dlcalc train-toy noisy-labels dense:24 relu dense:2 --samples 160 --epochs 100",
        "dlcalc train-toy noisy-labels '8*[dense:24 relu]' dense:2 --samples 160 --epochs 100",
    ],
    trained=True,
)
def deeper_generalises_better(proof: Proof) -> None:
    from dlcalc.engine.experiments.data import noisy_task
    from dlcalc.engine.experiments.learner import Learner

    depths = proof.subject("the depths", (1, 8), (8, 1))
    losses: dict[int, list[float]] = {depth: [] for depth in depths}
    right: dict[int, list[float]] = {depth: [] for depth in depths}
    fitted: dict[int, list[float]] = {depth: [] for depth in depths}
    for seed in range(10):
        random = proof.random(seed)
        x, y = noisy_task(random)
        fresh = noisy_task(random, 1000, flipped=0)
        for depth in depths:
            net = f"{depth}*[dense:24 relu] dense:2"
            learner = Learner(net, x, y, loss="cross_entropy", seed=100 * proof.seed + seed)
            learner.fit(100)
            fitted[depth].append(learner.accuracy(x, y))
            right[depth].append(learner.accuracy(*fresh))
            losses[depth].append(learner.loss(*fresh))
    shallow, deep = depths
    more = [b - a for a, b in zip(right[shallow], right[deep], strict=True)]
    proof.fails(f"depth {deep} is right more often than {shallow}", mean(more) > 0, mean(more))
    for depth in depths:
        told = f"accuracy on the examples learnt, depth {depth}"
        proof.at_least(told, 0.97, mean(fitted[depth]), RIGHT, fitted[depth])
    worse = [b - a for a, b in zip(losses[shallow], losses[deep], strict=True)]
    told = f"negative log-likelihood, depth {deep} less {shallow}"
    proof.at_least(told, 1, mean(worse), RIGHT, worse)


@claim(
    "pretraining-helps-deep-sigmoid",
    title="Layer-wise pre-training gets a deep sigmoid net off the ground",
    chinese="预训练 / 微调",
    terms=("逐层预训练", "pre-training", "fine-tuning", "深度信念网络 预训练"),
    sources=[("000", "vanishing gradient"), ("001", "deep belief networks")],
    statement="""Four sigmoid layers from random weights do not learn ten digits at all: the loss
        stays at log(10), that of guessing. Weights from restricted Boltzmann machines, trained
        layer upon layer without labels, put the net where descent works, and the same steps of
        fine-tuning finish. A tanh net does not need it: it learns faster from random weights.""",
    statement_chinese="""四层 sigmoid 网络从随机权值出发学不会十个数字，损失停在 ln 10，与猜测无异。
        用受限玻尔兹曼机无监督地逐层预训练，权值便落在梯度下降可行的位置，
        同样步数的微调即可学好。tanh 网络不需要预训练：随机权值反而学得更快。""",
    verdict=CONDITIONS,
    conditions="""Random weights leave the net stuck, as in a deep stack of sigmoids. Where the
        activation lets gradients through, as tanh does, it gains nothing.""",
    formula="weight += rate*(h.T @ v - h1.T @ v1)/n",
    commands=[
        "dlcalc train-toy glyphs:12 flatten '4*[dense:48 sigmoid]' dense:10 --optimizer gd --lr 0.3"
        " --epochs 10",
        "dlcalc train-toy glyphs:12 flatten '4*[dense:48 tanh]' dense:10 --optimizer gd --lr 0.3"
        " --epochs 10",
    ],
    trained=True,
)
def pretraining_helps_deep_sigmoid(proof: Proof) -> None:
    from dlcalc.engine.experiments.boltzmann import deep_belief
    from dlcalc.engine.experiments.learner import Learner
    from dlcalc.engine.tasks.glyphs import glyphs

    digits = glyphs(12)
    steps = proof.subject("the steps of pre-training", 200, 0)
    losses: dict[tuple[str, bool], list[float]] = {}
    for seed in range(3):
        random = proof.random(seed)
        images, targets = digits.draw(random, 100, 0.1)[:2]
        x = images.reshape(100, -1).clip(0, 1)
        machines = deep_belief(x, (48,) * 4, random, steps)
        for name, rate in (("sigmoid", 3.0), ("tanh", 0.3)):
            for pretrained in (False, True):
                net = f"4*[dense:48 {name}] dense:10"
                own: Any = {"optimizer": "gd", "rate": rate, "seed": 100 * proof.seed + seed}
                learner = Learner(net, x, targets, loss="cross_entropy", **own)
                for layer, machine in enumerate(machines, 1):
                    if pretrained:
                        learner.weight(f"dense{layer}.weight")[...] = machine.weight
                        learner.weight(f"dense{layer}.bias")[...] = machine.hidden_bias
                loss = learner.fit(120).loss(x, targets)
                losses.setdefault((name, pretrained), []).append(loss)
    cold, warm = losses["sigmoid", False], losses["sigmoid", True]
    proof.at_least("sigmoid, random weights: loss", 2.25, mean(cold), INSIDE, cold)
    proof.at_most("sigmoid, pre-trained: loss", 1.5, mean(warm), INSIDE, warm)
    plain, hurt = losses["tanh", False], losses["tanh", True]
    proof.at_most("tanh, random weights: loss", 0.2, mean(plain), OUTSIDE, plain)
    gained = [a - b for a, b in zip(plain, hurt, strict=True)]
    proof.fails("pre-training gains tanh something", mean(gained) > 0, mean(gained), OUTSIDE)
