"""What the draws of torch layers are made of, and how torch is given their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from oracles.drawing import Drawer, Ends, Rejected, Sizes, at, by, line
from torch import Tensor, nn

#: Makes a layer for an input of given sizes.
Build = Callable[[Sizes], nn.Module]
#: Puts the outputs of branches together; behind that of a lone branch stands the input.
Merge = Callable[[list[Tensor]], Tensor]

CLASSES: dict[str, tuple[type[nn.Module], ...]] = {
    "conv": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "convtranspose": (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    "maxpool": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    "avgpool": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    "lppool": (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d),
    "adaptiveavgpool": (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    "adaptivemaxpool": (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    "globalavgpool": (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    "globalmaxpool": (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    "pad": (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
    "bn": (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    "instancenorm": (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    "dropout": (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
}
# Adaptive means take an input with an axis more or less, and read it otherwise.
_UNCHECKED = ("adaptiveavgpool", "globalavgpool")


class Function(nn.Module):
    """A function of torch as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.forward = function  # type: ignore[method-assign]


def last_names(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The last part of torch's name, as layers that pad first stand within another."""
    yield key.rpartition(".")[2], tensor


class Part(NamedTuple):
    """One layer: how it is written, and how torch makes and calls it.

    ``names`` tells what dlcalc calls a tensor of torch, and parts one that holds
    several. ``tied`` is the layer whose weight it takes.
    """

    kind: str
    text: str
    build: Build | None = None
    branches: tuple[tuple[Part, ...], ...] = ()
    merge: Merge | None = None
    call: Callable[[Any, Tensor], Tensor] = lambda module, x: module(x)
    names: Callable[[str, Tensor], Iterator[tuple[str, Tensor]]] = last_names
    tied: str = ""

    def kinds(self) -> Iterator[str]:
        """Its own kind, and those within its brackets."""
        yield self.kind
        for branch in self.branches:
            for part in branch:
                yield from part.kinds()


class Draw(NamedTuple):
    """A line, and the same as sizes and layers for torch."""

    sizes: Sizes
    parts: tuple[Part, ...]
    batch: int

    @property
    def line(self) -> str:
        """The draw in the notation."""
        return line(self.sizes, self.parts)


#: What a method that draws gives: an input, and one layer or several.
Drawn = tuple[Sizes, Part]


class Writer(Drawer):
    """Draws as torch makes them worth it, which refuses less often than others."""

    anywhere = 0.3
    undivided = (0.15, 0.15)


def torch_class(kind: str, pinned: int | None, sizes: Sizes) -> type[nn.Module]:
    """The torch class of a rank: the pinned one, else that of the input.

    Raises `Rejected` where torch has none or would read the input as one without
    a batch.
    """
    rank = len(sizes) - 1 if pinned is None else pinned
    unchecked = kind in _UNCHECKED and rank != len(sizes) - 1
    if not 1 <= rank <= 3 or rank == len(sizes) or unchecked:
        raise Rejected(f"by definition: a batch of {by(sizes)} has no {rank} spatial axes")
    return CLASSES[kind][rank - 1]


def builder(kind: str, pinned: int | None, *values: object, **named: object) -> Build:
    """What makes a window module that need not know its input's channels."""
    return lambda sizes: torch_class(kind, pinned, sizes)(*values, **named)


def flat_ends(ends: Ends, sizes: Sizes, pinned: int | None = None) -> Sizes:
    """Begin and end of all spatial axes as torch lists them, which begins with the last.

    Raises `Rejected` for another rank, or number of axes, than the input's.
    """
    rank = len(sizes) - 1
    if pinned not in (None, rank) or not 1 <= rank <= 3 or len(ends) not in (1, rank):
        raise Rejected(f"by definition: {len(ends)} pairs for {rank} axes")
    return tuple(amount for axis in reversed(range(rank)) for amount in at(ends, axis))


def zero_pad(ends: Ends, sizes: Sizes, pinned: int | None = None) -> nn.Module:
    """Zero padding of an input of these sizes. Raises `Rejected` as `flat_ends` does."""
    return CLASSES["pad"][len(sizes) - 2](flat_ends(ends, sizes, pinned))
