"""Losses of small predictions, with the numbers in the formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dlcalc.formulas.layers.worked import Worked, exponential, total

Pairs = list[tuple[float, float]]


def _mean(pairs: Pairs, template: str, term: Callable[[float, float], float]) -> Worked:
    """The mean over predictions and targets of a term that reads each once."""
    value = total(term(y, t) for y, t in pairs) / len(pairs)
    whole = " + ".join([template] * len(pairs))
    numbers = [number for pair in pairs for number in pair]
    return Worked(value, f"({whole})/{len(pairs)}", tuple(numbers), abs(value), "mean over all")


def _mse(pairs: Pairs) -> Worked:
    return _mean(pairs, "({} - {})**2", lambda y, t: (y - t) ** 2)


def _mae(pairs: Pairs) -> Worked:
    return _mean(pairs, "abs({} - {})", lambda y, t: abs(y - t))


def _hinge(pairs: Pairs) -> Worked:
    return _mean(pairs, "max(0, 1 - {}*{})", lambda y, t: max(0.0, 1 - y * t))


def _huber(pairs: Pairs) -> Worked:
    def term(y: float, t: float) -> float:
        d = abs(y - t)
        return d * d / 2 if d <= 1 else d - 0.5

    return _mean(pairs, "", term)._replace(template="")


def _quantile(pairs: Pairs) -> Worked:
    return _mean(pairs, "abs({} - {})/2", lambda y, t: abs(y - t) / 2)


def _binary(pairs: Pairs) -> Worked:
    """log(1 + exp(y)) - t*y, for max(y, 0) plus the logarithm of what is left of the exponential."""

    def term(y: float, t: float) -> float:
        return max(y, 0.0) + math.log1p(exponential(-abs(y))) - t * y

    worked = _mean(pairs, "", term)
    whole = " + ".join(["log(1 + exp({})) - {}*{}"] * len(pairs))
    numbers = [number for y, t in pairs for number in (y, t, y)]
    return worked._replace(template=f"({whole})/{len(pairs)}", numbers=tuple(numbers))


_TABLE: dict[str, Callable[[Pairs], Worked]] = {
    "mse": _mse,
    "mae": _mae,
    "hinge": _hinge,
    "huber": _huber,
    "quantile": _quantile,
    "binary_cross_entropy": _binary,
}


def by_numbers(name: str, prediction: Sequence[float], target: Sequence[float]) -> Worked | None:
    """The loss of predictions against a target for each; None for a loss that is not here.

    >>> by_numbers("mse", [1.0, 3.0], [1.0, 1.0]).value
    2.0
    """
    rule = _TABLE.get(name)
    return None if rule is None else rule(list(zip(prediction, target, strict=True)))


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
    named = "mean of log(sum(exp(y))) - y[class]"
    return Worked(value / len(rows), template, tuple(numbers), abs(value) + 1, named)
