"""Shapes of letters, as ``X=nxd,w=d`` says them, and shapes as people read them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from dlcalc.errors import InputError, Place, Source, abridged
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Transpose
from dlcalc.symbolic.matrix.node import Shape, Size

#: An axis may be so long, and a letter may have so many axes.
LONGEST = 1_000_000
MOST_AXES = 4
#: Longer axes are written as they are and checked as letters are, at a smaller size.
LARGE = 12


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
        if not 1 <= int(word) <= LONGEST:
            rule = f"a side of {word} is not between 1 and {LONGEST:,}"
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


def letters(shapes: Mapping[str, Shape]) -> list[str]:
    """The letters that stand for sizes, in the order in which they first occur."""
    return list(dict.fromkeys(s for shape in shapes.values() for s in shape if isinstance(s, str)))


def generic(shapes: Mapping[str, Shape], numbers: Container[int]) -> dict[str, Shape]:
    """Shapes with large numbers as letters of the same look, save where they are ``numbers``.

    What holds for a letter holds for any number; so 784 need not be tried at 784.

    >>> generic({"X": (784, 10)}, [])
    {'X': ('784', 10)}
    """

    def letter(size: Size) -> Size:
        is_large = isinstance(size, int) and size > LARGE and size not in numbers
        return str(size) if is_large else size

    return {name: tuple([letter(size) for size in shape]) for name, shape in shapes.items()}


def placeholder(letter: str) -> str:
    """A name for a size that looks like a number; any other letter is its own."""
    return f"size_{letter}" if letter.isdigit() else letter


def renamed(expr: Expr) -> Expr:
    """An expression in which sizes that look like numbers have names, and 784 is a number."""
    return _replaced(expr, lambda part: isinstance(part, Name), placeholder)


def sized(expr: Expr, letters: Iterable[str]) -> Expr:
    """An expression in which the numbers that are letters of sizes are sizes."""
    numbers = {letter for letter in letters if letter.isdigit()}

    def is_size(part: Expr) -> bool:
        return isinstance(part, Number) and str(part.value) in numbers

    return _replaced(expr, is_size, str)


def _replaced(expr: Expr, chosen: Callable[[Expr], bool], name: Callable[[str], str]) -> Expr:
    """An expression with names for some of its letters or numbers."""
    if isinstance(expr, Name | Number) and chosen(expr):
        return Name(name(expr.name if isinstance(expr, Name) else str(expr.value)))
    match expr:
        case Negative(operand):
            return Negative(_replaced(operand, chosen, name))
        case Transpose(operand):
            return Transpose(_replaced(operand, chosen, name))
        case Binary(sign, left, right):
            return Binary(sign, _replaced(left, chosen, name), _replaced(right, chosen, name))
        case Call(function, arguments, axis):
            inner = tuple([_replaced(argument, chosen, name) for argument in arguments])
            return Call(function, inner, axis)
    return expr
