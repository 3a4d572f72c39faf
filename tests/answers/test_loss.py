"""``dlcalc loss``: the figures of the notes, what is said, what is refused, the proof."""

from __future__ import annotations

import json
import math
from math import inf
from typing import Any

import pytest
from conftest import Run

from dlcalc import InputError, loss
from dlcalc.answers import loss_proof
from dlcalc.formulas.losses.registry import LOSSES


def value(name: str, **settings: Any) -> Any:
    return loss(name, **settings).value


# Figures that people quote.


def test_squares_of_the_issue() -> None:
    result = loss("mse", target="0,1", prediction="0.2,0.7")
    assert result.value == pytest.approx(0.065, rel=1e-14)
    assert result.document()["gradient"] == pytest.approx([0.2, -0.3])
    assert result.document()["second"] == [1, 1]
    assert result.plain().splitlines()[-1] == "mean        (0.04 + 0.09)/2 = 0.065"


def test_half_the_sum_of_squares_as_notes_have_it() -> None:
    notes = {"target": "1,0", "prediction": "0,1", "half": True, "reduction": "sum"}
    assert value("mse", **notes) == 1
    assert "half sum    1 by the convention" in loss("mse", target="1,0", prediction="0,1").plain()


def test_binary_cross_entropy_at_800() -> None:
    result = loss("bce", target="0", prediction="800", from_logits=True)
    assert result.value == 800
    assert result.naive == inf
    lines = result.plain().splitlines()
    assert "naive form   inf, the logarithm of a probability in float64" in lines
    assert lines[-1] == "loss         800"
    assert math.isnan(loss("bce", target="1", prediction="800", from_logits=True).naive)
    assert value("bce", target="1", prediction="800", from_logits=True) == 0
    rounded = loss("bce", target="0", prediction="30", from_logits=True).plain()
    assert "wrong by" in rounded


def test_cross_entropy_at_1000() -> None:
    result = loss("ce", target="1", prediction="1000,0", from_logits=True)
    assert result.value == 1000
    assert math.isnan(loss("ce", target="0", prediction="1000,0", from_logits=True).naive)
    assert (
        "naive form   nan" in loss("ce", target="0", prediction="1000,0", from_logits=True).plain()
    )


def test_gradient_of_cross_entropy_is_p_minus_y() -> None:
    document = loss("ce", target="2", prediction="0,0,0", from_logits=True).document()
    assert document["gradient"] == [pytest.approx([1 / 3, 1 / 3, -2 / 3])]
    assert document["value"] == pytest.approx(math.log(3))


@pytest.mark.parametrize(("z", "ratio", "figure"), [(6.0, 405.4, 0.00246), (10.0, 22_028, 4.54e-5)])
def test_a_saturated_sigmoid_stalls_squares(z: float, ratio: float, figure: float) -> None:
    squares = value("mse", half=True, target="0", prediction=str(z), through="sigmoid")
    crossed = value("bce", target="0", prediction=str(z), through="sigmoid")
    assert squares == pytest.approx(figure, rel=2e-3)
    assert crossed / squares == pytest.approx(ratio, rel=1e-4)
    assert value("bce", target="0", prediction="6", through="sigmoid") == pytest.approx(
        0.9975, abs=5e-5
    )


@pytest.mark.parametrize(
    ("target", "d", "figure", "slope"),
    [("1", "0.4", 0.16, 0.8), ("0", "0.4", 0.36, -1.2), ("0", "1.5", 0, 0)],
)
def test_contrastive(target: str, d: str, figure: float, slope: float) -> None:
    result = loss("contrastive", target=target, prediction=d, margin=1.0)
    assert result.value == pytest.approx(figure)
    assert result.document()["gradient"] == pytest.approx([slope])


