"""The table of formulas, and the values that they read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from math import prod
from typing import Any, NamedTuple, Protocol

from dlcalc.formulas.layers.worked import Worked
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Layout, Shape

Index = tuple[int, ...]


class Flat(Protocol):
    """Numbers one behind the other: a list, or an array of one axis."""

    def __getitem__(self, index: Any, /) -> Any:
        """One of them, or a slice."""

    def __len__(self) -> int:
        """How many they are."""

    def __iter__(self) -> Iterator[Any]:
        """Each in turn."""


class Values(NamedTuple):
    """An array: its sizes, and its numbers in row-major order, as a list or anything like it.

    >>> Values((2, 2), [1.0, 2.0, 3.0, 4.0]).at(1, 0)
    3.0
    """

    sizes: tuple[int, ...]
    flat: Flat

    def at(self, *index: int) -> float:
        """The number at an index."""
        place = 0
        for i, size in zip(index, self.sizes, strict=True):
            place = place * size + i
        return float(self.flat[place])

    def reshaped(self, *sizes: int) -> Values:
        """The same numbers under other sizes."""
        assert prod(sizes) == self.size
        return Values(sizes, self.flat)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return prod(self.sizes)


class Rule(NamedTuple):
    """How one layer makes each of its outputs.

    ``element`` works out the output at an index, the example first; ``cost`` is how many
    numbers that reads, about. ``shared`` is what is read once for all outputs that need it,
    as those that share a mean, and ``groups`` how often; ``chained`` says that an output
    needs all those before it.
    """

    element: Callable[[Index], Worked]
    cost: int = 1
    shared: int = 0
    groups: int = 1
    chained: bool = False

    def cost_of(self, outputs: int) -> int:
        """How many numbers so many outputs read, about."""
        return self.cost * outputs + self.shared * min(self.groups, outputs)


class At(NamedTuple):
    """A layer at work: what it reads, what the engine made of it, its tensors.

    All values have the examples along their first axis; ``tensors`` are trained and
    kept ones by the layer's own names, kept ones as they were before.
    """

    layer: Any
    inputs: tuple[Values, ...]
    output: Values
    tensors: Mapping[str, Values]
    convention: Convention
    layout: Layout
    training: bool
    #: Whether names of values, as x[0, 1], begin with the example.
    batched: bool = False

    @property
    def x(self) -> Values:
        """The only input, or the first."""
        return self.inputs[0]

    @property
    def batch(self) -> int:
        """How many examples there are."""
        return self.x.sizes[0]

    @property
    def shape(self) -> Shape:
        """The sizes of one example of the input, as the algebra has them."""
        return Shape(self.x.sizes[1:], self.layout)

    @property
    def sides(self) -> tuple[int, ...]:
        """The spatial sizes of the input."""
        return self.x.sizes[1:-1] if self.layout == "hwc" else self.x.sizes[2:]

    @property
    def channels(self) -> int:
        """The channels of the input, or its features."""
        return self.x.sizes[self.channel_axis]

    @property
    def channel_axis(self) -> int:
        """Along which axis the channels or features lie, the example being axis 0."""
        return len(self.x.sizes) - 1 if self.layout == "hwc" or len(self.x.sizes) < 3 else 1

    def named(self, example: object, *places: object) -> str:
        """How a part of the input is written: x[0, 1:3], or x for all of it."""
        parts = [str(place) for place in ((example, *places) if self.batched else places)]
        while parts and parts[-1] == ":":
            parts.pop()
        return f"x[{', '.join(parts)}]" if parts else "x"

    def spanned(self, example: int, channels: object, spans: Sequence[str]) -> str:
        """The same for channels and stretches of positions, in the order of the layout."""
        if self.layout == "hwc":
            return self.named(example, *spans, channels)
        return self.named(example, channels, *spans)

    def parted(self, index: Index) -> tuple[int, int, Index]:
        """An index as example, channel and position."""
        if self.layout == "hwc":
            return index[0], index[-1], index[1:-1]
        return index[0], index[1], index[2:]

    def read(self, example: int, channel: int, position: Index) -> float:
        """The input there."""
        if self.layout == "hwc":
            return self.x.at(example, *position, channel)
        return self.x.at(example, channel, *position)


#: Makes the rule of a layer at work; None where it has none for such a use.
Maker = Callable[[At], Rule | None]
_TABLE: dict[str, Maker] = {}


def rule(*words: str) -> Callable[[Maker], Maker]:
    """Enter a function into the table, for the layers of these words."""

    def entered(make: Maker) -> Maker:
        for word in words:
            _TABLE[word] = make
        return make

    return entered


def find(kind: type[Layer]) -> Maker | None:
    """What makes the rule for a kind of layer; None where the table has nothing."""
    word = kind.words[0]
    if word not in _TABLE:
        family = kind.__module__.rpartition(".")[2]
        with suppress(ModuleNotFoundError):
            import_module(f"dlcalc.formulas.layers.{family}")
    return _TABLE.get(word)


def indices(sizes: Sequence[int]) -> Iterator[Index]:
    """Every index into these sizes, in row-major order.

    >>> list(indices((2, 2)))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    from itertools import product

    return product(*map(range, sizes))


def unraveled(place: int, sizes: Sequence[int]) -> Index:
    """The index at a place in row-major order.

    >>> unraveled(5, (2, 3))
    (1, 2)
    """
    found = []
    for size in reversed(sizes):
        place, i = divmod(place, size)
        found.append(i)
    return tuple(reversed(found))
