"""Random expressions: a right answer or a refusal, never anything else."""

from __future__ import annotations

import math
import time

from calculus import points, slope, value
from expressions import EXPRESSIONS
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlcalc.answers.grad import grad
from dlcalc.errors import InputError

RANDOM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@RANDOM
@given(EXPRESSIONS, st.sampled_from([1, 1, 1, 2, 3]))
def test_an_answer_is_verified_or_refused(text: str, order: int) -> None:
    started = time.monotonic()
    try:
        result = grad(text, wrt="x", order=order)
    except InputError as error:
        assert error.report("dlcalc: ", 80)
    else:
        assert not result.failure, (text, result.failure)
        assert result.plain()
        assert result.json()
    assert time.monotonic() - started < 30, text


@RANDOM
@given(EXPRESSIONS)
def test_an_answer_agrees_with_differences_of_other_code(text: str) -> None:
    try:
        printed = str(grad(text, wrt="x").value)
    except InputError:
        assume(False)
    for point in points(text, f"x + {printed}", 2):
        try:
            ours, true = value(printed, point), slope(text, point, "x")
        except ValueError:
            continue
        size = abs(value(text, point)) + abs(true) + 1
        # Differences say nothing where the function is steep or large.
        if size < 1e4:
            assert math.isclose(ours, true, rel_tol=1e-3, abs_tol=1e-4 * size), (text, point)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_the_second_routes_agree(text: str) -> None:
    try:
        result = grad(text, wrt="x", verify=True)
    except InputError:
        assume(False)
    assert not result.failure, (text, result.failure)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_an_answer_is_equal_to_itself_and_to_nothing_near(text: str) -> None:
    try:
        result = grad(text, wrt="x")
    except InputError:
        assume(False)
    assert result.compare is not None
    printed = str(result.value)
    assert result.compare(printed).equal
    assert not result.compare(f"({printed})*1.0017 + 0.0013").equal
