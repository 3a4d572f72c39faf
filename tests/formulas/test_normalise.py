"""Normalisation in pure Python: cuts, moments of every size, the properties of a gradient."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.formulas.normalise import Cut, moments, range_gradient, root_mean_square

SIZES = st.integers(1, 4)


@given(SIZES, SIZES, SIZES, st.sampled_from(["middle", "inner", "across"]))
def test_groups_are_those_of_numpy_and_join_again(a: int, b: int, c: int, along: str) -> None:
    cut = Cut(a, b, c, along)
    values = [float(i) for i in range(a * b * c)]
    array = np.arange(a * b * c, dtype=float).reshape(a, b, c)
    expected = {
        "middle": array.transpose(1, 0, 2).reshape(b, -1),
        "inner": array.reshape(a * b, c),
        "across": array.transpose(0, 2, 1).reshape(a * c, b),
    }[along]
    groups = cut.groups(values)
    assert groups == expected.tolist()
    assert cut.number == len(groups) and {len(group) for group in groups} == {cut.length}
    assert cut.joined(groups) == values


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30),
    st.sampled_from([1e-300, 1e-150, 1e-20, 1.0, 1e20, 1e150, 1e300]),
    st.sampled_from([0, 1]),
)
def test_moments_are_those_of_exact_arithmetic(
    values: list[float], scale: float, ddof: int
) -> None:
    values = [value * scale for value in values]
    found = moments(values, ddof)
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    squares = sum((value - mean) ** 2 for value in exact) / (len(exact) - ddof)
    size = max(map(abs, values)) or 1.0
    assert abs(found.mean - float(mean)) <= 1e-15 * size
    if found.constant:
        assert found.deviation == 0 and squares == 0
        return
    # The root in steps that stay within float64.
    unit = Fraction(size)
    deviation = math.sqrt(squares / unit**2) * size
    assert found.deviation == pytest.approx(deviation, rel=1e-9, abs=1e-14 * size)


def test_a_constant_is_exactly_constant() -> None:
    """fsum([0.1]*3)/3 is not 0.1, and would leave a variance of rounding errors."""
    assert moments([0.1] * 3) == (0.1, 0.0, 0.0, 0.1, 0.1)


def test_roots_of_large_and_small_numbers() -> None:
    assert root_mean_square([1e200, 1e200], 1e-6) == pytest.approx(1e200)
    assert root_mean_square([1e-200, 1e-200], 0.0) == pytest.approx(1e-200)
    assert root_mean_square([0.0, 0.0], 1e-6) == pytest.approx(1e-3)
    assert moments([1e-200, 3e-200]).root(0.0) == pytest.approx(1e-200)


@given(st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=8))
def test_ties_share_the_part_of_an_end(values: list[float]) -> None:
    if min(values) == max(values):
        return
    cotangent = [float(i + 1) for i in range(len(values))]
    found = range_gradient(cotangent, values, min(values), max(values))
    # A shift of all values, and a scale about 0, change nothing.
    assert math.fsum(found) == pytest.approx(0, abs=1e-12)
    moved = math.fsum(g * v for g, v in zip(found, values, strict=True))
    assert moved == pytest.approx(0, abs=1e-10)
