"""``dlcalc step``: one update or many, of given gradients or down a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.errors import InputError
from dlcalc.formulas.optimisers import Rule, Settings, find
from dlcalc.formulas.penalties import CONVENTIONS, Convention, Penalty, coefficient
from dlcalc.formulas.update import Clip, Update
from dlcalc.numbers import number, vector, whole
from dlcalc.result import Result

if TYPE_CHECKING:
    pass

Numbers = str | Sequence[float]


class Strength(NamedTuple):
    """A penalty as it was asked for: ``l1`` or ``l2``, its lambda, its convention and what follows.

    ``factor`` is the convention's name, ``coefficient`` what multiplies sign(w) or w.
    """

    name: str
    strength: float
    factor: str
    coefficient: float

    @property
    def convention(self) -> Convention:
        """The row of the table of conventions."""
        return CONVENTIONS[self.factor]

    @property
    def gradient(self) -> str:
        """What it adds to the gradient, as text."""
        if self.name == "l1":
            return f"{self.convention.of_l1}*sign(w)"
        return f"{self.convention.of_l2}*w"


class Question(NamedTuple):
    """What a step is made with, as it was read."""

    how: Update
    penalties: tuple[Strength, ...]
    n: int | None
    #: The learning rate was left out.
    default_rate: bool
    steps: int | None


def step(
    *,
    weights: Numbers | None = None,
    grad: Numbers | Sequence[Numbers] = (),
    lr: str | float | None = None,
    l1: str | float | None = None,
    l2: str | float | None = None,
    elastic: str | Sequence[float] | None = None,
    decay: str | float | None = None,
    n: str | int | None = None,
    convention: str | None = None,
    proximal: bool = False,
    as_printed: bool = False,
    optimizer: str | None = None,
    clip_norm: str | float | None = None,
    clip_value: str | float | None = None,
    steps: str | int | None = None,
    function: str | None = None,
    start: Numbers | None = None,
    tolerance: str | float | None = None,
    verify: bool = False,
) -> Result:
    """The weights after a step or many, with every term of it.

    Either ``weights`` with ``grad``, one gradient that stays or one for each step, or a
    ``function`` in the expression language from ``start``. ``l1``, ``l2`` and ``elastic``
    (both) are lambdas, under a ``convention`` that is a key of `CONVENTIONS`; ``decay`` is
    decoupled. ``optimizer`` is a name and settings such as ``adam:beta1=0.8``, with the
    defaults of torch.optim. ``verify`` makes the steps with the engine as well. Raises
    `InputError` for what cannot be used.

    >>> step(weights="2", grad="0.5", lr=0.1, l2=1, n=10).value
    (1.93,)
    """
    question = _question(
        _Given(lr, l1, l2, elastic, decay, n, convention, proximal, clip_norm, clip_value, steps),
        *find(optimizer or "sgd"),
    )
    if function is not None:
        from dlcalc.answers.descent import descend

        _without("--function", weights=weights, grad=grad or None, as_printed=as_printed or None)
        return descend(function, start, question, _amount("--tolerance", tolerance), verify)
    from dlcalc.answers.step_result import StepResult

    _without("--weights", start=start, tolerance=tolerance)
    if weights is None:
        raise InputError(
            "there are no weights to step from",
            mend="Give --weights 0.5,-1,2, or --function 'x^2 + 10*y^2' with --start 3,1.",
        )
    at = numbers(weights, "--weights")
    gradients = [numbers(each, "--grad") for each in _each(grad)]
    for each in gradients:
        if len(each) != len(at):
            rule = f"--grad has {_count(len(each))}, but --weights has {_count(len(at))}"
            raise InputError(rule, mend="Give a gradient for each weight.")
    result = StepResult(at, gradients, question, as_printed=as_printed)
    if verify:
        result.verify()
    return result


class _Given(NamedTuple):
    """The options that both kinds of steps have, as they were given."""

    lr: str | float | None
    l1: str | float | None
    l2: str | float | None
    elastic: str | Sequence[float] | None
    decay: str | float | None
    n: str | int | None
    convention: str | None
    proximal: bool
    clip_norm: str | float | None
    clip_value: str | float | None
    steps: str | int | None


def _question(given: _Given, rule: Rule, settings: Settings) -> Question:
    rate = _amount("--lr", given.lr)
    n = None if given.n is None else whole(given.n, "--n", least=1)
    strengths = {"l1": _amount("--l1", given.l1), "l2": _amount("--l2", given.l2)}
    if given.elastic is not None:
        _without("--elastic", l1=given.l1, l2=given.l2)
        both = numbers(given.elastic, "--elastic")
        if len(both) != 2 or min(both) < 0:
            raise InputError(
                "--elastic takes two strengths of at least 0, that of L1 and that of L2",
                mend="scikit-learn's alpha and l1_ratio are alpha*l1_ratio, alpha*(1 - l1_ratio).",
            )
        strengths = dict(zip(("l1", "l2"), both, strict=True))
    penalties = tuple(
        _penalty(name, strength, given.convention, n)
        for name, strength in strengths.items()
        if strength is not None
    )
    if given.proximal and strengths["l1"] is None:
        raise InputError("--proximal is a way to take --l1, which is missing")
    if n is not None and not penalties:
        raise InputError("--n divides the strength of a penalty", mend="Give --l1 or --l2 as well.")
    if given.convention and not penalties:
        raise InputError("--convention is that of a penalty", mend="Give --l1 or --l2 as well.")
    decay = _amount("--decay", given.decay)
    if decay is None:
        decay = settings.get("weight_decay", 0.0)
    of = {each.name: each.coefficient for each in penalties}
    penalty = Penalty(of.get("l1", 0.0), of.get("l2", 0.0), decay, given.proximal)
    clip = Clip(_bound("--clip-norm", given.clip_norm), _bound("--clip-value", given.clip_value))
    how = Update(rule, settings, rule.rate if rate is None else rate, penalty, clip)
    steps = None if given.steps is None else whole(given.steps, "--steps", least=1)
    return Question(how, penalties, n, rate is None, steps)


def _penalty(name: str, strength: float, convention: str | None, n: int | None) -> Strength:
    """A penalty under a convention, or under the usual one: with n, the one that divides by it."""
    usual = {"l1": ("lambda", "lambda/n"), "l2": ("lambda/2", "lambda/2n")}
    factor = convention or usual[name][n is not None]
    if factor not in CONVENTIONS:
        from dlcalc.errors import abridged, nearest

        near = nearest(factor, CONVENTIONS)
        mend = f"Did you mean {near}?" if near else f"There are {', '.join(CONVENTIONS)}."
        raise InputError(f"{abridged(factor)} is not a convention", mend=mend)
    row = CONVENTIONS[factor]
    if row.by_n != (n is not None):
        if n is None:
            raise InputError(f"the convention {factor} divides by n", mend="Give --n as well.")
        mend = "Leave out --n, or take lambda/n or lambda/2n."
        raise InputError(f"the convention {factor} has no n", mend=mend)
    return Strength(name, strength, factor, coefficient(row, name, strength, n or 1))


def numbers(given: Numbers, name: str) -> list[float]:
    """Finite numbers, at least one. Raises `InputError` for others, by their place."""
    found = vector(given, name) if isinstance(given, str) else [float(value) for value in given]
    if not found:
        raise InputError(f"{name} is empty", mend="Give numbers, as in 0.5,-1,2.")
    for place, value in enumerate(found, 1):
        if not abs(value) < float("inf"):
            raise InputError(f"{name}: number {place} is {value}, and a step needs finite ones")
    return found


def _each(given: Numbers | Sequence[Numbers]) -> list[Numbers]:
    """One gradient or several, as a list of them."""
    if isinstance(given, str):
        return [given]
    parts = list(given)
    if any(isinstance(part, int | float) for part in parts):
        return [[float(part) for part in parts]]  # type: ignore[arg-type]
    return parts  # type: ignore[return-value]


def _amount(name: str, given: str | float | None) -> float | None:
    """A finite number of at least 0, if one is given."""
    if given is None:
        return None
    value = number(given, name) if isinstance(given, str) else float(given)
    # A comparison with what is not a number is false.
    if not 0 <= value < float("inf"):
        mend = "A step up the slope is one with the sign of --grad turned." if value < 0 else ""
        raise InputError(
            f"{name} must be a finite number of at least 0, not {value:g}",
            mend=mend if name == "--lr" else "",
        )
    return value


def _bound(name: str, given: str | float | None) -> float:
    value = _amount(name, given)
    if value == 0:
        raise InputError(f"{name} must be above 0: at 0 nothing is left of any gradient")
    return float("inf") if value is None else value


def _without(option: str, **others: object) -> None:
    """Refuse options that say nothing beside another."""
    for name, value in others.items():
        if value is not None:
            written = f"--{name.replace('_', '-')}"
            raise InputError(f"{written} does not go together with {option}")


def _count(count: int) -> str:
    return f"{count:,} {'number' if count == 1 else 'numbers'}"
