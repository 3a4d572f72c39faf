"""The smallest change of logits that breaks a softmax method in a type.

Changes are numbers of the type: these are ordered as the numbers from 0 that count
them, so a bisection finds the very smallest.
"""

from __future__ import annotations

from collections.abc import Callable
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
    Breach(way='up', amount=9.796875)
    >>> smallest_move(Settings("shifted", FLOAT16), (0.0, 1.0))
    Breach(way='apart', amount=8.171875)
    """
    highest = logits.index(max(logits))
    lowest = len(logits) - 1 - logits[::-1].index(min(logits))

    def apart(c: float) -> Logits:
        return tuple(
            z + c if i == highest else z - c if i == lowest else z for i, z in enumerate(logits)
        )

    ways: dict[str, Callable[[float], Logits]] = {
        "up": lambda c: tuple(z + c for z in logits),
        "down": lambda c: tuple(z - c for z in logits),
    }
    if settings.relative and len(logits) > 1:
        ways = {"apart": apart}
    found = []
    for way, moved in ways.items():
        amount = _least(settings, moved, 0)
        if amount is not None:
            found.append(Breach(way, amount))
    return min(found, key=lambda breach: breach.amount, default=None)


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

    low, high = first, kind.count - 1
    if broken(low):
        return kind.number(low)
    if not broken(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if broken(middle) else (middle, high)
    return kind.number(high)
