"""Two layers of LeNet-5 as it was built: trained subsampling and radial basis functions."""

from __future__ import annotations

from itertools import product
from math import prod

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.worked import Worked, added, total
from dlcalc.layers.window import each


@rule("subsample")
def subsample(at: At) -> Rule:
    """A coefficient of each channel times the sum of a window, and its bias."""
    kernel = each(at.layer.kernel, len(at.sides), "kernel")
    weight, bias = at.tensors["weight"], at.tensors["bias"]

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        spans = [range(i * k, i * k + k) for i, k in zip(position, kernel, strict=True)]
        values = [at.read(example, channel, place) for place in product(*spans)]
        window = at.spanned(example, channel, [f"{s.start}:{s.stop}" for s in spans])
        summed, factor, shift = added(values), weight.at(channel), bias.at(channel)
        return Worked(
            factor * summed.value + shift,
            f"{{}}*({summed.template}) + {{}}",
            (factor, *values, shift),
            abs(factor) * summed.size + abs(shift),
            f"weight[{channel}]*{window}.sum() + bias[{channel}]",
        )

    return Rule(element, prod(kernel))


@rule("rbf")
def rbf(at: At) -> Rule:
    """Squared distances to prototypes."""
    weight = at.tensors["weight"]
    inputs = at.x.sizes[1]

    def element(index: Index) -> Worked:
        example, o = index
        pairs = [(at.x.at(example, i), weight.at(o, i)) for i in range(inputs)]
        value = total((x - w) ** 2 for x, w in pairs)
        template = " + ".join(["({} - {})**2"] * len(pairs))
        numbers = [number for pair in pairs for number in pair]
        return Worked(
            value,
            template,
            tuple(numbers),
            value,
            f"(({at.named(example)} - weight[{o}])**2).sum()",
        )

    return Rule(element, inputs)
