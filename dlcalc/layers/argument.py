"""The arguments that layers take, and the values that words become."""

from __future__ import annotations

import re
from typing import NamedTuple

from dlcalc.errors import LayerError, abridged
from dlcalc.layers.shape import MAX_SIZE
from dlcalc.layers.size import Size, letter

#: One number for every axis, or one for each.
Sizes = tuple[int, ...]
#: (begin, end) for every axis, or for each; or the framework's own rule.
Padding = tuple[tuple[int, int], ...] | str

REQUIRED = object()

_DECIMAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DIGITS = len(str(MAX_SIZE))


class Argument(NamedTuple):
    """One argument of a layer: how it is written, what it means, what it defaults to.

    ``kind`` is ``size`` (a whole number or a letter), ``sizes`` (3 or 3x5),
    ``padding`` (1, 1+2, 1+2x0, same, valid), ``number`` (a decimal) or
    ``flag`` (yes or no).
    """

    name: str
    kind: str
    help: str
    short: str = ""
    default: object = REQUIRED
    positional: bool = True
    low: int = 1

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    def value(self, word: str) -> object:
        """What a written value means.

        Raises `LayerError` if it is not a value of this kind.

        >>> Argument("kernel", "sizes", "").value("3x5")
        (3, 5)
        >>> Argument("padding", "padding", "", low=0).value("1+2x0")
        ((1, 2), (0, 0))
        """
        return _READERS[self.kind](self, word)


def _size(argument: Argument, word: str) -> Size:
    if len(word) == 1 and word.isascii() and word.isalpha() and word != "x":
        return letter(word)
    return _whole(argument, word)


def _sizes(argument: Argument, word: str) -> Sizes:
    return tuple(_whole(argument, axis) for axis in word.split("x", 8))


def _padding(argument: Argument, word: str) -> Padding:
    if word in ("same", "valid"):
        return word
    if word.lower() in ("same", "valid"):
        raise LayerError(f"{argument.name} must be written small", f"Write {word.lower()}.")
    ends = []
    for axis in word.split("x", 8):
        begin, plus, end = axis.partition("+")
        first = _whole(argument, begin)
        ends.append((first, _whole(argument, end) if plus else first))
    return tuple(ends)


def _number(argument: Argument, word: str) -> float:
    if not re.fullmatch(_DECIMAL, word) or len(word) > 40:
        raise LayerError(f"{argument.name} must be a number, not {_short(word)}")
    value = float(word)
    if value in (float("inf"), float("-inf")):
        raise LayerError(f"{argument.name}={word} is beyond every number")
    return value


def _flag(argument: Argument, word: str) -> bool:
    if word not in ("yes", "no"):
        raise LayerError(
            f"{argument.name} must be yes or no, not {_short(word)}", f"Write {argument.name}=no."
        )
    return word == "yes"


def _whole(argument: Argument, word: str) -> int:
    """A whole number from ``low`` to `MAX_SIZE`."""
    name = argument.name
    if word == "_":
        raise LayerError(f"_ leaves {name} open, but here it must be a number")
    digits = word[1:] if word[:1] in ("+", "-") else word
    if not (digits.isascii() and digits.isdigit()):
        expected = "a whole number or a letter" if argument.kind == "size" else "a whole number"
        raise LayerError(f"{name} must be {expected}, not {_short(word)}")
    if len(word) > _DIGITS:
        raise LayerError(f"{name} is a number of {len(word)} digits; at most {MAX_SIZE:,} is taken")
    value = int(word)
    if value > MAX_SIZE:
        raise LayerError(f"{name} is {value:,}; at most {MAX_SIZE:,} is taken")
    if value < argument.low:
        raise LayerError(f"{name} must be at least {argument.low}, not {value}")
    return value


def _short(word: str) -> str:
    return abridged(word) or "empty"


_READERS = {
    "size": _size,
    "sizes": _sizes,
    "padding": _padding,
    "number": _number,
    "flag": _flag,
}
