"""The equations of whole nets: right, each by itself, and seen to be wrong where one is changed."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.network import load_line
from dlcalc.nets.trace import trace
from dlcalc.symbolic.network.check import Checker, Proof
from dlcalc.symbolic.network.code import code as code_of
from dlcalc.symbolic.network.equations import BACKWARD, GRADIENT, Equations, derive
from dlcalc.symbolic.network.layers import Text
from dlcalc.symbolic.network.model import TENSORS, blocks
from dlcalc.symbolic.network.rules import ACTIVATIONS, LOSSES

#: Every kind of layer, alone and among others.
NETS = [
    "2 dense:2 sigmoid dense:2 sigmoid",
    "3 dense:4,bias=no tanh dense:2",
    "4 dense:3 softmax dense:5 gelu dense:3",
    "4 dense:3 log_softmax dense:2",
    "5 relu dense:3",
    "5 dense:4 tanh sigmoid dense:2",
    "5 dense:4 bn tanh dense:2",
    "5 dense:4 bn:affine=no sigmoid dense:2",
    "1x6x6 conv:2,k3,s2,p1 sigmoid maxpool:2 flatten dense:3",
    "2x9 conv:3,k3,s2,p1 tanh flatten dense:2",
    "2x9 conv:3,k3,d2 silu avgpool:2 flatten dense:2",
    "1x3x4x3 conv:2,k2,p=1+0x0x1 tanh flatten dense:2",
    "2x5x4 conv:3,k2x3,p1,bias=no bn tanh avgpool:2x1,s1 flatten dense:2",
    "2x5x4 conv:3,k2 tanh",
    "2x6x6 maxpool:3,s2 conv:2,k2 tanh flatten dense:2",
    "4x3 rnn:5 last dense:2",
    "4x3 rnn:5,bias=no sigmoid flatten dense:2",
    "3x2 rnn:3 rnn:2 last",
    "4x3 rnn:5 last dense:2 bn tanh",
]


def net_of(line: str, loss: str = "mse") -> tuple[Equations, Checker]:
    start, net = load_line(line)
    found = blocks(trace(net, start))
    equations = derive(found, LOSSES[loss], divisor="N" if found[0].batched else "")
    sizes = tuple(size for size in start.sizes if isinstance(size, int))
    return equations, Checker(equations, LOSSES[loss], net, sizes)


def assert_right(proof: Proof) -> None:
    assert proof.wrong is None
    assert len(proof.residuals) > 1
    assert proof.engine <= proof.engine_bound
    assert proof.matrix is None or proof.matrix <= proof.engine_bound


@pytest.mark.parametrize("line", NETS)
def test_every_equation_is_right(line: str) -> None:
    assert_right(net_of(line)[1].proof())


def test_every_kind_of_layer_is_among_them() -> None:
    words = {block.word for line in NETS for block in net_of(line)[0].blocks}
    assert words == set(TENSORS)


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_every_activation(word: str) -> None:
    net = f"4 dense:5 {word} dense:3 {word}"
    assert_right(net_of(net)[1].proof())


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss: str) -> None:
    fused = LOSSES[loss].fused
    ending = fused[0] if fused else "sigmoid"
    assert_right(net_of(f"4 dense:5 tanh dense:3 {ending}", loss)[1].proof())


def test_a_loss_without_its_short_form() -> None:
    assert_right(net_of("4 dense:5 tanh dense:3 hardsigmoid", "bce")[1].proof())


@pytest.mark.parametrize("line", NETS)
def test_the_code_runs_and_says_the_same(line: str) -> None:
    equations, checker = net_of(line)
    proof = checker.proof()
    code = code_of(equations, {name: a.shape for name, a in proof.values.items()})
    space: dict[str, Any] = {name: proof.values[name] for name in checker.given}
    alone = equations.batch and not equations.blocks[0].batched
    if alone:
        space |= {name: space[name][None] for name in ("a1", "y")}
    exec(code, space)
    for equation in equations.lines:
        found = np.asarray(space[equation.symbol])
        expected = proof.values[equation.symbol]
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-12)


@pytest.mark.parametrize("line", ["3 dense:4 tanh dense:2 softmax", "4 dense:5 bn gelu dense:2"])
def test_the_code_for_pytorch_says_the_same(line: str) -> None:
    torch = pytest.importorskip("torch")
    equations, checker = net_of(line)
    values = checker.proof().values
    code = code_of(equations, {name: a.shape for name, a in values.items()}, "torch")
    space: dict[str, Any] = {name: torch.tensor(values[name]) for name in checker.given}
    if not equations.blocks[0].batched:
        space |= {name: space[name][None] for name in ("a1", "y")}
    exec(code, space)
    for equation in equations.lines:
        found, expected = space[equation.symbol].numpy(), values[equation.symbol]
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-12)


# Each planted mistake, as text in the index equations.
MISTAKES = [
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"\bdelta\[", "2*delta["),
    (r"1 - a", "a"),
    (r"\ba\[", "1.001*a["),
    (r"\bw\[", "0*w["),
]


def mutations(text: str) -> list[str]:
    return [
        changed for old, new in MISTAKES if (changed := re.sub(old, new, text, count=1)) != text
    ]


@pytest.mark.parametrize(
    "line", [n for n in NETS if not any(w in n for w in ("relu", "maxpool", "x3x4x3"))]
)
def test_a_mistake_in_any_equation_is_seen_and_named(line: str) -> None:
    equations, checker = net_of(line)
    tried = 0
    for place, equation in enumerate(equations.lines):
        if equation.stage not in (BACKWARD, GRADIENT):
            continue
        for text in mutations(equation.text.entries):
            lines = list(equations.lines)
            lines[place] = equation._replace(text=Text(text))
            checker.equations = equations._replace(lines=tuple(lines), matrix=False, batch=False)
            if _alike(checker, equations, equation.symbol):
                continue
            tried += 1
            wrong = checker.proof().wrong
            assert wrong is not None, f"{equation.target} = {text}"
            assert wrong.symbol == equation.symbol
    assert tried > 3


def _alike(checker: Checker, right: Equations, symbol: str) -> bool:
    """Whether a change leaves the values, as 2*0 for 0, or of an index that is 0 anyway."""
    arrays = [dict(checker.given), dict(checker.given)]
    own = checker.equations
    for place, equations in enumerate((own, right)):
        checker.equations = equations
        checker.forward(arrays[place])
        try:
            checker.backward(arrays[place])
        except (KeyError, ValueError):
            checker.equations = own
            return False
    checker.equations = own
    scale = float(np.max(np.abs(arrays[1][symbol])))
    return bool(np.allclose(arrays[0][symbol], arrays[1][symbol], atol=1e-8 * max(scale, 1e-3)))


@pytest.mark.parametrize("word", [w for w, rule in ACTIVATIONS.items() if w != "identity"])
def test_a_wrong_slope_of_an_activation_is_seen(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = ACTIVATIONS[word]
    monkeypatch.setitem(ACTIVATIONS, word, rule._replace(slope=f"1.01*({rule.slope})"))
    wrong = net_of(f"4 dense:20 {word} dense:3")[1].proof().wrong
    assert wrong is not None and wrong.symbol == "delta2"


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_derivative_of_a_loss_is_seen(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = LOSSES[loss]
    fused = (rule.fused[0], f"1.0001*({rule.fused[1]})") if rule.fused else None
    changed = rule._replace(slope=f"1.0001*({rule.slope})", fused=fused)
    monkeypatch.setitem(LOSSES, loss, changed)
    ending = fused[0] if fused else "sigmoid"
    wrong = net_of(f"4 dense:5 tanh dense:3 {ending}", loss)[1].proof().wrong
    assert wrong is not None and wrong.symbol == "delta3"


def test_the_matrix_view_is_read_again() -> None:
    equations, checker = net_of("2 dense:2 sigmoid dense:2 sigmoid")
    lines = [
        line._replace(text=line.text._replace(matrix="outer(a2, delta3)"))
        if line.symbol == "dW3"
        else line
        for line in equations.lines
    ]
    checker.equations = equations._replace(lines=tuple(lines))
    found = checker.proof().matrix
    assert found is not None and found > 1e-3


def test_pytorch_has_the_same_gradients() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn.functional
    checker = net_of("5 dense:4 gelu dense:3 softmax", "cross-entropy")[1]
    values = checker.proof().values
    tensors = {
        name: torch.tensor(values[name], requires_grad=name[0] in "Wb") for name in checker.given
    }
    hidden = nn.gelu(tensors["W2"] @ tensors["a1"] + tensors["b2"])
    logits = tensors["W3"] @ hidden + tensors["b3"]
    nn.cross_entropy(logits[None], tensors["y"][None]).backward()
    for name in ("W2", "b2", "W3", "b3"):
        gradient = tensors[name].grad.numpy()
        np.testing.assert_allclose(values[f"d{name}"], gradient, rtol=1e-10, atol=1e-15)


def test_the_numbers_of_the_notes_are_those_of_math() -> None:
    # One weight by hand, without any of the code above.
    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    hidden = [sigmoid(0.15 * 0.05 + 0.2 * 0.1 + 0.35), sigmoid(0.25 * 0.05 + 0.3 * 0.1 + 0.35)]
    output = sigmoid(0.4 * hidden[0] + 0.45 * hidden[1] + 0.6)
    expected = (output - 0.01) * output * (1 - output) * hidden[0]
    assert expected == pytest.approx(0.0821670405642308, rel=1e-14)
