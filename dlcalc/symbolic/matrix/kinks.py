"""Where the derivatives of a matrix expression rest on a convention, or are none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from dlcalc.errors import abridged
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Binary, Call, Expr, Name, Number, variables, walk, written
from dlcalc.symbolic.scalar.rules import DEFAULTS, RULES

_TAKEN = {
    "left": "the slope on the left",
    "middle": "the middle of both slopes",
    "right": "the slope on the right",
}
#: Which slope PyTorch takes, of the functions for which it is not the left one.
_TORCH = {
    **dict.fromkeys(("abs", "mae", "max", "min"), "the middle of both slopes"),
    "hardtanh": "the slope outside",
}
_WIDTH = 24


class Kink(NamedTuple):
    """A sentence about where a function has a kink, or jumps."""

    is_jump: bool
    sentence: str

    def document(self) -> dict[str, object]:
        """It as JSON has it."""
        return {"kind": "jump" if self.is_jump else "kink", "sentence": self.sentence}


def kinks(expr: Expr, by: Collection[str], share: str = "") -> list[Kink]:
    """The kinks and jumps of an expression that move with some variables, each once.

    >>> from dlcalc.expr.parse import parse
    >>> kinks(parse("sum(relu(X@w))"), ["w"])[0].sentence
    'relu where X@w = 0: the slope on the left counts, as in PyTorch'
    """
    found: dict[str, Kink] = {}
    for node in walk(expr):
        if isinstance(node, Call) and set(variables(node)) & set(by):
            for kink in _kinks(node, share):
                found.setdefault(kink.sentence, kink)
    return list(found.values())


def _kinks(node: Call, share: str) -> Iterator[Kink]:
    function, arguments = node.function, node.arguments
    if function in ("max", "min", "hardmax") and len(arguments) == 1:
        ends = "largest" if function != "min" else "least"
        shown = abridged(written(arguments[0]), _WIDTH)
        if function == "hardmax":
            yield Kink(True, f"hardmax where the {ends} of {shown} are equal: no derivative there")
        else:
            where = f"{function} where the {ends} of {shown} are equal"
            yield Kink(False, f"{where}: they share the slope")
        return
    if function == "norm1":
        yield from _kinks(Call("abs", arguments), share)
        return
    rule = RULES.get(function)
    if rule is None:
        return
    if function in DEFAULTS and len(arguments) < len(rule.slopes):
        arguments = (*arguments, parse(DEFAULTS[function]))
    names = dict(zip("xys", arguments, strict=False))
    for bend in rule.bends:
        where = f"{function} where {abridged(written(_put(parse(bend), names)), _WIDTH)} = 0"
        taken = _TAKEN[share] if share else _TORCH.get(function, _TAKEN["left"])
        yield Kink(False, f"{where}: {taken} counts{'' if share else ', as in PyTorch'}")
    for jump in rule.jumps:
        where = f"{function} where {abridged(written(_put(parse(jump), names)), _WIDTH)} = 0"
        yield Kink(True, f"{where}: no derivative there")


def _put(expr: Expr, names: dict[str, Expr]) -> Expr:
    """The place of a kink in the arguments; x - 0 is x."""
    match expr:
        case Name(name):
            return names[name]
        case Binary(sign, left, right):
            first, second = _put(left, names), _put(right, names)
            is_zero = isinstance(second, Number) and second.value == 0
            return first if is_zero and sign in "+-" else Binary(sign, first, second)
    return expr