@pytest.mark.parametrize(
    ("name", "settings", "minimiser"),
    [
        ("mse", {"target": "1,2,9"}, 4),
        ("mse", {"target": "1,2,9", "weights": "1,0,1"}, 5),
        ("mae", {"target": "1,2,9"}, 2),
        ("mae", {"target": "1,2,4,9"}, (2, 4)),
        ("quantile", {"target": "1,2,3,4,5,6,7,8,9,10", "q": 0.9}, (9, 10)),
        ("quantile", {"target": "1,2,3,4,10", "q": 0.9}, 10),
        ("huber", {"target": "0,0,10"}, 0.5),
        ("bce", {"target": "1,0,1,1"}, 0.75),
        ("bce", {"target": "1,0,1,1", "from_logits": True}, pytest.approx(math.log(3))),
        ("bce", {"target": "1,0", "weights": "1,3"}, 0.75),
        ("bce", {"target": "1,1", "label_smoothing": 0.5}, 0.75),
        ("bce", {"target": "1,1", "from_logits": True}, inf),
        ("bce", {"target": "0", "from_logits": True}, -inf),
        ("ce", {"target": "0,0,1,2"}, (0.5, 0.25, 0.25)),
        ("ce", {"target": "0,1", "weights": "1,3"}, (0.25, 0.75)),
        ("kl", {"target": "[[0.5,0.5],[1,0]]"}, (0.75, 0.25)),
        ("hinge", {"target": "1,1,-1"}, 1),
        ("hinge", {"target": "1,-1"}, (-1, 1)),
        ("hinge", {"target": "1,1", "margin": 2.0}, (2, inf)),
        ("contrastive", {"target": "1,1,0"}, pytest.approx(1 / 3)),
        ("contrastive", {"target": "0"}, (1, inf)),
        ("contrastive", {"target": "1"}, 0),
    ],
)
def test_minimisers(name: str, settings: dict[str, Any], minimiser: Any) -> None:
    assert value(name, **settings) == minimiser


def test_what_minimises_leaves_the_least_loss() -> None:
    """The least loss that is said is the loss of a net that always says the minimiser."""
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("mse", {"target": "1,2,9"}, "4,4,4"),
        ("bce", {"target": "1,0,1,1"}, "0.75,0.75,0.75,0.75"),
        ("bce", {"target": "1,0", "weights": "1,3"}, "0.75,0.75"),
        (
            "ce",
            {"target": "0,0,1"},
            f"[{','.join(['[0.6666666666666667,0.3333333333333333]'] * 3)}]",
        ),
        ("kl", {"target": "[[0.5,0.5],[1,0]]"}, "[[0.75,0.25],[0.75,0.25]]"),
        ("hinge", {"target": "1,1,-1"}, "1,1,1"),
    ]
    for name, settings, prediction in cases:
        least = loss(name, **settings).minimum.least
        assert value(name, prediction=prediction, **settings) == pytest.approx(least)


# What is printed.

QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("mse", {"target": "0,1", "prediction": "0.2,0.7"}),
    ("mae", {"target": "0,1", "prediction": "0.2,1"}),
    ("huber", {"target": "0,0", "prediction": "0.2,7"}),
    ("quantile", {"target": "0,0", "prediction": "0.2,-7", "q": 0.9}),
    ("bce", {"target": "0,1", "prediction": "0.2,0.7"}),
    ("bce", {"target": "0,1", "prediction": "-2,800", "from_logits": True}),
    ("bce", {"target": "0,1", "prediction": "-2,3", "weights": "1,2", "from_logits": True}),
    ("ce", {"target": "1", "prediction": "0.2,0.8"}),
    ("ce", {"target": "2,0", "prediction": "[[1,2,3],[1,0,0]]", "from_logits": True}),
    ("ce", {"target": "0.5,0.5", "prediction": "-1,3", "from_logits": True}),
    ("ce", {"target": "1", "prediction": "-1,3", "from_logits": True, "weights": "1,2"}),
    ("hinge", {"target": "-1,1", "prediction": "0.2,7"}),
    ("kl", {"target": "0.5,0.5", "prediction": "0.2,0.8"}),
    ("kl", {"target": "0.5,0.5", "prediction": "-0.2,0.8", "from_logits": True}),
    ("contrastive", {"target": "0,1", "prediction": "0.2,7"}),
]


