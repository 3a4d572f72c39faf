"""What only a memory can tell: sequences whose answer lies some steps back."""

from __future__ import annotations

from functools import partial

import numpy as np

from dlcalc.engine.tasks.task import Data, Recipe, Task, balanced, task

_SYMBOLS = 4
_DISTRACTORS = 2
_ECHO_STEPS = 20


def _echo(delay: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    symbols = draw.integers(0, _SYMBOLS, (samples, _ECHO_STEPS))
    targets = np.zeros_like(symbols)
    targets[:, delay:] = symbols[:, : _ECHO_STEPS - delay]
    inputs = np.eye(_SYMBOLS)[symbols]
    return Data(inputs + noise * draw.normal(size=inputs.shape), targets)


@task("echo")
def echo(delay: int) -> Task:
    """y_t = x_(t-k) at each of 20 steps, and 0 at the first k; a symbol is a 1 in its place."""
    recipe = Recipe(f"gru:32 dense:{_SYMBOLS}", "adam", 0.01, 32, 30, "cross-entropy")
    shape = f"{_ECHO_STEPS}x{_SYMBOLS}"
    return Task("sequence of classes", shape, _SYMBOLS, 500, recipe, 0.95, partial(_echo, delay))


def _adding(length: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    numbers = draw.uniform(0, 1, (samples, length))
    each = np.arange(samples)
    first = draw.integers(0, length // 2, samples)
    second = draw.integers(length // 2, length, samples)
    marks = np.zeros((samples, length))
    marks[each, first] = marks[each, second] = 1
    clean = (numbers[each, first] + numbers[each, second])[:, None]
    inputs = np.stack([numbers, marks], axis=-1)
    return Data(inputs, clean + noise * draw.normal(size=clean.shape), clean)


@task("adding")
def adding(length: int) -> Task:
    """Steps of a number from 0 to 1 and a mark; the target is the sum of the two marked numbers.

    One is marked in each half. Hochreiter and Schmidhuber, "Long Short-Term
    Memory", 1997, in the form of Le, Jaitly and Hinton, 2015.
    """
    recipe = Recipe("gru:32 last dense:1", "adam", 0.01, 32, 30, "mse")
    draw = partial(_adding, length)
    return Task("numbers", f"{length}x2", 1, 2_000, recipe, 0.1, draw, 0.0, "targets")


def _recall(length: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    symbols = _SYMBOLS + draw.integers(0, _DISTRACTORS, (samples, length))
    symbols[:, 0] = balanced(draw, samples, _SYMBOLS)
    inputs = np.eye(_SYMBOLS + _DISTRACTORS)[symbols]
    return Data(inputs + noise * draw.normal(size=inputs.shape), symbols[:, 0].copy())


@task("recall")
def recall(length: int) -> Task:
    """The class is the first symbol, one of 4; two others, drawn at random, follow to distract."""
    recipe = Recipe(f"gru:32 last dense:{_SYMBOLS}", "adam", 0.02, 32, 40, "cross-entropy")
    draw = partial(_recall, length)
    return Task(
        "classes", f"{length}x{_SYMBOLS + _DISTRACTORS}", _SYMBOLS, 1_000, recipe, 0.95, draw
    )


def _sequence_parity(length: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    bits = draw.integers(0, 2, (samples, length))
    inputs = bits[:, :, None] + noise * draw.normal(size=(samples, length, 1))
    return Data(inputs, bits.cumsum(axis=1) % 2)


@task("sequence-parity")
def sequence_parity(length: int) -> Task:
    """y_t = (x_1 + ... + x_t) mod 2: one bit of memory, to be turned at every 1."""
    recipe = Recipe("gru:16 dense:1", "adam", 0.01, 32, 40, "binary-cross-entropy")
    draw = partial(_sequence_parity, length)
    return Task("sequence of classes", f"{length}x1", 2, 500, recipe, 0.95, draw)
