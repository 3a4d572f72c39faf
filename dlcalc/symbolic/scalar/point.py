"""A point of ``--at``: numbers for variables, and expressions there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dlcalc.errors import InputError, Place, Source, abridged, nearest
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr, Name, Subscript, variables, written
from dlcalc.symbolic.scalar.evaluate import Undefined, evaluate


def read_point(text: str, names: Sequence[str]) -> dict[str, float]:
    """The numbers of ``w=0.5,x=2``, one for each name; a number may be written as pi/2.

    Raises `InputError` where it is not of that form, for a name that is not among
    them, and if one has no number.

    >>> read_point("x=1/4,w=-2", ["w", "x"])
    {'x': 0.25, 'w': -2.0}
    """
    source = Source(text, "")
    found: dict[str, float] = {}
    for start, part in _parts(text):
        name, sign, number = part.partition("=")
        place = Place(source, start, start + max(len(part), 1))
        if not sign or not number.strip():
            rule = f"--at: {abridged(part.strip()) or 'an empty part'} is not NAME=NUMBER"
            raise InputError(rule, place=place, mend="Write --at w=0.5,x=2.")
        key = _named(name)
        if key not in names:
            close = nearest(key, names)
            mend = f"Did you mean {close}?" if close else f"There are {', '.join(names)}."
            raise InputError(f"--at: {abridged(key)} is no variable here", place=place, mend=mend)
        if key in found:
            raise InputError(f"--at gives {key} twice", place=place)
        expr = parse(number)
        if variables(expr):
            raise InputError(f"--at: {abridged(number)} is no number", place=place)
        found[key] = evaluate(expr, {})
    missing = [name for name in dict.fromkeys(names) if name not in found]
    if missing:
        rule = f"--at gives no number for {', '.join(missing)}"
        raise InputError(rule, mend=f"Add {','.join(f'{name}=1' for name in missing)}.")
    return found


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """What stands between commas outside brackets, with where it starts."""
    level = start = 0
    for position, character in enumerate(f"{text},"):
        level += (character in "([") - (character in ")]")
        if character == "," and level <= 0:
            yield start, text[start:position]
            start = position + 1


def _named(text: str) -> str:
    found = parse(text)
    if isinstance(found, Name | Subscript):
        return written(found)
    raise InputError(f"--at: {abridged(text)} is no variable", place=found.place)


def at(expr: Expr, point: Mapping[str, float], what: str = "") -> float:
    """The value of an expression at a point. Raises `InputError` where it has none."""
    try:
        found = evaluate(expr, point)
    except Undefined as undefined:
        behind = f", in {what}" if what else ""
        raise InputError(
            f"{undefined.part} {undefined.why} at {shown(point)}{behind}", place=undefined.place
        ) from None
    return float(found)


def shown(point: Mapping[str, float]) -> str:
    """A point in words."""
    return ", ".join(f"{name} = {number:.12g}" for name, number in point.items())
