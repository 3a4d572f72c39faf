"""The chain rule as people write it: every step with its rule, and what they multiply to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from dlcalc.errors import InputError, Place
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Subscript, variables, written
from dlcalc.symbolic.scalar.form import Algebra, Form
from dlcalc.symbolic.scalar.present import Tidy, expression
from dlcalc.symbolic.scalar.rules import DEFAULTS, RULES, SHARES
from dlcalc.symbolic.scalar.steps import Definition, Parts, replaced

_LETTERS = ("x", "y", "s")
#: A gradient may be nested so deep and hold so many nodes as text.
MOST_NODES = 20_000


class Link(NamedTuple):
    """A step: ``symbol``, a derivative of ``of`` by ``by``, is ``text`` by a rule.

    A local step says what one definition gives; the others join steps, and have their
    text as an expression too, in which each derivative is one name.
    """

    of: str
    by: str
    rule: str
    text: str
    parts: tuple[Link, ...] = ()
    expr: Expr | None = None

    @property
    def symbol(self) -> str:
        """Such as da/dz."""
        return f"d{self.of}/d{self.by}"


class Bend(NamedTuple):
    """Where something is 0, and there a function has a kink or jumps."""

    function: str
    zero: Expr
    jump: bool
    place: Place | None


class Derivation:
    """The derivatives by one variable of what a list of definitions ends in, with their steps.

    ``share`` is which slope counts at a kink: left, middle, right, or PyTorch's.
    """

    def __init__(self, algebra: Algebra, parts: Parts, by: str, share: str = "") -> None:
        self.by = by
        self.definitions: Sequence[Definition] = parts.definitions
        self._algebra = algebra
        self._share = share
        self._exprs = {definition.name: definition.expr for definition in parts.definitions}
        self._tidy = Tidy(algebra)
        self._totals: dict[str, Form] = {by: algebra.one}
        #: Whether a name varies with the variable.
        self._moving: dict[str, bool] = {by: True}
        self._locals: dict[tuple[str, str], Form] = {}
        self._forms: dict[str, Form] = {}
        self._read: dict[int, tuple[Expr, Form]] = {}
        self._seen: set[str] = set()
        self._stepped: set[tuple[str, str]] = set()
        self._values: dict[Form, Form] = {}
        for name, expr in self._exprs.items():
            form = algebra.substituted(algebra.read(expr), self._values)
            self._values[algebra.symbol(name)] = form

    def gradient(self, root: str) -> Expr:
        """The derivative of a name in the variables alone.

        Raises `InputError` if it is too long to print.
        """
        return expression(self.form(root))

    def form(self, root: str) -> Form:
        """The same as a form."""
        if root not in self._forms:
            form = self._algebra.substituted(self._total(root), self._values)
            self._forms[root] = self._bounded(self._tidy(form))
        return self._forms[root]

    def assembled(self, root: str) -> Expr:
        """The product of the steps, in the names of the definitions."""
        return self._printable(self._total(root))

    def whole(self, expr: Expr) -> Expr:
        """An expression in the variables instead of the names of definitions."""
        return expression(self._algebra.substituted(self._algebra.read(expr), self._values))

    def _printable(self, form: Form) -> Expr:
        return expression(self._bounded(form))

    def _bounded(self, form: Form) -> Form:
        if form.size > MOST_NODES:
            rule = f"the derivative by {self.by} has more than {MOST_NODES:,} parts"
            raise InputError(rule, mend="Name parts of the expression, and derive these.")
        return form

    def _depends(self, name: str) -> bool:
        if name not in self._moving:
            expr = self._exprs.get(name)
            self._moving[name] = expr is not None and any(map(self._depends, variables(expr)))
        return self._moving[name]

    def within(self, root: str) -> list[str]:
        """The definitions that a name takes, itself the last."""
        exprs = self._exprs
        needed, waiting = set(), [root]
        while waiting:
            name = waiting.pop()
            if name in exprs and name not in needed:
                needed.add(name)
                waiting += variables(exprs[name])
        return [name for name in exprs if name in needed]

    def _below(self, name: str) -> list[str]:
        """What the definition of a name holds that varies with the variable."""
        return [part for part in variables(self._exprs[name]) if self._depends(part)]

    def _total(self, name: str) -> Form:
        if name not in self._totals:
            self._totals[name] = self._algebra.sum(
                [
                    self._algebra.product([self._local(name, part), self._total(part)])
                    for part in self._below(name)
                ]
            )
        return self._totals[name]

    def _local(self, name: str, by: str) -> Form:
        if (name, by) not in self._locals:
            self._locals[name, by] = self._tidy(self._slope(self._exprs[name], by))
        return self._locals[name, by]

    def _slope(self, expr: Expr, by: str) -> Form:
        """The derivative of a definition by a name in it, by the table of rules."""
        algebra = self._algebra
        if by not in variables(expr):
            return algebra.zero
        if isinstance(expr, Name | Subscript):
            return algebra.one
        operation, operands = parted(expr)
        return algebra.sum(
            [
                algebra.product([self._rule(operation, operands, i), self._slope(operand, by)])
                for i, operand in enumerate(operands)
                if by in variables(operand)
            ]
        )

    def _rule(self, operation: str, operands: tuple[Expr, ...], place: int) -> Form:
        rule, algebra = RULES[operation], self._algebra
        slopes = rule.sided if self._share and rule.sided else rule.slopes
        values = {
            algebra.symbol(letter): self._form(operand)
            for letter, operand in zip(_LETTERS, operands, strict=False)
        }
        values[algebra.symbol("h")] = algebra.read(parse(SHARES.get(self._share, "0")))
        return algebra.substituted(algebra.read(parse(slopes[place])), values)

    def links(self, name: str) -> tuple[Link, ...]:
        """The steps of the total derivative of a name, each once."""
        self._seen, self._stepped = set(), set()
        return self._links(name)

    def _form(self, expr: Expr) -> Form:
        """The form of a part of a definition, read once."""
        # What is kept keeps its number.
        if id(expr) not in self._read:
            self._read[id(expr)] = expr, self._algebra.read(expr)
        return self._read[id(expr)][1]

    def _links(self, name: str) -> tuple[Link, ...]:
        if name in self._seen:
            return ()
        self._seen.add(name)
        below = self._below(name)
        if not below:
            return (Link(name, self.by, "constant", "0"),)
        path = [name]
        while len(below) == 1 and below[0] != self.by:
            path.append(below[0])
            below = self._below(below[0])
        last, parts = path[-1], []
        pairs = [*itertools.pairwise(path)]
        if below == [self.by]:
            pairs.append((last, self.by))
        for pair in pairs:
            if pair not in self._stepped:
                self._stepped.add(pair)
                parts.append(self._step(*pair))
        if below != [self.by] and (len(path) == 1 or last not in self._seen):
            self._seen.add(last)
            parts.append(self._joined(last, below))
        if len(path) == 1:
            return tuple(parts)
        symbols = [f"d{above}/d{part}" for above, part in itertools.pairwise(path)]
        text = " * ".join([*symbols, f"d{last}/d{self.by}"])
        expr = _multiplied(text.split(" * "))
        return (Link(name, self.by, "chain rule", text, tuple(parts), expr),)

    def _step(self, name: str, by: str) -> Link:
        text = written(self._printable(self._local(name, by)))
        return Link(name, by, titled(self._exprs[name], by), text)

    def _joined(self, name: str, below: list[str]) -> Link:
        """The derivative of a name that varies along several paths."""
        terms: list[Expr] = []
        parts: list[Link] = []
        for part in below:
            slope = self._printable(self._local(name, part))
            terms.append(slope if part == self.by else _times(slope, f"d{part}/d{self.by}"))
            if part != self.by:
                parts += self._links(part)
        total = _added(terms)
        rule = titled(self._exprs[name], *below)
        return Link(name, self.by, rule, written(total), tuple(parts), total)

    def bends(self, root: str) -> list[Bend]:
        """Where the derivative of a name has a convention, or does not exist."""
        found: dict[str, Bend] = {}
        for expr in [self._exprs[name] for name in self.within(root)]:
            for bend in _bends(expr):
                if any(self._depends(name) for name in variables(bend.zero)):
                    found.setdefault(written(bend.zero) + bend.function, bend)
        return list(found.values())


def parted(expr: Expr) -> tuple[str, tuple[Expr, ...]]:
    """An operation and its operands, those that were left out put in."""
    match expr:
        case Negative(operand):
            return "neg", (operand,)
        case Binary(operator, left, right):
            return operator, (left, right)
        case Call(function, arguments):
            count = len(RULES[function].slopes)
            if len(arguments) < count:
                arguments = (*arguments, parse(DEFAULTS[function]))
            return function, arguments
    raise TypeError(expr)


def _multiplied(symbols: list[str]) -> Expr:
    found: Expr = Name(symbols[0])
    for symbol in symbols[1:]:
        found = Binary("*", found, Name(symbol))
    return found


def _times(slope: Expr, symbol: str) -> Expr:
    """A slope times a derivative's symbol."""
    if written(slope) == "1":
        return Name(symbol)
    if written(slope) == "-1":
        return Negative(Name(symbol))
    return Binary("*", slope, Name(symbol))


