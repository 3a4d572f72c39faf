"""More positions or fewer, without trained tensors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations.rearrange import moved
from dlcalc.errors import LayerError
from dlcalc.layers.window import each


@operation("upsample")
def upsample(site: Site) -> Value:
    """Each input repeated, or drawn as a line to the next: torch.nn.Upsample.

    Output i of m reads input i*n//m of n; linear it lies at (i + 1/2)*n/m - 1/2
    between the two next to it, and at the ends on them (align_corners=False).
    """
    layer, x = site.layer, site.x
    rank = x.data.ndim - 2
    if rank < 1:
        raise LayerError("upsample needs at least one spatial axis", layer.hint())
    first = 1 if site.layout == "hwc" else 2
    sides = x.data.shape[first : first + rank]
    if layer.size is not None:
        sizes = each(layer.size, rank, "size")
    else:
        scales = each(layer.scale, rank, "scale")
        sizes = tuple(n * scale for n, scale in zip(sides, scales, strict=True))
    if sizes == sides:
        return x
    if not layer.linear and all(m % n == 0 for n, m in zip(sides, sizes, strict=True)):
        return _repeated(site, first, sizes)
    between = _linear if layer.linear else _nearest
    steps = []
    for axis, (n, m) in enumerate(zip(sides, sizes, strict=True), first):
        if n != m:
            mixture = between(n, m)
            y = _mixed(site, x, axis, mixture)
            steps.append((x, y, axis, mixture))
            x = y
    for x, y, axis, mixture in reversed(steps):
        _unmixed(site, x, y, axis, mixture.matrix(x.data.shape[axis]))
    return steps[-1][1]


def _repeated(site: Site, first: int, sizes: tuple[int, ...]) -> Value:
    """Whole numbers of copies: every input beside an axis that stretches."""
    x = site.x
    shape, split, ones = list(x.data.shape), list(x.data.shape), list(x.data.shape)
    shape[first : first + len(sizes)] = sizes
    copies = range(first + 1, first + 1 + 2 * len(sizes), 2)
    for axis, m in zip(copies, sizes, strict=True):
        split.insert(axis, m // split[axis - 1])
        ones.insert(axis, 1)
    y = site.value(*shape)
    blocks = y.reshaped(*split)
    site.then(np.copyto, blocks.data, x.data.reshape(ones))
    if x.cotangent is not None:
        site.back(_summed, np.moveaxis(blocks.cotangent, copies, range(len(copies))), x.cotangent)
    return y


def _summed(copies: Array, out: Array) -> None:
    """Sum over the first axes: a strided pass for each copy, as a sum of two at a time is slow."""
    first, *others = np.ndindex(copies.shape[: copies.ndim - out.ndim])
    np.copyto(out, copies[first])
    for other in others:
        np.add(out, copies[other], out)


class _Mixture(NamedTuple):
    """Along one axis the two inputs that each output lies between, and the share of the second."""

    low: Array
    high: Array
    share: Array

    def matrix(self, n: int) -> Array:
        """The same as weights of (outputs, inputs)."""
        found, rows = np.zeros((self.low.size, n)), np.arange(self.low.size)
        found[rows, self.low] = 1 - self.share
        found[rows, self.high] += self.share
        return found


def _nearest(n: int, m: int) -> _Mixture:
    places = np.arange(m) * n // m
    return _Mixture(places, places, np.zeros(m))


def _linear(n: int, m: int) -> _Mixture:
    places = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    low = places.astype(int)
    share = places - low
    # What lies on an input sees that alone.
    return _Mixture(low, low + (share > 0), share)


def _mixed(site: Site, x: Value, axis: int, mixture: _Mixture) -> Value:
    """Append the mixing along one axis."""
    # Two inputs taken, not a product with all: what is outside, even NaN, has no part in it.
    sizes, (low, high, share) = x.data.shape, mixture
    m = low.size
    y = site.value(*sizes[:axis], m, *sizes[axis + 1 :])
    site.then(np.take, x.data, low, axis, y.data, "clip")
    if share.any():
        share = share.reshape(m, *(1,) * (len(sizes) - axis - 1)).astype(x.data.real.dtype)
        work = site.array(*y.data.shape)
        site.then(np.take, x.data, high, axis, work, "clip")
        site.then(np.multiply, y.data, 1 - share, y.data)
        site.then(np.multiply, work, share, work)
        site.then(np.add, y.data, work, y.data)
    return y


def _unmixed(site: Site, x: Value, y: Value, axis: int, weights: Array) -> None:
    """Append its backward pass: a product with the matrix of the shares."""
    if x.cotangent is None:
        return
    (m, n), matrix = weights.shape, weights.astype(site.program.dtype)
    behind = math.prod(x.data.shape[axis + 1 :])
    if behind == 1:
        rows, results = x.reshaped(-1, n), y.reshaped(-1, m)
        site.back(np.matmul, results.cotangent, matrix, rows.cotangent)
    else:
        rows, results = x.reshaped(-1, n, behind), y.reshaped(-1, m, behind)
        site.back(np.matmul, matrix.T, results.cotangent, rows.cotangent)


@operation("pixelshuffle")
def pixelshuffle(site: Site) -> Value:
    """Channel c*r*r + i*r + j becomes, of channel c, row i and column j of each block."""
    r, (channels, height, width) = site.layer.factor, _image(site)
    if channels % r**2:
        raise LayerError(f"pixelshuffle:{r} needs a multiple of {r**2} channels, not {channels}")
    y = site.spatial_value(channels // r**2, height * r, width * r)
    _copied(site, *_shuffled(site, site.x, y, r))
    return y


@operation("pixelunshuffle")
def pixelunshuffle(site: Site) -> Value:
    """Row i and column j of each block of channel c become channel c*r*r + i*r + j."""
    r, (channels, height, width) = site.layer.factor, _image(site)
    if height % r or width % r:
        raise LayerError(f"pixelunshuffle:{r} needs multiples of {r} as sides")
    y = site.spatial_value(channels * r**2, height // r, width // r)
    few, many = _shuffled(site, y, site.x, r)
    _copied(site, many, few)
    return y


def _image(site: Site) -> tuple[int, ...]:
    """Channels, height and width."""
    if site.x.data.ndim != 4:
        raise LayerError(f"{site.layer.words[0]} needs channels and two sides", site.layer.hint())
    sizes: tuple[int, ...] = site.channels_first(site.x).data.shape[1:]
    return sizes


def _shuffled(site: Site, deep: Value, wide: Value, r: int) -> tuple[Value, Value]:
    """The same numbers under (batch, c, i, j, height, width), with and without the blocks."""
    # Axes are split on the memory as it lies, which makes views, and only then moved.
    if site.layout == "hwc":
        batch, height, width, channels = deep.data.shape
        cut = (batch, height, width, channels // r**2, r, r)
        blocks = (batch, height, r, width, r, channels // r**2)
        orders = (0, 3, 4, 5, 1, 2), (0, 5, 2, 4, 1, 3)
    else:
        batch, channels, height, width = deep.data.shape
        cut = (batch, channels // r**2, r, r, height, width)
        blocks = (batch, channels // r**2, height, r, width, r)
        orders = (0, 1, 2, 3, 4, 5), (0, 1, 3, 5, 2, 4)
    first, second = deep.reshaped(*cut), wide.reshaped(*blocks)
    return moved(first, orders[0]), moved(second, orders[1])


def _copied(site: Site, x: Value, y: Value) -> None:
    site.then(np.copyto, y.data, x.data)
    if x.cotangent is not None:
        site.back(np.copyto, x.cotangent, y.cotangent)
