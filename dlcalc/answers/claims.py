"""Sizes as a user claims them with ``--expect``: read by whitelist, compared as functions."""

from __future__ import annotations

from dlcalc.errors import ClaimError, LayerError, abridged
from dlcalc.layers.size import Size, counterexample, letter, letters

# A claim longer or deeper than any size that is printed is not read.
_MAX_LENGTH = 5_000
_MAX_BRACKETS = 100


def claimed(text: str) -> Size:
    """The size that a text claims: a whole number, or an expression in letters.

    Raises `ClaimError` if it is neither.

    >>> claimed("(1 + H)//2") == (letter("H") + 1)//2
    True
    """
    if text.isascii() and text.isdigit() and len(text) < 100:
        return int(text)
    refusal = ClaimError(f"--expect {abridged(text)}: this is not a size.")
    if len(text) > _MAX_LENGTH or text.count("(") > _MAX_BRACKETS:
        raise refusal
    import ast

    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, LayerError):
        raise refusal from None


def surely_equal(size: Size, expected: Size) -> bool:
    """Whether two sizes are equal whatever their letters stand for.

    Raises `ClaimError` where that cannot be told.
    """
    if size == expected:
        return True
    if letters(size) != letters(expected) or not letters(size):
        return False
    if counterexample(size, expected) is None:
        raise ClaimError(f"whether {size} and {expected} are always equal cannot be told.")
    return False


def _value(node: object) -> Size:
    """The size of an expression: letters, whole numbers, + - * and // by a number."""
    import ast

    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if len(name) == 1 and name != "x":
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
