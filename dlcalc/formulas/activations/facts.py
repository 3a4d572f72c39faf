"""What can be said of an activation, found from its pieces and not written down beside them.

Each piece is sampled between -30 and 30, where no exponential is rounded to 0;
a change of sign between two samples is closed in by halving. Beyond 30 every
activation is as good as its end line, and its slope is monotone.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import NamedTuple

from dlcalc.formulas.activations.base import Activation, Function, Piece
from dlcalc.formulas.intervals import Interval, joined

#: How far pieces are sampled, and how many samples there are to one unit.
REACH, _FINENESS = 30.0, 4
# What rounding may part two numbers by that are the same.
_ROUNDING = 1e-13
# Samples closer together than this are one point, and its neighbours.
_POINT = 1e-9
_FAR = tuple(10.0**n for n in range(2, 308, 5))


class Steepest(NamedTuple):
    """The largest |f'|, and where; ``limits`` are infinities at which it is only approached."""

    slope: float
    where: list[Interval]
    limits: list[float]


class Kink(NamedTuple):
    """Where derivatives of the two sides differ, and the one that is taken."""

    at: float
    slopes: tuple[float, float]
    curvatures: tuple[float, float]
    slope: float
    curvature: float

    @property
    def breaks(self) -> bool:
        """Whether the slope itself jumps, and not just the second derivative."""
        return not alike(*self.slopes)


def alike(one: float, other: float) -> bool:
    """Whether two numbers differ by no more than rounding."""
    return abs(one - other) <= _ROUNDING * max(abs(one), abs(other))


def kinks(of: Activation) -> list[Kink]:
    """The joints at which the first or the second derivative jumps."""
    found = []
    for joint, left, right in zip(of.joints, of.pieces, of.pieces[1:], strict=False):
        at = joint.at
        slopes = left.slope(at), right.slope(at)
        curvatures = left.curvature(at), right.curvature(at)
        if not (alike(*slopes) and alike(*curvatures)):
            found.append(Kink(at, slopes, curvatures, joint.slope, joint.curvature))
    return found


class Stretch(NamedTuple):
    """A piece with the ends of its stretch, its samples, and where its derivatives change sign."""

    low: float
    high: float
    piece: Piece
    points: list[float]
    turns: list[float]
    bends: list[float]
    #: The slope, where the second derivative is 0 at every sample.
    straight: float | None


@lru_cache(maxsize=64)
def survey(of: Activation) -> list[Stretch]:
    """The pieces of an activation, sampled."""
    ats = [joint.at for joint in of.joints]
    found = []
    for low, high, piece in zip([-inf, *ats], [*ats, inf], of.pieces, strict=True):
        points = samples(low, high)
        curved = any(map(piece.curvature, points))
        turns = zeros(piece.slope, points)
        bends = zeros(piece.curvature, points) if curved else []
        line = None if curved else piece.slope(points[0])
        found.append(Stretch(low, high, piece, points, turns, bends, line))
    return found


def values(of: Activation) -> Interval:
    """The range: every value that is taken, an end not counted where it is only approached."""
    found = [(of.value(joint.at), True) for joint in of.joints]
    stretches = survey(of)
    for stretch in stretches:
        found += [(stretch.piece.value(x), True) for x in stretch.turns]
    # Where a piece is constant its limit is reached.
    found.append((of.value(-inf), stretches[0].straight == 0))
    found.append((of.value(inf), stretches[-1].straight == 0))
    low, high = min(value for value, _ in found), max(value for value, _ in found)
    # Adding 0 makes 0 of -0.
    return Interval(low + 0.0, high + 0.0, (low, True) in found, (high, True) in found)


