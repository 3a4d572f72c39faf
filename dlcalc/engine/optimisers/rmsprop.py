"""RMSProp: each number's gradient divided by its own recent size."""

from __future__ import annotations

import math

import numpy as np

from dlcalc.engine.optimisers.base import Array, Optimiser, Setting


class RmsProp(Optimiser):
    """s = alpha * s + (1 - alpha) * g^2; w -= rate * g / (sqrt(s) + eps).

    Centred, s is lessened by the square of the gradients' running mean; with momentum
    the quotient goes into a velocity: v = momentum * v + g / (...); w -= rate * v.
    Tieleman and Hinton, "Lecture 6.5 - rmsprop", Coursera, 2012; centred: Graves,
    "Generating Sequences With Recurrent Neural Networks", 2013; torch.optim.RMSprop.
    A variance that rounding makes negative is 0 here, where PyTorch's root is NaN.
    """

    words = ("rmsprop",)
    rate = 1e-2
    settings = (
        Setting("alpha", 0.99, "share of the running mean that stays", high=1.0),
        Setting("eps", 1e-8, "added to the root, against division by 0"),
        Setting("momentum", 0.0, "share of the velocity that stays", high=1.0),
        Setting("centred", False, "take off the gradients' mean before squaring", high=2.0),
    )

    alpha: float
    eps: float
    momentum: float
    centred: bool

    def prepare(self) -> None:
        """Running sums: the means are 1 - alpha times as large."""
        share = 1 - self.alpha
        self._root_share = math.sqrt(share)
        self._alpha, self._share = self.number(self.alpha), self.number(share)
        self._momentum, self._zero = self.number(self.momentum), self.number(0.0)
        # g / (sqrt(share * sum) + eps) = g / (sqrt(sum) + eps/root) / root.
        self._eps = self.number(self.eps / self._root_share)
        self._squares = self.kept("squares")
        if self.centred:
            self._mean = self.kept("gradients")
        if self.momentum:
            self._velocity = self.kept("velocity")

    def step(self, gradient: Array, rate: float) -> None:
        """Eight calls; six more if centred, two more with momentum."""
        scratch, parameters, squares = self._scratch, self.parameters, self._squares
        self.steps += 1
        self._rate[()] = rate / self._root_share
        np.multiply(squares, self._alpha, squares)
        np.multiply(gradient, gradient, scratch)
        np.add(squares, scratch, squares)
        if self.centred:
            self._variance(gradient, scratch)
            np.sqrt(scratch, scratch)
        else:
            np.sqrt(squares, scratch)
        np.add(scratch, self._eps, scratch)
        np.divide(gradient, scratch, scratch)
        if self.momentum:
            velocity = self._velocity
            np.multiply(velocity, self._momentum, velocity)
            np.add(velocity, scratch, velocity)
            np.multiply(velocity, self._rate, scratch)
        else:
            np.multiply(scratch, self._rate, scratch)
        np.subtract(parameters, scratch, parameters)

    def _variance(self, gradient: Array, out: Array) -> None:
        """Sum of squares less share * (sum)^2."""
        mean = self._mean
        np.multiply(mean, self._alpha, mean)
        np.add(mean, gradient, mean)
        np.multiply(mean, mean, out)
        np.multiply(out, self._share, out)
        np.subtract(self._squares, out, out)
        np.maximum(out, self._zero, out=out)
