"""Dropout: what is kept is scaled up at once."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.worked import Worked


@rule("dropout")
def dropout(at: At) -> Rule:
    """While training 0 or x/(1 - p), whichever was drawn; else the input itself."""
    p = at.layer.p
    if not at.training or not p:
        return Rule(lambda index: Worked(at.x.at(*index)))

    def element(index: Index) -> Worked:
        x = at.x.at(*index)
        if not at.output.at(*index):
            return Worked(0.0, "{}*0", (x,))
        return Worked(x / (1 - p) if p < 1 else x * 0, "{}/(1 - {})", (x, p))

    return Rule(element)
