"""Expressions as trees, and as text again: ``**`` for powers, brackets only where it takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from dlcalc.errors import Place


@dataclass(frozen=True, slots=True)
class Expr:
    """A node; ``place`` is where it stood, and makes no difference to equality."""

    place: Place | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __str__(self) -> str:
        return written(self)


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """An exact number, not negative."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """A variable, or the constant pi."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative(Expr):
    """-x."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """Two operands and one of ``+ - * / ** @``."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function of `FUNCTIONS` at its arguments; ``axis`` None is all axes, or the last."""

    function: str
    arguments: tuple[Expr, ...]
    axis: int | None = None


@dataclass(frozen=True, slots=True)
class Transpose(Expr):
    """x.T."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Subscript(Expr):
    """A variable's entry, as in w[3,1,1]; each index is a whole number or a name."""

    operand: Name
    indices: tuple[int | str, ...]


def children(expr: Expr) -> tuple[Expr, ...]:
    """The parts directly below a node; the variable of a subscript is none."""
    match expr:
        case Negative(operand) | Transpose(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """A node and everything below it, from left to right."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def variables(expr: Expr) -> list[str]:
    """The names of an expression, each once, in the order in which they stand; pi is none.

    >>> from dlcalc.expr.parse import parse
    >>> variables(parse("w[1,2]*x + pi*b"))
    ['w[1,2]', 'x', 'b']
    """
    found: dict[str, None] = {}
    for node in walk(expr):
        if isinstance(node, Subscript) or (isinstance(node, Name) and node.name != "pi"):
            found[written(node)] = None
    return list(found)


# How tightly operators bind, as in Python.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "@": _PRODUCT, "**": _POWER}


def written(expr: Expr) -> str:
    """An expression as Python reads it, with no more brackets than it takes.

    >>> from dlcalc.expr.parse import parse
    >>> written(parse("-(a+b)*c^2 / (d*e)"))
    '-(a + b)*c**2/(d*e)'
    """
    return _written(expr)[0]


def _written(expr: Expr) -> tuple[str, int]:
    match expr:
        case Number(value):
            return decimal(value)
        case Name(name):
            return name, _ATOM
        case Negative(operand):
            return f"-{_inside(operand, _SIGN)}", _SIGN
        case Binary(operator, left, right):
            level = _BINDING[operator]
            power = operator == "**"
            # a - (b + c), a/(b*c) and (a**b)**c need their brackets, as does (-a)**b.
            first = _inside(left, level + 1 if power else level)
            second = _inside(right, _SIGN if power else level + 1)
            gap = " " if level == _SUM else ""
            return f"{first}{gap}{operator}{gap}{second}", level
        case Call(function, arguments, axis):
            inner = ", ".join(written(argument) for argument in arguments)
            return f"{function}({inner}{'' if axis is None else f', axis={axis}'})", _ATOM
        case Transpose(operand):
            inner = _inside(operand, _ATOM)
            # 2.T would be the number 2. and a T.
            return f"({inner}).T" if inner.isdigit() else f"{inner}.T", _ATOM
        case Subscript(operand, indices):
            return f"{operand.name}[{','.join(map(str, indices))}]", _ATOM
    raise TypeError(expr)


def _inside(expr: Expr, level: int) -> str:
    text, own = _written(expr)
    return text if own >= level else f"({text})"


def decimal(value: Fraction) -> tuple[str, int]:
    """A number as text and how tightly it binds: a decimal where it ends, else a quotient."""
    if value.denominator == 1:
        return str(value.numerator), _ATOM if value >= 0 else _SIGN
    shown = format(float(value), ".17g")
    short = repr(float(value))
    for text in (short, shown):
        if Fraction(text) == value:
            return text, _ATOM if value >= 0 else _SIGN
    return f"{value.numerator}/{value.denominator}", _PRODUCT if value >= 0 else _SIGN
