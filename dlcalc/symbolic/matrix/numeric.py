"""Nodes of the graph at a point: each once, with NumPy's einsum for products."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from dlcalc.symbolic.matrix.evaluate import FUNCTIONS, Array, power
from dlcalc.symbolic.matrix.node import Node, Size, Spec

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: Steps of a loop over all indices of a product, from which on its order is planned.
_PLANNED = 20_000


class Values:
    """Values of nodes at one point; ``fixed`` gives some nodes other values than their own.

    ``values`` are arrays by name, and numbers for the letters of sizes.
    """

    def __init__(self, values: Mapping[str, Any], fixed: Mapping[Node, Any] | None = None) -> None:
        self.values = values
        #: All nodes that have been evaluated.
        self.known: dict[Node, Any] = dict(fixed or {})

    def of(self, node: Node) -> Array:
        """The value of a node."""
        known = self.known
        if node in known:
            return np.asarray(known[node])
        with np.errstate(all="ignore"):
            stack = [node]
            while stack:
                top = stack[-1]
                waiting = [argument for argument in top.args if argument not in known]
                if waiting:
                    stack += waiting
                    continue
                stack.pop()
                if top not in known:
                    known[top] = self._value(top, [known[argument] for argument in top.args])
        return np.asarray(known[node])

    def side(self, size: Size) -> int:
        """A length as a number."""
        return size if isinstance(size, int) else int(self.values[size])

    def _value(self, node: Node, args: list[Any]) -> Any:
        match node.kind:
            case "variable" | "size":
                return self.values[node.data]
            case "pi":
                return np.pi
            case "delta":
                return np.eye(self.side(node.shape[0]))
            case "add":
                factors: tuple[Any, ...] = node.data
                pairs = zip(factors, args, strict=True)
                return sum(v if factor == 1 else float(factor) * v for factor, v in pairs)
            case "product":
                return self._product(node, args)
            case "each":
                return _each(str(node.data), args)
        return self._call(node, args)

    def _product(self, node: Node, args: list[Any]) -> Any:
        coefficient, specs = node.data
        shape = [self.side(size) for size in node.shape]
        if not args:
            return np.full(shape, float(coefficient))
        used = {index for spec in specs for index in spec}
        out = [axis for axis in range(node.rank) if axis in used]
        text = ",".join("".join(_LETTERS[i] for i in spec) for spec in specs)
        text += "->" + "".join(_LETTERS[i] for i in out)
        found = np.einsum(text, *args, optimize=len(args) > 2 and _steps(specs, args) > _PLANNED)
        if coefficient != 1:
            found = float(coefficient) * found
        if len(out) < node.rank:
            wide = [shape[axis] if axis in used else 1 for axis in range(node.rank)]
            found = np.broadcast_to(np.reshape(found, wide), shape)
        return found

    def _call(self, node: Node, args: list[Any]) -> Any:
        name, axes = node.data
        if not axes or name == "cross_entropy":
            return FUNCTIONS[name](*args)
        x = args[0]
        if len(axes) == 1:
            return FUNCTIONS[name](x, axis=axes[0])
        # The axes are joined to one, the last.
        kept = [axis for axis in range(np.ndim(x)) if axis not in axes]
        joined = np.transpose(x, [*kept, *axes]).reshape(*[np.shape(x)[k] for k in kept], -1)
        found = FUNCTIONS[name](joined, axis=-1)
        if np.ndim(found) < np.ndim(joined):
            return found
        order = [*kept, *axes]
        turned = np.reshape(found, [np.shape(x)[axis] for axis in order])
        return np.transpose(turned, np.argsort(order))


def _steps(specs: tuple[Spec, ...], args: list[Any]) -> int:
    """How many terms a product has if it is summed up in one loop."""
    sides: dict[int, int] = {}
    for spec, value in zip(specs, args, strict=True):
        sides.update(zip(spec, np.shape(value), strict=True))
    return prod(sides.values())


def _each(name: str, args: list[Any]) -> Any:
    if name == "power":
        return power(*args)
    if name == "bce":
        p, t = args
        return -t * np.log(p) - (1 - t) * np.log(1 - p)
    if name == "huber":
        x, y, s = args
        size = FUNCTIONS["abs"](x - y)
        return np.where(np.real(size) > np.real(s), s * (size - s / 2), size * size / 2)
    return FUNCTIONS[name](*args)
