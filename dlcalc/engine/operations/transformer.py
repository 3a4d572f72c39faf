"""The blocks of a transformer: h = x + attention(norm(x)), then y = h + perceptron(norm(h)).

The algebra does not say where the norms stand. Here they stand before attention and
perceptron, as in GPT-2, LLaMA and ViT, and as torch's layers have it with
norm_first=True; the net's last norm is a layer of its own. GELU is the exact one, with
erf; gated perceptrons have SiLU. Dropout inside a block there is none.
"""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Site, Value, operation
from dlcalc.engine.operations.attention import SelfAttention
from dlcalc.engine.operations.blocks import Norm, as_rows, sequence
from dlcalc.engine.operations.perceptron import Experts, Perceptron
from dlcalc.errors import LayerError
from dlcalc.layers.base import Layer


def _smooth(layer: Layer) -> bool:
    """A router chooses: its experts' outputs jump where two scores are the same."""
    return getattr(layer, "experts", None) is None


@operation("encoder", smooth=_smooth)
def encoder(site: Site) -> Value:
    """Every step sees every other."""
    return _block(site, causal=False)


@operation("decoder", smooth=_smooth)
def decoder(site: Site) -> Value:
    """No step sees those behind it."""
    if site.layer.memory is not None:
        raise LayerError(
            "decoder with memory= reads an encoder's output, and the engine has no second input",
            "Leave memory out to run the rest.",
        )
    return _block(site, causal=True)


def _block(site: Site, *, causal: bool) -> Value:
    layer = site.layer
    batch, time, features = sequence(site)
    rows = batch * time
    attention = SelfAttention(site, "attention.", causal=causal)
    perceptron: Perceptron | Experts
    if layer.experts is None:
        perceptron = Perceptron(site, rows, features, None)
    else:
        perceptron = Experts(site, rows, features)
    norm1, norm2 = (
        Norm(site, name, rows, features, rms=layer.rms, bias=layer.bias)
        for name in ("norm1", "norm2")
    )
    value = site.value(batch, time, features)
    x, y = as_rows(site.x), as_rows(value)
    first, second, added = (site.array(rows, features) for _ in range(3))
    norm1.forward(x.data, first)
    attention.forward(first, y.data)
    site.then(np.add, y.data, x.data, y.data)  # y holds h: the backward pass needs neither.
    norm2.forward(y.data, second)
    perceptron.forward(second, added)
    site.then(np.add, y.data, added, y.data)
    if site.backwards:
        inner, middle = site.array(rows, features), site.array(rows, features)
        perceptron.backward(second, y.cotangent, inner)
        norm2.backward(inner, middle)
        site.back(np.add, middle, y.cotangent, middle)
        attention.backward(first, middle, inner)
        norm1.backward(inner, x.cotangent)
        if x.cotangent is not None:
            site.back(np.add, x.cotangent, middle, x.cotangent)
    return value
