"""Arrays as text: aligned for people, in full for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from dlcalc.formulas.layers.table import Flat
from dlcalc.layers.shape import sizes_text

#: Digits of a number for people, and whole numbers that they read in full.
DIGITS = 6
_WHOLE = 1e9
#: Columns of a line of numbers, and lines, beyond which an array is summed up.
ROOM, LINES = 60, 16


def shown(x: float, digits: int = DIGITS) -> str:
    """A number for people, to so many significant digits.

    >>> shown(0.1 + 0.2), shown(11.0), shown(-0.0), shown(1234567.0), shown(1/3, 3)
    ('0.3', '11', '0', '1234567', '0.333')
    """
    if x == x and abs(x) < _WHOLE and x == int(x):
        return str(int(x))
    return format(x, f".{digits}g")


def full(x: float) -> str:
    """The shortest text that is read as the same number.

    >>> full(0.1 + 0.2), full(11.0), full(float("inf"))
    ('0.30000000000000004', '11', 'inf')
    """
    return repr(float(x)).removesuffix(".0")


def literal(sizes: Sequence[int], flat: Iterable[float], digits: int | None = None) -> str:
    """An array as a literal that can be given back as DATA: all digits, or so many.

    >>> literal((2, 2), [1.0, 2.0, 3.0, 4.5]), literal((3,), [1.0, 2.0, 3.0])
    ('[[1,2],[3,4.5]]', '1,2,3')
    """
    texts = [full(x) if digits is None else shown(x, digits) for x in flat]
    if len(sizes) <= 1:
        return ",".join(texts)
    for size in reversed(sizes):
        texts = [f"[{','.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return texts[0] if texts else "[]"


def lines(sizes: Sequence[int], flat: Flat, digits: int = DIGITS, room: int = ROOM) -> list[str]:
    """An array as lines of aligned numbers, one for each row of its last axis.

    Arrays of more axes have the index of each matrix before it; those that are too
    large are summed up in one line.

    >>> lines((2, 2), [1.0, 20.0, 3.0, 4.0])
    ['1  20', '3   4']
    """
    last = sizes[-1] if sizes else 1
    rows = prod(sizes[:-1])
    if rows > LINES or 2 * last > room:
        return [summary(sizes, flat, digits)]
    cells = [
        [shown(float(x), digits) for x in flat[i * last : (i + 1) * last]] for i in range(rows)
    ]
    widths = [max(len(row[c]) for row in cells) for c in range(last)]
    found = ["  ".join(map(str.rjust, row, widths)) for row in cells]
    if prod(sizes[:-2]) > 1:
        found = _labelled(sizes, found)
    if max(map(len, found), default=0) > room:
        return [summary(sizes, flat, digits)]
    return found


def _labelled(sizes: Sequence[int], rows: list[str]) -> list[str]:
    """The index of each matrix before its first row."""
    each = sizes[-2]
    labels = [""] * len(rows)
    for matrix in range(len(rows) // each):
        index, left = [], matrix
        for size in reversed(sizes[:-2]):
            left, i = divmod(left, size)
            index.append(str(i))
        labels[matrix * each] = f"[{','.join(reversed(index))}]"
    width = max(map(len, labels))
    return [f"{label:{width}}  {row}" for label, row in zip(labels, rows, strict=True)]


def summary(sizes: Sequence[int], flat: Flat, digits: int = DIGITS) -> str:
    """The sizes of an array, its least, mean and greatest number; what is not finite counted.

    >>> summary((2, 2), [1.0, 2.0, 3.0, float("nan")])
    '2x2, from 1 to 3, mean 2, 1 not finite'
    """
    from numpy import asarray, isfinite

    numbers = asarray(flat, dtype=float)
    finite = numbers[isfinite(numbers)]
    name = sizes_text(tuple(sizes))
    if not finite.size:
        return f"{name}, none of its numbers is finite"
    text = f"{name}, from {shown(float(finite.min()), digits)} to "
    text += f"{shown(float(finite.max()), digits)}, mean {shown(float(finite.mean()), digits)}"
    lost = numbers.size - finite.size
    return text + (f", {lost:,} not finite" if lost else "")
