"""A net compiled once into a flat list of NumPy calls on arrays that stay where they are.

All trained numbers lie in one flat vector, their gradients in a second; the
tensors are views of them. A training step replays the lists, and pays for no
graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array, Parameter, Site, Value, find
from dlcalc.errors import LayerError
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Layout
from dlcalc.nets.parser import Net, Node, unroll

_FIRST_CAPACITY = 1_024


class _Full(Exception):
    """The flat vectors are too short for the parameters."""


class Program:
    """A net at work on arrays of (batch, *sizes).

    Write into ``input.data``, call `forward`, read ``output.data``. For gradients
    write the loss's cotangent into ``output.cotangent``, call `backward`, and read
    ``gradient`` (flat), the ``tensors``' gradients and ``input.cotangent``. What a layer
    looks at beside its input, as a decoder at an encoder's output, is in ``memories`` by
    the layer's name: fill that too, or it is 0.

    >>> from dlcalc.answers.network import load_line
    >>> start, net = load_line("3 dense:2 tanh")
    >>> program = Program(net, start.sizes, batch=4)
    >>> program.parameters.size, program.output.data.shape
    (8, (4, 2))
    """

    def __init__(
        self,
        net: Net,
        sizes: tuple[int, ...],
        *,
        batch: int = 1,
        layout: Layout = "chw",
        convention: Convention = TORCH,
        dtype: Any = np.float64,
        training: bool = False,
        backwards: bool = True,
        input_cotangent: bool = True,
        seed: int = 0,
        generator: np.random.Generator | None = None,
        capacity: int = _FIRST_CAPACITY,
    ) -> None:
        """Compile a net for inputs of these sizes, without the batch.

        What it draws it draws from ``generator``, or from one of its own by the seed.

        ``capacity`` is how many trained numbers are expected; it may be wrong.
        Without ``input_cotangent`` the first layer spares that product.
        """
        self.batch = batch
        self.layout = layout
        self.convention = convention
        self.dtype = np.dtype(dtype)
        self.training = training
        self.backwards = backwards
        self.input_cotangent = input_cotangent and backwards
        self.seed = seed
        if generator is not None:
            self.generator = generator
        while True:
            try:
                self._compile(net, sizes, capacity)
                return
            except _Full:
                capacity *= 4

    @cached_property
    def generator(self) -> np.random.Generator:
        """What layers draw from; numpy.random is imported where one does."""
        return np.random.default_rng(self.seed)

    def _compile(self, net: Net, sizes: tuple[int, ...], capacity: int) -> None:
        self.forward_calls: list[Callable[[], object]] = []
        self.backward_calls: list[Callable[[], object]] = []
        self.tensors: dict[str, Parameter] = {}
        self.statistics: dict[str, Array] = {}
        self.memories: dict[str, Value] = {}
        #: The states from which recurrent layers start, (batch, features) each: zeros at first.
        self.starts: dict[str, Array] = {}
        self.multiplications: dict[str, int] = {}
        #: Each layer's name, itself and its output, in the order in which they run.
        self.trail: list[tuple[str, Node, Value]] = []
        self._flat = np.zeros(capacity, self.dtype)
        self._flat_gradient = np.zeros(capacity if self.backwards else 0, self.dtype)
        self._used = 0
        data = np.zeros((self.batch, *sizes), self.dtype)
        self.input = Value(data, np.zeros_like(data) if self.input_cotangent else None)
        self.output = self._chain(net, self.input, "", Counter())
        self.backward_calls.reverse()
        self.parameters = self._flat[: self._used]
        self.gradient = self._flat_gradient[: self._used]

    def forward(self) -> Array:
        """Run the net on what ``input.data`` holds."""
        for call in self.forward_calls:
            call()
        return self.output.data

    def backward(self) -> Array:
        """From ``output.cotangent`` to all gradients; `forward` must have run."""
        for call in self.backward_calls:
            call()
        return self.gradient

    def parameter(self, name: str, sizes: tuple[int, ...]) -> Parameter:
        """The next part of the flat vectors as a tensor."""
        first = self._used
        last = first + int(np.prod(sizes, dtype=np.int64))
        if last > self._flat.size:
            raise _Full
        self._used = last
        gradient = self._flat_gradient if self.backwards else self._flat
        found = Parameter(
            self._flat[first:last].reshape(sizes), gradient[first:last].reshape(sizes)
        )
        self.tensors[name] = found
        return found

    def owner(self, site: Site, name: str, key: str) -> Parameter | None:
        """Another layer's tensor, looked for from the site's own brackets outwards."""
        scope = site.name.rpartition(".")[0]
        while scope and f"{scope}.{name}.{key}" not in self.tensors:
            scope = scope.rpartition(".")[0]
        return self.tensors.get(f"{scope}.{name}.{key}" if scope else f"{name}.{key}")

    def tied(self, site: Site, name: str, key: str) -> Parameter:
        """Another layer's tensor with a gradient of its own. Raises `LayerError` without one."""
        owner = self.owner(site, name, key)
        if owner is None:
            raise LayerError(f"no layer {name} has a {key} of its own to share")
        own = Parameter(owner.value, np.zeros_like(owner.gradient))
        # The owner stands before, so its backward calls come later and write: add behind them.
        self.backward_calls.insert(0, lambda: np.add(owner.gradient, own.gradient, owner.gradient))
        return own

    def statistic(self, name: str, sizes: tuple[int, ...], fill: float) -> Array:
        """A tensor that is kept but not trained."""
        self.statistics[name] = np.full(sizes, fill, self.dtype)
        return self.statistics[name]

    def memory(self, name: str, sizes: tuple[int, ...]) -> Value:
        """A second input, with a cotangent if the input has one."""
        data = np.zeros((self.batch, *sizes), self.dtype)
        self.memories[name] = Value(data, np.zeros_like(data) if self.input_cotangent else None)
        return self.memories[name]

    @property
    def inputs(self) -> list[Value]:
        """The input, then the memories."""
        return [self.input, *self.memories.values()]

    def _chain(self, net: Net, x: Value, prefix: str, ordinals: Counter[str]) -> Value:
        for node, _ in unroll(net):
            kind = node.layer.words[0]
            ordinals[kind] += 1
            x = self._step(node, x, node.name or f"{prefix}{kind}{ordinals[kind]}")
        return x

    def _step(self, node: Node, x: Value, name: str) -> Value:
        """One layer; its backward calls stand before those of the layers before it."""
        layer = node.layer
        inputs: tuple[Value, ...] = (x,)
        found = find(type(layer))
        if node.branches and not found.inner:
            inner: Counter[str] = Counter()
            heads = [self._copied(x) for _ in node.branches]
            self._before([lambda: _add_up([head.cotangent for head in heads], x.cotangent)])
            inputs = tuple(
                [
                    self._chain(branch, head, f"{name}.", inner)
                    for branch, head in zip(node.branches, heads, strict=True)
                ]
            )
            if len(inputs) == 1:
                heads.append(self._copied(x))
                inputs = (*inputs, heads[-1])
        site = Site(self, node, name, inputs)
        y = found.build(site)
        self._before(site.backward_calls)
        if not y.data.flags.c_contiguous:
            y = self._laid_out(y)
        self.trail.append((name, node, y))
        return y

    def _laid_out(self, y: Value) -> Value:
        """A copy in memory order of an output that is a view in another: any may be reshaped."""
        data = np.zeros(y.data.shape, self.dtype)
        self.forward_calls.append(partial(np.copyto, data, y.data))
        if not self.backwards:
            return Value(data, None)
        cotangent = np.zeros_like(data)
        self._before([partial(np.copyto, y.cotangent, cotangent)])
        return Value(data, cotangent)

    def _copied(self, x: Value) -> Value:
        """The same data with a cotangent of its own, for one of several readers."""
        return Value(x.data, np.zeros_like(x.data) if self.backwards else None)

    def _before(self, calls: list[Callable[[], object]]) -> None:
        """Put backward calls in front of all that are there; the list is reversed at the end."""
        self.backward_calls.extend(reversed(calls))


def _add_up(parts: list[Any], out: Any) -> None:
    if out is None:
        return
    out[...] = 0
    for part in parts:
        np.add(out, part, out)
