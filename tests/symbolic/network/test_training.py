"""Training by derived equations goes where the engine's own backward pass goes."""

from __future__ import annotations

import re

import pytest

from dlcalc.answers.train import train
from dlcalc.errors import InputError
from dlcalc.symbolic.network import rules
from dlcalc.symbolic.network.rules import ACTIVATIONS, TRAINED


def difference(*words: str, **options: object) -> float:
    """The largest difference of any parameter after 200 steps."""
    result = train(*words, derived=True, epochs=200, batch=0, samples=40, **options)  # type: ignore[arg-type]
    assert not result.failure
    found = next(finding for finding in result.findings if finding.name == "derived")
    assert found.document["steps"] == 200
    value = found.document["largest_difference"]
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize("word", [*ACTIVATIONS, "softmax", "log_softmax"])
def test_every_activation(word: str) -> None:
    assert difference(f"moons dense:6 {word} dense:2") <= 1e-12


@pytest.mark.parametrize("loss", TRAINED)
def test_every_loss(loss: str) -> None:
    classes = loss in ("cross_entropy", "hinge", "binary_cross_entropy")
    words = "moons dense:6 tanh dense:2" if classes else "sine dense:6 tanh dense:1"
    assert difference(words, loss=loss.replace("_", "-")) <= 1e-12


def test_a_wrong_equation_trains_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = ACTIVATIONS["tanh"]
    monkeypatch.setitem(rules.ACTIVATIONS, "tanh", rule._replace(slope="1 - a**3"))
    result = train("xor", derived=True, epochs=50)
    assert "the second computation disagrees on derived" in result.failure


@pytest.mark.parametrize(
    ("words", "loss", "rule"),
    [
        ("moons dense:4 dropout dense:2", None, "dropout"),
        ("moons dense:4 bn relu dense:2", "multiclass-hinge", "multiclass-hinge"),
        ("glyphs conv:2,k3 relu flatten dense:10", None, "without conv"),
    ],
)
def test_what_has_no_equations_is_refused(words: str, loss: str | None, rule: str) -> None:
    with pytest.raises(InputError, match=re.escape(rule)):
        train(*words.split(), derived=True, loss=loss, epochs=1)
