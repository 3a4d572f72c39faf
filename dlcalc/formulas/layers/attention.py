"""Attention with many heads, by its definition."""

from __future__ import annotations

from math import sqrt

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.worked import Worked, exponential, total, weighted

Rows = list[list[float]]


@rule("attention")
def attention(at: At) -> Rule:
    """softmax(q k^T/sqrt(dim)) v for each head, side by side, and a linear layer behind."""
    layer = at.layer
    time, features = at.x.sizes[1:]
    heads = layer.heads
    pairs = heads if layer.kv is None else layer.kv
    dim = features // heads if layer.dim is None else layer.dim
    mixed: dict[int, Rows] = {}

    def projected(name: str, rows: Rows) -> Rows:
        weight, bias = at.tensors[f"{name}.weight"], at.tensors.get(f"{name}.bias")
        outputs, inputs = weight.sizes
        return [
            [
                total(weight.at(o, i) * row[i] for i in range(inputs)) + (bias.at(o) if bias else 0)
                for o in range(outputs)
            ]
            for row in rows
        ]

    def heads_of(example: int) -> Rows:
        x = [[at.x.at(example, t, i) for i in range(features)] for t in range(time)]
        q, k, v = (projected(name, x) for name in ("query", "key", "value"))
        found: Rows = [[] for _ in range(time)]
        for head in range(heads):
            first, own = head * dim, head // (heads // pairs) * dim
            for t in range(time):
                last = t + 1 if layer.causal else time
                scores = [
                    total(q[t][first + d] * k[s][own + d] for d in range(dim)) / sqrt(dim)
                    for s in range(last)
                ]
                top = max(scores)
                shares = [exponential(score - top) for score in scores]
                whole = total(shares)
                found[t] += [
                    total(share / whole * v[s][own + d] for s, share in enumerate(shares))
                    for d in range(dim)
                ]
        return found

    def element(index: Index) -> Worked:
        example, t, o = index
        if example not in mixed:
            mixed[example] = heads_of(example)
        weight, bias = at.tensors["output.weight"], at.tensors.get("output.bias")
        row = mixed[example][t]
        pairs = [(weight.at(o, i), value) for i, value in enumerate(row)]
        worked = weighted(pairs, bias.at(o) if bias else None)
        return Worked(worked.value, size=worked.size)

    return Rule(element, features * (4 + time), chained=True)
