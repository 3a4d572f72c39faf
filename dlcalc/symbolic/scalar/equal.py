"""Whether an expression that somebody claims is the one that was derived."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

from dlcalc.expr.tree import Expr, variables
from dlcalc.symbolic.scalar.check import PRECISE, relative
from dlcalc.symbolic.scalar.draw import drawn_number
from dlcalc.symbolic.scalar.evaluate import Undefined, evaluate
from dlcalc.symbolic.scalar.form import Algebra
from dlcalc.symbolic.scalar.present import Tidy
from dlcalc.symbolic.scalar.witness import Sides

POINTS = 30
_ATTEMPTS = 600
#: Points that are easily read come first.
_PLAIN = (0.5, 1.0, 2.0, -1.0, 3.0, 1.5, -0.5, 0.25, -2.0)
_PLAIN_ATTEMPTS = 60
_TOLERANCE = 1e-9
#: What SymPy is asked about has at most so many parts.
_MOST_PARTS = 400


class Equality(NamedTuple):
    """Whether two expressions are equal: None if that cannot be told."""

    equal: bool | None
    #: How it was decided.
    method: str = ""
    points: int = 0
    largest: float = 0.0
    #: Where they part, and both values there.
    point: Mapping[str, float] = {}
    ours: float = 0.0
    theirs: float = 0.0


def equality(ours: Expr, theirs: Expr, within: Expr | None = None) -> Equality:
    """Compare two expressions: symbolically where that decides, else at random points.

    The points are some at which ``within`` is defined, the expression that was derived.

    >>> from dlcalc.expr.parse import parse
    >>> equality(parse("2*(x + 1)"), parse("x + 2 + x")).method
    'symbolically'
    >>> equality(parse("x + 1"), parse("x - 1")).equal
    False
    """
    algebra = Algebra()
    tidy = Tidy(algebra)
    difference = algebra.sum([algebra.read(ours), algebra.scaled(-1, algebra.read(theirs))])
    if tidy(tidy.expanded(tidy(difference))) is algebra.zero:
        return Equality(True, "symbolically")
    within = ours if within is None else within
    found = _at_points(ours, theirs, within)
    if found.equal is None:
        found = _at_points(ours, theirs, within, kinks=True)
    if found.equal and difference.size <= _MOST_PARTS:
        from dlcalc.symbolic.scalar import sympy_route as sympy

        steep = sympy.too_steep(ours) or sympy.too_steep(theirs)
        if not steep and sympy.always_zero(sympy.lifted(ours) - sympy.lifted(theirs)):
            return Equality(True, "symbolically, by SymPy")
    return found


def _at_points(ours: Expr, theirs: Expr, within: Expr, kinks: bool = False) -> Equality:
    """Compare at points, with ``kinks`` also at those that lie on one."""
    exprs = (within, ours, theirs)
    names = list(dict.fromkeys(name for expr in exprs for name in variables(expr)))
    source = random.Random(1)
    count, largest = 0, 0.0
    for attempt in range(_ATTEMPTS):
        if attempt < _PLAIN_ATTEMPTS:
            point = {name: source.choice(_PLAIN) for name in names}
        else:
            point = {name: drawn_number(source, attempt) for name in names}
        try:
            _, first, second = [_value(expr, point, kinks) for expr in exprs]
        except Undefined:
            continue
        error = relative(first, second)
        if error > _TOLERANCE:
            exact = _precisely(ours, theirs, point)
            if exact is None:
                continue
            first, second, error = exact
            if error > PRECISE:
                return Equality(False, "numerically", point=point, ours=first, theirs=second)
        count, largest = count + 1, max(largest, error)
        if count == POINTS:
            break
    return Equality(True if count else None, "numerically", count, largest)


def _value(expr: Expr, point: Mapping[str, float], kinks: bool) -> float:
    """The value at a point. Raises `Undefined` where there is none, or a kink that may not be."""
    arithmetic = Sides()
    found = float(evaluate(expr, point, arithmetic))
    if arithmetic.on_kink and not kinks:
        raise Undefined("the point", "lies on a kink")
    return found


def _precisely(
    ours: Expr, theirs: Expr, point: Mapping[str, float]
) -> tuple[float, float, float] | None:
    from dlcalc.symbolic.scalar import precise

    try:
        first, second = precise.value(ours, point), precise.value(theirs, point)
    except Undefined:
        return None
    return float(first), float(second), precise.difference(first, second)
