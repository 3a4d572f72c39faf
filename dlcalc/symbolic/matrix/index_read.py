"""Sums over indices read again and evaluated: the witness of `index_form`.

The text is taken apart by Python's own grammar, and only what the notation has
passes. Each letter in scope has an axis of its own; an entry of a tensor is the
tensor laid along the axes of its letters.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlcalc.symbolic.matrix.evaluate import FUNCTIONS, Array, power

_REDUCTION = re.compile(r"(sum|max|min)_((?:[a-z][0-9]*)+)")
_INDEX = re.compile(r"[a-z][0-9]*")
_REDUCE: dict[str, Callable[..., Any]] = {"sum": np.sum, "max": np.max, "min": np.min}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Pow: power,
}


def evaluate_entries(
    text: str, indices: Sequence[str], values: Mapping[str, Any], sides: Mapping[str, int]
) -> Array:
    """All entries of a text in index notation; ``sides`` is how far each index runs.

    >>> w = np.array([1.0, 2.0])
    >>> evaluate_entries("2*w[i] - sum_j(w[j])", ["i"], {"w": w}, {"i": 2, "j": 2})
    array([-1.,  1.])
    """
    tree = ast.parse(text, mode="eval").body
    with np.errstate(all="ignore"):
        found = _Entries(values, sides).value(tree, tuple(indices))
    return np.broadcast_to(found, [sides[index] for index in indices])


class _Entries:
    def __init__(self, values: Mapping[str, Any], sides: Mapping[str, int]) -> None:
        self.values = values
        self.sides = sides

    def value(self, node: ast.expr, scope: tuple[str, ...]) -> Any:
        """The value of a part, with an axis for each letter in scope."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id="pi"):
                return np.pi
            case ast.Name(id=name):
                return self.values[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, scope)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self.value(left, scope), self.value(right, scope))
            case ast.List(elts=[ast.Compare(ops=[ast.Eq()]) as equal]):
                first, second = equal.left, equal.comparators[0]
                if isinstance(first, ast.Name) and isinstance(second, ast.Name):
                    sides = self.sides[first.id], self.sides[second.id]
                    return self._laid(np.eye(*sides), (first.id, second.id), scope)
            case ast.Subscript(value=whole, slice=places):
                return self._laid(np.asarray(self._whole(whole)), _letters(places), scope)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(node, name, args, scope)
        raise ValueError(ast.dump(node))

    def _whole(self, node: ast.expr) -> Any:
        """A tensor that stands without its indices."""
        match node:
            case ast.Name(id=name):
                return self.values[name]
            case ast.Call(func=ast.Name(id="inv" | "det" | "logdet" as name), args=[argument]):
                return FUNCTIONS[name](self._whole(argument))
        raise ValueError(ast.dump(node))

    def _call(self, node: ast.expr, name: str, args: list[ast.expr], scope: tuple[str, ...]) -> Any:
        if name in ("det", "logdet"):
            return self._whole(node)
        reduction = _REDUCTION.fullmatch(name)
        if reduction is None:
            return FUNCTIONS[name](*[self.value(argument, scope) for argument in args])
        letters = tuple(_INDEX.findall(reduction[2]))
        inner = self.value(args[0], (*scope, *letters))
        shape = [1] * len(scope) + [self.sides[letter] for letter in letters]
        wide = np.broadcast_to(inner, np.broadcast_shapes(np.shape(inner), shape))
        axes = tuple(range(len(scope), len(scope) + len(letters)))
        return _REDUCE[reduction[1]](wide, axis=axes)

    def _laid(self, tensor: Array, letters: tuple[str, ...], scope: tuple[str, ...]) -> Array:
        """A tensor along the axes of its letters, once for a letter that it has twice."""
        numbers = [scope.index(letter) for letter in letters]
        kept = sorted(set(numbers))
        found = np.asarray(np.einsum(tensor, numbers, kept))
        axes = range(len(scope))
        return found.reshape([self.sides[scope[k]] if k in kept else 1 for k in axes])


def _letters(places: ast.expr) -> tuple[str, ...]:
    names = places.elts if isinstance(places, ast.Tuple) else [places]
    found = [name.id for name in names if isinstance(name, ast.Name)]
    if len(found) < len(names):
        raise ValueError(ast.dump(places))
    return tuple(found)
