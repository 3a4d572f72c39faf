"""True derivatives of an expression as it was typed, and how far a formula is from them.

The derivative along a direction is Im f(x + ih v)/h with a step that is exact to
rounding (Squire and Trapp, 1998). Second derivatives are differences of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from dlcalc.symbolic.matrix.chance import Random
from dlcalc.symbolic.matrix.evaluate import Array

_IMAGINARY = 1e-30
#: Steps of second differences: complex steps leave them little rounding. And of first ones.
_SECOND_STEPS = (2e-4, 2e-5, 2e-3)
_STEP = 1e-3
#: Variables of no more entries are moved one entry at a time.
FEW = 12
#: Larger relative errors are disagreements.
TOLERANCE = 1e-8
#: Errors are shares of at least this, times the size of the value where there is one: where all
#: derivatives are smaller, rounding alone makes large shares of them.
SCALE = 1e-4
SECOND_TOLERANCE = 1e-6
DIFFERENCE_TOLERANCE = 1e-5

#: A function of values by name.
Function = Callable[[Mapping[str, Any]], Any]


def directions(shape: tuple[int, ...], random: Random, few: int) -> Iterator[Array]:
    """Every single entry of a small tensor, and a few random directions."""
    count = prod(shape)
    if count <= few:
        for entry in range(count):
            unit = np.zeros(count)
            unit[entry] = 1.0
            yield unit.reshape(shape)
    for _ in range(2):
        yield random.uniform(-1.0, 1.0, shape)


def along(function: Function, values: Mapping[str, Any], name: str, direction: Array) -> Array:
    """The derivative of a function along a direction of one variable."""
    moved = np.asarray(values[name]) + 1j * _IMAGINARY * direction
    return np.asarray(np.imag(function({**values, name: moved}))) / _IMAGINARY


def difference(function: Function, values: Mapping[str, Any], name: str, direction: Array) -> Array:
    """The same by central differences, whose leading errors cancel; real numbers all through."""

    def slope(step: float) -> Array:
        ends = []
        for sign in (1.0, -1.0):
            moved = np.asarray(values[name]) + sign * step * direction
            ends.append(np.asarray(function({**values, name: moved})))
        return np.asarray((ends[0] - ends[1]) / (2 * step))

    return np.asarray((4 * slope(_STEP / 2) - slope(_STEP)) / 3)


def second(
    function: Function,
    values: Mapping[str, Any],
    names: tuple[str, str],
    first: Array,
    other: Array,
    step: float,
) -> Array:
    """The derivative along one direction of the derivative along another.

    Central differences with a step and half of it, whose leading errors cancel (Richardson).
    """
    by, then = names

    def difference(step: float) -> Array:
        slopes = []
        for sign in (1.0, -1.0):
            moved = {**values, then: np.asarray(values[then]) + sign * step * other}
            slopes.append(along(function, moved, by, first))
        return np.asarray((slopes[0] - slopes[1]) / (2 * step))

    return np.asarray((4 * difference(step / 2) - difference(step)) / 3)


def applied(formula: Array, direction: Array) -> Array:
    """A formula for a derivative along a direction: its last axes are summed over."""
    rank = np.ndim(direction)
    if not rank:
        return np.asarray(formula * direction)
    axes = tuple(range(np.ndim(formula) - rank, np.ndim(formula)))
    return np.asarray(np.tensordot(formula, direction, (axes, tuple(range(rank)))))


def error(found: Any, expected: Any, scale: float = 0.0) -> float:
    """The largest difference, as a share of the largest entry; infinite if shapes differ."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return float("inf")
    if not found.size:
        return 0.0
    difference = np.max(np.abs(found - expected))
    size = max(float(np.max(np.abs(expected))), float(np.max(np.abs(found))), scale, 1e-30)
    return float("inf") if not np.isfinite(difference) else float(difference) / size


def first_error(
    function: Function,
    values: Mapping[str, Any],
    name: str,
    formula: Array,
    random: Random,
    few: int = FEW,
) -> float:
    """How far a formula is from the derivative of a function by a variable at a point."""
    shape = np.shape(values[name])
    base = np.asarray(function(values))
    if np.shape(formula) != (*base.shape, *shape):
        return float("inf")
    scale = SCALE * max(1.0, float(np.max(np.abs(base), initial=0.0)))
    pairs = [
        (applied(formula, direction), along(function, values, name, direction))
        for direction in directions(shape, random, few)
    ]
    return joint(pairs, scale)


def second_error(
    function: Function,
    values: Mapping[str, Any],
    names: tuple[str, str],
    formula: Array,
    random: Random,
) -> float:
    """How far a formula is from the second derivative by two variables at a point."""
    by, then = names
    base = np.asarray(function(values))
    whole = (*base.shape, *np.shape(values[by]), *np.shape(values[then]))
    if np.shape(formula) != whole:
        return float("inf")
    scale = SCALE * max(1.0, float(np.max(np.abs(base), initial=0.0)))
    ways = [
        (first, other)
        for first in directions(np.shape(values[by]), random, 6)
        for other in directions(np.shape(values[then]), random, 6)
    ]
    return steepest(
        [applied(applied(formula, other), first) for first, other in ways],
        lambda step: [second(function, values, names, *way, step) for way in ways],
        scale,
    )


def steepest(
    found: Sequence[Array], expected: Callable[[float], list[Array]], scale: float
) -> float:
    """The error against second differences of the step that suits the function best."""
    best = float("inf")
    for step in _SECOND_STEPS:
        best = min(best, joint(list(zip(found, expected(step), strict=True)), scale))
        if best <= SECOND_TOLERANCE:
            break
    return best


def joint(pairs: Sequence[tuple[Array, Array]], scale: float) -> float:
    """The error of several comparisons against the largest number in any of them."""
    for _, expected in pairs:
        scale = max(scale, float(np.max(np.abs(expected), initial=0.0)))
    return max((error(found, expected, scale) for found, expected in pairs), default=0.0)
