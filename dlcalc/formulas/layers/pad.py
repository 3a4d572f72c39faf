"""Zeros around the sides."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.windows import is_inside
from dlcalc.formulas.layers.worked import Worked
from dlcalc.layers.window import fixed_ends


@rule("pad")
def pad(at: At) -> Rule:
    """The input in the middle, 0 elsewhere."""
    begins = [begin for begin, _ in fixed_ends(at.layer.padding, len(at.sides))]

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        inner = tuple([p - begin for p, begin in zip(position, begins, strict=True)])
        return Worked(at.read(example, channel, inner) if is_inside(inner, at.sides) else 0.0)

    return Rule(element)
