"""Nesterov's momentum: the gradient's velocity looked ahead by one step."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser, Setting


class Nesterov(Optimiser):
    """v = momentum * v + g; w -= rate * (g + momentum * v).

    Nesterov, "A method of solving a convex programming problem with convergence rate
    O(1/k^2)", 1983, in the form of Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013: w here is their point looked
    ahead to, where the gradient is taken. torch.optim.SGD with nesterov=True.
    """

    words = ("nesterov",)
    rate = 1e-3
    settings = (Setting("momentum", 0.9, "share of the velocity that stays", high=1.0),)

    momentum: float

    def prepare(self) -> None:
        """The velocity."""
        self._velocity = self.kept("velocity")
        self._momentum = self.number(self.momentum)

    def step(self, gradient: Array, rate: float) -> None:
        """Six calls."""
        scratch, parameters, velocity = self._scratch, self.parameters, self._velocity
        self.steps += 1
        self._rate[()] = rate
        np.multiply(velocity, self._momentum, velocity)
        np.add(velocity, gradient, velocity)
        np.multiply(velocity, self._momentum, scratch)
        np.add(scratch, gradient, scratch)
        np.multiply(scratch, self._rate, scratch)
        np.subtract(parameters, scratch, parameters)