@pytest.mark.parametrize(("name", "settings"), QUESTIONS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_answers_fit_80_columns(name: str, settings: dict[str, Any], reduction: str) -> None:
    result = loss(name, reduction=reduction, **settings)
    lines = result.plain().splitlines()
    assert max(map(len, lines)) <= 80, lines
    last = lines[-1].split()
    if reduction == "none":
        assert f"{result.document()['losses'][-1]:.6g}" in last
    else:
        assert last[-1] == f"{result.value:.6g}"


@pytest.mark.parametrize(("name", "settings"), QUESTIONS)
def test_formulas_can_be_pasted(name: str, settings: dict[str, Any]) -> None:
    import subprocess
    import sys

    result = loss(name, reduction="none", **settings)
    pairs = zip(result.data.targets, result.data.predictions)
    lines = ["from math import *", *(f"print({result.loss.numbers(t, x)})" for t, x in pairs)]
    done = subprocess.run(
        [sys.executable, "-"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    said = list(map(float, done.stdout.split()))
    assert said == pytest.approx(result.document()["losses"], rel=1e-9, abs=1e-12)


def test_every_loss_is_shown() -> None:
    assert {name for name, _ in QUESTIONS} == set(LOSSES)


def test_json_is_json() -> None:
    document = json.loads(loss("bce", target="1", prediction="0").json())
    assert (document["value"], document["gradient"]) == ("inf", ["-inf"])
    document = json.loads(loss("hinge", target="1").json())
    assert (document["minimiser"]["low"], document["minimiser"]["high"]) == (1, "inf")
    document = json.loads(loss("mse", target="0", through="sigmoid").json())
    assert [point["z"] for point in document["points"]][-1] == 10
    document = json.loads(loss("ce", target="1", prediction="9,1000", from_logits=True).json())
    assert document["naive"] == "nan"


def test_what_is_true_and_was_called_impossible_costs_inf() -> None:
    result = loss("bce", target="1", prediction="0")
    assert result.value == inf
    assert "PyTorch cuts" in result.notes[0]
    assert value("bce", target="1", prediction="1") == 0
    assert value("kl", target="1,0", prediction="0.5,0.5") == pytest.approx(math.log(2))
    assert value("kl", target="1,0", prediction="0,1") == inf


def test_through_shows_why_cross_entropy_learns() -> None:
    text = loss("mse", half=True, target="0", through="sigmoid").plain()
    assert "most wrong  22028.5 times as much gradient by bce at z = 10" in text
    assert max(map(len, text.splitlines())) <= 80
    other = loss("mae", target="1", through="tanh", prediction="0,3")
    assert other.value == pytest.approx((-1, -(1 - math.tanh(3) ** 2)))
    assert "bce" not in other.plain()
    own = loss("bce", target="1", through="sigmoid", prediction="-800,800")
    assert own.value == (-1, 0)


# What is refused.

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("msee", {"target": "1"}, "msee is not a loss"),
    ("mse", {}, "no targets are given"),
    ("mse", {"target": ""}, "--target is empty"),
    ("mse", {"target": []}, "--target is empty"),
    ("mse", {"target": "1", "prediction": ""}, "--prediction is empty"),
    ("mse", {"target": "1", "prediction": "1,2"}, "must be as many: they are 1 and 2"),
    ("mse", {"target": "[[1,2]]", "prediction": "1,2"}, "must be as many: they are 1x2 and 2"),
    ("mse", {"target": "nan", "prediction": "1"}, "--target holds nan"),
    ("mse", {"target": "1", "prediction": "inf"}, "--prediction holds inf"),
    ("mse", {"target": "1e200", "prediction": "0"}, "beyond every float"),
    ("mse", {"target": "[[1,2],[3]]"}, "a row has 1"),
    ("mse", {"target": [[1, 2], [3]]}, "rows of several lengths"),
    ("mse", {"target": "1", "delta": 2.0}, "mse takes no --delta"),
    ("mse", {"target": "1", "from_logits": True}, "mse takes no --from-logits"),
    ("huber", {"target": "1", "delta": 0.0}, "--delta must be a number above 0"),
    ("huber", {"target": "1", "delta": math.nan}, "--delta must be a number above 0"),
    ("quantile", {"target": "1", "q": 1.0}, "--q must be a number between 0 and 1"),
    ("hinge", {"target": "1", "margin": -1.0}, "--margin must be a number above 0"),
    ("bce", {"target": "1", "label_smoothing": 1.5}, "--label-smoothing must be"),
    ("mse", {"target": "1", "reduction": "median"}, "--reduction must be mean, sum or none"),
    ("mse", {"target": "1,2", "weights": "1"}, "1 weights for 2 targets"),
    ("mse", {"target": "1", "weights": "0"}, "all weights are 0"),
    ("mse", {"target": "1", "weights": "-1"}, "a weight cannot be below 0"),
    ("kl", {"target": "1,0", "weights": "1,1"}, "kl takes no --weights"),
    ("bce", {"target": "2", "prediction": "0.5"}, "from 0 to 1, not 2"),
    ("bce", {"target": "1", "prediction": "2"}, "a probability from 0 to 1, not 2"),
    ("bce", {"target": "1", "prediction": "0.5", "weights": "1"}, "has 2 weights"),
    ("ce", {"target": "3", "prediction": "0.2,0.8"}, "class 3 does not exist"),
    ("ce", {"target": "-1", "prediction": "0.2,0.8"}, "class -1 does not exist"),
    ("ce", {"target": "1", "prediction": "0.2,0.7"}, "sums to 0.9, not to 1"),
    ("ce", {"target": "1", "prediction": "-0.2,1.2"}, "which is no probability"),
    ("ce", {"target": "0.5,0.4", "prediction": "0.2,0.8"}, "the target sums to 0.9"),
    ("ce", {"target": "1.5", "prediction": "0.2,0.8"}, "a class is a whole number"),
    ("ce", {"target": "0,1,0", "prediction": "[[0.2,0.8],[0.5,0.5]]"}, "3 targets for 2"),
    ("ce", {"target": "0", "prediction": "0.2,0.8", "weights": "1,1,1"}, "3 weights for 2"),
    ("ce", {"target": "1e10"}, "too many"),
    ("ce", {"target": "0", "prediction": "[[[1]]]"}, "has 3 axes"),
    ("kl", {"target": "1", "prediction": "0.5,0.5"}, "do not fit"),
    ("hinge", {"target": "0", "prediction": "1"}, "-1 or 1, not 0"),
    ("contrastive", {"target": "1", "prediction": "-1"}, "the distance of a pair"),
    ("contrastive", {"target": "0.5", "prediction": "1"}, "belongs together"),
    ("mse", {"target": "-", "prediction": "-"}, "cannot be both"),
    ("mse", {"target": "0", "through": "softmax"}, "a function of one number"),
    ("ce", {"target": "0", "through": "sigmoid"}, "a function of one number"),
    ("bce", {"target": "0", "through": "tanh"}, "which is no probability"),
    ("bce", {"target": "0", "through": "sigmoid", "from_logits": True}, "both say"),
    ("mse", {"target": "0,1", "through": "relu"}, "2 targets for 9 numbers"),
    ("mse", {"target": "0", "through": "relu", "weights": "1"}, "takes no --weights"),
    ("mse", {"target": "0", "through": "rely"}, "rely is not an activation"),
    ("mse", {"target": "0", "verify": True}, "--verify needs predictions"),
]


@pytest.mark.parametrize(("name", "settings", "rule"), REFUSED)
def test_refusals(name: str, settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError) as caught:
        loss(name, **settings)
    assert rule in caught.value.rule


# The proof.


@pytest.mark.parametrize(("name", "settings"), QUESTIONS)
def test_the_engine_agrees(name: str, settings: dict[str, Any]) -> None:
    result = loss(name, verify=True, **settings)
    assert not result.failure
    assert [finding.passed for finding in result.findings] == [True, True]
    assert result.plain().count("verified") == 2
    assert max(map(len, result.plain().splitlines())) <= 80


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "quantile", "hinge", "contrastive", "bce"])
@pytest.mark.parametrize("through", ["sigmoid", "hardsigmoid"])
def test_the_engine_passes_the_same(name: str, through: str) -> None:
    result = loss(name, target="1", through=through, verify=True)
    assert not result.failure
    assert len(result.findings) == 1


