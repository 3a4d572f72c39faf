"""Dropout: Srivastava et al., JMLR 2014, what is kept scaled up at once ("inverted")."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation


@operation("dropout")
def dropout(site: Site) -> Value:
    """While training 0 with probability p, else x/(1 - p); pinned to a rank, whole channels.

    A mask is drawn with each forward pass. While evaluating it is the input itself.
    """
    layer, x = site.layer, site.x
    if not site.training or layer.p == 0:
        return x
    y = site.value(*x.data.shape)
    sizes = x.data.shape
    if layer.rank is not None:
        ones = (1,) * (len(sizes) - 2)
        last = site.layout == "hwc"
        sizes = (sizes[0], *ones, sizes[-1]) if last else (*sizes[:2], *ones)
    # Drawn alike for every type, so that single precision drops what double drops.
    drawn = site.array(*sizes, dtype=np.float64)
    mask = site.array(*sizes, dtype=x.data.real.dtype)
    site.then(_draw, site.program.generator, layer.p, drawn, mask)
    site.then(np.multiply, x.data, mask, y.data)
    if x.cotangent is not None:
        site.back(np.multiply, y.cotangent, mask, x.cotangent)
    return y


def _draw(generator: np.random.Generator, p: float, drawn: Array, mask: Array) -> None:
    """0 with probability p, else 1/(1 - p)."""
    generator.random(out=drawn)
    np.greater_equal(drawn, p, mask)
    if p < 1:
        np.multiply(mask, 1 / (1 - p), mask)
