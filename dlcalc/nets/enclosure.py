"""Between which sizes the outputs of a net lie while its unknowns lie between bounds.

Every layer's size grows with its input's, and moves one way with each of its
arguments. So the greatest output is at one corner of the bounds and the least
at another, and a net is sent through only twice, its layers' limits left aside.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlcalc.errors import LayerError
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.pool import WindowPool
from dlcalc.layers.resample import PixelUnshuffle
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size
from dlcalc.layers.transposed import ConvTranspose
from dlcalc.layers.window import WindowLayer
from dlcalc.nets.parser import Net, Node, unroll
from dlcalc.nets.unknowns import Question, Unknown

#: The least and the greatest value of each unknown by its name.
Box = dict[str, tuple[int, int]]
#: The least and the greatest size along each axis of the output.
Enclosure = tuple[tuple[int, int], ...]


class Impossible(Exception):
    """Nothing within the bounds goes through."""


class _Open(Exception):
    """What lies within the bounds cannot be told from their corners."""


def enclosure(question: Question, box: Box, convention: Convention) -> Enclosure | None:
    """Bounds of the output's sizes; None where they cannot be told.

    Raises `Impossible` where no values within the box go through.
    """
    for unknown in question.unknowns:
        if unknown.direction is None and box[unknown.name][0] < box[unknown.name][1]:
            return None
    free = _freed(convention)
    try:
        high = _corner(question, box, free, upper=True)
        low = _corner(question, box, free, upper=False)
    except _Open:
        return None
    if len(low.sizes) != len(high.sizes):
        return None
    found = []
    for least, most in zip(low.sizes, high.sizes, strict=True):
        if not isinstance(least, int) or not isinstance(most, int):
            return None
        found.append((least, most))
    return tuple(found)


def _freed(convention: Convention) -> Convention:
    """The convention without what it refuses of windows."""
    return convention._replace(
        same_with_stride=True,
        uneven_padding=True,
        stride_with_dilation=True,
        pooling_padding="free",
        pooling_dilation="free",
    )


def _corner(question: Question, box: Box, convention: Convention, *, upper: bool) -> Shape:
    values = {}
    for unknown in question.unknowns:
        low, high = box[unknown.name]
        values[unknown.name] = _at_corner(unknown, low, high, upper)
    try:
        start, net = question.filled(values)
        return _through(net, start, convention, upper)
    except LayerError as error:
        raise _Open from error


def _at_corner(unknown: Unknown, low: int, high: int, upper: bool) -> int:
    if unknown.direction == 0:
        return unknown.low
    return high if (unknown.direction != -1) == upper else low


def _through(net: Net, shape: Shape, convention: Convention, upper: bool) -> Shape:
    for node, _ in unroll(net):
        shape = _step(node, shape, convention, upper)
    return shape


def _step(node: Node, shape: Shape, convention: Convention, upper: bool) -> Shape:
    layer = node.layer
    if node.branches:
        outputs = [_through(branch, shape, convention, upper) for branch in node.branches]
        if len(outputs) < 2:
            outputs.append(shape)
        return _met(layer, outputs, upper)
    if isinstance(layer, WindowLayer):
        axes = layer.window_axes(shape.spatial, convention)
        sizes = tuple([_size(axis, n, upper) for axis, n in zip(axes, shape.spatial, strict=True)])
        return shape.with_spatial(layer.output_channels(shape), sizes)
    if isinstance(layer, PixelUnshuffle) and shape.channels is not None:
        sides = tuple([max(_known(n) // layer.factor, 1) for n in shape.spatial])
        return shape.with_spatial(shape.channels * layer.factor**2, sides)
    try:
        return layer.output_shape(shape, convention)
    except DoesNotFit:
        if upper:
            raise Impossible from None
        raise


def _size(axis: Axis, n: Size, upper: bool) -> int:
    if upper and _known(n) < axis.low:
        raise Impossible
    return max(_known(axis.size(n)), 1)


def _known(n: Size) -> int:
    if not isinstance(n, int):
        raise _Open
    return n


def _met(layer: Layer, outputs: list[Shape], upper: bool) -> Shape:
    """The merged shape: branches that must agree do so at most at the least of their greatest."""
    first = outputs[0]
    if layer.auxiliary or layer.branches_on_each_token:
        return layer.merge(tuple(outputs))
    if layer.words[0] == "multiply" or getattr(layer, "axis", None) is not None:
        raise _Open
    if any(len(shape.sizes) != len(first.sizes) for shape in outputs):
        return layer.merge(tuple(outputs))
    choose = min if upper else max
    sides = tuple(
        choose(n for n in sizes if isinstance(n, int))
        for sizes in zip(*(shape.spatial for shape in outputs), strict=True)
    )
    if layer.words[0] == "concat" or first.bare:
        return layer.merge(tuple([shape.with_sides(sides) for shape in outputs]))
    sizes = tuple(
        choose(n for n in sizes if isinstance(n, int))
        for sizes in zip(*(shape.sizes for shape in outputs), strict=True)
    )
    return Shape(sizes, first.layout, first.kind)


def narrowed(question: Question, box: Box, convention: Convention) -> Box:
    """The box without values that a layer's own limits exclude. Raises `Impossible`."""
    for node, own in _bound(question):
        if isinstance(node.layer, WindowPool) and {"padding", "kernel"} <= own.keys():
            _narrow_pool(box, own, convention)
        if isinstance(node.layer, ConvTranspose) and "output_padding" in own:
            _narrow_transposed(box, node.layer, own, convention)
    if any(low > high for low, high in box.values()):
        raise Impossible
    return box


def _bound(question: Question) -> list[tuple[Node, Mapping[str, Unknown]]]:
    """The layers with several open arguments by name, where no argument is open twice."""
    found: list[tuple[Node, Mapping[str, Unknown]]] = []
    for node in {id(u.node): u.node for u in question.holes if u.node is not None}.values():
        own = [u for u in question.holes if u.node is node]
        named = {u.argument: u for u in own}
        if len(named) == len(own):
            found.append((node, named))
    return found


def _narrow_pool(box: Box, own: Mapping[str, Unknown], convention: Convention) -> None:
    """Pooling pads by at most half its kernel, or by less than it."""
    padding, kernel = own["padding"].name, own["kernel"].name
    (least, most), (smallest, largest) = box[padding], box[kernel]
    if convention.pooling_padding == "half":
        most, smallest = min(most, largest // 2), max(smallest, 2 * least)
    elif convention.pooling_padding == "below":
        most, smallest = min(most, largest - 1), max(smallest, least + 1)
    box[padding], box[kernel] = (least, most), (smallest, largest)


def _narrow_transposed(
    box: Box, layer: ConvTranspose, own: Mapping[str, Unknown], convention: Convention
) -> None:
    """Output padding is less than the stride, or than the dilation."""

    def bounds(argument: str, values: tuple[int, ...]) -> tuple[int, int]:
        if argument in own:
            return box[own[argument].name]
        return min(values), max(values)

    strides, dilations = bounds("stride", layer.stride or (1,)), bounds("dilation", layer.dilation)
    limit = strides[1] if convention.transposed_fills_stride else max(strides[1], dilations[1])
    name = own["output_padding"].name
    least, most = box[name]
    box[name] = least, min(most, limit - 1)
    if "stride" in own and dilations[1] <= least:
        box[own["stride"].name] = max(strides[0], least + 1), strides[1]
