"""Activations: a table of functions of each value, prelu, and softmax over the channels.

Where a function has a kink its derivative there is PyTorch's (ATen/native/cpu/Activation.cpp).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.special import erf
from dlcalc.errors import LayerError

# Klambauer et al., "Self-Normalizing Neural Networks", 2017, appendix A1.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


class _At(NamedTuple):
    """Where a function is at work: its input, its output, what it keeps, its one argument."""

    x: Array
    y: Array
    kept: Array
    alpha: float


class _Row(NamedTuple):
    """A function: writes y; its derivative, in a given array or a mask of its own.

    Without a derivative ``back`` appends the whole backward pass, in fewer calls.
    """

    value: Callable[[_At], object]
    slope: Callable[[_At, Array], Array] | None
    smooth: bool = True
    #: Whether it needs an array beside its output, which the derivative may read.
    keeps: bool = False
    back: Callable[[Site, _At, Array, Array], None] | None = None


def sigmoid(x: Array, out: Array) -> Array:
    """1/(1 + exp(-x)), to full relative precision on the real axis.

    >>> sigmoid(np.array([0.0, -1000.0, 1000.0]), np.empty(3)).tolist()
    [0.5, 0.0, 1.0]
    """
    if np.iscomplexobj(x):
        # The same function; an overflow of exp would be NaN off the real axis.
        np.tanh(np.multiply(x, 0.5, out), out)
        return np.multiply(np.add(out, 1, out), 0.5, out)
    with np.errstate(over="ignore"):  # 1/(1 + inf) = 0 is right.
        np.exp(np.negative(x, out), out)
    return np.divide(1, np.add(out, 1, out), out)


def softplus(x: Array, out: Array) -> Array:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which does not overflow.

    >>> softplus(np.array([-1000.0, 1000.0]), np.empty(2)).tolist()
    [0.0, 1000.0]
    """
    if np.iscomplexobj(x):
        # Both forms are one function; the sign of the real part says which overflows.
        above = x.real > 0
        np.log1p(np.exp(np.where(above, -x, x)), out)
        return np.add(out, np.where(above, x, 0), out)
    np.log1p(np.exp(np.negative(np.abs(x, out), out), out), out)
    return np.add(out, np.maximum(x, 0), out)


def _elu(at: _At, alpha: float, scale: float = 1.0) -> None:
    below = np.expm1(np.minimum(at.x, 0, out=at.y), at.y)
    np.multiply(below, alpha * scale, at.y)
    np.add(at.y, np.maximum(at.x, 0) * scale, at.y)


def _elu_slope(at: _At, out: Array, alpha: float, scale: float = 1.0) -> Array:
    np.exp(np.minimum(at.x, 0, out=out), out)
    np.multiply(out, alpha * scale, out)
    return _sides(at.x, scale, np.multiply(out, at.x <= 0, out))


def _sides(x: Array, above: float, below: Array) -> Array:
    """Add the slope above 0 to an array that holds the slope up to 0, and 0 above."""
    return np.add(below, x > 0 if above == 1 else (x > 0) * above, below)


def _leaky(at: _At) -> None:
    # Up to a slope of 1 the larger of x and alpha*x is the one that is meant.
    larger = np.maximum if at.alpha <= 1 else np.minimum
    larger(at.x, np.multiply(at.x, at.alpha, at.y), out=at.y)


def _gelu(at: _At) -> None:
    erf(np.multiply(at.x, math.sqrt(0.5), at.y), at.kept)
    np.multiply(np.add(at.kept, 1, at.kept), 0.5, at.kept)
    np.multiply(at.x, at.kept, at.y)


def _gelu_slope(at: _At, out: Array) -> Array:
    np.exp(np.multiply(np.square(at.x, out), -0.5, out), out)
    np.multiply(np.multiply(out, 1 / math.sqrt(2 * math.pi), out), at.x, out)
    return np.add(out, at.kept, out)


def _mish(at: _At) -> None:
    np.multiply(at.x, np.tanh(softplus(at.x, at.kept), at.kept), at.y)


def _mish_slope(at: _At, out: Array) -> Array:
    np.multiply(np.multiply(sigmoid(at.x, out), at.x, out), 1 - np.square(at.kept), out)
    return np.add(out, at.kept, out)


def _hardsigmoid(x: Array, out: Array) -> Array:
    return np.clip(np.add(np.divide(x, 6, out), 0.5, out), 0, 1, out=out)


def _hardswish_slope(at: _At, out: Array) -> Array:
    # x/3 + 1/2 between -3 and 3; 0 at -3, 1 at 3.
    np.multiply(np.add(np.divide(at.x, 3, out), 0.5, out), _inside(at.x, -3, 3), out)
    return np.add(out, at.x >= 3, out)


def _inside(x: Array, low: float, high: float) -> Array:
    found = x > low
    return np.logical_and(found, x < high, found)


