"""The layers of an answer as plain records, so that those of any two nets can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dlcalc.answers.counting import Counted
from dlcalc.answers.params import ParamsResult
from dlcalc.answers.shape import ShapeResult
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.pool import WindowPool
from dlcalc.layers.registry import find
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, as_json, total
from dlcalc.layers.window import SlidingLayer
from dlcalc.nets.trace import Step

#: What one layer alone costs; two that are nothing like one another cost a little less than both.
GAP = 6


class Record(NamedTuple):
    """One layer, or one bracket without what is in it.

    ``family`` is what its kind belongs to, such as pool; ``within`` names the brackets
    around it from the outermost, each with the number of the branch. ``output`` has the
    channels first, whatever the layout, where three sizes or more tell an image;
    ``parameters`` and ``macs`` are None where nobody asked, ``macs`` also where they are
    not defined.
    """

    kind: str
    family: str
    arguments: tuple[tuple[str, object], ...]
    within: tuple[tuple[str, int], ...]
    output: tuple[Size, ...]
    parameters: Size | None = None
    macs: Size | None = None


class Line(NamedTuple):
    """A record with what people find it by: its text, its place from 1 or its name."""

    record: Record
    text: str
    place: str
    #: In the order of its own layout.
    output: tuple[Size, ...]

    def document(self) -> dict[str, object]:
        """The layer as JSON has it."""
        found: dict[str, object] = {
            "place": self.place,
            "layer": self.text,
            "output": [as_json(size) for size in self.output],
        }
        if self.record.parameters is not None:
            found["parameters"] = as_json(self.record.parameters)
            macs = self.record.macs
            found["macs"] = None if macs is None else as_json(macs)
        return found


def differences(left: Record, right: Record) -> list[str]:
    """What differs in two layers: their kind, or arguments by name, then their numbers.

    >>> one = Record("conv", "conv", (("out", 6), ("kernel", (5,))), (), (6, 28, 28), 456)
    >>> differences(one, one._replace(arguments=(("out", 6), ("kernel", (3,))), parameters=168))
    ['kernel', 'parameters']
    """
    found = [] if left.kind == right.kind else ["layer"]
    if not found:
        ours, theirs = dict(left.arguments), dict(right.arguments)
        found = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    for name in ("within", "output", "parameters", "macs"):
        if getattr(left, name) != getattr(right, name):
            found.append({"within": "brackets", "macs": "MACs"}.get(name, name))
    return found


def cost(left: Record, right: Record) -> int:
    """How unlike two layers are, from 0 to less than that of both alone."""
    if left == right:
        return 0
    apart = 0 if left.output == right.output else 2
    if left.kind != right.kind:
        moved = 0 if left.within == right.within else 2
        return min(2 * GAP - 1, (5 if left.family == right.family else 9) + moved + apart)
    # A layer is rather replaced by brackets with its output than by a part of them.
    moved = 0 if left.within == right.within else 5
    return max(1, (0 if left.arguments == right.arguments else 3) + moved + apart)


def records(result: ParamsResult | ShapeResult) -> list[Line]:
    """The layers of an answer in their order, a bracket behind what is in it."""
    if isinstance(result, ParamsResult):
        return list(_counted(result, result.layers, (), ""))
    return list(_traced(result.steps, result.convention, (), ""))


def _counted(
    result: ParamsResult,
    layers: tuple[Counted, ...],
    within: tuple[tuple[str, int], ...],
    place: str,
) -> Iterator[Line]:
    counted = result.asked.counted
    for number, layer in enumerate(layers, start=1):
        here = f"{place}{number}"
        inside = [part for branch in layer.branches for part in branch]
        for position, branch in enumerate(layer.branches, start=1):
            around = (*within, (layer.layer.words[0], position))
            yield from _counted(result, branch, around, f"{here}.{position}.")
        held = layer.held
        # The sums of brackets are with all that is in them, heads and experts too.
        own = held.parameters - total(part.held.parameters for part in inside)
        macs = held.macs(counted) - total(part.held.macs(counted) for part in inside)
        line = _line(layer.step, result.convention, within, here)
        numbers = line.record._replace(
            parameters=own, macs=None if layer.layer.macs_unknown else macs
        )
        yield line._replace(record=numbers)


def _traced(
    steps: tuple[Step, ...],
    convention: Convention,
    within: tuple[tuple[str, int], ...],
    place: str,
) -> Iterator[Line]:
    for number, step in enumerate(steps, start=1):
        here = f"{place}{number}"
        for position, branch in enumerate(step.branches, start=1):
            around = (*within, (step.node.layer.words[0], position))
            yield from _traced(branch, convention, around, f"{here}.{position}.")
        yield _line(step, convention, within, here)


def _line(
    step: Step, convention: Convention, within: tuple[tuple[str, int], ...], place: str
) -> Line:
    node, layer = step.node, step.node.layer
    kind, _, written = node.text.partition(":")
    arguments = _arguments(step, convention)
    found = find(layer.words[0])
    if found is None or found[0] is not type(layer):
        # A layer of a file that the notation cannot write is known by all that it holds.
        rest = sorted(set(vars(layer)) - {name for name, _ in arguments} - {"rank"})
        arguments += (("special", type(layer).__name__), ("written", written))
        arguments += tuple((name, repr(getattr(layer, name))) for name in rest)
    else:
        kind = layer.words[0]
    bracketed = layer.branches != (0, 0)
    text = f"{node.head}[...]" if bracketed else node.text
    family = type(layer).__module__.rpartition(".")[2]
    record = Record(kind, family, arguments, within, channels_first(step.output))
    return Line(record, text, node.name or place, step.output.sizes)


def channels_first(shape: Shape) -> tuple[Size, ...]:
    """The sizes of an image with its channels first; those of a sequence as they are."""
    sizes = shape.sizes
    return sizes if shape.layout == "chw" or len(sizes) < 3 else (sizes[-1], *sizes[:-1])


def _arguments(step: Step, convention: Convention) -> tuple[tuple[str, object], ...]:
    """The arguments as they work here: what may be written in two ways is one."""
    layer = step.node.layer
    return tuple(
        (argument.name, _value(layer, argument.name, argument.kind, step, convention))
        for argument in layer.arguments
    )


def _value(layer: Layer, name: str, kind: str, step: Step, convention: Convention) -> object:
    value = getattr(layer, name)
    if name == "stride" and value is None and isinstance(layer, WindowPool):
        value = layer.kernel
    if name == "padding" and isinstance(layer, SlidingLayer):
        ends = [window.ends for window in layer.windows(step.input.spatial, convention)]
        value = value if None in ends else tuple(ends)
    if kind in ("sizes", "padding") and isinstance(value, tuple) and len(set(value)) == 1:
        # 3 is 3x3 on two axes.
        return value[:1]
    return value