def _added(terms: list[Expr]) -> Expr:
    found = terms[0]
    for term in terms[1:]:
        found = _plus(found, term)
    return found


def _plus(left: Expr, right: Expr) -> Expr:
    """A sum, or a difference where a minus leads the second term."""
    bare = _bare(right)
    return Binary("+", left, right) if bare is None else Binary("-", left, bare)


def _bare(expr: Expr) -> Expr | None:
    """A product without its leading minus; None if it has none."""
    match expr:
        case Negative(operand):
            return operand
        case Binary("*" | "/" as operator, left, right):
            inner = _bare(left)
            return None if inner is None else Binary(operator, inner, right)
    return None


def titled(expr: Expr, *by: str) -> str:
    """What people call the rules that a derivative takes."""
    if isinstance(expr, Name | Subscript):
        return "identity"
    found = list(dict.fromkeys(_titles(expr, by)))
    told = [title for title in found if title not in ("sum", _FACTOR)]
    if len(by) == 1 and _linear(expr, by[0]):
        named = "product" if _FACTOR in found else "sum"
        return f"{(told or [named])[0]}, {by[0]} alone varies"
    if len(by) > 1 and found[0] == "sum":
        told = ["sum", *told]
    return ", ".join(told)


#: A product or quotient in which one side alone varies, and is linear.
_FACTOR = "constant factor"
#: The rule of a power by its base, and by its exponent.
_POWERS = ("power", "exponential")


