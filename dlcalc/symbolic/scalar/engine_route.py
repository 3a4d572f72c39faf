"""The engine as a second route: its activations forward and backward, in reverse mode.

It shares no rule with the derivation: an activation's slope is the engine's own
backward pass, and arithmetic is derived here as it is on a tape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.program import Program
from dlcalc.errors import Source
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript, walk, written
from dlcalc.nets.parser import parse as parse_net

Array = np.ndarray[Any, np.dtype[Any]]

#: Functions that are layers of the engine; the second argument of some is a number.
_LAYERS = frozenset(
    (
        *("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"),
        *("softsign", "hardtanh"),
    )
)


_NEAR = 1e-15


class _Value(NamedTuple):
    """A value at every point, and what it was made of with the slopes by these."""

    data: Array
    parents: tuple[tuple[Expr, Array], ...] = ()


def missing(expr: Expr) -> str:
    """A function of an expression that is no layer of the engine; empty if all are."""
    for node in walk(expr):
        if isinstance(node, Call):
            plain = all(isinstance(argument, Number) for argument in node.arguments[1:])
            if node.function not in _LAYERS or not plain:
                return node.function
    return ""


class Slope(NamedTuple):
    """A derivative, and how far rounding may have moved it."""

    value: float
    noise: float


def slopes(expr: Expr, by: str, points: Sequence[Mapping[str, float]]) -> list[Slope]:
    """The derivative of an expression by a variable at every point, in reverse mode.

    Its noise is what numbers a rounding error away change, and what its terms round to.
    """
    near = [{name: number * (1 + _NEAR) for name, number in point.items()} for point in points]
    found, sizes = _backward(expr, by, points)
    others, _ = _backward(expr, by, near)
    noise = 100 * abs(others - found) + 1e-14 * sizes
    return [Slope(float(a), float(b)) for a, b in zip(found, noise, strict=True)]


def _backward(expr: Expr, by: str, points: Sequence[Mapping[str, float]]) -> tuple[Array, Array]:
    """The derivative at every point, and the sum of the sizes of its terms."""
    values: dict[int, tuple[Expr, _Value]] = {}
    with np.errstate(all="ignore"):
        _forward(expr, points, values)
        # Below each cotangent the same with all terms positive.
        cotangents = {id(expr): np.ones((2, len(points)))}
        found = np.zeros((2, len(points)))
        # Parents were entered before what was made of them.
        for key, (node, value) in reversed(values.items()):
            cotangent = cotangents.get(key)
            if cotangent is None:
                continue
            if isinstance(node, Name | Subscript) and written(node) == by:
                found += cotangent
            for parent, slope in value.parents:
                share = cotangent * np.stack([slope, abs(slope)])
                cotangents[id(parent)] = cotangents.get(id(parent), 0.0) + share
    return found[0], found[1]


def _forward(
    expr: Expr, points: Sequence[Mapping[str, float]], values: dict[int, tuple[Expr, _Value]]
) -> Array:
    found = _value(expr, points, values)
    values[id(expr)] = (expr, found)
    return found.data


def _value(
    expr: Expr, points: Sequence[Mapping[str, float]], values: dict[int, tuple[Expr, _Value]]
) -> _Value:
    match expr:
        case Number(value):
            return _Value(np.full(len(points), float(value)))
        case Name("pi"):
            return _Value(np.full(len(points), np.pi))
        case Name() | Subscript():
            return _Value(np.array([point[written(expr)] for point in points]))
        case Negative(operand):
            x = _forward(operand, points, values)
            return _Value(-x, ((operand, np.full(len(points), -1.0)),))
        case Binary(operator, left, right):
            x, y = _forward(left, points, values), _forward(right, points, values)
            data, by_left, by_right = _operation(operator, x, y)
            return _Value(data, ((left, by_left), (right, by_right)))
        case Call(function, (operand, *rest)):
            x = _forward(operand, points, values)
            word = ":".join([function, *map(written, rest)])
            data, slope = _layer(word, x)
            return _Value(data, ((operand, slope),))
    raise TypeError(expr)


def _operation(operator: str, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """A value and its slopes by both sides."""
    one = np.ones_like(x)
    if operator == "+":
        return x + y, one, one
    if operator == "-":
        return x - y, one, -one
    if operator == "*":
        return x * y, y, x
    if operator == "/":
        return x / y, 1 / y, -x / (y * y)
    # A negative base takes whole exponents alone, by which nobody derives.
    by_exponent = np.where(x > 0, x**y * np.log(np.where(x > 0, x, 1.0)), 0.0)
    return x**y, y * x ** (y - 1), by_exponent


def _layer(word: str, x: Array) -> tuple[Array, Array]:
    """A layer of the engine at every point, and its backward pass for a cotangent of 1."""
    program = Program(parse_net(Source(word), files=False).net, (1,), batch=len(x))
    program.input.data[:, 0] = x
    program.forward()
    program.output.cotangent[...] = 1.0
    program.backward()
    return program.output.data[:, 0].copy(), program.input.cotangent[:, 0].copy()
