"""Steps: gradients clipped, penalties added, an optimiser's rule, a soft threshold behind it.

The order is that of a training step: clip by value, then by norm; add the penalties'
gradient; shrink by decoupled decay; step; soft threshold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dlcalc.formulas.optimisers import Rule, Settings, State
from dlcalc.formulas.penalties import Penalty, penalty_gradient, soft_threshold


class Step(NamedTuple):
    """One step, number by number. The lists of weights are new; ``kept`` is at work."""

    number: int
    before: list[float]
    data: list[float]
    clipped: list[float]
    penalty: list[float]
    #: The weights that the rule moved: before, less decoupled decay.
    shrunk: list[float]
    kept: list[State]
    after: list[float]

    @property
    def finite(self) -> bool:
        """Whether no number of the new weights and of what is kept is infinite or NaN."""
        kept = all(map(_finite, self.kept))
        return kept and all(-math.inf < w < math.inf for w in self.after)


class Clip(NamedTuple):
    """Bounds of the data's gradient; infinite ones bound nothing."""

    norm: float = math.inf
    value: float = math.inf

    def bounded(self, gradient: list[float]) -> list[float]:
        """The gradient cut at -value and value, then scaled to the norm if it is longer.

        >>> Clip(norm=5.0).bounded([30.0, 40.0]), Clip(value=5.0).bounded([30.0, 40.0])
        ([3.0, 4.0], [5.0, 5.0])
        """
        if self.value < math.inf:
            gradient = [max(min(g, self.value), -self.value) for g in gradient]
        if self.norm < math.inf:
            norm = math.hypot(*gradient)
            if norm > self.norm:
                gradient = [g * (self.norm / norm) for g in gradient]
        return gradient


class Update(NamedTuple):
    """How a step is made."""

    rule: Rule
    settings: Settings
    rate: float
    penalty: Penalty = Penalty()
    clip: Clip = Clip()


def steps(
    weights: Sequence[float], gradient: Callable[[int, list[float]], list[float]], how: Update
) -> Iterator[Step]:
    """Step after step without end; ``gradient`` gives that of a step's number and its weights.

    Raises ZeroDivisionError where eps is 0 and the square of a gradient vanishes.

    >>> from dlcalc.formulas.optimisers import find
    >>> rule, settings = find("sgd")
    >>> path = steps([2.0], lambda number, w: [0.5], Update(rule, settings, 0.1, Penalty(l2=0.1)))
    >>> next(path).after
    [1.93]
    """
    rule, settings, rate, penalty, clip = how
    kept = [rule.begin(settings) for _ in weights]
    at, number = list(weights), 0
    rests = 1 - rate * penalty.decay
    while True:
        number += 1
        data = gradient(number, at)
        clipped = clip.bounded(data)
        added = [penalty_gradient(w, penalty) for w in at]
        shrunk = [w * rests for w in at] if penalty.decay else at
        after = [
            rule.move(w, g + p, rate, number, state, settings)
            for w, g, p, state in zip(shrunk, clipped, added, kept, strict=True)
        ]
        if penalty.proximal:
            after = [soft_threshold(w, rate * penalty.l1) for w in after]
        yield Step(number, at, data, clipped, added, shrunk, kept, after)
        at = after


def moved(w: float, gradient: float, how: Update) -> float:
    """One weight after a step of plain descent, its gradient clipped before."""
    penalty, rate = how.penalty, how.rate
    total = gradient + penalty_gradient(w, penalty)
    after = how.rule.move(w * (1 - rate * penalty.decay), total, rate, 1, {}, how.settings)
    return soft_threshold(after, rate * penalty.l1) if penalty.proximal else after


def filled(formula: str, numbers: Mapping[str, float], digits: int = 6) -> str:
    """A formula with numbers in place of names, as Python reads it.

    >>> filled("w - lr*(grad + l1*sign)", {"w": -1, "lr": 0.1, "grad": -0.2, "l1": 0.5, "sign": -1})
    '-1 - 0.1*(-0.2 + 0.5*-1)'
    """

    def number(match: re.Match[str]) -> str:
        value = numbers.get(match[0])
        if value is None:
            return match[0]
        return f"({shown(value, digits)})" if value < 0 else shown(value, digits)

    text = re.sub(r"(?<![\w.])[a-z_]\w*", number, formula)
    return _unbracketed(text)


def _unbracketed(text: str) -> str:
    """A text without the brackets around negative numbers that Python does without."""
    one = r"\((-[\w.]+(?:e[-+]\d+)?)\)(?!\*\*)"
    # Behind an opening bracket or a product, or at the start; then behind a plus or minus.
    text = re.sub(rf"(^|[(*/]){one}", r"\1\2", text)
    text = re.sub(r"\+ \(-([\w.]+(?:e[-+]\d+)?)\)(?![*/])", r"- \1", text)
    return re.sub(r"- \(-([\w.]+(?:e[-+]\d+)?)\)(?![*/])", r"+ \1", text)


def shown(value: float, digits: int = 6) -> str:
    """A number for eyes: as it was written if that is short, else to so many digits.

    >>> shown(0.1), shown(2.0), shown(1 / 3), shown(-1e-08), shown(138357544.0)
    ('0.1', '2', '0.333333', '-1e-08', '138357544')
    """
    if value == 0:
        return "0"
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    text = repr(value)
    return text if len(text) <= digits + 1 + (value < 0) else f"{value:.{digits}g}"


def _finite(state: State) -> bool:
    return all(-math.inf < value < math.inf for value in state.values())
