"""Operators that give values other sizes or another order, or put tensors side by side."""

from __future__ import annotations

from collections.abc import Sequence

from dlcalc.errors import LayerError
from dlcalc.interop.onnx.content import side_by_side, turned
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import (
    Sizes,
    Unbatched,
    Value,
    joined,
    regrouped,
    with_inferred,
)
from dlcalc.layers.base import Layer
from dlcalc.layers.dense import Flatten
from dlcalc.layers.rearrange import Permute, Reshape
from dlcalc.layers.resample import PixelShuffle, PixelUnshuffle
from dlcalc.layers.shape import sizes_text
from dlcalc.layers.size import Size, product, quotient


def _regroup(call: Call, x: Value, shape: Sizes) -> None:
    """The same values in the same order under other sizes."""
    walk = call.walk
    if x.constant:
        call.fold(x._replace(shape=shape))
        return
    batch, outer = None, x.outer
    if walk.lone and walk.axis is not None:
        batch = _single(x, shape)
    elif walk.axis is not None:
        if x.batch is None:
            raise Unbatched
        batch, outer = regrouped(x, walk.examples, shape)
    _again(call, x, shape, batch, outer)


def _single(x: Value, shape: Sizes) -> int | None:
    """Where a batch of one example is shown, if anywhere: before as much as before."""
    if x.batch is not None:
        before = product(x.shape[: x.batch])
        for axis, size in enumerate(shape):
            if size == 1 and product(shape[:axis]) == before:
                return axis
    return 0 if shape[:1] == (1,) else None


def reshape(call: Call) -> None:
    """Reshape: 0 copies a size, and -1 is what is left."""
    x = call.need()
    wanted = call.sizes(1)
    if wanted is None:
        raise call.error("its shape is left out")
    _regroup(call, x, with_inferred(x.shape, wanted, not call.flag("allowzero")))


def flatten(call: Call) -> None:
    """Flatten, to two axes: those before an axis, and the others."""
    x = call.need()
    rank = len(x.shape)
    axis = call.whole("axis", 1)
    at = rank if axis == rank else call.axis(axis, rank)
    _regroup(call, x, (product(x.shape[:at]), product(x.shape[at:])))


def squeeze(call: Call) -> None:
    """Squeeze: axes of size 1 left out, all of them if none is named."""
    x = call.need()
    rank, given = len(x.shape), call.ints(1, "axes", 13)
    gone = {call.axis(axis, rank) for axis in given or ()}
    if given is None:
        gone = {axis for axis, size in enumerate(x.shape) if size == 1}
    for axis in gone:
        if x.shape[axis] != 1:
            raise LayerError(f"axis {axis} has the size {x.shape[axis]}, not 1")
    shape = tuple(size for axis, size in enumerate(x.shape) if axis not in gone)
    batch = x.batch
    if batch is not None and not x.constant:
        if batch in gone:
            call.walk.mixes()
            batch = None
        else:
            batch -= sum(axis < batch for axis in gone)
    _again(call, x, shape, batch)


def unsqueeze(call: Call) -> None:
    """Unsqueeze: axes of size 1 put in."""
    x = call.need()
    given = call.ints(1, "axes", 13) or ()
    rank = len(x.shape) + len(given)
    places = {call.axis(axis, rank) for axis in given}
    if len(places) < len(given):
        raise call.error("it names an axis twice")
    sizes = iter(x.shape)
    shape = tuple(1 if axis in places else next(sizes) for axis in range(rank))
    batch = x.batch
    if batch is not None:
        kept = [axis for axis in range(rank) if axis not in places]
        batch = kept[batch]
    _again(call, x, shape, batch)


def _again(
    call: Call, x: Value, shape: Sizes, batch: int | None, outer: Size | None = None
) -> None:
    """The same values under other sizes, the batch at an axis that is known."""
    walk = call.walk
    outer = x.outer if outer is None else outer
    if x.constant:
        call.fold(x._replace(shape=shape))
        return
    sizes = walk.display(shape, batch)
    if sizes == walk.display(x.shape, x.batch):
        call.alias(x._replace(shape=shape, batch=batch, outer=outer))
    elif len(sizes) == 1:
        call.node(Flatten(), "flatten", x, shape, batch, outer)
    else:
        text = f"reshape:{sizes_text(sizes).replace(' ', '')}"
        call.node(Reshape(sizes=sizes), text, x, shape, batch, outer)