def steepest(of: Activation) -> Steepest:
    """The largest size of the slope, over the pieces, the joints and both infinities."""
    where = [(abs(joint.slope), Interval(joint.at, joint.at, True, True)) for joint in of.joints]
    for low, high, piece, _, _, bends, line in survey(of):
        if line is not None:
            where.append((abs(line), Interval(low, high)))
        where += [(abs(piece.slope(x)), Interval(x, x, True, True)) for x in bends]
    near = [(abs(end.slope), side) for side, end in zip((-inf, inf), of.ends, strict=True)]
    # A slope that a piece comes close to at a joint, whatever is taken there.
    near += [(abs(slope), kink.at) for kink in kinks(of) for slope in kink.slopes]
    largest = max(size for size, _ in [*where, *near])
    taken = joined([place for size, place in where if alike(size, largest)])
    limits = [
        at
        for size, at in near
        if alike(size, largest) and not any(place.low <= at <= place.high for place in taken)
    ]
    return Steepest(largest, taken, limits)


def flat(of: Activation, epsilon: float) -> list[Interval]:
    """Where |f'| is below a number above 0."""
    return _where(of, lambda slope: abs(slope) - epsilon, _FAR)


def falling(of: Activation) -> list[Interval]:
    """Where the slope is below 0."""
    return _where(of, lambda slope: slope, ())


def still(of: Activation) -> list[Interval]:
    """The stretches on which the value does not change, ends included."""
    return [
        Interval(part.low, part.high, part.low > -inf, part.high < inf)
        for part in survey(of)
        if part.straight == 0
    ]


def samples(low: float, high: float) -> list[float]:
    """Evenly spaced numbers between two, 0 or the middle among them, up to `REACH`.

    >>> samples(-inf, inf)[120], samples(0, 2)
    (0.0, [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75])
    """
    first, last = max(low, -REACH), min(high, REACH)
    count = max(8, round((last - first) * _FINENESS))
    points = [first + (last - first) * n / count for n in range(count + 1)]
    return points[low >= first : -1 if high <= last else None]


def zeros(function: Function, points: list[float]) -> list[float]:
    """Where a function changes sign among points, to the last digit.

    A stretch of zeros is no such place; zeros at one point between two signs are.

    >>> zeros(lambda x: x * x - 2, [0.0, 1.0, 2.0])
    [1.4142135623730951]
    """
    found = []
    before, sign = points[0], 0.0
    nothing: list[float] = []
    for x in points:
        value = function(x)
        if value == 0:
            nothing.append(x)
            continue
        if sign and (sign < 0) != (value < 0):
            if not nothing:
                found.append(halved(function, before, x))
            elif nothing[-1] - nothing[0] < _POINT:
                found.append(nothing[len(nothing) // 2])
        before, sign = x, value
        nothing.clear()
    return found


def halved(function: Function, low: float, high: float) -> float:
    """The place between two numbers at which a function changes its sign, by halving."""
    rises = function(low) < 0
    while (middle := low / 2 + high / 2) not in (low, high):
        if (function(middle) < 0) == rises:
            low = middle
        else:
            high = middle
    # Of two neighbours the one where less is left.
    return low if abs(function(low)) < abs(function(high)) else high


def _where(of: Activation, test: Function, far: tuple[float, ...]) -> list[Interval]:
    """Where a test of the slope is below 0: on the pieces, and at the joints."""
    found = [
        Interval(joint.at, joint.at, True, True) for joint in of.joints if test(joint.slope) < 0
    ]
    for low, high, piece, inner, turns, bends, _ in survey(of):
        # Between two changes of sign of the derivatives there is at most one boundary.
        points = sorted({*inner, *turns, *bends})
        if low == -inf:
            points = [-x for x in reversed(far)] + points
        if high == inf:
            points += far
        found += _below(piece.slope, test, points, low, high)
    return joined(found)


def _below(
    slope: Function, test: Function, points: list[float], low: float, high: float
) -> list[Interval]:
    """The intervals from low to high in which the test is below 0, by its signs at points."""

    def is_out(x: float) -> float:
        return 1.0 if test(slope(x)) >= 0 else -1.0

    found = []
    before = points[0]
    start = low if is_out(before) < 0 else None
    for x in points[1:]:
        if (is_out(x) < 0) == (start is None):
            edge = halved(is_out, before, x)
            if start is None:
                start = edge
            else:
                found.append(Interval(start, edge))
                start = None
        before = x
    return [*found, Interval(start, high)] if start is not None else found
