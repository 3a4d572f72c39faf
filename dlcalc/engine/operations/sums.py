"""Sums along some axes, as products with ones where that is faster than many short sums."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array


def append_sums(
    append: Callable[..., Any],
    array: Array,
    along: tuple[int, ...],
    out: Array,
    factor: float = 1.0,
) -> None:
    """Append ``out = factor * sums`` of an array in one piece; ``out`` has 1 for these axes.

    Along the last axes it is a product with a column of the factor, and so is it with a
    row along the first of a matrix.
    """
    axes, last = array.ndim, array.ndim
    while last - 1 in along:
        last -= 1
    if last == axes:
        if along == (0,) and axes == 2:
            row = np.full((1, len(array)), factor, array.dtype)
            append(np.matmul, row, array, out.reshape(1, -1))
            return
        append(np.add.reduce, array, along, None, out, True)
        append(np.multiply, out, factor, out)
        return
    summed = prod(array.shape[last:])
    column = np.full((summed, 1), factor, array.dtype)
    rest = tuple([axis for axis in along if axis < last])
    few = np.zeros((*array.shape[:last], *[1] * (axes - last)), array.dtype) if rest else out
    append(np.matmul, array.reshape(-1, summed), column, few.reshape(-1, 1))
    if rest:
        append(np.add.reduce, few, rest, None, out, True)
