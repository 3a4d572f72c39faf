"""Formulas of one variable, as dlcalc prints them, differentiated by SymPy.

They are Python with the names of the module math. The text is taken apart by
Python's own parser and put together from a whitelist; SymPy reads none of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import sympy

_X = sympy.Symbol("x", real=True)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "tanh": sympy.tanh,
    "erf": sympy.erf,
    "abs": sympy.Abs,
    "min": sympy.Min,
    "max": sympy.Max,
}
_SIGNS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.Pow: lambda left, right: left**right,
}
_ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: sympy.StrictLessThan,
    ast.LtE: sympy.LessThan,
    ast.Gt: sympy.StrictGreaterThan,
    ast.GtE: sympy.GreaterThan,
}


def expression(formula: str) -> Any:
    """The SymPy expression of a formula in x. Raises `ValueError` for what no formula holds.

    >>> expression("x if x > 0 else exp(x) - 1")
    Piecewise((x, x > 0), (exp(x) - 1, True))
    """
    return _built(ast.parse(formula, mode="eval").body)


def derivatives(formula: str, points: Sequence[float], digits: int = 30) -> list[list[float]]:
    """Value, first and second derivative of a formula at points, worked out to so many digits.

    >>> derivatives("x**3", [2.0])
    [[8.0], [12.0], [12.0]]
    """
    found, columns = expression(formula), []
    for _ in range(3):
        columns.append(values(found, points, digits))
        found = sympy.diff(found, _X)
    return columns


def values(found: Any, points: Sequence[float], digits: int = 30) -> list[float]:
    """An expression at points, which are taken as the exact numbers that they are."""
    # Up to so many digits may cancel before those that are asked for.
    return [float(found.subs(_X, sympy.Rational(x)).evalf(digits, maxn=400)) for x in points]


def _built(node: ast.expr) -> Any:
    match node:
        case ast.Name(id="x"):
            return _X
        case ast.Name(id="pi"):
            return sympy.pi
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return sympy.Integer(number)
        case ast.Constant(value=float(decimal)):
            return sympy.Rational(decimal)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_built(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
            return _SIGNS[type(op)](_built(left), _built(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_built, args))
        case ast.IfExp(test=ast.Compare() as test, body=body, orelse=other):
            return sympy.Piecewise((_built(body), _condition(test)), (_built(other), True))
    raise ValueError(f"a formula holds {ast.dump(node)}")


def _condition(test: ast.Compare) -> Any:
    sides = [_built(side) for side in (test.left, *test.comparators)]
    parts = zip(test.ops, sides, sides[1:], strict=False)
    return sympy.And(*(_ORDERS[type(op)](left, right) for op, left, right in parts))
