"""Numbers from numbers: a straight line, a sine, a weighted sum."""

from __future__ import annotations

from functools import partial

import numpy as np

from dlcalc.engine.tasks.task import Array, Data, Recipe, Task, task

#: How many weights of a sparse sum are not 0.
USED = 3


def _noisy(draw: np.random.Generator, inputs: Array, clean: Array, noise: float) -> Data:
    return Data(inputs, clean + noise * draw.normal(size=clean.shape), clean)


def _sine(draw: np.random.Generator, samples: int, noise: float) -> Data:
    x = draw.uniform(-np.pi, np.pi, (samples, 1))
    return _noisy(draw, x, np.sin(x), noise)


@task("sine")
def sine() -> Task:
    """Learn y = sin x for x from -pi to pi."""
    net = "dense:32 tanh dense:32 tanh dense:1"
    recipe = Recipe(net, "adam", 0.01, 32, 200, "mse", "steps:100,0.2")
    return Task("numbers", "1", 1, 500, recipe, 0.05, _sine, 0.02, "targets")


def _line(draw: np.random.Generator, samples: int, noise: float) -> Data:
    x = draw.uniform(-1, 1, (samples, 1))
    return _noisy(draw, x, 2 * x - 1, noise)._replace(weights=np.array([2.0]))


@task("line")
def line() -> Task:
    """Learn y = 2x - 1 for x from -1 to 1."""
    recipe = Recipe("dense:1", "gd", 0.1, 32, 50, "mse")
    return Task("numbers", "1", 1, 200, recipe, 0.13, _line, 0.1, "targets")


def _sparse(features: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    weights = np.zeros(features)
    used = draw.permutation(features)[:USED]
    weights[used] = draw.uniform(1, 3, USED) * draw.choice([-1.0, 1.0], USED)
    inputs = draw.normal(size=(samples, features))
    # Added up feature by feature: BLAS may round otherwise on the next machine.
    clean = sum(weights[index] * inputs[:, index] for index in np.sort(used))
    return _noisy(draw, inputs, np.reshape(clean, (samples, 1)), noise)._replace(weights=weights)


@task("sparse-regression")
def sparse_regression(features: int) -> Task:
    """Learn y = w.x with x normal; 3 weights, drawn, are 1 to 3 in size, the others 0."""
    recipe = Recipe("dense:1", "adam", 0.05, 32, 100, "mse")
    draw = partial(_sparse, features)
    return Task("numbers", str(features), 1, 10 * features, recipe, 0.2, draw, 0.1, "targets")
