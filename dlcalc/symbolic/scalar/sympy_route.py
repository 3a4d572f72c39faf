"""SymPy as a second route: its own derivative, and whether two expressions are equal.

Its objects are built from our trees, never from text. Whether a difference is 0
is decided as that of rational functions in exponentials, logarithms and whatever
else stands in it; ``simplify`` is not asked, whose time has no bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from dlcalc.errors import InputError
from dlcalc.expr.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negative,
    Number,
    Subscript,
    variables,
    walk,
    written,
)
from dlcalc.symbolic.scalar.evaluate import evaluate

#: Larger differences are left to numbers, as are those of more terms when multiplied out.
_MOST_OPERATIONS = 400
_MOST_TERMS = 5_000


def lifted(expr: Expr) -> Any:
    """An expression as SymPy has it, all variables real.

    >>> from dlcalc.expr.parse import parse
    >>> lifted(parse("2*sigmoid(x) + 0.5"))
    1/2 + 2/(1 + exp(-x))
    """
    match expr:
        case Number(value):
            return sp.Rational(value.numerator, value.denominator)
        case Name("pi"):
            return sp.pi
        case Name() | Subscript():
            return sp.Symbol(written(expr), real=True)
        case Negative(operand):
            return -lifted(operand)
        case Binary(operator, left, right):
            first, second = lifted(left), lifted(right)
            return _ARITHMETIC[operator](first, second)
        case Call(function, arguments):
            return _FUNCTIONS[function](*map(lifted, arguments))
    raise TypeError(expr)


def derivative(expr: Expr, path: Sequence[str]) -> Any:
    """SymPy's own derivative by one variable after the other."""
    return sp.diff(lifted(expr), *[sp.Symbol(by, real=True) for by in path])


def always_zero(difference: Any) -> bool:
    """Whether a difference is certainly 0; False where that was not decided."""
    if difference == 0:
        return True
    if sp.count_ops(difference) > _MOST_OPERATIONS:
        return False
    plain = difference.replace(sp.tanh, lambda x: 1 - 2 / (sp.exp(2 * x) + 1))
    plain = plain.rewrite([sp.sinh, sp.cosh], sp.exp)
    plain = plain.replace(sp.tan, lambda x: sp.sin(x) / sp.cos(x))
    above = sp.numer(sp.together(plain))
    if _terms(above) > _MOST_TERMS:
        return False
    above = sp.expand(sp.expand_trig(above))
    if above == 0:
        return True
    # sin(x)**2 + cos(x)**2 is 1.
    return bool(sp.expand(above.replace(_is_square_of_sine, _by_cosine)) == 0)


def _terms(expression: Any) -> int:
    """How many terms an expression has when it is multiplied out, at most."""
    found = [min(_terms(part), _MOST_TERMS + 1) for part in expression.args]
    if expression.is_Add:
        return sum(found)
    if expression.is_Mul:
        return min(math.prod(found), _MOST_TERMS + 1)
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0 and found[0] > 1:
        return int(min(found[0] ** min(int(expression.exp), 30), _MOST_TERMS + 1))
    return 1


def _is_square_of_sine(node: Any) -> bool:
    return bool(node.is_Pow and node.exp.is_Integer and node.exp > 1 and node.base.func is sp.sin)


def _by_cosine(node: Any) -> Any:
    square = 1 - sp.cos(node.base.args[0]) ** 2
    return square ** (node.exp // 2) * node.base ** (node.exp % 2)


#: SymPy takes (2*x)**n apart at once, and 2**n for a larger n would fill the memory.
_MOST_EXPONENT = 1_000


def too_steep(expr: Expr) -> bool:
    """Whether an expression has a power that SymPy must not be asked for."""
    for node in walk(expr):
        if not isinstance(node, Binary) or node.operator != "**" or variables(node.right):
            continue
        try:
            steep = abs(evaluate(node.right, {})) > _MOST_EXPONENT
        except InputError:
            continue
        if steep:
            return True
    return False


def number(expression: Any, values: Mapping[str, float]) -> float:
    """The value of a SymPy expression at a point, from 30 digits; NaN where it has none."""
    point = {
        sp.Symbol(name, real=True): sp.Rational(*float(v).as_integer_ratio())
        for name, v in values.items()
    }
    # Put in as numbers are worked out: exact powers of what a float is would fill the memory.
    found = sp.N(expression, 30, subs=point)
    return float(found) if found.is_Float or found.is_Rational else math.nan


_HALF, _SLOPE = sp.Rational(1, 2), sp.Rational(1, 100)


def _rational(text: str) -> Any:
    value = Fraction(text)
    return sp.Rational(value.numerator, value.denominator)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + sp.exp(-x))


def _step(x: Any, at_zero: Any = _HALF) -> Any:
    return sp.Heaviside(x, at_zero)


def _larger(x: Any, y: Any) -> Any:
    # SymPy's Max sorts and compares its arguments at a cost, and this is the same.
    return (x + y + sp.Abs(x - y)) / 2


def _elu(x: Any, alpha: Any = sp.S.One) -> Any:
    return _larger(x, 0) + alpha * (sp.exp(-_larger(-x, 0)) - 1)


def _leaky(x: Any, slope: Any = _SLOPE) -> Any:
    return _larger(x, 0) - slope * _larger(-x, 0)


def _huber(x: Any, y: Any, delta: Any = sp.S.One) -> Any:
    gap = sp.Abs(x - y)
    # Both pieces in one.
    return (gap**2 - _larger(gap - delta, 0) ** 2) / 2


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(sp, name)
        for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf")
    },
    "log1p": lambda x: sp.log(1 + x),
    "expm1": lambda x: sp.exp(x) - 1,
    "abs": sp.Abs,
    "sign": sp.sign,
    "heaviside": _step,
    "sigmoid": _sigmoid,
    "relu": lambda x: _larger(x, 0),
    "leaky_relu": _leaky,
    "prelu": _leaky,
    "elu": _elu,
    "selu": lambda x: _rational("1.0507009873554805") * _elu(x, _rational("1.6732632423543772")),
    "gelu": lambda x: x * (1 + sp.erf(x / sp.sqrt(2))) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: sp.log(1 + sp.exp(x)),
    "softsign": lambda x: x / (1 + sp.Abs(x)),
    "hardtanh": lambda x: (sp.Abs(x + 1) - sp.Abs(x - 1)) / 2,
    "max": _larger,
    "min": lambda x, y: (x + y - sp.Abs(x - y)) / 2,
    "mse": lambda x, y: (x - y) ** 2,
    "mae": lambda x, y: sp.Abs(x - y),
    "bce": lambda p, t: -(t * sp.log(p) + (1 - t) * sp.log(1 - p)),
    "huber": _huber,
}
