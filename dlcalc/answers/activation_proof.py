"""``dlcalc activation --verify``: by the engine, by SymPy and by a plain sum."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.answers.activation_facts import Facts
from dlcalc.answers.network import load_line
from dlcalc.formulas.activations.base import Activation
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.engine.elementwise import Run

#: Largest differences that are rounding, and of differences with a step.
_EXACT, _DIFFERENCED = 1e-13, 1e-7
# SymPy sees the far tails at x itself, where one rounding of x counts 100 times.
_SYMBOLIC, _REACH = 1e-11, 12.0
# What a sum of so many terms leaves where the slope jumps.
_SUMMED = 1e-6
_KINK = 1e-3


class _Route(NamedTuple):
    """What one route says of a function at points."""

    ours: Callable[[float], float]
    points: Any
    theirs: Any


def prove(known: Facts, points: tuple[float, ...]) -> list[Finding]:
    """What the engine and SymPy find at the points and on a grid, and a plain sum over normals."""
    import numpy as np

    of = known.of
    given = [x for x in points if isfinite(x)]
    grid = np.array([*(np.linspace(-20, 20, 801) + 0.0123), *given])
    found = _engine(of, grid)
    away = np.array([_is_away(x, of) for x in grid])
    steps = "complex steps" if found.analytic else "central differences"
    return [
        _finding(
            "value and slope",
            "by the engine",
            [_Route(of.value, grid, found.values), _Route(of.slope, grid, found.slopes)],
            _EXACT,
        ),
        _finding(
            "slope",
            f"by {steps}",
            [_Route(of.slope, grid[away], found.steps[away])],
            _EXACT if found.analytic else _DIFFERENCED,
        ),
        _symbolic(of, [*np.linspace(-5, 5, 12), *given]),
        _largest(known, found, grid),
        _normal(known),
    ]


def _is_away(x: float, of: Activation) -> bool:
    return all(abs(x - joint.at) > _KINK for joint in of.joints)


def _engine(of: Activation, points: Any) -> Run:
    from dlcalc.engine.elementwise import run

    trained = of.name == "prelu"
    word = of.name if of.argument is None or trained else f"{of.name}:{of.argument!r}"
    _, net = load_line(f"1 {'prelu:1' if trained else word}")
    return run(net, points, of.argument if trained else None)


def _finding(
    name: str, by: str, routes: list[_Route], bound: float, *, relative: bool = False
) -> Finding:
    """Whether all routes agree, the difference by the number itself or by 1 if that is more."""
    import numpy as np

    largest, worst = 0.0, ""
    for ours, points, theirs in routes:
        mine = np.array([ours(float(x)) for x in points])
        scale = np.abs(mine) + (mine == 0) if relative else np.maximum(1, np.abs(mine))
        error = np.abs(mine - theirs) / scale
        index = int(np.argmax(error))
        if not error[index] <= largest:
            largest = float(error[index])
            worst = f"{theirs[index]:.10g} at {points[index]:g}, not {mine[index]:.10g}"
    passed = largest <= bound
    sentence = f"{name} {by} at {len(routes[0].points)} points"
    sentence += f", within {largest:.1e}" if passed else f": {worst}"
    return Finding(name, passed, sentence, {"route": by, "largest_difference": largest})


def _symbolic(of: Activation, points: list[float]) -> Finding:
    from dlcalc.symbolic.formula import derivatives, expression, values

    points = [float(x) for x in points if abs(x) <= _REACH and _is_away(x, of)]
    value, slope, curvature = derivatives(of.formula, points)
    routes = [
        _Route(of.value, points, value),
        _Route(of.slope, points, slope),
        _Route(of.slope, points, values(expression(of.derivative), points)),
        _Route(of.curvature, points, curvature),
    ]
    name = "value and derivatives"
    return _finding(name, "by SymPy", routes, _SYMBOLIC, relative=True)


def _largest(known: Facts, found: Run, grid: Any) -> Finding:
    """No slope of the engine's is larger than the largest."""
    import numpy as np

    most = float(np.max(np.abs(found.slopes)))
    passed = most <= known.steepest.slope * (1 + _EXACT)
    sentence = f"largest slope: of {len(grid)} by the engine none is above {most:.6g}"
    return Finding("largest slope", passed, sentence, {"engine": most})


def _normal(known: Facts) -> Finding:
    """The means over normal inputs, by a sum over evenly spaced points, kinks and all."""
    import numpy as np

    # Midpoints: every kink lies between two of them, which count alike.
    points = (np.arange(48_000) + 0.5) / 2_000 - 12
    weights = np.exp(-np.square(points) / 2) / sqrt(2 * np.pi) / 2_000
    run = _engine(known.of, points)
    parts = (run.values, np.square(run.values), np.square(run.slopes))
    sums = [float(np.sum(weights * part)) for part in parts]
    scale = [max(1.0, moment) for moment in known.moments]
    error = max(
        abs(ours - theirs) / most
        for ours, theirs, most in zip(known.moments, sums, scale, strict=True)
    )
    passed = error <= _SUMMED
    return Finding(
        "means",
        passed,
        f"means over normal inputs by a plain sum, within {error:.1e}",
        {"largest_difference": error},
    )
