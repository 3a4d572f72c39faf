"""``dlcalc bootstrap`` as a process."""

from __future__ import annotations

import json
import math

import pytest
from conftest import Run

import dlcalc
from dlcalc.answers import bootstrap_proof
from dlcalc.answers.bootstrap import DERIVATION, bootstrap
from dlcalc.answers.bootstrap_proof import Sample, standard_errors
from dlcalc.formulas.bootstrap import Drawing
from dlcalc.symbolic.limits import bootstrap_forms

TABLE = """\
    n  (1 - 1/n)**n   below 1/e by   1/(2*e*n)   distinct      sd
   10     0.3486784      0.0192010   0.0183940      6.513   0.996
  100     0.3660323      0.0018471   0.0018394     63.397   3.121
 1000     0.3676954      0.0001840   0.0001839    632.305   9.860
limit     0.3678794   1/e: 36.8 % is never drawn, 63.2 % at least once
"""


def test_the_table(run: Run) -> None:
    done = run("bootstrap", "10", "100", "1000")
    assert done.stdout == TABLE
    assert (done.returncode, done.stderr) == (0, "")


def test_one_number_shows_its_formulas(run: Run) -> None:
    lines = run("bootstrap", "10").stdout.splitlines()
    assert lines[-1] == "never drawn  (1 - 1/10)**10 = 0.3486784"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "arguments", [["10"], ["1000", "-m", "500"], ["1000", "--batch", "50"], ["1e18"]]
)
def test_what_is_printed_can_be_pasted_into_python(run: Run, arguments: list[str]) -> None:
    names = {"e": math.e, "exp": math.exp, "log1p": math.log1p}
    lines = run("bootstrap", *arguments).stdout.splitlines()
    # Behind the label, at least two blanks away, equations parted by commas.
    equations = [part.split(" = ") for line in lines for part in line[13:].split(", ")]
    checked = 0
    for formula, *values in equations:
        if not values:
            continue
        text = formula.removeprefix("about ")
        assert eval(text, {"__builtins__": {}}, names) == pytest.approx(float(values[0]), rel=2e-4)
        checked += 1
    assert checked >= 4


def test_values_for_scripts(run: Run) -> None:
    assert run("bootstrap", "10", "-q").stdout == "0.3486784401\n"
    assert run("bootstrap", "1e18", "-q").stdout == "0.36787944117144233\n"
    assert run("bootstrap", "1000", "--expect", "0.368").returncode == 0
    assert run("bootstrap", "10", "--expect", "0.368").returncode == 1
    assert run("bootstrap", "10", "100", "1000", "--expect", "0.349,0.366,0.368").returncode == 0
    assert run("bootstrap", "10", "100", "--expect", "0.368").returncode == 1


def test_0_368_and_0_632_are_named(run: Run) -> None:
    document = json.loads(run("bootstrap", "1000", "--json").stdout)
    assert round(document["limit"], 3) == 0.368
    assert round(document["in_bag"], 3) == 0.632
    assert "36.8 %" in TABLE
    assert "63.2 %" in TABLE


def test_exactly(run: Run) -> None:
    assert "3486784401/10000000000" in run("bootstrap", "10", "--exact").stdout
    row = json.loads(run("bootstrap", "3", "--exact", "--json").stdout)["rows"][0]
    assert row["exact"] == "8/27"
    refused = run("bootstrap", "1001", "--exact")
    assert refused.returncode == 2
    assert "up to 1,000" in refused.stderr


def test_the_derivation_is_in_steps_that_are_equal(run: Run) -> None:
    lines = run("bootstrap", "10", "--derive").stdout.splitlines()
    assert lines[0] == "(1 - 1/n)**n"
    assert lines[5].startswith("  -> 1/(e*1) = 1/e")
    assert max(map(len, lines)) <= 80
    n = 7.0
    values = [eval(text, {"__builtins__": {}}, {"n": n}) for text, _ in DERIVATION]
    assert values == pytest.approx([values[0]] * len(values))
    # SymPy is asked about the very forms that are printed.
    assert values == pytest.approx([float(form) for form in bootstrap_forms(n)])


