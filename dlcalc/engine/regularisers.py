"""Regularisers: what keeps weights small.

Each acts at one of three places of a training step: on the gradient after the
backward pass, on the parameters before the optimiser's step, or after it. All are
made for the flat vector and a mask of the same length, 1 where they act:
`dlcalc.engine.roles.weights` gives that of the weights, without biases and norms;
without a mask they act on everything, as weight_decay does in torch.optim.

L2 is strength/2 * sum(w^2), whose gradient is strength * w: the weight_decay of
torch.optim, and half of what Keras calls l2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcalc.engine.operation import Parameter
from dlcalc.engine.roles import role, units
from dlcalc.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]


class Regulariser:
    """One that does nothing: the base."""

    def penalty(self) -> float:
        """What it adds to the loss."""
        return 0.0

    def on_gradient(self, gradient: Array) -> None:
        """Add the penalty's gradient, after the backward pass."""

    def before_step(self, rate: float) -> None:
        """Change the parameters before the optimiser does."""

    def after_step(self, rate: float) -> None:
        """Change the parameters after the optimiser did."""


class _Masked(Regulariser):
    """A strength for each number."""

    def __init__(self, parameters: Array, strength: float, mask: Array | None = None) -> None:
        self.parameters = parameters
        self.strength = _checked(strength)
        mask = np.ones_like(parameters) if mask is None else mask.astype(parameters.dtype)
        self._mask = mask
        self._strengths = mask * parameters.dtype.type(strength)
        self._scratch = np.empty_like(parameters)


class L1(_Masked):
    """strength * sum(|w|), by its subgradient strength * sign(w), with 0 at 0.

    Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996. Weights come
    near 0 but seldom to it; `ProximalL1` makes them 0.
    """

    def penalty(self) -> float:
        np.abs(self.parameters, self._scratch)
        return float(np.dot(self._strengths, self._scratch))

    def on_gradient(self, gradient: Array) -> None:
        scratch = self._scratch
        np.sign(self.parameters, scratch)
        np.multiply(scratch, self._strengths, scratch)
        np.add(gradient, scratch, gradient)


class ProximalL1(L1):
    """The same penalty by its proximal step: w = sign(w) * max(|w| - rate * strength, 0).

    Parikh and Boyd, "Proximal Algorithms", 2014, section 6.5.2; with gradient descent it
    is ISTA (Daubechies, Defrise and De Mol, 2004). Behind an optimiser that scales each
    number by itself it is the same shrinkage, but no longer the exact proximal step.
    """

    def __init__(self, parameters: Array, strength: float, mask: Array | None = None) -> None:
        super().__init__(parameters, strength, mask)
        self._low = np.empty_like(parameters)

    def on_gradient(self, gradient: Array) -> None:
        """Nothing: the step after it does it all."""

    def after_step(self, rate: float) -> None:
        # w less what is of it within the threshold: exactly 0 if that is all.
        parameters, part, low = self.parameters, self._scratch, self._low
        np.multiply(self._strengths, parameters.dtype.type(rate), part)
        np.negative(part, low)
        np.minimum(parameters, part, out=part)
        np.maximum(part, low, out=part)
        np.subtract(parameters, part, parameters)


class L2(_Masked):
    """strength/2 * sum(w^2); its gradient is strength * w.

    Hoerl and Kennard, "Ridge Regression", 1970; Krogh and Hertz, "A Simple Weight Decay
    Can Improve Generalization", 1992.
    """

    def penalty(self) -> float:
        np.multiply(self.parameters, self.parameters, self._scratch)
        return 0.5 * float(np.dot(self._strengths, self._scratch))

    def on_gradient(self, gradient: Array) -> None:
        scratch = self._scratch
        np.multiply(self.parameters, self._strengths, scratch)
        np.add(gradient, scratch, gradient)


class ElasticNet(Regulariser):
    """L1 and L2 together, by subgradient, or L1 by its proximal step.

    Zou and Hastie, "Regularization and Variable Selection via the Elastic Net", 2005.
    """

    def __init__(
        self,
        parameters: Array,
        l1: float,
        l2: float,
        mask: Array | None = None,
        *,
        proximal: bool = False,
    ) -> None:
        kind = ProximalL1 if proximal else L1
        self._parts = (kind(parameters, l1, mask), L2(parameters, l2, mask))

    def penalty(self) -> float:
        return sum(part.penalty() for part in self._parts)

    def on_gradient(self, gradient: Array) -> None:
        for part in self._parts:
            part.on_gradient(gradient)

    def after_step(self, rate: float) -> None:
        for part in self._parts:
            part.after_step(rate)


class DecoupledDecay(_Masked):
    """w *= 1 - rate * strength before the step: no penalty, and no part of the gradient.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019; with gradient
    descent it is L2, with Adam it is AdamW.
    """

    def __init__(self, parameters: Array, strength: float, mask: Array | None = None) -> None:
        super().__init__(parameters, strength, mask)
        self._factors, self._rate = np.ones_like(parameters), 0.0
        self._acts = self._mask != 0

    def before_step(self, rate: float) -> None:
        if rate != self._rate:
            self._rate = rate
            np.copyto(self._factors, 1 - rate * self.strength, where=self._acts)
        np.multiply(self.parameters, self._factors, self.parameters)


class MaxNorm(Regulariser):
    """The numbers that make one output scaled back to a norm, if it is larger.

    For each row of a matrix, gate or expert; for each kernel of a convolution, over all
    its inputs. Weights only, unless ``everything``; other tensors count as one row.
    Srivastava et al., "Dropout", 2014, section 5.1 (3 or 4 is typical).
    """

    def __init__(
        self, tensors: Mapping[str, Parameter], limit: float, *, everything: bool = False
    ) -> None:
        if not 0 < limit < float("inf"):
            raise InputError(
                f"the limit of a norm must be above 0, not {limit:g}", mend="3 or 4 is typical."
            )
        self.limit = limit
        self._rows: list[tuple[Array, tuple[int, ...], Array, Array]] = []
        for name, tensor in tensors.items():
            if role(name, tensor.value.ndim) == "weight":
                rows = units(name, tensor.value)
                view, axes = rows.view, rows.incoming
            elif everything:
                view, axes = tensor.value, tuple(range(tensor.value.ndim))
            else:
                continue
            norms = np.sum(np.zeros_like(view), axis=axes, keepdims=True)
            self._rows.append((view, axes, np.empty_like(view), norms))

    def after_step(self, rate: float) -> None:
        for view, axes, squares, norms in self._rows:
            np.multiply(view, view, squares)
            np.sum(squares, axis=axes, out=norms, keepdims=True)
            np.sqrt(norms, norms)
            # limit / max(norm, limit): 1 for those that fit.
            np.maximum(norms, self.limit, out=norms)
            np.divide(self.limit, norms, norms)
            np.multiply(view, norms, view)


def _checked(strength: float) -> float:
    if not 0 <= strength < float("inf"):
        raise InputError(
            f"the strength of a regulariser must be at least 0, not {strength:g}",
            mend="0 turns it off.",
        )
    return strength
