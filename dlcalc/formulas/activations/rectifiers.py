"""Activations that are x above 0, or nearly so: relu, its leaky and exponential kin, softplus."""

from __future__ import annotations

from math import exp, expm1, hypot, log1p, sqrt

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
from dlcalc.formulas.python import exactly

# Klambauer et al., "Self-Normalizing Neural Networks", 2017, appendix A1.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def identity() -> Activation:
    """The input itself."""
    line = Line(1, 0)
    return Activation("identity", "x", "1", (straight(1),), (line, line), by_value="1", gain=1.0)


def relu() -> Activation:
    """max(x, 0).

    >>> relu().value(-2), relu().slope(3), relu().slope(0)
    (0.0, 1, 0.0)
    """
    return Activation(
        "relu",
        "max(x, 0)",
        "1 if x > 0 else 0",
        (constant(0.0), straight(1)),
        (Line(0, 0), Line(1, 0)),
        (Joint(0),),
        by_value="1 if f > 0 else 0",
        gain=sqrt(2),
    )


def relu6() -> Activation:
    """The input cut at 0 and 6."""
    return Activation(
        "relu6",
        "min(max(x, 0), 6)",
        "1 if 0 < x < 6 else 0",
        (constant(0.0), straight(1), constant(6.0)),
        (Line(0, 0), Line(0, 6)),
        (Joint(0), Joint(6)),
    )


def leaky_relu(alpha: float) -> Activation:
    """The input above 0, else alpha times it."""
    return _leaky("leaky_relu", alpha, sqrt(2) / hypot(1, alpha))


def prelu(slope: float) -> Activation:
    """The input above 0, else a trained slope times it."""
    return _leaky("prelu", slope)


def _leaky(name: str, alpha: float, gain: float | None = None) -> Activation:
    return Activation(
        name,
        f"x if x > 0 else {exactly(alpha)}*x",
        f"1 if x > 0 else {exactly(alpha)}",
        (straight(alpha), straight(1)),
        (Line(alpha, 0), Line(1, 0)),
        (Joint(0, slope=alpha),),
        gain=gain,
        argument=alpha,
    )


def elu(alpha: float) -> Activation:
    """The input x above 0, else alpha*(exp(x) - 1)."""
    factor = "" if alpha == 1 else f"{exactly(alpha)}*"
    below = f"{factor}(exp(x) - 1)" if factor else "exp(x) - 1"
    return _exponential("elu", alpha, 1)._replace(
        formula=f"x if x > 0 else {below}",
        derivative=f"1 if x > 0 else {factor}exp(x)",
        by_value=f"1 if x > 0 else f + {exactly(alpha)}",
        argument=alpha,
    )


def selu() -> Activation:
    """elu, scaled so that mean 0 and variance 1 are kept."""
    alpha, scale = exactly(_SELU_ALPHA), exactly(_SELU_SCALE)
    return _exponential("selu", _SELU_ALPHA, _SELU_SCALE)._replace(
        formula=f"{scale}*(x if x > 0 else {alpha}*(exp(x) - 1))",
        derivative=f"{scale}*(1 if x > 0 else {alpha}*exp(x))",
        gain=3 / 4,
    )


def _exponential(name: str, alpha: float, scale: float) -> Activation:
    size = scale * alpha

    def below(x: float) -> float:
        return size * exp(x)

    return Activation(
        name,
        "",
        "",
        (Piece(lambda x: size * expm1(x), below, below), straight(scale)),
        (Line(0, -size), Line(scale, 0)),
        (Joint(0, slope=size),),
    )


def softplus() -> Activation:
    """log(1 + exp(x)).

    >>> softplus().value(800), softplus().value(-800)
    (800.0, 0.0)
    """
    return Activation(
        "softplus",
        "log(1 + exp(x))",
        "1/(1 + exp(-x))",
        (Piece(_softplus, logistic, logistic_slope),),
        (Line(0, 0), Line(1, 0)),
        by_value="1 - exp(-f)",
    )


def log_sigmoid() -> Activation:
    """log(sigmoid(x)), which is -softplus(-x)."""
    return Activation(
        "log_sigmoid",
        "-log(1 + exp(-x))",
        "1/(1 + exp(x))",
        (Piece(lambda x: -_softplus(-x), lambda x: logistic(-x), lambda x: -logistic_slope(x)),),
        (Line(1, 0), Line(0, 0)),
        by_value="1 - exp(f)",
    )


def _softplus(x: float) -> float:
    return max(x, 0.0) + log1p(exp(-abs(x)))
