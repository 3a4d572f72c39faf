"""Expressions and their slopes to 120 digits: who is right where rounding is in question."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath

from dlcalc.expr.tree import Expr
from dlcalc.symbolic.scalar.evaluate import evaluate
from dlcalc.symbolic.scalar.witness import Chain

_DIGITS = 120
#: The step of central differences: its square is their error, its inverse what rounding costs.
_STEP = "1e-30"
_LEAST = "1e-45"
#: Slopes are told apart to this share of the largest value at work.
NOISE = 1e-50
#: Numbers beyond e to this are not followed.
_LARGEST = 100_000


class Precise:
    """Numbers of 120 digits. What would be complex has no real value."""

    sin, cos, tan = map(staticmethod, (mpmath.sin, mpmath.cos, mpmath.tan))
    tanh, erf = map(staticmethod, (mpmath.tanh, mpmath.erf))

    @property
    def pi(self) -> Any:
        """To the digits at work."""
        return +mpmath.pi

    @staticmethod
    def number(value: Fraction) -> Any:
        return mpmath.mpf(value.numerator) / value.denominator

    @staticmethod
    def above(x: Any) -> bool:
        return bool(x > 0)

    @staticmethod
    def finite(x: Any) -> bool:
        return bool(mpmath.isfinite(x))

    @staticmethod
    def _bounded(x: Any) -> Any:
        if abs(x) > _LARGEST:
            raise OverflowError
        return x

    def exp(self, x: Any) -> Any:
        return mpmath.exp(self._bounded(x))

    def expm1(self, x: Any) -> Any:
        return mpmath.expm1(self._bounded(x))

    def sinh(self, x: Any) -> Any:
        return mpmath.sinh(self._bounded(x))

    def cosh(self, x: Any) -> Any:
        return mpmath.cosh(self._bounded(x))

    @staticmethod
    def log(x: Any) -> Any:
        if x <= 0:
            raise ValueError
        return mpmath.log(x)

    @staticmethod
    def log1p(x: Any) -> Any:
        if x <= -1:
            raise ValueError
        return mpmath.log1p(x)

    @staticmethod
    def sqrt(x: Any) -> Any:
        if x < 0:
            raise ValueError
        return mpmath.sqrt(x)

    def power(self, x: Any, y: Any) -> Any:
        if x == 0 and y < 0:
            raise ZeroDivisionError
        if x < 0 and y != int(y):
            raise ValueError
        if x:
            self._bounded(y * mpmath.log(abs(x)))
        return mpmath.power(x, int(y) if y == int(y) else y)


_PRECISE = Precise()


def value(expr: Expr, values: Mapping[str, Any]) -> Any:
    """The value of an expression; raises `Undefined` where it has none."""
    with mpmath.workdps(_DIGITS):
        return evaluate(expr, _lifted(values), _PRECISE)


def difference(first: Any, second: Any) -> float:
    """How far two values are apart, as a share of the larger; 0 below what 120 digits tell."""
    with mpmath.workdps(_DIGITS):
        apart = abs(first - second)
        return 0.0 if apart <= NOISE else float(apart / max(abs(first), abs(second)))


def slope(chain: Chain, values: Mapping[str, Any], by: str) -> Any:
    """The derivative of the last of a chain of definitions, by central differences."""
    with mpmath.workdps(_DIGITS):
        start = _lifted(values)
        # As a share of the number, but of none that 120 digits could not tell from 0.
        step = max(abs(start[by]) or 1, mpmath.mpf(_LEAST)) * mpmath.mpf(_STEP)
        sides = []
        for move in (step, -step):
            known = {**start, by: start[by] + move}
            for name, expr in chain:
                known[name] = evaluate(expr, known, _PRECISE)
            sides.append(known[chain[-1][0]])
        return (sides[0] - sides[1]) / (2 * step)


def _lifted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: mpmath.mpf(number) for name, number in values.items()}
