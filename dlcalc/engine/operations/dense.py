"""Weighted sums of the last axis, and the flattening before them."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Site, Value, operation


@operation("dense")
def dense(site: Site) -> Value:
    """Every output a weighted sum: x W^T + b, over all axes where the framework flattens first."""
    layer, x = site.layer, site.x
    if site.convention.dense_flattens:
        x = x.reshaped(site.batch, -1)
    inputs, out = x.data.shape[-1], layer.out
    if layer.tied:
        weight = site.tied(layer.tied, "weight")
        if weight.value.shape != (out, inputs):
            weight = type(weight)(weight.value.T, weight.gradient.T)
    else:
        weight = site.parameter("weight", out, inputs)
    y = site.value(*x.data.shape[:-1], out)
    # All positions as the rows of one matrix.
    rows, results = x.reshaped(-1, inputs), y.reshaped(-1, out)
    site.matmul(rows.data, weight.value.T, results.data)
    if layer.bias:
        bias = site.parameter("bias", out)
        if out == 1:  # All the outputs in a row and one number: nothing to be stretched.
            row = results.data.reshape(-1)
            site.then(np.add, row, bias.value.reshape(()), row)
        else:
            site.then(np.add, results.data, bias.value, results.data)
        if site.backwards:
            # A product with ones sums rows faster than np.sum does.
            ones = np.ones(len(results.data), results.data.dtype)
            site.back(np.matmul, ones, results.cotangent, bias.gradient)
    if site.backwards:
        site.back(np.matmul, results.cotangent.T, rows.data, weight.gradient)
        if rows.cotangent is not None:
            site.back(np.matmul, results.cotangent, weight.value, rows.cotangent)
    return y


@operation("flatten")
def flatten(site: Site) -> Value:
    """The same memory in one row for each example."""
    return site.x.reshaped(site.batch, -1)
