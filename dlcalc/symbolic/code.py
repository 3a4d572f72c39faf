"""Expressions as NumPy source that stands by itself: ``import numpy as np`` and it runs."""

from __future__ import annotations

from dlcalc.errors import InputError
from dlcalc.expr.tree import ATOM, PRODUCT, SUM, Call, Expr, Writer

#: Functions that NumPy has, under its name.
_SAME = frozenset(
    [
        "exp",
        "log",
        "log1p",
        "expm1",
        "sqrt",
        "abs",
        "sign",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "outer",
        "sum",
        "mean",
        "dot",
    ]
)
#: Other functions as NumPy text of their arguments, and how tightly that binds.
_MADE: dict[str, tuple[str, int]] = {
    "sigmoid": ("1/(1 + np.exp(-({0})))", PRODUCT),
    "relu": ("np.maximum({0}, 0)", ATOM),
    "leaky_relu": ("np.where({0} > 0, {0}, {1}*({0}))", ATOM),
    "elu": ("np.where({0} > 0, {0}, {1}*np.expm1(np.minimum({0}, 0)))", ATOM),
    "selu": (
        "1.0507009873554805*np.where({0} > 0, {0}, "
        "1.6732632423543772*np.expm1(np.minimum({0}, 0)))",
        PRODUCT,
    ),
    "silu": ("({0})/(1 + np.exp(-({0})))", PRODUCT),
    "gelu": ("({0})*(1 + np.vectorize(math.erf)(({0})/np.sqrt(2)))/2", PRODUCT),
    "erf": ("np.vectorize(math.erf)({0})", ATOM),
    "softplus": ("np.logaddexp(0, {0})", ATOM),
    "softsign": ("({0})/(1 + np.abs({0}))", PRODUCT),
    "hardtanh": ("np.clip({0}, -1, 1)", ATOM),
    "heaviside": ("np.heaviside({0}, {1})", ATOM),
    "max": ("np.maximum({0}, {1})", ATOM),
    "min": ("np.minimum({0}, {1})", ATOM),
    "softmax": (
        "np.exp({0} - np.max({0}, {axis}, keepdims=True))"
        "/np.sum(np.exp({0} - np.max({0}, {axis}, keepdims=True)), {axis}, keepdims=True)",
        PRODUCT,
    ),
    "log_softmax": (
        "{0} - np.max({0}, {axis}, keepdims=True)"
        " - np.log(np.sum(np.exp({0} - np.max({0}, {axis}, keepdims=True)), {axis},"
        " keepdims=True))",
        SUM,
    ),
}
_DEFAULTS = {"leaky_relu": "0.01", "elu": "1", "heaviside": "0.5"}


def numpy_text(expr: Expr) -> str:
    """An expression as NumPy source.

    Raises `InputError` for a function that has none here.

    >>> from dlcalc.expr.parse import parse
    >>> numpy_text(parse("(W.T@delta)*sigmoid(z)^2"))
    '(W.T @ delta)*(1/(1 + np.exp(-(z))))**2'
    """
    return _NumPy().text(expr)


class _NumPy(Writer):
    """The dialect of NumPy."""

    spaced = "+-@"

    def name(self, name: str) -> str:
        return "np.pi" if name == "pi" else name

    def call(self, expr: Call) -> tuple[str, int]:
        function, axis = expr.function, expr.axis
        texts = [self.text(argument) for argument in expr.arguments]
        if function in _SAME:
            tail = "" if axis is None else f", axis={axis}"
            return f"np.{function}({', '.join(texts)}{tail})", ATOM
        if function not in _MADE:
            raise InputError(f"{function} has no line of NumPy here", place=expr.place)
        template, level = _MADE[function]
        if len(texts) < 2 and function in _DEFAULTS:
            texts.append(_DEFAULTS[function])
        return template.format(*texts, axis=f"axis={-1 if axis is None else axis}"), level
