"""``dlcalc loss --verify``: by the engine's losses, and by central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import fsum, isfinite, log, log1p
from typing import TYPE_CHECKING

from dlcalc.formulas.losses.base import Row, Term
from dlcalc.formulas.losses.registry import Settings, setting
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.loss import LossResult
    from dlcalc.answers.loss_through import Through

#: Examples that are looked at, of more the first.
_MOST = 50
#: Relative differences that are rounding, and of differences with a step.
_EXACT, _DIFFERENCED = 1e-11, 1e-5
_STEP = 1e-5


def prove(result: LossResult) -> list[Finding]:
    """What the engine says of losses and gradients, and central differences of both."""
    examples = list(zip(result.data.targets, result.data.predictions, result.terms, strict=True))[
        :_MOST
    ]
    # At a probability of 0 or 1 neither a logit nor a step to both sides exists.
    inner = [each for each in examples if result.settings.from_logits or _is_inner(result, each[1])]
    found = [_by_engine(result, inner), _by_differences(result, inner)] if inner else []
    if len(inner) == len(examples):
        return found
    count = len(examples) - len(inner)
    text = f"{count} at a probability of 0 or 1, where no derivative has two sides"
    return [*found, Finding("all examples", False, text, counts=False)]


def _is_inner(result: LossResult, prediction: Row) -> bool:
    return result.name not in ("bce", "ce", "kl") or all(0 < p < 1 for p in prediction)


def _by_engine(result: LossResult, examples: list[tuple[Row, Row, Term]]) -> Finding:
    ours: list[float] = []
    theirs: list[float] = []
    for target, prediction, term in examples:
        value, gradient = _engine(result, target, prediction)
        ours += [term.value, *_by_logits(result, prediction, term.gradient)]
        theirs += [value, *gradient]
    return _finding("value and gradient", "by the engine", ours, theirs, len(examples), _EXACT)


def _engine(result: LossResult, target: Row, prediction: Row) -> tuple[float, list[float]]:
    """The engine's loss, in its own conventions turned into ours."""
    name, settings = result.name, result.settings
    if name in ("ce", "kl"):
        return _by_each_class(name, settings, target, prediction)
    x = prediction[0]
    if name == "bce" and not settings.from_logits:
        x = log(x) - log1p(-x)
    return _one(name, settings, target[0], x)


def _one(name: str, settings: Settings, target: float, x: float) -> tuple[float, list[float]]:
    """The engine's loss of one number, for bce of a logit."""
    from dlcalc.engine.alone import alone

    if name == "bce":
        smoothing = setting(settings, "label_smoothing")
        given = {"smoothing": smoothing, "weights": settings.weights}
        return alone("binary_cross_entropy", [x], target, **given)
    keys = {"huber": "delta", "quantile": "q", "hinge": "margin", "contrastive": "margin"}
    given = {keys[name]: setting(settings, keys[name])} if name in keys else {}
    found, gradient = alone(name, [x], target, **given)
    # The engine's squares are whole, its contrastive loss is halved.
    factor = {"mse": 0.5 if settings.half else 1.0, "contrastive": 1.0 if settings.half else 2.0}
    scale = factor.get(name, 1.0)
    return scale * found, [scale * part for part in gradient]


def _by_each_class(
    name: str, settings: Settings, target: Row, prediction: Row
) -> tuple[float, list[float]]:
    """Shares as the engine's loss of each class in turn, times its share."""
    from dlcalc.engine.alone import alone

    logits = prediction if settings.from_logits else [log(p) for p in prediction]
    value, gradient = 0.0, [0.0] * len(target)
    for index, share in enumerate(target):
        if share:
            found, slopes = alone("cross_entropy", logits, index)
            value += share * found
            gradient = [g + share * s for g, s in zip(gradient, slopes, strict=True)]
    if name == "kl":
        value += fsum(p * log(p) for p in target if p)
    return value, gradient


def _by_logits(result: LossResult, prediction: Row, gradient: Row) -> Sequence[float]:
    """Our gradient by the logits, from which the engine starts."""
    if result.settings.from_logits or result.name not in ("bce", "ce", "kl"):
        return gradient
    if result.name == "bce":
        x = prediction[0]
        return [gradient[0] * x * (1 - x)]
    weight = fsum(p * g for p, g in zip(prediction, gradient, strict=True))
    return [p * (g - weight) for p, g in zip(prediction, gradient, strict=True)]


def _by_differences(result: LossResult, examples: list[tuple[Row, Row, Term]]) -> Finding:
    """Derivatives of the value and of the gradient by a step to both sides, kinks left out."""
    ours: list[float] = []
    theirs: list[float] = []
    for target, prediction, term in examples:
        for index, x in enumerate(prediction):
            step = _step(result, x)
            if _is_kinked(result, target, x, step):
                continue

            def at(move: float, index: int = index, row: Row = prediction, t: Row = target) -> Term:
                moved = (*row[:index], row[index] + move, *row[index + 1 :])
                return result.loss.term(t, moved)

            ahead, behind = at(step), at(-step)
            width = (x + step) - (x - step)
            ours += [term.gradient[index], term.second[index]]
            theirs += [
                (ahead.value - behind.value) / width,
                (ahead.gradient[index] - behind.gradient[index]) / width,
            ]
    name = "derivatives"
    return _finding(name, "by central differences", ours, theirs, len(examples), _DIFFERENCED)


def _step(result: LossResult, x: float) -> float:
    if result.name in ("bce", "ce", "kl") and not result.settings.from_logits:
        # Within the probabilities, and small beside the nearer end.
        return _STEP * min(x, 1 - x) if result.name == "bce" else _STEP * x
    return _STEP * max(1.0, abs(x))


def _is_kinked(result: LossResult, target: Row, x: float, step: float) -> bool:
    breaks: Callable[[float], Row] | None = result.loss.breaks
    return breaks is not None and any(abs(x - place) <= 2 * step for place in breaks(target[0]))


def prove_through(result: Through) -> Finding:
    """The engine's backward pass through the activation, and for bce from the logit."""
    from dlcalc.answers.network import load_line
    from dlcalc.engine.alone import behind

    of, name, settings = result.of, result.name, result.settings
    trained = of.name == "prelu"
    argument = "" if of.argument is None or trained else f":{of.argument!r}"
    _, net = load_line(f"1 {'prelu:1' if trained else of.name + argument}")

    def slope(target: float, x: float) -> float:
        if name != "bce":
            return _one(name, settings, target, x)[1][0]
        # By the logit of x; where there is none the activation is flat.
        if not 0 < x < 1:
            return 0.0
        return _one(name, settings, target, log(x) - log1p(-x))[1][0] / (x * (1 - x))

    theirs = []
    for z, t in zip(result.zs, result.targets, strict=True):
        if name == "bce" and of.name == "sigmoid":
            theirs.append(_one(name, settings, t, z)[1][0])
        else:
            parameter = of.argument if trained else None
            theirs.append(behind(net, z, parameter, partial(slope, t)))
    return _finding("what reaches z", "by the engine", result.reached, theirs, len(theirs), _EXACT)


def _finding(
    name: str,
    by: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    count: int,
    bound: float,
) -> Finding:
    differences = [
        abs(mine - other) / max(1.0, abs(mine)) for mine, other in zip(ours, theirs, strict=True)
    ]
    largest = max(differences, default=0.0)
    passed = isfinite(largest) and largest <= bound
    sentence = f"{name} {by}, {count} example{'' if count == 1 else 's'}, within {largest:.1e}"
    return Finding(name, passed, sentence, {"route": by, "largest_difference": largest})
