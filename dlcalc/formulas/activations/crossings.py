"""Where two activations, or their slopes, cross."""

from __future__ import annotations

from itertools import combinations
from math import inf, nextafter
from typing import Literal, NamedTuple

from dlcalc.formulas.activations.base import Activation, Function
from dlcalc.formulas.activations.facts import samples, zeros

Of = Literal["value", "slope"]
# A difference smaller than this part of what is compared is rounding.
_ROUNDING = 4e-16
_FAR = tuple(30 * 1.25**n for n in range(1, 48))


class Crossing(NamedTuple):
    """The places at which one is above the other on one side and below it on the other."""

    first: Activation
    second: Activation
    of: Of
    places: list[float]


def crossings(activations: list[Activation]) -> list[Crossing]:
    """The crossings of every two, first those of the values, then those of the slopes."""
    pairs = list(combinations(activations, 2))
    kinds: tuple[Of, Of] = ("value", "slope")
    return [Crossing(*pair, kind, crossing(*pair, kind)) for kind in kinds for pair in pairs]


def crossing(first: Activation, second: Activation, of: Of) -> list[float]:
    """Where the values or the slopes of two activations cross, between -1e6 and 1e6.

    A slope that jumps may cross another in the jump. Where both run together
    over a stretch, they do not cross.

    >>> from dlcalc.formulas.activations.registry import activation
    >>> crossing(activation("tanh"), activation("sigmoid"), "slope")
    [-1.6628858910586215, 1.6628858910586215]
    """
    one, other = _function(first, of), _function(second, of)

    def difference(x: float) -> float:
        left, right = one(x), other(x)
        found = left - right
        return found if abs(found) > _ROUNDING * (abs(left) + abs(right)) else 0.0

    ats = [joint.at for each in (first, second) for joint in each.joints]
    beside = [nextafter(at, side) for at in ats for side in (-inf, inf)]
    points = {*samples(-inf, inf), *ats, *beside, *_FAR, *(-x for x in _FAR)}
    # A jump is closed in from one side: to the joint itself, or the number beside it.
    exact = dict(zip(beside, [at for at in ats for _ in "ab"], strict=True))
    return [float(exact.get(x, x)) for x in zeros(difference, sorted(points))]


def _function(of: Activation, kind: Of) -> Function:
    return of.value if kind == "value" else of.slope
