"""A traced net as the layers that back-propagation counts: each with the activation behind it.

Layer 1 is the input. A layer l takes a of layer l - 1 and gives z, its
activation gives a; ``delta`` is dE/dz.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dlcalc.errors import ShapeError
from dlcalc.layers.convention import TORCH
from dlcalc.nets.trace import Step
from dlcalc.symbolic.network.rules import ACTIVATIONS

#: Tensors by the letters of the equations, under the engine's names.
TENSORS: dict[str, dict[str, tuple[str, ...]]] = {
    "dense": {"W": ("weight",), "b": ("bias",)},
    "conv": {"W": ("weight",), "b": ("bias",)},
    "bn": {"gamma": ("weight",), "beta": ("bias",)},
    "rnn": {
        "Wx": ("weight_ih_l0",),
        "Wh": ("weight_hh_l0",),
        "b": ("bias_ih_l0", "bias_hh_l0"),
    },
    "flatten": {},
    "last": {},
    "maxpool": {},
    "avgpool": {},
    "identity": {},
}
_SHARES = ("softmax", "log_softmax")


class Block(NamedTuple):
    """One layer l of the equations; ``name`` is the engine's, ``alpha`` the activation's."""

    number: int
    word: str
    layer: Any
    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    activation: str = "identity"
    alpha: float = 0.0
    batched: bool = False

    @property
    def tensors(self) -> dict[str, tuple[str, ...]]:
        """The trained tensors, by the letters of the equations: W2, b2."""
        own = dict(TENSORS[self.word])
        if self.word in ("dense", "conv", "rnn") and not self.layer.bias:
            del own["b"]
        if self.word == "bn" and not self.layer.affine:
            return {}
        return {
            f"{letter}{self.number}": tuple([f"{self.name}.{key}" for key in keys])
            for letter, keys in own.items()
        }


def blocks(steps: tuple[Step, ...]) -> list[Block]:
    """The layers of a traced net. Raises `ShapeError` at the first that has no equations here."""
    found: list[Block] = []
    ordinals: dict[str, int] = {}
    for step in steps:
        word = step.node.layer.words[0]
        ordinals[word] = ordinals.get(word, 0) + 1
        sizes = (_numbers(step, step.input.sizes), _numbers(step, step.output.sizes))
        if word in ACTIVATIONS or word in _SHARES:
            _activate(found, step, word, sizes[1])
            continue
        if word not in TENSORS:
            raise _refusal(step, f"the equations of {word} are not known here")
        if word == "flatten" and len(sizes[0]) == 1:
            continue
        layer = step.node.layer
        found.append(Block(len(found) + 2, word, layer, f"{word}{ordinals[word]}", *sizes))
        _check(found[-1], step)
    batched = any(block.word == "bn" for block in found)
    return [block._replace(batched=batched) for block in found]


def _numbers(step: Step, sizes: tuple[object, ...]) -> tuple[int, ...]:
    whole = tuple([size for size in sizes if isinstance(size, int)])
    if len(whole) < len(sizes):
        raise _refusal(step, "the equations need numbers for all sizes")
    return whole


def _activate(found: list[Block], step: Step, word: str, sizes: tuple[int, ...]) -> None:
    if word in _SHARES and len(sizes) != 1:
        raise _refusal(step, f"the equations know {word} of a vector, not of {step.input}")
    alpha = float(getattr(step.node.layer, "alpha", 0.0) or 0.0)
    alone = not found or found[-1].word == "rnn" or found[-1].activation != "identity"
    if alone:
        # On the input, on states that the next step reads, on another activation: a layer of its
        # own.
        found.append(Block(len(found) + 2, "identity", None, "", sizes, sizes))
    found[-1] = found[-1]._replace(activation=word, alpha=alpha)


def _check(block: Block, step: Step) -> None:
    """Refuse the arguments that the equations leave out."""
    layer, word = block.layer, block.word
    if word == "dense" and len(block.input) != 1:
        raise _refusal(
            step, "the equations know dense behind one vector: put flatten or last before"
        )
    if word == "conv" and layer.groups != 1:
        raise _refusal(step, "the equations know convolutions without groups")
    if word == "bn" and len(block.input) not in (1, 3):
        raise _refusal(step, f"the equations know bn of features and images, not of {step.input}")
    if word == "rnn" and (layer.layers != 1 or layer.bidirectional or layer.dropout):
        raise _refusal(step, "the equations know rnn with one layer that reads forwards")
    if word == "rnn" and layer.act != "tanh":
        raise _refusal(step, f"the equations know rnn with tanh, not with {layer.act}")
    if word in ("maxpool", "avgpool"):
        windows = layer.windows(step.input.spatial, TORCH)
        if any(window.ends != (0, 0) or window.dilation != 1 for window in windows) or layer.ceil:
            raise _refusal(step, f"the equations know {word} without padding and rounding up")


def _refusal(step: Step, rule: str) -> ShapeError:
    words = ", ".join([*TENSORS][:-1])
    return ShapeError(
        f"{step.node.head}: {rule}",
        place=step.place,
        mend=f"There are {words}, and the activations.",
    )
