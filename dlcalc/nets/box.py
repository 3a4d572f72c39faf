"""The inputs that one output reads, followed backwards through every layer.

Positions are followed one by one and clipped at every layer's border, so that
padding, dilation and the phases of an upsampling are all as they are. Behind
branches the inputs are several boxes, which need not fill the box around them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as combinations
from math import prod
from typing import NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.normalisation import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from dlcalc.layers.resample import Upsample
from dlcalc.layers.shape import Shape
from dlcalc.layers.transposed import ConvTranspose
from dlcalc.layers.window import SlidingLayer
from dlcalc.nets.trace import Step

#: Along each spatial axis the positions that are read.
Region = tuple[frozenset[int], ...]

_MAX_POSITIONS = 100_000
_MAX_BOXES = 64
_MAX_READ = 5_000_000
# Inputs that are counted one by one where boxes overlap.
_MAX_COUNTED = 4_000_000


class Branch(NamedTuple):
    """What the output reads through one branch; ``text`` is empty for the skip."""

    step: Step
    place: int
    text: str
    region: Region


def region(
    steps: tuple[Step, ...], output: tuple[int, ...], convention: Convention = TORCH
) -> Region:
    """The inputs that the output at a position reads, counted from 0; of branches, the union.

    Raises `LayerError` for layers whose reading is not that of windows.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> from dlcalc.nets.trace import trace
    >>> network = parse(Source("1x9 conv:1,k3,p1 maxpool:2"))
    >>> [sorted(axis) for axis in region(trace(network.net, network.input), (1,))]
    [[1, 2, 3, 4]]
    """
    return around(boxes(steps, output, convention))


def boxes(
    steps: tuple[Step, ...], output: tuple[int, ...], convention: Convention = TORCH
) -> tuple[Region, ...]:
    """The same as boxes that together are exactly what is read. Raises as `region` does."""
    return _back(steps, (_point(output),), convention)


def around(parts: tuple[Region, ...]) -> Region:
    """The positions along each axis that any of the boxes has."""
    return tuple(frozenset().union(*axes) for axes in zip(*parts, strict=True))


def counted(parts: tuple[Region, ...]) -> int | None:
    """How many inputs the boxes hold together; None if they are too many to be counted.

    >>> row, column = frozenset({1}), frozenset({0, 1, 2})
    >>> counted(((row, column), (column, row)))
    5
    """
    sizes = [prod(map(len, part)) for part in parts]
    if len(parts) == 1:
        return sizes[0]
    if sum(sizes) > _MAX_COUNTED:
        return None
    return len({place for part in parts for place in combinations(*part)})


def apart(
    steps: tuple[Step, ...], output: tuple[int, ...], convention: Convention = TORCH
) -> list[list[Branch]]:
    """Wherever branches read different inputs, what each of them reads, the first such first."""
    found = _apart(steps, (_point(output),), (), convention)
    return [each for each in found if len({branch.region for branch in each}) > 1][::-1]


def _point(output: tuple[int, ...]) -> Region:
    return tuple([frozenset({place}) for place in output])


def _apart(
    steps: tuple[Step, ...],
    found: tuple[Region, ...],
    before: tuple[tuple[Step, ...], ...],
    convention: Convention,
) -> Iterator[list[Branch]]:
    """The branches of these steps, the last first; ``before`` are the steps before brackets."""
    for index, step in reversed(list(enumerate(steps))):
        if step.branches and not step.node.layer.auxiliary:
            outer = (*before, steps[:index])
            parts = _branches(step, found)
            branches = []
            for place, (inner, own) in enumerate(parts):
                read = _back(inner, own, convention)
                for part in reversed(outer):
                    read = _back(part, read, convention)
                text = " ".join(each.node.head for each in inner)
                branches.append(Branch(step, place, text, around(read)))
            yield branches
            for inner, own in parts:
                yield from _apart(inner, own, outer, convention)
        found = _back((step,), found, convention)


def _back(
    steps: tuple[Step, ...], found: tuple[Region, ...], convention: Convention
) -> tuple[Region, ...]:
    for step in reversed(steps):
        if not step.branches:
            found = tuple([_behind_layer(step, part, convention) for part in found])
        elif not step.node.layer.auxiliary:
            parts = [_back(inner, own, convention) for inner, own in _branches(step, found)]
            found = tuple([part for read in parts for part in read])
        found = _largest(found)
    return found


def _largest(parts: tuple[Region, ...]) -> tuple[Region, ...]:
    """The boxes without those that lie in others."""
    if len(parts) == 1:
        return parts
    kept: list[Region] = []
    for part in sorted(set(parts), key=lambda part: -prod(map(len, part))):
        if not any(all(a <= b for a, b in zip(part, other, strict=True)) for other in kept):
            kept.append(part)
    if len(kept) > _MAX_BOXES:
        raise LayerError(f"branches are followed to at most {_MAX_BOXES} boxes")
    return tuple(kept)


def _branches(
    step: Step, found: tuple[Region, ...]
) -> list[tuple[tuple[Step, ...], tuple[Region, ...]]]:
    """Each branch with what is read of its output; the skip is a branch of no steps."""
    layer = step.node.layer
    if layer.branches_on_each_token or getattr(layer, "axis", None) is not None:
        raise LayerError(f"what one output reads of {step.node.head} is not followed")
    outputs = [(branch, branch[-1].output) for branch in step.branches]
    if len(outputs) == 1 and layer.merges_input:
        outputs.append(((), step.input))
    return [
        (branch, tuple([_stretched(part, step.output, own) for part in found]))
        for branch, own in outputs
    ]


def _stretched(found: Region, merged: Shape, own: Shape) -> Region:
    """The positions in one branch, whose sizes of 1 were stretched."""
    if len(own.spatial) != len(merged.spatial):
        raise LayerError("branches of different axes are not followed")
    pairs = zip(found, merged.spatial, own.spatial, strict=True)
    return tuple(places if n == m else frozenset({0}) for places, n, m in pairs)


def _behind_layer(step: Step, found: Region, convention: Convention) -> Region:
    layer, sides = step.node.layer, step.input.spatial
    numbers = [n for n in sides if isinstance(n, int)]
    if len(numbers) < len(sides) or prod(numbers or [1]) > _MAX_POSITIONS**2:
        raise LayerError("positions are followed through known sizes only")
    if max(numbers, default=0) > _MAX_POSITIONS:
        raise LayerError(f"positions are followed through at most {_MAX_POSITIONS:,} of a side")
    if isinstance(layer, Upsample) and layer.linear:
        raise LayerError("what one output reads of a linear interpolation is not followed")
    if not all(found):
        return tuple([frozenset()] * len(sides))
    axes = layer.axes(step.input, convention)
    if len(step.output.spatial) != len(found) or len(sides) != len(found):
        return tuple(frozenset(range(n)) for n in numbers)
    if axes is None or len(axes) != len(found):
        if not _reads_all(layer, step.input):
            raise LayerError(f"what one output reads of {step.node.head} is not followed")
        return tuple(frozenset(range(n)) for n in numbers)
    how = dilations(step, convention)
    pairs = zip(found, axes, how, numbers, strict=True)
    return tuple([_along(places, axis, *rest, n) for places, axis, rest, n in pairs])


def _reads_all(layer: Layer, shape: Shape) -> bool:
    """Whether each output of a layer that keeps its axes reads all positions."""
    if isinstance(layer, BatchNorm | InstanceNorm | GroupNorm):
        return True
    if isinstance(layer, LayerNorm):
        return shape.layout == "chw" and layer.last >= len(shape.spatial)
    return getattr(layer, "causal", None) is False


def _along(
    places: frozenset[int], axis: Axis, dilation: int, spread: bool, n: int
) -> frozenset[int]:
    """What outputs read along one axis of n inputs."""
    low, high = min(places), max(places)
    if dilation == 1 and not spread and axis.s <= axis.extent and high - low < len(places):
        first, last = axis.seen(low, high)
        return frozenset(range(max(first, 0), min(last, n - 1) + 1))
    if len(places) * min(axis.extent // dilation + 1, n) > _MAX_READ:
        raise LayerError(f"at most {_MAX_READ:,} pairs of an output and an input are followed")
    return frozenset(
        place for output in places for place in read(axis, output, dilation, spread, (0, n - 1))
    )


def dilations(step: Step, convention: Convention) -> list[tuple[int, bool]]:
    """For each axis of a layer its dilation, and whether it spreads inputs apart."""
    layer = step.node.layer
    if not isinstance(layer, SlidingLayer):
        return [(1, False)] * len(step.input.spatial)
    spread = isinstance(layer, ConvTranspose)
    windows = layer.windows(step.input.spatial, convention)
    return [(window.dilation, spread) for window in windows]


def read(
    axis: Axis, output: int, dilation: int, spread: bool, within: tuple[int, int] | None = None
) -> range | list[int]:
    """The positions that one output reads along an axis, those within bounds if there are any."""
    first, last = axis.seen(output, output)
    if spread:
        low, high = (max(first, within[0]), min(last, within[1])) if within else (first, last)
        begin = axis.extent - 1 - axis.begin
        return [i for i in range(low, high + 1) if (output + begin - i * axis.up) % dilation == 0]
    if within:
        first += max(-((first - within[0]) // dilation), 0) * dilation
        last = min(last, within[1])
    return range(first, last + 1, dilation)
