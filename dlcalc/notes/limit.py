"""Limits told by numbers: an expression followed towards a point until it settles."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

#: An expression's value at a point, as the calculators of scalars have it.
Value = Callable[[float], float]
_STEPS = range(4, 27)


class Found(NamedTuple):
    """Where an expression goes, and how far that is from settled."""

    value: float
    unsure: float


def limit(value: Value, to: float) -> Found | None:
    """The limit of a function; None where it does not settle.

    Steps double towards infinity, or halve the way to a number from both sides. The
    change of the last doubling, of a sequence that goes as 1/n, is what is left of it.

    >>> limit(lambda n: (1 - 1/n)**n, float("inf")).value
    0.3678794...
    """
    if to in (float("inf"), float("-inf")):
        sign = 1.0 if to > 0 else -1.0
        return _settled([value(sign * 2.0**step) for step in _STEPS])
    sides = [_settled([value(to + side * 2.0**-step) for step in _STEPS]) for side in (1, -1)]
    left, right = sides
    if left is None or right is None:
        return None
    apart = abs(left.value - right.value)
    if apart > 10 * (left.unsure + right.unsure) + 1e-9 * max(abs(left.value), 1.0):
        return None
    return Found((left.value + right.value) / 2, max(left.unsure, right.unsure, apart))


def _settled(values: list[float]) -> Found | None:
    """The member of a sequence from which on it changes least."""
    changes = [abs(b - a) for a, b in pairwise(values)]
    best = None
    for place in range(2, len(changes)):
        change = max(changes[place], changes[place - 1] / 2)
        if change != change or abs(values[place + 1]) == float("inf"):
            continue
        # A sequence that has not calmed down does not count, however small its steps.
        if changes[place] > 0.75 * changes[place - 1] + 1e-12 * abs(values[place + 1]):
            continue
        if best is None or change < best.unsure:
            best = Found(values[place + 1], change)
    return best
