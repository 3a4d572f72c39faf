"""Expressions at a point of vectors and matrices, computed from the definitions of functions.

This is the witness of every derivation and shares nothing with it but the
parsed text. Numbers may be complex: one that is a hair off the real axis stands
for a real one that was moved, and functions with kinks take the side on which
its real part lies.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dlcalc.engine.special import erf
from dlcalc.errors import InputError, abridged
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Transpose

Array = np.ndarray[Any, np.dtype[Any]]

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def evaluate(expr: Expr, values: Mapping[str, Any]) -> Any:
    """The value of an expression; letters of sizes are among the values.

    Where it is undefined entries are NaN or infinite; a singular matrix has no inverse
    and raises NumPy's ``LinAlgError``.

    >>> from dlcalc.expr.parse import parse
    >>> float(evaluate(parse("sum((X@w)^2)"), {"X": np.eye(2), "w": np.ones(2)}))
    2.0
    """
    with np.errstate(all="ignore"):
        return _value(expr, values)


def _value(expr: Expr, values: Mapping[str, Any]) -> Any:
    match expr:
        case Number(value):
            return float(value)
        case Name("pi"):
            return np.pi
        case Name(name):
            return values[name]
        case Negative(operand):
            return -_value(operand, values)
        case Binary(sign, left, right):
            return _ARITHMETIC[sign](_value(left, values), _value(right, values))
        case Transpose(operand):
            return np.transpose(_value(operand, values))
        case Call(function, arguments, axis):
            found = [_value(argument, values) for argument in arguments]
            if axis is not None:
                return FUNCTIONS[function](*found, axis=axis)
            return FUNCTIONS[function](*found)
    raise InputError(f"{abridged(str(expr))} has no value here", place=expr.place)


def power(x: Any, y: Any) -> Any:
    """NumPy's power, with negative numbers to whole powers kept on the real axis."""
    if np.ndim(y) and np.all(y == np.ravel(y)[0]):
        x, y = np.broadcast_arrays(x, y)
        y = np.ravel(y)[0]
    if np.ndim(y) == 0 and not np.iscomplexobj(y) and float(y) == int(y) and abs(y) <= 32:
        # Whole powers by multiplication: exact for complex numbers too.
        return np.asarray(x) ** int(y) if y >= 0 else 1.0 / np.asarray(x) ** int(-y)
    return np.power(np.asarray(x), np.asarray(y, np.result_type(x, y, float)))


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": np.divide,
    "**": power,
    "@": operator.matmul,
}


def _above(x: Any, y: Any = 0.0) -> Any:
    return np.real(x) > np.real(y)


def _abs(x: Any) -> Any:
    # At the kink itself, where there is no derivative, the one that is agreed on: 0.
    return np.where(np.real(x) < 0, -x, np.where(np.real(x) > 0, x, 0.0 * x))


def _size(x: Any) -> Any:
    """|x| for what is smooth at 0 all the same."""
    return np.where(np.real(x) < 0, -x, x)


def _sigmoid(x: Any) -> Any:
    small = np.exp(-_size(x))
    return np.where(np.real(x) < 0, small, 1.0) / (1 + small)


def _softplus(x: Any) -> Any:
    # log(1 + exp(-|x|)) and max(x, 0), both of the side on which 0 is counted.
    return np.where(np.real(x) < 0, 0.0 * x, x) + np.log1p(np.exp(-_size(x)))


def _relu(x: Any) -> Any:
    return np.where(_above(x), x, 0.0 * x)


def _leaky(x: Any, slope: Any = 0.01) -> Any:
    return np.where(_above(x), x, slope * x)


def _elu(x: Any, alpha: Any = 1.0) -> Any:
    low = np.where(_above(x), 0.0 * x, x)
    return np.where(_above(x), x, alpha * np.expm1(low))


def _heaviside(x: Any, middle: Any = 0.5) -> Any:
    return np.heaviside(np.real(x), np.real(middle))


