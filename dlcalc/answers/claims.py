"""Sizes as a user claims them with ``--expect``: read by whitelist, compared as functions."""

from __future__ import annotations

from re import fullmatch, search

from dlcalc.errors import ClaimError, LayerError, abridged
from dlcalc.layers.size import MAX_NUMBER, Polynomial, Size, counterexample, letter

# A claim is untrusted text: none of a size worth claiming is longer or grows larger.
_MAX_LENGTH = 1_000
_MAX_BRACKETS = 100
_MAX_SYMBOLS = 500
_EXPRESSION = r"[0-9A-Za-z+\-*/() ]+"
# Python would warn of 64or, and read 0b1 as a number and HW as one name.
_RUN_TOGETHER = r"[0-9][A-Za-z]|[A-Za-z][0-9A-Za-z]"


def claimed_sizes(text: str) -> list[Size]:
    """The sizes of a claimed shape. Raises `ClaimError` if it is none.

    >>> claimed_sizes("3x(H + 1)//2") == [3, (letter("H") + 1)//2]
    True
    """
    if len(text) > _MAX_LENGTH:
        raise _refusal(text)
    return [claimed(size) for size in text.split("x")]


def claimed(text: str) -> Size:
    """The size that a text claims: a whole number, or an expression in letters.

    Raises `ClaimError` if it is neither.

    >>> claimed("(1 + H)//2") == (letter("H") + 1)//2
    True
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 100:
        return int(text)
    if (
        len(text) > _MAX_LENGTH
        or text.count("(") > _MAX_BRACKETS
        or not fullmatch(_EXPRESSION, text)
        or search(_RUN_TOGETHER, text)
    ):
        raise _refusal(text)
    import ast

    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, LayerError):
        raise _refusal(text) from None


def surely_equal(size: Size, expected: Size) -> bool:
    """Whether two sizes are equal whatever their letters stand for.

    Raises `ClaimError` where that cannot be told.
    """
    if size == expected:
        return True
    if isinstance(size, int) and isinstance(expected, int):
        return False
    if counterexample(size, expected, existing=False) is None:
        shown = f"{abridged(str(size))} and {abridged(str(expected))}"
        raise ClaimError(f"whether {shown} are always equal cannot be told.")
    return False


def _refusal(text: str) -> ClaimError:
    mend = " Its sizes are joined by x, as in 3x32x32." if set(text) & set("X,×") else ""
    return ClaimError(f"--expect: {abridged(text) or 'an empty text'} is not a size.{mend}")


def _value(node: object) -> Size:
    """The size of an expression: letters, whole numbers, + - * and // by a number."""
    size = _operation(node)
    numbers = [size] if isinstance(size, int) else size.terms.values()
    if max(map(abs, numbers)) > MAX_NUMBER:
        raise ValueError
    if isinstance(size, Polynomial) and size.symbols > _MAX_SYMBOLS:
        raise ValueError
    return size


def _operation(node: object) -> Size:
    import ast

    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return letter(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left) + _value(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left) - _value(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left) * _value(right)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=ast.Constant(value=int(number))):
            if number > 0:
                return _value(left) // number
    raise ValueError
