"""The arguments that layers take, and the values that words become."""

from __future__ import annotations

import re
from typing import NamedTuple

from dlcalc.errors import LayerError, abridged, nearest
from dlcalc.layers.shape import MAX_AXES, MAX_SIZE
from dlcalc.layers.size import Size, letter

#: One number for every axis, or one for each.
Sizes = tuple[int, ...]
#: (begin, end) for every axis, or for each; or the framework's own rule.
Padding = tuple[tuple[int, int], ...] | str

REQUIRED = object()

#: The rules of padding that have a word.
PADDING_WORDS = ("same", "valid", "same_upper", "same_lower", "causal")
#: What may squash the sums of a plain recurrent cell.
CURVES = ("tanh", "sigmoid")

_DECIMAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NAME = r"[a-z][a-z0-9_.]*"
_DIGITS = len(str(MAX_SIZE))
# Channels to keep are written one by one: more than axes, but not without end.
_MAX_LIST = 1_000


class Argument(NamedTuple):
    """One argument of a layer: how it is written, what it means, what it defaults to.

    ``kind`` is ``size`` (a whole number or a letter), ``count`` (a whole
    number), ``sizes`` (3 or 3x5), ``shape`` (768x196 or CxN, one of them may be
    -1), ``padding`` (1, 1+2, 1+2x0, or one of `PADDING_WORDS`), ``number`` (a
    decimal), ``flag`` (yes or no), ``curve`` (one of `CURVES`) or ``name`` (another
    layer's: residual2.conv1).
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
        >>> Argument("sizes", "shape", "").value("Cx-1")
        (C, -1)
        """
        return _READERS[self.kind](self, word)


def _size(argument: Argument, word: str) -> Size:
    if len(word) == 1 and word.isascii() and word.isalpha() and word != "x":
        return letter(word)
    return _whole(argument, word)


def _sizes(argument: Argument, word: str) -> Sizes:
    return tuple(_whole(argument, axis) for axis in word.split("x", _MAX_LIST))


def _shape(argument: Argument, word: str) -> tuple[Size, ...]:
    parts = word.split("x", MAX_AXES)
    if len(parts) > MAX_AXES:
        raise LayerError(f"{argument.name} may have at most {MAX_AXES} axes")
    if parts.count("-1") > 1:
        raise LayerError(f"{argument.name} may leave one size to be worked out as -1, not more")
    return tuple(-1 if part == "-1" else _size(argument, part) for part in parts)


def _padding(argument: Argument, word: str) -> Padding:
    if word in PADDING_WORDS:
        return word
    if word.lower() in PADDING_WORDS:
        raise LayerError(f"{argument.name} must be written small", f"Write {word.lower()}.")
    ends = []
    for axis in word.split("x", MAX_AXES):
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


def _curve(argument: Argument, word: str) -> str:
    if word not in CURVES:
        raise LayerError(
            f"{argument.name} must be {' or '.join(CURVES)}, not {_short(word)}",
            f"Write {argument.name}={nearest(word, CURVES) or CURVES[0]}.",
        )
    return word


def _name(argument: Argument, word: str) -> str:
    if not re.fullmatch(_NAME, word) or len(word) > 100:
        raise LayerError(
            f"{argument.name} must be the name of a layer, not {_short(word)}",
            f"A name is a kind and a number, such as {argument.name}=embedding1 or "
            f"{argument.name}=residual2.conv1.",
        )
    return word


def _whole(argument: Argument, word: str) -> int:
    """A whole number from ``low`` to `MAX_SIZE`."""
    name = argument.name
    if word == "_":
        raise LayerError(
            f"_ leaves {name} open, but here it must be a number",
            "dlcalc shape finds it from the output: --solve OUTPUT.",
        )
    digits = word[1:] if word[:1] in ("+", "-") else word
    if not (digits.isascii() and digits.isdigit()):
        letters = argument.kind in ("size", "shape")
        expected = "a whole number or a letter" if letters else "a whole number"
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
    "count": _whole,
    "sizes": _sizes,
    "shape": _shape,
    "padding": _padding,
    "number": _number,
    "flag": _flag,
    "curve": _curve,
    "name": _name,
}
