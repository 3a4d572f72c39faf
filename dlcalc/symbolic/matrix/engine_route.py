"""The engine as another route: the part of an expression that is a net, run and run back.

Dense layers and activations on rows of examples are recognised in the typed
expression. The engine gets the cotangent of the net's output by a complex step
through what stands around it, and its backward pass gives the gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.expr.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negative,
    Number,
    Transpose,
    variables,
    walk,
    written,
)
from dlcalc.symbolic.matrix import check
from dlcalc.symbolic.matrix.evaluate import Array, evaluate
from dlcalc.symbolic.matrix.node import Shape

#: Functions that are layers of the engine; some have a number as their second argument.
_LAYERS = frozenset(
    [
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "softplus",
        "softsign",
        "hardtanh",
    ]
)
_PLACE = "net_output"


class Chain(NamedTuple):
    """A net inside an expression: its layers as words, its input, and its weights by tensor."""

    layers: tuple[str, ...]
    input: Expr
    #: For each tensor of the engine the variable it is, and whether it is turned there.
    tensors: tuple[tuple[str, str, bool], ...]
    width: str | int = ""

    @property
    def dense(self) -> int:
        """How many dense layers it has."""
        return sum(layer.startswith("dense") for layer in self.layers)


class Net(NamedTuple):
    """A chain, where it stands, and the expression with a letter in its place."""

    chain: Chain
    part: Expr
    around: Expr


def find(expr: Expr, shapes: Mapping[str, Shape]) -> Net | None:
    """The largest part of an expression that is a net on rows, if its letters occur only there."""
    for part in walk(expr):
        chain = _chain(part, shapes)
        if chain is None or not chain.dense:
            continue
        around = _replaced(expr, part)
        inside = [name for _, name, _ in chain.tensors] + variables(chain.input)
        if len(set(inside)) < len(inside) or set(inside) & set(variables(around)):
            return None
        return Net(chain, part, around)
    return None


def gradients(net: Net, shapes: Mapping[str, Shape], values: Mapping[str, Any]) -> dict[str, Array]:
    """The gradients of a scalar expression by the net's weights and input, by the engine."""
    from dlcalc.engine.program import Program
    from dlcalc.errors import Source
    from dlcalc.nets.parser import parse as parse_net

    chain = net.chain
    widths = iter([np.shape(values[name]) for key, name, _ in chain.tensors if key == "weight"])
    turned = iter([flag for key, _, flag in chain.tensors if key == "weight"])
    words = []
    for layer in chain.layers:
        if layer.startswith("dense"):
            shape, is_turned = next(widths), next(turned)
            out = 1 if len(shape) == 1 else shape[0 if is_turned else 1]
            words.append(layer.replace("OUT", str(out)))
        else:
            words.append(layer)
    data = np.asarray(values[written(chain.input)])
    rows = data if data.ndim == 2 else data[None, :]
    program = Program(parse_net(Source(" ".join(words))).net, (rows.shape[1],), batch=rows.shape[0])
    places: dict[str, tuple[str, bool]] = {}
    number = 0
    for key, name, is_turned in chain.tensors:
        number += key == "weight"
        tensor = f"dense{number}.{key}"
        places[tensor] = (name, is_turned)
        value = np.asarray(values[name])
        if key == "weight":
            value = value[None, :] if value.ndim == 1 else value if is_turned else value.T
        program.tensors[tensor].value[...] = value
    program.input.data[...] = rows
    output = program.forward().copy()
    typed = np.asarray(evaluate(net.part, values))
    program.output.cotangent[...] = _cotangent(net, values, typed).reshape(output.shape)
    program.backward()
    found: dict[str, Array] = {}
    for tensor, (name, is_turned) in places.items():
        gradient = program.tensors[tensor].gradient
        if tensor.endswith("weight") and np.ndim(values[name]) == 2 and not is_turned:
            gradient = gradient.T
        found[name] = gradient.reshape(np.shape(values[name])).copy()
    found[written(chain.input)] = np.asarray(program.input.cotangent).reshape(data.shape).copy()
    if check.error(output.reshape(typed.shape), typed) > check.TOLERANCE:
        return {name: np.full_like(value, np.nan) for name, value in found.items()}
    return found


