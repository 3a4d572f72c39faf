"""True slopes of expressions, from their values alone: what every step is held against.

A complex step, Im f(x + ih)/h, subtracts nothing and is exact to rounding
(Squire and Trapp, "Using Complex Variables to Estimate Derivatives of Real
Functions", 1998). Expressions with kinks take central differences, between points
on one side of every kink. Where the two disagree with a step beyond rounding, or
rounding itself is in question, 120 digits decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlcalc.expr.tree import Call, Expr, walk
from dlcalc.symbolic.scalar.evaluate import COMPLEX, KINKED, Real, Undefined, evaluate

Values = Mapping[str, float]
#: An expression, and before it the definitions of names that it holds.
Chain = Sequence[tuple[str, Expr]]

_IMAGINARY = 1e-30
_STEPS = (1e-3, 1e-4, 1e-5, 1e-6)


def kinked(exprs: Iterable[Expr]) -> bool:
    """Whether any of them is not analytic."""
    return any(
        isinstance(node, Call) and node.function in KINKED for expr in exprs for node in walk(expr)
    )


def method(exprs: Iterable[Expr]) -> str:
    """By what the slope of these expressions is found."""
    return "central differences" if kinked(exprs) else "complex step"


def slope(chain: Chain, values: Values, by: str) -> float:
    """The derivative of the last expression of a chain by a name, the others held.

    Raises `Undefined` where there is none: the expression is not defined, or a kink lies
    too near.
    """
    if kinked([expr for _, expr in chain]):
        return _central(chain, values, by)
    found = _last(chain, {**values, by: complex(values[by], _IMAGINARY)}, COMPLEX)
    return float(complex(found).imag) / _IMAGINARY


def _last(chain: Chain, values: Mapping[str, Any], arithmetic: Any) -> Any:
    found = None
    known = dict(values)
    for name, expr in chain:
        found = known[name] = evaluate(expr, known, arithmetic)
    return found


class Sides(Real):
    """Real numbers; on which side every branch was taken is written down."""

    def __init__(self) -> None:
        self.sides: list[int] = []

    def above(self, x: float) -> bool:  # type: ignore[override]
        """Whether a number is above 0."""
        self.sides.append((x > 0) - (x < 0))
        return x > 0

    @property
    def on_kink(self) -> bool:
        """Whether some branch was taken at 0 itself."""
        return 0 in self.sides


def _central(chain: Chain, values: Values, by: str) -> float:
    """By five points, with Richardson's step; all of them on one side of every kink."""
    best, noise = math.nan, math.inf
    for share in _STEPS:
        step = share * (abs(values[by]) or 1.0)
        samples, sides = [], []
        try:
            for move in (-step, -step / 2, 0.0, step / 2, step):
                arithmetic = Sides()
                samples.append(_last(chain, {**values, by: values[by] + move}, arithmetic))
                sides.append(arithmetic.sides)
        except Undefined:
            continue
        if any(side != sides[2] for side in sides):
            continue
        wide = (samples[4] - samples[0]) / (2 * step)
        narrow = (samples[3] - samples[1]) / step
        error = 1e-3 * abs(wide - narrow) + 1e-16 * abs(samples[2]) / step
        if error < noise:
            best, noise = (4 * narrow - wide) / 3, error
    if math.isnan(best):
        raise Undefined("the expression", "has a kink too near to the point")
    return best
