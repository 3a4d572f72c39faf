"""What the spellings of PyTorch's layers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.shape import Shape


class Spelling(NamedTuple):
    """A layer: the expression that makes its module, if it has one, and the call of it.

    In ``call`` stand ``{x}`` for the value that comes in and ``{name}`` for the module;
    ``{memory}`` for a second input of the net, of these sizes, and ``{segments}`` for the
    numbers of the segments that steps are in.
    """

    module: str = ""
    call: str = "self.{name}({x})"
    memory: Shape | None = None


#: What spells a layer with the shapes of its input and output.
Speller = Callable[[Any, Shape, Shape], Spelling]


def module(cls: str, *values: object, **named: tuple[object, object]) -> str:
    """The call of a class; ``named`` are pairs of a value and the default, which is left out."""
    return f"nn.{made(cls, *values, **named)}"


def made(cls: str, *values: object, **named: tuple[object, object]) -> str:
    """As `module`, for a class that the source has itself.

    >>> made("Perceptron", 8, 32, bias=(False, True))
    'Perceptron(8, 32, bias=False)'
    """
    given = [f"{key}={_text(v)}" for key, (v, default) in named.items() if v != default]
    return f"{cls}({', '.join([*map(_text, values), *given])})"


class Whole(tuple[Any, ...]):
    """Sizes that are written one for each axis, even where they are alike."""

    __slots__ = ()


def _text(value: object) -> str:
    """A value as Python writes it; sizes that are alike along all axes as one."""
    whole = isinstance(value, Whole)
    if isinstance(value, tuple) and not whole and len(value) > 0 and len(set(value)) == 1:
        value = value[0]
    return f'"{value}"' if isinstance(value, str) else repr(value)


def ranked(cls: str, shape: Shape) -> str:
    """The class for the spatial axes of a shape; features have the one-dimensional form."""
    rank = len(shape.sizes) - 1 or 1
    if rank > 3:
        raise LayerError(f"torch has no {cls} for {rank} spatial axes")
    return f"{cls}{rank}d"


def flat(ends: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Begin and end of each axis as torch lists them, which starts with the last."""
    return tuple(amount for pair in reversed(ends) for amount in pair)
