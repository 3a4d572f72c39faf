"""What a tensor is for, told by its name and its rank: the engine's names are the algebra's.

Biases are tensors whose last name begins with ``bias``. Norms are those that belong to a
normalisation layer (bn, gn, ln, instancenorm, rmsnorm, and the norms inside a block),
slopes those of prelu. Weights are the others of two axes or more: matrices, kernels and
rows looked up. Single coefficients on a channel (subsample) are none of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from dlcalc.engine.operation import Parameter

Array = np.ndarray[Any, np.dtype[Any]]

_NORMS = {"bn", "gn", "ln", "instancenorm", "rmsnorm", "norm"}
#: Layers whose weight is looked up row by row, so that it has no fan.
LOOKUPS = {"embedding", "position", "segment", "token"}
#: Blocks of rows in the weights and biases of recurrent layers: the gates.
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def owner(name: str) -> str:
    """The last name before the tensor's own, without its number.

    >>> owner("residual1.conv2.weight"), owner("encoder1.norm2.bias")
    ('conv', 'norm')
    """
    return name.split(".")[-2].rstrip("0123456789") if "." in name else ""


def role(name: str, rank: int) -> Literal["weight", "bias", "norm", "slope", "coefficient"]:
    """What a tensor is for.

    >>> role("dense1.weight", 2), role("ln1.weight", 2), role("lstm1.bias_ih_l0", 1)
    ('weight', 'norm', 'bias')
    """
    if name.rpartition(".")[2].startswith("bias"):
        return "bias"
    if owner(name) in _NORMS:
        return "norm"
    if owner(name) == "prelu":
        return "slope"
    return "weight" if rank >= 2 else "coefficient"


def weights(tensors: Mapping[str, Parameter]) -> Array:
    """1 where the flat vector holds a weight, 0 elsewhere; the tensors in their order in it."""
    parts = [
        np.full(t.value.size, float(role(name, t.value.ndim) == "weight"), t.value.dtype)
        for name, t in tensors.items()
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


class Units(NamedTuple):
    """A weight as a view of (blocks..., outputs, inputs, kernel...), ``lead`` axes of blocks.

    Blocks are gates, experts, or the positions of a local layer.
    """

    view: Array
    lead: int

    @property
    def incoming(self) -> tuple[int, ...]:
        """The axes along which lie the numbers that make one output."""
        return tuple(range(self.lead + 1, self.view.ndim))

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs that an output reads, and outputs * kernel, as frameworks count it."""
        outputs, *inputs = self.view.shape[self.lead :]
        return math.prod(inputs), outputs * math.prod(inputs[1:])


def units(name: str, weight: Array) -> Units:
    """A weight with its outputs as rows. It must lie in one piece, as the engine's do.

    >>> units("lstm1.weight_ih_l0", np.zeros((16, 3))).view.shape
    (4, 4, 3)
    >>> units("convtranspose1.weight", np.zeros((8, 4, 3, 3))).fans
    (72, 36)
    """
    kind, leaf = owner(name), name.rpartition(".")[2]
    if kind in GATES and leaf.startswith(("weight_ih", "weight_hh")):
        return Units(weight.reshape(GATES[kind], -1, weight.shape[1]), 1)
    if kind == "conv":
        return Units(weight, 0)
    if kind == "convtranspose":
        return Units(weight.swapaxes(0, 1), 0)
    if kind == "local":
        return Units(weight, (weight.ndim - 2) // 2)
    return Units(weight, weight.ndim - 2)
