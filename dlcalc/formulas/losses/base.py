"""What a loss is: one example's value and derivatives, and how examples are made one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from typing import NamedTuple

#: A target or a prediction of one example: one number, or one for each class.
Row = tuple[float, ...]


class Term(NamedTuple):
    """One example: its loss, and by each of its predictions the first and second derivative."""

    value: float
    gradient: Row
    second: Row

    def times(self, factor: float) -> Term:
        """The term multiplied by a number."""
        return Term(
            _product(factor, self.value),
            tuple(_product(factor, part) for part in self.gradient),
            tuple(_product(factor, part) for part in self.second),
        )


class Loss(NamedTuple):
    """A loss with its settings put in.

    ``term`` takes the target and the prediction of one example, ``numbers`` gives
    its value as Python with the numbers in it. ``breaks`` are the predictions at
    which the derivative bends or jumps, for one target; None where the loss is
    minimised in closed form. ``kink`` says what is taken at a jump.
    """

    name: str
    formula: str
    term: Callable[[Row, Row], Term]
    numbers: Callable[[Row, Row], str]
    breaks: Callable[[float], Row] | None = None
    kink: str = ""


class Reduced(NamedTuple):
    """Examples made one number: its gradient and Hessian diagonal, a row for each example."""

    value: float
    terms: list[Term]
    divisor: float


def reduced(terms: Sequence[Term], weights: Sequence[float], divisor: float) -> Reduced:
    """The weighted sum of terms over a divisor.

    >>> reduced([Term(4.0, (2.0,), (2.0,)), Term(0.0, (0.0,), (2.0,))], [1, 1], 2).value
    2.0
    """
    weighted = [term.times(weight) for term, weight in zip(terms, weights, strict=True)]
    value = total([term.value for term in weighted])
    return Reduced(value / divisor, [term.times(1 / divisor) for term in weighted], divisor)


def total(values: Sequence[float]) -> float:
    """The sum, rounded once; inf if one is."""
    return sum(values) if float("inf") in values else fsum(values)


def _product(factor: float, value: float) -> float:
    # What counts 0 times does not count, however large it is.
    return factor * value if factor else 0.0
