"""Restricted Boltzmann machines, and deep belief nets of them, for experiments.

Hinton, "Training products of experts by minimizing contrastive divergence", 2002;
Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", 2006.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlcalc.engine.operation import Array

#: The exact likelihood goes through the states of the smaller side, so many units at most.
_ENUMERATED = 16


class Boltzmann:
    """Binary units, visible and hidden, with weights between the two sides only.

    ``weight`` is (hidden, visible), as a dense layer's. The energy of a pair of states is
    -v.visible_bias - h.hidden_bias - h.weight.v.

    >>> machine = Boltzmann(4, 3, np.random.default_rng(0))
    >>> machine.up(np.zeros((5, 4))).shape, machine.down(np.zeros((5, 3))).shape
    ((5, 3), (5, 4))
    """

    def __init__(self, visible: int, hidden: int, random: np.random.Generator) -> None:
        self.random = random
        self.weight: Array = 0.1 * random.normal(size=(hidden, visible))
        self.visible_bias, self.hidden_bias = np.zeros(visible), np.zeros(hidden)

    def up(self, visible: Array) -> Array:
        """The probability that each hidden unit is 1."""
        return _sigmoid(visible @ self.weight.T + self.hidden_bias)

    def down(self, hidden: Array) -> Array:
        """The probability that each visible unit is 1."""
        return _sigmoid(hidden @ self.weight + self.visible_bias)

    def fit(
        self,
        data: Array,
        steps: int,
        *,
        rate: float = 0.2,
        batch: int = 25,
        momentum: float = 0.5,
    ) -> Boltzmann:
        """So many steps of contrastive divergence with one reconstruction, on examples drawn.

        ``data`` is (examples, visible), of 0 and 1 or of probabilities. Hidden units are drawn
        on the way down only; the statistics are taken of probabilities.
        """
        moves = [np.zeros_like(each) for each in self._parameters()]
        for _ in range(steps):
            seen = data[self.random.integers(0, len(data), batch)]
            hidden = self.up(seen)
            again = self.down((self.random.random(hidden.shape) < hidden).astype(float))
            hidden_again = self.up(again)
            slopes = (
                (hidden.T @ seen - hidden_again.T @ again) / batch,
                (seen - again).mean(axis=0),
                (hidden - hidden_again).mean(axis=0),
            )
            for parameter, move, slope in zip(self._parameters(), moves, slopes, strict=True):
                move *= momentum
                move += rate * slope
                parameter += move
        return self

    def free_energy(self, visible: Array) -> Array:
        """-log of the sum of exp(-energy) over all hidden states, for each visible one."""
        sums = visible @ self.weight.T + self.hidden_bias
        found: Array = -visible @ self.visible_bias - np.logaddexp(0, sums).sum(axis=-1)
        return found

    def log_likelihood(self, data: Array) -> float:
        """The mean log-probability of examples, exact. Raises `ValueError` for large machines."""
        hidden, visible = self.weight.shape
        small = min(visible, hidden)
        if small > _ENUMERATED:
            raise ValueError(f"a side of {small} units has too many states, {_ENUMERATED} at most")
        states = (np.arange(2**small)[:, None] >> np.arange(small) & 1).astype(float)
        if visible == small:
            terms = -self.free_energy(states)
        else:
            sums = states @ self.weight + self.visible_bias
            terms = states @ self.hidden_bias + np.logaddexp(0, sums).sum(axis=-1)
        total = float(np.logaddexp.reduce(terms))
        return float(-self.free_energy(data).mean()) - total

    def _parameters(self) -> tuple[Array, Array, Array]:
        return self.weight, self.visible_bias, self.hidden_bias


def deep_belief(
    data: Array,
    widths: Sequence[int],
    random: np.random.Generator,
    steps: int,
    *,
    rate: float = 0.2,
    batch: int = 25,
) -> list[Boltzmann]:
    """Machines one upon another, each fitted to what the one below it makes of the data."""
    machines = []
    for width in widths:
        machine = Boltzmann(data.shape[1], width, random).fit(data, steps, rate=rate, batch=batch)
        machines.append(machine)
        data = machine.up(data)
    return machines


def _sigmoid(x: Array) -> Array:
    # By tanh it overflows nowhere.
    found: Array = 0.5 + 0.5 * np.tanh(0.5 * x)
    return found
