"""Zeros around the sides."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.engine.operation import Site, Value, operation
from dlcalc.errors import LayerError
from dlcalc.layers.window import each


@operation("pad")
def pad(site: Site) -> Value:
    """The input in the middle of an array whose border stays 0."""
    x = site.channels_first(site.x)
    channels, *sides = x.data.shape[1:]
    if not sides:
        raise LayerError("pad needs at least one spatial axis", site.layer.hint())
    ends = each(site.layer.padding, len(sides), "padding")
    if not any(map(any, ends)):
        return site.x
    padded = [n + begin + end for n, (begin, end) in zip(sides, ends, strict=True)]
    inner = [slice(begin, begin + n) for n, (begin, _) in zip(sides, ends, strict=True)]
    middle: Any = (..., *inner)
    raw = site.spatial_value(channels, *padded)
    y = site.channels_first(raw)
    site.then(np.copyto, y.data[middle], x.data)
    if x.cotangent is not None:
        site.back(np.copyto, x.cotangent, y.cotangent[middle])
    return raw
