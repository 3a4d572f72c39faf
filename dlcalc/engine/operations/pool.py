"""Pooling by a moving window, to a fixed size, and over the whole input.

Which windows there are is worked out in `sliding`, what they make of their
values in `taps`. Where values tie in a window, its maximum is the first of them
in row-major order, as in PyTorch (aten/src/ATen/native/cpu/MaxPoolKernel.cpp).
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations.sliding import Pooled, adapted, divisors_of, sliding
from dlcalc.engine.operations.taps import (
    closed,
    fold,
    hand_back,
    made,
    opened,
    scratch,
    spread,
    stages_of,
    twin,
)
from dlcalc.engine.operations.windows import sides_of, unpadded, window_of
from dlcalc.errors import LayerError

# --- maxima and means -------------------------------------------------------------


def _maximum(site: Site, pooled: Pooled) -> Value:
    stages = stages_of(site, pooled.frame, pooled.lines)
    fold(site, np.maximum, stages, pooled.lines)
    if site.backwards:
        hand_back(site, stages, pooled.lines)
        unpadded(site, pooled.x, pooled.frame, pooled.ends)
    return closed(site, stages[-1])


def _mean(site: Site, pooled: Pooled) -> Value:
    stages = stages_of(site, pooled.frame, pooled.lines)
    fold(site, np.add, stages, pooled.lines)
    total = stages[-1]
    divisors = divisors_of(pooled.lines, total.data.real.dtype)
    if np.all(divisors == divisors.flat[0]):
        divisors = divisors.flat[0]
    site.then(_divided, total.data, divisors, total.data)
    if not site.backwards:
        return closed(site, total)
    y = Value(total.data, scratch(total.data))
    site.back(_divided, y.cotangent, divisors, total.cotangent)
    spread(site, [stage.cotangent for stage in stages], pooled.lines)
    unpadded(site, pooled.x, pooled.frame, pooled.ends)
    return closed(site, y)


def _divided(over: Array, under: Array, out: Array) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        np.divide(over, under, out=out)


@operation("maxpool", smooth=False)
def maxpool(site: Site) -> Value:
    """The greatest value of each window; padding is never the greatest."""
    return _maximum(site, sliding(site))


@operation("adaptivemaxpool", smooth=False)
def adaptivemaxpool(site: Site) -> Value:
    """The greatest value of each part."""
    return _maximum(site, adapted(site))


@operation("avgpool")
def avgpool(site: Site) -> Value:
    """The sum of each window by its positions: with padding or without, never what hangs over."""
    return _mean(site, sliding(site))


@operation("adaptiveavgpool")
def adaptiveavgpool(site: Site) -> Value:
    """The mean of each part."""
    return _mean(site, adapted(site))


# --- norms ------------------------------------------------------------------------


@operation("lppool", smooth=lambda layer: layer.norm % 2 == 0)  # type: ignore[attr-defined]
def lppool(site: Site) -> Value:
    """The p-th root of the sum of p-th powers.

    PyTorch takes a mean of x^p times the size of the kernel (torch/nn/functional.py,
    lp_pool2d): signs are kept, and a window that hangs over counts as if it were
    full. ONNX takes the sum of |x|^p. A norm of 0 has the gradient 0.
    """
    pooled, p = sliding(site), site.layer.norm
    # What tells the two apart is whether positions without a value count in a mean.
    signed = site.convention.average_counts_padding
    x = pooled.frame
    powers = twin(x)
    stages = stages_of(site, powers, pooled.lines)
    total, y = stages[-1], made(site, x, stages[-1].data.shape[2:])
    # A window that sees nothing has the norm 0, whatever its divisor.
    divisors = np.maximum(divisors_of(pooled.lines, x.data.real.dtype), 1)
    full = prod(window_of(site.layer, len(pooled.lines)).kernel)
    weight = full / divisors if signed else np.ones_like(divisors)
    site.then(_power, x.data, p, signed, powers.data)
    fold(site, np.add, stages, pooled.lines)
    site.then(np.multiply, total.data, weight, out=total.data)
    site.then(_root, total.data, p, y.data)
    if site.backwards:
        site.back(_root_back, y, p, weight, total.cotangent)
        spread(site, [stage.cotangent for stage in stages], pooled.lines)
        if x.cotangent is not None:
            site.back(_power_back, x, p, signed, powers.cotangent)
        unpadded(site, pooled.x, pooled.frame, pooled.ends)
    return closed(site, y)


def _power(x: Array, p: float, signed: bool, out: Array) -> None:
    with np.errstate(invalid="ignore"):  # Negative numbers have no power that is not whole.
        if p % 2 == 0 or signed:
            np.power(x, p, out=out)
        else:
            np.power(np.abs(x), p, out=out)


def _root(total: Array, p: float, out: Array) -> None:
    with np.errstate(invalid="ignore"):
        if p == 2:
            np.sqrt(total, out=out)
        else:
            np.power(total, 1 / p, out=out)


def _root_back(y: Value, p: float, weight: Array, out: Array) -> None:
    """By the sum, but for the factor p that the power's derivative lacks: y^(1 - p)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        np.power(y.data, 1 - p, out=out)
        np.multiply(out, y.cotangent, out=out)
        np.multiply(out, weight, out=out)
    out[y.data == 0] = 0


def _power_back(x: Value, p: float, signed: bool, given: Array) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        if signed:
            np.power(x.data, p - 1, out=x.cotangent)
        else:
            np.power(np.abs(x.data), p - 1, out=x.cotangent)
            np.multiply(x.cotangent, np.sign(x.data), out=x.cotangent)
        np.multiply(x.cotangent, given, out=x.cotangent)


