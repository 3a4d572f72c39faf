"""Expressions evaluated by PyTorch, for its autograd to derive: functions as PyTorch has them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Transpose


def evaluate(expr: Expr, values: Mapping[str, Any]) -> Any:
    match expr:
        case Number(value):
            return torch.tensor(float(value), dtype=torch.float64)
        case Name("pi"):
            return torch.tensor(torch.pi, dtype=torch.float64)
        case Name(name):
            return torch.as_tensor(values[name], dtype=torch.float64)
        case Negative(operand):
            return -evaluate(operand, values)
        case Binary(sign, left, right):
            return _ARITHMETIC[sign](evaluate(left, values), evaluate(right, values))
        case Transpose(operand):
            found = evaluate(operand, values)
            return found.permute(*reversed(range(found.ndim)))
        case Call(function, arguments, axis):
            found = [evaluate(argument, values) for argument in arguments]
            return FUNCTIONS[function](*found, **({} if axis is None else {"axis": axis}))
    raise TypeError(expr)


_ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "@": operator.matmul,
}


def _reduced(name: str) -> Callable[..., Any]:
    def function(x: Any, axis: int | None = None) -> Any:
        if name == "logsumexp":
            return torch.logsumexp(
                x.reshape(-1) if axis is None else x, 0 if axis is None else axis
            )
        whole = {"max": torch.amax, "min": torch.amin, "sum": torch.sum, "mean": torch.mean}[name]
        return whole(x.reshape(-1), 0) if axis is None else whole(x, axis)

    return function


def _extreme(name: str) -> Callable[..., Any]:
    reduced, pair = _reduced(name), {"max": torch.maximum, "min": torch.minimum}[name]

    def function(x: Any, y: Any = None, axis: int | None = None) -> Any:
        return reduced(x, axis) if y is None else pair(*torch.broadcast_tensors(x, y))

    return function


def _huber(x: Any, y: Any, delta: Any = 1.0) -> Any:
    return functional.huber_loss(x, y, delta=float(delta))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(torch, name)
        for name in (
            "exp log log1p expm1 sqrt abs sign sin cos tan sinh cosh tanh sigmoid relu erf"
        ).split()
    },
    "leaky_relu": lambda x, slope=0.01: torch.where(x > 0, x, slope * x),
    "prelu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "elu": lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0))),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "hardtanh": functional.hardtanh,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "sum": _reduced("sum"),
    "mean": _reduced("mean"),
    "logsumexp": _reduced("logsumexp"),
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "heaviside": lambda x, h=0.5: torch.heaviside(x, torch.as_tensor(h, dtype=x.dtype)),
    "hardmax": lambda x, axis=-1: (
        functional.one_hot(x.argmax(axis), x.shape[axis]).movedim(-1, axis).to(x.dtype)
    ),
    "norm": torch.linalg.vector_norm,
    "norm1": lambda x: torch.linalg.vector_norm(x, 1),
    "dot": torch.dot,
    "outer": torch.outer,
    "tr": torch.trace,
    "det": torch.linalg.det,
    "logdet": lambda x: torch.linalg.slogdet(x)[1],
    "inv": torch.linalg.inv,
    "diag": torch.diag,
    "eye": lambda n: torch.eye(int(n), dtype=torch.float64),
    "ones": lambda *sizes: torch.ones([int(n) for n in sizes], dtype=torch.float64),
    "cross_entropy": lambda x, t: functional.cross_entropy(x, t, reduction="sum"),
    "bce": functional.binary_cross_entropy,
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": _huber,
}
