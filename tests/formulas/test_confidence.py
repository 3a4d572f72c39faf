"""Confidence intervals: by tables, by SciPy, and by how often they hold what they should."""

from __future__ import annotations

import random
from math import inf, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.formulas.confidence import NORMAL, mean_interval, share_interval, student, within


# Fisher's table, 5 % on both sides together, as any book prints it.
@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (120, 1.980)],
)
def test_students_table(freedom: int, t: float) -> None:
    assert abs(student(0.95, freedom) - t) < 5e-4


def test_student_becomes_normal() -> None:
    assert abs(student(0.95, 20_000) - NORMAL) < 2e-4


@given(st.floats(0.01, 0.999), st.integers(1, 400))
def test_the_quantile_is_the_inverse(share: float, freedom: int) -> None:
    assert abs(within(student(share, freedom), freedom) - share) < 1e-12


@given(st.floats(0, 50), st.integers(1, 400))
def test_scipy_says_the_same(t: float, freedom: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert abs(within(t, freedom) - (2 * stats.t.cdf(t, freedom) - 1)) < 1e-12


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_equation(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = share_interval(successes, trials)
    share = successes / trials
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        # An end is the share p from which the found one lies 1.96 deviations of p away.
        if 0 < end < 1:
            room = NORMAL * sqrt(end * (1 - end) / trials)
            assert abs(abs(share - end) - room) < 1e-9


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(-10, 10))
def test_a_mean_moves_with_its_values(values: list[float], shift: float) -> None:
    mean, low, high = mean_interval(values)
    moved = mean_interval([value + shift for value in values])
    assert low <= mean <= high
    assert moved == pytest.approx((mean + shift, low + shift, high + shift), abs=1e-9)


def test_one_value_says_nothing_of_its_spread() -> None:
    assert mean_interval([3.0]) == (3.0, -inf, inf)


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 4,000 samples 95 % should hold it: one standard error is 0.35 %, five are allowed."""
    draw = random.Random(1)
    samples, size = 4_000, 6
    means = [mean_interval([draw.gauss(2, 3) for _ in range(size)]) for _ in range(samples)]
    held = sum(low <= 2 <= high for _, low, high in means) / samples
    assert abs(held - 0.95) < 0.018
    # The normal quantile in its place would hold it in 89 %: the test can tell.
    narrow = sum(
        abs(mean - 2) <= (high - mean) * NORMAL / student(0.95, size - 1) for mean, _, high in means
    )
    assert narrow / samples < 0.92