def _titles(expr: Expr, by: tuple[str, ...]) -> list[str]:
    if set(by).isdisjoint(variables(expr)) or isinstance(expr, Name | Subscript):
        return []
    operation, operands = parted(expr)
    moving = [operand for operand in operands if not set(by).isdisjoint(variables(operand))]
    below = [inner for operand in moving for inner in _titles(operand, by)]
    if operation == "neg" or (operation in "*/" and len(moving) == 1 and moving[0] is operands[0]):
        title = "quotient" if operation == "/" and not below else _FACTOR
    elif operation == "*" and len(moving) == 1:
        title = _FACTOR
    elif operation == "**":
        pairs = zip(_POWERS, operands, strict=True)
        return [*(title for title, operand in pairs if operand in moving), *below]
    else:
        title = RULES[operation].title or operation
    return below if title == _FACTOR and below else [title, *below]


def _linear(expr: Expr, by: str) -> bool:
    """Whether a definition is a constant times a name and a constant."""
    if by not in variables(expr) or isinstance(expr, Name | Subscript):
        return True
    operation, operands = parted(expr)
    moving = [operand for operand in operands if by in variables(operand)]
    if operation in ("+", "-", "neg"):
        return all(_linear(operand, by) for operand in moving)
    if operation == "*" or (operation == "/" and by not in variables(operands[1])):
        return len(moving) == 1 and _linear(moving[0], by)
    return False


def _bends(expr: Expr) -> list[Bend]:
    """The kinks and jumps of the function at the top of a definition."""
    if not isinstance(expr, Call):
        return []
    function, operands = parted(expr)
    rule = RULES[function]
    values = dict(zip(_LETTERS, operands, strict=False))
    return [
        Bend(function, replaced(parse(text), values), text in rule.jumps, expr.place)
        for text in (*rule.bends, *rule.jumps)
    ]