#: Each function with its derivative. Those that are not smooth have at a kink:
#: relu 0, relu6 0 (at 6 too), hardtanh 0, hardsigmoid 0, hardswish 0 at -3 and 1 at 3;
#: leaky_relu, elu, selu and prelu what they have below 0. softsign has 1 at 0.
def _relu_back(site: Site, at: _At, cotangent: Array, out: Array) -> None:
    """X' = y' where y is above 0."""
    mask, none = site.array(*out.shape, dtype=bool), site.array()
    site.back(np.greater, at.y, none, mask)
    site.back(np.multiply, mask, cotangent, out)


def _tanh_back(site: Site, at: _At, cotangent: Array, out: Array) -> None:
    """X' = y' - y^2 y'."""
    site.back(np.multiply, at.y, at.y, out)
    site.back(np.multiply, out, cotangent, out)
    site.back(np.subtract, cotangent, out, out)


_TABLE: dict[str, _Row] = {
    "relu": _Row(
        lambda f: np.maximum(f.x, 0, out=f.y),
        None,
        smooth=False,
        back=_relu_back,
    ),
    "relu6": _Row(
        lambda f: np.clip(f.x, 0, 6, out=f.y),
        lambda f, out: _inside(f.y, 0, 6),
        smooth=False,
    ),
    "leaky_relu": _Row(
        _leaky,
        lambda f, out: _sides(f.x, 1, np.multiply(f.x <= 0, f.alpha, out)),
        smooth=False,
    ),
    "elu": _Row(
        lambda f: _elu(f, f.alpha),
        lambda f, out: _elu_slope(f, out, f.alpha),
        smooth=False,
    ),
    "selu": _Row(
        lambda f: _elu(f, _SELU_ALPHA, _SELU_SCALE),
        lambda f, out: _elu_slope(f, out, _SELU_ALPHA, _SELU_SCALE),
        smooth=False,
    ),
    "gelu": _Row(
        _gelu,
        _gelu_slope,
        keeps=True,  # The normal distribution function of x.
    ),
    "silu": _Row(
        lambda f: np.multiply(f.x, sigmoid(f.x, f.kept), f.y),
        lambda f, out: np.add(np.multiply(f.y, np.subtract(1, f.kept, out), out), f.kept, out),
        keeps=True,
    ),
    "mish": _Row(
        _mish,
        _mish_slope,
        keeps=True,  # tanh(softplus(x)).
    ),
    "sigmoid": _Row(
        lambda f: sigmoid(f.x, f.y),
        lambda f, out: np.multiply(np.subtract(1, f.y, out), f.y, out),
    ),
    "log_sigmoid": _Row(
        lambda f: np.negative(softplus(np.negative(f.x, f.kept), f.y), f.y),
        lambda f, out: sigmoid(f.kept, out),
        keeps=True,  # -x.
    ),
    "hardsigmoid": _Row(
        lambda f: _hardsigmoid(f.x, f.y),
        lambda f, out: np.multiply(_inside(f.x, -3, 3), 1 / 6, out),
        smooth=False,
    ),
    "hardswish": _Row(
        lambda f: np.multiply(_hardsigmoid(f.x, f.y), f.x, f.y),
        _hardswish_slope,
        smooth=False,
    ),
    "tanh": _Row(
        lambda f: np.tanh(f.x, f.y),
        None,
        back=_tanh_back,
    ),
    "hardtanh": _Row(
        lambda f: np.clip(f.x, -1, 1, out=f.y),
        lambda f, out: _inside(f.y, -1, 1),
        smooth=False,
    ),
    "softplus": _Row(
        lambda f: softplus(f.x, f.y),
        lambda f, out: sigmoid(f.x, out),
    ),
    "softsign": _Row(
        lambda f: np.divide(f.x, np.add(np.abs(f.x, f.y), 1, f.y), f.y),
        lambda f, out: np.divide(1, np.square(np.add(np.abs(f.x, out), 1, out), out), out),
        smooth=False,
    ),
}


def _elementwise(row: _Row, site: Site) -> Value:
    x = site.x
    y = site.value(*x.data.shape)
    kept = site.array(*x.data.shape) if row.keeps else y.data
    at = _At(x.data, y.data, kept, getattr(site.layer, "alpha", 0.0))
    site.then(row.value, at)
    if x.cotangent is not None:
        if row.slope is not None:
            site.back(_pull, row.slope, at, y.cotangent, x.cotangent)
        elif row.back is not None:
            row.back(site, at, y.cotangent, x.cotangent)
    return y


def _pull(slope: Callable[[_At, Array], Array], at: _At, cotangent: Array, out: Array) -> None:
    np.multiply(slope(at, out), cotangent, out)


for _word, _row in _TABLE.items():
    operation(_word, smooth=_row.smooth)(partial(_elementwise, _row))


