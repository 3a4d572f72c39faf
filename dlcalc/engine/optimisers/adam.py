"""Adam: momentum divided by the gradients' recent size, both corrected for their start."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser, Setting


class Adam(Optimiser):
    """m = beta1 * m + (1 - beta1) * g; s = beta2 * s + (1 - beta2) * g^2;
    w -= rate * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps).

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; with amsgrad the
    largest s so far divides: Reddi, Kale and Kumar, "On the Convergence of Adam and
    Beyond", 2018; torch.optim.Adam.
    """

    words = ("adam",)
    rate = 1e-3
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("beta1", 0.9, "share of the gradients' running mean that stays", high=1.0),
        Setting("beta2", 0.999, "share of the squares' running mean that stays", high=1.0),
        Setting("eps", 1e-8, "added to the root, against division by 0"),
        Setting("amsgrad", False, "divide by the largest mean of squares so far", high=2.0),
    )

    beta1: float
    beta2: float
    eps: float
    amsgrad: bool

    def prepare(self) -> None:
        """Running sums: the means are 1 - beta times as large."""
        self._sums, self._squares = self.kept("gradients"), self.kept("squares")
        if self.amsgrad:
            self._largest = self.kept("largest")
        self._beta1, self._beta2 = self.number(self.beta1), self.number(self.beta2)
        self._eps = self.number(0.0)

    def step(self, gradient: Array, rate: float) -> None:
        """Ten calls; one more with amsgrad."""
        scratch, parameters = self._scratch, self.parameters
        sums, squares = self._sums, self._squares
        self.steps += 1
        # With M = m/(1 - beta1), S = s/(1 - beta2) and root = sqrt((1 - beta2^t)/(1 - beta2)):
        # w -= rate * (1 - beta1)/(1 - beta1^t) * root * M / (sqrt(S) + eps * root).
        beta1, beta2, steps = self.beta1, self.beta2, self.steps
        root = math.sqrt((1 - beta2**steps) / (1 - beta2))
        self._rate[()] = rate * (1 - beta1) / (1 - beta1**steps) * root
        self._eps[()] = self.eps * root
        np.multiply(sums, self._beta1, sums)
        np.add(sums, gradient, sums)
        np.multiply(squares, self._beta2, squares)
        np.multiply(gradient, gradient, scratch)
        np.add(squares, scratch, squares)
        if self.amsgrad:
            squares = np.maximum(squares, self._largest, out=self._largest)
        np.sqrt(squares, scratch)
        np.add(scratch, self._eps, scratch)
        np.divide(sums, scratch, scratch)
        np.multiply(scratch, self._rate, scratch)
        np.subtract(parameters, scratch, parameters)
