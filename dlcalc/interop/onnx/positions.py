"""Operators that take some of the positions along an axis, or add others."""

from __future__ import annotations

from collections.abc import Iterable

from dlcalc.errors import LayerError
from dlcalc.interop.onnx.content import stretched, taken
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import (
    Content,
    Sizes,
    Undetermined,
    Value,
    broadcast,
    joined,
    slice_end,
    sliced,
)
from dlcalc.interop.words import ends, word
from dlcalc.layers.pad import Pad
from dlcalc.layers.shape import sizes_text
from dlcalc.layers.size import Size, quotient


def split(call: Call) -> None:
    """Split into given sizes, or evenly into as many parts as there are outputs."""
    x = call.need()
    axis = call.axis(call.whole("axis", 0), len(x.shape))
    size, count = x.shape[axis], len(call.op.outputs)
    given = call.sizes(1, "split", 13)
    if given is None:
        given = _evenly(call, size, count)
    if len(given) != count or joined(given) != size:
        raise LayerError(f"it splits {size} into {', '.join(map(str, given[:9]))}")
    if x.batch == axis and not x.constant:
        call.walk.mixes()
    for output, part in enumerate(given):
        shape = (*x.shape[:axis], part, *x.shape[axis + 1 :])
        if x.constant:
            start = joined(given[:output])
            content = None
            if isinstance(start, int) and isinstance(part, int):
                content = taken(x, _rows(x.shape, axis, range(start, start + part)))
            call.fold(x._replace(shape=shape, content=content), output)
        elif call.wanted(output):
            call.plain([x], shape, x.batch, output=output)


