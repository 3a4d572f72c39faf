"""Expressions as trees, and as text again: ``**`` for powers, brackets only where it takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from dlcalc.errors import Place


class Expr:
    """A node, never changed; ``place`` is where it stood, and makes no difference to equality.

    Made by hand: to create a dataclass takes a question as long as to read its expression.
    """

    __slots__ = ("place",)
    __match_args__: tuple[str, ...] = ()

    place: Place | None

    def _parts(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Expr)
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._parts()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._parts()))})"

    def __str__(self) -> str:
        return written(self)


class Number(Expr):
    """An exact number, not negative."""

    __slots__ = ("value",)
    __match_args__ = ("value",)

    def __init__(self, value: Fraction, *, place: Place | None = None) -> None:
        self.value = value
        self.place = place


class Name(Expr):
    """A variable, or the constant pi."""

    __slots__ = ("name",)
    __match_args__ = ("name",)

    def __init__(self, name: str, *, place: Place | None = None) -> None:
        self.name = name
        self.place = place


class Negative(Expr):
    """-x."""

    __slots__ = ("operand",)
    __match_args__ = ("operand",)

    def __init__(self, operand: Expr, *, place: Place | None = None) -> None:
        self.operand = operand
        self.place = place


class Binary(Expr):
    """Two operands and one of ``+ - * / ** @``."""

    __slots__ = ("left", "operator", "right")
    __match_args__ = ("operator", "left", "right")

    def __init__(
        self, operator: str, left: Expr, right: Expr, *, place: Place | None = None
    ) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.place = place


class Call(Expr):
    """A function of `FUNCTIONS` at its arguments; ``axis`` None is all axes, or the last."""

    __slots__ = ("arguments", "axis", "function")
    __match_args__ = ("function", "arguments", "axis")

    def __init__(
        self,
        function: str,
        arguments: tuple[Expr, ...],
        axis: int | None = None,
        *,
        place: Place | None = None,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.axis = axis
        self.place = place


class Transpose(Expr):
    """x.T."""

    __slots__ = ("operand",)
    __match_args__ = ("operand",)

    def __init__(self, operand: Expr, *, place: Place | None = None) -> None:
        self.operand = operand
        self.place = place


class Subscript(Expr):
    """A variable's entry, as in w[3,1,1]; each index is a whole number or a name."""

    __slots__ = ("indices", "operand")
    __match_args__ = ("operand", "indices")

    def __init__(
        self, operand: Name, indices: tuple[int | str, ...], *, place: Place | None = None
    ) -> None:
        self.operand = operand
        self.indices = indices
        self.place = place


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


def replaced(expr: Expr, by: Mapping[str, Expr]) -> Expr:
    """The expression with others in the place of variables, looked up as they are written.

    >>> from dlcalc.expr.parse import parse
    >>> str(replaced(parse("a*(1 - a)"), {"a": parse("w[3,1]")}))
    'w[3,1]*(1 - w[3,1])'
    """
    match expr:
        case Name() | Subscript():
            return by.get(written(expr), expr)
        case Negative(operand):
            return Negative(replaced(operand, by))
        case Transpose(operand):
            return Transpose(replaced(operand, by))
        case Binary(operator, left, right):
            return Binary(operator, replaced(left, by), replaced(right, by))
        case Call(function, arguments, axis):
            return Call(function, tuple([replaced(each, by) for each in arguments]), axis)
    return expr


# How tightly operators bind, as in Python.
SUM, PRODUCT, _SIGN, _POWER, ATOM = range(5)
_BINDING = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT, "**": _POWER}


def written(expr: Expr) -> str:
    """An expression as Python reads it, with no more brackets than it takes.

    >>> from dlcalc.expr.parse import parse
    >>> written(parse("-(a+b)*c^2 / (d*e)"))
    '-(a + b)*c**2/(d*e)'
    """
    return Writer().text(expr)


class Writer:
    """Writes expressions; another dialect says differently how names and calls are written."""

    #: Operators that stand between blanks.
    spaced = "+-"

    def text(self, expr: Expr) -> str:
        """The expression as text."""
        return self.bound(expr)[0]

    def bound(self, expr: Expr) -> tuple[str, int]:
        """The text, and how tightly its last operator binds."""
        match expr:
            case Number(value):
                return decimal(value)
            case Name(name):
                return self.name(name), ATOM
            case Negative(operand):
                return f"-{self.inside(operand, _SIGN)}", _SIGN
            case Binary():
                return self.binary(expr)
            case Call():
                return self.call(expr)
            case Transpose(operand):
                inner = self.inside(operand, ATOM)
                # 2.T would be the number 2. and a T.
                return f"({inner}).T" if inner.isdigit() else f"{inner}.T", ATOM
            case Subscript(operand, indices):
                return f"{operand.name}[{','.join(map(str, indices))}]", ATOM
        raise TypeError(expr)

    def name(self, name: str) -> str:
        """A variable or pi."""
        return name

    def call(self, expr: Call) -> tuple[str, int]:
        """A function at its arguments."""
        inner = ", ".join(self.text(argument) for argument in expr.arguments)
        tail = "" if expr.axis is None else f", axis={expr.axis}"
        return f"{expr.function}({inner}{tail})", ATOM

    def binary(self, expr: Binary) -> tuple[str, int]:
        """Two operands: a - (b + c), a/(b*c) and (a**b)**c need their brackets, as does (-a)**b."""
        operator, level = expr.operator, _BINDING[expr.operator]
        power = operator == "**"
        left = level + 1 if power or _mixed(operator, expr.left) else level
        first = self.inside(expr.left, left)
        second = self.inside(expr.right, _SIGN if power else level + 1)
        gap = " " if operator in self.spaced else ""
        return f"{first}{gap}{operator}{gap}{second}", level

    def inside(self, expr: Expr, level: int) -> str:
        """The text, in brackets if it binds less tightly."""
        text, own = self.bound(expr)
        return text if own >= level else f"({text})"


def _mixed(operator: str, left: Expr) -> bool:
    """Whether a matrix product is multiplied elementwise: few know that both bind alike."""
    return operator == "*" and isinstance(left, Binary) and left.operator == "@"


def decimal(value: Fraction) -> tuple[str, int]:
    """A number as text and how tightly it binds: a decimal where it ends, else a quotient."""
    if value.denominator == 1:
        return str(value.numerator), ATOM if value >= 0 else _SIGN
    shown = format(float(value), ".17g")
    short = repr(float(value))
    for text in (short, shown):
        if Fraction(text) == value:
            return text, ATOM if value >= 0 else _SIGN
    return f"{value.numerator}/{value.denominator}", PRODUCT if value >= 0 else _SIGN
