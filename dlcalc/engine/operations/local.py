"""The locally connected layer: a product of matrices of its own at every position."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations import windows as w
from dlcalc.errors import LayerError


@operation("local")
def local(site: Site) -> Value:
    """y[o, i] = b[o, i] + the sum over c, k of W[i, o, c, k] * x[c, i*stride + k - begin]."""
    layer, x = site.layer, site.channels_first(site.x)
    sides = w.sides_of(x, "local", layer.rank)
    window = w.window_of(layer, len(sides))
    w.check_convolution(layer, window, site.convention.conv_words, site.convention)
    if not isinstance(layer.out, int):
        raise LayerError("local needs its output channels as a number")
    inputs, out = x.data.shape[1], layer.out
    ends = w.ends_of(layer.padding, sides, window)
    frame = w.padded(site, x, ends, batch_last=True)
    view = w.windows(frame.data, *window)
    positions = view.shape[2 : 2 + len(sides)]
    weight = site.parameter("weight", *positions, out, inputs, *window.kernel)

    matrices = weight.value.reshape(-1, out, inputs * int(np.prod(window.kernel)))
    columns = site.array(*positions, inputs, *window.kernel, site.batch)
    sums = site.array(*positions, out, site.batch)
    rows, results = (a.reshape(len(matrices), -1, site.batch) for a in (columns, sums))
    site.then(np.copyto, _as_windows(columns, len(sides)), view)
    site.matmul(matrices, rows, results)
    y = site.spatial_value(out, *positions)
    _finish(site, _as_windows(sums, len(sides)), site.channels_first(y))

    if site.backwards:
        gradients = weight.gradient.reshape(matrices.shape)
        site.back(np.matmul, results, np.swapaxes(rows, 1, 2), gradients)
        if x.cotangent is not None:
            parts = np.zeros_like(columns)
            turned = np.swapaxes(matrices, 1, 2)
            site.back(np.matmul, turned, results, parts.reshape(rows.shape))
            site.back(w.scatter(frame.cotangent, _as_windows(parts, len(sides)), *window))
            w.unpadded(site, x, frame, ends)
    return y


def _as_windows(memory: Array, rank: int) -> Array:
    """(*positions, channels, *kernel, batch) seen as (batch, channels, *positions, *kernel)."""
    return np.moveaxis(memory, (-1, rank), (0, 1))


def _finish(site: Site, sums: Array, y: Value) -> None:
    """Bring the sums into the output, with the bias; backwards the cotangent into the sums."""
    if site.backwards:
        site.back(np.copyto, sums, y.cotangent)
    if not site.layer.bias:
        site.then(np.copyto, y.data, sums)
        return
    bias = site.parameter("bias", *y.data.shape[1:])
    site.then(np.add, sums, bias.value, y.data)
    site.back(np.sum, y.cotangent, 0, out=bias.gradient)