def test_the_engine_passes_trained_slopes_and_arguments() -> None:
    for word in ("prelu:0.3", "elu:0.5", "leaky_relu:-0.2"):
        assert not loss("mse", target="1", through=word, verify=True).failure


def test_what_cannot_be_verified_is_said() -> None:
    result = loss("ce", target="1", prediction="1,0", verify=True)
    assert not result.failure
    assert "not reached" in result.plain()
    assert "verified" not in result.plain()


def test_each_guard_can_fail() -> None:
    result = loss("mse", target="0,1", prediction="0.2,0.7")
    good = result.terms[0]
    wrong = {
        "value and gradient": good._replace(value=good.value + 1e-9),
        "derivatives": good._replace(second=(2.001,)),
    }
    for name, term in wrong.items():
        result.terms[0] = term
        assert [f.name for f in loss_proof.prove(result) if not f.passed] == [name]
    result.terms[0] = good
    assert all(f.passed for f in loss_proof.prove(result))
    passed = loss("mse", target="0", through="sigmoid", prediction="1,2")
    passed.reached[0] += 1e-9
    passed.verify()
    assert "the second computation disagrees on what reaches z" in passed.failure


# The command.


def test_the_command(run: Run) -> None:
    asked = ["loss", "mse", "--target", "0,1", "--prediction", "0.2,0.7"]
    assert run(*asked, "--expect", "0.065").returncode == 0
    assert run(*asked, "--expect", "0.066").returncode == 1
    assert run(*asked, "--reduction", "sum", "--expect", "0.13").returncode == 0
    assert run(*asked, "--reduction", "none", "--expect", "0.04,0.09").returncode == 0
    assert run(*asked, "--verify").returncode == 0
    median = run("loss", "mae", "--target", "1,2,9", "-q")
    assert (median.returncode, median.stdout) == (0, "2.0\n")
    note = run("loss", "bce", "--target", "1", "--prediction", "0", "-q")
    assert note.stdout == "inf\n"


