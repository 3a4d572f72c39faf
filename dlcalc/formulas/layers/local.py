"""The locally connected layer: weights of its own at every position."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.windows import kernel_size, spans, taps, windows_of
from dlcalc.formulas.layers.worked import Worked, weighted


@rule("local")
def local(at: At) -> Rule:
    """y[o, i] = the sum over c, k of weight[i, o, c, k]*x[c, i*stride + k - begin]."""
    windows, weight, bias = windows_of(at), at.tensors["weight"], at.tensors.get("bias")

    def element(index: Index) -> Worked:
        example, o, position = at.parted(index)
        read = taps(at, windows, position)
        pairs = [
            (weight.at(*position, o, c, *tap.offset), at.read(example, c, tap.position))
            for c in range(at.channels)
            for tap in read
        ]
        places = [spans([tap.offset for tap in read]), spans([tap.position for tap in read])]
        own = ", ".join([*map(str, (*position, o)), ":", *places[0]])
        window = at.spanned(example, ":", places[1])
        if at.layout == "hwc":
            window = f"moveaxis({window}, -1, 0)"
        named = f"(weight[{own}]*{window}).sum()"
        if bias is None:
            return weighted(pairs, None, named)
        named += f" + bias[{', '.join(map(str, (o, *position)))}]"
        return weighted(pairs, bias.at(o, *position), named)

    return Rule(element, at.channels * kernel_size(windows))
