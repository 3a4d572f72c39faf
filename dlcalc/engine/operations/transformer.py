"""The blocks of a transformer: h = x + attention(norm(x)), then y = h + perceptron(norm(h)).

Where a decoder has a memory, h + cross(norm(h)) comes between, whose keys and values are
the memory's.

The algebra does not say where the norms stand. Here they stand before attention and
perceptron, as in GPT-2, LLaMA and ViT, and as torch's layers have it with
norm_first=True; the net's last norm is a layer of its own. GELU is the exact one, with
erf; gated perceptrons have SiLU. Dropout inside a block there is none.
"""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Site, Value, operation
from dlcalc.engine.operations.attention import Attention
from dlcalc.engine.operations.blocks import Norm, as_rows, sequence
from dlcalc.engine.operations.perceptron import Experts, Perceptron
from dlcalc.layers.base import Layer


def _smooth(layer: Layer) -> bool:
    """A router chooses: its experts' outputs jump where two scores are the same."""
    return getattr(layer, "experts", None) is None


@operation("encoder", smooth=_smooth)
def encoder(site: Site) -> Value:
    """Every step sees every other."""
    return _block(site, Attention(site, "attention."))


@operation("decoder", smooth=_smooth)
def decoder(site: Site) -> Value:
    """No step sees those behind it; with a memory each then looks at all of that."""
    own = Attention(site, "attention.", causal=True)
    if site.layer.memory is None:
        return _block(site, own)
    length, features = (*site.layer.memory, site.x.data.shape[-1])[:2]
    return _block(site, own, Attention(site, "cross.", memory=site.memory(length, features)))


def _block(site: Site, *attentions: Attention) -> Value:
    """The attentions and then the perceptron, each behind a norm and beside a skip."""
    layer = site.layer
    batch, time, features = sequence(site)
    rows = batch * time
    chosen = Perceptron if layer.experts is None else Experts
    parts: list[Attention | Perceptron | Experts] = [*attentions, chosen(site, rows, features)]
    norms = [
        Norm(site, f"norm{number}", rows, features, rms=layer.rms, bias=layer.bias)
        for number in range(1, len(parts) + 1)
    ]
    value = site.value(batch, time, features)
    x, y = as_rows(site.x), as_rows(value)
    normal = [site.array(rows, features) for _ in parts]
    work, before = site.array(rows, features), x.data
    for norm, part, n in zip(norms, parts, normal, strict=True):
        norm.forward(before, n)
        part.forward(n, work)
        site.then(np.add, before, work, y.data)  # The backward pass needs no sum on the way.
        before = y.data
    if site.backwards:
        behind = y.cotangent
        sums = [x.cotangent, *[site.array(rows, features) for _ in attentions]]
        for norm, part, n, out in reversed(list(zip(norms, parts, normal, sums, strict=True))):
            part.backward(n, behind, work)
            norm.backward(work, out)
            if out is not None:
                site.back(np.add, out, behind, out)
            behind = out
    return value
