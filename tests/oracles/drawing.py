"""How the oracles draw: random numbers for the arguments of a layer, and a line that gives them.

Nothing here knows a framework. Each has a subclass of `Drawer`, which sets how
often a draw steps over a border, and its own layers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")
Sizes = tuple[int, ...]
Ends = tuple[tuple[int, int], ...]

#: Shares of dropout, as they are written: none, numbers in range, and numbers beyond it.
DROPOUTS = ("", "0", "0.5", ".25", "1", "1.0", "1.01", "1.5", "-0.1", "2")
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


class Rejected(Exception):
    """A layer that its framework rejects, or that counts as rejected by an oracle's definitions."""


@contextmanager
def rejecting(kinds: tuple[type[Exception], ...]) -> Iterator[None]:
    """Takes exceptions of these kinds for rejections."""
    try:
        yield
    except kinds as error:
        raise Rejected(f"{type(error).__name__}: {error}") from error


class Option(NamedTuple):
    """An argument as it may be written; an empty value is left out."""

    name: str
    value: str
    short: str = ""
    positional: bool = False


class Written(Protocol):
    """A layer, as far as a line needs it."""

    @property
    def text(self) -> str: ...


class Drawer:
    """Random numbers, many of them right where a rule begins to refuse, and their notation."""

    #: The largest side.
    largest = 12
    #: The share of sides that are drawn without a look at the least that is taken.
    anywhere = 0.2
    #: The share of those with a look at it that are below; less for each of several axes.
    below = 0.5
    #: How far below.
    beneath: Sizes = (1, 1, 1, 2)
    #: The share of values given for another number of axes.
    miscounted = 0.006
    #: The share of ranks named that are another one.
    misnamed = 0.2
    #: The shares of groups that do not divide the input channels, or else the output's.
    undivided = (0.2, 0.2)
    #: Whether a value of several axes is written behind the short name too, as in k3x5.
    short_axes = True

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def rank(self) -> int:
        return self.rng.choice((1, 1, 2, 2, 2, 3))

    def near(self, least: int, rank: int) -> int:
        """A size around the least that is taken, now and then just below it, or any size."""
        if self.chance(self.anywhere):
            size = self.rng.randint(least, self.largest) if least < self.largest else least
        elif self.chance(min(self.below / rank, 0.7)):
            size = least - self.rng.choice(self.beneath)
        else:
            size = least + self.rng.choice((0, 0, 0, 1, 1, 2, 3))
        return min(max(size, 1), self.largest)

    def around(self, least: Callable[[int], int], rank: int) -> Sizes:
        """Sides around the least that is taken along each axis."""
        return tuple(self.near(least(axis), rank) for axis in range(rank))

    def slack(self, ceil: bool, stride: Sizes, axis: int) -> int:
        """How much of a window may hang over where sizes are rounded up; at times not told."""
        return at(stride, axis) - 1 if ceil and self.chance(0.7) else 0

    def parted(self, parts: int, most: int, beside: float = 0.3) -> int:
        """A multiple of so many parts, or just beside one."""
        size = parts * self.rng.randint(1, most)
        if self.chance(beside):
            size += self.rng.choice((-1, 1))
        return max(size, 1)

    def grouped(self) -> tuple[int, int, int]:
        """Input channels, output channels and groups, which sometimes do not quite divide."""
        if self.chance(0.6):
            return self.rng.randint(1, 4), self.rng.randint(1, 6), 1
        groups = self.rng.randint(1, 4)
        inputs, out = groups * self.rng.randint(1, 2), groups * self.rng.randint(1, 2)
        of_inputs, of_out = self.undivided
        if self.chance(of_inputs):
            inputs += self.rng.choice((-1, 1))
        elif self.chance(of_out):
            out += self.rng.choice((-1, 1))
        return max(inputs, 1), max(out, 1), groups

    def axes(self, rank: int, low: int, high: int) -> Sizes:
        """One value for all axes or one for each; rarely for another number of axes."""
        count = rank if self.chance(0.4) else 1
        if self.chance(self.miscounted):
            count = rank + 1 if rank < 3 or self.chance(0.5) else rank - 1
        return tuple(self.rng.randint(low, high) for _ in range(count))

    def dilation(self, rank: int, share: float = 0.3) -> Sizes:
        """Mostly none."""
        return self.axes(rank, 1, 3) if self.chance(share) else (1,)

    def ends(self, rank: int, high: int, even: float = 0) -> Ends:
        """Numbers at begin and end, for all axes or for each; rarely for another number of axes.

        ``even`` is the share in which both ends are the same throughout.
        """
        count = rank if self.chance(0.5) else 1
        if self.chance(0.03):
            count = rank % 3 + 1
        pairs = [(self.rng.randint(0, high), self.rng.randint(0, high)) for _ in range(count)]
        if even and self.chance(even):
            pairs = [(begin, begin) for begin, _ in pairs]
        return tuple(pairs)

    def output_padding(self, rank: int, stride: Sizes, dilation: Sizes) -> Sizes:
        """Mostly none; else up to one more than is allowed below the larger of the two."""
        if self.chance(0.5):
            return (0,)
        limits = [max(at(stride, axis), at(dilation, axis)) for axis in range(rank)]
        if self.chance(0.5):
            limits = [min(limits)]
        return tuple(
            self.rng.randint(limit, limit + 1)
            if self.chance(0.25 / rank)
            else self.rng.randint(max(limit - 2, 0), limit - 1)
            for limit in limits
        )

    def sides(self, rank: int, high: int = 0) -> Sizes:
        """Any sides up to this one, or to the largest."""
        return tuple(self.rng.randint(1, high or self.largest) for _ in range(rank))

    def anything(self) -> Sizes:
        """An input for a layer that takes every rank, features included."""
        return self.sides(self.rng.choice((1, 2, 3, 3, 4)), 8)

    def factors(self, product: int) -> list[int]:
        """Up to four numbers of this product, in any order."""
        found = []
        for _ in range(self.rng.randrange(4)):
            found.append(self.rng.choice([n for n in range(1, product + 1) if product % n == 0]))
            product //= found[-1]
        found.append(product)
        self.rng.shuffle(found)
        return found

    def slopes(self, sizes: Sizes) -> int:
        """A number of slopes for prelu: one, one for each channel, or one that mostly misses."""
        return self.rng.choice((1, sizes[0], sizes[0], sizes[0] + 1, sizes[-1]))

    def local_response(self) -> tuple[Sizes, str, int]:
        """An input for lrn, how it is written, and over how many channels it goes."""
        size = self.rng.randint(1, 7)
        text = self.rng.choice((f"lrn:{size}", f"lrn:size={size}", f"lrn:{size},k=2"))
        return (self.rng.randint(1, 6), *self.sides(self.rank(), 6)), text, size

    def shortcut(
        self, strides: Sizes, branch: Callable[[int, int], tuple[T, ...]]
    ) -> tuple[Sizes, list[tuple[T, ...]]]:
        """An input and what residual adds: a branch that mostly keeps the shape, or two.

        ``branch`` draws layers that give so many channels with such a stride.
        """
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 7))
        stride = self.rng.choice(strides) if self.chance(0.5) else 1
        out = self.rng.randint(1, 4) if self.chance(0.5) else sizes[0]
        if stride == 1 and out == sizes[0] and self.chance(0.6):
            return sizes, [branch(out, 1)]
        branches = [branch(out, stride), branch(out, stride)]
        if self.chance(0.25):
            branches[1] = branch(self.rng.choice((1, out, out + 1)), stride)
        return sizes, branches

    def followed(
        self,
        firsts: tuple[Callable[[], tuple[Sizes, T]], ...],
        followers: tuple[Callable[[], T], ...],
        most: int,
    ) -> tuple[Sizes, list[T]]:
        """The input of one layer, that layer, and up to so many others behind it."""
        sizes, first = self.rng.choice(firsts)()
        count = self.rng.randint(1, most)
        return sizes, [first, *(self.rng.choice(followers)() for _ in range(count))]

    def synonym(self, kind: str) -> str:
        """A word for a kind."""
        return self.rng.choice(_SYNONYMS.get(kind, (kind,)))

    def word(self, kind: str, rank: int) -> tuple[str, int | None]:
        """A word for a kind, at times with its rank, or with another one; 0 is no rank."""
        word = self.synonym(kind)
        if not rank or not self.chance(0.2):
            return word, None
        pinned = self.rng.choice((1, 2, 3)) if self.chance(self.misnamed) else rank
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
            elif short and self._numbers(value) and self.chance(0.7):
                parts.append(short + value)
            else:
                parts.append(f"{self.rng.choice((name, short or name))}={value}")
        return word + (":" + ",".join(parts) if parts else "")

    def _numbers(self, value: str) -> bool:
        """Whether a value may be written right behind a short name."""
        return value[0].isdigit() if self.short_axes else value.isdigit()

    def unless(self, values: Sizes, default: int = 1) -> str:
        """The values as they are written; mostly nothing for the default."""
        return "" if values == (default,) and self.chance(0.8) else by(values)

    def flag(self, value: bool, default: bool) -> str:
        return "" if value == default and self.chance(0.9) else ("yes" if value else "no")

    def conv_options(
        self, out: int, kernel: Sizes, stride: Sizes, padding: str
    ) -> tuple[Option, ...]:
        """The arguments that convolutions may have without a name, in their order."""
        options = window_options(kernel, self.unless(stride), padding)
        return (Option("out", str(out), positional=True), *options)

    def reach_options(self, dilation: Sizes, groups: int) -> tuple[Option, ...]:
        """The arguments of convolutions on how far apart and how many channels they look at."""
        return (
            Option("dilation", self.unless(dilation), "d"),
            Option("groups", self.unless((groups,)), "g"),
        )


