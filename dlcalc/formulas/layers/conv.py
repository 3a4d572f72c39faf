"""Convolution: a sum of products at every position."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.windows import Tap, kernel_size, spans, taps, windows_of
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
        return weighted(pairs, bias.at(o) if bias else None, named(example, o, first, read))

    def named(example: int, o: int, first: int, read: list[Tap]) -> str:
        """The products as NumPy writes them: a part of the kernel times a part of the input."""
        kernel = ", ".join([str(o), ":", *spans([tap.offset for tap in read])])
        group = ":" if each == at.channels else f"{first}:{first + each}"
        window = at.spanned(example, group, spans([tap.position for tap in read]))
        if at.layout == "hwc":
            window = f"moveaxis({window}, -1, 0)"
        return f"(weight[{kernel}]*{window}).sum()" + (f" + bias[{o}]" if bias else "")

    return Rule(element, each * kernel_size(windows))
