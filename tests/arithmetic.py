"""What Python makes of a formula: the independent reader of everything that is printed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping

SIGNS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def python_value(shown: str, values: Mapping[str, int]) -> int:
    """The number that an arithmetic text comes to, letters bound to values."""

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return values[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return SIGNS[type(op)](value(left), value(right))
            case ast.Call(func=ast.Name(id="min"), args=args, keywords=[]):
                return min(map(value, args))
        raise AssertionError(f"{ast.dump(node)} in {shown}")

    return value(ast.parse(shown, mode="eval").body)
