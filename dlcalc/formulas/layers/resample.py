"""More positions or fewer, without trained tensors."""

from __future__ import annotations

from itertools import product
from math import floor, prod

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.worked import Worked, weighted


@rule("upsample")
def upsample(at: At) -> Rule:
    """The input at i*n//m, or on the line between the two next to (i + 1/2)*n/m - 1/2."""
    sizes = at.output.sizes[1:-1] if at.layout == "hwc" else at.output.sizes[2:]

    def nearest(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        pairs = zip(position, at.sides, sizes, strict=True)
        return Worked(at.read(example, channel, tuple([i * n // m for i, n, m in pairs])))

    def linear(index: Index) -> Worked:
        example, channel, position = at.parted(index)
        near = []
        for i, n, m in zip(position, at.sides, sizes, strict=True):
            place = min(max((i + 0.5) * n / m - 0.5, 0.0), n - 1.0)
            low = floor(place)
            share = place - low
            near.append([(low, 1 - share), (low + 1, share)] if share else [(low, 1.0)])
        corners = list(product(*near))
        return weighted(
            [
                (
                    prod(share for _, share in corner),
                    at.read(example, channel, tuple([place for place, _ in corner])),
                )
                for corner in corners
            ]
        )

    return Rule(linear if at.layer.linear else nearest, 2 ** len(at.sides))


@rule("pixelshuffle")
def pixelshuffle(at: At) -> Rule:
    """Row i and column j of each block are channel c*r*r + i*r + j."""
    r = at.layer.factor

    def element(index: Index) -> Worked:
        example, channel, (row, column) = at.parted(index)
        deep = channel * r * r + row % r * r + column % r
        return Worked(at.read(example, deep, (row // r, column // r)))

    return Rule(element)


@rule("pixelunshuffle")
def pixelunshuffle(at: At) -> Rule:
    """Channel c*r*r + i*r + j is row i and column j of each block of channel c."""
    r = at.layer.factor

    def element(index: Index) -> Worked:
        example, deep, (row, column) = at.parted(index)
        channel, inside = divmod(deep, r * r)
        return Worked(at.read(example, channel, (row * r + inside // r, column * r + inside % r)))

    return Rule(element)
