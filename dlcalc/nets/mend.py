"""What would mend a net that its input does not fit: tried out before it is proposed."""

from __future__ import annotations

from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import MAX_SIZE, Shape, sizes_text
from dlcalc.layers.size import Size
from dlcalc.layers.window import padding_text
from dlcalc.nets.field import behind, start
from dlcalc.nets.parser import Group, Net, Node
from dlcalc.nets.trace import TraceError, trace

# A larger input may fail at a later layer: how often to enlarge it again.
_TRIES = 20


def mend(error: TraceError, shape: Shape, net: Net, convention: Convention = TORCH) -> str:
    """The input or the padding with which the whole net works; may be empty."""
    if error.misfit is None:
        return ""
    if any(level.node.layer.auxiliary for level in error.trail[:-1]):
        return "It is in an auxiliary head, which works in training only."
    ways = []
    least = least_input(error, shape, net, convention)
    if least is not None:
        bound = "at least " if _larger_fits(least, shape, net, convention) else ""
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
    sides = shape.spatial
    for _ in range(_TRIES):
        field = start(shape)
        for level in error.trail:
            field = behind(level.steps, field, convention)
        if error.misfit is None:
            return None
        needed = field.then(error.misfit.axes).chains
        if needed is None:
            return None
        sides = tuple(
            max(side, chain.low) if isinstance(side, int) else side
            for side, chain in zip(sides, needed, strict=True)
        )
        if any(isinstance(side, int) and side > MAX_SIZE for side in sides):
            return None
        try:
            trace(net, shape.with_sides(sides), convention)
        except TraceError as again:
            error = again
        else:
            return sides
    return None


def _larger_fits(sides: tuple[Size, ...], shape: Shape, net: Net, convention: Convention) -> bool:
    """Whether larger inputs fit too: branches that meet may need certain sizes."""
    for more in (1, 2, 3, 7):
        larger = tuple(side + more if isinstance(side, int) else side for side in sides)
        try:
            trace(net, shape.with_sides(larger), convention)
        except TraceError:
            return False
    return True


def enough_padding(
    error: TraceError, shape: Shape, net: Net, convention: Convention = TORCH
) -> str:
    """The padding at the layer that failed with which the whole net works; may be empty."""
    misfit = error.misfit
    if misfit is None or not misfit.padding:
        return ""
    node = error.trail[-1].node
    values = {a.name: getattr(node.layer, a.name) for a in node.layer.arguments}
    if "padding" not in values:
        return ""
    layer = type(node.layer)(rank=node.layer.rank, **{**values, "padding": misfit.padding})
    try:
        trace(_replaced(net, node, node._replace(layer=layer)), shape, convention)
    except TraceError:
        return ""
    return padding_text(misfit.padding)


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
