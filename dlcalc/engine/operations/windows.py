"""Windows that move along the spatial axes: padding, strided views, and the way back.

All arrays here have the channels right behind the batch: (batch, channels,
*sides). Nothing is taken from the algebra: positions and padding are counted
off by themselves, so that either can prove the other.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dlcalc.engine.operation import Array, Site, Value
from dlcalc.errors import LayerError
from dlcalc.layers.argument import Padding
from dlcalc.layers.convention import Convention

Sizes = tuple[int, ...]
Ends = tuple[tuple[int, int], ...]


class Window(NamedTuple):
    """A window along every spatial axis: its kernel, how it moves, how its positions spread."""

    kernel: Sizes
    stride: Sizes
    dilation: Sizes

    @property
    def extents(self) -> Sizes:
        """How many positions it covers along each axis, from its first to its last."""
        spans = zip(self.kernel, self.dilation, strict=True)
        return tuple([range(0, k * d, d)[-1] + 1 for k, d in spans])

    def positions(self, sides: Sizes) -> Sizes:
        """How often it fits along each side. Raises `LayerError` if it does not at all."""
        found = tuple(
            [
                len(range(0, n - extent + 1, stride))
                for n, extent, stride in zip(sides, self.extents, self.stride, strict=True)
            ]
        )
        if 0 in found:
            raise does_not_fit(self, sides)
        return found

    @property
    def overlaps(self) -> bool:
        """Whether two windows may hold the same position."""
        return any(e > s for e, s in zip(self.extents, self.stride, strict=True))


def each(values: tuple[int, ...], rank: int, name: str) -> Sizes:
    """One value for each axis, from one for all or one for each."""
    if len(values) not in (1, rank):
        raise LayerError(f"{name} has {len(values)} axes, but there are {rank} to move along")
    return values * rank if len(values) == 1 else values


def sides_of(x: Value, word: str, rank: int | None) -> Sizes:
    """The sides of an input with its channels first. Refuses what no window can move along."""
    sides: Sizes = x.data.shape[2:]
    if not 1 <= len(sides) <= 3 or rank not in (None, len(sides)):
        wanted = f"{rank}" if rank else "1 to 3"
        raise LayerError(f"{word} moves along {wanted} spatial axes, but gets {len(sides)}")
    return sides


def window_of(layer: Any, rank: int) -> Window:
    """The window of a layer with kernel, stride and dilation; its own kernel where no stride is."""
    kernel: Sizes = layer.kernel
    stride: Sizes | None = getattr(layer, "stride", None)
    dilation: Sizes = getattr(layer, "dilation", (1,))
    return Window(
        each(kernel, rank, "kernel"),
        each(kernel if stride is None else stride, rank, "stride"),
        each(dilation, rank, "dilation"),
    )


def ends_of(padding: Padding, sides: Sizes, window: Window) -> Ends:
    """What padding in numbers or by a word adds at the begin and the end of each axis."""
    if isinstance(padding, str):
        return tuple(
            [
                _worded(padding, n, extent, stride)
                for n, extent, stride in zip(sides, window.extents, window.stride, strict=True)
            ]
        )
    if len(padding) not in (1, len(sides)):
        raise LayerError(f"padding has {len(padding)} axes, but there are {len(sides)}")
    return padding * len(sides) if len(padding) == 1 else padding


def _worded(word: str, n: int, extent: int, stride: int) -> tuple[int, int]:
    """The padding of a word along one axis.

    ``same`` gives a window for every stride begun: those at 0, stride, ..., below
    n. What the last of them lacks is added, position by position, to the end and
    the begin in turn; ``same_lower`` takes the begin first.
    """
    if word == "valid":
        return 0, 0
    if word == "causal":
        return extent - 1, 0
    lacking = range(n, range(0, n, stride)[-1] + extent)
    more, less = len(lacking[::2]), len(lacking[1::2])
    return (more, less) if word == "same_lower" else (less, more)


def padded(
    site: Site, x: Value, ends: Ends, fill: float = 0.0, *, batch_last: bool = False
) -> Value:
    """The input within a frame of ``fill``: its data is copied there by a forward call.

    The cotangent is a buffer of the same sizes: write it, then call `unpadded`.
    Where there is nothing to add it is the input itself. ``batch_last`` lays the
    buffers out in memory with the examples side by side, and then always copies.
    """
    if not batch_last and not any(map(any, ends)):
        return x
    batch, channels, *sides = x.data.shape
    framed = [n + begin + end for n, (begin, end) in zip(sides, ends, strict=True)]
    buffers = Value(
        buffer(site, batch, channels, *framed, batch_last=batch_last),
        None
        if x.cotangent is None
        else buffer(site, batch, channels, *framed, batch_last=batch_last),
    )
    buffers.data.fill(fill)
    site.then(np.copyto, inside(buffers.data, ends), x.data)
    return buffers


def unpadded(site: Site, x: Value, frame: Value, ends: Ends) -> None:
    """Append the backward call that brings the cotangent of `padded` to its input."""
    if x.cotangent is not None and frame is not x:
        site.back(np.copyto, x.cotangent, inside(frame.cotangent, ends))


def buffer(site: Site, batch: int, *sizes: int, batch_last: bool = False) -> Array:
    """An array of (batch, *sizes), in memory either so or with the batch last."""
    if batch_last:
        return np.moveaxis(site.array(*sizes, batch), -1, 0)
    return site.array(batch, *sizes)


def inside(array: Array, ends: Ends) -> Array:
    """A view without the positions that padding added."""
    slices = [slice(begin, n - end) for n, (begin, end) in zip(array.shape[2:], ends, strict=True)]
    return array[(slice(None), slice(None), *slices)]


def windows(array: Array, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """A view of (batch, channels, *positions, *kernel): every window, nothing copied."""
    positions = Window(kernel, stride, dilation).positions(array.shape[2:])
    steps = array.strides[2:]
    return as_strided(
        array,
        (*array.shape[:2], *positions, *kernel),
        (
            *array.strides[:2],
            *[step * s for step, s in zip(steps, stride, strict=True)],
            *[step * d for step, d in zip(steps, dilation, strict=True)],
        ),
    )


def scatter(
    into: Array, parts: Array, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> Callable[[], None]:
    """The transpose of `windows`: a call that overwrites ``into`` with the sums of its windows.

    ``parts`` has the sizes of the windows, in any order of memory. One addition
    for each offset of the kernel, all positions at once.
    """
    view = windows(into, kernel, stride, dilation)
    if not Window(kernel, stride, dilation).overlaps:

        def placed() -> None:
            into.fill(0)
            np.copyto(view, parts)

        return placed
    targets, sources = kernel_first(view, len(kernel)), kernel_first(parts, len(kernel))
    pairs = [(targets[offset], sources[offset]) for offset in product(*map(range, kernel))]

    def added() -> None:
        into.fill(0)
        for target, part in pairs:
            np.add(target, part, target)

    return added


class Columns(NamedTuple):
    """One memory, seen as a matrix for products and as windows for copies.

    ``matrix`` is (channels * kernel, positions of all examples), ``view`` what
    `windows` gives: (batch, channels, *positions, *kernel).
    """

    matrix: Array
    view: Array

    def grouped(self, groups: int) -> Array:
        """The matrix of each group of channels, one below the other."""
        return self.matrix.reshape(groups, -1, self.matrix.shape[1])


def columns(
    site: Site, channels: int, positions: Sizes, kernel: Sizes = (), *, batch_last: bool = False
) -> Columns:
    """Room for the windows of all examples; without a kernel, for outputs of many channels."""
    spots = (*positions, site.batch) if batch_last else (site.batch, *positions)
    memory = site.array(channels, *kernel, *spots)
    first = len(kernel) + 1
    view = np.moveaxis(memory, -1 if batch_last else first, 0)
    # Now (batch, channels, *kernel, *positions).
    view = np.moveaxis(view, range(2, 2 + len(kernel)), range(-len(kernel), 0))
    return Columns(memory.reshape(-1, int(np.prod(spots))), view)


def batch_goes_last(site: Site, positions: Sizes) -> bool:
    """Whether copies run along the examples rather than along rows of the sides.

    Copying costs more for each stretch of memory than for each number: short
    rows are better laid out by examples. Long ones are not worth the
    transposition of what comes in and goes out.
    """
    return positions[-1] < min(site.batch, 10)


def kernel_first(view: Array, rank: int) -> Array:
    """The windows as (*kernel, batch, channels, *positions): an index for each offset."""
    return np.moveaxis(view, range(-rank, 0), range(rank))


def does_not_fit(window: Window, sides: Sizes) -> LayerError:
    """The refusal of sides that are smaller than the window."""
    covered, given = ("x".join(map(str, sizes)) for sizes in (window.extents, sides))
    return LayerError(
        f"a window that covers {covered} does not fit into {given}",
        "Give it more padding or a smaller kernel.",
    )


def check_convolution(
    layer: Any, window: Window, words: tuple[str, ...], convention: Convention
) -> None:
    """Refuse what no convolution takes in the framework. ``words`` are those of its padding."""
    if max(window.stride) > 1 < max(window.dilation) and not convention.stride_with_dilation:
        raise LayerError(f"{convention.name} takes a stride or a dilation, not both")
    check_padding(layer.padding, window.stride, words, convention)


def check_padding(
    padding: Padding, stride: Sizes, words: tuple[str, ...], convention: Convention
) -> None:
    """Refuse padding that the framework has not."""
    name = convention.name
    if not isinstance(padding, str):
        if not convention.uneven_padding and any(begin != end for begin, end in padding):
            raise LayerError(f"{name} cannot pad begin and end differently")
        return
    if padding not in words:
        raise LayerError(f"there is no padding={padding} here in {name}")
    if padding == "causal" and len(stride) > 1:
        raise LayerError(f"padding=causal pads sequences, but there are {len(stride)} axes")
    if padding == "same" and not convention.same_with_stride and max(stride) > 1:
        raise LayerError(f"padding=same needs stride 1 in {name}")
