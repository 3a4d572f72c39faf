"""Functions as NumPy and PyTorch have them: two texts, and what the first of them does.

``{0}`` and ``{1}`` are operands as they are, ``{A}`` and ``{B}`` the same in
brackets where that is needed, ``{axis}`` an axis or several.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

#: How tightly an operation binds.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)


class Row(NamedTuple):
    """A function in two languages."""

    numpy: str
    torch: str
    run: Callable[..., Any]
    level: int = ATOM


_ERF = "np.vectorize(math.erf)({0})"


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf)(x)


def _leaky(x: Any, slope: Any) -> Any:
    return np.where(x > 0, x, slope * x)


def _elu(x: Any, alpha: Any) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(x: Any) -> Any:
    return 1.0507009873554805 * _elu(x, 1.6732632423543772)


def _bce(p: Any, t: Any) -> Any:
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


def _huber(x: Any, y: Any, s: Any) -> Any:
    return np.where(np.abs(x - y) > s, s * (np.abs(x - y) - s / 2), (x - y) ** 2 / 2)


def _same(name: str, numpy: str = "", torch: str = "") -> Row:
    numpy, torch = numpy or name, torch or name
    return Row(f"np.{numpy}({{0}})", f"torch.{torch}({{0}})", getattr(np, numpy))


EACH: dict[str, Row] = {
    **{
        name: _same(name)
        for name in [
            "exp",
            "log",
            "log1p",
            "expm1",
            "sqrt",
            "sign",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
        ]
    },
    "abs": _same("abs"),
    "sigmoid": Row(
        "np.exp(-np.logaddexp(0, -{A}))",
        "torch.sigmoid({0})",
        lambda x: np.exp(-np.logaddexp(0, -x)),
    ),
    "relu": Row("np.maximum({0}, 0)", "torch.relu({0})", lambda x: np.maximum(x, 0)),
    "leaky_relu": Row(
        "np.where({A} > 0, {0}, {B}*{A})", "torch.where({A} > 0, {0}, {B}*{A})", _leaky
    ),
    "elu": Row(
        "np.where({A} > 0, {0}, {B}*np.expm1(np.minimum({0}, 0)))",
        "torch.where({A} > 0, {0}, {B}*torch.expm1(torch.clamp({0}, max=0)))",
        _elu,
    ),
    "selu": Row(
        "1.0507009873554805*np.where({A} > 0, {0}, "
        "1.6732632423543772*np.expm1(np.minimum({0}, 0)))",
        "torch.nn.functional.selu({0})",
        _selu,
        PRODUCT,
    ),
    "gelu": Row(
        f"{{A}}*(1 + {_ERF.replace('{0}', '{A}/2**0.5')})/2",
        "torch.nn.functional.gelu({0})",
        lambda x: x * (1 + _erf(x / 2**0.5)) / 2,
        PRODUCT,
    ),
    "silu": Row(
        "{A}*np.exp(-np.logaddexp(0, -{A}))",
        "torch.nn.functional.silu({0})",
        lambda x: x * np.exp(-np.logaddexp(0, -x)),
        PRODUCT,
    ),
    "softplus": Row(
        "np.logaddexp(0, {0})",
        "torch.nn.functional.softplus({0}, threshold=50)",
        lambda x: np.logaddexp(0, x),
    ),
    "softsign": Row(
        "{A}/(1 + np.abs({0}))",
        "torch.nn.functional.softsign({0})",
        lambda x: x / (1 + np.abs(x)),
        PRODUCT,
    ),
    "hardtanh": Row("np.clip({0}, -1, 1)", "torch.clamp({0}, -1, 1)", lambda x: np.clip(x, -1, 1)),
    "erf": Row(_ERF, "torch.erf({0})", _erf),
    "heaviside": Row(
        "np.heaviside({0}, {1})",
        "torch.where({A} == 0, {1}, 1.0*({A} > 0))",
        np.heaviside,
    ),
    "max": Row("np.maximum({0}, {1})", "torch.where({A} > {B}, {0}, {1})", np.maximum),
    "min": Row("np.minimum({0}, {1})", "torch.where({A} < {B}, {0}, {1})", np.minimum),
    "bce": Row(
        "-{B}*np.log({0}) - (1 - {B})*np.log(1 - {A})",
        "-{B}*torch.log({0}) - (1 - {B})*torch.log(1 - {A})",
        _bce,
        SUM,
    ),
    "huber": Row(
        "np.where(np.abs({0} - {B}) > {C}, {C}*(np.abs({0} - {B}) - {C}/2), ({0} - {B})**2/2)",
        "torch.where(torch.abs({0} - {B}) > {C}, "
        "{C}*(torch.abs({0} - {B}) - {C}/2), ({0} - {B})**2/2)",
        _huber,
    ),
}


def _logsumexp(x: Any, axis: Any) -> Any:
    return np.logaddexp.reduce(x, axis=axis)


def _softmax(x: Any, axis: Any) -> Any:
    exps = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exps / np.sum(exps, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any) -> Any:
    return x - np.logaddexp.reduce(x, axis=axis, keepdims=True)


def _hardmax(x: Any, axis: Any) -> Any:
    chosen = x == np.max(x, axis=axis, keepdims=True)
    return chosen / np.sum(chosen, axis=axis, keepdims=True)


CALLS: dict[str, Row] = {
    "eye": Row("np.eye({0})", "torch.eye({0})", lambda n: np.eye(int(n))),
    "ones": Row(
        "np.ones(({all},))",
        "torch.ones({all})",
        lambda *sizes: np.ones([int(size) for size in sizes]),
    ),
    "tr": Row("np.trace({0})", "torch.trace({0})", np.trace),
    "diagonal": Row("np.diagonal({0})", "torch.diagonal({0})", np.diagonal),
    "total": Row("np.sum({0})", "torch.sum({0})", np.sum),
    "sum": Row(
        "np.sum({0}, axis={axis})", "torch.sum({0}, dim={axis})", lambda x, k: np.sum(x, axis=k)
    ),
    "max": Row(
        "np.max({0}, axis={axis})", "torch.amax({0}, dim={axis})", lambda x, k: np.max(x, axis=k)
    ),
    "min": Row(
        "np.min({0}, axis={axis})", "torch.amin({0}, dim={axis})", lambda x, k: np.min(x, axis=k)
    ),
    "logsumexp": Row(
        "np.logaddexp.reduce({0}, axis={axis})", "torch.logsumexp({0}, dim={axis})", _logsumexp
    ),
    "softmax": Row(
        "np.exp({0} - np.logaddexp.reduce({0}, axis={axis}, keepdims=True))",
        "torch.exp({0} - torch.logsumexp({0}, dim={axis}, keepdim=True))",
        lambda x, k: np.exp(_log_softmax(x, k)),
    ),
    "hardmax": Row(
        "({0} == np.max({0}, axis={axis}, keepdims=True))"
        "/np.sum({0} == np.max({0}, axis={axis}, keepdims=True), axis={axis}, keepdims=True)",
        "({0} == torch.amax({0}, dim={axis}, keepdim=True))"
        "/torch.sum({0} == torch.amax({0}, dim={axis}, keepdim=True), dim={axis}, keepdim=True)",
        _hardmax,
        PRODUCT,
    ),
    "log_softmax": Row(
        "{0} - np.logaddexp.reduce({0}, axis={axis}, keepdims=True)",
        "{0} - torch.logsumexp({0}, dim={axis}, keepdim=True)",
        _log_softmax,
        SUM,
    ),
    "inv": Row("np.linalg.inv({0})", "torch.linalg.inv({0})", np.linalg.inv),
    "det": Row("np.linalg.det({0})", "torch.linalg.det({0})", np.linalg.det),
    "logdet": Row(
        "np.linalg.slogdet({0})[1]",
        "torch.linalg.slogdet({0})[1]",
        lambda x: np.linalg.slogdet(x)[1],
    ),
    "cross_entropy": Row(
        "-np.sum({B}*({0} - np.logaddexp.reduce({0}, axis=-1, keepdims=True)))",
        "-torch.sum({B}*torch.log_softmax({0}, dim=-1))",
        lambda x, t: -np.sum(t * _log_softmax(x, -1)),
        SIGN,
    ),
}
