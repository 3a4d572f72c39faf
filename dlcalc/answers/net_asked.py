"""The net that ``grad --net`` is asked about: widths or the notation, made ready for its loss."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.errors import InputError, NotationError, Place, Source, abridged
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import Net, parse, unroll

if TYPE_CHECKING:
    from dlcalc.symbolic.network.rules import Loss

_WIDTHS = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})+")
#: A net without an input is tried on so many features.
_FEATURES = 5
_MOST_LAYERS = 100
#: Larger nets are not tried on numbers.
MAX_PARAMETERS = 2_000_000


class Asked(NamedTuple):
    """The net that was asked about."""

    start: Shape
    net: Net
    text: str
    loss: str
    rule: Loss
    notes: tuple[str, ...]


def asked(net: str, activation: str, loss: str) -> Asked:
    """The net in the notation, with the activation that its loss needs at the end."""
    from dlcalc.symbolic.network.rules import loss as named_loss

    name, rule = named_loss(loss or "mse")
    notes = []
    if _WIDTHS.fullmatch(net.strip()):
        text = _written(net.strip(), activation, rule)
    elif activation:
        raise InputError(
            "--activation is for widths such as 2-2-2; this net names its own",
            mend="Write it into the net, as in 'dense:4 tanh dense:2'.",
        )
    else:
        text = net
    network = parse(Source(text), files=False)
    nodes = [node for node, _ in unroll(network.net)]
    if not nodes:
        raise NotationError("the net is empty", mend="Give widths, such as 2-2-2, or layers.")
    start = network.input
    if start is None:
        if nodes[0].layer.words[0] != "dense":
            raise NotationError(
                "the input is missing",
                place=Place(Source(text), 0, len(text)),
                mend="Give its sizes before the net, as in '1x6x6 conv:2,k3 flatten dense:2'.",
            )
        text = f"{_FEATURES} {text}"
        notes.append(f"the net names no input, so its numbers are tried with {_FEATURES} features")
    if rule.fused is not None and nodes[-1].layer.words[0] != rule.fused[0]:
        ending = nodes[-1].layer.words[0]
        if ending not in ("dense", "flatten", "last", "conv"):
            raise InputError(
                f"the loss {name} needs {rule.fused[0]} at the end, not {ending}",
                mend=f"End the net in dense:... {rule.fused[0]}.",
            )
        text = f"{text} {rule.fused[0]}"
        notes.append(f"the loss {name} is behind {rule.fused[0]}, which was put at the end")
    network = parse(Source(text), files=False)
    assert network.input is not None
    return Asked(network.input, network.net, text, name, rule, tuple(notes))


def _written(net: str, activation: str, rule: Loss) -> str:
    """Widths and activations as a net in the notation."""
    widths = [int(width) for width in net.split("-")]
    if min(widths) < 1 or len(widths) > _MOST_LAYERS:
        raise InputError(f"{abridged(net)}: widths are from 1, and at most {_MOST_LAYERS}")
    words = (activation or "sigmoid").split(",")
    if len(words) == 1:
        words *= len(widths) - 1
        if rule.fused is not None:
            words[-1] = rule.fused[0]
    if len(words) != len(widths) - 1:
        raise InputError(
            f"--activation names {len(words)}, and {net} has {len(widths) - 1} layers behind its "
            "input",
            mend="Name one for all, or one for each.",
        )
    layers = [f"dense:{width} {word}" for width, word in zip(widths[1:], words, strict=True)]
    return " ".join([str(widths[0]), *layers])


def refuse_large(found: list[Any]) -> None:
    count = sum(
        block.input[0] * block.output[0] for block in found if block.word in ("dense", "conv")
    )
    if count > MAX_PARAMETERS or len(found) > _MOST_LAYERS:
        raise InputError(
            f"the net is larger than is tried on numbers: {MAX_PARAMETERS:,} weights, "
            f"{_MOST_LAYERS} layers",
            mend="The equations of a smaller net are the same.",
        )
