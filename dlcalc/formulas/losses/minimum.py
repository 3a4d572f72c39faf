"""The constants that minimise a loss over given targets: an interval, often one number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import fsum, inf
from typing import NamedTuple

from dlcalc.formulas.intervals import Interval
from dlcalc.formulas.losses.base import Loss

# Sums of derivatives that are smaller, as a part of what is summed, are 0.
_ROUNDING = 1e-12


def mean(targets: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted mean.

    >>> mean([0.0, 1.0], [1, 3])
    0.75
    """
    parts = [weight * target for weight, target in zip(weights, targets, strict=True)]
    return fsum(parts) / fsum(weights)


def minimisers(loss: Loss, targets: Sequence[float], weights: Sequence[float]) -> Interval:
    """Every constant prediction with the least weighted sum of losses.

    The loss is convex, with a derivative that is linear between its breaks: so
    the sum's derivative rises, and is 0 or jumps over 0 in one interval, which
    halving finds among the breaks.

    >>> from dlcalc.formulas.losses.distances import absolute
    >>> minimisers(absolute(), [1.0, 2.0, 7.0, 9.0], [1, 1, 1, 1])
    Interval(low=2.0, high=7.0, first=True, last=True)
    """
    pieces = _Pieces(loss, targets, weights)
    order = range(len(pieces.breaks) + 1)
    # The derivative is no more below 0 from `first` on, and not yet above it up to `last`.
    first = bisect_left(order, True, key=lambda n: pieces.line(n).right >= 0)
    line = pieces.line(first)
    if line.left > 0:
        # It jumps over 0 where this piece begins.
        last = first - 1
    else:
        last = first
        while last + 1 in order and pieces.line(last + 1).left <= 0:
            last += 1
    low = line.zero if line.left < 0 else pieces.ends(first)[0]
    line = pieces.line(last)
    high = line.zero if line.right > 0 else pieces.ends(last)[1]
    return Interval(low, max(low, high), low > -inf, high < inf)


class _Line(NamedTuple):
    """The derivative on a piece: its limits at both ends, and where the line is 0."""

    left: float
    right: float
    zero: float


class _Pieces:
    """The derivative of a summed loss, a line on each piece between two breaks."""

    def __init__(self, loss: Loss, targets: Sequence[float], weights: Sequence[float]) -> None:
        assert loss.breaks is not None
        self.loss = loss
        # Equal targets count as one.
        summed: dict[float, float] = {}
        for target, weight in zip(targets, weights, strict=True):
            summed[target] = summed.get(target, 0.0) + weight
        self.pairs = [(t, w) for t, w in summed.items() if w]
        self.breaks = sorted({x for target, _ in self.pairs for x in loss.breaks(target)})

    def ends(self, index: int) -> tuple[float, float]:
        """From where to where a piece goes."""
        low = self.breaks[index - 1] if index else -inf
        return low, self.breaks[index] if index < len(self.breaks) else inf

    def line(self, index: int) -> _Line:
        """The derivative on a piece, 0 where only rounding is left of it."""
        low, high = self.ends(index)
        middle = high - 1 if low == -inf else low + 1 if high == inf else low / 2 + high / 2
        terms = [(self.loss.term((t,), (middle,)), w) for t, w in self.pairs]
        slopes = [w * term.gradient[0] for term, w in terms]
        slope, bend = fsum(slopes), fsum(w * term.second[0] for term, w in terms)
        noise = _ROUNDING * fsum(map(abs, slopes))

        def at(end: float) -> float:
            found = slope + bend * (end - middle) if bend else slope
            return found if abs(found) > noise else 0.0

        return _Line(at(low), at(high), middle - slope / bend if bend else middle)