def window_options(kernel: Sizes, stride: str, padding: str) -> tuple[Option, ...]:
    """The arguments that every window may have without a name, in their order."""
    return (
        Option("kernel", by(kernel), "k", True),
        Option("stride", stride, "s", True),
        Option("padding", padding, "p", True),
    )


def line(sizes: Sizes, parts: Iterable[Written]) -> str:
    """An input and the layers it goes through, in the notation."""
    return " ".join([by(sizes), *(part.text for part in parts)])


def bracketed(word: str, branches: Iterable[Iterable[Written]]) -> str:
    """A layer with branches, in the notation."""
    inside = " | ".join(" ".join(part.text for part in branch) for branch in branches)
    return f"{word}[{inside}]"


def by(values: Sizes) -> str:
    """3x5, as in the notation."""
    return "x".join(map(str, values))


def ends_text(ends: Ends) -> str:
    """1+2x0, as in the notation."""
    return "x".join(str(b) if b == e else f"{b}+{e}" for b, e in ends)


def given(values: Sizes) -> int | Sizes:
    """Values as a framework is given them: a number for all axes, or a tuple."""
    return values[0] if len(values) == 1 else values


def at(values: tuple[T, ...], axis: int) -> T:
    """The value for an axis, of one for all or one for each."""
    return values[axis % len(values)]


def everywhere(values: tuple[T, ...], rank: int) -> tuple[T, ...]:
    """One value for each axis; another number of values is left as it is."""
    return values * rank if len(values) == 1 else values


def covered(kernel: Sizes, dilation: Sizes, axis: int) -> int:
    """How many positions the window covers."""
    return at(dilation, axis) * (at(kernel, axis) - 1) + 1
