"""What a task is: examples drawn from a seed, and the training that suits them.

A task's module registers a function for each of its names, which is given the
size, if the task comes in sizes, and returns the `Task`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np

from dlcalc.engine.tasks.index import TASKS, read_name
from dlcalc.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["classes", "numbers", "sequence of classes"]
Noise = Literal["inputs", "targets", "labels"]

#: No set of examples holds more numbers than this (400 MB).
MAX_NUMBERS = 50_000_000

# What is drawn for one purpose must not repeat what is drawn for another.
_STREAMS = {"data": 1, "split": 2}


class Data(NamedTuple):
    """Examples: inputs (n, *sizes), and targets by the kind of the task.

    Classes are whole numbers from 0, (n,), or (n, steps) for a sequence of them;
    numbers are (n, numbers). ``clean`` are the targets before noise, where noise
    falls on them; ``weights`` those of a weighted sum.
    """

    inputs: Array
    targets: Array
    clean: Array | None = None
    weights: Array | None = None

    def take(self, indices: Array) -> Data:
        """Some of the examples."""
        clean = None if self.clean is None else self.clean[indices]
        return Data(self.inputs[indices], self.targets[indices], clean, self.weights)


class Recipe(NamedTuple):
    """A training that suits a task: the net in the notation, without its input, and its settings.

    ``batch`` 0 is all examples at once.
    """

    net: str
    optimizer: str
    rate: float
    batch: int
    epochs: int
    loss: str
    schedule: str = "constant"


@dataclass(frozen=True)
class Task:
    """A task in one size.

    ``input`` is in the notation; ``outputs`` is the number of classes, or of
    numbers. ``noise`` is the standard deviation of what is added to the inputs or
    to the targets, or the share of labels that are wrong: ``noise_on`` says which.
    ``held_out`` is the part of the examples that is kept from training. ``reach``
    is what the recipe attains, in the metric, on the part held out, or on all if
    that is none.
    """

    kind: Kind
    input: str
    outputs: int
    samples: int
    recipe: Recipe
    reach: float
    draw: Callable[[np.random.Generator, int, float], Data]
    noise: float = 0.0
    noise_on: Noise = "inputs"
    held_out: float = 0.3
    names: tuple[str, ...] = ()
    name: str = ""
    summary: str = ""

    @property
    def metric(self) -> Literal["accuracy", "rmse"]:
        """What the task is judged by: accuracy, to be high, or the root mean square error."""
        return "rmse" if self.kind == "numbers" else "accuracy"

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, none if the targets are numbers."""
        if self.kind == "numbers":
            return ()
        return self.names or tuple(str(index) for index in range(self.outputs))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of one input."""
        return tuple(int(size) for size in self.input.split("x"))

    def reached(self, value: float) -> bool:
        """Whether a value of the metric is as good as a right training's."""
        return value <= self.reach if self.metric == "rmse" else value >= self.reach

    def data(
        self, *, samples: int | None = None, noise: float | None = None, seed: int = 0
    ) -> Data:
        """Examples, the same for the same seed. Raises `InputError` for what cannot be drawn.

        >>> find("xor").data().targets.tolist()
        [0, 1, 1, 0]
        """
        samples = self.samples if samples is None else samples
        noise = self.noise if noise is None else noise
        most = MAX_NUMBERS // math.prod(self.sizes)
        if not 1 <= samples <= most:
            raise InputError(f"samples of {self.name} must be 1 to {most:,}, not {samples:,}")
        high = 0.5 if self.noise_on == "labels" else 1e6
        if not 0 <= noise <= high:
            raise InputError(f"noise of {self.name} must be 0 to {high:,g}, not {noise:g}")
        return self.draw(generator(seed, "data"), samples, float(noise))


def generator(seed: int, purpose: Literal["data", "split"]) -> np.random.Generator:
    """The source of random numbers for one purpose, independent of those for others."""
    if seed < 0:
        raise InputError(f"a seed must be at least 0, not {seed}")
    sequence = np.random.SeedSequence(seed, spawn_key=(_STREAMS[purpose],))
    return np.random.Generator(np.random.PCG64(sequence))


def balanced(draw: np.random.Generator, samples: int, classes: int) -> Array:
    """Classes in random order, each as often as the others, or once more."""
    return draw.permutation(np.arange(samples) % classes)


Maker = Callable[..., Task]
_TABLE: dict[str, Maker] = {}


def task(name: str) -> Callable[[Maker], Maker]:
    """Enter a function that makes a task, from its size if it has one, into the table."""

    def entered(make: Maker) -> Maker:
        _TABLE[name] = make
        return make

    return entered


def find(text: str) -> Task:
    """The task of a name, which may end in its size. Raises `NotationError` if there is none.

    >>> find("parity:3").name, find("parity-3").input
    ('parity-3', '3')
    """
    name, size = read_name(text)
    entry = TASKS[name]
    import_module(f"dlcalc.engine.tasks.{entry.module}")
    if size is None:
        return replace(_TABLE[name](), name=name, summary=entry.summary)
    return replace(_TABLE[name](size), name=f"{name}-{size}", summary=entry.summary)
