"""What would mend a net that its input does not fit: tried out before it is proposed."""

from __future__ import annotations

from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.layers.size import Size
from dlcalc.layers.window import padding_text
from dlcalc.nets.padding import least_padding, with_padding
from dlcalc.nets.parser import Group, Net, Node
from dlcalc.nets.solve import least_sides
from dlcalc.nets.trace import TraceError, trace


def mend(error: TraceError, shape: Shape, net: Net, convention: Convention = TORCH) -> str:
    """The input or the padding with which the whole net works; may be empty."""
    if error.misfit is None:
        return ""
    if any(level.node.layer.auxiliary for level in error.trail[:-1]):
        return "It is in an auxiliary head, which works in training only."
    ways = []
    found = _fitting(error, shape, net, convention)
    if found is not None:
        least, larger = found
        bound = "at least " if larger else ""
        ways.append(f"if the input is {bound}{sizes_text(least)}")
    padding = enough_padding(error, shape, net, convention)
    if padding:
        ways.append(f"with {padding} at this layer")
    ways_text = f"It fits {', or '.join(ways)}." if ways else ""
    return " ".join(filter(None, [ways_text, _misread(shape)]))


def least_input(
    error: TraceError, shape: Shape, net: Net, convention: Convention = TORCH
) -> tuple[Size, ...] | None:
    """The least sides with which the whole net works, or None if none were found."""
    found = _fitting(error, shape, net, convention)
    return found[0] if found else None


def _fitting(
    error: TraceError, shape: Shape, net: Net, convention: Convention
) -> tuple[tuple[Size, ...], bool] | None:
    """Those sides, and whether all larger ones work too: branches may need certain sizes."""
    if error.misfit is None:
        return None
    return least_sides(shape, net, convention)


def enough_padding(
    error: TraceError, shape: Shape, net: Net, convention: Convention = TORCH
) -> str:
    """The padding at the layer that failed with which the whole net works; may be empty."""
    if error.misfit is None:
        return ""
    node, start = error.trail[-1].node, error.trail[-1].input
    ends = least_padding(node.layer, start, convention)
    if ends is None:
        return ""
    layer = with_padding(node.layer, ends)
    try:
        trace(_replaced(net, node, node._replace(layer=layer)), shape, convention)
    except TraceError:
        return ""
    return padding_text(ends)


def _replaced(net: Net, old: Node, new: Node) -> Net:
    """The net with one node in the place of another, wherever it stands."""
    items: list[Node | Group] = []
    for item in net:
        if item is old:
            items.append(new)
        elif isinstance(item, Group):
            items.append(item._replace(body=_replaced(item.body, old, new)))
        else:
            branches = tuple(_replaced(branch, old, new) for branch in item.branches)
            items.append(item._replace(branches=branches) if branches else item)
    return tuple(items)


def _misread(shape: Shape) -> str:
    """What may have been meant by an input that is written otherwise elsewhere."""
    sizes = shape.sizes
    if len(sizes) == 4 and sizes[1] in (1, 3, 4) and shape.layout == "chw":
        return f"If {sizes[0]} is the batch, leave it out: {sizes_text(sizes[1:])}."
    if shape.looks_channels_last:
        return "If the channels come last, add --layout hwc."
    return ""
