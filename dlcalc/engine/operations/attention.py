"""Attention with many heads.

Vaswani et al., "Attention Is All You Need", 2017; heads that share keys and values:
Ainslie et al., "GQA", 2023, each as many neighbouring heads as there are to one.

With q, k and v for each head, E = exp(q k^T/sqrt(dim) - maximum) and r the sums of its
rows, the head's output is o = (E/r) v. E/r itself is never made: both passes divide
what is as narrow as a head instead. With p = o'/r,

    v' = E^T p,    s' = E * (p v^T - sum(p * o)),    q' = s' k/sqrt(dim),    k' = s'^T q/sqrt(dim).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array, Site, Value, operation
from dlcalc.engine.operations.blocks import Linear, as_rows, sequence
from dlcalc.errors import LayerError

_BLOCK = 16_384  # Scores at work at once: they stay in the cache.


class Attention:
    """The steps of a sequence look at one another, or at a memory: scores, weighted sums.

    Of a memory (batch, length, features) come the keys and the values.
    """

    def __init__(
        self, site: Site, prefix: str, *, causal: bool = False, memory: Value | None = None
    ) -> None:
        self.site = site
        self.memory = None if memory is None else as_rows(memory)
        layer = site.layer
        batch, time, features = sequence(site)
        length, seen = (time, features) if memory is None else memory.data.shape[1:]
        heads, pairs, dim = _heads(layer, features)
        group = heads // pairs
        qkv_bias = layer.bias if layer.qkv_bias is None else layer.qkv_bias
        wide, narrow = heads * dim, pairs * dim
        linear = partial(Linear, site)
        self.query = linear(f"{prefix}query", features, wide, bias=qkv_bias)
        self.key = linear(f"{prefix}key", seen, narrow, bias=qkv_bias)
        self.value = linear(f"{prefix}value", seen, narrow, bias=qkv_bias)
        self.output = linear(f"{prefix}output", wide, features, bias=layer.bias)
        self.sizes = (batch, pairs, dim)
        self.scale = 1 / math.sqrt(dim)
        self.mask = np.triu(np.full((time, time), -np.inf, _real(site)), 1) if causal else None
        self.q, self.mixed = site.array(batch * time, wide), site.array(batch * time, wide)
        self.k, self.v = site.array(batch * length, narrow), site.array(batch * length, narrow)
        self.shares = site.array(batch, pairs, group, time, length)  # The E of the head above.
        self.sums = site.array(batch, pairs, group, time, 1)

    def forward(self, x: Array, y: Array) -> None:
        """Append attention from the rows of x to those of y."""
        site = self.site
        seen = x if self.memory is None else self.memory.data
        self.query.forward(x, self.q)
        self.key.forward(seen, self.k)
        self.value.forward(seen, self.v)
        site.then(np.multiply, self.q, self.scale, self.q)
        mixed = self._split(self.mixed)
        site.matmul(self._split(self.q), _turned(self._split(self.k)), self.shares, "attention")
        site.then(_exponentials, self.shares, self.mask, self.sums)
        site.matmul(self.shares, self._split(self.v), mixed, "attention")
        site.then(np.divide, mixed, self.sums, mixed)
        self.output.forward(self.mixed, y)

    def backward(self, x: Array, y_cotangent: Array, x_cotangent: Any) -> None:
        """Append all gradients, the memory's, and x' if it is asked for, in an array of its own."""
        site, new = self.site, np.zeros_like
        q_cotangent, k_cotangent, v_cotangent = new(self.q), new(self.k), new(self.v)
        pulled, work, sums = new(self.mixed), new(self.mixed), new(self.sums)
        p = self._split(pulled)
        self.output.backward(self.mixed, y_cotangent, pulled)
        site.back(np.divide, p, self.sums, p)
        site.back(np.multiply, pulled, self.mixed, work)
        site.back(np.sum, self._split(work), -1, out=sums, keepdims=True)
        self._shared(_turned(self.shares), p, v_cotangent)
        scores = new(self.shares)
        site.back(np.matmul, p, _turned(self._split(self.v)), scores)
        site.back(np.subtract, scores, sums, scores)
        site.back(np.multiply, scores, self.shares, scores)
        site.back(np.matmul, scores, self._split(self.k), self._split(q_cotangent))
        site.back(np.multiply, q_cotangent, self.scale, q_cotangent)
        self._shared(_turned(scores), self._split(self.q), k_cotangent)
        self.query.backward(x, q_cotangent, x_cotangent)
        seen, out = Value(x, x_cotangent) if self.memory is None else self.memory
        if self.memory is not None and out is not None:
            site.back(out.fill, 0)
        part = None if out is None else new(out)
        for linear, cotangent in ((self.key, k_cotangent), (self.value, v_cotangent)):
            linear.backward(seen, cotangent, part)
            if part is not None:
                site.back(np.add, out, part, out)

    def _split(self, rows: Array) -> Array:
        """Rows as (batch, pairs, heads to a pair, steps, dim), a view; keys have one to a pair."""
        batch, pairs, dim = self.sizes
        return rows.reshape(batch, len(rows) // batch, pairs, -1, dim).transpose(0, 2, 3, 1, 4)

    def _shared(self, left: Array, right: Array, rows: Array) -> None:
        """Append a product for each head, summed over the heads that share what it is for."""
        out = self._split(rows)
        if out.shape[2] == right.shape[2]:
            self.site.back(np.matmul, left, right, out)
            return
        each = np.zeros((*left.shape[:-1], right.shape[-1]), rows.dtype)
        self.site.back(np.matmul, left, right, each)
        self.site.back(np.sum, each, 2, out=out, keepdims=True)


def _heads(layer: Any, features: int) -> tuple[int, int, int]:
    """Heads, pairs of keys and values, and the size of a head."""
    heads = layer.heads
    pairs = heads if layer.kv is None else layer.kv
    if heads % pairs:
        raise LayerError(f"kv={pairs} does not divide the {heads} heads", f"Such as kv={heads}.")
    if layer.dim is None and features % heads:
        raise LayerError(
            f"heads={heads} does not divide the {features} features",
            "Or give dim, the size of a head.",
        )
    return heads, pairs, features // heads if layer.dim is None else layer.dim


def _exponentials(scores: Array, mask: Any, sums: Array) -> None:
    """The scores' exponentials in their place, hidden ones as 0, and the sums of their rows.

    The largest of each row is subtracted before: a softmax does not change by that,
    and nothing overflows. Of complex scores it is the largest real part, a constant.
    """
    time, length = scores.shape[-2:]
    by_head, sums_by_head = scores.reshape(-1, time, length), sums.reshape(-1, time, 1)
    ones = np.ones((length, 1), scores.dtype)
    step = max(1, _BLOCK // (time * length))
    for first in range(0, len(by_head), step):
        some = by_head[first : first + step]
        if mask is not None:
            np.add(some, mask, some)
        np.subtract(some, np.max(some.real, -1, keepdims=True), some)
        np.exp(some, some)
        np.matmul(some, ones, sums_by_head[first : first + step])


def _turned(matrices: Array) -> Array:
    return matrices.swapaxes(-1, -2)


def _real(site: Site) -> Any:
    """The type of the real parts of the program's numbers."""
    return np.finfo(site.program.dtype).dtype


@operation("attention")
def attention(site: Site) -> Value:
    """Every step looks at every other, or with causal=yes at none behind it."""
    heads = Attention(site, "", causal=site.layer.causal)
    y = site.value(*site.x.data.shape)
    x, rows = as_rows(site.x), as_rows(y)
    heads.forward(x.data, rows.data)
    if site.backwards:
        heads.backward(x.data, rows.cotangent, x.cotangent)
    return y