def transpose(call: Call) -> None:
    """Transpose; where it moves only the batch, nothing changes for one example."""
    x = call.need()
    rank = len(x.shape)
    order = call.wholes("perm") if call.get("perm") is not None else tuple(range(rank))[::-1]
    if sorted(order) != list(range(rank)):
        raise call.error("perm names an axis twice or leaves one out")
    shape = tuple(x.shape[axis] for axis in order)
    if x.constant:
        call.fold(x._replace(shape=shape, content=turned(x, order)))
        return
    walk, batch = call.walk, x.batch
    shown = list(order)
    if walk.axis is not None and batch is not None:
        batch = order.index(batch)
        if walk.of_one(x.shape[order[batch]]) == 1:
            shown = [axis - (axis > x.batch) for axis in order if axis != x.batch]  # type: ignore[operator]
    if shown == sorted(shown):
        call.alias(x._replace(shape=shape, batch=batch))
        return
    text = f"permute:{'x'.join(map(str, shown))}"
    call.node(Permute(order=tuple(shown)), text, x, shape, batch)


def concat(call: Call) -> None:
    """Concat, of constants too."""
    inputs = call.all
    if not inputs:
        raise call.error("it joins nothing")
    rank = len(inputs[0].shape)
    axis = call.axis(call.whole("axis", 0), rank)
    for value in inputs:
        others = [n == m for n, m in zip(value.shape, inputs[0].shape, strict=False)]
        if len(value.shape) != rank or not all(others[:axis] + others[axis + 1 :]):
            shown = f"{sizes_text(inputs[0].shape)} and {sizes_text(value.shape)}"
            raise LayerError(f"it joins {shown} along axis {axis}, where the others must agree")
    size = joined([value.shape[axis] for value in inputs])
    shape = (*inputs[0].shape[:axis], size, *inputs[0].shape[axis + 1 :])
    active = call.active
    if not active:
        content = side_by_side(inputs, axis)
        call.fold(Value(shape, content=content, origins=_origins(inputs), type=inputs[0].type))
        return
    if len(inputs) == 1:
        call.alias(inputs[0])
        return
    batch = call.shared_batch(active, shape)
    if batch == axis:
        call.walk.mixes()
        batch = None
    place = axis
    if batch is not None and axis > batch:
        place -= call.walk.of_one(shape[batch]) == 1
    if len(active) < len(inputs):
        call.plain(inputs, shape, batch, why="the notation joins no trained values")
        return
    call.merge("concat" if place == 0 else f"concat:axis={place}", active, shape, batch)


def _origins(values: Sequence[Value]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(origin for value in values for origin in value.origins))


def shuffled(call: Call) -> None:
    """DepthToSpace and SpaceToDepth; the notation orders channels as CRD does."""
    x, block = call.need(), call.whole("blocksize", 0)
    if len(x.shape) != 4 or block < 1:
        raise LayerError(f"blocksize is {block}, for {len(x.shape)} axes")
    size, c, h, w = x.shape
    if call.op.kind == "DepthToSpace":
        left = quotient(c, block * block)
        shape = None if left is None else (size, left, h * block, w * block)
        layer: Layer = PixelShuffle(factor=block)
        text = f"pixelshuffle:{block}"
        other = call.text("mode", "DCR") != "CRD"
    else:
        high, wide = quotient(h, block), quotient(w, block)
        known = high is not None and wide is not None
        shape = (size, c * block * block, high, wide) if known else None  # type: ignore[assignment]
        layer, text, other = PixelUnshuffle(factor=block), f"pixelunshuffle:{block}", True
    if shape is None:
        raise LayerError(f"{sizes_text(x.shape)} does not divide into blocks of {block}")
    if x.batch != 0:
        call.walk.mixes()
    if other:
        call.stand_in("its channels are shown in another order")
    call.node(layer, text, x, shape, x.batch)


def shape_of(call: Call) -> None:
    """Shape, from an axis up to another, and Size."""
    x = call.need()
    if call.op.kind == "Size":
        call.fold(Value((), content=(product(x.shape),), type=7))
        return
    begin, end = call.whole("start", 0), call.whole("end", len(x.shape))
    content = tuple(x.shape)[begin:end]
    call.fold(Value((len(content),), content=content, type=7))


def cast(call: Call) -> None:
    """Cast: the same values in another type."""
    x, to = call.need(), call.whole("to", 1)
    content = x.content
    if content is not None and to in (2, 3, 4, 5, 6, 7, 12, 13, 9):
        content = tuple(int(n) if isinstance(n, float) and n.is_integer() else n for n in content)
    call.walk.give(call.op, x._replace(type=to, content=content))
