"""Momentum: a velocity that gathers gradients."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser, Setting


class Momentum(Optimiser):
    """v = momentum * v + (1 - dampening) * g; w -= rate * v.

    The first velocity is the whole gradient, dampened or not. Polyak, "Some methods of
    speeding up the convergence of iteration methods", 1964; torch.optim.SGD, which
    keeps the rate out of v.
    """

    words = ("momentum",)
    rate = 1e-3
    settings = (
        Setting("momentum", 0.9, "share of the velocity that stays", high=1.0),
        Setting("dampening", 0.0, "share of each gradient left out, after the first", high=1.0),
    )

    momentum: float
    dampening: float

    def prepare(self) -> None:
        """The velocity."""
        self._velocity = self.kept("velocity")
        self._momentum = self.number(self.momentum)
        self._share = self.number(1 - self.dampening)

    def step(self, gradient: Array, rate: float) -> None:
        """Four calls; one more with dampening."""
        scratch, parameters, velocity = self._scratch, self.parameters, self._velocity
        self._rate[()] = rate
        np.multiply(velocity, self._momentum, velocity)
        if self.dampening and self.steps:
            np.multiply(gradient, self._share, scratch)
            gradient = scratch
        np.add(velocity, gradient, velocity)
        np.multiply(velocity, self._rate, scratch)
        np.subtract(parameters, scratch, parameters)
        self.steps += 1
