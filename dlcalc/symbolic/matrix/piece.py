"""Pieces of code: an operation with its operands, as text in two languages and as a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from dlcalc.symbolic.matrix.codes import ATOM, POWER, PRODUCT, SIGN, SUM, Row
from dlcalc.symbolic.matrix.node import is_decimal, tidy


class Piece(NamedTuple):
    """A part of a line: its texts, how tightly it binds, and what it does to values by name."""

    numpy: str
    torch: str
    level: int
    run: Callable[[Mapping[str, Any]], Any]

    def inside(self, level: int) -> tuple[str, str]:
        """Its texts as operands of something that binds so tightly."""
        if self.level >= level:
            return self.numpy, self.torch
        return f"({self.numpy})", f"({self.torch})"


def named(name: str) -> Piece:
    return Piece(name, name, ATOM, lambda values: values[name])


def number(value: Any) -> Piece:
    exact = tidy(value)
    number = float(exact)
    if exact.denominator == 1:
        text, level = str(exact.numerator), ATOM if exact >= 0 else SIGN
    elif is_decimal(exact):
        text, level = repr(number), ATOM if exact >= 0 else SIGN
    else:
        text, level = f"{exact.numerator}/{exact.denominator}", PRODUCT
        if Fraction(repr(number)) == exact:
            text, level = repr(number), ATOM if exact >= 0 else SIGN
    return Piece(text, text, level, lambda values: number)


_RUN: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "@": np.matmul,
    "**": lambda x, y: np.asarray(x, float) ** y,
}
_LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT, "**": POWER}


def binary(sign: str, left: Piece, right: Piece) -> Piece:
    level, run = _LEVELS[sign], _RUN[sign]
    first = left.inside(level + (sign == "**"))
    second = right.inside(SIGN if sign == "**" else level + 1)
    gap = "" if sign == "**" else " "
    texts = [f"{a}{gap}{sign}{gap}{b}" for a, b in zip(first, second, strict=True)]
    return Piece(texts[0], texts[1], level, lambda v: run(left.run(v), right.run(v)))


def negative(piece: Piece) -> Piece:
    numpy, torch = piece.inside(SIGN)
    return Piece(f"-{numpy}", f"-{torch}", SIGN, lambda v: -piece.run(v))


def transposed(piece: Piece) -> Piece:
    numpy, torch = piece.inside(ATOM)
    return Piece(f"{numpy}.T", f"{torch}.T", ATOM, lambda v: np.transpose(piece.run(v)))


def column(piece: Piece) -> Piece:
    numpy, torch = piece.inside(ATOM)
    run = piece.run
    return Piece(f"{numpy}[:, None]", f"{torch}[:, None]", ATOM, lambda v: run(v)[:, None])


def as_tensor(piece: Piece) -> Piece:
    """A Python number as something that PyTorch's functions take."""
    return piece._replace(torch=f"torch.tensor({piece.torch})", level=ATOM)


def applied(row: Row, args: Sequence[Piece], axis: Any = None) -> Piece:
    """A row of the table at its operands, bare for {0} and as an atom for {A}."""
    texts = []
    for kind, template in enumerate((row.numpy, row.torch)):
        names = {key: arg.inside(ATOM)[kind] for key, arg in zip("ABC", args, strict=False)}
        plain = [arg[kind] for arg in args]
        texts.append(template.format(*plain, **names, axis=axis, all=", ".join(map(str, plain))))
    function = row.run
    if axis is not None:
        return Piece(
            texts[0], texts[1], row.level, lambda v: function(*[a.run(v) for a in args], axis)
        )
    return Piece(texts[0], texts[1], row.level, lambda v: function(*[a.run(v) for a in args]))
