"""What the draws of torch layers are made of, and how their arguments are written."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

T = TypeVar("T")
Sizes = tuple[int, ...]
Ends = tuple[tuple[int, int], ...]
#: Makes a layer for an input of given sizes.
Build = Callable[[Sizes], nn.Module]
#: Puts the outputs of branches together; behind that of a lone branch stands the input.
Merge = Callable[[list[Tensor]], Tensor]

LARGEST = 12

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
_SYNONYMS = {
    "conv": ("conv", "conv", "convolution"),
    "convtranspose": ("convtranspose", "convtranspose", "deconv"),
    "avgpool": ("avgpool", "avgpool", "meanpool"),
    "globalavgpool": ("globalavgpool", "gap"),
    "globalmaxpool": ("globalmaxpool", "gmp"),
    "pad": ("pad", "zeropad"),
    "crop": ("crop", "cropping"),
    "upsample": ("upsample", "upsampling"),
    "bn": ("bn", "bn", "batchnorm"),
    "gn": ("gn", "groupnorm"),
    "ln": ("ln", "layernorm"),
    "rmsnorm": ("rmsnorm", "rms"),
    "dense": ("dense", "linear", "fc"),
}
# Adaptive means take an input with an axis more or less, and read it otherwise.
_UNCHECKED = ("adaptiveavgpool", "globalavgpool")


class Rejected(Exception):
    """A layer that torch rejects, or that counts as rejected by the oracle's definitions."""


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
        return " ".join([by(self.sizes), *(part.text for part in self.parts)])


#: What a method that draws gives: an input, and one layer or several.
Drawn = tuple[Sizes, Part]


class Option(NamedTuple):
    """An argument as it may be written; an empty value is left out."""

    name: str
    value: str
    short: str = ""
    positional: bool = False


class Writer:
    """Random numbers, many of them right where a rule begins to refuse, and their notation."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def rank(self) -> int:
        return self.rng.choice((1, 1, 2, 2, 2, 3))

    def near(self, least: int, rank: int) -> int:
        """A size around the least that is taken, now and then just below it, or any size."""
        if self.chance(0.3):
            size = self.rng.randint(least, LARGEST) if least < LARGEST else least
        elif self.chance(0.5 / rank):
            size = least - self.rng.choice((1, 1, 1, 2))
        else:
            size = least + self.rng.choice((0, 0, 0, 1, 1, 2, 3))
        return min(max(size, 1), LARGEST)

    def parted(self, parts: int, most: int) -> int:
        """A multiple of so many parts, or just beside one."""
        size = parts * self.rng.randint(1, most)
        if self.chance(0.3):
            size += self.rng.choice((-1, 1))
        return max(size, 1)

    def axes(self, rank: int, low: int, high: int) -> Sizes:
        """One value for all axes or one for each; rarely for another number of axes."""
        count = rank if self.chance(0.4) else 1
        if self.chance(0.006):
            count = rank + 1 if rank < 3 or self.chance(0.5) else rank - 1
        return tuple(self.rng.randint(low, high) for _ in range(count))

    def ends(self, rank: int, high: int) -> Ends:
        """Numbers at begin and end, for all axes or for each; rarely for another number of axes."""
        count = rank if self.chance(0.5) else 1
        if self.chance(0.03):
            count = rank % 3 + 1
        return tuple((self.rng.randint(0, high), self.rng.randint(0, high)) for _ in range(count))

    def sides(self, rank: int, high: int = LARGEST) -> Sizes:
        return tuple(self.rng.randint(1, high) for _ in range(rank))

    def anything(self) -> Sizes:
        """An input for a layer that takes every rank, features included."""
        return self.sides(self.rng.choice((1, 2, 3, 3, 4)), 8)

    def word(self, kind: str, rank: int = 0) -> tuple[str, int | None]:
        """A word for a kind; where it has a rank, at times with it, or with another one."""
        word = self.rng.choice(_SYNONYMS.get(kind, (kind,)))
        if not rank or not self.chance(0.2):
            return word, None
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.2) else rank
        return f"{word}{pinned}d", pinned

    def written(self, word: str, *options: Option) -> str:
        """The layer as a word, its arguments written in any way that is allowed."""
        parts = []
        positional = True
        for name, value, short, plain in options:
            positional = positional and plain and self.chance(0.4 if short else 0.8)
            if not value:
                positional = False
            elif positional:
                parts.append(value)
            elif short and value[0].isdigit() and self.chance(0.7):
                parts.append(short + value)
            else:
                parts.append(f"{self.rng.choice((name, short or name))}={value}")
        return word + (":" + ",".join(parts) if parts else "")

    def unless(self, values: Sizes, default: int = 1) -> str:
        """The values as they are written; mostly nothing for the default."""
        return "" if values == (default,) and self.chance(0.8) else by(values)

    def flag(self, value: bool, default: bool) -> str:
        return "" if value == default and self.chance(0.9) else ("yes" if value else "no")


def by(values: Sizes) -> str:
    """3x5, as in the notation."""
    return "x".join(map(str, values))


def ends_text(ends: Ends) -> str:
    """1+2x0, as in the notation."""
    return "x".join(str(b) if b == e else f"{b}+{e}" for b, e in ends)


def given(values: Sizes) -> int | Sizes:
    """Values as torch is given them: a number for all axes, or a tuple."""
    return values[0] if len(values) == 1 else values


def at(values: tuple[T, ...], axis: int) -> T:
    """The value for an axis, of one for all or one for each."""
    return values[axis % len(values)]


def covered(kernel: Sizes, dilation: Sizes, axis: int) -> int:
    """How many positions the window covers."""
    return at(dilation, axis) * (at(kernel, axis) - 1) + 1


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
