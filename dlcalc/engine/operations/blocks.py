"""What attention and transformer blocks are made of: products with a matrix, norms, activations.

Each appends the calls of its forward or its backward pass to a site, on arrays whose
rows are the steps of all examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array, Site, Value
from dlcalc.engine.special import erf
from dlcalc.errors import LayerError

#: Added to the variance, or to the mean square, of every norm inside a block.
EPSILON = 1e-5

_BLOCK = 8_192  # Numbers at work at once: they stay in the cache.


def sequence(site: Site) -> tuple[int, int, int]:
    """Batch, time and features of the input. Raises `LayerError` if it is no sequence."""
    sizes = site.x.data.shape
    if len(sizes) != 3:
        word = site.layer.words[0]
        raise LayerError(f"{word} reads TIMExFEATURES, but gets {len(sizes) - 1} axes")
    return sizes[0], sizes[1], sizes[2]


def as_rows(value: Value) -> Value:
    """All steps of all examples as the rows of one matrix."""
    return value.reshaped(-1, value.data.shape[-1])


class Linear:
    """Rows times a trained matrix: y = x W^T + b."""

    def __init__(self, site: Site, name: str, inputs: int, outputs: int, *, bias: bool) -> None:
        self.site = site
        self.weight = site.parameter(f"{name}.weight", outputs, inputs)
        self.bias = site.parameter(f"{name}.bias", outputs) if bias else None

    def forward(self, x: Array, y: Array) -> None:
        """Append y = x W^T + b."""
        self.site.matmul(x, self.weight.value.T, y)
        if self.bias is not None:
            self.site.then(np.add, y, self.bias.value, y)

    def backward(self, x: Array, y_cotangent: Array, x_cotangent: Any) -> None:
        """Append the gradients y'^T x and the sum of y', and x' = y' W if it is asked for."""
        site = self.site
        site.back(np.matmul, y_cotangent.T, x, self.weight.gradient)
        if self.bias is not None:
            site.back(np.sum, y_cotangent, 0, out=self.bias.gradient)
        if x_cotangent is not None:
            site.back(np.matmul, y_cotangent, self.weight.value, x_cotangent)


class Norm:
    """Each row by its own mean and variance, or by its root mean square alone: y = n w + b.

    n = (x - mean(x))/sqrt(var(x) + eps): Ba, Kiros and Hinton, "Layer Normalization",
    2016. n = x/sqrt(mean(x^2) + eps): Zhang and Sennrich, "Root Mean Square Layer
    Normalization", 2019. With g = y' w the backward pass is

        x' = (g - mean(g) - n mean(g n))/sqrt(...),    by the root mean square without mean(g).
    """

    def __init__(
        self, site: Site, name: str, rows: int, features: int, *, rms: bool, bias: bool
    ) -> None:
        self.site = site
        self.rms = rms
        self.weight = site.parameter(f"{name}.weight", features)
        self.bias = site.parameter(f"{name}.bias", features) if bias and not rms else None
        self.normal, self.work = site.array(rows, features), site.array(rows, features)
        self.inverse, self.mean = site.array(rows, 1), site.array(rows, 1)
        # A mean of each row is a product with this column: faster than many short sums.
        self.share = np.full((features, 1), 1 / features, self.normal.dtype)

    def forward(self, x: Array, y: Array) -> None:
        """Append the norm of the rows of x, times the scale, plus the shift."""
        then, normal, work = self.site.then, self.normal, self.work
        centred = x
        if not self.rms:
            then(np.matmul, x, self.share, self.mean)
            then(np.subtract, x, self.mean, normal)
            centred = normal
        then(np.multiply, centred, centred, work)
        then(np.matmul, work, self.share, self.inverse)
        then(np.add, self.inverse, EPSILON, self.inverse)
        then(np.sqrt, self.inverse, self.inverse)
        then(np.divide, 1, self.inverse, self.inverse)
        then(np.multiply, centred, self.inverse, normal)
        then(np.multiply, normal, self.weight.value, y)
        if self.bias is not None:
            then(np.add, y, self.bias.value, y)

    def backward(self, y_cotangent: Array, x_cotangent: Any) -> None:
        """Append the gradients, and x' if it is asked for, into an array of its own."""
        back, work, weight = self.site.back, self.work, self.weight
        back(np.multiply, y_cotangent, self.normal, work)
        back(np.sum, work, 0, out=weight.gradient)
        if self.bias is not None:
            back(np.sum, y_cotangent, 0, out=self.bias.gradient)
        if x_cotangent is None:
            return
        column = weight.value[:, None]
        less = -1 / weight.value.size
        back(np.multiply, y_cotangent, weight.value, x_cotangent)
        if not self.rms:
            back(np.matmul, y_cotangent, column, self.mean)  # The sum of g.
            back(np.multiply, self.mean, less, self.mean)
            back(np.add, x_cotangent, self.mean, x_cotangent)
        back(np.matmul, work, column, self.mean)  # The sum of g n.
        back(np.multiply, self.mean, less, self.mean)
        back(np.multiply, self.normal, self.mean, work)
        back(np.add, x_cotangent, work, x_cotangent)
        back(np.multiply, x_cotangent, self.inverse, x_cotangent)


