"""``dlcalc softmax`` as a process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import Run

import dlcalc
import dlcalc.engine.softmax
from dlcalc.answers.softmax import softmax
from dlcalc.answers.softmax_proof import verified
from dlcalc.formulas.ieee import FORMATS


def test_all_types_side_by_side(run: Run) -> None:
    done = run("softmax", "1000,1001,1002")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "softmax         0.090030573,0.24472847,0.66524096"
    for method in ("naive", "shifted", "epsilon", "log-softmax", "log-sum-exp"):
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{method}  "))
        named = [line.split()[0] for line in lines[at + 1 : at + 6]]
        assert named == [*FORMATS, "exact"]
    assert sum(" overflow " in line for line in lines) == 8
    assert "bfloat16 holds  1000,1000,1000" in lines


def test_the_limits_are_shown(run: Run) -> None:
    shown = run("softmax", "1,2").stdout
    for figure in ("11.0859375", "-17.328", "88.5", "-92.5", "88.7228317", "-103.972"):
        assert figure in shown
    assert "709.782712893384" in shown
    assert "-745.1332" in shown


def test_a_type_shows_each_value_beside_its_exact_one(run: Run) -> None:
    done = run("softmax", "1000,1001,1002", "--dtype", "float16", "--digits", "50")
    assert "0.090030573170380458" in run("softmax", "1000,1001,1002", "--dtype", "float16").stdout
    # Fifty digits of 1/(1 + e + e**2), as mpmath has them.
    assert "0.090030573170380457998022101484491797867930864911467" in done.stdout
    assert len([line for line in done.stdout.splitlines() if "overflow" in line]) == 6
    assert (
        max(map(len, run("softmax", "1000,1001,1002", "--dtype", "float64").stdout.splitlines()))
        <= 80
    )


def test_values_for_scripts(run: Run) -> None:
    assert run("softmax", "1000,1001,1002", "-q").stdout == (
        "0.09003057317038046,0.24472847105479764,0.6652409557748219\n"
    )
    naive = ("softmax", "1000,1001,1002", "--dtype", "float32", "--method", "naive")
    assert run(*naive, "-q").stdout == "nan,nan,nan\n"
    assert run(*naive, "--expect", "nan,nan,nan").returncode == 0
    assert run("softmax", "1000,1001,1002", "--expect", "0.0900,0.2447,0.6652").returncode == 0
    wrong = run("softmax", "1000,1001,1002", "--expect", "0.0900,0.2447,0.6653")
    assert wrong.returncode == 1
    assert "expected" in wrong.stderr
    assert run("softmax", "1000,1001,1002", "--expect", "0.0900,0.2447").returncode == 1
    assert run("softmax", "0,0,0", "--expect", "0.333,0.333,0.333").returncode == 0
    assert run("softmax", "-1000,-1001", "--method", "epsilon", "--expect", "0,0").returncode == 0


def test_cross_entropy_its_gradient_and_perplexity(run: Run) -> None:
    done = run("softmax", "0,-1000", "--target", "1")
    assert done.stdout.splitlines()[-1] == "cross-entropy  1000"
    assert "perplexity  1.9700711e+434 = exp(cross-entropy)" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()[1:5]]
    assert rows == [[name, "inf", "inf", "1000"] for name in FORMATS]
    document = json.loads(run("softmax", "1,2,3", "--target", "2", "--json").stdout)
    assert float(document["perplexity"]) == pytest.approx(1 / 0.6652409557748219)
    gradient = list(map(float, document["gradient"]))
    assert gradient == pytest.approx([0.09003057, 0.24472847, 0.66524096 - 1], abs=1e-8)
    # A confident mistake is pulled back with full force.
    sure = json.loads(run("softmax", "50,0", "--target", "1", "--json").stdout)
    assert float(sure["gradient"][1]) == pytest.approx(-1)
    # In a uniform guess over 10 classes the perplexity is 10.
    assert (
        run("softmax", "0,0,0,0,0,0,0,0,0,0", "--target", "3", "--expect", "2.302585").returncode
        == 0
    )


def test_temperature_and_jacobian(run: Run) -> None:
    cold = run("softmax", "1,2", "--temperature", "0.1", "-q").stdout
    warm = run("softmax", "1,2", "--temperature", "10", "-q").stdout
    assert float(cold.split(",")[1]) > 0.9999 > 0.6 > float(warm.split(",")[1])
    matrix = json.loads(run("softmax", "0,0", "--jacobian", "-q").stdout)
    assert matrix == [[0.25, -0.25], [-0.25, 0.25]]
    assert (
        run("softmax", "0,0", "--jacobian", "--expect", "[[0.25,-0.25],[-0.25,0.25]]").returncode
        == 0
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["1000,1001,1002"],
        ["-1000,-1001"],
        ["0,-1000", "--target", "1"],
        ["1,2,3", "--temperature", "0.3", "--jacobian"],
        ["1,2,3", "--find"],
        ["inf,0"],
        ["-inf,0,1"],
        ["nan,0"],
        ["3.25"],
        ["0.1,0.2,0.3,0.4,0.5,0.6", "--dtype", "float16"],
    ],
)
def test_verify_agrees(run: Run, arguments: list[str]) -> None:
    done = run("softmax", *arguments, "--verify", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["verification"]
    assert found["passed"] is True
    assert len(found) >= 2


@pytest.mark.parametrize("route", ["exact", "float16", "engine"])
def test_each_route_of_verify_can_fail(route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = softmax("1,2,3")
    if route == "float16":
        right = dlcalc.engine.softmax.softmax_values
        monkeypatch.setattr(
            "dlcalc.engine.softmax.softmax_values",
            lambda *arguments: [value * 1.01 for value in right(*arguments)],
        )
    else:
        wrong = softmax("1,2,3.0001").exact
        result.exact = wrong
    failed = {finding.name for finding in verified(result) if not finding.passed}
    assert route in failed


def test_the_smallest_changes(run: Run) -> None:
    done = run("softmax", "1,2,3", "--find")
    assert done.stdout.splitlines()[-1] == "first  naive in float16, moved apart by 7.5078125"
    assert max(map(len, done.stdout.splitlines())) <= 86
    naive = run("softmax", "0", "--find", "--method", "naive", "--dtype", "float64", "-q")
    assert float(naive.stdout) > 709.782712893384
    assert float(naive.stdout) < 709.7827128934


def test_json_has_everything_and_no_bare_nan(run: Run) -> None:
    text = run("softmax", "inf,0,nan", "--json").stdout
    document = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert document["logits"] == ["inf", 0.0, "nan"]
    document = json.loads(run("softmax", "1,2", "--json").stdout)
    assert len(document["exact"]["softmax"][0].lstrip("0.")) == 50
    assert list(document["types"]) == list(FORMATS)
    assert document["types"]["float16"]["limits"] == {"largest": 11.0859375, "smallest": -17.328125}
    cell = document["types"]["float16"]["methods"]["naive"]["values"][0]
    assert cell["word"] == "rounded"


def test_infinite_logits_are_explained(run: Run) -> None:
    assert "SciPy and PyTorch answer nan" in run("softmax", "inf,0").stdout
    assert "SciPy subtracts inf" in run("softmax", "inf,0").stdout
    assert "no limit" in run("softmax", "inf,inf").stdout
    assert "probability is exactly 0" in run("softmax", "-inf,0").stdout
    assert run("softmax", "-inf,0,1", "-q").stdout.startswith("0.0,0.2689414213699951,")
    assert run("softmax", "inf,0", "-q").stdout == "nan,nan\n"


def test_lines_of_standard_input(run: Run) -> None:
    done = run("softmax", "-", stdin="0,0\nno\n1,2,3\n")
    assert done.returncode == 2
    assert done.stdout.splitlines()[:2] == ["0.5,0.5", ""]
    assert done.stdout.splitlines()[2].startswith("0.0900305731")


def test_a_file_of_logits(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "logits.csv"
    path.write_text("1000\n1001\n1002\n")
    assert run("softmax", str(path), "--expect", "0.0900,0.2447,0.6652").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([""], "is empty"),
        (["[]"], "empty"),
        (["1,,2"], "not a number"),
        (["1,x"], "not a number"),
        (["[[1,2],[3,4]]"], "one vector, not an array of 2x2"),
        (["1,2", "--temperature", "0"], "--temperature must be above 0"),
        (["1,2", "--temperature", "-1"], "--temperature must be above 0"),
        (["1,2", "--temperature", "nan"], "--temperature must be above 0"),
        (["1,2", "--epsilon", "-1"], "--epsilon must be at least 0"),
        (["1,2", "--target", "2"], "--target 2: there are 2 logits"),
        (["1,2", "--target", "-1"], "--target must be at least 0"),
        (["1,2", "--target", "0.5"], "--target must be a whole number"),
        (["1,inf", "--target", "0"], "need logits that are finite"),
        (["1,2", "--dtype", "float17"], "--dtype float17 is unknown"),
        (["1,2", "--method", "naiv"], "--method naiv is unknown"),
        (["1,2", "--digits", "51"], "--digits must be 1 to 50"),
        (["1,2", "--target", "0", "--jacobian"], "questions of their own"),
        ([",".join("1" * 20_000)], "at most 10,000 logits"),
        ([",".join("1" * 400), "--jacobian"], "at most 300 logits"),
        ([",".join("1" * 400), "--find"], "at most 100 logits"),
    ],
)
def test_bad_input(run: Run, arguments: list[str], rule: str) -> None:
    done = run("softmax", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert rule in done.stderr.replace("\n  ", " ")
    assert "Traceback" not in done.stderr


def test_enormous_logits_have_an_answer(run: Run) -> None:
    assert run("softmax", "1e300,-1e300,0", "-q").stdout == "1.0,0.0,0.0\n"
    assert (
        "1e-999999999999999999 or less"
        in run("softmax", "1e300,-1e300", "--dtype", "float64").stdout
    )


def test_the_python_surface() -> None:
    assert dlcalc.softmax("0,0").value == (0.5, 0.5)


def test_it_is_no_wider_than_a_terminal_of_80_columns() -> None:
    for question in ("1,2,3", "-1000.25,3.5,1e-5", "123456.5,-7,0", "inf,0,1"):
        for line in softmax(question).plain().splitlines():
            assert len(line) <= 80, line


def test_a_closed_pipe_ends_quietly() -> None:
    done = subprocess.run(
        "python -m dlcalc softmax 1,2,3 | head -1", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""
