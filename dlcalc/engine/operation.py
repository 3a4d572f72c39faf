"""The table of operations, and the site at which one of them is built.

An operation is a function that, given a `Site`, asks it for arrays and appends
the NumPy calls of its forward and its backward pass. It works out its output's
size and its parameters by itself, from the arrays it meets: the algebra in
`dlcalc.layers` says the same independently, and tests hold both together.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlcalc.errors import LayerError
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention

if TYPE_CHECKING:
    from dlcalc.engine.program import Program
    from dlcalc.nets.parser import Node

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], object]


class Value(NamedTuple):
    """An array between operations, batch first, and its cotangent, which the backward pass writes.

    The cotangent is the derivative of a scalar loss by the array, of the same
    shape; None where no one asks for it.
    """

    data: Array
    cotangent: Any  # An Array or None: operations on a backward pass need not ask each time.

    def reshaped(self, *sizes: int) -> Value:
        """The same memory under other sizes."""
        cotangent = self.cotangent
        return Value(
            self.data.reshape(sizes), None if cotangent is None else cotangent.reshape(sizes)
        )


class Parameter(NamedTuple):
    """A trained tensor and its gradient: views of the program's two flat vectors."""

    value: Array
    gradient: Array


class Operation(NamedTuple):
    """One row of the table.

    ``smooth`` says whether it is analytic: whether complex steps hold. ``inner`` ones
    compile what stands in their brackets themselves, from ``Site.branches``.
    """

    build: Callable[[Site], Value]
    smooth: Callable[[Layer], bool]
    inner: bool = False


_TABLE: dict[str, Operation] = {}


def operation(
    *words: str, smooth: bool | Callable[[Layer], bool] = True, inner: bool = False
) -> Callable[[Callable[[Site], Value]], Callable[[Site], Value]]:
    """Enter a function into the table, for the layers of these words."""

    def entered(build: Callable[[Site], Value]) -> Callable[[Site], Value]:
        rule = smooth if callable(smooth) else lambda layer: bool(smooth)
        for word in words:
            _TABLE[word] = Operation(build, rule, inner)
        return build

    return entered


def find(kind: type[Layer]) -> Operation:
    """The operation of a kind of layer. Raises `LayerError` if the table has none."""
    if kind.words[0] not in _TABLE:
        family = kind.__module__.rpartition(".")[2]
        with suppress(ModuleNotFoundError):
            import_module(f"dlcalc.engine.operations.{family}")
    if kind.words[0] not in _TABLE:
        raise LayerError(f"the engine cannot run {kind.words[0]}")
    return _TABLE[kind.words[0]]