def _cotangent(net: Net, values: Mapping[str, Any], typed: Array) -> Array:
    """The derivative of the expression by the net's output, entry by entry."""
    given = {**values, _PLACE: typed}
    found = np.zeros(typed.size)
    for entry in range(typed.size):
        unit = np.zeros(typed.size)
        unit[entry] = 1.0
        slope = check.along(
            lambda moved: evaluate(net.around, moved), given, _PLACE, unit.reshape(typed.shape)
        )
        found[entry] = float(np.sum(slope))
    return found.reshape(typed.shape)


def _chain(expr: Expr, shapes: Mapping[str, Shape]) -> Chain | None:
    """An expression as layers on rows, or None."""
    match expr:
        case Name(name) if name in shapes and len(shapes[name]) in (1, 2):
            return Chain((), expr, (), shapes[name][-1])
        case Call(function, (inner, *extra)) if function in _LAYERS:
            numbers = [argument.value for argument in extra if isinstance(argument, Number)]
            if len(numbers) < len(extra):
                return None
            chain = _chain(inner, shapes)
            if chain is None or not chain.layers:
                return None
            word = f"{function}:{float(numbers[0])}" if numbers else function
            return chain._replace(layers=(*chain.layers, word))
        case Binary("+", product, Name(bias)):
            chain = _chain(product, shapes)
            if chain is None or not chain.layers or chain.layers[-1] != "dense:OUT,bias=no":
                return None
            if shapes.get(bias) != (chain.width,):
                return None
            layers = (*chain.layers[:-1], "dense:OUT")
            tensors = (*chain.tensors, ("bias", bias, False))
            return chain._replace(layers=layers, tensors=tensors)
        case Binary("@", left, right):
            return _dense(left, right, shapes)
    return None


def _dense(left: Expr, right: Expr, shapes: Mapping[str, Shape]) -> Chain | None:
    """Rows times a matrix or a vector of weights, or a matrix of weights times one column."""
    chain = _chain(left, shapes)
    is_turned = isinstance(right, Transpose)
    weight = right.operand if isinstance(right, Transpose) else right
    if chain is not None and isinstance(weight, Name) and weight.name in shapes:
        shape = shapes[weight.name]
        rows = len(shapes[written(chain.input)])
        if rows == 2 and (len(shape) == 2 or (len(shape) == 1 and not is_turned)):
            width = shape[0 if is_turned else -1] if len(shape) == 2 else 1
            return _with(chain, weight.name, is_turned, width)
    column = _chain(right, shapes)
    if column is None or not isinstance(left, Name) or len(shapes.get(left.name, ())) != 2:
        return None
    if len(shapes[written(column.input)]) != 1:
        return None
    return _with(column, left.name, True, shapes[left.name][0])


def _with(chain: Chain, weight: str, is_turned: bool, width: str | int) -> Chain:
    return chain._replace(
        layers=(*chain.layers, "dense:OUT,bias=no"),
        tensors=(*chain.tensors, ("weight", weight, is_turned)),
        width=width,
    )


def _replaced(expr: Expr, part: Expr) -> Expr:
    """An expression with a letter for a part, wherever it stands."""
    if expr == part:
        return Name(_PLACE)
    match expr:
        case Call(function, arguments, axis):
            return Call(function, tuple([_replaced(a, part) for a in arguments]), axis)
        case Binary(sign, left, right):
            return Binary(sign, _replaced(left, part), _replaced(right, part))
        case Transpose(operand):
            return Transpose(_replaced(operand, part))
        case Negative(operand):
            return Negative(_replaced(operand, part))
    return expr
