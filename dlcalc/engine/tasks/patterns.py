"""Whether a pattern occurs in a signal, wherever."""

from __future__ import annotations

from functools import partial

import numpy as np

from dlcalc.engine.tasks.task import Array, Data, Recipe, Task, balanced, task

#: What is looked for.
PATTERN = np.array([1, 1, -1, 1, -1, -1])


def occurs(signals: Array) -> Array:
    """Whether the pattern is in each signal of +1 and -1."""
    windows = np.lib.stride_tricks.sliding_window_view(signals, PATTERN.size, axis=-1)
    found: Array = (windows == PATTERN).all(axis=-1).any(axis=-1)
    return found


def _shifted(length: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    targets = balanced(draw, samples, 2)
    signals = draw.choice([-1, 1], (samples, length))
    start = draw.integers(0, length - PATTERN.size + 1, samples)
    present = np.flatnonzero(targets == 1)
    signals[present[:, None], start[present, None] + np.arange(PATTERN.size)] = PATTERN
    _spoil(draw, signals, targets == 0)
    inputs = signals[:, None, :] + noise * draw.normal(size=(samples, 1, length))
    return Data(inputs, targets)


def _spoil(draw: np.random.Generator, signals: Array, absent: Array) -> None:
    """Flip one value of the first pattern found, and again, until there is none."""
    left = np.flatnonzero(absent)
    while (left := left[occurs(signals[left])]).size:
        windows = np.lib.stride_tricks.sliding_window_view(signals[left], PATTERN.size, axis=-1)
        first = (windows == PATTERN).all(axis=-1).argmax(axis=-1)
        signals[left, first + draw.integers(0, PATTERN.size, left.size)] *= -1


@task("shifted-patterns")
def shifted_patterns(length: int) -> Task:
    """Signals of +1 and -1; class 1 holds + + - + - -, class 0 nowhere."""
    recipe = Recipe(
        "conv:64,k6 relu globalmaxpool flatten dense:1",
        "adam",
        0.01,
        32,
        40,
        "binary-cross-entropy",
    )
    draw = partial(_shifted, length)
    return Task("classes", f"1x{length}", 2, 2_000, recipe, 0.95, draw, 0.1)
