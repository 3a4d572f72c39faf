"""Penalties: the notes' figures, closed forms against steps, when a weight is exactly 0."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.formulas import zero
from dlcalc.formulas.penalties import (
    CONVENTIONS,
    coefficient,
    half_life,
    l2_after,
    shrinkage,
    sign,
    soft_threshold,
)


def test_l1_of_the_notes() -> None:
    """One step with eta 0.1, lambda 1 and n 10: positives fall, negatives rise."""
    c = coefficient(CONVENTIONS["lambda/n"], "l1", 1.0, 10)
    weights = [2, -1.5, 0.03, -0.02]
    assert [round(w - 0.1 * c * sign(w), 12) for w in weights] == [1.99, -1.49, 0.02, -0.01]


def test_l2_of_the_notes() -> None:
    """500 steps of c = 0.01 leave 0.01314 of 2, and the line without its rate gives 1.48."""
    assert 2 * shrinkage(0.1, 0.1, 500) == pytest.approx(0.01314, abs=5e-6)
    c = coefficient(CONVENTIONS["lambda/2n"], "l2", 1.0, 10)
    assert (1 - 0.1 * c) * 2 - 0.1 * 0.5 == pytest.approx(1.93)
    assert (1 - 0.1 * c) * 2 - 0.5 == pytest.approx(1.48)


def test_weight_decay_brings_a_recurrent_weight_under_one() -> None:
    """0.99 a step brings 1.2 under 1 in 19 steps."""
    assert 1.2 * shrinkage(0.01, 1.0, 18) > 1 > 1.2 * shrinkage(0.01, 1.0, 19)


@pytest.mark.parametrize("name", ["l1", "l2"])
@pytest.mark.parametrize("factor", CONVENTIONS)
def test_gradients_follow_from_the_penalty(name: str, factor: str) -> None:
    """By differences of the penalty that the convention writes, at one weight."""
    row, n, strength, w, h = CONVENTIONS[factor], 7, 0.3, -1.7, 1e-6

    def penalty(w: float) -> float:
        body = abs(w) if name == "l1" else w**2
        return float(eval(row.factor.format("lam"), {}, {"lam": strength, "n": n})) * body

    c = coefficient(row, name, strength, n)
    expected = (penalty(w + h) - penalty(w - h)) / (2 * h)
    assert c * (sign(w) if name == "l1" else w) == pytest.approx(expected, rel=1e-8)
    text = row.of_l1 if name == "l1" else row.of_l2
    assert eval(text, {}, {name: strength, "n": n}) == pytest.approx(c, rel=1e-15)


RATES = st.floats(0.001, 3).map(lambda value: round(value, 3))
WEIGHTS = st.floats(-10, 10).map(lambda value: round(value, 3))


@given(WEIGHTS, WEIGHTS, RATES, RATES, st.integers(0, 60))
def test_the_closed_form_of_l2_is_its_steps(
    w: float, gradient: float, rate: float, strength: float, steps: int
) -> None:
    at, size = w, max(abs(w), abs(gradient / strength))
    for _ in range(steps):
        at = at - rate * (gradient + strength * at)
        size = max(size, abs(at))
    assert abs(l2_after(w, gradient, rate, strength, steps) - at) <= 1e-12 * size


def test_many_steps_at_once() -> None:
    assert shrinkage(0.1, 0.1, 10**18) == 0.0
    assert shrinkage(1e-9, 1e-9, 10**18) == pytest.approx(2.718281828**-1, rel=1e-8)
    assert shrinkage(1.0, 1.0, 10**18) == 0.0
    assert shrinkage(1.0, 2.0, 10**18) == 1.0 and shrinkage(1.0, 2.0, 10**18 + 1) == -1.0
    assert shrinkage(1.0, 3.0, 10**18) == float("inf")
    assert l2_after(2.0, 0.5, 0.1, 0.0, 10**6) == pytest.approx(2 - 5e4)


def test_half_lives() -> None:
    half = half_life(0.1, 0.1)
    assert half is not None and 0.99**half == pytest.approx(0.5)
    assert half_life(0.0, 1.0) is None and half_life(1.0, 1.0) is None
    assert half_life(1.0, 1.5) is None


def test_zero_of_the_notes() -> None:
    """The printed rule swings from 0.013; from 0.03 rounding keeps it from 0; by the soft
    threshold 2 is exactly 0 after 200 steps.
    """
    at, seen = 0.013, []
    for _ in range(4):
        at -= 0.01 * sign(at)
        seen.append(round(at, 9))
    assert seen == [0.003, -0.007, 0.003, -0.007]
    assert str(zero.by_subgradient(0.013, 0.0, 0.1, 0.1)) == "never"
    assert str(zero.by_subgradient(0.03, 0.0, 0.1, 0.1)) == "3 but for rounding"
    assert zero.by_soft_threshold(2.0, 0.0, 0.1, 0.1).exact == 200
    assert str(zero.by_soft_threshold(2.0, 0.0, 0.1, 0.1)) in ("200", "201")
    assert str(zero.by_subgradient(2.0, 0.0, 0.5, 0.5)) == "8"


SMALL = st.integers(-30, 30).map(lambda value: value / 10)
PULLS = st.integers(1, 15).map(lambda value: value / 10)


@given(SMALL, SMALL, st.sampled_from([0.1, 0.5, 1.0]), PULLS)
def test_when_zero_is_reached_is_what_exact_steps_say(
    w: float, gradient: float, rate: float, l1: float
) -> None:
    w_, g, r, l_ = (Fraction(str(value)) for value in (w, gradient, rate, l1))
    for reach, soft in ((zero.by_subgradient, False), (zero.by_soft_threshold, True)):
        at: Fraction = w_
        found = None
        for step in range(400):
            if at == 0:
                found = step
                break
            if soft:
                moved = at - r * g
                at = moved - max(min(moved, r * l_), -r * l_)
            else:
                at = at - r * (g + l_ * (1 if at > 0 else -1))
        assert reach(w, gradient, rate, l1).exact == found


@given(SMALL, SMALL, PULLS)
def test_what_is_told_of_floats_is_what_floats_do(w: float, gradient: float, l1: float) -> None:
    told = zero.by_soft_threshold(w, gradient, 0.1, l1)
    at, found = w, None
    for step in range(400):
        if at == 0:
            found = step
            break
        at = soft_threshold(at - 0.1 * gradient, 0.1 * l1)
    assert told.rounded == found or not told.tried


def test_huge_distances_are_answered_at_once() -> None:
    assert str(zero.by_subgradient(1e18, 0.0, 1.0, 1.0)) == "1,000,000,000,000,000,000"
    assert zero.by_soft_threshold(1e300, 0.0, 1e-300, 1.0).exact == 10**600
    assert str(zero.by_soft_threshold(0.0, 5.0, 0.1, 0.1)) == "0"
