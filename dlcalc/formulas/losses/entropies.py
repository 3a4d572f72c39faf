"""Losses of probabilities: binary and categorical cross-entropy, Kullback-Leibler divergence.

Each comes in two forms: from probabilities, and from logits, where nothing
overflows and no logarithm of a rounded probability is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, inf, log, log1p

from dlcalc.formulas.activations.base import logistic, logistic_slope
from dlcalc.formulas.losses.base import Loss, Row, Term, total
from dlcalc.formulas.python import shown


def sides(target: Row, smoothing: float, weights: Row) -> tuple[float, float]:
    """What the target 1 counts and what the target 0 does: smoothed first, then weighted.

    >>> sides((1.0,), 0.5, (1.0, 10.0))
    (7.5, 0.25)
    """
    low, high = weights
    t = target[0] * (1 - smoothing) + smoothing / 2
    return high * t, low * (1 - t)


def binary(from_logits: bool, label_smoothing: float, weights: Row) -> Loss:
    """-(t*log(x) + (1 - t)*log(1 - x)), with weights for the targets 0 and 1.

    >>> binary(True, 0.0, (1.0, 1.0)).term((0.0,), (800.0,)).value
    800.0
    """

    def parts(target: Row) -> tuple[float, float]:
        return sides(target, label_smoothing, weights)

    def by_logit(target: Row, prediction: Row) -> Term:
        (ones, zeros), x = parts(target), prediction[0]
        rest = log1p(exp(-abs(x)))
        value = ones * (max(-x, 0.0) + rest) + zeros * (max(x, 0.0) + rest)
        gradient = zeros * logistic(x) - ones * logistic(-x)
        return Term(value, (gradient + 0.0,), ((ones + zeros) * logistic_slope(x),))

    def by_probability(target: Row, prediction: Row) -> Term:
        (ones, zeros), x = parts(target), prediction[0]
        value = _surprise(ones, x) + _surprise(zeros, 1 - x)
        gradient = _over(zeros, 1 - x) - _over(ones, x)
        second = _over(ones, x * x) + _over(zeros, (1 - x) * (1 - x))
        return Term(value, (gradient + 0.0,), (second,))

    def logit_numbers(target: Row, prediction: Row) -> str:
        (ones, zeros), x = parts(target), shown(prediction[0])
        rest = f"log(1 + exp(-abs({x.strip('()')})))"
        if ones + zeros == 1:
            return f"max({x.strip('()')}, 0) - {x}*{shown(ones)} + {rest}"
        sides = f"{shown(ones)}*max({_negated(prediction[0])}, 0) + {shown(zeros)}*max({x}, 0)"
        return f"{sides} + {shown(ones + zeros)}*{rest}"

    def numbers(target: Row, prediction: Row) -> str:
        (ones, zeros), x = parts(target), shown(prediction[0])
        sides = [(ones, f"log({x})"), (zeros, f"log(1 - {x})")]
        return " ".join(f"- {_factor(size)}{text}" for size, text in sides if size).replace(
            "- ", "-", 1
        )

    if from_logits:
        formula = "max(x, 0) - x*t + log(1 + exp(-abs(x)))"
        return Loss("bce", formula, by_logit, logit_numbers)
    return Loss("bce", "-(t*log(x) + (1 - t)*log(1 - x))", by_probability, numbers)


def categorical(from_logits: bool) -> Loss:
    """-sum(t*log(x)) of the targets' shares, which weights and smoothing have been put in.

    >>> categorical(True).term((0.0, 1.0), (1000.0, 0.0)).value
    1000.0
    """

    def by_logit(target: Row, prediction: Row) -> Term:
        logs, powers = log_softmax(prediction)
        weight = fsum(target)
        value = -total([t * part for t, part in zip(target, logs, strict=True) if t])
        gradient = tuple(weight * p - t for p, t in zip(powers, target, strict=True))
        return Term(value + 0.0, gradient, tuple(weight * p * (1 - p) for p in powers))

    def by_probability(target: Row, prediction: Row) -> Term:
        pairs = list(zip(target, prediction, strict=True))
        value = total([_surprise(t, x) for t, x in pairs])
        gradient = tuple(-_over(t, x) for t, x in pairs)
        return Term(value, gradient, tuple(_over(t, x * x) for t, x in pairs))

    def logit_numbers(target: Row, prediction: Row) -> str:
        top = shown(max(prediction))
        powers = " + ".join(f"exp({shown(x)} - {top})" for x in prediction)
        parts = [(t, shown(x)) for t, x in zip(target, prediction, strict=True) if t]
        wanted = _sum(parts) if len(parts) < 2 else f"({_sum(parts)})"
        weight, whole = fsum(target), f"{top} + log({powers})"
        return f"{whole if weight == 1 else f'{shown(weight)}*({whole})'} - {wanted}"

    def numbers(target: Row, prediction: Row) -> str:
        pairs = [(t, f"log({shown(x)})") for t, x in zip(target, prediction, strict=True) if t]
        return f"-({_sum(pairs)})" if len(pairs) > 1 else f"-{_sum(pairs)}"

    if from_logits:
        formula = "max(x) + log(sum(exp(x - max(x)))) - sum(t*x)"
        return Loss("ce", formula, by_logit, logit_numbers)
    return Loss("ce", "-sum(t*log(x))", by_probability, numbers)


def divergence(from_logits: bool) -> Loss:
    """sum(t*log(t/x)), the Kullback-Leibler divergence of the target from the prediction."""
    cross = categorical(from_logits)

    def term(target: Row, prediction: Row) -> Term:
        if from_logits:
            logs, _ = log_softmax(prediction)
            parts = [t * (log(t) - part) for t, part in zip(target, logs, strict=True) if t]
        else:
            pairs = zip(target, prediction, strict=True)
            parts = [t * log(t / x) if x else inf for t, x in pairs if t]
        # It is not below 0; what rounding leaves of equal ones may be.
        return cross.term(target, prediction)._replace(value=max(0.0, total(parts)))

    def numbers(target: Row, prediction: Row) -> str:
        pairs = [(t, x) for t, x in zip(target, prediction, strict=True) if t]
        if not from_logits:
            return _sum([(t, f"log({shown(t)}/{shown(x)})") for t, x in pairs])
        gained = _sum([(t, f"log({shown(t)})") for t, _ in pairs])
        return f"{gained} + {cross.numbers(target, prediction)}"

    formula = "sum(t*log(t/softmax(x)))" if from_logits else "sum(t*log(t/x))"
    return Loss("kl", formula, term, numbers)


def log_softmax(logits: Sequence[float]) -> tuple[list[float], list[float]]:
    """The logarithms of softmax, and softmax itself.

    >>> log_softmax([1000.0, 0.0])[0]
    [0.0, -1000.0]
    """
    top = max(logits)
    powers = [exp(x - top) for x in logits]
    # The largest is 1: without it the logarithm keeps its digits where the rest is small.
    rest = fsum(powers) - 1 if powers.count(1.0) > 1 else fsum(p for p in powers if p != 1)
    sums = log1p(rest)
    return [x - top - sums for x in logits], [p / (1 + rest) for p in powers]


def _surprise(weight: float, probability: float) -> float:
    """-weight*log(probability); nothing where the weight is 0, however improbable."""
    if not weight:
        return 0.0
    return -weight * log(probability) + 0.0 if probability else inf


def _over(weight: float, probability: float) -> float:
    if not weight:
        return 0.0
    return weight / probability if probability else inf


def _negated(number: float) -> str:
    return shown(-number)


def _factor(size: float) -> str:
    return "" if size == 1 else f"{shown(size)}*"


def _sum(parts: list[tuple[float, str]]) -> str:
    return " + ".join(f"{_factor(size)}{text}" for size, text in parts) or "0"
