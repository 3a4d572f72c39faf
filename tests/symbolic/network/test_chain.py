"""Chains of partial derivatives, the numbers of the notes, and their misprints shown wrong."""

from __future__ import annotations

import pytest

from dlcalc.answers.grad_net import grad_net
from dlcalc.errors import ClaimError, InputError
from dlcalc.expr.tree import Binary
from dlcalc.symbolic.network import chain as chains
from dlcalc.symbolic.network.rules import ACTIVATIONS, LOSSES


def number(wrt: str, unit: int = 0) -> float:
    result = grad_net("2-2-2", wrt=[wrt], at="notes", unit=unit)
    assert not result.failure
    value = result.value
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize(
    ("wrt", "unit", "expected"),
    [
        ("w[3,1,1]", 0, 0.0821670405642308),
        ("w[3,1,1]", 1, 0.0821670405642308),
        ("w[2,1,1]", 1, 0.000668396),
        ("w[2,1,1]", 2, -0.000229828),
        ("w[2,1,1]", 0, 0.000438568),
        ("b[2,1]", 0, 0.0087714),
        ("b[2,2]", 0, 0.0099543),
        ("w[3,2,1]", 1, 0.0),
    ],
)
def test_the_numbers_of_the_notes(wrt: str, unit: int, expected: float) -> None:
    assert number(wrt, unit) == pytest.approx(expected, rel=2e-5, abs=1e-15)


def test_both_errors_add_up() -> None:
    assert number("w[2,1,1]", 1) + number("w[2,1,1]", 2) == pytest.approx(number("w[2,1,1]"))


RIGHT = "(a[3,1] - y[1])*a[3,1]*(1 - a[3,1])*w[3,1,1]*a[2,1]*(1 - a[2,1])*a[1,1]"
#: The gradient of w[2,1,1] as printed: another weight's, and with a bracket closed at the end.
MISPRINTS = [
    "(a[3,1] - y[1])*a[3,1]*(1 - a[3,1])*a[2,1]",
    "(a[3,1] - y[1])*sigmoid(z[3,1])*(1 - sigmoid(z[3,1])*w[3,1,1]*sigmoid(z[2,1])"
    "*(1 - sigmoid(z[2,1]))*a[1,1])",
]


@pytest.mark.parametrize("at", ["", "notes"])
def test_the_derivation_is_recognised_and_its_misprints_are_not(at: str) -> None:
    result = grad_net("2-2-2", wrt=["w[2,1,1]"], unit=1, at=at)
    assert result.meets(RIGHT)
    for text in MISPRINTS:
        with pytest.raises(ClaimError, match="not the gradient"):
            result.meets(text)


def test_a_claim_about_a_tensor() -> None:
    result = grad_net("3-4-2", wrt=["W2"], activation="tanh")
    assert result.meets("outer((W3.T@delta3)*(1 - a2^2), x)")
    with pytest.raises(ClaimError, match="4x3"):
        result.meets("outer(x, delta2)")
    with pytest.raises(ClaimError, match="entry"):
        result.meets("outer(delta2, x)*1.001")
    with pytest.raises(InputError, match="whole tensors"):
        result.meets("delta[2,1]")


@pytest.mark.parametrize("word", [w for w in ACTIVATIONS if w != "identity"])
@pytest.mark.parametrize("wrt", ["w[2,1,2]", "b[3,2]", "z[2,1]", "a[2,2]", "x[1]"])
def test_every_activation_unit_by_unit(word: str, wrt: str) -> None:
    result = grad_net(f"2 dense:2 {word} dense:2 {word}", wrt=[wrt])
    assert not result.failure
    assert all(step.residual is None or step.residual < 1e-4 for step in result.steps)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_unit_by_unit(loss: str) -> None:
    assert not grad_net("2-3-2", wrt=["w[2,1,1]"], loss=loss).failure


