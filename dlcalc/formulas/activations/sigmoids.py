"""Activations that go from one limit to another: sigmoid, tanh, softsign, and their hard forms."""

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


def sigmoid() -> Activation:
    """1/(1 + exp(-x)).

    >>> sigmoid().value(-2), sigmoid().slope(0)
    (0.11920292202211755, 0.25)
    """
    return Activation(
        "sigmoid",
        "1/(1 + exp(-x))",
        "exp(-x)/(1 + exp(-x))**2",
        # f'' = f'*(1 - 2*f), and 1 - 2*f = -tanh(x/2).
        (Piece(logistic, logistic_slope, lambda x: -tanh(x / 2) * logistic_slope(x)),),
        (Line(0, 0), Line(0, 1)),
        by_value="f*(1 - f)",
        gain=1.0,
    )


def tangent() -> Activation:
    """The hyperbolic tangent."""
    return Activation(
        "tanh",
        "tanh(x)",
        "1 - tanh(x)**2",
        (Piece(tanh, _tanh_slope, lambda x: -2 * tanh(x) * _tanh_slope(x)),),
        (Line(0, -1), Line(0, 1)),
        by_value="1 - f**2",
        gain=5 / 3,
    )


def _tanh_slope(x: float) -> float:
    # 1 - tanh(x)**2 without the difference, which has no digits left from |x| = 19 on.
    part = exp(-2 * abs(x))
    return 4 * part / ((1 + part) * (1 + part))


def softsign() -> Activation:
    """x/(1 + |x|)."""
    return Activation(
        "softsign",
        "x/(1 + abs(x))",
        "1/(1 + abs(x))**2",
        (
            Piece(_softsign, _softsign_slope, lambda x: 2 / (1 - x) * _softsign_slope(x)),
            Piece(_softsign, _softsign_slope, lambda x: -2 / (1 + x) * _softsign_slope(x)),
        ),
        (Line(0, -1), Line(0, 1)),
        (Joint(0, slope=1),),
        by_value="(1 - abs(f))**2",
    )


def _softsign(x: float) -> float:
    return x / (1 + abs(x))


def _softsign_slope(x: float) -> float:
    return 1 / (1 + abs(x)) / (1 + abs(x))


def hard_tangent() -> Activation:
    """The input cut at -1 and 1."""
    return Activation(
        "hardtanh",
        "min(max(x, -1), 1)",
        "1 if -1 < x < 1 else 0",
        (constant(-1), straight(1), constant(1)),
        (Line(0, -1), Line(0, 1)),
        (Joint(-1), Joint(1)),
    )


def hard_sigmoid() -> Activation:
    """x/6 + 1/2, cut at 0 and 1."""
    return Activation(
        "hardsigmoid",
        "min(max(x/6 + 1/2, 0), 1)",
        "1/6 if -3 < x < 3 else 0",
        (constant(0), straight(1 / 6, 0.5), constant(1)),
        (Line(0, 0), Line(0, 1)),
        (Joint(-3), Joint(3)),
    )
