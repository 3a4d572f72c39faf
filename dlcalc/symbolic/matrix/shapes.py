"""Shapes of letters, as ``X=nxd,w=d`` says them, and shapes as people read them."""

from __future__ import annotations

from dlcalc.errors import InputError, Place, Source, abridged
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.symbolic.matrix.node import Shape, Size

#: An axis may be so long, and a letter may have so many axes.
MOST_ENTRIES = 10_000
MOST_AXES = 4


def read_shapes(text: str) -> dict[str, Shape]:
    """The shapes of letters: sizes are whole numbers or letters other than x.

    ``w=1`` is a vector of one entry, ``lam=scalar`` a number. Raises `InputError`
    at what is no shape.

    >>> read_shapes("X=nxd,w=d,c=scalar")
    {'X': ('n', 'd'), 'w': ('d',), 'c': ()}
    """
    source = Source(text, "")
    found: dict[str, Shape] = {}
    start = 0
    for part in text.split(","):
        place = Place(source, start, start + max(len(part), 1))
        start += len(part) + 1
        name, equals, sizes = (word.strip() for word in part.partition("="))
        if not equals or not name.isidentifier():
            rule = f"{abridged(part.strip()) or 'nothing'} is not a letter's shape"
            raise InputError(rule, place=place, mend="Write X=nxd,w=d, or c=scalar.")
        if name in FUNCTIONS or name == "pi":
            raise InputError(f"{name} is not a variable's name", place=place)
        if name in found:
            raise InputError(f"{name} is given a shape twice", place=place)
        found[name] = _shape(sizes, place)
    letters = {size for shape in found.values() for size in shape if isinstance(size, str)}
    for name in found:
        if name in letters:
            raise InputError(
                f"{name} is a size and a variable at once",
                place=Place(source, 0, len(text)),
                mend="Name one of them otherwise.",
            )
    return found


def _shape(text: str, place: Place) -> Shape:
    if text == "scalar":
        return ()
    words = text.replace(" ", "").split("x")
    if len(words) > MOST_AXES:
        raise InputError(f"{abridged(text)} has more than {MOST_AXES} axes", place=place)
    return tuple([_size(word, text, place) for word in words])


def _size(word: str, text: str, place: Place) -> Size:
    if word.isascii() and word.isdigit() and len(word) < 8:
        if not 1 <= int(word) <= MOST_ENTRIES:
            rule = f"a side of {word} is not between 1 and {MOST_ENTRIES:,}"
            raise InputError(rule, place=place)
        return int(word)
    if len(word) == 1 and word.isidentifier():
        return word
    rule = f"{abridged(text) or 'nothing'} is not a shape"
    mend = "Sizes are whole numbers, or single letters other than x, as in 3x4 or nxd."
    raise InputError(rule, place=place, mend=mend)


def shown(shape: Shape) -> str:
    """A shape as it is written, ``scalar`` for a number's.

    >>> shown(("n", 3)), shown(())
    ('nx3', 'scalar')
    """
    return "x".join(map(str, shape)) or "scalar"


def letters(shapes: dict[str, Shape]) -> list[str]:
    """The letters that stand for sizes, in the order in which they first occur."""
    return list(dict.fromkeys(s for shape in shapes.values() for s in shape if isinstance(s, str)))
