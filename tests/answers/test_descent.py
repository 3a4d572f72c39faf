"""Paths down functions: the notes' claims, verdicts, stable rates against their own steps."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest

from dlcalc.answers.descent_result import DescentResult
from dlcalc.answers.step import step
from dlcalc.errors import InputError


def path(text: str, start: Any, **given: Any) -> DescentResult:
    result = step(function=text, start=start, **given)
    assert isinstance(result, DescentResult)
    return result


def test_the_example_of_the_issue() -> None:
    result = path("x^2 + 10*y^2", "3,1", steps=50)
    assert result.question.how.rate == 1 / 20
    assert result.value == pytest.approx((3 * 0.9**50, 0.0))
    text = result.plain()
    assert "2/20 = 0.1" in text and "condition number 10" in text
    assert text.splitlines()[-1] == "end  x = 0.0154613, y = 0"
    [drawn] = result.drawn(79, ascii=True)
    assert drawn and max(map(len, drawn)) <= 79


@pytest.mark.parametrize(
    ("rate", "first"), [(0.001, 6905), (0.01, 688), (0.1, 66), (0.5, 10), (1.0, 1), (1.5, 10)]
)
def test_rates_too_small_and_too_large(rate: float, first: int) -> None:
    """x**2/2 from 1 to 1e-3: so many steps, and beyond 2 none."""
    result = path("x**2/2", "1", lr=rate, steps=first + 5, tolerance=1e-3)
    assert result.walk.arrived == first
    assert result.verdict == "arrived" and "a minimum" in result.plain()


def test_beyond_the_bound_the_value_rises() -> None:
    result = path("x**2/2", "1", lr=2.01, steps=100)
    assert result.verdict == "diverges"
    values = result.walk.values
    assert all(after > before for before, after in itertools.pairwise(values))
    assert "above it" in result.plain()
    at_bound = path("x**2/2", "1", lr=2, steps=50)
    assert at_bound.verdict == "swings" and "lr is 2, at it" in at_bound.plain()


def test_a_constant_beside_the_loss_changes_no_step() -> None:
    """Descent does not compare losses: a loss and the same plus 1000 give the same path."""
    one, other = (path(f"x**2/2 + {c}", "1", lr=0.3, steps=30) for c in (0, 1000))
    assert [visit.at for visit in one.walk.visits] == [visit.at for visit in other.walk.visits]


def test_without_a_minimum_it_goes_on() -> None:
    result = path("exp(-x)", "0", lr=0.1, steps=10_000)
    assert result.verdict == "descends"
    assert result.value == pytest.approx((6.909,), abs=1e-3)
    assert result.walk.visits[-1].value == pytest.approx(9.99e-4, rel=1e-3)
    values = result.walk.values
    assert all(after < before for before, after in itertools.pairwise(values))
    assert "to go" not in result.plain()


def test_a_constant_rate_swings_where_adagrad_settles() -> None:
    fixed = path("abs(x)", "0.73", lr=0.1, steps=60)
    assert fixed.verdict == "swings"
    ends = {round(point[0], 9) for point in fixed.walk.last}
    assert ends == {0.03, -0.07}
    settled = path("abs(x)", "0.73", lr=0.1, steps=2000, optimizer="adagrad")
    assert abs(settled.value[0]) < 0.0025  # type: ignore[index]


def test_overflow_ends_a_path() -> None:
    result = path("w**2", "1", lr=3, steps=500)
    assert result.value == "diverged" and result.terse() == "diverged"
    assert result.meets("diverged") and not result.meets("1")
    assert "beyond float64" in result.plain()
    assert json.loads(result.json())["end"] is None
    left = path("sqrt(x)", "1", lr=3)
    assert left.value == "diverged" and "no slope" in left.plain()


def test_a_square_that_vanishes_ends_a_path() -> None:
    result = path("x**2", "5e-324", steps=3, optimizer="adadelta:eps=0")
    assert result.value == "diverged"
    assert "divides by the square of a gradient" in result.plain()


@pytest.mark.parametrize("word", ["sgd", "momentum:momentum=0.5", "nesterov:momentum=0.7"])
@pytest.mark.parametrize("curvature", [0.3, 4.0])
def test_the_stable_rate_is_where_steps_begin_to_grow(word: str, curvature: float) -> None:
    text = f"{curvature}/2*x**2"
    bound = path(text, "1", lr=0.1, steps=1, optimizer=word).stable(curvature)
    assert bound is not None
    below = path(text, "1", lr=0.98 * bound, steps=2000, optimizer=word)
    above = path(text, "1", lr=1.02 * bound, steps=2000, optimizer=word)
    assert abs(below.walk.visits[-1].value) < 1e-6
    assert above.value == "diverged" or above.walk.visits[-1].value > 1


def test_momentum_with_dampening_and_adaptive_rules_promise_no_bound() -> None:
    for word in ("momentum:dampening=0.5", "adam", "rmsprop", "adagrad"):
        result = path("x**2", "1", lr=0.1, steps=3, optimizer=word)
        assert result.stable(2.0) is None
        assert "for plain descent" in result.plain()


def test_the_steps_to_go_are_those_it_takes() -> None:
    short = path("x**2 + 10*y**2", "3,1", lr=0.03, steps=50)
    line = next(line for line in short.plain().splitlines() if line.startswith("to go"))
    more = float(line.split(" = ")[1].split()[0])
    whole = path("x**2 + 10*y**2", "3,1", lr=0.03, steps=400)
    assert whole.walk.arrived == 50 + math.ceil(more)


@pytest.mark.parametrize(
    ("text", "start", "place"),
    [
        ("x**2 - y**2", "1,0", "a saddle, and no minimum"),
        ("x**2 + 0*y", "1,1", "flat some way"),
        ("x**4", "0", "a point without slope"),
        ("-x**2", "0", "a maximum, and no minimum"),
        ("(1 - x)**2 + 100*(y - x**2)**2", "1,1", "a minimum, curved up every way"),
    ],
)
def test_where_it_arrives(text: str, start: str, place: str) -> None:
    result = path(text, start, lr=0.1, steps=200)
    assert result.verdict == "arrived" and place in result.plain()


def test_penalties_act_on_functions_too() -> None:
    ridge = path("(x - 1)**2/2", "0", lr=0.1, steps=400, l2=1)
    assert ridge.value == pytest.approx((0.5,), abs=1e-6)
    assert "2/(1 + 1) = 1" in ridge.plain()
    lasso = path("(x - 1)**2/2 + (y - 0.3)**2/2", "0.5,0.5", lr=0.5, l1=0.4, proximal=True)
    assert lasso.value == (pytest.approx(0.6, abs=1e-6), 0.0)
    assert lasso.verdict == "arrived"


@pytest.mark.parametrize(
    ("text", "start", "given"),
    [
        ("x^2 + 10*y^2", "3,1", {}),
        ("(1 - x)**2 + 100*(y - x**2)**2", "-1,1", {"lr": 1e-3}),
        ("log(1 + exp(x - y)) + (x + y)**2/10", "x=1,y=2", {"lr": 0.2, "optimizer": "adam"}),
        ("abs(x) + abs(y)", "0.7,-0.31", {"lr": 0.1}),
        ("sin(a)*cos(b)", [0.3, 0.4], {"optimizer": "nesterov", "lr": 0.05, "l2": 0.1}),
    ],
)
def test_the_second_route_agrees(text: str, start: Any, given: dict[str, Any]) -> None:
    result = path(text, start, steps=40, verify=True, **given)
    assert result.failure == "" and len(result.findings) == 3
    assert all(finding.passed for finding in result.findings)
    json.loads(result.json(), parse_constant=lambda name: pytest.fail(name))


def test_the_default_rate_counts_the_penalty_in() -> None:
    result = path("x**2", "1", l2=3, steps=2)
    assert result.question.how.rate == 1 / 5 and "1/5 = 0.2" in result.plain()
    assert result.value == pytest.approx((0.0,))


@pytest.mark.parametrize(
    ("text", "start", "given"),
    [
        ("tan(x)", "1e300", {}),
        ("relu(x)", "0", {}),
        ("x**(1/3)", "1e-9", {"lr": 1}),
    ],
)
def test_where_differences_have_no_say_it_is_said(
    text: str, start: str, given: dict[str, Any]
) -> None:
    result = path(text, start, steps=3, verify=True, **given)
    assert result.failure == "" and "not reached" in result.plain()
    json.loads(result.json(), parse_constant=lambda name: pytest.fail(name))


def test_a_wrong_gradient_is_found_by_the_second_route(monkeypatch: Any) -> None:
    from dlcalc.formulas import dual

    monkeypatch.setitem(dual.SCALARS, "sin", lambda x: (math.sin(x), -math.cos(x), -math.sin(x)))
    result = path("sin(x)", "1", lr=0.1, steps=5, verify=True)
    assert "the gradient" in result.failure


@pytest.mark.parametrize(
    ("text", "given", "rule"),
    [
        ("x**2", {}, "there is no point to start from"),
        ("x**2", {"start": "1,2"}, "--start has 2 of the 1 numbers"),
        ("x + y", {"start": "x=1,z=2"}, "does not name x, y, each once"),
        ("x", {"start": "x=1,x=2"}, "does not name x, each once"),
        ("3", {"start": "1"}, "the function has no variable"),
        ("log(x)", {"start": "-1"}, "has no slope at x = -1"),
        ("x +", {"start": "1"}, "is no expression"),
        ("sum(x)", {"start": "1"}, "sum is of vectors and matrices"),
        ("x", {"start": "nan"}, "number 1 is nan"),
        ("x", {"start": "1", "steps": "1e18"}, "take too long"),
        ("x", {"start": "1", "weights": "1"}, "--weights does not go together with --function"),
        ("x", {"start": "1", "grad": "1"}, "--grad does not go together with --function"),
        ("x", {"start": "1", "tolerance": "-1"}, "--tolerance must be a finite number"),
        ("+".join(f"x{i}" for i in range(30)), {"start": "1"}, "more than 20"),
    ],
)
def test_refusals(text: str, given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError) as refused:
        step(function=text, **given)
    assert rule in refused.value.rule
