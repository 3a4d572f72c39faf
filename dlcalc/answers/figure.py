"""A figure as it is quoted: 4.1G, 8.18 GFLOPs, 25.6M params, 97.5MiB."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from dlcalc.errors import InputError, abridged
from dlcalc.numbers import amount

#: What a word behind the number says it counts.
_KINDS = {
    "mac": "MACs",
    "macs": "MACs",
    "madds": "MACs",
    "mult-adds": "MACs",
    "flop": "FLOPs",
    "flops": "FLOPs",
    "param": "parameters",
    "params": "parameters",
    "parameters": "parameters",
    "bytes": "bytes",
}
_FIGURE = re.compile(
    r"([0-9.,]+(?:[eE][+-]?[0-9]{1,3})?)\s*([kKMGTB]?)\s*"
    rf"((?i:{'|'.join(sorted(_KINDS, key=len, reverse=True))})|B|iB|)"
)
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
_LONGEST = 60


class Figure(NamedTuple):
    """What was quoted, the number it stands for, and half a unit of its last digit.

    ``kind`` is MACs, FLOPs, parameters, bytes, or empty where nothing says it.
    """

    text: str
    value: Fraction
    half: Fraction
    digits: int
    kind: str = ""
    #: How many times more bytes it is if its unit is a power of 1024.
    growth: Fraction = Fraction(1)

    def meets(self, value: Fraction | int) -> bool:
        """Whether that many would be written so."""
        return abs(value - self.value) <= self.half

    @property
    def rounded(self) -> Figure | None:
        """The same with its last digit, a zero, taken for rounded; None if it is none.

        >>> int(read_figure("110M").rounded.half)
        5000000
        """
        number = re.match(r"[0-9,.]+", self.text)
        zero = number is not None and number[0].endswith("0") and "." not in number[0]
        if not zero or not self.half or self.digits < 3:
            return None
        return self._replace(half=10 * self.half)

    @property
    def binary(self) -> Figure | None:
        """The same in powers of 1024; None where it is not in powers of 1000 bytes."""
        if self.growth == 1:
            return None
        return self._replace(value=self.value * self.growth, half=self.half * self.growth)


def read_figure(text: str) -> Figure:
    """Read a figure. Raises `InputError` for what is none.

    >>> figure = read_figure("4.1 GFLOPs")
    >>> int(figure.value), int(figure.half), figure.digits, figure.kind
    (4100000000, 50000000, 2, 'FLOPs')
    """
    found = _FIGURE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        raise _refusal(text)
    number, unit, word = found.groups()
    kind = _kind(unit, word)
    in_bytes = kind == "bytes"
    read = amount(number + unit)
    if read is None or kind is None:
        raise _refusal(text)
    if read.value <= 0:
        raise InputError(f"{abridged(text)}: a figure to explain is above 0")
    growth = Fraction(1024, 1000) ** _POWERS[unit] if in_bytes else Fraction(1)
    figure = Figure(text.strip(), read.value, read.half, _digits(number), kind, growth)
    if word != "iB":
        return figure
    return (figure.binary or figure)._replace(growth=Fraction(1))


def _kind(unit: str, word: str) -> str | None:
    """What is counted; None for a word that says nothing known."""
    if not word:
        return ""
    if word in ("B", "iB"):
        return "bytes" if unit not in ("", "B") else None
    return _KINDS.get(word.lower())


def _digits(number: str) -> int:
    """How many digits were written, zeros in front not counted."""
    mantissa = number.lower().partition("e")[0]
    return len(mantissa.replace(",", "").replace(".", "").lstrip("0"))


def _refusal(text: str) -> InputError:
    return InputError(
        f"{abridged(text)} is no figure that can be explained",
        mend="Write a number, k, M, G, T or B, and what it counts: 4.1G, 8.18 GFLOPs, "
        "25.6M params, 97.5MiB.",
    )
