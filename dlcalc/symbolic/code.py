"""Expressions as source that stands by itself: NumPy or PyTorch, from one table of both."""

from __future__ import annotations

from typing import Literal

from dlcalc.errors import InputError
from dlcalc.expr.tree import ATOM, Call, Expr, Writer
from dlcalc.symbolic.matrix.codes import CALLS, EACH, Row

Language = Literal["numpy", "torch"]
#: What an argument is where it is left out.
_DEFAULTS = {"leaky_relu": "0.01", "elu": "1", "heaviside": "0.5", "huber": "1"}
_LAST = ("softmax", "log_softmax")


def source(expr: Expr, language: Language = "numpy") -> str:
    """An expression as source.

    Raises `InputError` for a function that has none here.

    >>> from dlcalc.expr.parse import parse
    >>> source(parse("(W.T@delta)*relu(z)^2"))
    '(W.T @ delta)*np.maximum(z, 0)**2'
    >>> source(parse("sum(delta, axis=0)"), "torch")
    'torch.sum(delta, dim=0)'
    """
    return _Source(language).text(expr)


class _Source(Writer):
    """The dialect of NumPy or PyTorch."""

    spaced = "+-@"

    def __init__(self, language: Language) -> None:
        self.torch = language == "torch"

    def name(self, name: str) -> str:
        return ("torch.pi" if self.torch else "np.pi") if name == "pi" else name

    def call(self, expr: Call) -> tuple[str, int]:
        function, axis = expr.function, expr.axis
        plain = [self.text(argument) for argument in expr.arguments]
        if function in ("outer", "mean"):
            tail = "" if axis is None else f", {'dim' if self.torch else 'axis'}={axis}"
            return f"{'torch' if self.torch else 'np'}.{function}({', '.join(plain)}{tail})", ATOM
        row = _row(expr)
        bound = [self.inside(argument, ATOM) for argument in expr.arguments]
        if function in _DEFAULTS and len(plain) < (3 if function == "huber" else 2):
            plain.append(_DEFAULTS[function])
            bound.append(_DEFAULTS[function])
        letters = dict(zip("ABC", bound, strict=False))
        template = row.torch if self.torch else row.numpy
        return template.format(*plain, axis=-1 if axis is None else axis, **letters), row.level


def _row(expr: Call) -> Row:
    """The line of the table for a call."""
    function, axis = expr.function, expr.axis
    if function == "sum" and axis is None:
        return CALLS["total"]
    reduces = axis is not None or function in _LAST or len(expr.arguments) == 1
    if function in EACH and not (function in CALLS and reduces):
        return EACH[function]
    if function in CALLS:
        return CALLS[function]
    raise InputError(f"{function} has no line of code here", place=expr.place)