def test_wide_layers_stay_short() -> None:
    result = grad_net("2-300-200-3", wrt=["w[2,7,1]"], activation="tanh")
    assert result.value == "delta[2,7]*a[1,1]"
    assert not result.failure
    assert len(result.plain()) < 2_000


def test_a_wrong_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "times", lambda left, slope: Binary("*", left, left))
    result = grad_net("2-2-2", wrt=["w[2,1,1]"])
    assert "is wrong" in result.failure
    assert "dE/dz[3,2] = dE/da[3,2]*da[3,2]/dz[3,2] is wrong" in result.failure


@pytest.mark.parametrize(
    ("wrt", "rule"),
    [
        ("w[4,1,1]", "count from 2 to 3"),
        ("w[1,1,1]", "count from 2 to 3"),
        ("w[2,3,1]", "layer 2 has units 1 to 2"),
        ("w[2,1,3]", "layer 1 has units 1 to 2"),
        ("w[2,1]", r"is not w\[l,j,k\]"),
        ("w[l,1,1]", "neither a weight nor a unit"),
        ("q[1]", r"is not w\[l,j,k\]"),
        ("W9", "no tensor"),
    ],
)
def test_what_is_not_there_is_refused(wrt: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        grad_net("2-2-2", wrt=[wrt])


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"net": "2-2", "unit": 3, "wrt": ["w[2,1,1]"]}, "must be 1 to 2"),
        ({"net": "2-2", "unit": 1}, "one weight"),
        ({"net": "2-2", "loss": "ce", "unit": 1, "wrt": ["w[2,1,1]"]}, "softmax"),
        ({"net": "2-2", "loss": "mze"}, "no loss mze"),
        ({"net": "0-2"}, "from 1"),
        ({"net": "2-2-2", "activation": "relu,tanh,relu"}, "names 3"),
        ({"net": "3 dense:2", "activation": "relu"}, "names its own"),
        ({"net": "2-3-1", "at": "notes"}, "2-2-2"),
        ({"net": "2-2", "at": "x=[1,2]"}, "no numbers for"),
        ({"net": "2-2", "at": "x=[1,2,3];y=0;W2=1;b2=0"}, "sizes"),
        ({"net": "2-2", "at": "q=1"}, "no letter"),
        ({"net": "2-2", "at": "x"}, "NAME=NUMBERS"),
        ({"net": "2-2", "at": "x=what"}, "x=what"),
        ({"net": "3 dense:2 dropout dense:2"}, "dropout"),
        ({"net": "4x8 conv:4,k3,g2"}, "without groups"),
        ({"net": "conv:4,k3"}, "input is missing"),
        ({"net": "4x3 lstm:4 last"}, "lstm"),
        ({"net": "4x3 rnn:2,act=sigmoid last"}, "with tanh"),
        ({"net": "9000 dense:9000"}, "larger"),
        ({"net": "Fx3 rnn:2 last"}, "numbers for all sizes"),
        ({"net": "5 dense:3 tanh", "loss": "ce"}, "needs softmax"),
    ],
)
def test_bad_questions(arguments: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        grad_net(**arguments)  # type: ignore[arg-type]


def test_numbers_entry_by_entry() -> None:
    at = "x=[.05,.1];y[1]=.01;y[2]=.99;w[2,1,1]=.15;w[2,1,2]=.2;w[2,2,1]=.25;w[2,2,2]=.3"
    at += ";b2=.35;W3=[[.4,.45],[.5,.55]];b[3,1]=.6;b[3,2]=.6"
    assert grad_net("2-2-2", wrt=["w[3,1,1]"], at=at).value == number("w[3,1,1]")


def test_the_answer_as_json_and_text() -> None:
    result = grad_net("2-2-2", wrt=["w[3,1,1]"], at="notes")
    document = result.document()
    assert document["loss"] == "mse"
    assert document["gradient"][0]["value"] == number("w[3,1,1]")  # type: ignore[index]
    assert "half the sum of squares" in result.plain()
    assert result.plain().splitlines()[-1].startswith("dE/dw[3,1,1] = 0.0821670")
