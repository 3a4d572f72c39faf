"""The smallest change of logits that breaks a softmax method in a type.

Changes are numbers of the type: these are ordered as the numbers from 0 that count
them, so a bisection finds the very smallest. It begins where real numbers would break.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import exp, log
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
        near = _expected_move(settings, logits, way)
        index = _least(settings, partial(moved, logits, way), 0, last, near)
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
    one, last = kind.place(1.0), kind.finite - 1
    near = _expected_factor(settings, logits)
    index = _least(settings, lambda factor: tuple(z * factor for z in logits), one, last, near)
    return None if index is None else kind.number(index)


def _least(
    settings: Settings,
    change: Callable[[float], Logits],
    first: int,
    last: int,
    near: float,
) -> int | None:
    """The index of the smallest number of the type, ``first`` to ``last``, that breaks.

    ``near`` is where it is expected; a wrong guess only takes longer.
    """
    kind = settings.kind

    def broken(index: int) -> bool:
        return settings.broken(change(kind.number(index)))

    if not broken(last):
        return None
    if broken(first):
        return first
    at = kind.place(kind.rounded(min(max(near, 0.0), kind.largest)))
    at, step = min(max(at, first + 1), last), 1
    if broken(at):
        last = at
        while last - step > first and broken(last - step):
            last, step = last - step, 2 * step
        first = max(first, last - step)
    else:
        first = at
        while first + step < last and not broken(first + step):
            first, step = first + step, 2 * step
        last = min(last, first + step)
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (first, middle) if broken(middle) else (middle, last)
    return last


def _expected_move(settings: Settings, logits: Logits, way: str) -> float:
    """By how much logits would have to move, were there no rounding."""
    kind, by = settings.kind, settings.temperature
    if settings.method not in PROBABILITIES:
        if way == "apart":
            return (kind.largest - max(logits) + min(logits)) / 2
        return kind.largest - max(logits)
    z = sorted(logit / by for logit in logits)
    if way == "up":
        return (log(kind.largest) - _log_sum_exp(z)) * by
    if way == "down":
        return (z[0] - log(kind.smallest) + log(2)) * by
    if settings.method == "shifted":
        return (z[0] - z[-1] - _least_difference(kind, z[1:])) / 2 * by
    return (z[0] - _log_sum_exp(z[1:]) - log(kind.smallest) + log(2)) / 2 * by


def _expected_factor(settings: Settings, logits: Logits) -> float:
    """By how much logits would have to be multiplied, were there no rounding."""
    kind, by = settings.kind, settings.temperature
    z = sorted(logit / by for logit in logits)
    low, high = z[0], z[-1]
    if settings.method not in PROBABILITIES:
        return kind.largest / max(-low, high, high - low, 1.0) / by
    if settings.method == "shifted":
        return _least_difference(kind, z[1:]) / (low - high) if low < high else 1.0
    least, most = log(kind.smallest) - log(2), log(kind.largest)
    factors = [least / low] if low < 0 else []
    for limit, first in ((most, high), (least, low - high)):
        factor = limit / first if first * limit > 0 else 0.0
        # The sum depends on the factor too, but little: a few rounds settle it.
        for _ in range(6 if factor else 0):
            total = _log_sum_exp([each * factor for each in z])
            factor *= limit / (total if limit > 0 else low * factor - total)
        factors += [factor] if factor > 0 else []
    return min(factors, default=1.0)


def _least_difference(kind: Format, others: list[float]) -> float:
    """Below which difference from the largest logit the shifted method gives 0.

    The exponential is a few times the smallest number, and divided by the sum rounds to 0.
    """
    total = sum(exp(each - others[-1]) for each in others) if others else 1.0
    return log(kind.smallest) + log(total // 2 + 0.5)


def _log_sum_exp(z: list[float]) -> float:
    return z[-1] + log(sum(exp(each - z[-1]) for each in z))
