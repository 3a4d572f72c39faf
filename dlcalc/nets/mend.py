"""What would mend a net that its input does not fit: tried out before it is proposed."""

from __future__ import annotations

from dlcalc.layers.shape import MAX_SIZE, Shape, sizes_text
from dlcalc.layers.size import Size
from dlcalc.nets import field as fields
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import TraceError, trace

# A larger input may fail at a later layer: how often to enlarge it again.
_TRIES = 20


def mend(error: TraceError, start: Shape, net: Net) -> str:
    """The least input, or the padding at the layer, with which a window fits; may be empty."""
    misfit = error.misfit
    if misfit is None:
        return ""
    ways = []
    least = least_input(error, start, net)
    if least is not None:
        ways.append(f"if the input is at least {sizes_text(least)}")
    if misfit.padding:
        ways.append(f"with {misfit.padding} at this layer")
    return f"It fits {', or '.join(ways)}." if ways else ""


def least_input(error: TraceError, start: Shape, net: Net) -> tuple[Size, ...] | None:
    """The least sides with which the whole net works, or None if none were found."""
    sides = start.spatial
    for _ in range(_TRIES):
        field = fields.start(start)
        for level in error.trail:
            field = [field, *fields.fields(level.steps, field)][-1]
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
            trace(net, start.with_sides(sides))
        except TraceError as again:
            error = again
        else:
            return sides
    return None
