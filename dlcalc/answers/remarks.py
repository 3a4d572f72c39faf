"""What a reader should be told of how a question was read; it goes to standard error."""

from __future__ import annotations

from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.nets.trace import Step, walk


def remarks(start: Shape, steps: tuple[Step, ...], convention: Convention) -> list[str]:
    """How the input was read where that may surprise, and what layers remark, each once."""
    found = [_reading(start, steps)]
    for step in walk(steps):
        layer = step.node.layer
        remark = layer.note(step.input, convention)
        found.append(remark and f"{step.node.text}: {remark}")
        if layer.words[0] in convention.absent:
            found.append(f"{convention.name} has no {layer.words[0]}: the usual rule answers")
    return list(dict.fromkeys(filter(None, found)))


def _reading(start: Shape, steps: tuple[Step, ...]) -> str:
    """The reading of an input that people write otherwise elsewhere; may be empty."""
    first = next((step for step in steps if step.node.layer.spatial), None)
    if first is None or first.input != start or first.node.layer.rank is not None:
        return ""
    sizes, word = start.sizes, first.node.layer.words[0]
    if len(sizes) == 2 and not (isinstance(start.channels, int) and start.channels <= 4):
        return (
            f"{start} is read as {start.channels} channels of length {start.spatial[0]}; write "
            f"{word}1d to say so, or 1x{start} for one image"
        )
    if start.looks_channels_last:
        return f"{start} is read as {sizes[0]} channels; --layout hwc takes the channels last"
    if len(sizes) == 4 and sizes[0] == 1 and sizes[1] in (1, 3, 4) and start.layout == "chw":
        return f"{start} is read as 1 channel in 3-D; if 1 is the batch, leave it out"
    return ""
