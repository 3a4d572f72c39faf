"""Expressions as people type them: read by whitelist, never evaluated, bounded in every way.

The text is parsed by Python's own grammar after ``^`` became ``**`` (Python
binds ``^`` below ``+``), and only what is listed here passes: arithmetic, the
matrix product, ``.T``, subscripts, names and the functions of `FUNCTIONS`.
Operators mean what they mean in NumPy: ``*`` and ``**`` are elementwise.
Numbers are exact: 0.1 is 1/10.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction

from dlcalc.errors import InputError, Place, Source, abridged, nearest
from dlcalc.expr.functions import ALIASES, FUNCTIONS
from dlcalc.expr.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negative,
    Number,
    Subscript,
    Transpose,
    children,
)

MAX_LENGTH = 20_000
#: Brackets and operations may be nested so deep, whatever they are.
MAX_DEPTH = 200
MAX_NODES = 5_000
#: No number, written or made by ** from written ones, is larger.
MAX_NUMBER = 1e300


def parse(text: str, name: str = "", *, depth: int = MAX_DEPTH, nodes: int = MAX_NODES) -> Expr:
    """The expression that a text is; ``name`` is its source's, for messages.

    Raises `InputError` at the place of what is not part of the language.

    >>> str(parse("sigmoid(w*x+b)^2"))
    'sigmoid(w*x + b)**2'
    >>> parse("2x")
    Traceback (most recent call last):
    dlcalc.errors.InputError: 2x is no expression
    """
    return _Reader(Source(text, name), depth, nodes).read()


# One character each, so that places stay where they are.
_LIKE = str.maketrans({"\u2212": "-", "\u00b7": "*", "\u00d7": "*", "\u22c5": "*", "\u2217": "*"})
_ALLOWED = re.compile(r"[ -~\t\n\r\u0370-\u03ff\u00b5]*")
_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")
_OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
_MOST_DIGITS = 400


class _Reader:
    """One text on its way to an expression."""

    def __init__(self, source: Source, depth: int, nodes: int) -> None:
        self.source = source
        self.depth, self.nodes = depth, nodes
        self.count = 0

    def read(self) -> Expr:
        text = self.source.text.translate(_LIKE)
        self._check(text)
        # Where each character of the text with ** stood in the one with ^.
        self.origin = [i for i, c in enumerate(text) for _ in range(1 + (c == "^"))]
        self.origin.append(len(text))
        # Brackets around it let it go over lines, and do not move the first character's column.
        python = text.replace("^", "**").replace("\n", " ").replace("\r", " ").replace("\t", " ")
        lead = len(python) - len(python.lstrip())
        try:
            tree = ast.parse(python[lead:], mode="eval").body
        except SyntaxError as error:
            raise self._syntax(error, lead) from None
        except (ValueError, RecursionError, MemoryError, OverflowError):
            raise self._whole("the expression is nested too deep") from None
        self.python, self.lead = python, lead
        # Offsets of ast are in bytes of UTF-8.
        self.narrow = python.isascii()
        found = self._node(tree, 0)
        _bounded(found)
        return found

    def _check(self, text: str) -> None:
        if not text.strip():
            raise InputError("the expression is empty", mend="Give one, as in 'sigmoid(w*x + b)'.")
        if len(text) > MAX_LENGTH:
            raise InputError(f"the expression is longer than {MAX_LENGTH:,} characters")
        end = _ALLOWED.match(text)
        assert end is not None
        if end.end() < len(text):
            rule = f"{abridged(text[end.end()])} is not part of an expression"
            raise InputError(rule, place=Place(self.source, end.end(), end.end() + 1))
        level = deepest = 0
        for character in text:
            level += (character in "([{") - (character in ")]}")
            deepest = max(deepest, level)
        if deepest > self.depth:
            raise self._whole(f"brackets are nested more than {self.depth} deep")
        for word in _WORD.finditer(text):
            if keyword.iskeyword(word[0]):
                mend = "Write lam, or the letter λ." if word[0] == "lambda" else ""
                rule = f"{word[0]} is a word of Python and not part of an expression"
                raise InputError(rule, place=Place(self.source, *word.span()), mend=mend)

    def _syntax(self, error: SyntaxError, lead: int) -> InputError:
        start = min(max((error.offset or 1) - 1 + lead, 0), len(self.origin) - 1)
        start = min(self.origin[start], max(len(self.source.text.rstrip()) - 1, 0))
        shown = abridged(self.source.text.strip())
        mend = "Between factors stands a *." if re.search(r"[\d)][A-Za-z(]", shown) else ""
        if "=" in shown:
            mend = "Give the side that is to be derived, without =."
        return InputError(
            f"{shown} is no expression",
            place=Place(self.source, start, start + 1),
            mend=mend,
        )

    def _whole(self, rule: str) -> InputError:
        return InputError(rule, place=Place(self.source, 0, len(self.source.text)))

    def _place(self, node: ast.expr) -> Place:
        first, last = node.col_offset, node.end_col_offset or node.col_offset
        if not self.narrow:
            data = self.python[self.lead :].encode()
            first, last = len(data[:first].decode()), len(data[:last].decode())
        start, end = self.origin[first + self.lead], self.origin[last + self.lead - 1] + 1
        return Place(self.source, start, end)

    def _refusal(self, node: ast.expr, what: str, mend: str = "") -> InputError:
        return InputError(what, place=self._place(node), mend=mend)

    def _node(self, node: ast.expr, depth: int) -> Expr:
        self.count += 1
        if depth > self.depth:
            raise self._refusal(node, f"the expression is nested more than {self.depth} deep")
        if self.count > self.nodes:
            raise self._whole(f"the expression has more than {self.nodes:,} parts")
        place = self._place(node)
        match node:
            case ast.Constant(value=bool() | str() | bytes() | complex() | None):
                raise self._refusal(node, f"{self._shown(node)} is not part of an expression")
            case ast.Constant(value=int() | float()):
                return Number(self._number(node), place=place)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(self._node(operand, depth + 1), place=place)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._node(operand, depth + 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                first, second = self._node(left, depth + 1), self._node(right, depth + 1)
                return Binary(_OPERATORS[type(op)], first, second, place=place)
            case ast.Attribute(value=value, attr="T"):
                return Transpose(self._node(value, depth + 1), place=place)
            case ast.Attribute(attr=attribute):
                rule = f".{abridged(attribute)} is not part of an expression: only .T is"
                raise self._refusal(node, rule)
            case ast.Subscript(value=value, slice=index):
                return self._subscript(node, value, index)
            case ast.Call():
                return self._call(node, depth)
        what = _KINDS.get(type(node).__name__, "this")
        raise self._refusal(node, f"{what} is not part of an expression")

    def _shown(self, node: ast.expr) -> str:
        place = self._place(node)
        return abridged(self.source.text[place.start : place.end])

    def _number(self, node: ast.expr) -> Fraction:
        text = self._shown_whole(node).replace("_", "")
        if len(text) > _MOST_DIGITS:
            raise self._refusal(node, f"a number has more than {_MOST_DIGITS} digits")
        try:
            large = float(text) > MAX_NUMBER
        except ValueError:
            raise self._refusal(node, f"{abridged(text)} is not a decimal number") from None
        exponent = re.search(r"[eE]([-+]?\d+)$", text)
        if large or (exponent and abs(int(exponent[1])) > 300):
            raise self._refusal(node, f"{abridged(text)} is beyond {MAX_NUMBER:g}")
        return Fraction(text)

    def _shown_whole(self, node: ast.expr) -> str:
        place = self._place(node)
        return self.source.text[place.start : place.end]

    def _name(self, node: ast.expr, name: str) -> Name:
        if name in FUNCTIONS:
            rule = f"{name} is a function, and stands here without its argument"
            raise self._refusal(node, rule, f"Write {name}(x), or name the variable otherwise.")
        if name.startswith("__"):
            raise self._refusal(node, f"{abridged(name)} is not part of an expression")
        return Name(name, place=self._place(node))

    def _subscript(self, node: ast.expr, value: ast.expr, index: ast.expr) -> Subscript:
        if not isinstance(value, ast.Name):
            raise self._refusal(node, "only a variable can have a subscript")
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        indices: list[int | str] = []
        for part in parts:
            match part:
                case ast.Constant(value=int(number)) if not isinstance(number, bool):
                    indices.append(number)
                case ast.Name(id=letter):
                    indices.append(letter)
                case _:
                    rule = "a subscript is a whole number or a letter"
                    raise self._refusal(part, rule, "Write w[3,1,1] or w[l,j,k].")
        if not indices:
            raise self._refusal(node, "the subscript is empty")
        return Subscript(self._name(value, value.id), tuple(indices), place=self._place(node))

    def _call(self, node: ast.Call, depth: int) -> Call:
        if not isinstance(node.func, ast.Name):
            raise self._refusal(node.func, f"{self._shown(node.func)} cannot be called")
        name = node.func.id
        if name not in FUNCTIONS:
            raise self._unknown(node.func, name)
        function, axis = FUNCTIONS[name], None
        for given in node.keywords:
            if given.arg != "axis" or function.kind != "reduce" or axis is not None:
                raise self._refusal(node, f"{name} takes no {given.arg or '**'}=")
            axis = self._axis(given.value)
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                raise self._refusal(argument, "a star is not part of an expression here")
        least, most, count = function.least, function.most, len(node.args)
        if not least <= count <= most or (axis is not None and count > 1):
            takes = f"{least} to {most}" if least < most else f"{least}"
            plural = "argument" if takes == "1" else "arguments"
            raise self._refusal(node, f"{name} takes {takes} {plural}, not {count}")
        arguments = tuple([self._node(argument, depth + 1) for argument in node.args])
        return Call(name, arguments, axis, place=self._place(node))

    def _axis(self, node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(axis)) if not isinstance(axis, bool):
                return axis
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(axis))):
                return -axis
        raise self._refusal(node, "axis is a whole number")

    def _unknown(self, node: ast.expr, name: str) -> InputError:
        close = ALIASES.get(name.lower()) or nearest(name, FUNCTIONS)
        mend = f"Did you mean {close}?" if close else f"There are {', '.join(FUNCTIONS)}."
        if len(name) == 1:
            mend = f"If {name} is a variable, write {name}*(...)."
        return self._refusal(node, f"{abridged(name)} is not a function that is known", mend)


_KINDS = {
    "Lambda": "a lambda",
    "ListComp": "a comprehension",
    "SetComp": "a comprehension",
    "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "Compare": "a comparison",
    "BoolOp": "a logical operation",
    "IfExp": "a condition",
    "List": "a list",
    "Tuple": "a row of expressions",
    "Dict": "a dictionary",
    "Set": "a set",
    "NamedExpr": "an assignment",
    "JoinedStr": "a text",
    "BinOp": "this operator",
    "UnaryOp": "this operator",
    "Starred": "a star",
}


def _bounded(expr: Expr) -> float | None:
    """The value of a part made of numbers alone, None of any other; refuses what is too large."""
    values = [_bounded(child) for child in children(expr)]
    if isinstance(expr, Number):
        return float(expr.value)
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not isinstance(expr, Negative | Binary):
        return None
    try:
        value = -known[0] if isinstance(expr, Negative) else _computed(expr.operator, *known)
    except (OverflowError, ZeroDivisionError) as error:
        what = "divides by 0" if isinstance(error, ZeroDivisionError) else "is too large a number"
        raise InputError(f"{abridged(str(expr))} {what}", place=expr.place) from None
    if value is not None and abs(value) > MAX_NUMBER:
        raise InputError(f"{abridged(str(expr))} is too large a number", place=expr.place)
    return value


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _computed(sign: str, left: float, right: float) -> float | None:
    if sign == "**":
        if left < 0 and right != int(right):
            return None
        return math.pow(left, right) if left or right >= 0 else 1 / left
    return _ARITHMETIC[sign](left, right) if sign in _ARITHMETIC else None
