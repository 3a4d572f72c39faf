"""What the spellings of Keras's layers are made of.

Keras keeps the channels last, as every backend can. Of a map the order of the axes is
therefore (height, width, channels) where dlcalc says CxHxW; sequences and features stand
as dlcalc has them. Which of the two a value is in is known at every layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from dlcalc.errors import LayerError
from dlcalc.interop.write.keras.classes import CLASSES
from dlcalc.layers.shape import Shape

#: (begin, end) along each axis.
Ends = tuple[tuple[int, int], ...]


class Use(NamedTuple):
    """A layer at work under a name; ``last`` is whether its input has the channels last."""

    layer: Any
    shape: Shape
    output: Shape
    name: str
    last: bool = False

    @property
    def sides(self) -> tuple[int, ...]:
        """The spatial sizes of the input, which are numbers by now."""
        return cast(tuple[int, ...], self.shape.spatial)

    @property
    def output_sides(self) -> tuple[int, ...]:
        """The spatial sizes of the output."""
        return cast(tuple[int, ...], self.output.spatial)

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.shape.sizes) - 1

    @property
    def axis(self) -> int:
        """Where the channels stand, behind the batch."""
        return -1 if self.last or self.rank < 1 else 1

    def made(self, cls: str, *values: object, **named: tuple[object, object]) -> str:
        """The layer under its name, called: ``layers.Dense(10, name="dense1")({x})``."""
        return made(cls, self.name, *values, **named)

    def part(self, name: str, cls: str, *values: object, **named: tuple[object, object]) -> str:
        """Another layer that this one is made of, called."""
        return made(cls, f"{self.name}_{name}", *values, **named)

    def ranked(self, cls: str) -> str:
        """The class for the number of spatial axes."""
        if not 1 <= self.rank <= 3:
            raise LayerError(f"keras has no {cls} for {self.rank} spatial axes")
        return f"{cls}{self.rank}D"


class Line(NamedTuple):
    """A call on the value ``{x}``, and the sizes it gives where they are not the layer's own."""

    call: str
    sizes: tuple[object, ...] | None = None


class Spelling(NamedTuple):
    """A layer as calls one behind the other, and what their value looks like.

    ``last`` is whether it has the channels last, None for as it came in; ``classes`` are
    those of `classes` that the source has to bring along.
    """

    lines: tuple[Line | str, ...]
    last: bool | None = None
    classes: tuple[str, ...] = ()


#: What spells a layer at work.
Speller = Callable[[Use], Spelling]


class Verbatim(str):
    """Text that stands in the source as it is."""

    __slots__ = ()


def made(cls: str, name: str, *values: object, **named: tuple[object, object]) -> str:
    """A layer of Keras, called; ``named`` are pairs of a value and the default, left out.

    >>> made("Dense", "dense1", 10, use_bias=(False, True))
    'layers.Dense(10, use_bias=False, name="dense1")({x})'
    """
    given = [f"{key}={text(v)}" for key, (v, default) in named.items() if v != default]
    module = "" if cls in CLASSES else "layers."
    arguments = ", ".join([*map(text, values), *given, f'name="{name}"'])
    return f"{module}{cls}({arguments})({{x}})"


def text(value: object) -> str:
    """A value as Python writes it; sizes that are alike along all axes as one."""
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, tuple) and len(value) > 0 and len(set(value)) == 1:
        value = value[0]
    return f'"{value}"' if isinstance(value, str) else repr(value)


def ends_text(ends: Ends) -> Verbatim:
    """Begin and end of each axis as ZeroPadding and Cropping take them."""
    if all(begin == end for begin, end in ends):
        return Verbatim(text(tuple(begin for begin, _ in ends)))
    return Verbatim(repr(ends[0] if len(ends) == 1 else ends))


def stored(shape: Shape, last: bool) -> tuple[object, ...]:
    """The sizes in the order that Keras has them."""
    return (*shape.sizes[1:], shape.sizes[0]) if last else shape.sizes


def turned(rank: int, *, to_last: bool) -> tuple[int, ...]:
    """The order of ``layers.Permute`` for a map with so many spatial axes.

    >>> turned(2, to_last=False), turned(2, to_last=True)
    ((3, 1, 2), (2, 3, 1))
    """
    spatial = range(1, rank + 1)
    if to_last:
        return (*(axis + 1 for axis in spatial), 1)
    return (rank + 1, *spatial)
