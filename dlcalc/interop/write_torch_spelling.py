"""What the spellings of PyTorch's layers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.shape import Shape


class Spelling(NamedTuple):
    """A layer: the expression that makes its module, if it has one, and the call of it.

    In ``call`` stand ``{x}`` for the value that comes in and ``{name}`` for the module.
    """

    module: str = ""
    call: str = "self.{name}({x})"


#: What spells a layer with the shapes of its input and output.
Speller = Callable[[Any, Shape, Shape], Spelling]


def module(cls: str, *values: object, **named: tuple[object, object]) -> str:
    """The call of a class; ``named`` are pairs of a value and the default, which is left out."""
    given = [f"{key}={_text(v)}" for key, (v, default) in named.items() if v != default]
    return f"nn.{cls}({', '.join([*map(_text, values), *given])})"


def _text(value: object) -> str:
    """A value as Python writes it; sizes that are alike along all axes as one."""
    if isinstance(value, tuple) and len(value) > 0 and len(set(value)) == 1:
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


def uneven(layer: Any, ends: tuple[tuple[int, int], ...]) -> LayerError:
    begin, end = next(pair for pair in ends if pair[0] != pair[1])
    return LayerError(
        f"{layer.words[0]} pads both ends alike in torch, not {begin} and {end}",
        "Put a pad layer before it.",
    )
