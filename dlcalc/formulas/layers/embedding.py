"""Rows looked up, added or put before a sequence, and single steps of one."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.worked import Worked, added


@rule("embedding")
def embedding(at: At) -> Rule:
    """The row of each word."""
    weight, bias = at.tensors["weight"], at.tensors.get("bias")

    def element(index: Index) -> Worked:
        *where, feature = index
        word = int(at.x.at(*where))
        value = weight.at(word, feature)
        if bias is None:
            return Worked(value, f"weight[{word}, {feature}]")
        return added([value, bias.at(feature)])

    return Rule(element)


@rule("position")
def position(at: At) -> Rule:
    """A row for each position, added."""
    weight = at.tensors["weight"]
    return Rule(lambda index: added([at.x.at(*index), weight.at(*index[1:])]))


@rule("segment")
def segment(at: At) -> Rule:
    """The row of the segment, added."""
    weight, ids = at.tensors["weight"], at.tensors["ids"]

    def element(index: Index) -> Worked:
        example, time, feature = index
        return added([at.x.at(*index), weight.at(int(ids.at(example, time)), feature)])

    return Rule(element)


@rule("token")
def token(at: At) -> Rule:
    """Trained steps before the sequence."""
    weight = at.tensors["weight"]
    count = weight.sizes[0]

    def element(index: Index) -> Worked:
        example, time, feature = index
        if time < count:
            return Worked(weight.at(time, feature))
        return Worked(at.x.at(example, time - count, feature))

    return Rule(element)


@rule("first", "last")
def one_step(at: At) -> Rule:
    """One step alone."""
    time = 0 if at.layer.words[0] == "first" else at.x.sizes[1] - 1
    return Rule(lambda index: Worked(at.x.at(index[0], time, index[1])))
