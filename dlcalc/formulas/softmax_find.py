"""The smallest change of logits that breaks a softmax method in a type.

Changes are numbers of the type: these are ordered as the numbers from 0 that count
them, so a bisection finds the very smallest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from dlcalc.formulas.ieee import Format
from dlcalc.formulas.softmax import PROBABILITIES, run

Logits = tuple[float, ...]


class Settings(NamedTuple):
    """What a method is run with."""

    method: str
    kind: Format
    temperature: float = 1.0
    epsilon: float = 1e-8

    def broken(self, logits: Logits) -> bool:
        """Whether a value is nan, infinite, or a probability of 0, which none is."""
        found = run(self.method, logits, self.kind, self.temperature, self.epsilon)
        return found.broken or (self.method in PROBABILITIES and 0.0 in found.values)

    @property
    def relative(self) -> bool:
        """Whether only differences of logits count."""
        return self.method in ("shifted", "log-softmax")


class Breach(NamedTuple):
    """The smallest change that breaks a method: how it moves the logits, and by how much."""

    way: str
    amount: float


def smallest_move(settings: Settings, logits: Logits) -> Breach | None:
    """The smallest c so that moving each logit by at most c breaks the method; None if none does.

    The worst that c can do is to move all ``up`` or all ``down``, and where only
    differences count, the largest up and the smallest down, ``apart``. The amount is 0
    if the method is broken already.

    >>> from dlcalc.formulas.ieee import FLOAT16
    >>> smallest_move(Settings("naive", FLOAT16), (0.0, 1.0))
    Breach(way='up', amount=9.78125)
    >>> smallest_move(Settings("shifted", FLOAT16), (0.0, 1.0))
    Breach(way='apart', amount=8.171875)
    """
    ways = ("apart",) if settings.relative and len(logits) > 1 else ("up", "down")
    found = []
    for way in ways:
        amount = _least(settings, partial(moved, logits, way), 0)
        if amount is not None:
            found.append(Breach(way, amount))
    return min(found, key=lambda breach: breach.amount, default=None)


def moved(logits: Logits, way: str, amount: float) -> Logits:
    """The logits moved up, down or apart.

    >>> moved((1.0, 2.0, 3.0), "apart", 0.5)
    (0.5, 2.0, 3.5)
    """
    if way != "apart":
        return tuple(z + amount if way == "up" else z - amount for z in logits)
    highest = logits.index(max(logits))
    lowest = len(logits) - 1 - logits[::-1].index(min(logits))
    return tuple(
        z + amount if i == highest else z - amount if i == lowest else z
        for i, z in enumerate(logits)
    )


def smallest_factor(settings: Settings, logits: Logits) -> float | None:
    """The smallest factor, at least 1, by which all logits break the method; None if none does.

    >>> from dlcalc.formulas.ieee import FLOAT32
    >>> smallest_factor(Settings("naive", FLOAT32), (0.0, 1.0))
    88.72283935546875
    """
    one = settings.kind.top << (settings.kind.precision - 1)
    return _least(settings, lambda factor: tuple(z * factor for z in logits), one)


def _least(settings: Settings, change: Callable[[float], Logits], first: int) -> float | None:
    """The smallest number of the type, from its ``first`` on, that breaks by a change."""
    kind = settings.kind

    def broken(index: int) -> bool:
        return settings.broken(change(kind.number(index)))

    low, high = first, kind.finite - 1
    if broken(low):
        return kind.number(low)
    if not broken(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if broken(middle) else (middle, high)
    return kind.number(high)
