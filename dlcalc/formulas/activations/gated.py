"""Activations that are x times a gate of x: gelu, silu, mish, hardswish."""

from __future__ import annotations

from math import exp, tanh

from dlcalc.formulas.activations.base import (
    Activation,
    Joint,
    Line,
    Piece,
    constant,
    logistic,
    logistic_slope,
    straight,
)
from dlcalc.formulas.normal import below, density

_FLAT_THEN_X = (Line(0, 0), Line(1, 0))


def gelu() -> Activation:
    """The input times the normal distribution function of it. Hendrycks and Gimpel, 2016.

    >>> gelu().value(-30)
    -1.4720141781444563e-196
    """
    return Activation(
        "gelu",
        "x*(1 + erf(x/sqrt(2)))/2",
        "(1 + erf(x/sqrt(2)))/2 + x*exp(-x**2/2)/sqrt(2*pi)",
        (
            Piece(
                lambda x: x * below(x),
                lambda x: below(x) + x * density(x),
                lambda x: _product(2 - x * x, density(x)),
            ),
        ),
        _FLAT_THEN_X,
    )


def _product(factor: float, small: float) -> float:
    """A product in which 0 wins: an exponential that is 0 is smaller than any power is large."""
    return factor * small if small else 0.0


def silu() -> Activation:
    """x*sigmoid(x). Elfwing, Uchibe and Doya, 2017."""
    return Activation(
        "silu",
        "x/(1 + exp(-x))",
        "1/(1 + exp(-x)) + x*exp(-x)/(1 + exp(-x))**2",
        (
            Piece(
                lambda x: x * logistic(x),
                lambda x: logistic(x) * (1 + x * logistic(-x)),
                lambda x: logistic_slope(x) * (2 - x * tanh(x / 2)),
            ),
        ),
        _FLAT_THEN_X,
    )


def mish() -> Activation:
    """x*tanh(softplus(x)). Misra, 2019."""
    gate = "tanh(log(1 + exp(x)))"
    return Activation(
        "mish",
        f"x*{gate}",
        f"{gate} + x*(1 - {gate}**2)/(1 + exp(-x))",
        (Piece(lambda x: x * _gate(x)[0], _mish_slope, _mish_curvature),),
        _FLAT_THEN_X,
    )


def _gate(x: float) -> tuple[float, float]:
    """tanh(softplus(x)) and 1 less it, both with all their digits.

    With u = exp(x) the gate is n/(n + 2) for n = u*(u + 2); above 0 it is
    written by v = exp(-x), which cannot overflow.
    """
    if x <= 0:
        u = exp(x)
        n = u * (u + 2)
        return n / (n + 2), 2 / (n + 2)
    v = exp(-x)
    whole = 1 + 2 * v + 2 * v * v
    return (1 + 2 * v) / whole, 2 * v * v / whole


def _mish_slope(x: float) -> float:
    gate, rest = _gate(x)
    return gate + x * rest * (1 + gate) * logistic(x)


def _mish_curvature(x: float) -> float:
    # With w = 1 - gate**2 and s = sigmoid(x): gate' = w*s, w' = -2*gate*w*s, s' = s*(1 - s).
    gate, rest = _gate(x)
    gate_slope = rest * (1 + gate) * logistic(x)
    return _product(2 + x * (logistic(-x) - 2 * gate * logistic(x)), gate_slope)


def hard_swish() -> Activation:
    """x*hardsigmoid(x). Howard et al., "Searching for MobileNetV3", 2019."""
    middle = Piece(lambda x: x * (x / 6 + 0.5), lambda x: x / 3 + 0.5, lambda x: 1 / 3)
    return Activation(
        "hardswish",
        "x*min(max(x/6 + 1/2, 0), 1)",
        "0 if x <= -3 else 1 if x >= 3 else x/3 + 1/2",
        (constant(0.0), middle, straight(1)),
        _FLAT_THEN_X,
        (Joint(-3), Joint(3, slope=1)),
    )
