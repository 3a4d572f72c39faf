"""The inputs that one output reads, followed backwards through every layer.

Positions are followed one by one and clipped at every layer's border, so that
padding, dilation and the phases of an upsampling are all as they are.
"""

from __future__ import annotations

from math import prod

from dlcalc.errors import LayerError
from dlcalc.layers.axis import Axis
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.resample import Upsample
from dlcalc.layers.shape import Shape
from dlcalc.layers.transposed import ConvTranspose
from dlcalc.layers.window import SlidingLayer
from dlcalc.nets.trace import Step

#: Along each spatial axis the positions that are read.
Region = tuple[frozenset[int], ...]

_MAX_POSITIONS = 100_000


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
    return _back(steps, tuple([frozenset({place}) for place in output]), convention)


def _back(steps: tuple[Step, ...], found: Region, convention: Convention) -> Region:
    for step in reversed(steps):
        if step.branches:
            found = _behind_branches(step, found, convention)
        else:
            found = _behind_layer(step, found, convention)
    return found


def _behind_branches(step: Step, found: Region, convention: Convention) -> Region:
    layer = step.node.layer
    if layer.auxiliary:
        return found
    if layer.branches_on_each_token or getattr(layer, "axis", None) is not None:
        raise LayerError(f"what one output reads of {step.node.head} is not followed")
    parts = [
        _back(branch, _stretched(found, step.output, branch[-1].output), convention)
        for branch in step.branches
    ]
    if len(parts) == 1 and layer.merges_input:
        parts.append(_stretched(found, step.output, step.input))
    return tuple(frozenset().union(*axes) for axes in zip(*parts, strict=True))


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
    axes = layer.axes(step.input, convention)
    if axes is None or len(axes) != len(found) or len(step.output.spatial) != len(found):
        return tuple(frozenset(range(n)) for n in numbers)
    steps = [1] * len(axes)
    if isinstance(layer, SlidingLayer):
        steps = [window.dilation for window in layer.windows(sides, convention)]
    spread = isinstance(layer, ConvTranspose)
    return tuple(
        frozenset(
            place
            for output in places
            for place in _read(axis, output, dilation, spread)
            if 0 <= place < n
        )
        for places, axis, dilation, n in zip(found, axes, steps, numbers, strict=True)
    )


def _read(axis: Axis, output: int, dilation: int, spread: bool) -> range | list[int]:
    """The positions that one output reads along an axis, borders not clipped."""
    first, last = axis.seen(output, output)
    if not spread:
        return range(first, last + 1, dilation)
    begin = axis.extent - 1 - axis.begin
    return [i for i in range(first, last + 1) if (output + begin - i * axis.up) % dilation == 0]