# --- drawing ----------------------------------------------------------------------


@operation("stochasticpool", smooth=False)
def stochasticpool(site: Site) -> Value:
    """Training: one value of each window, drawn with a probability proportional to it.

    Else their mean by those probabilities, sum x^2 / sum x. A window of zeros
    gives 0 and has the gradient 0. Zeiler and Fergus, 2013, equations 4 to 6.
    """
    pooled = sliding(site)
    site.then(_refuse_negative, pooled.x.data)
    return _drawn(site, pooled) if site.training else _expected(site, pooled)


def _refuse_negative(x: Array) -> None:
    if x.min() < 0:
        raise LayerError(
            "stochasticpool draws values with a probability proportional to them, but some "
            "are below 0",
            "Put relu before it.",
        )


def _drawn(site: Site, pooled: Pooled) -> Value:
    x, lines = pooled.x, pooled.lines
    y = made(site, x, tuple([line.size for line in lines]))
    every = (slice(None), slice(None))
    taps = [
        ((*every, *[target for target, _ in tap]), (*every, *[source for _, source in tap]))
        for tap in product(*[line.taps for line in lines])
    ]
    total, below = scratch(y.data), scratch(y.data)
    choice, uniform = scratch(y.data, np.int32), site.array(*y.data.shape)

    def draw() -> None:
        total.fill(0)
        for target, source in taps:
            total[target] += x.data[source]
        site.program.generator.random(dtype=uniform.dtype, out=uniform)
        # The last positive value with no more than the threshold before it: of zeros, none.
        np.multiply(uniform, total, out=uniform)
        np.multiply(total, 0, out=y.data)
        below.fill(0)
        choice.fill(-1)
        for index, (target, source) in enumerate(taps):
            reached = (below[target] <= uniform[target]) & (x.data[source] > 0)
            np.copyto(y.data[target], x.data[source], where=reached)
            np.copyto(choice[target], index, where=reached)
            below[target] += x.data[source]

    def give() -> None:
        x.cotangent.fill(0)
        for index, (target, source) in enumerate(taps):
            x.cotangent[source] += np.where(choice[target] == index, y.cotangent[target], 0)

    site.then(draw)
    if x.cotangent is not None:
        site.back(give)
    return closed(site, y)


def _expected(site: Site, pooled: Pooled) -> Value:
    x, lines = pooled.x, pooled.lines
    square = twin(x)
    sums, squares = stages_of(site, x, lines), stages_of(site, square, lines)
    total, y = sums[-1], made(site, x, sums[-1].data.shape[2:])
    site.then(np.multiply, x.data, x.data, out=square.data)
    fold(site, np.add, sums, lines)
    fold(site, np.add, squares, lines)
    site.then(_ratio, squares[-1].data, total.data, y.data)
    if x.cotangent is not None:
        # dy/dx_i = (2*x_i - y)/total
        site.back(_ratio, y.cotangent, total.data, squares[-1].cotangent)
        site.back(np.multiply, squares[-1].cotangent, y.data, out=total.cotangent)
        spread(site, [stage.cotangent for stage in squares], lines)
        spread(site, [stage.cotangent for stage in sums], lines)
        site.back(np.multiply, square.cotangent, x.data, out=square.cotangent)
        site.back(np.multiply, square.cotangent, 2, out=square.cotangent)
        site.back(np.subtract, square.cotangent, x.cotangent, out=x.cotangent)
    return closed(site, y)


def _ratio(over: Array, under: Array, out: Array) -> None:
    """The quotient, and 0 where nothing is to divide by."""
    out.fill(0)
    np.divide(over, under, out=out, where=under != 0)


# --- the whole input --------------------------------------------------------------


def _one_each(site: Site) -> tuple[Value, Value, Value]:
    """The input, one value for each channel, and the output that these are."""
    x = opened(site)
    rank = len(sides_of(x, site.layer.words[0], site.layer.rank))
    y = site.value(site.batch, x.data.shape[1])
    if site.x.data.ndim == 2 or not site.convention.global_pooling_keeps_axes:
        return x, y, y
    ones = (1,) * rank
    sizes = (*ones, x.data.shape[1]) if site.layout == "hwc" else (x.data.shape[1], *ones)
    return x, y, y.reshaped(site.batch, *sizes)


@operation("globalavgpool")
def globalavgpool(site: Site) -> Value:
    """The mean of each channel."""
    x, y, output = _one_each(site)
    axes = tuple(range(2, x.data.ndim))
    count = prod(x.data.shape[2:])
    site.then(np.add.reduce, x.data, axis=axes, out=y.data)
    site.then(np.divide, y.data, count, out=y.data)
    if x.cotangent is not None:
        share = scratch(y.data)
        site.back(np.divide, y.cotangent, count, out=share)
        site.back(np.copyto, x.cotangent, np.expand_dims(share, axes))
    return output


@operation("globalmaxpool", smooth=False)
def globalmaxpool(site: Site) -> Value:
    """The greatest value of each channel."""
    x, y, output = _one_each(site)
    site.then(np.maximum.reduce, x.data, axis=tuple(range(2, x.data.ndim)), out=y.data)
    if x.cotangent is not None:
        site.back(_to_greatest, x, y)
    return output


def _to_greatest(x: Value, y: Value) -> None:
    batch, channels, *sides = x.data.shape
    found = x.data.reshape(batch, channels, -1).argmax(-1)
    x.cotangent.fill(0)
    rows, columns = np.ogrid[:batch, :channels]
    x.cotangent[(rows, columns, *np.unravel_index(found, sides))] = y.cotangent
