"""Classes of points in the plane."""

from __future__ import annotations

from functools import partial

import numpy as np

from dlcalc.engine.tasks.task import Array, Data, Recipe, Task, balanced, task

_RADIUS = 2.0
_INNER = 0.5
_TURNS = 1.25
#: Points nearer than this to the line between the classes are not drawn.
_MARGIN = 0.1


def _blurred(draw: np.random.Generator, points: Array, noise: float) -> Array:
    moved: Array = points + noise * draw.normal(size=points.shape)
    return moved


def _on_circle(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _blobs(count: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    targets = balanced(draw, samples, count)
    centres = _RADIUS * _on_circle(2 * np.pi * np.arange(count) / count)
    return Data(_blurred(draw, centres[targets], noise), targets)


@task("blobs")
def blobs(count: int) -> Task:
    """Class c lies around the angle 2*pi*c/count of a circle of radius 2."""
    recipe = Recipe(f"dense:{count}", "adam", 0.05, 32, 30, "cross-entropy")
    # The centres move together as they become more: so must the clouds shrink.
    noise = round(0.4 * min(1.0, 2 * float(np.sin(np.pi / count)) / 3**0.5), 2)
    return Task("classes", "2", count, 300, recipe, 0.97, partial(_blobs, count), noise)


def _moons(draw: np.random.Generator, samples: int, noise: float) -> Data:
    targets = balanced(draw, samples, 2)
    circle = _on_circle(draw.uniform(0, np.pi, samples))
    points = np.where(targets[:, None] == 0, circle, [1, 0.5] - circle)
    return Data(_blurred(draw, points, noise), targets)


@task("moons")
def moons() -> Task:
    """(cos t, sin t) and (1 - cos t, 1/2 - sin t), t from 0 to pi, as in scikit-learn."""
    recipe = Recipe("dense:32 relu dense:32 relu dense:2", "adam", 0.01, 32, 30, "cross-entropy")
    return Task("classes", "2", 2, 1_000, recipe, 0.97, _moons, 0.1)


def _circles(draw: np.random.Generator, samples: int, noise: float) -> Data:
    targets = balanced(draw, samples, 2)
    radius = np.where(targets == 0, 1.0, _INNER)
    points = radius[:, None] * _on_circle(draw.uniform(0, 2 * np.pi, samples))
    return Data(_blurred(draw, points, noise), targets)


@task("circles")
def circles() -> Task:
    """Class 0 on the circle of radius 1, class 1 on that of radius 1/2."""
    recipe = Recipe("dense:16 relu dense:16 relu dense:2", "adam", 0.01, 32, 40, "cross-entropy")
    return Task("classes", "2", 2, 600, recipe, 0.97, _circles, 0.08)


def _spirals(arms: int, draw: np.random.Generator, samples: int, noise: float) -> Data:
    targets = balanced(draw, samples, arms)
    # The arms begin a little off the middle, where they would meet.
    radius = draw.uniform(0.1, 1, samples)
    angle = 2 * np.pi * (_TURNS * radius + targets / arms)
    return Data(_blurred(draw, radius[:, None] * _on_circle(angle), noise), targets)


@task("spirals")
def spirals(arms: int) -> Task:
    """Radius r from 0.1 to 1 at the angle 2*pi*(1.25*r + class/arms)."""
    # More arms lie closer together, and need more folds to be parted.
    net = f"dense:{max(64, 16 * arms)} relu dense:64 relu dense:{arms}"
    recipe = Recipe(net, "adam", 0.01, 32, 100, "cross-entropy")
    noise = round(0.04 / arms, 3)
    return Task("classes", "2", arms, 500 * arms, recipe, 0.95, partial(_spirals, arms), noise)


def _noisy_labels(draw: np.random.Generator, samples: int, noise: float) -> Data:
    clean = balanced(draw, samples, 2)
    along = draw.uniform(-1, 1, samples)
    off = draw.uniform(_MARGIN, 1, samples) * (2 * clean - 1)
    points = np.stack([along - off, along + off], axis=1) / 2**0.5
    wrong = np.zeros(samples, bool)
    # As many of each class, so that the labels stay balanced.
    for label in (0, 1):
        members = draw.permutation(np.flatnonzero(clean == label))
        wrong[members[: round(noise * members.size)]] = True
    return Data(points, np.where(wrong, 1 - clean, clean), clean)


@task("noisy-labels")
def noisy_labels() -> Task:
    """Learn y = (x2 > x1), told wrongly for a share of each class: a large net learns it by heart.

    Few are trained on. Labels held out are noisy too: no training gets beyond 1 - noise.
    """
    recipe = Recipe("dense:64 relu dense:64 relu dense:2", "adam", 0.01, 32, 100, "cross-entropy")
    return Task("classes", "2", 2, 500, recipe, 0.6, _noisy_labels, 0.2, "labels", 0.8)