def _sign(x: Any) -> Any:
    return np.sign(np.real(x))


def _erf(x: Any) -> Any:
    given = np.asarray(x)
    return erf(given if given.dtype.kind in "fc" else given.astype(float))


def _gelu(x: Any) -> Any:
    return x * (1 + _erf(x / np.sqrt(2.0))) / 2


def _hardtanh(x: Any) -> Any:
    return np.where(np.real(x) >= 1, 1.0, np.where(np.real(x) <= -1, -1.0, x))


def _extreme(x: Any, axis: int | None, whole: Any) -> Any:
    """The largest or least; where several are, their mean: each has an equal share in it."""
    axes = tuple(range(np.ndim(x))) if axis is None else (axis,)
    chosen = np.real(x) == whole(np.real(x), axis=axes, keepdims=True)
    return np.sum(np.where(chosen, x, 0.0), axis=axes) / np.sum(chosen, axis=axes)


def _max(x: Any, y: Any = None, axis: int | None = None) -> Any:
    if y is None:
        return _extreme(x, axis, np.max)
    return np.where(_above(x, y), x, np.where(_above(y, x), y, (x + y) / 2))


def _min(x: Any, y: Any = None, axis: int | None = None) -> Any:
    if y is None:
        return _extreme(x, axis, np.min)
    return np.where(_above(x, y), y, np.where(_above(y, x), x, (x + y) / 2))


def _hardmax(x: Any, axis: int = -1) -> Any:
    chosen = np.real(x) == np.max(np.real(x), axis, keepdims=True)
    return chosen / np.sum(chosen, axis, keepdims=True)


def _logsumexp(x: Any, axis: int | None = None) -> Any:
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    top = np.max(np.real(x), axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis))


def _softmax(x: Any, axis: int = -1) -> Any:
    exps = np.exp(x - np.max(np.real(x), axis, keepdims=True))
    return exps / np.sum(exps, axis, keepdims=True)


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return x - np.expand_dims(_logsumexp(x, axis), axis)


def _norm(x: Any) -> Any:
    # Not of absolute values: the root of the sum of squares is analytic.
    return np.sqrt(np.sum(x * x))


def _logdet(x: Any) -> Any:
    sign, value = np.linalg.slogdet(x)
    if np.iscomplexobj(sign):
        return value + 1j * np.angle(np.where(sign.real < 0, -sign, sign))
    return value


def _huber(x: Any, y: Any, delta: Any = 1.0) -> Any:
    if np.any(np.real(delta) <= 0):
        # A loss with a negative threshold means nothing.
        return np.nan
    size = _size(x - y)
    return np.mean(np.where(_above(size, delta), delta * (size - delta / 2), size * size / 2))


#: Every function of the language, on numbers and arrays.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": _abs,
    "sign": _sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "relu": _relu,
    "leaky_relu": _leaky,
    "prelu": _leaky,
    "elu": _elu,
    "selu": lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA),
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + _abs(x)),
    "hardtanh": _hardtanh,
    "erf": _erf,
    "heaviside": _heaviside,
    "max": _max,
    "min": _min,
    "sum": np.sum,
    "mean": np.mean,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "hardmax": _hardmax,
    "log_softmax": _log_softmax,
    "norm": _norm,
    "norm1": lambda x: np.sum(_abs(x)),
    "dot": operator.matmul,
    "outer": lambda x, y: x[:, None] * y,
    "tr": np.trace,
    "det": np.linalg.det,
    "logdet": _logdet,
    "inv": np.linalg.inv,
    "diag": np.diag,
    "eye": lambda n: np.eye(int(n)),
    "ones": lambda *sizes: np.ones([int(size) for size in sizes]),
    "cross_entropy": lambda x, t: -np.sum(t * _log_softmax(x)),
    "bce": lambda p, t: -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)),
    "mse": lambda x, t: np.mean((x - t) ** 2),
    "mae": lambda x, t: np.mean(_abs(x - t)),
    "huber": _huber,
}