@operation("identity")
def identity(site: Site) -> Value:
    """The input itself."""
    return site.x


@operation("prelu", smooth=False)
def prelu(site: Site) -> Value:
    """For x > 0 x, else w*x: one slope w, or one for each channel or each value."""
    x = site.x
    slopes, view = _slopes(site)
    weight = site.parameter("weight", *slopes)
    y = site.value(*x.data.shape)
    at = (x.data, weight.value.reshape(view), site.array(*x.data.shape))
    site.then(_prelu, *at, y.data)
    if site.backwards:
        site.back(_prelu_slopes, *at, y.cotangent, weight.gradient.reshape(view))
        if x.cotangent is not None:
            site.back(_prelu_pull, *at, y.cotangent, x.cotangent)
    return y


def _slopes(site: Site) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sizes of the slopes, and those under which they stretch over the input."""
    sizes = site.x.data.shape[1:]
    axis = _channel_axis(site)
    channels, asked = site.x.data.shape[axis], site.layer.slopes
    if asked not in (None, 1, channels):
        raise LayerError(
            f"prelu has {asked} slopes, but its input has {channels} channels",
            f"Write prelu:1 for one slope, or prelu:{channels} for one a channel.",
        )
    rule = site.convention.prelu_slopes
    if asked == 1 or (asked is None and rule == "one"):
        return (1,), (1,) * (1 + len(sizes))
    if asked is None and rule == "value":
        return sizes, (1, *sizes)
    ones = (1,) * (len(sizes) - 1)
    return (channels,), (1, channels, *ones) if axis == 1 else (1, *ones, channels)


def _prelu(x: Array, weight: Array, work: Array, y: Array) -> None:
    np.multiply(np.minimum(x, 0, out=work), weight, work)
    np.add(np.maximum(x, 0, out=y), work, y)


def _prelu_slopes(x: Array, weight: Array, work: Array, cotangent: Array, gradient: Array) -> None:
    """Each slope's gradient: the sum of c*x where x <= 0, over all that it serves."""
    np.multiply(np.minimum(x, 0, out=work), cotangent, work)
    shared = tuple(axis for axis, size in enumerate(weight.shape) if size == 1)
    np.sum(work, shared, out=gradient, keepdims=True)


def _prelu_pull(x: Array, weight: Array, work: Array, cotangent: Array, out: Array) -> None:
    np.multiply(np.multiply(x <= 0, weight, work), cotangent, work)
    np.add(work, np.multiply(x > 0, cotangent, out), out)


def _channel_axis(site: Site) -> int:
    return 1 if site.layout == "chw" or site.x.data.ndim < 3 else -1


def _shifted(site: Site, y: Value, axis: int) -> Array:
    """Append y = x - max(x) along an axis, where exp cannot overflow; an array for the sums."""
    # Of complex numbers the real part: any shift is right, this one is large enough.
    real = site.x.data.real
    sums = np.zeros_like(y.data[:, :1] if axis == 1 else y.data[..., :1])
    largest = np.zeros(sums.shape, real.dtype)
    site.then(np.max, real, axis, out=largest, keepdims=True)
    site.then(np.subtract, site.x.data, largest, y.data)
    return sums


@operation("softmax")
def softmax(site: Site) -> Value:
    """exp(x)/sum(exp(x)) along the channels or features; x' = y*(c - sum(c*y))."""
    x, axis = site.x, _channel_axis(site)
    y = site.value(*x.data.shape)
    sums = _shifted(site, y, axis)
    site.then(np.exp, y.data, y.data)
    site.then(np.sum, y.data, axis, out=sums, keepdims=True)
    site.then(np.divide, y.data, sums, y.data)
    if x.cotangent is not None:
        site.back(np.multiply, y.cotangent, y.data, x.cotangent)
        site.back(np.sum, x.cotangent, axis, out=sums, keepdims=True)
        site.back(np.subtract, y.cotangent, sums, x.cotangent)
        site.back(np.multiply, x.cotangent, y.data, x.cotangent)
    return y


@operation("log_softmax")
def log_softmax(site: Site) -> Value:
    """Of softmax the logarithm, x - log(sum(exp(x))); x' = c - softmax(x)*sum(c)."""
    x, axis = site.x, _channel_axis(site)
    y = site.value(*x.data.shape)
    sums = _shifted(site, y, axis)
    powers = site.array(*x.data.shape)
    site.then(np.exp, y.data, powers)
    site.then(np.sum, powers, axis, out=sums, keepdims=True)
    site.then(np.log, sums, sums)
    site.then(np.subtract, y.data, sums, y.data)
    if x.cotangent is not None:
        site.back(np.exp, y.data, powers)
        site.back(np.sum, y.cotangent, axis, out=sums, keepdims=True)
        site.back(np.multiply, powers, sums, powers)
        site.back(np.subtract, y.cotangent, powers, x.cotangent)
    return y
