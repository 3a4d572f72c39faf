"""The toy data of the catalogue's experiments, each by a generator handed in."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.operation import Array


def noisy_task(
    random: np.random.Generator, count: int = 80, flipped: float = 0.15
) -> tuple[Array, Array]:
    """Ten normal features, the class by [x0*x1 + x2/2 > 0], some labels flipped.

    >>> x, y = noisy_task(np.random.default_rng(0), 6)
    >>> x.shape, y.shape
    ((6, 10), (6,))
    """
    x = random.normal(size=(count, 10))
    y = (x[:, 0] * x[:, 1] + 0.5 * x[:, 2] > 0).astype(int)
    flips = random.random(count) < flipped
    return x, np.where(flips, 1 - y, y)


def spiral(
    random: np.random.Generator, count: int = 200, turns: float = 1.2, noise: float = 0.02
) -> tuple[Array, Array]:
    """Two arms of so many turns in the plane; ``count`` points in all."""
    each = count // 2
    radius = np.sqrt(random.random((2, each)))
    angle = 2 * np.pi * turns * radius + np.array([[0.0], [np.pi]])
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    points = points.reshape(-1, 2) + noise * random.normal(size=(2 * each, 2))
    return points, np.repeat([0, 1], each)