def _evenly(call: Call, size: Size, count: int) -> Sizes:
    parts = call.whole("num_outputs", count)
    if parts != count:
        raise call.error(f"num_outputs is {parts}, but it has {count} outputs")
    part = quotient(size, count)
    if part is not None:
        return (part,) * count
    if not isinstance(size, int) or call.walk.opset < 18:
        raise LayerError(f"{size} does not divide into {count} parts")
    part = -(-size // count)
    return (*(part,) * (count - 1), size - part * (count - 1))


def cut(call: Call) -> None:
    """Slice: positions from a begin to an end, by steps, along some axes."""
    x = call.need()
    rank = len(x.shape)
    begins, stops = call.sizes(1, "starts", 10), call.sizes(2, "ends", 10)
    if begins is None or stops is None or len(begins) != len(stops):
        raise call.error("its starts and ends are not as many")
    given = call.ints(3, "axes", 10)
    axes = [call.axis(a, rank) for a in (range(len(begins)) if given is None else given)]
    steps = call.sizes(4) or (1,) * len(begins)
    if not len(axes) == len(steps) == len(begins) or len(set(axes)) < len(axes):
        raise call.error("its starts, axes and steps do not agree")
    sizes = list(x.shape)
    for axis, begin, end, step in zip(axes, begins, stops, steps, strict=True):
        sizes[axis] = sliced(x.shape[axis], begin, end, step)
    shape = tuple(sizes)
    if x.constant:
        content = _cut_content(x, axes, begins, stops, steps)
        call.fold(x._replace(shape=shape, content=content))
        return
    if x.batch is not None and shape[x.batch] != x.shape[x.batch]:
        call.walk.mixes()
        x = x._replace(batch=None)
    if shape == x.shape and all(step == 1 for step in steps):
        call.alias(x)
        return
    call.plain([x], shape, x.batch)


def _cut_content(
    x: Value, axes: list[int], begins: Sizes, stops: Sizes, steps: Sizes
) -> Content | None:
    if not all(isinstance(n, int) for n in (*x.shape, *begins, *stops, *steps)):
        return None
    rows = [range(n) for n in x.shape]  # type: ignore[arg-type]
    for axis, begin, end, step in zip(axes, begins, stops, steps, strict=True):
        size = len(rows[axis])
        assert isinstance(begin, int) and isinstance(step, int)
        last = slice_end(end, size, step)
        rows[axis] = rows[axis][begin:last:step]  # type: ignore[index]
    return taken(x, rows)


def _rows(shape: Sizes, axis: int, rows: Iterable[int]) -> list[Iterable[int]]:
    """All places along each axis but one."""
    return [
        rows if place == axis else range(size) if isinstance(size, int) else ()
        for place, size in enumerate(shape)
    ]


def gather(call: Call) -> None:
    """Gather: rows of a table by their numbers, which is an embedding, or some positions."""
    x, rows = call.need(), call.need(1)
    rank = len(x.shape)
    axis = call.axis(call.whole("axis", 0), rank)
    shape = (*x.shape[:axis], *rows.shape, *x.shape[axis + 1 :])
    if x.constant and rows.constant:
        call.fold(x._replace(shape=shape, content=_picked(call, x, rows, axis)))
        return
    if x.constant:
        _looked_up(call, x, rows, axis, shape)
        return
    if not rows.constant:
        raise Undetermined("it takes positions that hang on the data from others that do")
    batch = x.batch
    if batch == axis:
        call.walk.mixes()
        batch = None
    elif batch is not None and axis < batch:
        batch += len(rows.shape) - 1
    call.plain([x], shape, batch)


def _looked_up(call: Call, table: Value, rows: Value, axis: int, shape: Sizes) -> None:
    batch = None if rows.batch is None else rows.batch + axis
    walk = call.walk
    if axis == 0 and len(table.shape) == 2 and table.origins:
        count, features = table.shape
        inner = walk.display(rows.shape, rows.batch)
        if walk.axis is not None and len(rows.shape) == 2 and len(inner) == 1:
            call.looked_up(f"embedding:{count},{features}", rows, table, shape)
            return
    call.plain([table, rows], shape, batch, why="the notation has no such table")


def _picked(call: Call, x: Value, rows: Value, axis: int) -> Content | None:
    size = x.shape[axis]
    if x.content is None or rows.whole is None or not isinstance(size, int):
        return None
    places = []
    for row in rows.whole:
        if not isinstance(row, int) or not -size <= row < size:
            raise call.error(f"it takes number {row} of {size}")
        places.append(row % size)
    return taken(x, _rows(x.shape, axis, places))


def gather_elements(call: Call) -> None:
    """GatherElements: as many values as there are places named."""
    x, places = call.need(), call.need(1)
    if x.constant and places.constant:
        call.fold(Value(places.shape, origins=x.origins, type=x.type))
        return
    call.plain(call.all, places.shape, call.shared_batch(call.active, places.shape))


def expand(call: Call) -> None:
    """Expand to a shape, sizes of 1 stretched; Tile repeats."""
    x, wanted = call.need(), call.sizes(1)
    if wanted is None:
        raise call.error("its shape is left out")
    if call.op.kind == "Tile":
        if len(wanted) != len(x.shape):
            raise call.error(f"it repeats {len(wanted)} axes of {len(x.shape)}")
        shape = tuple(n * m for n, m in zip(x.shape, wanted, strict=True))
    else:
        shape = broadcast([x.shape, wanted])
    if x.constant:
        tile = call.op.kind == "Tile" and len(x.content or ()) != 1
        call.fold(x._replace(shape=shape, content=None if tile else stretched(x, shape)))
        return
    if shape == x.shape:
        call.alias(x)
        return
    call.plain([x], shape, call.shared_batch([x], shape))


def pad(call: Call) -> None:
    """Pad, by zeros or otherwise; numbers below 0 cut off."""
    x = call.need()
    rank = len(x.shape)
    given = call.sizes(1, "pads", 11)
    if given is None:
        raise call.error("its pads are left out")
    over = call.ints(3)
    axes = [call.axis(axis, rank) for axis in (range(rank) if over is None else over)]
    if len(given) != 2 * len(axes):
        raise call.error(f"it has {len(given)} pads for {len(axes)} axes")
    pairs: list[tuple[Size, Size]] = [(0, 0)] * rank
    for place, axis in enumerate(axes):
        pairs[axis] = given[place], given[place + len(axes)]
    shape = tuple(b + n + e for n, (b, e) in zip(x.shape, pairs, strict=True))
    if any(isinstance(n, int) and n < 1 for n in shape):
        raise LayerError(f"nothing is left of {sizes_text(x.shape)}")
    if x.constant:
        call.fold(x._replace(shape=shape, content=None))
        return
    if x.batch is None or pairs[x.batch] != (0, 0):
        call.walk.mixes()
        x = x._replace(batch=None)
    if shape == x.shape and not any(b or e for b, e in pairs):
        call.alias(x)
        return
    sides = pairs[2:]
    usual = x.batch == 0 and rank > 2 and pairs[1] == (0, 0)
    if usual and all(isinstance(n, int) and n >= 0 for pair in sides for n in pair):
        if call.text("mode", "constant") != "constant":
            call.stand_in("what it adds is shown as zeros")
        made = word("pad", ends(sides))  # type: ignore[arg-type]
        call.node(Pad(padding=tuple(sides)), made, x, shape, x.batch)
        return
    call.plain([x], shape, x.batch)


def scattered(call: Call) -> None:
    """ScatterND and ScatterElements: a tensor, of which some values are other ones."""
    x = call.need()
    if not call.active:
        call.fold(x._replace(content=None))
        return
    call.plain(call.all, x.shape, call.shared_batch(call.active, x.shape))