def test_simulation_with_its_interval(run: Run) -> None:
    document = json.loads(run("bootstrap", "10", "100", "--simulate", "10000", "--json").stdout)
    for row in document["rows"]:
        low, high = row["simulated"]["interval"]
        assert low < row["simulated"]["mean"] < high
        width = 2 * 1.96 * math.sqrt(row["variance"]) / row["n"] / 100
        assert high - low == pytest.approx(width, rel=0.05)
    again = json.loads(run("bootstrap", "10", "100", "--simulate", "10000", "--json").stdout)
    assert again == document
    other = run("bootstrap", "10", "--simulate", "100", "--seed", "1", "--json").stdout
    assert other != run("bootstrap", "10", "--simulate", "100", "--json").stdout
    assert "95 % interval" in run("bootstrap", "10", "--simulate", "100").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["10", "100", "1000"],
        ["1"],
        ["2", "-m", "83"],
        ["1000", "--batch", "50"],
        ["1e18"],
        ["100", "-m", "0"],
        ["10", "--simulate", "500"],
        ["--within", "0.001"],
        ["--errors", "0.05,0.3,0.5"],
        ["--errors", "0.05,0.6,0.5"],
        ["--errors", "0.1,0.3"],
    ],
)
def test_verify_agrees(run: Run, arguments: list[str]) -> None:
    done = run("bootstrap", *arguments, "--verify")
    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout


def test_a_simulation_fails_only_beyond_five_standard_errors() -> None:
    drawing = Drawing(100, 100)
    error = math.sqrt(drawing.variance / 400) / 100
    for errors, passed in ((4.9, True), (5.1, False)):
        sample = Sample(400, drawing.share + errors * error, 0.03)
        assert standard_errors(drawing, sample) == pytest.approx(errors)
        assert bootstrap_proof._simulation([(drawing, sample)]).passed is passed


def test_verify_can_fail(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawing, "share", property(lambda self: 0.3679))
    result = bootstrap(100, verify=True)
    assert {f.name for f in result.findings if not f.passed} >= {"shares"}
    assert "second computation disagrees" in result.failure


def test_the_smallest_n(run: Run) -> None:
    assert run("bootstrap", "--within", "0.001", "-q").stdout == "185\n"
    assert run("bootstrap", "--within", "1e-18", "--expect", "183939720585721162").returncode == 0


def test_the_estimators(run: Run) -> None:
    done = run("bootstrap", "--errors", "0.05,0.3,0.5")
    assert done.stdout.splitlines()[-1] == ".632+ estimate  0.248603"
    assert "0.368*0.05 + 0.632*0.3 = 0.208" in done.stdout
    assert run("bootstrap", "--errors", "0.1,0.3", "--expect", "0.2264").returncode == 0


def test_lines_of_standard_input(run: Run) -> None:
    done = run("bootstrap", "-", stdin="10\n0\n\n1e18\n10 100\n")
    assert done.stdout.splitlines() == [
        "0.3486784401",
        "",
        "",
        "0.36787944117144233",
        "0.3486784401,0.36603234127322953",
    ]
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "there is no n"),
        (["0"], "n must be at least 1"),
        (["-5"], "n must be at least 1"),
        (["nan"], "n must be a whole number"),
        (["inf"], "n must be a whole number"),
        (["1.5"], "n must be a whole number"),
        (["1e400"], "more than 100 digits"),
        (["9" * 10_000], "more than 100 digits"),
        (["10", "-m", "-1"], "-m must be at least 0"),
        (["10", "-m", "1e9"], "more than 1,000,000 draws for each example"),
        (["10", "--batch", "0"], "--batch must be at least 1"),
        (["10", "--batch", "11"], "a batch of 11 distinct examples"),
        (["10", "--simulate", "1"], "--simulate must be at least 2"),
        (["1e9", "--simulate", "100"], "takes more than 1,000,000,000 draws"),
        (["--within", "0"], "--within must be at least 1e-30"),
        (["--within", "nan"], "--within must be at least 1e-30"),
        (["--within", "x"], "--within must be a number"),
        (["--within", "0.1", "10"], "a question of its own"),
        (["--errors", "0.1"], "two or three numbers"),
        (["--errors", "-0.1,0.2"], "is not an error"),
        (["--errors", "0.1,nan"], "is not an error"),
        (["--errors", "0.1,0.2", "--exact"], "--exact has no use with --errors"),
    ],
)
def test_bad_input(run: Run, arguments: list[str], rule: str) -> None:
    done = run("bootstrap", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert rule in done.stderr.replace("\n  ", " ")
    assert "Traceback" not in done.stderr


def test_a_share_below_all_floats_is_told(run: Run) -> None:
    done = run("bootstrap", "2", "-m", "100000")
    assert "is below the smallest float" in done.stderr


def test_the_python_surface() -> None:
    assert dlcalc.bootstrap(10).value == 0.3486784401