def test_lines(run: Run) -> None:
    lines = "mse 0,1 0.5,1\nmae 1,2,9\nce 1 [[0.5,0.5]]\nmse - 1\nmse 1 2 3\n"
    done = run("loss", "-", stdin=lines)
    assert done.stdout == "0.125\n2.0\n0.6931471805599453\n\n\n"
    assert done.returncode == 2
    assert "NAME TARGET PREDICTION" in done.stderr
    logits = run("loss", "-", "--from-logits", stdin="bce 0 800\n")
    assert logits.stdout == "800.0\n"


def test_targets_from_standard_input_and_files(run: Run, tmp_path: Any) -> None:
    done = run("loss", "mse", "--target", "-", "--prediction", "[[1],[2]]", "-q", stdin="1\n4\n")
    assert done.stdout == "2.0\n"
    (tmp_path / "p.csv").write_text("a,b\n0.5,0.5\n0.2,0.8\n")
    done = run("loss", "ce", "--target", "0,1", "--prediction", "p.csv", "-q", cwd=tmp_path)
    assert float(done.stdout) == pytest.approx((math.log(2) - math.log(0.8)) / 2)


@pytest.mark.parametrize(
    "words",
    [
        ["loss"],
        ["loss", "mse", "mae"],
        ["loss", "mse"],
        ["loss", "-", "--target", "1"],
        ["loss", "mse", "--target", "1", "--q", "x"],
        ["loss", "mse", "--target", "nothing.csv"],
    ],
)
def test_unusable(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dlcalc: ")
    assert "Traceback" not in done.stderr
