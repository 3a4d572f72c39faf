"""``dlcalc export`` of a model file: the net that it is, where source can say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers import counting
from dlcalc.answers.model import Way
from dlcalc.errors import InputError, LayerError, NotationError, Source
from dlcalc.interop.graph import Graph
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.pool import AvgPool
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import Net, parse
from dlcalc.nets.trace import trace, walk

if TYPE_CHECKING:
    from dlcalc.interop.safetensors import Checkpoint
    from dlcalc.interop.write.targets import Target
    from dlcalc.nets.trace import Step

#: The net of a file with its input, and the rules by which it is written.
Found = tuple[Shape, Net, Convention]


def model_net(model: Graph | Checkpoint, to: str, target: Target) -> Found:
    """The net of a model file. Raises `InputError` saying why it is none.

    It is one only if its values are those of the layers of the notation, and if the
    target's rules say of every layer what the file's own say.
    """
    if not isinstance(model, Graph):
        raise InputError(
            f"{model.source} holds tensors and no layers, so there is no net to write",
            mend="A config.json or model.to_json() beside it says the layers.",
        )
    if model.open:
        raise InputError(f"{model.source} is no net that can be written: {model.open}")
    if model.standins:
        raise InputError(
            f"{model.source} has a layer that the notation has not: {model.standins[0]}"
        )
    way = Way(model)
    if way.net is None:
        raise InputError(f"{model.source} is no net that can be written: {way.why}")
    if to != "net" and model.format.startswith("Hugging Face"):
        raise InputError(
            f"{model.source} tells the sizes of {model.format}, but not all of its arithmetic",
            mend="--to net writes the layers that it tells.",
        )
    assert way.start is not None
    rules = model.convention if to == "net" else target.convention
    if way.start.layout not in target.layouts and any(len(s.input.sizes) > 1 for s in way.steps):
        from dlcalc.interop.channels import channels_first

        try:
            start, net = channels_first(way.start, way.steps, model.convention, rules)
        except NotationError as error:
            rule = f"{model.source}: {error.rule}"
            raise InputError(rule, mend=error.mend) from error
        return start, net, rules
    for step in walk(way.steps):
        why = _parted(step, model.convention, rules)
        if why:
            name = step.node.name or step.node.head
            raise InputError(f"{model.source}: {name} ({step.node.head}): {why}")
    return way.start, way.net, rules


def reading(found: Found) -> str:
    """With which options the notation of a net is read as the same net; empty for none."""
    start, _, rules = found
    layout = " --layout hwc" if start.layout == "hwc" else ""
    like = "" if rules == TORCH else f" --like {rules.name}"
    return f"Read it with{layout}{like}." if layout or like else ""


def refuse_unless_read(text: str, found: Found, name: str) -> None:
    """Read the notation of a net again. Raises `InputError` if it is another net."""
    start, net, rules = found
    try:
        network = parse(Source(text, name), layout=start.layout, files=False)
        steps = trace(network.net, start, rules)
        counting.count(steps, rules)
    except InputError as error:
        raise InputError(f"{name} cannot be written in the notation: {error.rule}") from error
    read, wanted = list(walk(steps)), list(walk(trace(net, start, rules)))
    if (
        network.input != start
        or len(read) != len(wanted)
        or any(
            left.node.layer != right.node.layer or left.output != right.output
            for left, right in zip(read, wanted, strict=True)
        )
    ):
        raise InputError(f"{name} cannot be written in the notation as the same net")


def _parted(step: Step, own: Convention, wanted: Convention) -> str:
    """Why a layer of a file is another under the rules of a target; empty where it is not."""
    layer, shape = step.node.layer, step.input
    if not type(layer).__module__.startswith("dlcalc.layers."):
        return "the notation has no such layer"
    if own == wanted or step.branches:
        return ""
    try:
        same = (
            layer.output_shape(shape, own) == layer.output_shape(shape, wanted)
            and layer.parameters(shape, own) == layer.parameters(shape, wanted)
            and (not layer.spatial or layer.axes(shape, own) == layer.axes(shape, wanted))
        )
        if isinstance(layer, AvgPool) and any(map(any, layer.ends(shape.spatial, own))):
            same = same and layer.counts_padding(own) == layer.counts_padding(wanted)
    except LayerError as error:
        return error.rule
    return "" if same else f"the rules of {wanted.name} make another layer of it than {own.name}'s"
