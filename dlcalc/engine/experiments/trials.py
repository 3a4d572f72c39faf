"""Repetitions of an experiment: each with its own examples, and nets that start alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.experiments.data import noisy_task
from dlcalc.engine.experiments.learner import Learner
from dlcalc.engine.operation import Array

#: Examples drawn by a generator: so many inputs and their classes.
Draw = Callable[[np.random.Generator, int], tuple[Array, Array]]


class Trial(NamedTuple):
    """One repetition: examples to learn, others to test on, a seed that all its nets share.

    Nets of the same widths start from the same weights, so that two of them are a pair.
    """

    seed: int
    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    #: For what else is drawn.
    generator: np.random.Generator

    def learner(self, net: str, **settings: Any) -> Learner:
        """A classifier of the examples, not trained yet: Adam at 0.01 in single precision."""
        chosen = {"loss": "cross_entropy", "rate": 0.01, "dtype": np.float32, **settings}
        return Learner(net, self.inputs, self.targets, seed=self.seed, **chosen)

    def fit(self, net: str, steps: int, **settings: Any) -> Learner:
        """The same, trained for so many steps."""
        return self.learner(net, **settings).fit(steps)

    def loss(self, learner: Learner) -> float:
        """On the test examples: the mean negative log-likelihood."""
        return learner.loss(self.test_inputs, self.test_targets)

    def accuracy(self, learner: Learner) -> float:
        """On the test examples: the share that is right."""
        return learner.accuracy(self.test_inputs, self.test_targets)

    def fewer(self, count: int) -> Trial:
        """The same with the first so many of its examples."""
        return self._replace(inputs=self.inputs[:count], targets=self.targets[:count])


def clean(random: np.random.Generator, count: int) -> tuple[Array, Array]:
    """The noisy task without its noise."""
    return noisy_task(random, count, 0.0)


def trials(
    seed: int,
    count: int,
    examples: int,
    *,
    draw: Draw = noisy_task,
    test: Draw = clean,
    tests: int = 1000,
) -> Iterator[Trial]:
    """So many repetitions that hang on a seed; two seeds share none of them.

    >>> first, second = trials(0, 2, 80)
    >>> first.inputs.shape, first.test_inputs.shape, first.seed == second.seed
    ((80, 10), (1000, 10), False)
    """
    for number in range(count):
        # Learners draw from [seed, 3] and [seed, 7]: the examples need streams of their own.
        random = np.random.default_rng([seed, 100 + number])
        learnt, tested = draw(random, examples), test(random, tests)
        yield Trial(1000 * seed + number, *learnt, *tested, random)
