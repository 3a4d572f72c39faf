"""Windows along the spatial axes: which positions each output reads, by the algebra."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from dlcalc.formulas.layers.table import At, Index
from dlcalc.layers.window import Window


class Tap(NamedTuple):
    """One position of a window: its offset in the kernel, and the input's position."""

    offset: Index
    position: Index


def windows_of(at: At) -> tuple[Window, ...]:
    """The windows of a layer, as its algebra has them."""
    found: tuple[Window, ...] = at.layer.windows(at.sides, at.convention)
    return found


def all_taps(at: At, windows: tuple[Window, ...], output: Index) -> Iterator[Tap]:
    """Every position of the window of an output, those outside of the input too."""
    firsts = [
        i * window.stride - (window.ends or (0, 0))[0]
        for i, window in zip(output, windows, strict=True)
    ]
    for offset in product(*[range(window.kernel) for window in windows]):
        steps = zip(firsts, offset, windows, strict=True)
        yield Tap(offset, tuple([first + k * window.dilation for first, k, window in steps]))


def is_inside(position: Index, sides: Index) -> bool:
    """Whether there is an input at a position."""
    return all(0 <= p < n for p, n in zip(position, sides, strict=True))


def taps(at: At, windows: tuple[Window, ...], output: Index) -> list[Tap]:
    """The positions of the window of an output at which there is an input."""
    return [tap for tap in all_taps(at, windows, output) if is_inside(tap.position, at.sides)]


def spans(places: Iterable[Index]) -> list[str]:
    """Places that fill a box, evenly apart, as the slices that cut it out, axis by axis.

    >>> spans([(0, 1), (0, 3), (1, 1), (1, 3)])
    ['0:2', '1:4:2']
    """
    found = []
    for axis in zip(*places, strict=True):
        steps = sorted(set(axis))
        step = steps[1] - steps[0] if len(steps) > 1 else 1
        found.append(f"{steps[0]}:{steps[-1] + 1}" + (f":{step}" if step > 1 else ""))
    return found


def kernel_size(windows: tuple[Window, ...]) -> int:
    """How many positions a window has."""
    count = 1
    for window in windows:
        count *= window.kernel
    return count
