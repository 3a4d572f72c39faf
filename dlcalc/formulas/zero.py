"""When L1 makes a weight exactly 0, by its subgradient and by its soft threshold.

The data's gradient g stays. Above 0 a step goes down by rate*(l1 + g), below 0 up by
rate*(l1 - g). Once around 0 the subgradient goes on for ever, and is at 0 only if the
two lengths and the weight fit; the soft threshold stops there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from dlcalc.formulas.penalties import sign, soft_threshold

#: So many steps are made in float64, to see what rounding does.
TRIED = 5_000


class Reach(NamedTuple):
    """The step at which a weight is exactly 0, None for never.

    ``exact`` is that of exact arithmetic on the decimals that people write, ``rounded``
    that of float64, where ``tried`` is true. Where neither is known it is ``open``.
    """

    exact: int | None
    rounded: int | None
    tried: bool
    open: bool = False

    def __str__(self) -> str:
        if self.tried and self.rounded is not None:
            return f"{self.rounded:,}"
        if self.exact is None:
            return f"not in {TRIED:,}" if self.open else "never"
        return f"{self.exact:,}{' but for rounding' if self.tried else ''}"


def by_subgradient(w: float, gradient: float, rate: float, l1: float) -> Reach:
    """When w - rate*(gradient + l1*sign(w)), over and over, is exactly 0.

    >>> str(by_subgradient(0.013, 0.0, 0.1, 0.1)), str(by_subgradient(0.03, 0.0, 0.1, 0.1))
    ('never', '3 but for rounding')
    """
    at, falls, pull = _whole(w, gradient, rate, l1)
    exact = _zero_by_subgradient(at, falls, pull)
    if (exact or 0) > TRIED:
        return Reach(exact, None, False)
    if sign(w) * gradient + l1 <= 0 and w:
        return Reach(None, None, True)  # It moves away from 0, and will.
    found = by_trial(w, lambda w: w - rate * (gradient + l1 * sign(w)))
    # On its way for long: nothing is known that exact arithmetic does not tell.
    return Reach(exact, found.rounded, not found.open)


def by_trial(w: float, move: Callable[[float], float]) -> Reach:
    """When a weight is exactly 0 that moves from step to step, found by making the steps.

    A weight that takes a value again goes round for ever.

    >>> str(by_trial(8.0, lambda w: w - 2)), str(by_trial(1.0, lambda w: -w))
    ('4', 'never')
    """
    seen: set[float] = set()
    for step in range(TRIED):
        if w == 0:
            return Reach(None, step, True)
        if w in seen or not abs(w) < math.inf:
            return Reach(None, None, True)
        seen.add(w)
        w = move(w)
    return Reach(None, None, False, open=True)


def by_soft_threshold(w: float, gradient: float, rate: float, l1: float) -> Reach:
    """When soft_threshold(w - rate*gradient, rate*l1), over and over, is exactly 0.

    >>> str(by_soft_threshold(0.013, 0.0, 0.1, 0.1)), str(by_soft_threshold(1.0, -2.0, 0.1, 1.0))
    ('2', 'never')
    """
    at, falls, pull = _whole(w, gradient, rate, l1)
    exact = _zero_by_soft_threshold(at, falls, pull)
    if exact is None or exact > TRIED:
        return Reach(exact, None, False)
    for step in range(exact + 2):
        if w == 0:
            return Reach(exact, step, True)
        w = soft_threshold(w - rate * gradient, rate * l1)
    return Reach(exact, None, True)


def _zero_by_subgradient(at: int, falls: int, pull: int) -> int | None:
    """The step at which at - falls - pull*sign(at), over and over, is 0; in closed form.

    Between -down and up, both ways of going are the same modulo down + up: a rotation,
    which meets 0 if the greatest common divisor lets it, and then by the inverse of down.
    """
    if at < 0:
        at, falls = -at, -falls
    down, up = pull + falls, pull - falls
    if at == 0:
        return 0
    if down <= 0:
        return None
    if up <= 0:  # From below 0 there is no way back.
        return None if at % down else at // down
    first = max(0, -((up - at) // down))
    at -= first * down
    common = math.gcd(down, up)
    if at % common:
        return None
    period = (down + up) // common
    return first + at // common * pow(down // common, -1, period) % period


def _zero_by_soft_threshold(at: int, falls: int, pull: int) -> int | None:
    """The step at which what is left falls within the threshold."""
    if at < 0:
        at, falls = -at, -falls
    down = pull + falls
    if at == 0:
        return 0
    if down <= 0:
        return None
    steps = -(-at // down)
    left = at - (steps - 1) * down
    return steps if left - falls >= -pull else None  # Else it jumps over, and away.


def _whole(w: float, gradient: float, rate: float, l1: float) -> tuple[int, int, int]:
    """w, rate*gradient and rate*l1 as whole numbers of one unit."""
    (top, ten), (slope, slope_ten), (speed, speed_ten), (force, force_ten) = map(
        _decimal, (w, gradient, rate, l1)
    )
    unit = min(ten, speed_ten + slope_ten, speed_ten + force_ten)
    return (
        top * 10 ** (ten - unit),
        speed * slope * 10 ** (speed_ten + slope_ten - unit),
        speed * force * 10 ** (speed_ten + force_ten - unit),
    )


def _decimal(value: float) -> tuple[int, int]:
    """The shortest decimal of a float as a whole number times a power of ten.

    >>> _decimal(0.03), _decimal(-1.5e-7)
    ((3, -2), (-15, -8))
    """
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    return int(whole + fraction), int(exponent or 0) - len(fraction)
