"""Losses of a distance: squared, absolute, Huber's, the quantile's, hinge and contrastive."""

from __future__ import annotations

from dlcalc.formulas.losses.base import Loss, Row, Term
from dlcalc.formulas.python import shown


def _one(value: float, gradient: float, second: float) -> Term:
    return Term(value, (gradient + 0.0,), (second,))


def squared(half: bool) -> Loss:
    """(x - t)**2, or half of it, whose derivative is just the difference.

    >>> squared(half=False).term((0.0,), (0.5,))
    Term(value=0.25, gradient=(1.0,), second=(2.0,))
    """
    factor = 0.5 if half else 1.0

    def term(target: Row, prediction: Row) -> Term:
        d = prediction[0] - target[0]
        return _one(factor * d * d, 2 * factor * d, 2 * factor)

    end = "/2" if half else ""
    return Loss("mse", f"(x - t)**2{end}", term, lambda t, x: f"{_difference(t, x)}**2{end}")


def absolute() -> Loss:
    """|x - t|."""

    def term(target: Row, prediction: Row) -> Term:
        d = prediction[0] - target[0]
        return _one(abs(d), _sign(d), 0.0)

    return Loss(
        "mae",
        "abs(x - t)",
        term,
        lambda t, x: f"abs{_difference(t, x)}",
        lambda t: (t,),
        "0 where x = t",
    )


def huber(delta: float) -> Loss:
    """Squared up to a distance of delta, absolute beyond. Huber, 1964."""

    def term(target: Row, prediction: Row) -> Term:
        d = prediction[0] - target[0]
        if abs(d) <= delta:
            return _one(d * d / 2, d, 1.0)
        return _one(delta * (abs(d) - delta / 2), delta * _sign(d), 0.0)

    def numbers(target: Row, prediction: Row) -> str:
        d = _difference(target, prediction)
        if abs(prediction[0] - target[0]) <= delta:
            return f"{d}**2/2"
        return f"{shown(delta)}*(abs{d} - {shown(delta)}/2)"

    size = shown(delta)
    formula = f"(x - t)**2/2 if abs(x - t) <= {size} else {size}*(abs(x - t) - {size}/2)"
    return Loss("huber", formula, term, numbers, lambda t: (t - delta, t + delta))


def quantile(q: float) -> Loss:
    """q*(t - x) below the target, (1 - q)*(x - t) above. Koenker and Bassett, 1978."""

    def term(target: Row, prediction: Row) -> Term:
        d = prediction[0] - target[0]
        return _one(max((1 - q) * d, -q * d), (1 - q if d > 0 else -q) if d else 0.0, 0.0)

    def numbers(target: Row, prediction: Row) -> str:
        x, t = shown(prediction[0]), shown(target[0])
        if prediction[0] >= target[0]:
            return f"(1 - {shown(q)})*({x} - {t})"
        return f"{shown(q)}*({t} - {x})"

    formula = f"max({shown(q)}*(t - x), (1 - {shown(q)})*(x - t))"
    return Loss("quantile", formula, term, numbers, lambda t: (t,), "0 where x = t")


def hinge(margin: float) -> Loss:
    """max(0, margin - t*x) for a target of -1 or 1."""

    def term(target: Row, prediction: Row) -> Term:
        short = margin - target[0] * prediction[0]
        return _one(max(0.0, short), -target[0] if short > 0 else 0.0, 0.0)

    def numbers(target: Row, prediction: Row) -> str:
        return f"max(0, {shown(margin)} - {shown(target[0])}*{shown(prediction[0])})"

    return Loss(
        "hinge",
        f"max(0, {shown(margin)} - t*x)",
        term,
        numbers,
        lambda t: (t * margin,),
        "0 where the margin is just kept",
    )


def contrastive(margin: float, half: bool) -> Loss:
    """x**2 for a pair that belongs together, max(0, margin - x)**2 for one that does not.

    x is the distance of the two. Hadsell, Chopra and LeCun, 2006, have half of it.
    """
    factor = 0.5 if half else 1.0

    def term(target: Row, prediction: Row) -> Term:
        t, x = target[0], prediction[0]
        room = max(0.0, margin - x)
        value = t * x * x + (1 - t) * room * room
        gradient = 2 * t * x - 2 * (1 - t) * room
        second = 2 * t + 2 * (1 - t) * (x < margin)
        return _one(factor * value, factor * gradient, factor * second)

    end = "/2" if half else ""

    def numbers(target: Row, prediction: Row) -> str:
        x = shown(prediction[0])
        return (f"{x}**2" if target[0] else f"max(0, {shown(margin)} - {x})**2") + end

    inner = f"t*x**2 + (1 - t)*max(0, {shown(margin)} - x)**2"
    formula = f"({inner})/2" if half else inner
    return Loss("contrastive", formula, term, numbers, lambda t: (margin,))


def _difference(target: Row, prediction: Row) -> str:
    return f"({shown(prediction[0])} - {shown(target[0])})"


def _sign(number: float) -> float:
    return float((number > 0) - (number < 0))
