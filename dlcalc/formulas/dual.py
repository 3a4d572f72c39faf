"""Scalar functions of several variables with their exact first and second derivatives.

Forward mode: every number carries its derivatives by all variables (Griewank and
Walther, "Evaluating Derivatives", 2008, chapter 3). At a kink the derivative is that
which PyTorch takes: 0 for abs and relu at 0, half of each side where max and min tie.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dlcalc.errors import InputError
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript, Transpose
from dlcalc.formulas.scalars import SCALARS, Taylor


class Undefined(ArithmeticError):
    """A function or its derivative has no value at a point, or one beyond float64."""


class Dual(NamedTuple):
    """A value, its slopes by each variable, and its curvatures, the lower triangle in a row.

    Without slopes it is a constant; ``curves`` is empty where only slopes are wanted.
    """

    value: float
    slopes: tuple[float, ...] = ()
    curves: tuple[float, ...] = ()


Point = Sequence[Dual]
Compiled = Callable[[Point], Dual]


class Function:
    """An expression as a function of its variables, in the order in which they stand.

    Raises `InputError` for what is not of scalars, by its name.

    >>> from dlcalc.expr.parse import parse
    >>> f = Function(parse("x^2 + 10*x*y"), ["x", "y"])
    >>> f.gradient([3.0, 1.0])
    (39.0, [16.0, 30.0])
    >>> f.hessian([3.0, 1.0])
    [[2.0, 10.0], [10.0, 0.0]]
    """

    def __init__(self, expr: Expr, names: Sequence[str]) -> None:
        self.names = list(names)
        self._run = _compiled(expr, {name: index for index, name in enumerate(names)})

    def gradient(self, at: Sequence[float]) -> tuple[float, list[float]]:
        """The value and the slopes at a point. Raises `Undefined` where there are none."""
        found = self._at(at, curved=False)
        return found.value, list(found.slopes) or [0.0] * len(at)

    def hessian(self, at: Sequence[float]) -> list[list[float]]:
        """The second derivatives at a point. Raises `Undefined` where there are none."""
        size = len(at)
        curves = self._at(at, curved=True).curves or (0.0,) * (size * (size + 1) // 2)
        rows = [[0.0] * size for _ in at]
        for place, curve in enumerate(curves):
            row = (math.isqrt(8 * place + 1) - 1) // 2
            column = place - row * (row + 1) // 2
            rows[row][column] = rows[column][row] = curve
        return rows

    def _at(self, at: Sequence[float], *, curved: bool) -> Dual:
        size = len(at)
        flat = (0.0,) * (size * (size + 1) // 2 if curved else 0)
        point = [
            Dual(value, tuple(float(i == index) for i in range(size)), flat)
            for index, value in enumerate(at)
        ]
        try:
            found = self._run(point)
        except OverflowError:
            raise Undefined("it is beyond float64") from None
        except ZeroDivisionError:
            raise Undefined("it divides by 0") from None
        except ValueError:
            raise Undefined("a logarithm, root or power has no value") from None
        if not all(map(math.isfinite, (found.value, *found.slopes, *found.curves))):
            raise Undefined("it is beyond float64")
        return found


def _compiled(expr: Expr, index: dict[str, int]) -> Compiled:
    """The expression as a function of a point."""
    match expr:
        case Number(value):
            constant = Dual(float(value))
            return lambda point: constant
        case Name("pi"):
            return lambda point: Dual(math.pi)
        case Name() | Subscript():
            return operator.itemgetter(index[str(expr)])
        case Negative(operand):
            inner = _compiled(operand, index)
            return lambda point: _chain(inner(point), _negated)
        case Binary(sign, left, right) if sign in _BINARY:
            first, second, act = _compiled(left, index), _compiled(right, index), _BINARY[sign]
            return lambda point: act(first(point), second(point))
        case Call(name, arguments, None) if _scalar(name, len(arguments)):
            parts = [_compiled(argument, index) for argument in arguments]
            return _called(name, parts)
    raise _refused(expr)


def _scalar(name: str, count: int) -> bool:
    kind = FUNCTIONS[name].kind
    return kind == "each" or (name in ("max", "min") and count == 2)


def _refused(expr: Expr) -> InputError:
    match expr:
        case Call(name, _, _):
            what, mend = name, "Write it in its parts, such as x**2 + y**2."
        case Transpose():
            what, mend = ".T", "Its operand is one number here."
        case _:
            what, mend = "@", "Write * for a product of numbers."
    return InputError(
        f"{what} is of vectors and matrices; steps go down functions of single numbers",
        place=expr.place,
        mend=mend,
    )


def _called(name: str, parts: list[Compiled]) -> Compiled:
    """A function of the language at its arguments."""
    first, second = parts[0], parts[1] if len(parts) > 1 else None
    if name in SCALARS:
        act = SCALARS[name]
        return lambda point: _chain(first(point), act)
    if name in ("max", "min"):
        assert second is not None
        other, larger = second, name == "max"
        return lambda point: _larger(first(point), other(point), larger)
    default = {"leaky_relu": 0.01, "elu": 1.0, "heaviside": 0.5}.get(name, 0.0)
    given = second or (lambda point: Dual(default))
    branch = _BRANCHES[name]
    return lambda point: branch(first(point), given(point))


def _negated(x: float) -> Taylor:
    return -x, -1.0, 0.0


def _chain(x: Dual, function: Callable[[float], Taylor]) -> Dual:
    """A function of one number behind another: f', and f'' with the product of slopes."""
    value, slope, curve = function(x.value)
    if not x.slopes:
        return Dual(value)
    slopes = tuple([slope * s for s in x.slopes])
    if not x.curves:
        return Dual(value, slopes)
    products = _products(x.slopes, x.slopes)
    curves = tuple([slope * c + curve * p for c, p in zip(x.curves, products, strict=True)])
    return Dual(value, slopes, curves)


