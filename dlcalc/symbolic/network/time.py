"""Recurrence through time as a product of Jacobians: why errors vanish or explode.

The error of a step is the sum over all later ones, each carried back through a
product of one Jacobian a step. Bengio, Simard and Frasconi, "Learning
Long-Term Dependencies with Gradient Descent is Difficult", 1994.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlcalc.symbolic.network.index import Array
from dlcalc.symbolic.network.model import Block


class Jacobians(NamedTuple):
    """The Jacobian of one step and the sum of products, as text; how far the sum is from delta."""

    step: tuple[str, str]
    total: tuple[str, str]
    error: float


def jacobians(block: Block, arrays: dict[str, Array]) -> Jacobians:
    """The Jacobians of a recurrent layer, and its errors worked out by their products."""
    layer = block.number
    states, arriving = arrays[f"a{layer}"], arrays[f"g{layer}"]
    errors, weight = arrays[f"delta{layer}"], arrays[f"Wh{layer}"]
    if states.ndim == 2:
        states, arriving, errors = states[None], arriving[None], errors[None]
    largest = max(float(np.max(np.abs(errors))), np.finfo(float).tiny)
    worst = 0.0
    for a, g, delta in zip(states, arriving, errors, strict=True):
        slopes = 1 - a**2
        steps = slopes[:, :, None] * weight
        for first in range(len(a)):
            product, total = np.eye(len(weight)), np.zeros(len(weight))
            for time in range(first, len(a)):
                if time > first:
                    product = steps[time] @ product
                total += product.T @ g[time]
            worst = max(worst, float(np.max(np.abs(total * slopes[first] - delta[first]))))
    return Jacobians(
        (f"da[{layer},t]/da[{layer},t - 1]", f"diag(1 - a[{layer},t]**2)@Wh{layer}"),
        (
            f"dE/da[{layer},s]",
            f"sum over t >= s of (da[{layer},t]/da[{layer},t - 1]@...@"
            f"da[{layer},s + 1]/da[{layer},s]).T@g[{layer},t]",
        ),
        worst / largest,
    )
