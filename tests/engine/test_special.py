"""The error function, against the standard library's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dlcalc.engine.special import erf

POINTS = np.concatenate(
    [np.linspace(-7, 7, 20_001), np.logspace(-300, 1, 500), [0.46875, -0.46875, 0.0]]
)
TRUE = np.array([math.erf(x) for x in POINTS])


def test_double_precision_is_full() -> None:
    found = erf(POINTS)
    assert np.max(np.abs(found - TRUE)) < 4e-16
    assert np.allclose(found, TRUE, rtol=1e-15, atol=0)


def test_single_precision() -> None:
    found = erf(POINTS.astype(np.float32))
    assert found.dtype == np.float32
    assert np.max(np.abs(found - TRUE)) < 5e-7


def test_odd_bounded_and_through_infinity() -> None:
    assert np.array_equal(erf(-POINTS), -erf(POINTS))
    assert erf(np.array([np.inf, -np.inf, 30.0])).tolist() == [1, -1, 1]
    assert np.isnan(erf(np.array([np.nan, 1.0]))).tolist() == [True, False]
    assert np.isnan(erf(np.array([np.nan], np.float32))).all()


def test_complex_steps_give_the_derivative() -> None:
    found = erf(POINTS + 1e-30j)
    assert np.array_equal(found.real, erf(POINTS))
    exact = 2 / math.sqrt(math.pi) * np.exp(-(POINTS**2))
    assert np.allclose(found.imag / 1e-30, exact, rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_arrays_of_any_memory_in_place_and_into_others(dtype: type) -> None:
    x = np.linspace(-3, 3, 24).reshape(2, 3, 4).astype(dtype)
    if dtype is np.complex128:
        x += 1e-30j * np.arange(1, 25).reshape(2, 3, 4)
    expected = erf(x)
    turned = x.transpose(2, 0, 1)
    assert np.array_equal(erf(turned), expected.transpose(2, 0, 1))
    out = np.empty((3, 2, 4), dtype).transpose(1, 0, 2)
    assert erf(x, out) is out
    assert np.array_equal(out, expected)
    assert np.array_equal(erf(x, x), expected)
    assert erf(np.empty((0, 3), dtype)).shape == (0, 3)


def test_long_arrays_are_done_in_blocks() -> None:
    x = np.linspace(-4, 4, 100_003)
    found = erf(x)
    for first in range(0, x.size, 1_000):
        assert np.array_equal(found[first : first + 1_000], erf(x[first : first + 1_000]))
