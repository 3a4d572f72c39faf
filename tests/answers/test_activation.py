"""``dlcalc activation``: the figures of the notes, what is said, what is refused, the proof."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from conftest import Run

from dlcalc import InputError, activation
from dlcalc.answers import activation_proof
from dlcalc.answers.activation_facts import Facts, power
from dlcalc.formulas.activations.base import Piece
from dlcalc.formulas.activations.registry import ACTIVATIONS
from dlcalc.formulas.activations.registry import activation as named


def value(*words: str, **settings: Any) -> Any:
    return activation(*words, **settings).value


# Figures that people quote.


def test_sigmoid_at_points() -> None:
    assert value("sigmoid", at="-2,0,3") == pytest.approx((0.119203, 0.5, 0.952574), abs=5e-7)
    assert value("sigmoid", at="0", of="derivative") == 0.25
    assert value("sigmoid", at="10", of="derivative") == pytest.approx(4.54e-5, rel=1e-3)
    # s*(1 - s) would be 0 here: s is rounded to 1.
    assert value("sigmoid", at="40", of="derivative") == math.exp(-40)
    assert value("sigmoid") == 0.25


@pytest.mark.parametrize(
    ("word", "of", "figure"),
    [
        ("sigmoid", "left", 0.25**20),
        ("tanh", "largest", 1),
        ("relu", "largest", 1),
        ("relu", "mean", 0.39894),
        ("relu", "deviation", 0.5838),
        ("elu", "mean", 0.1605),
        ("tanh", "mean", 0),
        ("sigmoid", "mean", 0.5),
        ("selu", "mean", 0),
        ("selu", "deviation", 1),
        ("relu", "gain", math.sqrt(2)),
        ("tanh", "gain", 1.5925),
        ("relu", "left-normal", 0.5**10),
        ("identity", "left", 1),
        ("leaky_relu:0.2", "gain", math.sqrt(2 / 1.04)),
    ],
)
def test_figures(word: str, of: str, figure: float) -> None:
    assert value(word, of=of) == pytest.approx(figure, abs=5e-5 if figure < 1e3 else 0)


def test_ten_sigmoids_leave_a_millionth() -> None:
    assert value("sigmoid", depth=10, of="left") == pytest.approx(9.5e-7, rel=5e-3)


def test_tanh_separates_near_zero_and_sigmoid_far_out() -> None:
    def apart(word: str, at: str) -> float:
        low, high = value(word, at=at)
        return float(high - low)

    assert apart("tanh", "-0.05,0.05") == pytest.approx(0.0999, abs=5e-5)
    assert apart("sigmoid", "-0.05,0.05") == pytest.approx(0.0250, abs=5e-5)
    assert apart("sigmoid", "3,4") == pytest.approx(0.0294, abs=5e-5)
    assert apart("tanh", "3,4") == pytest.approx(0.0043, abs=5e-5)
    crossing = value(compare="sigmoid,tanh")
    assert [round(x, 5) for x in crossing] == [-1.66289, 1.66289]


# What is printed.


def test_the_card_of_sigmoid() -> None:
    lines = activation("sigmoid", at="-2,0,3").plain().splitlines()
    assert lines[0] == "sigmoid        1/(1 + exp(-x))"
    assert "range          0 < f < 1" in lines
    assert "monotone       yes, rises everywhere" in lines
    assert "smooth         analytic, without kinks" in lines
    assert lines[-4].split() == ["x", "value", "derivative", "second"]
    assert lines[-1].split() == ["3", "0.952574", "0.0451767", "-0.0408916"]


@pytest.mark.parametrize("word", [*ACTIVATIONS, "elu:2", "leaky_relu:-0.5"])
@pytest.mark.parametrize("settings", [{}, {"at": "-2,0,3"}, {"depth": 3000, "epsilon": 1e-9}])
def test_every_card_fits_80_columns(word: str, settings: dict[str, Any]) -> None:
    lines = activation(word, **settings).plain().splitlines()
    formulas = {"mish", "selu"}
    wide = [line for line in lines if len(line) > 80]
    assert not wide or word in formulas, wide
    assert len(wide) <= 1


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("relu", "kinked         at 0 the slope jumps from 0 to 1; PyTorch takes 0"),
        ("elu", "smooth         at 0 the second derivative jumps from 1 to 0; PyTorch takes 0"),
        ("relu", "monotone       yes, never falls; constant for x <= 0"),
        ("gelu", "monotone       no, falls for x < -0.751792"),
        ("hardswish", "largest slope  1.5 close to x = 3"),
        ("softplus", "largest slope  1 approached as x grows"),
        ("tanh", "zero-centred   yes, mean 0 over standard normal inputs"),
        ("relu", "flat           slope below 0.01 for x <= 0"),
        ("identity", "flat           slope below 0.01 nowhere"),
        ("gelu", "               PyTorch advises none"),
        ("prelu:-1", "monotone        no, falls for x <= 0"),
        ("leaky_relu:1", "smooth        analytic, without kinks"),
    ],
)
def test_what_is_said(word: str, told: str) -> None:
    assert told.split() in [line.split() for line in activation(word).plain().splitlines()]


def test_json_is_json() -> None:
    document = json.loads(activation("softplus", at="-inf,0,inf").json())
    assert document["range"] == {"low": 0, "high": None, "low_in": False, "high_in": False}
    assert document["largest_slope_approached_at"] == ["inf"]
    assert document["points"][2] == {"x": "inf", "value": "inf", "derivative": 1, "second": 0}
    document = json.loads(activation(compare="relu,tanh", at="1").json())
    assert [each["activation"] for each in document["activations"]] == ["relu", "tanh"]
    assert document["crossings"][1] == {
        "first": "relu",
        "second": "tanh",
        "of": "derivative",
        "at": [0.0],
    }


def test_powers_beyond_every_float() -> None:
    assert power(0.25, 2_000) == "7.5861e-1205"
    assert power(1.5, 10_000) == "8.1769e1760"
    assert power(0.0, 3) == 0
    assert power(2.0, 0) == 1


def test_a_drawing_is_drawn() -> None:
    lines = activation("tanh", plot=True).plain().splitlines()
    assert len(lines) > 25
    assert all(len(line) <= 80 for line in lines)
    assert "derivative" in lines[0]
    several = activation(compare="tanh,sigmoid", plot=True).plain()
    assert "tanh" in several.splitlines()[0]


def test_comparisons() -> None:
    result = activation("sigmoid", compare="tanh,relu", at="-3,3")
    lines = result.plain().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["sigmoid", "tanh", "relu"]
    assert lines[-3].split() == ["slopes", "cross", "sigmoid", "tanh", "|x|", "=", "1.66289"]
    assert result.terse().splitlines()[0].startswith("sigmoid tanh -1.6628858910586")
    assert activation(compare="tanh,relu", of="value").terse() == ""


# What is refused.


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"name": ""}, "no activation is named"),
        ({"name": "tanh", "at": ""}, "--at is empty"),
        ({"name": "tanh", "at": []}, "--at is empty"),
        ({"name": "tanh", "at": "nan"}, "--at holds nan"),
        ({"name": "tanh", "at": "1,,2"}, "an empty part is not a number"),
        ({"name": "tanh", "depth": -1}, "--depth must be from 0"),
        ({"name": "tanh", "depth": 10**10}, "--depth must be from 0"),
        ({"name": "tanh", "epsilon": 0.0}, "--epsilon must be a number above 0"),
        ({"name": "tanh", "epsilon": math.nan}, "--epsilon must be a number above 0"),
        ({"name": "tanh", "of": "valeu"}, "no such answer"),
        ({"name": "tanh", "of": "value"}, "--of value needs points"),
        ({"compare": "tanh"}, "nothing to be compared with"),
        ({"name": "tanh", "compare": "tanh"}, "nothing to be compared with"),
        ({"compare": "tanh,"}, "an empty word is not an activation"),
        ({"compare": "tanh,relu", "verify": True}, "--verify is about one activation"),
        ({"compare": "tanh,relu", "of": "mean"}, "no such answer"),
        ({"name": "leaky_relu:1e99", "at": "-1e300"}, "beyond every float"),
        ({"compare": [f"elu:{n}" for n in range(30)]}, "at most 20"),
    ],
)
def test_refusals(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError) as caught:
        activation(**settings)
    assert rule in caught.value.rule


# The proof.


@pytest.mark.parametrize("word", [*ACTIVATIONS, "elu:2.5", "leaky_relu:-0.3", "prelu:-0.1"])
def test_the_engine_and_sympy_agree(word: str) -> None:
    result = activation(word, at="-800,-3.3,0,0.7,800,inf", verify=True)
    assert not result.failure
    assert len(result.findings) == 5
    assert all(finding.passed for finding in result.findings)
    assert result.plain().count("verified") == 5
    said = [line for line in result.plain().splitlines() if line.startswith("verified")]
    assert max(map(len, said)) <= 80
    assert all(part["passed"] for part in result.document()["verification"])


def bent(**changes: Any) -> list[str]:
    """What fails if an activation says something wrong of itself."""
    sigmoid = named("sigmoid")
    (piece,) = sigmoid.pieces
    parts = {key: change for key, change in changes.items() if key in Piece._fields}
    others = {key: change for key, change in changes.items() if key not in parts}
    wrong = sigmoid._replace(pieces=(piece._replace(**parts),), **others)
    return [f.name for f in activation_proof.prove(Facts(wrong, 20, 0.01), ()) if not f.passed]


def test_each_guard_can_fail() -> None:
    (piece,) = named("sigmoid").pieces
    assert not bent()
    symbolic = "value and derivatives"
    assert symbolic in bent(value=lambda x: piece.value(x) * (1 + 1e-9))
    assert "value and slope" in bent(value=lambda x: piece.value(x) + 1e-9)
    assert "slope" in bent(slope=lambda x: piece.slope(x) + 1e-9)
    assert bent(curvature=lambda x: piece.curvature(x) * (1 + 1e-8)) == [symbolic]
    assert bent(derivative="exp(-x)/(1 + exp(-x))") == [symbolic]
    assert bent(formula="1/(1 + exp(-2*x))") == [symbolic]
    assert "largest slope" in bent(
        slope=lambda x: piece.slope(x) / 2, curvature=lambda x: piece.curvature(x) / 2
    )
    assert "means" in bent(value=lambda x: piece.value(x) + 1e-4)


def test_a_disagreement_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation_proof, "_EXACT", -1.0)
    result = activation("tanh", verify=True)
    assert "the second computation disagrees on value and slope" in result.failure


# The command.


def test_the_command(run: Run) -> None:
    done = run("activation", "sigmoid", "-2,0,3", "-q")
    assert done.stdout == "0.11920292202211755,0.5,0.9525741268224334\n"
    assert run("activation", "sigmoid", "--at", "-2,0,3", "-q").stdout == done.stdout
    asked = ["activation", "sigmoid", "--at", "0", "--of", "derivative", "--expect"]
    assert run(*asked, "0.25").returncode == 0
    assert run(*asked, "0.26").returncode == 1
    crossed = ["activation", "--compare", "tanh,sigmoid", "-q", "--expect"]
    assert run(*crossed, "-1.66289,1.66289").returncode == 0
    assert run(*crossed, "-1.66289,1.6629").returncode == 0
    assert run(*crossed, "-1.66289,1.6630").returncode == 1
    three = run("activation", "--compare", "tanh,sigmoid,relu", "--expect", "1")
    assert three.returncode == 1 and "compare just two" in three.stderr


def test_points_from_standard_input_and_files(run: Run, tmp_path: Any) -> None:
    assert run("activation", "relu", "--at", "-", "-q", stdin="-1\n2\n").stdout == "0.0,2.0\n"
    (tmp_path / "x.csv").write_text("x\n-1\n3\n")
    assert run("activation", "relu", "--at", "x.csv", "-q", cwd=tmp_path).stdout == "0.0,3.0\n"


def test_lines(run: Run) -> None:
    done = run("activation", "-", stdin="tanh 0,1\n# nothing\nrelu\nsigmod 1\nrelu /etc/hosts\n")
    assert done.stdout == "0.0,0.7615941559557649\n\n1\n\n\n"
    assert done.returncode == 2
    assert "Did you mean sigmoid?" in done.stderr
    assert "/etc/hosts is not a number" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["activation"],
        ["activation", "relu", "1", "2"],
        ["activation", "relu", "1", "--at", "2"],
        ["activation", "softmax"],
        ["activation", "relu", "--depth", "x"],
        ["activation", "relu", "--at", "nothing.csv"],
    ],
)
def test_unusable(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dlcalc: ")
    assert "Traceback" not in done.stderr
