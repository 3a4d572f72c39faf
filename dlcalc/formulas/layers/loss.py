"""Losses of small predictions, with the numbers in the formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dlcalc.formulas.layers.worked import Worked, exponential, total


class _Term(NamedTuple):
    """The part of a loss that comes from one prediction y and its target t."""

    value: float
    template: str
    numbers: tuple[float, ...]


def _mse(y: float, t: float) -> _Term:
    return _Term((y - t) ** 2, "({} - {})**2", (y, t))


def _mae(y: float, t: float) -> _Term:
    return _Term(abs(y - t), "abs({} - {})", (y, t))


def _hinge(y: float, t: float) -> _Term:
    return _Term(max(0.0, 1 - y * t), "max(0, 1 - {}*{})", (y, t))


def _huber(y: float, t: float) -> _Term:
    d = abs(y - t)
    if d > 1:
        return _Term(d - 0.5, "abs({} - {}) - 1/2", (y, t))
    return _Term(d * d / 2, "({} - {})**2/2", (y, t))


def _quantile(y: float, t: float) -> _Term:
    return _Term(abs(y - t) / 2, "abs({} - {})/2", (y, t))


def _binary(y: float, t: float) -> _Term:
    """log(1 + exp(y)) - t*y, where the exponential cannot overflow."""
    value = max(y, 0.0) + math.log1p(exponential(-abs(y))) - t * y
    return _Term(value, "log(1 + exp({})) - {}*{}", (y, t, y))


#: Each loss of numbers by its name: a term, and the whole as NumPy writes it.
_TABLE: dict[str, tuple[Callable[[float, float], _Term], str]] = {
    "mse": (_mse, "(y - t)**2"),
    "mae": (_mae, "abs(y - t)"),
    "hinge": (_hinge, "maximum(0, 1 - y*t)"),
    "huber": (_huber, "where(abs(y - t) > 1, abs(y - t) - 1/2, (y - t)**2/2)"),
    "quantile": (_quantile, "abs(y - t)/2"),
    "binary_cross_entropy": (_binary, "log(1 + exp(y)) - t*y"),
}


def by_numbers(name: str, prediction: Sequence[float], target: Sequence[float]) -> Worked | None:
    """The loss of predictions against a target for each; None for a loss that is not here.

    >>> by_numbers("mse", [1.0, 3.0], [1.0, 1.0]).value
    2.0
    """
    if name not in _TABLE:
        return None
    rule, named = _TABLE[name]
    terms = [rule(y, t) for y, t in zip(prediction, target, strict=True)]
    value = total(term.value for term in terms) / len(terms)
    template = " + ".join([term.template for term in terms])
    if len(terms) > 1:
        template = f"({template})/{len(terms)}"
    numbers = tuple([number for term in terms for number in term.numbers])
    return Worked(value, template, numbers, abs(value), f"({named}).mean()")


def cross_entropy(rows: Sequence[Sequence[float]], classes: Sequence[int]) -> Worked:
    """The mean over rows of log(sum of exp(y)) - y[class].

    >>> round(cross_entropy([[0.0, 0.0]], [1]).value, 6)
    0.693147
    """
    value, templates, numbers = 0.0, [], []
    for row, chosen in zip(rows, classes, strict=True):
        top = max(row)
        value += top + math.log(total(exponential(y - top) for y in row)) - row[chosen]
        templates.append(f"log({' + '.join(['exp({})'] * len(row))}) - {{}}")
        numbers += [*row, row[chosen]]
    template = " + ".join(templates)
    if len(rows) > 1:
        template = f"({template})/{len(rows)}"
    named = "(log(exp(y).sum(-1)) - y[arange(len(y)), t]).mean()"
    return Worked(value / len(rows), template, tuple(numbers), abs(value) + 1, named)
