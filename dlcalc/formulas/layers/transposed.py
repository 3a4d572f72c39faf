"""Transposed convolution, read from the output: which inputs reach a position."""

from __future__ import annotations

from itertools import product

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.windows import kernel_size
from dlcalc.formulas.layers.worked import Worked, weighted


@rule("convtranspose")
def convtranspose(at: At) -> Rule:
    """y[o, j] = the sum over c, i, k with i*stride + k*dilation = j + cut of weight[c, o, k]*x."""
    layer, weight, bias = at.layer, at.tensors["weight"], at.tensors.get("bias")
    windows = layer.windows(at.sides, at.convention)
    axes = layer.window_axes(at.sides, at.convention)
    # On the stretched input, output j sees j - begin to j - begin + extent - 1.
    cuts = [axis.extent - 1 - axis.begin for axis in axes]
    outputs = weight.sizes[1]
    inputs = at.channels // layer.groups

    def reached(j: int, axis: int) -> list[tuple[int, int]]:
        """The inputs that reach a position along one axis, each with its place in the kernel."""
        window, found = windows[axis], []
        for k in range(window.kernel):
            i, rest = divmod(j + cuts[axis] - k * window.dilation, window.stride)
            if not rest and 0 <= i < at.sides[axis]:
                found.append((i, k))
        return sorted(found)

    def element(index: Index) -> Worked:
        example, o, position = at.parted(index)
        group, own = divmod(o, outputs)
        places = list(product(*[reached(j, axis) for axis, j in enumerate(position)]))
        pairs = [
            (
                weight.at(c, own, *[k for _, k in place]),
                at.read(example, c, tuple([i for i, _ in place])),
            )
            for c in range(group * inputs, (group + 1) * inputs)
            for place in places
        ]
        # Inputs run against the kernel: no slice says it, so the products are always written out.
        return weighted(pairs, bias.at(o) if bias else None)

    return Rule(element, inputs * kernel_size(windows))
