"""Gradient descent: straight down."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser


class GradientDescent(Optimiser):
    """w -= rate * g. Stochastic if the gradient is that of a batch.

    Cauchy, 1847; Robbins and Monro, "A Stochastic Approximation Method", 1951;
    torch.optim.SGD.
    """

    words = ("gd", "sgd")
    rate = 1e-3

    def step(self, gradient: Array, rate: float) -> None:
        """Two calls."""
        scratch, parameters = self._scratch, self.parameters
        self.steps += 1
        self._rate[()] = rate
        np.multiply(gradient, self._rate, scratch)
        np.subtract(parameters, scratch, parameters)
