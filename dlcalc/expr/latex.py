r"""Expressions in LaTeX: fractions, roots, exponents, Greek letters, subscripts."""

from __future__ import annotations

import re
from fractions import Fraction
from unicodedata import name as unicode_name

from dlcalc.expr.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negative,
    Number,
    Subscript,
    Transpose,
    decimal,
)

#: Functions that have a name of their own; others are set upright.
_NAMES = {
    **{
        name: rf"\{name}"
        for name in ["sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "max", "min", "det"]
    },
    "log": r"\ln",
    "logdet": r"\ln\det",
    "sigmoid": r"\sigma",
    "heaviside": r"\mathrm{H}",
    "sign": r"\operatorname{sgn}",
    "tr": r"\operatorname{tr}",
}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "mu",
    "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
}  # fmt: skip
_SHORT = {"lam": "lambda", "lamda": "lambda", "Lamda": "Lambda", "eps": "epsilon"}
# How tightly the parts bind: sums, products, signs, powers, atoms.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)


def latex(expr: Expr) -> str:
    r"""An expression as LaTeX sets it.

    >>> from dlcalc.expr.parse import parse
    >>> print(latex(parse("x*sigmoid(w1*x)/(2*sqrt(alpha)) - y^2")))
    \frac{x \sigma(w_{1} \, x)}{2 \sqrt{\alpha}} - y^{2}
    """
    return _latex(expr)[0]


def symbol(name: str) -> str:
    r"""A variable's name: Greek letters as such, digits at its end below the line.

    >>> symbol("theta_1"), symbol("loss"), symbol("λ")
    ('\\theta_{1}', '\\mathrm{loss}', '\\lambda')
    """
    base, below = re.fullmatch(r"(.*?)_?(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if not base:
        base, below = name, ""
    if len(base) == 1 and not base.isascii():
        told = unicode_name(base)
        base = told.rpartition(" ")[2].lower()
        base = base.capitalize() if "CAPITAL" in told else base
    base = _SHORT.get(base, base)
    if base.lower() in _GREEK | {"lambda"}:
        shown = rf"\{base}"
    else:
        shown = base if len(base) == 1 else _upright("mathrm", base)
    return f"{shown}_{{{below}}}" if below else shown


def _latex(expr: Expr) -> tuple[str, int]:
    match expr:
        case Number(value):
            return _number(value)
        case Name(name):
            return symbol(name), _ATOM
        case Subscript(operand, indices):
            return f"{symbol(operand.name)}_{{{','.join(map(str, indices))}}}", _ATOM
        case Negative(operand):
            return f"-{_inside(operand, _SIGN)}", _SIGN
        case Transpose(operand):
            return rf"{_inside(operand, _ATOM)}^{{\top}}", _POWER
        case Binary("+" | "-" as sign, left, right):
            return f"{_inside(left, _SUM)} {sign} {_inside(right, _PRODUCT)}", _SUM
        case Binary("/", left, right):
            above, level = _latex(left)
            if level > _SUM and above.startswith("-"):
                return rf"-\frac{{{above[1:]}}}{{{latex(right)}}}", _SIGN
            return rf"\frac{{{above}}}{{{latex(right)}}}", _ATOM
        case Binary("**", left, right):
            return f"{_inside(left, _ATOM)}^{{{latex(right)}}}", _POWER
        case Binary(_, left, right):
            first, second = _inside(left, _PRODUCT), _inside(right, _SIGN + 1)
            gap = r" \cdot " if second[0].isdigit() else " "
            if not isinstance(left, Number) and not isinstance(right, Call) and gap == " ":
                gap = r" \, "
            return f"{first}{gap}{second}", _PRODUCT
        case Call(function, arguments):
            return _call(function, arguments)
    raise TypeError(expr)


def _number(value: Fraction) -> tuple[str, int]:
    text, level = decimal(value)
    if level != _PRODUCT:
        return text, level
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", _ATOM


def _inside(expr: Expr, level: int) -> str:
    text, own = _latex(expr)
    return text if own >= level else rf"\left({text}\right)"


def _upright(command: str, name: str) -> str:
    return f"\\{command}{{" + name.replace("_", r"\_") + "}"


def _call(function: str, arguments: tuple[Expr, ...]) -> tuple[str, int]:
    first = latex(arguments[0])
    if function == "exp":
        return f"e^{{{first}}}", _POWER
    if function == "sqrt":
        return rf"\sqrt{{{first}}}", _ATOM
    if function == "abs":
        return rf"\left|{first}\right|", _ATOM
    if function in ("norm", "norm1"):
        return rf"\left\lVert {first} \right\rVert_{{{2 if function == 'norm' else 1}}}", _ATOM
    if function == "inv":
        return f"{_inside(arguments[0], _ATOM)}^{{-1}}", _POWER
    name = _NAMES.get(function) or _upright("operatorname", function)
    if function == "heaviside" and len(arguments) == 2:
        return f"{name}_{{{latex(arguments[1])}}}({first})", _ATOM
    inner = ", ".join(map(latex, arguments))
    return f"{name}({inner})", _ATOM
