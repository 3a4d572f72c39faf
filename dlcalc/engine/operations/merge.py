"""Branches brought together, each from a cotangent of its own; and nets to choose among."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations.mixture import Mixture


@operation("residual")
def residual(site: Site) -> Value:
    """The sum of two branches of one shape."""
    main, skip = site.inputs
    y = site.value(*main.data.shape)
    site.then(np.add, main.data, skip.data, y.data)
    if site.backwards:
        for branch in (main, skip):
            site.back(np.copyto, branch.cotangent, y.cotangent)
    return y


@operation("concat")
def concat(site: Site) -> Value:
    """The branches side by side: along the channels, or the axis given, which counts from 0."""
    axis = site.layer.axis
    rank = site.x.data.ndim - 1
    if axis is None:
        axis = rank - 1 if site.layout == "hwc" else 0
    ends = np.cumsum([branch.data.shape[axis + 1] for branch in site.inputs])
    sizes = list(site.x.data.shape)
    sizes[axis + 1] = int(ends[-1])
    y = site.value(*sizes)
    parts = np.split(y.data, ends[:-1], axis + 1)
    for branch, part in zip(site.inputs, parts, strict=True):
        site.then(np.copyto, part, branch.data)
    if site.backwards:
        for branch, part in zip(
            site.inputs, np.split(y.cotangent, ends[:-1], axis + 1), strict=True
        ):
            site.back(np.copyto, branch.cotangent, part)
    return y


@operation("multiply")
def multiply(site: Site) -> Value:
    """The product of two branches, where sizes of 1 stretch."""
    left, right = site.inputs
    y = site.value(*np.broadcast_shapes(left.data.shape, right.data.shape))
    site.count(y.data.size, "gates")
    site.then(np.multiply, left.data, right.data, y.data)
    if site.backwards:
        product = site.array(*y.data.shape)
        for branch, other in ((left, right), (right, left)):
            site.back(np.multiply, y.cotangent, other.data, product)
            site.back(_summed_into, branch.cotangent, product)
    return y


def _summed_into(out: Array, product: Array) -> None:
    """Sum a stretched array back to the sizes that it was stretched from."""
    stretched = tuple(
        axis for axis, (n, m) in enumerate(zip(out.shape, product.shape, strict=True)) if n != m
    )
    np.sum(product, stretched, out=out, keepdims=True)


@operation("aux")
def aux(site: Site) -> Value:
    """The input itself; the head is at work in training only, with a loss of its own."""
    head, x = site.inputs
    if site.backwards:
        site.back(head.cotangent.fill, 0)
    return x


@operation("moe", smooth=False, inner=True)
def moe(site: Site) -> Value:
    """Each token through the experts that the router chooses, summed by their shares."""
    mixture = Mixture(site)
    router = mixture.router
    x = site.x.reshaped(-1, site.x.data.shape[-1])
    y = site.value(*site.x.data.shape[:-1], mixture.outputs)
    rows = y.reshaped(-1, mixture.outputs)
    router.forward(x.data)
    site.then(mixture.forward)
    router.mix(rows.data)
    if site.backwards:
        given, pulled = np.zeros_like(router.sorted_y), np.zeros_like(router.sorted_x)
        scores = np.zeros_like(router.scores)
        router.part(rows.cotangent, given, scores)
        site.back(mixture.backward, given, pulled)
        router.backward(x.data, pulled, scores, x.cotangent)
    return y
