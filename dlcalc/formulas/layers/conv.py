"""Convolution: a sum of products at every position."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.windows import kernel_size, taps, windows_of
from dlcalc.formulas.layers.worked import Worked, weighted


@rule("conv")
def conv(at: At) -> Rule:
    """y[o, i] = the sum over c, k of weight[o, c, k]*x[c, i*stride + k*dilation - begin]."""
    windows, weight, bias = windows_of(at), at.tensors["weight"], at.tensors.get("bias")
    each = weight.sizes[1]
    outputs = weight.sizes[0] // at.layer.groups

    def element(index: Index) -> Worked:
        example, o, position = at.parted(index)
        first = o // outputs * each
        read = taps(at, windows, position)
        pairs = [
            (weight.at(o, c, *tap.offset), at.read(example, first + c, tap.position))
            for c in range(each)
            for tap in read
        ]
        named = f"sum(weight[{o}]*window)" + (f" + bias[{o}]" if bias else "")
        return weighted(pairs, bias.at(o) if bias else None, named)

    return Rule(element, each * kernel_size(windows))
