"""A path down a function checked: derivatives by differences, steps by the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.step_verify import (
    OUT_OF_RANGE,
    TOLERANCE,
    compared,
    engine_path,
    out_of_range,
)
from dlcalc.answers.verified import apart
from dlcalc.formulas.dual import Function, Undefined
from dlcalc.formulas.update import steps
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.descent_result import DescentResult

#: What central differences of the fourth order get right, with a wide margin.
_SLOPES, _CURVES = 1e-6, 1e-5
#: Differences take steps in proportion to a point, which further out are too long.
_FAR = 1e6


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
        if max(map(abs, visit.at)) > _FAR:
            continue
        try:
            exact = function.gradient(visit.at)[1]
            wide, found = (_slopes(function, visit.at, share) for share in (2.0, 1.0))
        except Undefined:
            continue
        size = max(1.0, abs(visit.value), *map(abs, exact))
        steady = _SLOPES * max(1.0, abs(visit.value), *map(abs, found))
        if _apart(wide, found) > steady or _kinked(function, visit.at, size):
            continue
        points += 1
        worst = max(worst, _apart(exact, found) / size)
    sentence = f"gradient by central differences at {points} points, {apart(worst, _SLOPES)}"
    if not points:
        sentence = "no point of the path lets differences be taken"
    passed = worst <= _SLOPES and points > 0
    return Finding(
        "the gradient",
        passed,
        sentence,
        {"points": points, "largest_difference": worst},
        counts=points > 0,
    )


def _apart(first: list[float], second: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _slopes(function: Function, at: list[float], share: float) -> list[float]:
    """Central differences of the fourth order."""
    found = []
    for index, value in enumerate(at):
        h = share * _step(value)
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
    missing = Finding(
        "the curvature",
        False,
        "no curvature by differences: a kink or an edge is too near",
        counts=False,
    )
    if max(map(abs, at)) > _FAR:
        return missing
    try:
        wide, narrow = (_eigenvalues(function, at, share) for share in (2e-5, 1e-5))
    except Undefined:
        return missing
    size = max(1.0, *map(abs, narrow))
    if not _apart(wide, narrow) <= _CURVES * size:
        return missing
    error = float(np.max(np.abs(np.array(narrow) - np.array(result.walk.spectrum)))) / size
    return Finding(
        "the curvature",
        error <= _CURVES,
        f"eigenvalues by differences of gradients and LAPACK, {apart(error, _CURVES)}",
        {"largest_difference": error, "eigenvalues": narrow},
    )


def _eigenvalues(function: Function, at: list[float], share: float) -> list[float]:
    """Of the Hessian by central differences of gradients."""
    import numpy as np

    rows = []
    for index, value in enumerate(at):
        h = share * max(abs(value), 1e-2)
        up, down = (
            function.gradient([*at[:index], value + side * h, *at[index + 1 :]])[1]
            for side in (1, -1)
        )
        rows.append([(a - b) / (2 * h) for a, b in zip(up, down, strict=True)])
    found: list[float] = np.linalg.eigvalsh((np.array(rows) + np.array(rows).T) / 2).tolist()
    return found


def _path(result: DescentResult, count: int) -> Finding:
    """The same steps by the engine, from the gradients at our own points.

    So rounding is not blown up where a path is unstable.
    """
    start, how = result.walk.visits[0].at, result.question.how
    ours = steps(start, lambda number, at: result.function.gradient(at)[1], how)
    theirs, largest = engine_path(start, lambda number, at: next(ours).data, how, count)
    if out_of_range(theirs):
        return Finding("the engine's steps", False, OUT_OF_RANGE, counts=False)
    error = compared(result.walk.visits[-1].at, theirs, largest)
    bound = max(TOLERANCE, 1e-15 * count)
    many = f"{count:,} {'step' if count == 1 else 'steps'}"
    return Finding(
        "the engine's steps",
        error <= bound,
        f"{many} by the engine's {how.rule.name}, {apart(error, bound, 'relative difference')}",
        {"largest_relative_difference": error, "point": theirs},
    )
