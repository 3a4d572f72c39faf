"""Transposed convolution: every input spreads its weights over a window of the output.

PyTorch: torch/nn/modules/conv.py; Keras: the padding of the stretched input in
keras/src/backend/common/backend_utils.py; ONNX: the operator ConvTranspose;
Caffe: src/caffe/layers/deconv_layer.cpp.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations import windows as w
from dlcalc.engine.operations.conv import channels_of
from dlcalc.errors import LayerError
from dlcalc.layers.convention import Convention


class _Axis(NamedTuple):
    """One axis: the sum of all windows has ``full`` positions; ``size`` from ``begin`` are kept.

    The output may reach beyond the sum; there it is the bias alone.
    """

    full: int
    begin: int
    size: int


@operation("convtranspose")
def convtranspose(site: Site) -> Value:
    """y[o, j] = b[o] + the sum of W[c, o, k] * x[c, i], where i*stride + k*dilation = j + begin."""
    layer, x = site.layer, site.channels_first(site.x)
    sides = w.sides_of(x, "convtranspose", layer.rank)
    window = w.window_of(layer, len(sides))
    _check(layer, window, site.convention)
    axes = _axes(layer, sides, window, site.convention)
    inputs, out, groups = channels_of(layer, x)
    weight = site.parameter("weight", inputs, out // groups, *window.kernel)
    last = w.batch_goes_last(site, sides)

    values = w.columns(site, inputs, sides, batch_last=last)
    parts = w.columns(site, out, sides, window.kernel, batch_last=last)
    site.then(np.copyto, values.view, x.data)
    matrices = weight.value.reshape(groups, inputs // groups, -1)
    site.matmul(np.swapaxes(matrices, 1, 2), values.grouped(groups), parts.grouped(groups))
    summed = _sum_of_windows(site, out, axes, batch_last=last)
    site.then(w.scatter(_all(summed, axes), parts.view, *window))
    y = site.spatial_value(out, *[axis.size for axis in axes])
    _finish(site, _kept(summed, axes), site.channels_first(y))

    if site.backwards:
        # The windows of the cotangent take the place of the parts that were summed.
        given = _sum_of_windows(site, out, axes, batch_last=last)
        site.back(np.copyto, _kept(given, axes), site.channels_first(y).cotangent)
        site.back(np.copyto, parts.view, w.windows(_all(given, axes), *window))
        turned, gradients = np.swapaxes(parts.grouped(groups), 1, 2), weight.gradient
        site.back(np.matmul, values.grouped(groups), turned, gradients.reshape(matrices.shape))
        if x.cotangent is not None:
            cotangents = w.columns(site, inputs, sides, batch_last=last)
            site.back(np.matmul, matrices, parts.grouped(groups), cotangents.grouped(groups))
            site.back(np.copyto, x.cotangent, cotangents.view)
    return y


def _finish(site: Site, sums: Array, y: Value) -> None:
    """Bring the sums into the output, with the bias."""
    if not site.layer.bias:
        site.then(np.copyto, y.data, sums)
        return
    out, rank = y.data.shape[1], y.data.ndim - 2
    bias = site.parameter("bias", out)
    site.then(np.add, sums, bias.value.reshape(out, *[1] * rank), y.data)
    site.back(np.sum, y.cotangent, (0, *range(2, 2 + rank)), out=bias.gradient)


def _sum_of_windows(site: Site, out: int, axes: list[_Axis], *, batch_last: bool) -> Array:
    """Zeros that hold the sum of all windows and, where it reaches further, the output."""
    lengths = [max(axis.full, axis.begin + axis.size) for axis in axes]
    return w.buffer(site, site.batch, out, *lengths, batch_last=batch_last)


def _all(summed: Array, axes: list[_Axis]) -> Array:
    """The positions that windows reach."""
    return summed[(slice(None), slice(None), *[slice(axis.full) for axis in axes])]


def _kept(summed: Array, axes: list[_Axis]) -> Array:
    """The positions that are the output."""
    kept = [slice(axis.begin, axis.begin + axis.size) for axis in axes]
    return summed[(slice(None), slice(None), *kept)]


def _check(layer: Any, window: w.Window, convention: Convention) -> None:
    """Refuse arguments that the framework has not."""
    name, numbers = convention.name, not isinstance(layer.padding, str)
    w.check_convolution(layer, window, convention.transposed_words, convention)
    if numbers and any(map(any, layer.padding)) and convention.transposed_fills_stride:
        raise LayerError(f"convtranspose takes no padding in numbers in {name}")
    if any(layer.output_padding or ()) and not convention.transposed_output_padding:
        raise LayerError(f"convtranspose takes no output_padding in {name}")
    if layer.output and convention.transposed_output == "none":
        raise LayerError(f"convtranspose takes no output size in {name}")


def _axes(layer: Any, sides: w.Sizes, window: w.Window, convention: Convention) -> list[_Axis]:
    rank = len(sides)
    none = (None,) * rank
    more = none if layer.output_padding is None else w.each(layer.output_padding, rank, "op")
    sizes = none if layer.output is None else w.each(layer.output, rank, "output")
    word = layer.padding if isinstance(layer.padding, str) else ""
    # Words pad nothing: they say how long the output is.
    ends = ((0, 0),) * rank if word else w.ends_of(layer.padding, sides, window)
    axes = []
    for n, extent, stride, dilation, cut, op, size in zip(
        sides, window.extents, window.stride, window.dilation, ends, more, sizes, strict=True
    ):
        _check_output_padding(op, stride, dilation, convention)
        full = (n - 1) * stride + extent
        if size is not None:
            axis = _asked(full, stride, size, cut, word, convention)
        elif convention.transposed_fills_stride:
            axis = _stretched(n, extent, stride, op, word)
        elif word in ("", "valid"):
            axis = _Axis(full, cut[0], full - sum(cut) + (op or 0))
        else:
            axis = _shortened(full, n * stride, full + (op or 0), word)
        if axis.size < 1:
            raise LayerError("the padding cuts everything off")
        axes.append(axis)
    return axes


def _check_output_padding(
    op: int | None, stride: int, dilation: int, convention: Convention
) -> None:
    limit = stride if convention.transposed_fills_stride else max(stride, dilation)
    if op is not None and op >= limit:
        raise LayerError(f"output_padding={op} must be smaller than {limit}")


def _asked(
    full: int, stride: int, size: int, cut: tuple[int, int], word: str, convention: Convention
) -> _Axis:
    """The output size is given: PyTorch adds at the end, ONNX cuts or adds instead of padding."""
    if convention.transposed_output == "free":
        if not 1 <= size < full + stride:
            raise LayerError(f"output={size} is not within 1 to {full + stride - 1}")
        # Without a word (NOTSET) the odd position is cut at the begin, as for SAME_LOWER.
        return _shortened(full, size, full, word or "same_lower")
    least = full - sum(cut)
    if size not in range(least, least + stride):
        raise LayerError(f"output={size} is not within {least} to {least + stride - 1}")
    return _Axis(full, cut[0], size)


def _shortened(full: int, size: int, reached: int, word: str) -> _Axis:
    """ONNX: what ``reached`` has beyond the size is cut, half at either end.

    The odd position is cut at the end by SAME_UPPER, else at the begin.
    """
    beyond = range(size, reached)
    upper = word in ("same", "same_upper")
    return _Axis(full, len(beyond[1::2] if upper else beyond[::2]), size)


def _stretched(n: int, extent: int, stride: int, op: int | None, word: str) -> _Axis:
    """Keras: a convolution with stride 1 over the input with zeros between, padded left and right.

    Without output_padding ``same`` gives n*stride and ``valid`` at least that.
    """
    most = extent - 1
    full = (n - 1) * stride + extent
    if word != "same":
        return _Axis(full, 0, full + (max(stride - extent, 0) if op is None else op))
    both = stride + most - 1 if op is None else extent + extent % 2 - 2 + op
    left = min(both - both // 2, most)
    return _Axis(full, most - left, (n - 1) * stride + 1 + both - most)
