"""Branches brought together."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, Values, rule
from dlcalc.formulas.layers.worked import Worked, added, weighted


@rule("residual")
def residual(at: At) -> Rule:
    """The sum of two branches."""
    main, skip = at.inputs
    return Rule(lambda index: added([main.at(*index), skip.at(*index)]))


@rule("concat")
def concat(at: At) -> Rule:
    """The branches side by side, along the channels or another axis."""
    axis = at.layer.axis
    if axis is None:
        axis = len(at.x.sizes) - 2 if at.layout == "hwc" else 0
    along = axis + 1

    def element(index: Index) -> Worked:
        place = index[along]
        for branch in at.inputs:
            if place < branch.sizes[along]:
                return Worked(branch.at(*index[:along], place, *index[along + 1 :]))
            place -= branch.sizes[along]
        raise AssertionError("the branches are as long as what they make")

    return Rule(element)


@rule("multiply")
def multiply(at: At) -> Rule:
    """The product of two branches, where sizes of 1 stretch."""
    left, right = at.inputs

    def stretched(values: Values, index: Index) -> float:
        places = zip(index, values.sizes, strict=True)
        return values.at(*[0 if size == 1 else i for i, size in places])

    return Rule(lambda index: weighted([(stretched(left, index), stretched(right, index))]))


@rule("aux")
def aux(at: At) -> Rule:
    """The input itself."""
    return Rule(lambda index: Worked(at.inputs[-1].at(*index)))
