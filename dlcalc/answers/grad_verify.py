"""``grad --verify`` on numbers: SymPy's own derivative, and the engine's backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

from dlcalc.answers.verified import apart
from dlcalc.expr.tree import Expr
from dlcalc.result import Finding
from dlcalc.symbolic.scalar.check import relative
from dlcalc.symbolic.scalar.draw import drawn
from dlcalc.symbolic.scalar.evaluate import Undefined, evaluate
from dlcalc.symbolic.scalar.orders import Entry, Orders
from dlcalc.symbolic.scalar.point import shown

#: Both routes agree to this, but for what rounding moves.
_TOLERANCE = 1e-8
#: SymPy's 30 digits tell nothing below this.
_LEAST = 1e-25


def verified(exprs: Sequence[Expr], found: Orders) -> Iterator[Finding | str]:
    """What SymPy and the engine say to the derivatives that were printed.

    A text is why one of them was not asked.
    """
    entries = found.levels[-1]
    origins = dict(zip(found.roots, exprs, strict=True))
    yield _by_sympy(entries, origins)
    if len(found.levels) == 1:
        yield _by_engine(entries, origins)
    else:
        yield "the engine derives once, and was not asked"


def _by_sympy(entries: Sequence[Entry], origins: dict[str, Expr]) -> Finding | str:
    from dlcalc.symbolic.scalar import sympy_route as sympy

    if any(map(sympy.too_steep, [*origins.values(), *(entry.expr for entry in entries)])):
        return "a power is too steep for SymPy, which was not asked"
    undecided = 0
    for entry in entries:
        compared = 0
        theirs = sympy.derivative(origins[entry.origin], entry.path)
        if sympy.always_zero(theirs - sympy.lifted(entry.expr)):
            continue
        undecided += 1
        for point in drawn(entry.of, entry.path[-1]):
            try:
                ours = evaluate(entry.expr, point)
            except Undefined:
                continue
            other = sympy.number(theirs, point)
            if isnan(other):
                continue
            compared += 1
            if not relative(ours, other) <= _TOLERANCE:
                ours = _precisely(entry.expr, point)
            if not relative(ours, other) <= _TOLERANCE and abs(ours - other) > _LEAST:
                sentence = f"SymPy says {other:.9g} and not {ours:.9g} at {shown(point)}"
                return Finding(entry.symbol, False, sentence, {"method": "SymPy"})
        if not compared:
            return f"SymPy's own {entry.symbol} has no value where it was tried"
    sentence = "SymPy derives the same"
    if undecided:
        sentence += f", {undecided} of {len(entries)} decided at random points alone"
    return Finding("SymPy", True, sentence, {"method": "SymPy", "undecided": undecided})


def _by_engine(entries: Sequence[Entry], origins: dict[str, Expr]) -> Finding | str:
    from dlcalc.symbolic.scalar import engine_route as engine

    largest = 0.0
    for entry in entries:
        expr = origins[entry.origin]
        absent = engine.missing(expr)
        if absent:
            return f"the engine has no {absent}, and was not asked"
        points = drawn(expr, entry.path[-1])
        slopes = engine.slopes(expr, entry.path[-1], points)
        for point, other in zip(points, slopes, strict=True):
            ours = evaluate(entry.expr, point)
            error = relative(ours, other.value)
            if not error <= _TOLERANCE:
                ours = _precisely(entry.expr, point)
                error = relative(ours, other.value)
            if not error <= _TOLERANCE and abs(ours - other.value) <= other.noise:
                continue
            if not error <= _TOLERANCE:
                sentence = f"the engine says {other.value:.9g} and not {ours:.9g} at {shown(point)}"
                return Finding(entry.symbol, False, sentence, {"method": "engine"})
            largest = max(largest, error)
    sentence = f"the engine's backward pass, {apart(largest, 1.0, 'relative error')}"
    return Finding("the engine", True, sentence, {"method": "engine", "residual": largest})


def _precisely(expr: Expr, point: Mapping[str, float]) -> float:
    """A value to 120 digits, where rounding may have spoilt it."""
    from dlcalc.symbolic.scalar import precise

    return float(precise.value(expr, point))
