"""The names of all tasks, known without importing any of them, or NumPy."""

from __future__ import annotations

import re
from typing import NamedTuple

from dlcalc.errors import NotationError, abridged, nearest


class Size(NamedTuple):
    """The number that may follow a task's name: what it counts, its default and its bounds."""

    meaning: str
    default: int
    low: int
    high: int


class Entry(NamedTuple):
    """A task's module, what it is in a line, and its size, if it comes in sizes."""

    module: str
    summary: str
    size: Size | None = None


TASKS: dict[str, Entry] = {
    "and": Entry("logic", "Whether both of two bits are 1"),
    "or": Entry("logic", "Whether one of two bits is 1, or both"),
    "nand": Entry("logic", "Whether not both of two bits are 1"),
    "xor": Entry("logic", "Whether two bits differ: no line parts the classes"),
    "parity": Entry("logic", "Whether the number of ones is odd", Size("bits", 4, 1, 20)),
    "blobs": Entry("points", "Clouds around points on a circle", Size("classes", 3, 2, 20)),
    "moons": Entry("points", "Two half circles that reach into each other"),
    "circles": Entry("points", "A circle within a circle"),
    "spirals": Entry("points", "Arms wound around each other", Size("arms", 2, 2, 8)),
    "noisy-labels": Entry("points", "A line parts the classes, but some labels are wrong"),
    "sine": Entry("curves", "A number's sine"),
    "line": Entry("curves", "A straight line, y = 2x - 1"),
    "sparse-regression": Entry(
        "curves", "A weighted sum in which few weights are not 0", Size("features", 20, 4, 1_000)
    ),
    "glyphs": Entry("glyphs", "Small digits anywhere in an image", Size("side", 12, 8, 64)),
    "shifted-patterns": Entry(
        "patterns", "Whether a pattern occurs, wherever", Size("length", 24, 8, 1_000)
    ),
    "echo": Entry("sequences", "The symbol of some steps ago, y_t = x_(t-k)", Size("k", 3, 0, 19)),
    "adding": Entry(
        "sequences", "The sum of the two numbers that are marked", Size("length", 20, 2, 1_000)
    ),
    "recall": Entry(
        "sequences", "The first symbol, asked for at the end", Size("length", 20, 1, 1_000)
    ),
    "sequence-parity": Entry(
        "sequences", "At every step whether the ones so far are odd", Size("length", 12, 1, 1_000)
    ),
}


def read_name(text: str) -> tuple[str, int | None]:
    """A task's name and its size, or None if it comes in one size. Raises `NotationError`.

    >>> read_name("parity:3"), read_name("parity-3"), read_name("parity"), read_name("xor")
    (('parity', 3), ('parity', 3), ('parity', 4), ('xor', None))
    """
    word = text.strip().lower().replace("_", "-")
    match = re.fullmatch(r"(.*?[^0-9])[:-]([0-9]+)", word, re.ASCII)
    name, written = (match[1], match[2]) if match else (word, "")
    entry = TASKS.get(name)
    if entry is None:
        guess = nearest(name, TASKS)
        raise NotationError(
            f"there is no task {abridged(text)}",
            mend=f"Did you mean {guess}?" if guess else f"The tasks are {', '.join(TASKS)}.",
        )
    if entry.size is None:
        if written:
            raise NotationError(f"{name} comes in one size", mend=f"Write {name} alone.")
        return name, None
    return name, _size(name, written, entry.size)


def _size(name: str, written: str, size: Size) -> int:
    if not written:
        return size.default
    # Python refuses to read numbers of thousands of digits, so their length is looked at first.
    if len(written) > 9 or not size.low <= int(written) <= size.high:
        raise NotationError(
            f"{size.meaning} of {name} must be {size.low} to {size.high:,}, "
            f"not {abridged(written)}",
            mend=f"{name}-{size.default} is usual.",
        )
    return int(written)
