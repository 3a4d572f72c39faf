"""Convolution as one product of matrices: weights times windows.

The windows of all examples are copied side by side as the columns of a matrix
(im2col: Chellapilla, Puri and Simard, "High Performance Convolutional Neural
Networks for Document Processing", 2006).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations import windows as w
from dlcalc.errors import LayerError

# Multiplications up to which OpenBLAS takes a product for a small one, and positions of
# an example from which on it is worth while.
_QUICK, _LONG = 1_000_000, 256


class Channels(NamedTuple):
    """Input and output channels, and in how many groups they are kept apart."""

    inputs: int
    out: int
    groups: int


@operation("conv")
def conv(site: Site) -> Value:
    """y[o, i] = b[o] + the sum over c, k of W[o, c, k] * x[c, i*stride + k*dilation - begin]."""
    layer, x = site.layer, site.channels_first(site.x)
    sides = w.sides_of(x, "conv", layer.rank)
    window = w.window_of(layer, len(sides))
    w.check_convolution(layer, window, site.convention.conv_words, site.convention)
    inputs, out, groups = channels_of(layer, x)
    weight = site.parameter("weight", out, inputs // groups, *window.kernel)
    ends = w.ends_of(layer.padding, sides, window)
    positions = window.positions(tuple([n + sum(e) for n, e in zip(sides, ends, strict=True)]))
    last = w.batch_goes_last(site, positions)

    frame = w.padded(site, x, ends, batch_last=last)
    columns = w.columns(site, inputs, positions, window.kernel, batch_last=last)
    sums = w.columns(site, out, positions, batch_last=last)
    site.then(np.copyto, columns.view, w.windows(frame.data, *window))
    matrices = weight.value.reshape(groups, out // groups, -1)
    site.matmul(matrices, columns.grouped(groups), sums.grouped(groups))
    y = site.spatial_value(out, *positions)
    # Backwards, the sums' own memory holds their cotangents.
    _finish(site, sums, site.channels_first(y))

    if site.backwards:
        gradients = weight.gradient.reshape(matrices.shape)
        _pull(site, sums.grouped(groups), columns.grouped(groups), gradients)
        if x.cotangent is not None:
            parts = w.columns(site, inputs, positions, window.kernel, batch_last=last)
            turned = np.swapaxes(matrices, 1, 2)
            site.back(np.matmul, turned, sums.grouped(groups), parts.grouped(groups))
            site.back(w.scatter(frame.cotangent, parts.view, *window))
            w.unpadded(site, x, frame, ends)
    return y


def _pull(site: Site, sums: Array, columns: Array, gradients: Array) -> None:
    """Append sums columns^T, the gradient of each group's weights.

    Of a small kernel in parts: as a few numbers over very many positions it is a product
    for which libraries are not made, while they have quick ways for small ones.
    """
    groups, out, length = sums.shape
    part = length // site.batch
    if part < _LONG or gradients[0].size * part > _QUICK:
        site.back(np.matmul, sums, np.swapaxes(columns, 1, 2), gradients)
        return
    left = sums.reshape(groups, out, site.batch, -1).swapaxes(1, 2)
    right = columns.reshape(groups, -1, site.batch, part).transpose(0, 2, 3, 1)
    each = site.array(groups, site.batch, *gradients.shape[1:])
    site.back(np.matmul, left, right, each)
    site.back(np.add.reduce, each, 1, None, gradients)


def _finish(site: Site, sums: w.Columns, y: Value) -> None:
    """Bring the sums into the output, with the bias; backwards the cotangent into the sums."""
    if site.backwards:
        site.back(np.copyto, sums.view, y.cotangent)
    if not site.layer.bias:
        site.then(np.copyto, y.data, sums.view)
        return
    out, rank = y.data.shape[1], y.data.ndim - 2
    bias = site.parameter("bias", out)
    site.then(np.add, sums.view, bias.value.reshape(out, *[1] * rank), y.data)
    site.back(np.sum, sums.matrix, 1, out=bias.gradient)


def channels_of(layer: Any, x: Value) -> Channels:
    """The channels of a convolution. Refuses groups that do not divide them."""
    inputs, out, groups = x.data.shape[1], layer.out, layer.groups
    if not isinstance(out, int) or not isinstance(groups, int):
        raise LayerError(f"{layer.words[0]} needs its output channels and groups as numbers")
    if inputs % groups or out % groups:
        raise LayerError(f"groups={groups} does not divide {inputs} and {out} channels")
    return Channels(inputs, out, groups)
