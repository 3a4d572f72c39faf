"""Stretches of the line: from where to where, and whether their ends belong to them."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isclose
from typing import NamedTuple

Written = Callable[[float], str]


class Interval(NamedTuple):
    """The numbers from ``low`` to ``high``; ``first`` and ``last`` say whether the ends count.

    >>> Interval(-inf, 0.0, last=True).text(str), Interval(1.5, 1.5, True, True).text(str)
    ('x <= 0.0', 'x = 1.5')
    """

    low: float
    high: float
    first: bool = False
    last: bool = False

    def text(self, write: Written, name: str = "x") -> str:
        """The interval as an inequality."""
        below, above = " <= " if self.first else " < ", " <= " if self.last else " < "
        if self.low == self.high:
            return f"{name} = {write(self.low)}"
        if self.low == -inf and self.high == inf:
            return f"every {name}"
        if self.low == -inf:
            return f"{name}{above}{write(self.high)}"
        if self.high == inf:
            return f"{name}{below.replace('<', '>')}{write(self.low)}"
        return f"{write(self.low)}{below}{name}{above}{write(self.high)}"

    def document(self) -> dict[str, object]:
        """The interval as JSON: an end that is infinite is null."""
        return {
            "low": None if self.low == -inf else self.low,
            "high": None if self.high == inf else self.high,
            "low_in": self.first,
            "high_in": self.last,
        }


def text(intervals: list[Interval], write: Written) -> str:
    """Several intervals in words; two that mirror one another by |x|.

    >>> text([Interval(-inf, -2), Interval(2, inf)], str)
    '|x| > 2'
    """
    if len(intervals) == 2:
        left, right = intervals
        if mirrored(left, right):
            return right.text(write, "|x|")
    return " or ".join(interval.text(write) for interval in intervals) or "nowhere"


def mirrored(left: Interval, right: Interval) -> bool:
    """Whether one is the other under x -> -x, but for rounding."""
    ends = (left.low, -right.high), (left.high, -right.low)
    return left.last == right.first and all(isclose(*pair, rel_tol=1e-13) for pair in ends)


def joined(intervals: list[Interval]) -> list[Interval]:
    """Sorted intervals, those that touch made one.

    >>> joined([Interval(0, 0, True, True), Interval(-inf, 0)])
    [Interval(low=-inf, high=0, first=False, last=True)]
    """
    found: list[Interval] = []
    for each in sorted(intervals, key=lambda part: (part.low, not part.first)):
        before = found[-1] if found else None
        meets = before is not None and (
            each.low < before.high or (each.low == before.high and (each.first or before.last))
        )
        if before is None or not meets:
            found.append(each)
            continue
        last = before.last if before.high > each.high else each.last
        if before.high == each.high:
            last = before.last or each.last
        found[-1] = before._replace(high=max(before.high, each.high), last=last)
    return found
