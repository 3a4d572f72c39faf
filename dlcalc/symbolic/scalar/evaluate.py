"""Expressions at a point: as real numbers, one hair off the real axis, or with many digits.

This is the witness of every derivation and shares no rule with it: functions
are computed from their definitions. A complex number stands for a real one
moved by a step of 1e-30 along the imaginary axis; functions with kinks take the
side on which its real part lies.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from dlcalc.errors import InputError, Place, abridged
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript, written


class Undefined(InputError):
    """A part of an expression that has no real, finite value at a point, and why."""

    def __init__(self, part: str, why: str, place: Place | None = None) -> None:
        super().__init__(f"{part} {why} there", place=place)
        self.part = part
        self.why = why


def evaluate(expr: Expr, values: Mapping[str, Any], arithmetic: Any = None) -> Any:
    """The value of an expression in an arithmetic, by default that of real numbers.

    Raises `Undefined` at the place where it has no finite real value.

    >>> from dlcalc.expr.parse import parse
    >>> evaluate(parse("x^2 + sin(0)"), {"x": 3.0})
    9.0
    """
    m = arithmetic or REAL
    try:
        found = _value(expr, values, m)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise _undefined(expr, error) from None
    if not m.finite(found):
        raise _undefined(expr, OverflowError())
    return found


def _value(expr: Expr, values: Mapping[str, Any], m: Any) -> Any:
    match expr:
        case Number(value):
            return m.number(value)
        case Name("pi"):
            return m.pi
        case Name() | Subscript():
            return values[written(expr)]
        case Negative(operand):
            return -evaluate(operand, values, m)
        case Binary(operator, left, right):
            first, second = evaluate(left, values, m), evaluate(right, values, m)
            return _ARITHMETIC[operator](m, first, second)
        case Call(function, arguments):
            return FUNCTIONS[function](m, *[evaluate(part, values, m) for part in arguments])
    raise TypeError(expr)


def _undefined(expr: Expr, error: Exception) -> Undefined:
    why = "has no real value"
    if isinstance(error, ZeroDivisionError):
        why = "divides by 0"
    elif isinstance(error, OverflowError):
        why = "is too large a number"
    return Undefined(abridged(written(expr)), why, expr.place)


class Real:
    """Numbers as Python's floats."""

    pi = math.pi
    exp, expm1, log, log1p, sqrt = math.exp, math.expm1, math.log, math.log1p, math.sqrt
    sin, cos, tan = math.sin, math.cos, math.tan
    sinh, cosh, tanh, erf = math.sinh, math.cosh, math.tanh, math.erf

    @staticmethod
    def number(value: Fraction) -> float:
        return float(value)

    @staticmethod
    def above(x: float) -> bool:
        """Whether a number is above 0; every branch is decided here."""
        return x > 0

    @staticmethod
    def finite(x: float) -> bool:
        return math.isfinite(x)

    @staticmethod
    def power(x: float, y: float) -> float:
        if x == 0 and y < 0:
            raise ZeroDivisionError
        return math.pow(x, y)


class Complex:
    """Numbers one step off the real axis, whose real part alone must be defined."""

    pi = math.pi
    exp, sin, cos, tan = cmath.exp, cmath.sin, cmath.cos, cmath.tan
    sinh, cosh, tanh = cmath.sinh, cmath.cosh, cmath.tanh

    @staticmethod
    def number(value: Fraction) -> complex:
        return complex(float(value))

    @staticmethod
    def above(x: complex) -> bool:
        return x.real > 0

    @staticmethod
    def finite(x: complex) -> bool:
        return cmath.isfinite(x)

    @staticmethod
    def log(x: complex) -> complex:
        if x.real <= 0:
            raise ValueError
        return cmath.log(x)

    @staticmethod
    def log1p(x: complex) -> complex:
        return complex(math.log1p(x.real), math.atan2(x.imag, 1 + x.real))

    @staticmethod
    def expm1(x: complex) -> complex:
        return complex(math.expm1(x.real), math.exp(x.real) * math.sin(x.imag))

    @staticmethod
    def sqrt(x: complex) -> complex:
        if x.real <= 0:
            raise ValueError
        return cmath.sqrt(x)

    @staticmethod
    def power(x: complex, y: complex) -> complex:
        if not y.imag and y.real == int(y.real) and abs(y.real) < 1e15:
            if x == 0 and y.real < 0:
                raise ZeroDivisionError
            odd = int(y.real) % 2
            if x.real < 0:
                return (-1 if odd else 1) * Complex._positive(-x, y)
            return Complex._positive(x, y) if x.real > 0 else x ** int(y.real)
        if x.real <= 0:
            raise ValueError
        return Complex._positive(x, y)

    @staticmethod
    def _positive(x: complex, y: complex) -> complex:
        """A power whose base lies to the right of 0, without Python's loss of tiny angles."""
        size, angle = math.pow(abs(x), y.real), math.atan2(x.imag, x.real)
        return size * cmath.exp(
            complex(-y.imag * angle, y.imag * math.log(abs(x)) + y.real * angle)
        )

    @staticmethod
    def erf(x: complex) -> complex:
        """The error function: near 0 by its series, beyond 2 by a continued fraction.

        2/sqrt(pi)*exp(-x**2)*(x + 2*x**3/3 + 4*x**5/15 + ...), and
        exp(-x**2)/sqrt(pi)/(x + (1/2)/(x + (2/2)/(x + (3/2)/(x + ...)))).
        """
        if x.real < 0:
            return -Complex.erf(-x)
        if x.real > 26:
            return complex(1)
        if x.real > 2:
            below = x
            for n in range(120, 0, -1):
                below = x + n / 2 / below
            return 1 - cmath.exp(-x * x) / (math.sqrt(math.pi) * below)
        term = total = x
        for n in range(1, 60):
            term *= 2 * x * x / (2 * n + 1)
            total += term
        return 2 / math.sqrt(math.pi) * cmath.exp(-x * x) * total


