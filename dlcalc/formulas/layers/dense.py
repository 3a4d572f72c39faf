"""Weighted sums of the last axis, and the flattening before them."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule, unraveled
from dlcalc.formulas.layers.worked import Worked, weighted


@rule("dense")
def dense(at: At) -> Rule | None:
    """y[o] = the sum over i of weight[o, i]*x[i], and bias[o]."""
    x, weight, bias = at.x, at.tensors.get("weight"), at.tensors.get("bias")
    if weight is None:
        return None
    if at.convention.dense_flattens:
        x = x.reshaped(at.batch, x.size // at.batch)
    inputs = x.sizes[-1]

    def element(index: Index) -> Worked:
        *row, o = index
        pairs = [(weight.at(o, i), x.at(*row, i)) for i in range(inputs)]
        read = at.named(*row) + (".ravel()" if len(at.x.sizes) > len(x.sizes) else "")
        named = f"(weight[{o}]*{read}).sum()" + (f" + bias[{o}]" if bias else "")
        return weighted(pairs, bias.at(o) if bias else None, named)

    return Rule(element, inputs)


@rule("flatten")
def flatten(at: At) -> Rule:
    """The same values in one row."""
    inside = at.x.sizes[1:]
    return Rule(lambda index: Worked(at.x.at(index[0], *unraveled(index[1], inside))))
