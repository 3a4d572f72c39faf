"""Steps made a second time: by the engine's optimisers on arrays, by decimals of 50 digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dlcalc.answers.verified import apart
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.step_result import StepResult
    from dlcalc.formulas.update import Update

#: Relative to the largest weight on the way.
TOLERANCE = 1e-12


def engine_path(
    weights: Sequence[float],
    gradient: Callable[[int, list[float]], Sequence[float]],
    how: Update,
    count: int,
) -> tuple[list[float], float]:
    """The weights after so many steps by the engine, and the largest weight on the way.

    A gradient times the rate counts as a weight: what cancels in it is lost.
    """
    import numpy as np

    from dlcalc.engine import regularisers
    from dlcalc.engine.clipping import clip_by_norm, clip_by_value
    from dlcalc.engine.optimisers import make

    array = np.array(weights, dtype=np.float64)
    # AdamW decays by itself in the engine; here all decoupled decay is one thing.
    settings = {k: v for k, v in how.settings.items() if k != "weight_decay"}
    name = "adam" if how.rule.name == "adamw" else how.rule.name
    if how.rule.name == "adamw":
        name, settings = "adamw", {**settings, "weight_decay": how.penalty.decay}
    optimiser = make(name, array, decayed=None, **settings)
    kind = regularisers.ProximalL1 if how.penalty.proximal else regularisers.L1
    decay = 0.0 if name == "adamw" else how.penalty.decay
    acting = [
        made(array, strength)
        for made, strength in (
            (kind, how.penalty.l1),
            (regularisers.L2, how.penalty.l2),
            (regularisers.DecoupledDecay, decay),
        )
        if strength
    ]
    largest = float(np.max(np.abs(array)))
    for number in range(1, count + 1):
        found = np.array(gradient(number, array.tolist()), dtype=np.float64)
        moves = how.rate * float(np.max(np.abs(found)))
        if how.clip.value < float("inf"):
            clip_by_value(found, how.clip.value)
        if how.clip.norm < float("inf"):
            clip_by_norm(found, how.clip.norm)
        for each in acting:
            each.on_gradient(found)
        for each in acting:
            each.before_step(how.rate)
        # With eps = 0 the engine divides 0 by 0, as torch.optim does.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            optimiser.step(found, how.rate)
        for each in acting:
            each.after_step(how.rate)
        largest = max(largest, float(np.max(np.abs(array))), moves)
    return array.tolist(), largest


#: What is said where the engine's weights are no numbers, and ours are.
OUT_OF_RANGE = "the engine puts its constants together first, and leaves float64 here"


def out_of_range(weights: Sequence[float]) -> bool:
    """Whether the engine has no numbers to compare."""
    return not all(w - w == 0 for w in weights)


def compared(ours: Sequence[float], theirs: Sequence[float], largest: float) -> float:
    """The largest difference, relative to the largest weight on the way."""
    most = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    # Near the end of float64's range nothing is relative any more.
    return most / max(largest, 1e-290)


def engine_steps(result: StepResult) -> Finding:
    """All steps by the engine's optimiser and regularisers."""
    how = result.question.how
    theirs, largest = engine_path(result.weights, result.gradient, how, result.count)
    error = compared(result.value, theirs, largest)
    if out_of_range(theirs):
        return Finding("the engine's steps", False, OUT_OF_RANGE, counts=False)
    many = f"{result.count:,} {'step' if result.count == 1 else 'steps'}"
    return Finding(
        "the engine's steps",
        error <= TOLERANCE,
        f"{many} by the engine's {how.rule.name}, {apart(error, TOLERANCE, 'relative difference')}",
        {"largest_relative_difference": error, "weights": theirs},
    )


def closed_form(result: StepResult) -> Finding:
    """L2's closed form in decimals of 50 digits, against the weights."""
    from decimal import Decimal, localcontext

    how = result.question.how
    data = how.clip.bounded(result.gradient(1, result.weights))
    errors = []
    with localcontext() as context:
        context.prec = 50
        rate = Decimal(how.rate)
        strength = Decimal(how.penalty.l2) + Decimal(how.penalty.decay)
        share = (1 - rate * strength) ** result.count
        for w, g, ours in zip(result.weights, data, result.value, strict=True):
            balance = -Decimal(g) / strength
            exact = balance + share * (Decimal(w) - balance)
            size = max(abs(exact), abs(Decimal(w)), abs(balance))
            # Near the end of float64's range nothing is relative any more.
            errors.append(float(abs(Decimal(ours) - exact) / max(size, Decimal("1e-290"))))
    # Each step one by one rounds a few times.
    bound = 1e-15 * (8 + 4 * min(result.count, 1_000_000))
    error = max(errors)
    return Finding(
        "the closed form",
        error <= bound,
        f"the closed form in 50 digits, {apart(error, bound, 'relative difference')}",
        {"largest_relative_difference": error},
    )
