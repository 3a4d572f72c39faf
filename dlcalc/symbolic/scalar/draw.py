"""Random points at which an expression and its slope are defined; the same at every run."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

from dlcalc.errors import InputError
from dlcalc.expr.tree import Expr, variables, walk
from dlcalc.symbolic.scalar.evaluate import Undefined, evaluate
from dlcalc.symbolic.scalar.witness import Sides, slope

POINTS = 7
_ATTEMPTS = 300
#: A large expression is tried at fewer points.
_LEAST, _WORK = 30, 200_000


def drawn(expr: Expr, by: str, also: Sequence[str] = ()) -> list[dict[str, float]]:
    """Random points at which an expression has a slope, if possible one that is not 0.

    None lies on a kink, unless all do; ``also`` names further variables. Raises
    `InputError` if none is found.
    """
    names = list(dict.fromkeys([*variables(expr), by, *also]))
    source = random.Random(0)
    telling: list[dict[str, float]] = []
    flat: list[dict[str, float]] = []
    edge: list[dict[str, float]] = []
    attempts = max(min(_ATTEMPTS, _WORK // sum(1 for _ in walk(expr))), _LEAST)
    for attempt in range(attempts):
        values = {name: drawn_number(source, attempt) for name in names}
        try:
            at_kink = on_kink(expr, values)
            found = slope([("", expr)], values, by)
        except Undefined:
            continue
        if at_kink:
            edge.append(values)
            continue
        (telling if found else flat).append(values)
        if len(telling) == POINTS or (not telling and len(flat) >= 10 * POINTS):
            break
    found_any = [*telling, *flat] or edge
    if not found_any:
        raise InputError(
            "no point was found at which the expression has a derivative, so none is verified",
            place=expr.place,
        )
    return found_any[:POINTS]


def on_kink(expr: Expr, values: Mapping[str, float]) -> bool:
    """Whether a point lies on a kink of an expression. Raises `Undefined` outside its domain."""
    sides = Sides()
    evaluate(expr, values, sides)
    return sides.on_kink


def drawn_number(source: random.Random, attempt: int) -> float:
    """A number of either sign; later attempts are positive, within (0, 1), large and small."""
    size = source.uniform(0.1, 2.0)
    kind = attempt % 6 if attempt > 10 else 0
    if kind == 1:
        return size
    if kind == 2:
        return source.uniform(0.02, 0.98)
    if kind in (3, 4):
        size *= 10 ** source.uniform(0, 3)
    elif kind == 5:
        size *= 10 ** source.uniform(-4, 0)
    return size if kind == 4 else math.copysign(size, source.uniform(-1, 1))