class Site:
    """Where an operation is built: its layer, its input, and what it may ask for.

    ``x`` is the input, ``inputs`` the outputs of the branches of a merge, ``branches`` the
    nets in its brackets. Forward
    calls run in the order in which they are appended; so do the backward calls
    of one operation, after those of the operations behind it. A backward call
    writes cotangents and gradients, it never adds to them.
    """

    def __init__(self, program: Program, node: Node, name: str, inputs: tuple[Value, ...]) -> None:
        self.program = program
        self.layer: Any = node.layer
        self.branches = node.branches
        self.name = name
        self.inputs = inputs
        self.layout = program.layout
        self.backward_calls: list[Call] = []

    @property
    def x(self) -> Value:
        """The input: an array of (batch, *sizes)."""
        return self.inputs[0]

    @property
    def batch(self) -> int:
        """How many examples run at once."""
        return self.program.batch

    @property
    def convention(self) -> Convention:
        """The framework's rules."""
        return self.program.convention

    @property
    def training(self) -> bool:
        """Whether it trains: dropout drops, batch normalisation looks at the batch."""
        return self.program.training

    @property
    def backwards(self) -> bool:
        """Whether there is a backward pass at all."""
        return self.program.backwards

    def array(self, *sizes: int, dtype: Any = None) -> Array:
        """An array of zeros to work in, of the program's type unless another is asked for."""
        return np.zeros(sizes, self.program.dtype if dtype is None else dtype)

    def value(self, *sizes: int) -> Value:
        """An output, with a cotangent if there is a backward pass."""
        return Value(self.array(*sizes), self.array(*sizes) if self.backwards else None)

    def parameter(self, name: str, *sizes: int) -> Parameter:
        """A trained tensor by the layer's own name for it."""
        return self.program.parameter(f"{self.name}.{name}", sizes)

    def tied(self, name: str, key: str) -> Parameter:
        """The tensor of another layer; its gradient is an array of one's own, added behind."""
        return self.program.tied(self, name, key)

    def statistic(self, name: str, *sizes: int, fill: float = 0.0) -> Array:
        """A tensor that is kept but not trained."""
        return self.program.statistic(f"{self.name}.{name}", sizes, fill)

    def memory(self, *sizes: int) -> Value:
        """A second input of (batch, *sizes), which someone outside the net fills."""
        return self.program.memory(self.name, sizes)

    def start(self, name: str, array: Array) -> None:
        """Let others write the state from which a recurrence starts."""
        self.program.starts[f"{self.name}.{name}"] = array

    def then(self, function: Callable[..., object], *arguments: Any, **settings: Any) -> None:
        """Append a forward call."""
        self.program.forward_calls.append(bound(function, *arguments, **settings))

    def back(self, function: Callable[..., object], *arguments: Any, **settings: Any) -> None:
        """Append a backward call, if there is a backward pass."""
        if self.backwards:
            self.backward_calls.append(bound(function, *arguments, **settings))

    def matmul(self, left: Array, right: Array, out: Array, kind: str = "weights") -> None:
        """Append a forward product of matrices, and count its multiplications."""
        self.count(out.size * left.shape[-1], kind)
        self.then(np.matmul, left, right, out)

    def count(self, multiplications: int, kind: str = "weights") -> None:
        """Count multiplications of the forward pass over the whole batch, by their kind."""
        counts = self.program.multiplications
        counts[kind] = counts.get(kind, 0) + multiplications

    def channels_first(self, value: Value) -> Value:
        """A view of the value with the channels right behind the batch, whatever the layout."""
        if self.layout == "chw" or value.data.ndim < 3:
            return value
        cotangent = value.cotangent
        return Value(
            np.moveaxis(value.data, -1, 1),
            None if cotangent is None else np.moveaxis(cotangent, -1, 1),
        )

    def spatial_value(self, channels: int, *sides: int) -> Value:
        """An output of channels and sides, in the layout of the net."""
        if self.layout == "chw":
            return self.value(self.batch, channels, *sides)
        return self.value(self.batch, *sides, channels)


def bound(function: Callable[..., object], *arguments: Any, **settings: Any) -> Call:
    """A call of NumPy to be made over and over, in the form that costs least on small arrays.

    ``np.dot`` takes up two matrices in half the time of ``np.matmul``, and a ufunc takes
    up an array without axes faster than one of Python's numbers.
    """
    if function is np.matmul and _are_matrices(*arguments, **settings):
        function = np.dot
    if isinstance(function, np.ufunc):
        arguments = _as_arrays(arguments)
    return partial(function, *arguments, **settings) if arguments or settings else function


def _are_matrices(left: Array, right: Array, out: Array) -> bool:
    """Whether ``np.dot`` gives the same, which has an output in one piece and of one type."""
    types = {left.dtype, right.dtype, out.dtype}
    return left.ndim <= 2 and right.ndim == 2 and len(types) == 1 and out.flags.c_contiguous


def _as_arrays(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python's numbers as arrays without axes, of the type that they would take beside others."""
    types = {each.dtype for each in arguments if isinstance(each, np.ndarray)}
    wide = [kind for kind in types if kind.kind in "fc"]
    if len(types) != 1 or not wide:
        return arguments
    return tuple(
        [np.array(each, wide[0]) if isinstance(each, int | float) else each for each in arguments]
    )
