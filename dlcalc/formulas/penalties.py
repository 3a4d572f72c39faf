"""Penalties on weights: what L1, L2 and decoupled decay add to a step, and where they lead.

The notes write the factor before the sum in three ways, frameworks in a fourth. A
convention names that factor; under each the gradients are multiples of sign(w) and w.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Convention(NamedTuple):
    """A factor of the sum: how it divides lambda, and the gradients that follow, as text.

    The sum is that of abs(w) or w**2; ``of_l1`` multiplies sign(w), ``of_l2`` w.
    """

    factor: str
    of_l1: str
    of_l2: str
    halves: bool
    by_n: bool


#: By the name that ``--convention`` takes.
CONVENTIONS = {
    "lambda": Convention("{}", "l1", "2*l2", False, False),
    "lambda/2": Convention("{}/2", "l1/2", "l2", True, False),
    "lambda/n": Convention("{}/n", "l1/n", "2*l2/n", False, True),
    "lambda/2n": Convention("{}/(2*n)", "l1/(2*n)", "l2/n", True, True),
}


def coefficient(convention: Convention, name: str, strength: float, n: int) -> float:
    """What multiplies sign(w) (of ``l1``) or w (of ``l2``) in the gradient of a penalty.

    It is worked out in the order of the convention's text.

    >>> coefficient(CONVENTIONS["lambda/2n"], "l2", 1.0, 10)
    0.1
    """
    if name == "l1":
        divisor = (2 if convention.halves else 1) * (n if convention.by_n else 1)
        return strength / divisor
    doubled = strength if convention.halves else 2 * strength
    return doubled / n if convention.by_n else doubled


class Penalty(NamedTuple):
    """Coefficients: ``l1`` of sign(w), ``l2`` of w, ``decay`` of w outside the gradient."""

    l1: float = 0.0
    l2: float = 0.0
    decay: float = 0.0
    #: L1 by its soft threshold behind the step, and no part of the gradient.
    proximal: bool = False


def sign(w: float) -> float:
    """-1, 0 or 1; 0 is the subgradient taken at 0."""
    return (w > 0) - (w < 0)


def penalty_gradient(w: float, penalty: Penalty) -> float:
    """What the penalties add to the gradient at a weight."""
    slope = 0.0 if penalty.proximal else penalty.l1 * sign(w)
    return slope + penalty.l2 * w


def soft_threshold(w: float, threshold: float) -> float:
    """sign(w)*max(abs(w) - threshold, 0): exactly 0 within the threshold.

    Parikh and Boyd, "Proximal Algorithms", 2014, section 6.5.2.

    >>> soft_threshold(2.0, 0.5), soft_threshold(-0.3, 0.5)
    (1.5, 0.0)
    """
    return w - max(min(w, threshold), -threshold)


def shrinkage(rate: float, strength: float, steps: int) -> float:
    """(1 - rate*strength)**steps, also where there are very many steps.

    >>> round(2 * shrinkage(0.1, 0.1, 500), 5)
    0.01314
    """
    lost = rate * strength
    if steps == 0 or lost == 0:
        return 1.0
    if lost == 1:
        return 0.0
    negative = lost > 1 and steps % 2 == 1
    try:
        log = math.log1p(-lost) if lost < 1 else math.log(lost - 1)
        size = math.exp(steps * log)
    except OverflowError:
        size = math.inf
    return -size if negative else size


def l2_after(w: float, gradient: float, rate: float, strength: float, steps: int) -> float:
    """A weight after so many steps of L2 while the data's gradient stays, by its closed form.

    With c = 1 - rate*strength and p = -gradient/strength, where the two balance, it is
    p + c**steps*(w - p).
    """
    if strength == 0:
        return w - steps * (rate * gradient)
    balance = -gradient / strength
    share = shrinkage(rate, strength, steps)
    return share * w + (1 - share) * balance if share < math.inf else math.inf


def half_life(rate: float, strength: float) -> float | None:
    """The steps in which L2 halves a weight, log(0.5)/log(1 - rate*strength).

    None where it does not halve it step by step: nothing shrinks, or one step reaches 0
    or beyond.

    >>> round(half_life(0.1, 0.1), 4)
    68.9676
    """
    lost = rate * strength
    found = math.log(0.5) / math.log1p(-lost) if 0 < lost < 1 else math.inf
    return found if found < math.inf else None