def in_blocks(function: Callable[..., object], *arrays: Array) -> None:
    """Call a function of single values on short pieces of arrays of one size, all in one piece."""
    flat = [array.reshape(-1) for array in arrays]
    for first in range(0, flat[0].size, _BLOCK):
        function(*[array[first : first + _BLOCK] for array in flat])


def gelu(x: Array, below: Array, y: Array) -> None:
    """Write y = x F(x), F the share of a normal distribution below x, which is kept.

    Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016: F(x) = (1 + erf(x/sqrt(2)))/2.
    """
    np.multiply(x, math.sqrt(0.5), below)
    erf(below, below)
    np.add(below, 1, below)
    np.multiply(below, 0.5, below)
    np.multiply(x, below, y)


def gelu_back(x: Array, below: Array, y_cotangent: Array, x_cotangent: Array) -> None:
    """Write x' = y' (F(x) + x exp(-x^2/2)/sqrt(2 pi)); x' may not be y'."""
    np.multiply(x, x, x_cotangent)
    np.multiply(x_cotangent, -0.5, x_cotangent)
    np.exp(x_cotangent, x_cotangent)
    np.multiply(x_cotangent, 1 / math.sqrt(2 * math.pi), x_cotangent)
    np.multiply(x_cotangent, x, x_cotangent)
    np.add(x_cotangent, below, x_cotangent)
    np.multiply(x_cotangent, y_cotangent, x_cotangent)


def gated_silu(x: Array, factor: Array, share: Array, active: Array, y: Array) -> None:
    """Write y = SiLU(x) * factor, and keep the logistic function s and SiLU(x) = x s(x).

    s(x) = (1 + tanh(x/2))/2 overflows nowhere, on the real axis and beside it.
    """
    np.multiply(x, 0.5, share)
    np.tanh(share, share)
    np.add(share, 1, share)
    np.multiply(share, 0.5, share)
    np.multiply(x, share, active)
    np.multiply(active, factor, y)


def gated_silu_back(
    factor: Array, share: Array, active: Array, y_cotangent: Array, x_cotangent: Array
) -> None:
    """Write x' = y' factor (s + SiLU(x)(1 - s)); factor' = y' SiLU(x), which overwrites y'."""
    np.subtract(1, share, x_cotangent)
    np.multiply(x_cotangent, active, x_cotangent)
    np.add(x_cotangent, share, x_cotangent)
    np.multiply(x_cotangent, factor, x_cotangent)
    np.multiply(x_cotangent, y_cotangent, x_cotangent)
    np.multiply(y_cotangent, active, y_cotangent)
