"""Two layers of LeNet-5 as it was built: trained subsampling and radial basis functions.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, section II.B.
"""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations.taps import (
    Line,
    closed,
    fold,
    line_of,
    made,
    scratch,
    spread,
    stages_of,
    taps_of,
)
from dlcalc.engine.operations.windows import does_not_fit, sides_of, window_of
from dlcalc.errors import LayerError

_PROTOTYPES = 1998


@operation("subsample")
def subsample(site: Site) -> Value:
    """A channel's coefficient times the sum of each window, and its bias; nothing overlaps."""
    x = site.channels_first(site.x)
    lines = _blocks(site, x)
    channels, ones = x.data.shape[1], (1,) * len(lines)
    weight, bias = site.parameter("weight", channels), site.parameter("bias", channels)
    factors, shifts = (each.value.reshape(channels, *ones) for each in (weight, bias))
    stages = stages_of(site, x, lines)
    total, y = stages[-1], made(site, x, stages[-1].data.shape[2:])
    fold(site, np.add, stages, lines)
    site.then(np.multiply, total.data, factors, out=y.data)
    site.then(np.add, y.data, shifts, out=y.data)
    if site.backwards:
        others = (0, *range(2, x.data.ndim))
        products = scratch(y.data)
        site.back(np.multiply, y.cotangent, total.data, out=products)
        site.back(np.add.reduce, products, axis=others, out=weight.gradient)
        site.back(np.add.reduce, y.cotangent, axis=others, out=bias.gradient)
        site.back(np.multiply, y.cotangent, factors, out=total.cotangent)
        spread(site, [stage.cotangent for stage in stages], lines)
    return closed(site, y)


def _blocks(site: Site, x: Value) -> list[Line]:
    """Windows side by side along each axis; what is left at the end belongs to none."""
    sides = sides_of(x, "subsample", site.layer.rank)
    window = window_of(site.layer, len(sides))
    lines = []
    for n, k in zip(sides, window.kernel, strict=True):
        starts = list(range(0, n - k + 1, k))
        if not starts:
            raise does_not_fit(window, sides)
        members = [list(range(start, start + k)) for start in starts]
        lines.append(line_of(n, members, taps_of(n, starts, k, 1, k), [k] * len(starts)))
    return lines


@operation("rbf")
def rbf(site: Site) -> Value:
    """Squared distances to prototypes of -1 and 1: y_j = sum_i (x_i - w_ji)^2.

    The prototypes of the paper are drawn bitmaps; these are drawn by lot, always
    the same whatever the seed, as nothing trains them.
    """
    x, out = site.x, site.layer.out
    if x.data.ndim != 2:
        raise LayerError(
            f"rbf needs features, but gets {x.data.ndim - 1} axes", "Write flatten before it."
        )
    inputs = x.data.shape[1]
    prototypes = site.statistic("weight", out, inputs)
    prototypes[...] = np.random.default_rng(_PROTOTYPES).choice((-1, 1), (out, inputs))
    y = site.value(site.batch, out)
    offsets: Array = site.array(site.batch, out, inputs)
    site.then(np.subtract, x.data[:, None], prototypes, out=offsets)
    site.then(np.einsum, "boi,boi->bo", offsets, offsets, out=y.data)
    if x.cotangent is not None:
        site.back(np.matmul, y.cotangent[:, None], offsets, out=x.cotangent[:, None])
        site.back(np.multiply, x.cotangent, 2, out=x.cotangent)
    return y
