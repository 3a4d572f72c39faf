"""Adadelta: steps in the units of the parameters, without a rate to choose."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser, Setting


class Adadelta(Optimiser):
    """s = rho * s + (1 - rho) * g^2; d = sqrt((u + eps) / (s + eps)) * g;
    u = rho * u + (1 - rho) * d^2; w -= rate * d.

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, where the rate is 1;
    torch.optim.Adadelta.
    """

    words = ("adadelta",)
    rate = 1.0
    settings = (
        Setting("rho", 0.9, "share of the running means that stays", high=1.0),
        Setting("eps", 1e-6, "added under both roots; it sets the first steps"),
    )

    rho: float
    eps: float

    def prepare(self) -> None:
        """Running sums: the means are 1 - rho times as large, and eps is enlarged to match."""
        self._squares, self._steps = self.kept("squares"), self.kept("squared_steps")
        self._second = np.empty_like(self.parameters)
        self._rho = self.number(self.rho)
        self._eps = self.number(self.eps / (1 - self.rho))

    def step(self, gradient: Array, rate: float) -> None:
        """Thirteen calls."""
        delta, second, parameters = self._scratch, self._second, self.parameters
        squares, steps, rho, eps = self._squares, self._steps, self._rho, self._eps
        self.steps += 1
        self._rate[()] = rate
        np.multiply(squares, rho, squares)
        np.multiply(gradient, gradient, second)
        np.add(squares, second, squares)
        np.add(steps, eps, delta)
        np.add(squares, eps, second)
        np.divide(delta, second, delta)
        np.sqrt(delta, delta)
        np.multiply(delta, gradient, delta)
        np.multiply(steps, rho, steps)
        np.multiply(delta, delta, second)
        np.add(steps, second, steps)
        np.multiply(delta, self._rate, delta)
        np.subtract(parameters, delta, parameters)
