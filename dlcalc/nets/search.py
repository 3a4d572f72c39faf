"""Best-first search through whole numbers within bounds, in bounded time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from time import monotonic
from typing import NamedTuple

from dlcalc.nets.enclosure import Box

#: What orders boxes: no point within may come before it.
Key = tuple[object, ...]


class Budget:
    """Seconds that may be spent; ``spent`` says whether that ended a search early."""

    def __init__(self, seconds: float) -> None:
        self.until = monotonic() + seconds
        self.seconds = seconds
        self.spent = False

    def over(self) -> bool:
        """Whether the time is up; whoever asks then stops."""
        self.spent = self.spent or monotonic() > self.until
        return self.spent


class Axis(NamedTuple):
    """A name to be searched along; with ``first`` it is split before all others."""

    name: str
    first: bool = False


def search(
    axes: tuple[Axis, ...],
    box: Box,
    key: Callable[[Box], Key | None],
    budget: Budget,
) -> Iterator[dict[str, int]]:
    """The points of a box in the order of their keys; None as a key leaves a box out.

    The key of a box must not be above that of any point within. Ends early when
    the budget is spent.

    >>> def even(box):
    ...     low, high = box["n"]
    ...     return None if low == high and low % 2 else (low,)
    >>> [point["n"] for point in search((Axis("n"),), {"n": (3, 9)}, even, Budget(60))]
    [4, 6, 8]
    """
    heap: list[tuple[Key, int, Box]] = []
    pushed = 0

    def push(part: Box) -> None:
        nonlocal pushed
        found = key(part)
        if found is not None:
            pushed += 1
            heappush(heap, (found, pushed, part))

    push(box)
    while heap:
        if budget.over():
            return
        _, _, box = heappop(heap)
        axis = _widest(axes, box)
        if axis is None:
            yield {name: low for name, (low, _) in box.items()}
            continue
        low, high = box[axis]
        middle = (low + high) // 2
        push({**box, axis: (low, middle)})
        push({**box, axis: (middle + 1, high)})


def _widest(axes: tuple[Axis, ...], box: Box) -> str | None:
    """The name along which a box is split next; None for a point."""
    wide = [axis for axis in axes if box[axis.name][0] < box[axis.name][1]]
    if not wide:
        return None
    return max(wide, key=lambda axis: (axis.first, box[axis.name][1] - box[axis.name][0])).name
