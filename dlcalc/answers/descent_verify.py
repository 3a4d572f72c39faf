"""A path down a function checked: derivatives by differences, steps by the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.step_verify import TOLERANCE, compared, engine_path
from dlcalc.formulas.dual import Function, Undefined
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.descent_result import DescentResult

#: What central differences of the fourth order get right, with a wide margin.
_SLOPES, _CURVES = 1e-6, 1e-5


def findings(result: DescentResult, count: int) -> list[Finding]:
    """The gradient at points of the path, the curvature at its end, the path itself."""
    found = [_gradient(result)]
    if result.walk.spectrum:
        found.append(_spectrum(result))
    if not result.walk.broken:
        found.append(_path(result, count))
    return found


def _gradient(result: DescentResult) -> Finding:
    """Slopes against central differences of values; a point within reach of a kink is left out."""
    function, worst, points = result.function, 0.0, 0
    for visit in result.walk.visits:
        try:
            exact = function.gradient(visit.at)[1]
            found = _slopes(function, visit.at)
        except Undefined:
            continue
        size = max(1.0, abs(visit.value), *map(abs, exact))
        if _kinked(function, visit.at, size):
            continue
        points += 1
        apart = max(abs(a - b) for a, b in zip(exact, found, strict=True)) / size
        worst = max(worst, apart)
    sentence = f"gradient by central differences at {points} points, largest difference {worst:.2g}"
    if not points:
        sentence = "no point of the path is far enough from a kink for differences"
    passed = worst <= _SLOPES and points > 0
    return Finding(
        "the gradient",
        passed,
        sentence,
        {"points": points, "largest_difference": worst},
        counts=points > 0,
    )


def _slopes(function: Function, at: list[float]) -> list[float]:
    """Central differences of the fourth order."""
    found = []
    for index, value in enumerate(at):
        h = _step(value)
        near, far = (
            _value(function, at, index, value + k * h) - _value(function, at, index, value - k * h)
            for k in (1, 2)
        )
        found.append((8 * near - far) / (12 * h))
    return found


def _kinked(function: Function, at: list[float], size: float) -> bool:
    """Whether slopes to both sides part by what does not shrink with the step."""
    here = function.gradient(at)[0]
    for index, value in enumerate(at):
        h = 2 * _step(value)
        wide, narrow = (
            (
                _value(function, at, index, value + k)
                - 2 * here
                + _value(function, at, index, value - k)
            )
            / k
            for k in (h, h / 2)
        )
        # Of a curve the second is half of the first.
        if abs(wide) > _SLOPES * size and not abs(narrow) < 0.7 * abs(wide):
            return True
    return False


def _step(value: float) -> float:
    return 5e-4 * max(abs(value), 1e-2)


def _value(function: Function, at: list[float], index: int, value: float) -> float:
    return function.gradient([*at[:index], value, *at[index + 1 :]])[0]


def _spectrum(result: DescentResult) -> Finding:
    """The eigenvalues by LAPACK, of the Hessian by differences of gradients."""
    import numpy as np

    function, at = result.function, result.walk.visits[-1].at
    rows = []
    try:
        for index, value in enumerate(at):
            h = 1e-5 * max(abs(value), 1e-2)
            up, down = (
                function.gradient([*at[:index], value + side * h, *at[index + 1 :]])[1]
                for side in (1, -1)
            )
            rows.append([(a - b) / (2 * h) for a, b in zip(up, down, strict=True)])
    except Undefined:
        sentence = "no curvature by differences: the end lies at the edge of where it has one"
        return Finding("the curvature", False, sentence, counts=False)
    theirs = np.linalg.eigvalsh((np.array(rows) + np.array(rows).T) / 2)
    size = max(1.0, float(np.max(np.abs(theirs))))
    error = float(np.max(np.abs(theirs - np.array(result.walk.spectrum)))) / size
    return Finding(
        "the curvature",
        error <= _CURVES,
        f"eigenvalues by differences of gradients and LAPACK, largest difference {error:.2g}",
        {"largest_difference": error, "eigenvalues": theirs.tolist()},
    )


def _path(result: DescentResult, count: int) -> Finding:
    """The same steps by the engine, from the same gradients."""
    start = result.walk.visits[0].at

    def gradient(number: int, at: list[float]) -> list[float]:
        return result.function.gradient(at)[1]

    theirs, largest = engine_path(start, gradient, result.question.how, count)
    error = compared(result.walk.visits[-1].at, theirs, largest)
    return Finding(
        "the engine's steps",
        error <= max(TOLERANCE, 1e-15 * count),
        f"{count:,} steps by the engine's {result.question.how.rule.name}, "
        f"largest relative difference {error:.2g}",
        {"largest_relative_difference": error, "point": theirs},
    )