REAL, COMPLEX = Real(), Complex()


def _divided(m: Any, x: Any, y: Any) -> Any:
    if y == 0:
        raise ZeroDivisionError
    return x / y


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda m, x, y: x + y,
    "-": lambda m, x, y: x - y,
    "*": lambda m, x, y: x * y,
    "/": _divided,
    "**": lambda m, x, y: m.power(x, y),
}


def _sign(m: Any, x: Any) -> int:
    return int(m.above(x)) - int(m.above(-x))


def _heaviside(m: Any, x: Any, at_zero: Any = 0.5) -> Any:
    side = _sign(m, x)
    return at_zero if side == 0 else m.number(Fraction((side + 1) // 2))


def _sigmoid(m: Any, x: Any) -> Any:
    if m.above(x):
        return 1 / (1 + m.exp(-x))
    return m.exp(x) / (1 + m.exp(x))


def _softplus(m: Any, x: Any) -> Any:
    return x + m.log1p(m.exp(-x)) if m.above(x) else m.log1p(m.exp(x))


def _abs(m: Any, x: Any) -> Any:
    return -x if m.above(-x) else x


def _elu(m: Any, x: Any, alpha: Any = 1) -> Any:
    return x if m.above(x) else alpha * m.expm1(x)


def _leaky(m: Any, x: Any, slope: Any = None) -> Any:
    slope = m.number(Fraction(1, 100)) if slope is None else slope
    return x if m.above(x) else slope * x


def _larger(m: Any, x: Any, y: Any) -> Any:
    return x if m.above(x - y) else y


def _smaller(m: Any, x: Any, y: Any) -> Any:
    return y if m.above(x - y) else x


def _selu(m: Any, x: Any) -> Any:
    return m.number(SELU_SCALE) * _elu(m, x, m.number(SELU_ALPHA))


def _bce(m: Any, p: Any, t: Any) -> Any:
    # As in PyTorch, 0*log(0) is 0.
    hit = t * m.log(p) if t != 0 else 0
    return -(hit + ((1 - t) * m.log1p(-p) if t != 1 else 0))


def _huber(m: Any, x: Any, y: Any, delta: Any = 1) -> Any:
    if not m.above(delta):
        raise ValueError
    gap = _abs(m, x - y)
    return delta * (gap - delta / 2) if m.above(gap - delta) else gap * gap / 2


#: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
SELU_SCALE = Fraction("1.0507009873554805")
SELU_ALPHA = Fraction("1.6732632423543772")

#: Every function of numbers, from its definition.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: (lambda m, x, name=name: getattr(m, name)(x))
        for name in [
            "exp",
            "log",
            "log1p",
            "expm1",
            "sqrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "erf",
        ]
    },
    "abs": _abs,
    "sign": lambda m, x: m.number(Fraction(_sign(m, x))),
    "sigmoid": _sigmoid,
    "relu": lambda m, x: x if m.above(x) else m.number(Fraction(0)),
    "leaky_relu": _leaky,
    "prelu": _leaky,
    "elu": _elu,
    "selu": _selu,
    "gelu": lambda m, x: x * (1 + m.erf(x / m.sqrt(m.number(Fraction(2))))) / 2,
    "silu": lambda m, x: x * _sigmoid(m, x),
    "softplus": _softplus,
    "softsign": lambda m, x: x / (1 + _abs(m, x)),
    "hardtanh": lambda m, x: _smaller(
        m, _larger(m, x, m.number(Fraction(-1))), m.number(Fraction(1))
    ),
    "heaviside": _heaviside,
    "max": _larger,
    "min": _smaller,
    "mse": lambda m, x, y: (x - y) * (x - y),
    "mae": lambda m, x, y: _abs(m, x - y),
    "bce": _bce,
    "huber": _huber,
}
#: Functions that are not analytic: they decide by the sign of something.
KINKED = frozenset(
    [
        "abs",
        "sign",
        "relu",
        "leaky_relu",
        "prelu",
        "elu",
        "selu",
        "softsign",
        "hardtanh",
        "heaviside",
        "max",
        "min",
        "mae",
        "huber",
    ]
)
