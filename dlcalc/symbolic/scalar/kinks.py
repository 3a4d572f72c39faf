"""Where a derivative is a convention or does not exist, and its pieces between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from dlcalc.errors import Place
from dlcalc.expr.tree import Expr, variables, written
from dlcalc.symbolic.scalar.check import PRECISE, relative
from dlcalc.symbolic.scalar.draw import drawn_number
from dlcalc.symbolic.scalar.evaluate import KINKED, Undefined, evaluate
from dlcalc.symbolic.scalar.form import Algebra, Form
from dlcalc.symbolic.scalar.orders import Entry
from dlcalc.symbolic.scalar.present import Tidy, expression

#: Which slope PyTorch takes, of the functions for which it is not the left one.
_TORCH = {
    "abs": "the middle of both slopes",
    "mae": "the middle of both slopes",
    "max": "the middle of both slopes",
    "min": "the middle of both slopes",
    "hardtanh": "the outer slope",
}
_TAKEN = {
    "left": "the left slope",
    "middle": "the middle of both slopes",
    "right": "the right slope",
}


_ATTEMPTS = 40


class Kink(NamedTuple):
    """A function, what is 0 where it has a kink or jumps, and a sentence about that."""

    function: str
    zero: Expr
    jump: bool
    #: Which slope counts; empty at a jump.
    taken: str
    place: Place | None

    def sentence(self, here: bool = False) -> str:
        """Where it is and what holds there; ``here`` if a point lies on it."""
        where = f"{self.function} at {written(self.zero)} = 0{', as here' if here else ''}"
        return f"{where}: {self.taken or 'there is no derivative there'}"

    def document(self) -> dict[str, object]:
        """It as JSON has it."""
        kind = "jump" if self.jump else "kink"
        return {
            "kind": kind,
            "function": self.function,
            "zero": written(self.zero),
            "sentence": self.sentence(),
        }


def kinks(entries: Iterable[Entry], share: str = "") -> list[Kink]:
    """Where derivatives rest on a convention (kinks) or do not exist (jumps), each once."""
    found: dict[str, Kink] = {}
    for entry in entries:
        for bend in entry.derivation.bends(entry.root):
            zero = entry.derivation.whole(bend.zero)
            taken = _TAKEN[share] if share else _TORCH.get(bend.function, _TAKEN["left"])
            taken += " counts" if share else " counts, as in PyTorch"
            kink = Kink(bend.function, zero, bend.jump, "" if bend.jump else taken, bend.place)
            found.setdefault(kink.sentence(), kink)
    return list(found.values())


class Piece(NamedTuple):
    """What a derivative is on one side of its kink."""

    condition: str
    zero: Expr
    side: int
    expr: Expr


def pieces(entry: Entry) -> list[Piece]:
    """A derivative on both sides of its kink, if it has just one kind of kink."""
    algebra = Algebra()
    algebra.read(entry.of)
    form = algebra.read(entry.expr)
    zeros = {_unsigned(algebra, zero) for zero in _zeros(algebra, form)}
    if len(zeros) != 1:
        return []
    (zero,) = zeros
    tidy, shown = Tidy(algebra), expression(zero)
    found = []
    for side, sign in ((1, ">"), (-1, "<")):
        one_sided = tidy(_one_sided(algebra, form, zero, side))
        if list(_zeros(algebra, one_sided)):
            return []
        condition = f"{written(shown)} {sign} 0"
        found.append(Piece(condition, shown, side, expression(one_sided)))
    return found


def wrong_piece(entry: Entry, found: Iterable[Piece]) -> str:
    """Where a piece is not the derivative, as a sentence; empty if all agree at random points."""
    names = list(dict.fromkeys([*variables(entry.of), *variables(entry.expr)]))
    source = random.Random(2)
    for attempt in range(_ATTEMPTS):
        values = {name: drawn_number(source, attempt) for name in names}
        for piece in found:
            try:
                if evaluate(piece.zero, values) * piece.side <= 0:
                    continue
                ours, whole = evaluate(piece.expr, values), evaluate(entry.expr, values)
            except Undefined:
                continue
            if relative(ours, whole) > PRECISE**0.5:
                return f"where {piece.condition} it is {whole:.9g} and not {ours:.9g}"
    return ""


def _zeros(algebra: Algebra, form: Form) -> Iterable[Form]:
    """What the kinked functions in a form have at 0 in their kinks."""
    if form.kind == "call" and form.value in KINKED:
        yield _zero(algebra, form)
    for part in form.parts:
        yield from _zeros(algebra, part)


def _zero(algebra: Algebra, form: Form) -> Form:
    if form.value in ("max", "min"):
        return algebra.sum([form.parts[0], algebra.scaled(-1, form.parts[1])])
    return form.parts[0]


def _unsigned(algebra: Algebra, zero: Form) -> Form:
    opposite = algebra.scaled(-1, zero)
    return min(zero, opposite, key=lambda form: form.age)


def _one_sided(algebra: Algebra, form: Form, zero: Form, side: int) -> Form:
    """A form where ``zero`` has one sign."""
    if form.kind == "call" and form.value in KINKED and form.value in _SIDES:
        own = _zero(algebra, form)
        above = (side > 0) == (own is zero)
        if own is zero or own is algebra.scaled(-1, zero):
            parts = [_one_sided(algebra, part, zero, side) for part in form.parts]
            return _SIDES[str(form.value)](algebra, parts, above)
    parts = [_one_sided(algebra, part, zero, side) for part in form.parts]
    return algebra.rebuilt(form, parts) if parts else form


_SIDES: dict[str, Callable[[Algebra, list[Form], bool], Form]] = {
    "heaviside": lambda algebra, parts, above: algebra.number(int(above)),
    "sign": lambda algebra, parts, above: algebra.number(1 if above else -1),
    "abs": lambda algebra, parts, above: algebra.scaled(Fraction(1 if above else -1), parts[0]),
    "relu": lambda algebra, parts, above: parts[0] if above else algebra.zero,
    "max": lambda algebra, parts, above: parts[0 if above else 1],
    "min": lambda algebra, parts, above: parts[1 if above else 0],
}


def on(zero: Expr, point: Mapping[str, float]) -> bool:
    """Whether a point lies on a kink."""
    return float(evaluate(zero, point)) == 0
