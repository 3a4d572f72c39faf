"""Other sizes, another order, a part of the values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.errors import LayerError
from dlcalc.layers.window import each


def moved(value: Value, order: tuple[int, ...]) -> Value:
    """A view with the axes in another order."""
    data, cotangent = value
    return Value(data.transpose(order), None if cotangent is None else cotangent.transpose(order))


@operation("reshape")
def reshape(site: Site) -> Value:
    """The same memory under other sizes; -1 is what is left."""
    sizes = site.layer.sizes
    values = math.prod(site.x.data.shape[1:])
    given = math.prod(size for size in sizes if size != -1)
    if values % given if -1 in sizes else values != given:
        raise LayerError(f"the input has {values} values, which do not fill the sizes asked for")
    return site.x.reshaped(
        site.batch, *[values // given if size == -1 else int(size) for size in sizes]
    )


@operation("permute")
def permute(site: Site) -> Value:
    """The axes in another order; the same memory where only axes of size 1 move."""
    order = (0, *(axis + 1 for axis in site.layer.order))
    if len(order) != site.x.data.ndim:
        raise LayerError(
            f"permute orders {len(order) - 1} axes, but its input has {site.x.data.ndim - 1}"
        )
    x = moved(site.x, order)
    if x.data.flags.c_contiguous:
        return x
    # A copy: what comes behind may read its input as rows, which a view would not be.
    y = site.value(*x.data.shape)
    site.then(np.copyto, y.data, x.data)
    if x.cotangent is not None:
        site.back(np.copyto, x.cotangent, y.cotangent)
    return y


@operation("crop")
def crop(site: Site) -> Value:
    """What is left without the margins, or the middle, where an odd rest is cut at the end."""
    x = site.channels_first(site.x)
    channels, *sides = x.data.shape[1:]
    if not sides:
        raise LayerError("crop needs at least one spatial axis", site.layer.hint())
    kept = _kept(site.layer, sides)
    if any(begin < 0 or begin >= end for begin, end in kept):
        raise LayerError("crop cuts off more than there is")
    if kept == [(0, n) for n in sides]:
        return site.x
    raw = site.spatial_value(channels, *(end - begin for begin, end in kept))
    y = site.channels_first(raw)
    inner: Any = (..., *(slice(begin, end) for begin, end in kept))
    site.then(np.copyto, y.data, x.data[inner])
    if x.cotangent is not None:
        site.back(x.cotangent.fill, 0)
        site.back(np.copyto, x.cotangent[inner], y.cotangent)
    return raw


def _kept(layer: Any, sides: list[int]) -> list[tuple[int, int]]:
    """The first position kept and the one behind the last, of each side."""
    if layer.size is None:
        margins = each(layer.margin, len(sides), "margin")
        return [(begin, n - end) for n, (begin, end) in zip(sides, margins, strict=True)]
    sizes = each(layer.size, len(sides), "size")
    begins = [(n - size) // 2 for n, size in zip(sides, sizes, strict=True)]
    return [(begin, begin + size) for begin, size in zip(begins, sizes, strict=True)]


@operation("select")
def select(site: Site) -> Value:
    """Some of the channels, in the order given."""
    x, chosen = site.x, list(site.layer.channels)
    axis = x.data.ndim - 1 if site.layout == "hwc" else 1
    if max(chosen) >= x.data.shape[axis]:
        raise LayerError(f"there is no channel {max(chosen)} among {x.data.shape[axis]}")
    sizes = list(x.data.shape)
    sizes[axis] = len(chosen)
    y = site.value(*sizes)
    # mode="clip", as the usual mode fills a copy first; the channels are all there.
    site.then(np.take, x.data, chosen, axis, y.data, "clip")
    if x.cotangent is not None:
        site.back(x.cotangent.fill, 0)
        site.back(
            _put, np.moveaxis(x.cotangent, axis, 0), chosen, np.moveaxis(y.cotangent, axis, 0)
        )
    return y


def _put(out: Array, chosen: list[int], rows: Array) -> None:
    out[chosen] = rows
