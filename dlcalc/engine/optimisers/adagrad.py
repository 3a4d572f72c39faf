"""Adagrad: a rate for each number, that shrinks with the gradients it has seen."""

from __future__ import annotations

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser, Setting


class Adagrad(Optimiser):
    """s += g^2; w -= rate / (1 + (t - 1) * rate_decay) * g / (sqrt(s) + eps).

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", 2011; torch.optim.Adagrad.
    """

    words = ("adagrad",)
    rate = 1e-2
    settings = (
        Setting("eps", 1e-10, "added to the root, against division by 0"),
        Setting("rate_decay", 0.0, "how fast the rate itself falls"),
        Setting("start", 0.0, "what the sums begin with"),
    )

    eps: float
    rate_decay: float
    start: float

    def prepare(self) -> None:
        """The sums of squares."""
        self._squares = self.kept("squares", self.start)
        self._eps = self.number(self.eps)

    def step(self, gradient: Array, rate: float) -> None:
        """Seven calls."""
        scratch, parameters, squares = self._scratch, self.parameters, self._squares
        self._rate[()] = rate / (1 + self.steps * self.rate_decay)
        np.multiply(gradient, gradient, scratch)
        np.add(squares, scratch, squares)
        np.sqrt(squares, scratch)
        np.add(scratch, self._eps, scratch)
        np.divide(gradient, scratch, scratch)
        np.multiply(scratch, self._rate, scratch)
        np.subtract(parameters, scratch, parameters)
        self.steps += 1
