"""What the draws of Keras layers are made of, and how Keras is given their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import layers
from oracles.drawing import Drawer, Ends, Rejected, Sizes, by, everywhere, line
from torch import Tensor

#: Keras layers, one after the other, for an input of given sizes.
Build = Callable[[Sizes], list[Any]]

CHANNELS_FIRST = {"data_format": "channels_first"}


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
        return line(self.sizes, self.parts)


class Writer(Drawer):
    """Draws as Keras makes them worth it, which takes much that others refuse."""

    largest = 10
    below = 0.7
    miscounted = 0.015
    misnamed = 0.4


def keras_class(name: str, pinned: int | None, sizes: Sizes) -> Any:
    """The Keras class of a rank, such as Conv2D for ``Conv{}D``: the pinned one, else the input's.

    Raises `Rejected` where Keras has none.
    """
    rank = len(sizes) - 1 if pinned is None else pinned
    if not 1 <= rank <= 3:
        raise Rejected(f"by definition: {by(sizes)} has no {rank} spatial axes to move along")
    return getattr(layers, name.format(rank))


def given_ends(ends: Ends, sizes: Sizes) -> Any:
    """Begin and end as Keras is given them: a pair in 1-D, else a pair for each axis.

    Raises `Rejected` for another number of axes, which 1-D would read as begin and end.
    """
    rank = len(sizes) - 1
    if len(ends) not in (1, rank):
        raise Rejected(f"by definition: {len(ends)} pairs for {rank} axes")
    pairs = everywhere(ends, rank)
    return pairs[0] if rank == 1 else pairs
