"""Pooling along one axis at a time, by taps.

The windows along an axis become pairs of slices, a tap for each position of
the kernel: the outputs whose window has an input there, and those inputs.
Maxima and sums are separable: the last axis first, then the one before it, so
that a k x k window costs 2k array calls and not k*k.

All arrays here have the channels right behind the batch: (batch, channels,
*sides).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value

#: For each position of a window: the outputs whose window has an input there, and those inputs.
Taps = list[tuple[slice, slice]]


class Line(NamedTuple):
    """The windows along one axis of n inputs."""

    n: int
    size: int
    taps: Taps
    #: Whether windows share inputs, and whether every input is in one.
    overlaps: bool
    covers: bool
    #: How many positions each window divides its sum by.
    divisors: list[int]
    #: The windows that hold no input at all.
    empty: list[int]


def line_of(n: int, members: list[list[int]], taps: Taps, divisors: list[int]) -> Line:
    """A line from the inputs that each of its windows holds."""
    seen = [position for window in members for position in window]
    empty = [i for i, window in enumerate(members) if not window]
    covers = len(set(seen)) == n
    return Line(n, len(members), taps, len(set(seen)) < len(seen), covers, divisors, empty)


def taps_of(n: int, starts: list[int], kernel: int, dilation: int, stride: int) -> Taps:
    """One tap for each position of the kernel that lies on inputs at all."""
    taps = []
    for offset in range(0, kernel * dilation, dilation):
        inside = [i for i, start in enumerate(starts) if 0 <= start + offset < n]
        if inside:
            first, last = inside[0], inside[-1]
            source = slice(starts[first] + offset, starts[last] + offset + 1, stride)
            taps.append((slice(first, last + 1), source))
    return taps


def parts(n: int, size: int) -> Line:
    """Equal parts of n inputs, or as equal as they can be: i*n//size to ceil((i + 1)*n/size).

    ATen/native/AdaptivePooling.h, start_index and end_index.
    """
    members = [list(range(i * n // size, -((i + 1) * n // -size))) for i in range(size)]
    if n % size == 0:
        taps = taps_of(n, [part[0] for part in members], n // size, 1, n // size)
    else:
        taps = [(slice(i, i + 1), slice(p, p + 1)) for i, part in enumerate(members) for p in part]
    return line_of(n, members, taps, [len(part) for part in members])


def opened(site: Site) -> Value:
    """The input with its channels first; one bare side has a single channel."""
    if site.x.data.ndim == 2:
        return site.x.reshaped(site.batch, 1, site.x.data.shape[1])
    return site.channels_first(site.x)


def closed(site: Site, y: Value) -> Value:
    """An output in the layout of the net; a bare side stays one."""
    if site.x.data.ndim == 2:
        return y.reshaped(site.batch, y.data.shape[2])
    if site.layout == "chw":
        return y
    return Value(np.moveaxis(y.data, 1, -1), optional(np.moveaxis, y.cotangent, 1, -1))


def optional(function: Callable[..., Any], array: Any, *arguments: Any) -> Any:
    """What a function makes of an array, or None of None."""
    return None if array is None else function(array, *arguments)


def made(site: Site, x: Value, sides: tuple[int, ...]) -> Value:
    """A value of as many channels and other sides, channels first."""
    return site.channels_first(site.spatial_value(x.data.shape[1], *sides))


def scratch(like: Array, dtype: Any = None) -> Array:
    """An array of the same sizes, and of the same order in memory."""
    return np.zeros_like(like, dtype=dtype)


def twin(x: Value) -> Value:
    """A value of the same sizes, with a cotangent if the other has one."""
    return Value(scratch(x.data), optional(scratch, x.cotangent))


def stages_of(site: Site, x: Value, lines: list[Line]) -> list[Value]:
    """The input, then what is left of it as one axis after the other is pooled, the last first."""
    stages, sides = [x], list(x.data.shape[2:])
    for axis in reversed(range(len(lines))):
        sides[axis] = lines[axis].size
        stages.append(made(site, x, tuple(sides)))
    return stages


def at(array: Array, axis: int, part: slice) -> Array:
    """A view of part of an axis."""
    return array[(slice(None),) * axis + (part,)]


def fold(site: Site, function: np.ufunc, stages: list[Value], lines: list[Line]) -> None:
    """Bring the values of every window together, axis by axis."""
    rank = len(lines)
    for step, line in enumerate(reversed(lines)):
        axis = 1 + rank - step
        _fold_axis(site, function, stages[step].data, stages[step + 1].data, axis, line)


def _fold_axis(site: Site, function: np.ufunc, x: Array, y: Array, axis: int, line: Line) -> None:
    # What all windows hold comes first: it needs no neutral value below it.
    everywhere = slice(0, line.size)
    sources = [at(x, axis, source) for target, source in line.taps if target == everywhere]
    if len(sources) > 1:
        site.then(function, sources[0], sources[1], out=y)
    elif sources:
        site.then(np.copyto, y, sources[0])
    else:
        site.then(y.fill, -np.inf if function is np.maximum else 0)
    for values in sources[2:]:
        site.then(function, y, values, out=y)
    for target, source in line.taps:
        if target != everywhere:
            there = at(y, axis, target)
            site.then(function, there, at(x, axis, source), out=there)
    if function is np.maximum:
        # An empty window has the lowest number: -FLT_MAX in Caffe, lowest() in onnxruntime.
        for i in line.empty:
            site.then(at(y, axis, slice(i, i + 1)).fill, np.finfo(y.dtype).min)


def spread(site: Site, cotangents: list[Any], lines: list[Line]) -> None:
    """The transpose of sums: give every input the cotangents of its windows, added up."""
    for step in reversed(range(len(lines))):
        axis, line = 1 + len(lines) - step, lines[-1 - step]
        dx, dy = cotangents[step], cotangents[step + 1]
        if dx is None:
            continue
        if line.overlaps or not line.covers:
            site.back(dx.fill, 0)
        for target, source in line.taps:
            given, there = at(dy, axis, target), at(dx, axis, source)
            if line.overlaps:
                site.back(np.add, there, given, out=there)
            else:
                site.back(np.copyto, there, given)


def hand_back(site: Site, stages: list[Value], lines: list[Line]) -> None:
    """Give the cotangent of each window to the first of its inputs that is its maximum."""
    for step in reversed(range(len(lines))):
        if stages[step].cotangent is not None:
            axis, line = 1 + len(lines) - step, lines[-1 - step]
            _hand_back_axis(site, stages[step], stages[step + 1], axis, line)


def _hand_back_axis(site: Site, x: Value, y: Value, axis: int, line: Line) -> None:
    rest, found = scratch(y.data), scratch(y.data, bool)
    given = scratch(y.data) if line.overlaps else None
    site.back(np.copyto, rest, y.cotangent)
    if line.overlaps or not line.covers:
        site.back(x.cotangent.fill, 0)
    for index, (target, source) in enumerate(line.taps):
        values, there = at(x.data, axis, source), at(x.cotangent, axis, source)
        left, mask = at(rest, axis, target), at(found, axis, target)
        part = there if given is None else at(given, axis, target)
        if index == len(line.taps) - 1:
            # For all windows that it is in it is the last: what is left is its own.
            if given is None:
                site.back(np.copyto, there, left)
            else:
                site.back(np.add, there, left, out=there)
            break
        site.back(np.equal, values, at(y.data, axis, target), out=mask)
        # On the bits: a number times 1 or 0, and less itself, is exact even where it is infinite.
        site.back(np.multiply, _bits(left), mask, out=_bits(part))
        site.back(np.subtract, _bits(left), _bits(part), out=_bits(left))
        if given is not None:
            site.back(np.add, there, part, out=there)


def _bits(array: Array) -> Array:
    return array.view(f"i{array.itemsize}")
