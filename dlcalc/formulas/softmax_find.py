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


class Breach(NamedTuple):
    """The smallest change that breaks a method: how it moves the logits, and by how much."""

    way: str
    amount: float


def smallest_move(
    settings: Settings, logits: Logits, ways: tuple[str, ...] = ("apart", "up", "down")
) -> Breach | None:
    """The smallest c so that moving each logit by at most c breaks the method; None if none does.

    The worst that c can do is to move all ``up``, all ``down``, or the smallest down and all
    others up, ``apart``: rounding keeps the order of numbers, so every value is largest or
    smallest there. The amount is 0 if the method is broken already.

    >>> from dlcalc.formulas.ieee import FLOAT16
    >>> smallest_move(Settings("naive", FLOAT16), (2.0, 2.0))
    Breach(way='up', amount=8.3984375)
    >>> smallest_move(Settings("shifted", FLOAT16), (0.0, 1.0))
    Breach(way='apart', amount=8.171875)
    """
    found, last = None, settings.kind.finite - 1
    for way in ways:
        if way == "apart" and len(logits) == 1:
            continue
        index = _least(settings, partial(moved, logits, way), 0, last)
        if index is not None:
            found, last = Breach(way, settings.kind.number(index)), index - 1
        if last < 0:
            break
    return found


def moved(logits: Logits, way: str, amount: float) -> Logits:
    """The logits moved up, down or apart.

    >>> moved((1.0, 2.0, 3.0), "apart", 0.5)
    (0.5, 2.5, 3.5)
    """
    if way != "apart":
        return tuple(z + amount if way == "up" else z - amount for z in logits)
    lowest = logits.index(min(logits))
    return tuple(z - amount if i == lowest else z + amount for i, z in enumerate(logits))


def smallest_factor(settings: Settings, logits: Logits) -> float | None:
    """The smallest factor, at least 1, by which all logits break the method; None if none does.

    >>> from dlcalc.formulas.ieee import FLOAT32
    >>> smallest_factor(Settings("naive", FLOAT32), (0.0, 1.0))
    88.72283935546875
    """
    kind = settings.kind
    one = kind.top << (kind.precision - 1)
    index = _least(settings, lambda factor: tuple(z * factor for z in logits), one, kind.finite - 1)
    return None if index is None else kind.number(index)


def _least(
    settings: Settings, change: Callable[[float], Logits], first: int, last: int
) -> int | None:
    """The index of the smallest number of the type, ``first`` to ``last``, that breaks."""

    def broken(index: int) -> bool:
        return settings.broken(change(settings.kind.number(index)))

    if not broken(last):
        return None
    if broken(first):
        return first
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (first, middle) if broken(middle) else (middle, last)
    return last
