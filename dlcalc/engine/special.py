"""The error function of whole arrays, to double precision.

W. J. Cody, "Rational Chebyshev Approximations for the Error Function", Math.
Comp. 23, 1969, in the coefficients of his CALERF (netlib.org/specfun/erf):

    erf(x) = x P(x^2)/Q(x^2)                 for |x| <= 0.46875,
    erf(x) = 1 - exp(-x^2) P(x)/Q(x)         for x beyond, and erf(-x) = -erf(x).

Cody has a third form for x > 4, which keeps the digits of 1 - erf(x); those of
erf(x) do not need it: at 4 the second term is 1.5e-8, and 6 stands for all above.

Single precision needs less: one form x P(x^2)/Q(x^2) on [-4, 4], as Eigen and XLA
have it, within 4e-7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_NEAR = 0.46875
_FAR = 6.0
_BLOCK = 8_192  # Numbers at work at once: they and their polynomials stay in the cache.

# Highest power first.
_NEAR_ABOVE = (
    1.85777706184603153e-1,
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
)
_NEAR_BELOW = (
    1.0,
    2.36012909523441209e01,
    2.44024637934444173e02,
    1.28261652607737228e03,
    2.84423683343917062e03,
)
_FAR_ABOVE = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e00,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
)
_FAR_BELOW = (
    1.0,
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
)
_SINGLE_END = 4.0
_SINGLE_ABOVE = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_SINGLE_BELOW = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


def erf(x: Array, out: Array | None = None) -> Array:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, of each number.

    Off the real axis only to first order, which is all that a complex step needs:
    erf(a + ib) = erf(a) + ib 2/sqrt(pi) exp(-a^2), wrong by about a b^2.

    >>> erf(np.array([0.0, 0.5, -2.0])).round(10).tolist()
    [0.0, 0.5204998778, -0.995322265]
    """
    if out is None:
        out = np.empty_like(x)
    if np.iscomplexobj(x):
        # The imaginary part first: x and out may be one array.
        out.imag = x.imag * (2 / math.sqrt(math.pi)) * np.exp(-np.square(x.real))
        out.real = erf(x.real)
        return out
    # Copies where an array does not lie in one piece.
    given = x.reshape(-1)
    found = out.reshape(-1) if out.flags.c_contiguous else np.empty_like(given)
    function = _single_erf if given.dtype.itemsize <= 4 else _double_erf
    for first in range(0, given.size, _BLOCK):
        function(given[first : first + _BLOCK], found[first : first + _BLOCK])
    if not out.flags.c_contiguous:
        out[...] = found.reshape(out.shape)
    return out


def _single_erf(x: Array, out: Array) -> None:
    ends = np.clip(x, -_SINGLE_END, _SINGLE_END)
    np.multiply(_ratio(np.square(ends), _SINGLE_ABOVE, _SINGLE_BELOW), ends, out)


def _double_erf(x: Array, out: Array) -> None:
    size = np.abs(x)
    is_near = size <= _NEAR
    near, far = np.flatnonzero(is_near), np.flatnonzero(~is_near)  # NaN is far, and stays NaN.
    small, signed = x[near], x[far]  # Before anything is written: x and out may be one array.
    out[near] = small * _ratio(np.square(small), _NEAR_ABOVE, _NEAR_BELOW)
    large = np.minimum(size[far], _FAR)
    rest = _ratio(large, _FAR_ABOVE, _FAR_BELOW)
    rest *= np.exp(-np.square(large))
    out[far] = np.copysign(1 - rest, signed)


def _ratio(x: Array, above: Sequence[float], below: Sequence[float]) -> Array:
    """The quotient of two polynomials, by Horner's rule."""
    found = _polynomial(x, above)
    found /= _polynomial(x, below)
    return found


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    first, second, *others = coefficients
    found = x * first if first != 1 else x.copy()
    found += second
    for coefficient in others:
        found *= x
        found += coefficient
    return found
