"""An expression taken apart into named intermediates, as people do before the chain rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Subscript, variables
from dlcalc.symbolic.scalar.form import Algebra, Form

#: Functions whose argument people call z and whose value a.
_ACTIVATIONS = frozenset(
    [
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "prelu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "softplus",
        "softsign",
        "hardtanh",
        "erf",
    ]
)
_LOSSES = frozenset({"mse", "mae", "bce", "huber"})
#: What intermediates are called, by kind; the first letter that is free.
_LETTERS = {"z": "zqr", "a": "ahg", "u": "uvs", "v": "vpt", "y": "yfF", "L": "LEJ"}


class Definition(NamedTuple):
    """A name for a part of the expression, in terms of variables and earlier names."""

    name: str
    expr: Expr


class Parts:
    """The definitions of expressions, each behind those it holds.

    ``by`` are the variables; ``roots`` what the expressions are called, if that is given.
    ``before`` are parts whose definitions these may use.
    """

    def __init__(
        self,
        algebra: Algebra,
        exprs: Sequence[Expr],
        by: Collection[str],
        *,
        roots: Sequence[str] = (),
        before: Parts | None = None,
    ) -> None:
        self._algebra = algebra
        self._by = frozenset(by)
        self._known: dict[Form, str] = dict(before._known) if before else {}
        self._old: dict[str, Expr] = dict(before.definitions) if before else {}
        self._kinds: list[str] = []
        self._made: list[tuple[str, Expr]] = []
        found = []
        for number, expr in enumerate(exprs):
            kind = roots[number] if roots else "L" if _is_loss(expr) else "y"
            found.append(self._name(expr, self._reduced(expr), kind).name)
        taken = {name for expr in exprs for name in variables(expr)} | set(self._old) | set(by)
        new = self._named(taken, found)
        #: The name of each expression.
        self.roots = [new[name].name if name in new else name for name in found]
        #: Those of ``before`` first.
        self.definitions: list[Definition] = [
            Definition(name, expr) for name, expr in self._old.items()
        ] + [Definition(new[name].name, replaced(expr, new)) for name, expr in self._made]
        self._known = {
            form: new[name].name if name in new else name
            for form, name in self._known.items()
            if name in new or name in self._old
        }

    def _varies(self, expr: Expr) -> bool:
        return not self._by.isdisjoint(variables(expr))

    def _reduced(self, expr: Expr) -> Expr:
        """An expression in which every function, and every factor that is a sum, is a name."""
        if not self._varies(expr):
            return expr
        match expr:
            case Negative(operand):
                return Negative(self._reduced(operand))
            case Binary("*", left, right):
                return Binary("*", self._factor(left), self._factor(right))
            case Binary("/", left, right):
                return Binary("/", self._factor(left), self._atom(right, "u"))
            case Binary("**", left, right):
                return Binary("**", self._base(left), self._atom(right, "u"))
            case Binary(operator, left, right):
                return Binary(operator, self._reduced(left), self._reduced(right))
            case Call(function, arguments):
                kind = "z" if function in _ACTIVATIONS else "u"
                parts = tuple([self._atom(part, kind) for part in arguments])
                kind = "a" if kind == "z" else "L" if function in _LOSSES else "v"
                return self._name(expr, Call(function, parts, place=expr.place), kind)
        return expr

    def _factor(self, expr: Expr) -> Expr:
        found = self._reduced(expr)
        is_sum = isinstance(found, Binary) and found.operator in "+-"
        return self._name(expr, found, "u") if is_sum and self._varies(expr) else found

    def _atom(self, expr: Expr, kind: str) -> Expr:
        found = self._reduced(expr)
        if not self._varies(expr) or isinstance(found, Name | Subscript):
            return found
        return self._name(expr, found, kind)

    def _base(self, expr: Expr) -> Expr:
        """The base of a power; x + 1 and 1 - x stay in place, their slopes are plain."""
        found = self._reduced(expr)
        if isinstance(found, Binary) and found.operator in "+-":
            sides = [side for side in (found.left, found.right) if self._moves(side)]
            if len(sides) == 1 and isinstance(sides[0], Name | Subscript):
                return found
        return self._atom(expr, "u")

    def _moves(self, expr: Expr) -> bool:
        made = {name for name, _ in self._made} | set(self._old)
        return any(name in self._by or name in made for name in variables(expr))

    def _name(self, expr: Expr, reduced: Expr, kind: str) -> Name:
        form = self._algebra.read(expr)
        if form not in self._known or not form.names:
            self._known[form] = f"\0{len(self._made)}"
            self._made.append((self._known[form], reduced))
            self._kinds.append(kind)
        return Name(self._known[form])

    def _needed(self, name: str) -> set[str]:
        """A name and those that it hangs on."""
        exprs = dict(self._made)
        if name not in exprs:
            return set()
        return {name}.union(*map(self._needed, variables(exprs[name])))

    def _named(self, taken: set[str], roots: Collection[str]) -> dict[str, Name]:
        """A letter for each name that was made; numbered where one stands for several."""
        needed = set().union(*map(self._needed, roots))
        kept = [i for i, (name, _) in enumerate(self._made) if name in needed]
        self._made = [self._made[i] for i in kept]
        self._kinds = [self._kinds[i] for i in kept]
        letters: dict[str, list[str]] = {}
        for kind in dict.fromkeys(self._kinds):
            count = self._kinds.count(kind)
            spare = [kind + "_" * n for n in range(1, 99)]
            for letter in [*_LETTERS.get(kind, [kind]), *spare]:
                names = [f"{letter}{i + 1}" for i in range(count)] if count > 1 else [letter]
                if taken.isdisjoint(names) and letter not in taken:
                    break
            letters[kind] = names
            taken |= {*names, letter}
        return {
            old: Name(letters[kind].pop(0))
            for (old, _), kind in zip(self._made, self._kinds, strict=True)
        }


def _is_loss(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.function in _LOSSES


def replaced(expr: Expr, new: Mapping[str, Expr]) -> Expr:
    """An expression with others in place of some names."""
    match expr:
        case Name(name):
            return new.get(name, expr)
        case Negative(operand):
            return Negative(replaced(operand, new), place=expr.place)
        case Binary(operator, left, right):
            return Binary(operator, replaced(left, new), replaced(right, new), place=expr.place)
        case Call(function, arguments, axis):
            parts = tuple([replaced(part, new) for part in arguments])
            return Call(function, parts, axis, place=expr.place)
    return expr
