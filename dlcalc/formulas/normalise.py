"""Normalisation of values in groups that share a mean: statistics, values, gradients, the inverse.

The values lie in row-major order as outer x middle x inner, and a group is what shares a
statistic: the values of one middle index (batch normalisation: outer the examples, middle
the channels, inner the positions), those of one row of the inner axis (layer, group and
instance normalisation), or those along the middle (unit vectors along the channels).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Cut(NamedTuple):
    """How values are cut into groups; ``along`` is ``middle`` if a group is one middle index."""

    outer: int
    middle: int
    inner: int
    along: str

    @property
    def number(self) -> int:
        """How many groups there are."""
        return {
            "middle": self.middle,
            "inner": self.outer * self.middle,
            "across": self.outer * self.inner,
        }[self.along]

    @property
    def length(self) -> int:
        """How many values share a statistic."""
        return self.outer * self.middle * self.inner // max(self.number, 1)

    def _slices(self, group: int) -> list[slice]:
        """Where the values of a group lie."""
        row, inner = self.middle * self.inner, self.inner
        if self.along == "middle":
            return [
                slice(a * row + group * inner, a * row + (group + 1) * inner)
                for a in range(self.outer)
            ]
        if self.along == "inner":
            return [slice(group * inner, (group + 1) * inner)]
        first, column = divmod(group, inner)
        return [slice(first * row + column, (first + 1) * row, inner)]

    def groups(self, values: Sequence[float]) -> list[list[float]]:
        """The values of each group.

        >>> Cut(2, 2, 1, "middle").groups([1.0, 2.0, 3.0, 4.0])
        [[1.0, 3.0], [2.0, 4.0]]
        """
        return [
            [value for part in self._slices(group) for value in values[part]]
            for group in range(self.number)
        ]

    def joined(self, groups: Sequence[Sequence[float]]) -> list[float]:
        """The values of all groups in their places again."""
        found = [0.0] * (self.outer * self.middle * self.inner)
        for index, group in enumerate(groups):
            first = 0
            for part in self._slices(index):
                size = len(range(*part.indices(len(found))))
                found[part] = group[first : first + size]
                first += size
        return found


class Moments(NamedTuple):
    """Mean, variance and its root, the least and the largest of some values.

    ``deviation`` is kept where the variance itself is beyond float64.
    """

    mean: float
    variance: float
    deviation: float
    least: float
    largest: float

    @property
    def constant(self) -> bool:
        """Whether all values are the same."""
        return self.least == self.largest

    def root(self, eps: float) -> float:
        """sqrt(variance + eps)."""
        if 1e-290 < self.variance < math.inf:
            return math.sqrt(self.variance + eps)
        return math.hypot(self.deviation, math.sqrt(eps))


def moments(values: Sequence[float], ddof: int = 0) -> Moments:
    """Mean and variance, each sum rounded once; the variance is over len(values) - ddof.

    >>> moments([1.0, 2.0, 3.0, 4.0, 5.0], ddof=1)[:2]
    (3.0, 2.5)
    """
    least, largest = min(values), max(values)
    if least == largest:
        return Moments(least, 0.0, 0.0, least, largest)
    # Halved so often that squares neither overflow nor vanish.
    size = max(abs(least), abs(largest))
    shift = 0 if 1e-100 < size < 1e100 else math.frexp(size)[1]
    scaled = [math.ldexp(value, -shift) for value in values] if shift else values
    mean = math.fsum(scaled) / len(values)
    squares = math.fsum([(value - mean) * (value - mean) for value in scaled])
    variance = squares / (len(values) - ddof)
    deviation = math.sqrt(variance)
    if shift:
        mean, deviation = math.ldexp(mean, shift), math.ldexp(deviation, shift)
        variance = deviation * deviation
    return Moments(mean, variance, deviation, least, largest)


def root_mean_square(values: Sequence[float], eps: float) -> float:
    """sqrt(mean(x**2) + eps).

    >>> round(root_mean_square([3.0, 4.0], 0.0) ** 2, 9)
    12.5
    """
    size = math.hypot(*values) / math.sqrt(len(values))
    return math.hypot(size, math.sqrt(eps)) if not 1e-140 < size < 1e140 else _root(size, eps)


def _root(size: float, eps: float) -> float:
    return math.sqrt(size * size + eps)


def standardised_gradient(
    cotangent: Sequence[float], normal: Sequence[float], divisor: float, degrees: int
) -> list[float]:
    """Through n = (x - mean(x))/divisor, whose variance is a sum of squares over ``degrees``.

    x' = (g - mean(g) - n*sum(g*n)/degrees)/divisor.

    >>> standardised_gradient([1.0, 1.0], [-1.0, 1.0], 2.0, 2)
    [0.0, 0.0]
    """
    mean = math.fsum(cotangent) / len(cotangent)
    pull = _product(cotangent, normal) / degrees
    return [(g - mean - n * pull) / divisor for g, n in zip(cotangent, normal, strict=True)]


def scaled_gradient(
    cotangent: Sequence[float], normal: Sequence[float], divisor: float, count: int
) -> list[float]:
    """Through n = x/divisor, whose square is the sum of x**2 over ``count``: no mean is taken off.

    x' = (g - n*sum(g*n)/count)/divisor. With a count of 1 it is that of a unit vector.
    """
    pull = _product(cotangent, normal) / count
    return [(g - n * pull) / divisor for g, n in zip(cotangent, normal, strict=True)]


def range_gradient(
    cotangent: Sequence[float], values: Sequence[float], least: float, largest: float
) -> list[float]:
    """Through y = (x - min)/(max - min); values that share an end share its part, as in PyTorch.

    x' = g/(max - min), less sum(g*(1 - y))/(max - min) at the least and sum(g*y)/(max - min)
    at the largest.
    """
    width = largest - least
    share = [(value - least) / width for value in values]
    up = _product(cotangent, share)
    down = math.fsum(cotangent) - up
    ends = {least: down / values.count(least), largest: up / values.count(largest)}
    return [(g - ends.get(value, 0.0)) / width for g, value in zip(cotangent, values, strict=True)]


def _product(first: Sequence[float], second: Sequence[float]) -> float:
    return math.fsum([a * b for a, b in zip(first, second, strict=True)])


def moved(running: float, found: float, share: float) -> float:
    """A running statistic a share nearer to that of a batch: (1 - share)*running + share*found."""
    return (1 - share) * running + share * found