def _products(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [a * second[column] for row, a in enumerate(first) for column in range(row + 1)]


def _linear(x: Dual, y: Dual, a: float, b: float, value: float) -> Dual:
    """A value whose slopes are a*x' + b*y', curvatures likewise."""
    if not y.slopes:
        return Dual(value, tuple([a * s for s in x.slopes]), tuple([a * c for c in x.curves]))
    if not x.slopes:
        return Dual(value, tuple([b * s for s in y.slopes]), tuple([b * c for c in y.curves]))
    return Dual(
        value,
        tuple([a * s + b * r for s, r in zip(x.slopes, y.slopes, strict=True)]),
        tuple([a * c + b * d for c, d in zip(x.curves, y.curves, strict=True)]),
    )


def _plus(x: Dual, y: Dual) -> Dual:
    return _linear(x, y, 1.0, 1.0, x.value + y.value)


def _minus(x: Dual, y: Dual) -> Dual:
    return _linear(x, y, 1.0, -1.0, x.value - y.value)


def _times(x: Dual, y: Dual) -> Dual:
    found = _linear(x, y, y.value, x.value, x.value * y.value)
    if not (x.curves and y.curves):
        return found
    one, other = _products(x.slopes, y.slopes), _products(y.slopes, x.slopes)
    curves = [c + p + q for c, p, q in zip(found.curves, one, other, strict=True)]
    return found._replace(curves=tuple(curves))


def _reciprocal(x: float) -> Taylor:
    one = 1 / x
    return one, -one * one, 2 * one * one * one


def _over(x: Dual, y: Dual) -> Dual:
    if not y.slopes:
        return _linear(x, y, 1 / y.value, 0.0, x.value / y.value)
    found = _times(x, _chain(y, _reciprocal))
    return found._replace(value=x.value / y.value)


def _power(x: Dual, y: Dual) -> Dual:
    if y.slopes:
        # x**y = exp(y*log(x)), for positive x.
        return _chain(_times(y, _chain(x, SCALARS["log"])), SCALARS["exp"])
    exponent = y.value

    def act(base: float) -> Taylor:
        slope = exponent * math.pow(base, exponent - 1) if exponent and x.slopes else 0.0
        bent = x.curves and exponent not in (0, 1)
        curve = exponent * (exponent - 1) * math.pow(base, exponent - 2) if bent else 0.0
        return math.pow(base, exponent), slope, curve

    return _chain(x, act)


def _larger(x: Dual, y: Dual, larger: bool) -> Dual:
    if x.value == y.value:
        return _linear(x, y, 0.5, 0.5, x.value)
    return x if (x.value > y.value) == larger else y


def _leaky(x: Dual, slope: Dual) -> Dual:
    return x if x.value > 0 else _times(slope, x)


def _elu(x: Dual, alpha: Dual) -> Dual:
    return x if x.value > 0 else _times(alpha, _chain(x, SCALARS["expm1"]))


def _heaviside(x: Dual, at_zero: Dual) -> Dual:
    return at_zero if x.value == 0 else Dual(float(x.value > 0))


_BINARY: dict[str, Callable[[Dual, Dual], Dual]] = {
    "+": _plus,
    "-": _minus,
    "*": _times,
    "/": _over,
    "**": _power,
}
_BRANCHES: dict[str, Callable[[Dual, Dual], Dual]] = {
    "leaky_relu": _leaky,
    "prelu": _leaky,
    "elu": _elu,
    "heaviside": _heaviside,
}
