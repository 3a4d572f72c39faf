"""The windows of pooling, counted off one by one under each framework's rules of rounding."""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value
from dlcalc.engine.operations.taps import Line, line_of, opened, parts, taps_of
from dlcalc.engine.operations.windows import (
    Ends,
    Window,
    check_padding,
    does_not_fit,
    each,
    ends_of,
    padded,
    sides_of,
    window_of,
)


def _starts(n: int, extent: int, stride: int, ends: tuple[int, int], up: bool) -> list[int]:
    """Where windows begin, from -begin on: while they fit, and rounding up once more.

    Rounding up, a window comes behind every one that does not reach the padded end.
    """
    begin, end = ends
    room = n + end - extent
    last = room + stride - 1 if up else room
    return list(range(-begin, last + 1, stride))


def _windows(site: Site, sides: tuple[int, ...], window: Window, ends: Ends) -> list[Line]:
    """Every window along every axis, under the convention's rules of rounding."""
    layer, rules = site.layer, site.convention
    worded = isinstance(layer.padding, str)
    up = rules.pooling_ceil if layer.ceil is None else layer.ceil
    if worded and (layer.padding != "valid" or rules.pooling_valid_rounds_down):
        up = False
    any_padding = not worded and any(map(any, layer.padding))
    drops = rules.pooling_drops == "always" or (rules.pooling_drops == "padded" and any_padding)
    counts = _counts_padding(site)
    lines = []
    for n, k, s, d, extent, e in zip(
        sides, window.kernel, window.stride, window.dilation, window.extents, ends, strict=True
    ):
        starts = _starts(n, extent, s, e, up)
        # ATen/native/Pool.h, pooling_output_shape: the last one begins inside or before the input.
        if up and drops and len(starts) > 1 and starts[-1] >= n:
            starts.pop()
        if not starts:
            raise does_not_fit(window, tuple(n + sum(e) for n, e in zip(sides, ends, strict=True)))
        members = [[p for p in range(start, start + extent, d) if 0 <= p < n] for start in starts]
        divisors = [_divisor(start, extent, d, n + e[1]) for start in starts]
        if not counts:
            # An empty window's sum is 0, and onnxruntime does not divide it.
            divisors = [len(inputs) or 1 for inputs in members]
        lines.append(line_of(n, members, taps_of(n, starts, k, d, s), divisors))
    return lines


def _divisor(start: int, extent: int, dilation: int, stop: int) -> int:
    """How many positions a window has before ``stop``, the end of the padding.

    What hangs over never counts. Where nothing is left it is min(start + k, stop) -
    start, 0 or less, as Caffe has it: 0/0 is no number, 0 by less than 0 is 0
    (src/caffe/layers/pooling_layer.cpp).
    """
    reach = min(start + extent, stop)
    return len(range(start, reach, dilation)) or reach - start


def _counts_padding(site: Site) -> bool:
    layer, rules = site.layer, site.convention
    asked: bool | None = getattr(layer, "count_include_pad", None)
    if asked is not None:
        return asked
    if isinstance(layer.padding, str):
        return rules.average_counts_same
    return rules.average_counts_padding


def _frame(site: Site, x: Value, window: Window, ends: Ends) -> tuple[Value, Ends]:
    """The input with zeros around it, where the framework pads by values that are pooled too.

    So does a padding layer before it, and space_to_batch_nd, by which TensorFlow
    dilates (tensorflow/python/ops/nn_ops.py, with_space_to_batch).
    """
    worded = isinstance(site.layer.padding, str)
    by_batches = site.convention.pooling_dilation == "unless strided" and max(window.dilation) > 1
    if by_batches or (site.convention.pads_by_layer and not worded):
        return padded(site, x, ends), ((0, 0),) * len(ends)
    return x, ends


class Pooled(NamedTuple):
    """An input, the frame around it that is pooled, and its windows."""

    x: Value
    frame: Value
    ends: Ends
    lines: list[Line]


def sliding(site: Site) -> Pooled:
    """The windows of a layer with a kernel."""
    layer, x = site.layer, opened(site)
    sides = sides_of(x, layer.words[0], layer.rank)
    window = window_of(layer, len(sides))
    check_padding(layer.padding, window.stride, site.convention.pooling_words, site.convention)
    ends = ends_of(layer.padding, sides, window)
    frame, left = _frame(site, x, window, ends)
    return Pooled(x, frame, ends, _windows(site, frame.data.shape[2:], window, left))


def adapted(site: Site) -> Pooled:
    """The parts of a layer with a fixed output."""
    layer, x = site.layer, opened(site)
    sides = sides_of(x, layer.words[0], layer.rank)
    sizes = each(layer.output, len(sides), "output")
    lines = [parts(n, size) for n, size in zip(sides, sizes, strict=True)]
    return Pooled(x, x, ((0, 0),) * len(sides), lines)


def divisors_of(lines: list[Line], dtype: Any) -> Array:
    """How many positions each window has, over all axes."""
    axes = [np.array(line.divisors, dtype) for line in lines]
    return reduce(np.multiply.outer, axes)
