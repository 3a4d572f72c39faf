"""Gradients kept within bounds, where they stand.

A gradient that holds NaN or infinity is left as it is: it is a divergence, and clipping
would hide where it came from.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def norm_of(gradient: Array) -> float:
    """The Euclidean norm of a flat gradient, also where its squares would overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = float(np.dot(gradient, gradient))
    if math.isinf(squares) or squares < 1e-30:
        largest = float(np.max(np.abs(gradient), initial=0.0))
        if 0 < largest < math.inf:
            return largest * float(np.linalg.norm(gradient / gradient.dtype.type(largest)))
        return largest
    return math.sqrt(squares) if squares == squares else math.nan


def clip_by_norm(gradient: Array, limit: float) -> float:
    """Scale the gradient to a norm, if its own is larger; returns the norm that it had.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", 2013. torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6 instead.
    """
    norm = norm_of(gradient)
    if limit < norm < math.inf:
        np.multiply(gradient, limit / norm, gradient)
    return norm


def clip_by_value(gradient: Array, limit: float) -> None:
    """Bring each number into [-limit, limit]; NaN stays NaN.

    As torch.nn.utils.clip_grad_value_ does, but that infinity is left to be found.
    """
    if not np.isfinite(gradient).all():
        return
    np.minimum(gradient, limit, out=gradient)
    np.maximum(gradient, -limit, out=gradient)
