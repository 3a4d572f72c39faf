"""The least padding with which a layer takes an input, by the search that ``--solve`` uses."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import MAX_SIZE, Shape
from dlcalc.layers.window import Ends, SlidingLayer
from dlcalc.nets.enclosure import Box
from dlcalc.nets.search import Axis, Budget, Key, search


def least_padding(
    layer: Layer, shape: Shape, convention: Convention = TORCH, seconds: float = 0.5
) -> Ends | None:
    """(begin, end) for each axis, both ends raised alike and by the least with which it fits.

    None if the layer takes no padding, or none fits, or none was found in time.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> network = parse(Source("3x8x20 conv:4,k9"))
    >>> least_padding(network.net[0].layer, network.input)
    ((1, 1), (0, 0))
    """
    takes = any(argument.name == "padding" for argument in layer.arguments)
    if not (takes and isinstance(layer, SlidingLayer)):
        return None
    ends = layer.ends(shape.spatial, convention)
    names = [f"axis {place}" for place in range(len(ends))]

    def refusal(more: list[int]) -> LayerError | None:
        try:
            with_padding(layer, _raised(ends, more)).output_shape(shape, convention)
        except LayerError as error:
            return error
        return None

    def key(box: Box) -> Key | None:
        lows = [box[name][0] for name in names]
        # Padding only makes room: what does not fit with the most of it never does. What is
        # refused for another reason with the least of it, such as too much, is with more.
        if isinstance(refusal([box[name][1] for name in names]), DoesNotFit):
            return None
        low = refusal(lows)
        if low is not None and not isinstance(low, DoesNotFit):
            return None
        return (sum(lows), *lows)

    axes = tuple([Axis(name) for name in names])
    for point in search(axes, dict.fromkeys(names, (0, MAX_SIZE)), key, Budget(seconds)):
        more = [point[name] for name in names]
        if refusal(more) is None:
            return _raised(ends, more)
    return None


def with_padding(layer: Layer, ends: Ends) -> Layer:
    """The layer with another padding. Raises `LayerError` if it takes none such."""
    values = {argument.name: getattr(layer, argument.name) for argument in layer.arguments}
    return type(layer)(rank=layer.rank, **{**values, "padding": ends})


def _raised(ends: Ends, more: list[int]) -> Ends:
    return tuple([(a + m, b + m) for (a, b), m in zip(ends, more, strict=True)])
