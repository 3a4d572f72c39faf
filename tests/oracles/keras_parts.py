"""What the draws of Keras layers are made of, and how their arguments are written."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from keras import layers
from torch import Tensor

T = TypeVar("T")
Sizes = tuple[int, ...]
Ends = tuple[tuple[int, int], ...]
#: Keras layers, one after the other, for an input of given sizes.
Build = Callable[[Sizes], list[Any]]

LARGEST = 10
CHANNELS_FIRST = {"data_format": "channels_first"}


class Rejected(Exception):
    """A layer that Keras rejects, or that counts as rejected by the oracle's definitions."""


class Part(NamedTuple):
    """One layer: how it is written, and how Keras makes and calls it."""

    kind: str
    text: str
    build: Build | None = None
    branches: tuple[tuple[Part, ...], ...] = ()
    call: Callable[[Any, Tensor], Tensor] = lambda layer, x: layer(x)
    #: The TensorFlow operations have the same rules, as far as this layer goes.
    tf: bool = False


class Draw(NamedTuple):
    """A line, and the same as sizes and layers for Keras."""

    sizes: Sizes
    parts: tuple[Part, ...]

    @property
    def line(self) -> str:
        """The draw in the notation."""
        return " ".join([by(self.sizes), *(part.text for part in self.parts)])


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
        if self.chance(0.2):
            size = self.rng.randint(least, LARGEST) if least < LARGEST else least
        elif self.chance(0.7 / rank):
            size = least - self.rng.choice((1, 1, 1, 2))
        else:
            size = least + self.rng.choice((0, 0, 0, 1, 1, 2, 3))
        return min(max(size, 1), LARGEST)

    def axes(self, rank: int, low: int, high: int) -> Sizes:
        """One value for all axes or one for each; rarely for another number of axes."""
        count = rank if self.chance(0.4) else 1
        if self.chance(0.015):
            count = rank + 1 if rank < 3 or self.chance(0.5) else rank - 1
        return tuple(self.rng.randint(low, high) for _ in range(count))

    def ends(self, rank: int, high: int) -> Ends:
        """What padding or cropping does at begin and end, for all axes or for each."""
        count = rank if self.chance(0.5) else 1
        if self.chance(0.03):
            count = rank % 3 + 1
        pairs = [(self.rng.randint(0, high), self.rng.randint(0, high)) for _ in range(count)]
        if self.chance(0.5):
            pairs = [(begin, begin) for begin, _ in pairs]
        return tuple(pairs)

    def sides(self, rank: int, high: int = LARGEST) -> Sizes:
        return tuple(self.rng.randint(1, high) for _ in range(rank))

    def anything(self) -> Sizes:
        """An input for a layer that takes every rank, features included."""
        return tuple(self.rng.randint(1, 8) for _ in range(self.rng.choice((1, 2, 3, 3, 4))))

    def word(self, rank: int, *words: str) -> tuple[str, int | None]:
        """One of the words for a kind, at times with a rank, which at times is another one."""
        word = self.rng.choice(words)
        if not self.chance(0.2):
            return word, None
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.4) else rank
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


def keras_class(name: str, pinned: int | None, sizes: Sizes) -> Any:
    """The Keras class of a rank, such as Conv2D for ``Conv{}D``: the pinned one, else the input's.

    Raises `Rejected` where Keras has none.
    """
    rank = len(sizes) - 1 if pinned is None else pinned
    if not 1 <= rank <= 3:
        raise Rejected(f"by definition: {by(sizes)} has no {rank} spatial axes to move along")
    return getattr(layers, name.format(rank))


def by(values: Sizes) -> str:
    """Numbers in the notation."""
    return "x".join(map(str, values))


def ends_text(ends: Ends) -> str:
    """Begin and end in the notation."""
    return "x".join(str(b) if b == e else f"{b}+{e}" for b, e in ends)


def given(values: Sizes) -> int | Sizes:
    """Values as Keras is given them: a number for all axes, or a tuple."""
    return values[0] if len(values) == 1 else values


def given_ends(ends: Ends, sizes: Sizes) -> Any:
    """Begin and end as Keras is given them: a pair in 1-D, else a pair for each axis.

    Raises `Rejected` for another number of axes, which 1-D would read as begin and end.
    """
    rank = len(sizes) - 1
    if len(ends) not in (1, rank):
        raise Rejected(f"by definition: {len(ends)} pairs for {rank} axes")
    pairs = ends * rank if len(ends) == 1 else ends
    return pairs[0] if rank == 1 else pairs


def at(values: tuple[T, ...], axis: int) -> T:
    """The value for an axis, of one for all or one for each."""
    return values[axis % len(values)]


def covered(kernel: Sizes, dilation: Sizes, axis: int) -> int:
    """How many positions the window covers."""
    return at(dilation, axis) * (at(kernel, axis) - 1) + 1
