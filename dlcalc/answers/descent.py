"""``dlcalc step --function``: the path down a function, where it leads, and how fast it may go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.answers.descent_result import FLAT, DescentResult
from dlcalc.answers.step import numbers
from dlcalc.answers.step_text import chosen
from dlcalc.errors import InputError, abridged
from dlcalc.formulas.dual import Function, Undefined
from dlcalc.formulas.eigen import eigenvalues
from dlcalc.formulas.update import Step, steps

if TYPE_CHECKING:
    from dlcalc.answers.step import Numbers, Question

MAX_VARIABLES = 20
#: Steps times the parts of the expression times the variables.
MAX_WORK = 10_000_000
_STEPS, _TOLERANCE = 100, 1e-6


class Visit(NamedTuple):
    """A point on the path: the step that led there, the value and the norm of the gradient."""

    number: int
    at: list[float]
    value: float
    norm: float
    #: The largest eigenvalue of the Hessian; None where it has none.
    curvature: float | None


class Walk(NamedTuple):
    """A whole path: the visits that are told, all values, and how it ended."""

    visits: list[Visit]
    values: list[float]
    #: The first step whose gradient's norm is at most the tolerance.
    arrived: int | None
    #: Where it broke off, and why; empty if it did not.
    broken: str
    #: The eigenvalues of the Hessian at the last visit, the least first; empty if unknown.
    spectrum: list[float]
    #: The last points, the newest last.
    last: list[list[float]]


def descend(
    text: str, start: Numbers | None, question: Question, tolerance: float | None, verify: bool
) -> DescentResult:
    """The path down a function from a start.

    Raises `InputError` for what is no function of single numbers, has no value at the
    start, or would take too long.
    """
    from dlcalc.expr.parse import parse
    from dlcalc.expr.tree import variables, walk

    expr = parse(text)
    names = variables(expr)
    if not names:
        raise InputError("the function has no variable, so there is no way down", place=expr.place)
    if len(names) > MAX_VARIABLES:
        raise InputError(f"the function has {len(names)} variables, more than {MAX_VARIABLES}")
    function = Function(expr, names)
    at = _started(start, names)
    count = question.steps or _STEPS
    parts = sum(1 for _ in walk(expr))
    if count * parts * (len(names) + 1) > MAX_WORK:
        most = MAX_WORK // (parts * (len(names) + 1))
        raise InputError(f"{count:,} steps of this function take too long: at most {most:,} do not")
    try:
        function.gradient(at)
    except Undefined as error:
        shown = ", ".join(f"{n} = {v:g}" for n, v in zip(names, at, strict=True))
        raise InputError(f"{abridged(str(expr))} has no slope at {shown}: {error}") from None
    question, reason = _with_rate(question, function, at)
    path = _walked(function, at, question, count, tolerance or _TOLERANCE)
    result = DescentResult(str(expr), function, question, path, tolerance or _TOLERANCE, reason)
    if verify:
        result.verify(count)
    return result


def _started(start: Numbers | None, names: Sequence[str]) -> list[float]:
    listed = ", ".join(names)
    mend = f"Its variables are {listed}, in this order: --start {','.join('1' for _ in names)}."
    if start is None:
        raise InputError("there is no point to start from", mend=mend)
    if isinstance(start, str) and "=" in start:
        given = dict(part.split("=", 1) for part in start.split(",") if part.count("=") == 1)
        given = {name.strip(): value for name, value in given.items()}
        if sorted(given) != sorted(names) or start.count("=") != len(names):
            raise InputError(f"--start {abridged(start)} does not name {listed}, each once")
        return [numbers(given[name], f"--start of {name}")[0] for name in names]
    at = numbers(start, "--start")
    if len(at) != len(names):
        rule = f"--start has {len(at)} of the {len(names)} numbers that the function takes"
        raise InputError(rule, mend=mend)
    return at


def _with_rate(question: Question, function: Function, at: list[float]) -> tuple[Question, str]:
    """The question with a rate; for plain descent without one, by the curvature at the start."""
    how = question.how
    if not question.default_rate or how.rule.name != "sgd":
        return question, ""
    curvature = _largest(function, at)
    if curvature is None or curvature <= FLAT:
        return question, ""
    curvature += how.penalty.l2 + how.penalty.decay
    rate = 1 / curvature
    question = question._replace(how=how._replace(rate=rate), default_rate=False)
    return question, f"1/{curvature:.6g} = {rate:.6g}, by the largest curvature at the start"


def _walked(
    function: Function, at: list[float], question: Question, count: int, tolerance: float
) -> Walk:
    """All steps, and what is told of them."""
    told = chosen(count)
    visits: list[Visit] = []
    values: list[float] = []
    last = [at]
    arrived: int | None = None
    broken = ""
    how = question.how

    def gradient(number: int, weights: list[float]) -> list[float]:
        value, slopes = function.gradient(weights)
        values.append(value)
        return slopes

    made: Step | None = None
    try:
        for step in steps(at, gradient, how):
            norm = _norm(step, question)
            if arrived is None and norm <= tolerance:
                arrived = step.number - 1
            if step.number == 1 or step.number - 1 in told:
                curvature = _largest(function, step.before)
                visits.append(Visit(step.number - 1, step.before, values[-1], norm, curvature))
            if step.number > count:
                break
            if not step.finite:
                broken = f"step {step.number:,} leaves the range of float64"
                break
            made = step
            last = [*last[-2:], step.after]
    except ZeroDivisionError:
        broken = f"step {len(values):,} divides by the square of a gradient, which is 0 in float64"
    except Undefined as error:
        broken = f"step {len(values):,} leads where there is no slope: {error}"
    if not visits:
        value, slopes = function.gradient(at)
        visits.append(Visit(0, at, value, math.hypot(*slopes), _largest(function, at)))
    if broken and made is not None and visits[-1].number < made.number - 1:
        norm = _norm(made, question)
        visits.append(Visit(made.number - 1, made.before, values[made.number - 1], norm, None))
    try:
        spectrum = eigenvalues(function.hessian(visits[-1].at))
    except Undefined:
        spectrum = []
    return Walk(visits, values, arrived, broken, spectrum, last)


def _norm(step: Step, question: Question) -> float:
    """The length of the gradient, penalties included; by soft threshold that of its mapping."""
    if question.how.penalty.proximal and question.how.rate:
        rate = question.how.rate
        return math.hypot(*((w - v) / rate for w, v in zip(step.before, step.after, strict=True)))
    return math.hypot(*(g + p for g, p in zip(step.data, step.penalty, strict=True)))


def _largest(function: Function, at: list[float]) -> float | None:
    """The largest eigenvalue of the Hessian, if there is one."""
    try:
        return eigenvalues(function.hessian(at))[-1]
    except Undefined:
        return None
