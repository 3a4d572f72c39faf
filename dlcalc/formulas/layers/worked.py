"""Numbers with the formulas that they came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

#: Formulas of more numbers than this are shown in names instead.
MAX_TERMS = 16

Show = Callable[[float], str]


class Worked(NamedTuple):
    """A number and its formula: a template in Python with ``{}`` for each of its numbers.

    ``size`` is the largest magnitude met on the way, of which rounding is a share.
    ``named`` is the formula in names, where its numbers would be too many to read.
    ``parts`` are numbers worked out before, with their names. Without a template the
    number is one that was only carried here.

    >>> worked = Worked(3.0, "{} + {}", (1.0, 2.0))
    >>> worked.text(lambda number: f"{number:g}")
    '1 + 2'
    """

    value: float
    template: str = ""
    numbers: tuple[float, ...] = ()
    size: float = 0.0
    named: str = ""
    parts: tuple[tuple[str, Worked], ...] = ()

    def text(self, show: Show) -> str:
        """The formula with its numbers, or in names where these are too many."""
        if self.named and len(self.numbers) > MAX_TERMS:
            return self.named
        return self.template.format(*map(show, self.numbers))

    def agrees(self, other: float, tolerance: float) -> bool:
        """Whether another computation of the same number comes to this one, but for rounding."""
        if self.value == other or (self.value != self.value and other != other):
            return True
        if math.isinf(self.value) or math.isinf(other):
            return False
        # What rounds to 0 on one way and to the least number on the other is no disagreement.
        room = tolerance * max(self.size, abs(self.value)) + 1e-300
        return abs(self.value - other) <= room


def weighted(
    pairs: Sequence[tuple[float, float]], bias: float | None = None, named: str = ""
) -> Worked:
    """The sum of products, and a bias.

    >>> weighted([(0.5, 1.0), (-1.0, 2.0)], 0.5).value
    -1.0
    """
    terms = [w * x for w, x in pairs]
    value, size = total(terms), total(map(abs, terms))
    template = " + ".join(["{}*{}"] * len(pairs)) or "0"
    numbers = [number for pair in pairs for number in pair]
    if bias is not None:
        template = f"{template} + {{}}" if pairs else "{}"
        numbers.append(bias)
        value, size = value + bias, size + abs(bias)
    return Worked(value, template, tuple(numbers), size, named)


def added(values: Sequence[float], named: str = "") -> Worked:
    """The sum of values."""
    template = " + ".join(["{}"] * len(values)) or "0"
    return Worked(total(values), template, tuple(values), total(map(abs, values)), named)


def mean(values: Sequence[float], count: int, named: str = "") -> Worked:
    """The sum of values by a count, which may be another than theirs."""
    summed = added(values, named)
    template = f"({summed.template})/{count}" if len(values) > 1 else f"{summed.template}/{count}"
    return summed._replace(
        value=quotient(summed.value, count), template=template, size=summed.size / (abs(count) or 1)
    )


def total(values: Iterable[float]) -> float:
    """A plain sum, which infinities and NaN go through."""
    found = 0.0
    for value in values:
        found += value
    return found


def quotient(over: float, under: float) -> float:
    """A quotient as floating point has it: x/0 is infinite, 0/0 no number."""
    if under:
        return over / under
    if over != over or over == 0:
        return math.nan
    return math.copysign(math.inf, over) * math.copysign(1.0, under)


def exponential(x: float) -> float:
    """exp(x), infinite where it would overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def power(base: float, exponent: float) -> float:
    """base**exponent; no number where it would be complex, infinite where it overflows."""
    try:
        found = math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan
    return found


def root(x: float) -> float:
    """The square root; of negative numbers no number."""
    return math.sqrt(x) if x >= 0 else math.nan
