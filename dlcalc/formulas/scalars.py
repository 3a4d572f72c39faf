"""Functions of one number with their first and second derivatives, at a number.

They raise ValueError, OverflowError or ZeroDivisionError where there is no such number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Taylor = tuple[float, float, float]

_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772


def sigmoid(x: float) -> float:
    """1/(1 + exp(-x)), without overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    power = math.exp(x)
    return power / (1 + power)


def _exp(x: float) -> Taylor:
    y = math.exp(x)
    return y, y, y


def _expm1(x: float) -> Taylor:
    y = math.exp(x)
    return math.expm1(x), y, y


def _log(x: float) -> Taylor:
    return math.log(x), 1 / x, -1 / (x * x)


def _log1p(x: float) -> Taylor:
    return math.log1p(x), 1 / (1 + x), -1 / ((1 + x) * (1 + x))


def _sqrt(x: float) -> Taylor:
    y = math.sqrt(x)
    return y, 0.5 / y, -0.25 / (x * y)


def _abs(x: float) -> Taylor:
    return abs(x), float((x > 0) - (x < 0)), 0.0


def _sign(x: float) -> Taylor:
    return float((x > 0) - (x < 0)), 0.0, 0.0


def _sin(x: float) -> Taylor:
    y = math.sin(x)
    return y, math.cos(x), -y


def _cos(x: float) -> Taylor:
    y = math.cos(x)
    return y, -math.sin(x), -y


def _tan(x: float) -> Taylor:
    y = math.tan(x)
    slope = 1 + y * y
    return y, slope, 2 * y * slope


def _sinh(x: float) -> Taylor:
    y = math.sinh(x)
    return y, math.cosh(x), y


def _cosh(x: float) -> Taylor:
    y = math.cosh(x)
    return y, math.sinh(x), y


def _tanh(x: float) -> Taylor:
    # 1 - tanh(x)**2 cancels where tanh is near 1; this does not.
    y = math.tanh(x)
    fourth = sigmoid(2 * x) * sigmoid(-2 * x)
    return y, 4 * fourth, -8 * y * fourth


def _sigmoid(x: float) -> Taylor:
    y, rest = sigmoid(x), sigmoid(-x)
    return y, y * rest, y * rest * (rest - y)


def _relu(x: float) -> Taylor:
    return (x, 1.0, 0.0) if x > 0 else (0.0, 0.0, 0.0)


def _selu(x: float) -> Taylor:
    if x > 0:
        return _SELU_SCALE * x, _SELU_SCALE, 0.0
    bend = _SELU_SCALE * _SELU_ALPHA * math.exp(x)
    return _SELU_SCALE * _SELU_ALPHA * math.expm1(x), bend, bend


def _gelu(x: float) -> Taylor:
    below = 0.5 * math.erfc(-x / math.sqrt(2))
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return x * below, below + x * density, density * (2 - x * x)


def _silu(x: float) -> Taylor:
    y, slope, _ = _sigmoid(x)
    return x * y, y + x * slope, slope * (2 + x * (1 - 2 * y))


def _softplus(x: float) -> Taylor:
    y, slope, _ = _sigmoid(x)
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))), y, slope


def _softsign(x: float) -> Taylor:
    part = 1 / (1 + abs(x))
    return x * part, part * part, -2 * math.copysign(part * part * part, x) if x else 0.0


def _hardtanh(x: float) -> Taylor:
    return max(min(x, 1.0), -1.0), float(-1 < x < 1), 0.0


def _erf(x: float) -> Taylor:
    slope = 2 / math.sqrt(math.pi) * math.exp(-x * x)
    return math.erf(x), slope, -2 * x * slope


#: By their names in the expression language.
SCALARS: dict[str, Callable[[float], Taylor]] = {
    "exp": _exp,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "abs": _abs,
    "sign": _sign,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "relu": _relu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "softsign": _softsign,
    "hardtanh": _hardtanh,
    "erf": _erf,
}
