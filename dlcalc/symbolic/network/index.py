"""Index equations: read, evaluated on arrays, and translated into NumPy, from one tree.

``z[2,o,i] = sum_{c,u}(w[2,o,c,u]*a[1,c,2*i + u - 1]) + b[2,o]``: the first index
of a letter is the layer and says which array is meant, the others count from 0;
an index outside an array, or between two of its entries, meets a 0.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.symbolic.matrix.evaluate import FUNCTIONS

Array = np.ndarray[Any, np.dtype[Any]]
Ranges = dict[str, int]
#: No equation is evaluated over more products of indices at once.
MAX_CELLS = 20_000_000

_SUM = re.compile(r"\b(sum|max)_\{([a-z,]+)\}\(")
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
}
_PREFIX = "over_"


def at(x: Any, *where: Any) -> Any:
    """The entries of an array at whole places inside it, 0 elsewhere.

    >>> at(np.array([1.0, 2.0, 3.0]), np.array([-1, 0, 0.5, 2])).tolist()
    [0.0, 1.0, 0.0, 3.0]
    """
    inside: Any = True
    for place, size in zip(where, x.shape, strict=True):
        inside = inside & (place >= 0) & (place < size) & (place == np.floor(place))
    safe = tuple([np.where(inside, place, 0).astype(int) for place in where])
    return np.where(inside, x[safe], 0)


#: The same as text, for the head of a code view that needs it.
AT = '''def at(x, *where):
    """The entries of an array at whole places inside it, 0 elsewhere."""
    inside = True
    for place, size in zip(where, x.shape):
        inside = inside & (place >= 0) & (place < size) & (place == np.floor(place))
    return np.where(inside, x[tuple(np.where(inside, p, 0).astype(int) for p in where)], 0)
'''


class Reading(NamedTuple):
    """An equation read: the array it makes, its indices, the tree of the right side."""

    name: str
    free: tuple[str, ...]
    tree: ast.expr


def array_name(letter: str, layer: int | None) -> str:
    """The array that a letter with a layer's number stands for.

    >>> array_name("w", 2), array_name("delta", 3), array_name("y", None)
    ('W2', 'delta3', 'y')
    """
    if letter.startswith("w"):
        letter = letter.capitalize()
    return letter if layer is None else f"{letter}{layer}"


def read(target: str, text: str) -> Reading:
    """Read an equation that this package wrote."""
    left = ast.parse(target.removeprefix("dE/d"), mode="eval").body
    name, indices = (left.id, []) if isinstance(left, ast.Name) else _subscript(left)
    if target.startswith("dE/d"):
        name = f"d{name}"
    free = tuple([index.id for index in indices if isinstance(index, ast.Name)])
    plain = _SUM.sub(lambda m: f"{m[1]}_{_PREFIX}{m[2].replace(',', '_')}(", text)
    return Reading(name, free, ast.parse(plain, mode="eval").body)


def _layer(node: ast.expr) -> int | None:
    indices = _parts(node)
    first = indices[0]
    return first.value if isinstance(first, ast.Constant) else None  # type: ignore[return-value]


def _parts(node: ast.expr) -> list[ast.expr]:
    assert isinstance(node, ast.Subscript)
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def _subscript(node: ast.expr) -> tuple[str, list[ast.expr]]:
    """The array and the indices of a subscript; the layer's number is none of them."""
    assert isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    parts, layer = _parts(node), _layer(node)
    if layer is not None:
        parts = parts[1:]
    return array_name(node.value.id, layer), parts


def unread(tree: ast.expr, deep: bool = True) -> list[tuple[str, list[ast.expr]]]:
    """The arrays of a tree with their indices; of one subscript alone unless ``deep``."""
    nodes = ast.walk(tree) if deep else [tree]
    return [_subscript(node) for node in nodes if isinstance(node, ast.Subscript)]


def ranges(reading: Reading, sizes: Mapping[str, tuple[int, ...]], own: tuple[int, ...]) -> Ranges:
    """How far each index runs: the free ones by the sizes, the others by where they stand."""
    found: Ranges = dict(zip(reading.free, own, strict=True))
    for name, indices in unread(reading.tree):
        for index, size in zip(indices, sizes[name], strict=True):
            if isinstance(index, ast.Name):
                found.setdefault(index.id, size)
    return found


class Evaluator:
    """Index equations at work on arrays by name; what they make joins the arrays."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays

    def run(self, target: str, text: str, sizes: tuple[int, ...], kernel: Ranges) -> Array:
        """Evaluate one equation whose left side has these sizes, and keep what it makes.

        ``kernel`` says how far those indices run that stand by themselves nowhere.
        """
        reading = read(target, text)
        found = self.value(reading, sizes, kernel)
        self.arrays[reading.name] = found
        return found

    def value(
        self, reading: Reading, sizes: tuple[int, ...], kernel: Ranges, **fixed: int
    ) -> Array:
        """The right side over all free indices; those in ``fixed`` have one value."""
        shapes = {name: array.shape for name, array in self.arrays.items()}
        runs = {**ranges(reading, shapes, sizes), **kernel}
        order = list(runs)
        grids = {}
        for axis, name in enumerate(order):
            shape = [1] * len(order)
            shape[axis] = -1
            steps = np.array([fixed[name]]) if name in fixed else np.arange(runs[name])
            grids[name] = steps.reshape(shape)
        found = _Run(self.arrays, grids, order).of(reading.tree)
        wanted = [1 if name in fixed else runs[name] for name in order]
        free = [name for name in order if name in reading.free]
        wanted = [wanted[i] if name in free else 1 for i, name in enumerate(order)]
        whole = np.broadcast_to(found, wanted)
        kept = whole.reshape([wanted[i] for i, name in enumerate(order) if name in free])
        result: Array = np.transpose(kept, [free.index(name) for name in reading.free]).copy()
        return result


class _Run:
    """One evaluation: every index has an axis of its own, all arrays stretch over them."""

    def __init__(self, arrays: Mapping[str, Array], grids: dict[str, Array], order: list[str]):
        self.arrays, self.grids, self.order = arrays, grids, order

    def of(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id="pi"):
                return np.pi
            case ast.Name(id=name):
                return self.grids[name] if name in self.grids else self.arrays[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.of(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self.checked(_OPERATORS[type(op)](self.of(left), self.of(right)))
            case ast.Subscript():
                name, indices = _subscript(node)
                places = [np.asarray(self.of(index)) for index in indices]
                return at(self.arrays[name], *places)
            case ast.Call(func=ast.Name(id=name), args=[argument]) if f"_{_PREFIX}" in name:
                kind, _, over = name.partition(f"_{_PREFIX}")
                axes = tuple(self.order.index(index) for index in over.split("_"))
                return self.over(kind, self.of(argument), axes)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return FUNCTIONS[name](*[self.of(argument) for argument in arguments])
        raise TypeError(ast.dump(node))

    def over(self, kind: str, value: Any, axes: tuple[int, ...]) -> Any:
        if kind == "max":
            return np.max(value, axis=axes, keepdims=True)
        whole = np.reshape(value, np.shape(value) or (1,) * len(self.order))
        # What an index does not touch is counted as often as the index runs.
        repeats = [
            self.grids[self.order[axis]].size if whole.shape[axis] == 1 else 1 for axis in axes
        ]
        return np.sum(whole, axis=axes, keepdims=True) * np.prod(repeats)

    def checked(self, value: Any) -> Any:
        if np.size(value) > MAX_CELLS:
            raise OverflowError
        return value
