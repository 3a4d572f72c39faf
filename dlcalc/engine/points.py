"""The points at which gradients are checked, and what rounding makes of gradients there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.derivative import Point, Runner
from dlcalc.engine.operation import Array
from dlcalc.nets.parser import Net, unroll

_ROUNDINGS = 4
#: Layers through which numbers of words come to an embedding.
_CARRIERS = ("identity", "flatten", "reshape", "permute", "dropout")


class Part(NamedTuple):
    """A tensor's place in the row of all trained numbers and the inputs."""

    name: str
    start: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many entries it has."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def stretch(self) -> slice:
        """Where its entries lie."""
        return slice(self.start, self.start + self.size)


class Draw(NamedTuple):
    """A point, the gradient there, and the gradients at points a rounding error away."""

    point: Point
    gradient: Array
    nearby: list[tuple[Point, Array]]

    def rounding_at(self, place: int) -> float:
        """How far rounding moves one entry of the gradient."""
        return max(abs(float(other[place] - self.gradient[place])) for _, other in self.nearby)

    def rounding(self, direction: Array) -> float:
        """How far rounding moves the gradient along a direction."""
        return max(abs(float(np.dot(direction, other - self.gradient))) for _, other in self.nearby)


class Points:
    """Points drawn at random, each once; the same seed gives the same ones."""

    def __init__(self, runner: Runner, words: int | None, seed: int) -> None:
        self.runner = runner
        self.words = words
        self.seed = seed
        self.epsilon = float(np.finfo(runner.program.dtype).eps)
        #: Whether the same point and the same draws always gave the same gradient.
        self.repeatable = True
        self._draws: list[Draw] = []

    def draw(self, attempt: int) -> Draw:
        """The point of an attempt, from 0."""
        while len(self._draws) <= attempt:
            self._draws.append(self._drawn(len(self._draws)))
        return self._draws[attempt]

    def _drawn(self, attempt: int) -> Draw:
        random = np.random.default_rng([self.seed, 2, attempt])
        # What runs on other numbers leave behind must not matter.
        self.runner.gradient(self._point(random))
        point = self._point(random)
        gradient = self.runner.gradient(point)
        self.repeatable &= np.array_equal(gradient, self.runner.gradient(point), equal_nan=True)
        nearby = []
        for _ in range(_ROUNDINGS):
            other = Point(*[self._rounded(part, random) for part in point])
            if self.words is not None:
                count = self.runner.program.input.data.size
                other.inputs[:count] = point.inputs[:count]
            nearby.append((other, self.runner.gradient(other).astype(np.float64)))
        return Draw(point, gradient.astype(np.float64), nearby)

    def _point(self, random: np.random.Generator) -> Point:
        program = self.runner.program
        rows = [np.zeros(0)]
        for tensor in program.tensors.values():
            shape = tensor.value.shape
            # Outputs about as large as inputs, however many there are.
            inputs = tensor.value.size / shape[0] if len(shape) > 1 and shape[0] else 4.0
            rows.append(random.normal(size=tensor.value.size) / np.sqrt(max(inputs, 1.0)))
        inputs = [random.normal(size=data.size) for data, _ in program.inputs]
        if self.words is not None:
            inputs[0] = random.integers(0, self.words, inputs[0].size).astype(np.float64)
        cotangent: Any = random.normal(size=program.output.data.shape)
        # Numbers that are the same in every type.
        drawn = (np.concatenate(rows), np.concatenate(inputs), cotangent)
        return Point(*[part.astype(program.dtype).astype(np.float64) for part in drawn])

    def _rounded(self, part: Array, random: np.random.Generator) -> Array:
        rounded: Array = part * (1 + self.epsilon * signs(random, part.shape))
        return rounded


def signs(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Signs drawn at random."""
    return np.where(random.integers(0, 2, shape, np.int8), 1.0, -1.0)


def words(net: Net) -> int | None:
    """How many words there are, if the input holds their numbers and not features."""
    counts = []
    for node, _ in unroll(net):
        kind = node.layer.words[0]
        if kind == "embedding":
            counts.append(int(node.layer.vocabulary))  # type: ignore[attr-defined]
        counts += [found for branch in node.branches if (found := words(branch)) is not None]
        if kind not in _CARRIERS:
            break
    return min(counts) if counts else None
