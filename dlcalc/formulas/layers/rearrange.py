"""Other sizes, another order, a part of the values: each output is one of the inputs."""

from __future__ import annotations

from dlcalc.formulas.layers.table import At, Index, Rule, rule, unraveled
from dlcalc.formulas.layers.worked import Worked
from dlcalc.layers.window import each


@rule("reshape")
def reshape(at: At) -> Rule:
    """The same values in the same order."""
    sizes, inside = at.output.sizes[1:], at.x.sizes[1:]

    def element(index: Index) -> Worked:
        place = 0
        for i, size in zip(index[1:], sizes, strict=True):
            place = place * size + i
        return Worked(at.x.at(index[0], *unraveled(place, inside)))

    return Rule(element)


@rule("permute")
def permute(at: At) -> Rule:
    """The axes in another order."""
    order = at.layer.order

    def element(index: Index) -> Worked:
        where = [0] * len(order)
        for i, axis in zip(index[1:], order, strict=True):
            where[axis] = i
        return Worked(at.x.at(index[0], *where))

    return Rule(element)


@rule("crop")
def crop(at: At) -> Rule:
    """What is left without the margins, or the middle."""
    layer = at.layer
    if layer.size is None:
        begins = [begin for begin, _ in each(layer.margin, len(at.sides), "margin")]
    else:
        sizes = each(layer.size, len(at.sides), "size")
        begins = [(n - size) // 2 for n, size in zip(at.sides, sizes, strict=True)]

    def element(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        shifted = tuple([p + begin for p, begin in zip(position, begins, strict=True)])
        return Worked(at.read(example, channel, shifted))

    return Rule(element)


@rule("select")
def select(at: At) -> Rule:
    """Some of the channels, in the order given."""
    axis, chosen = at.channel_axis, at.layer.channels
    if at.layout == "chw":
        axis = 1

    def element(index: Index) -> Worked:
        return Worked(at.x.at(*index[:axis], chosen[index[axis]], *index[axis + 1 :]))

    return Rule(element)
