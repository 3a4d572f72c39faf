"""The inverse of a net: inputs and arguments with which the output is the one asked for.

Letters are solved exactly, from the conditions that the net states in them.
Arguments are searched for within bounds, whole ranges at once, the simplest
first; each candidate is traced through the net before it is an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

from dlcalc.errors import InputError, LayerError
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import MAX_SIZE, Shape
from dlcalc.layers.size import Polynomial, Size, evaluate, letter
from dlcalc.nets.conditions import (
    Condition,
    Run,
    Runs,
    Undecided,
    conditions,
    groups,
    numbers,
    runs,
)
from dlcalc.nets.enclosure import Box, Impossible, enclosure, narrowed
from dlcalc.nets.parser import Net
from dlcalc.nets.search import Axis, Budget, Key, search
from dlcalc.nets.trace import TraceError, trace
from dlcalc.nets.unknowns import Question, Unknown

#: Answers that are kept; beyond them only the simplest are.
MAX_ANSWERS = 10_000

Values = Mapping[str, int]


class Answer(NamedTuple):
    """One number for each open argument, and for each letter the numbers that go with them."""

    numbers: Values
    letters: Mapping[str, Runs]

    @property
    def least(self) -> dict[str, int]:
        """The simplest numbers: for each letter the least."""
        return {**self.numbers, **{name: own[0].first for name, own in self.letters.items()}}


class Solution(NamedTuple):
    """The answers, the simplest first; ``stopped`` says why they may not be all."""

    answers: tuple[Answer, ...]
    stopped: str = ""


class Reached(NamedTuple):
    """Numbers for the unknowns, and the output that they make."""

    values: Values
    output: Shape


def solve_in(
    question: Question,
    target: tuple[int, ...],
    convention: Convention = TORCH,
    budget: Budget | None = None,
) -> Solution:
    """Every answer within the bounds of the unknowns, the simplest first.

    The simplest has the least sum of arguments; of equal sums, the one whose
    arguments are least in the order in which they are written. Raises `InputError`
    if the output's axes are not as many as asked for, or the net can never work.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> from dlcalc.nets.unknowns import unknowns
    >>> network = parse(Source("H conv:k3,s2"))
    >>> question = Question(network.input, network.net, unknowns(network.input, network.net))
    >>> solve_in(question, (14,)).answers[0].letters
    {'H': (Run(first=29, last=30, step=1),)}
    """
    budget = budget or Budget(60.0)
    if question.holes:
        _check_rank(question, target, convention)
    found: list[Answer] = []
    for answer in _answers(question, target, convention, budget):
        if len(found) == MAX_ANSWERS:
            return Solution(tuple(found), f"these are the {MAX_ANSWERS:,} simplest")
        found.append(answer)
    return Solution(tuple(found), f"stopped after {budget.seconds:g} s" if budget.spent else "")


def _answers(
    question: Question, target: tuple[int, ...], convention: Convention, budget: Budget
) -> Iterator[Answer]:
    holes = question.holes
    if not holes:
        for letters in _letters(question, target, convention, budget):
            yield Answer({}, letters)
        return
    axes = tuple([Axis(hole.name, hole.direction is None) for hole in holes])

    def key(box: Box) -> Key | None:
        within = _distance(question, box, target, convention)
        if within is None or within > 0:
            return None
        lows = [box[hole.name][0] for hole in holes]
        return (sum(lows), *lows)

    for point in search(axes, _whole(question.unknowns), key, budget):
        values = {hole.name: point[hole.name] for hole in holes}
        try:
            start, net = question.filled(values)
            rest = Question(start, net, question.letters)
            for letters in _letters(rest, target, convention, budget):
                yield Answer(values, letters)
        except (LayerError, TraceError):
            continue


def _whole(unknowns: tuple[Unknown, ...]) -> Box:
    return {unknown.name: (unknown.low, unknown.high) for unknown in unknowns}


def _distance(
    question: Question, box: Box, target: tuple[int, ...] | None, convention: Convention
) -> int | None:
    """How far from the output asked for everything in a box is at least; None if nothing passes."""
    try:
        narrowed(question, box, convention)
        enclosed = enclosure(question, box, convention)
    except Impossible:
        return None
    if enclosed is None or target is None:
        return 0
    if len(enclosed) != len(target):
        return None
    return sum(
        max(low - wanted, wanted - high, 0)
        for (low, high), wanted in zip(enclosed, target, strict=True)
    )


def _letters(
    question: Question,
    target: tuple[int, ...] | None,
    convention: Convention,
    budget: Budget,
) -> Iterator[dict[str, Runs]]:
    """The numbers for the letters alone; with no target, those with which the net works at all."""
    if not question.letters:
        output = trace(question.net, question.start, convention)[-1].output
        if target is None or output.sizes == target:
            yield {}
        return
    try:
        yield from _by_conditions(question, target, convention, budget)
    except Undecided:
        yield from _by_trace(question, target, convention, budget)


def _by_conditions(
    question: Question,
    target: tuple[int, ...] | None,
    convention: Convention,
    budget: Budget,
) -> Iterator[dict[str, Runs]]:
    output, stated = conditions(question.start, question.net, convention)
    found = list(stated)
    if target is not None:
        if len(output.sizes) != len(target):
            raise _wrong_rank(output, target)
        for size, wanted in zip(output.sizes, target, strict=True):
            if isinstance(size, int) and size != wanted:
                return
            found += [Condition(size, wanted)] if isinstance(size, Polynomial) else []
    bounds = {unknown.name: (unknown.low, unknown.high) for unknown in question.letters}
    parts: list[list[dict[str, Runs]]] = []
    for names, places in groups(found, bounds):
        own = [found[place] for place in places]
        box = {name: bounds[name] for name in sorted(names)}
        parts.append(list(_together(box, own, budget)))
        if not parts[-1]:
            return
    for combined in product(*parts):
        letters: dict[str, Runs] = {}
        for part in combined:
            letters |= part
        yield dict(sorted(letters.items()))


def _together(box: Box, found: list[Condition], budget: Budget) -> Iterator[dict[str, Runs]]:
    """The numbers for letters that conditions bind to one another."""
    for name, (low, high) in list(box.items()):
        alone = [condition for condition in found if condition.letters == {name}]
        if len(box) == 1:
            own = numbers(name, alone, low, high)
            if own:
                yield {name: own}
            return
        # From where on every window fits: there sizes grow with their letters.
        own = numbers(name, [c for c in alone if isinstance(c.right, int)], low, high)
        if not own:
            return
        box[name] = own[0].first, own[-1].last

    def key(part: Box) -> Key | None:
        lows = {name: low for name, (low, _) in part.items()}
        highs = {name: high for name, (_, high) in part.items()}
        if not all(_possible(condition, lows, highs) for condition in found):
            return None
        return (sum(lows.values()), *lows.values())

    axes = tuple([Axis(name) for name in box])
    for point in search(axes, box, key, budget):
        if all(condition.holds(point) for condition in found):
            yield {name: (Run(value, value),) for name, value in point.items()}


def _possible(condition: Condition, lows: dict[str, int], highs: dict[str, int]) -> bool:
    left = evaluate(condition.left, lows), evaluate(condition.left, highs)
    right = evaluate(condition.right, lows), evaluate(condition.right, highs)
    return left[1] >= right[0] and (condition.least or left[0] <= right[1])


def _by_trace(
    question: Question,
    target: tuple[int, ...] | None,
    convention: Convention,
    budget: Budget,
) -> Iterator[dict[str, Runs]]:
    """The same by sending number after number through the net."""
    _refuse_hopeless(question, convention)
    names = [unknown.name for unknown in question.letters]

    def points() -> Iterator[dict[str, int]]:
        for reached in _reached(question, target, convention, budget):
            if target is None or reached.output.sizes == target:
                yield dict(reached.values)

    if target is None:
        for point in points():
            yield {name: (Run(point[name], point[name]),) for name in names}
    elif len(names) == 1:
        own = runs(point[names[0]] for point in points())
        if own:
            yield {names[0]: own}
    else:
        for point in points():
            yield {name: (Run(point[name], point[name]),) for name in names}


def _refuse_hopeless(question: Question, convention: Convention) -> None:
    """Raise the net's own refusal where it is one and the same for all numbers."""
    refusals = []
    for base in (11, 32, 47, 64, 224, 407, 1_024):
        values = {u.name: base + 2 * i for i, u in enumerate(question.letters)}
        for sample in (values, dict.fromkeys(values, base)):
            try:
                start, net = question.filled(sample)
                trace(net, start, convention)
            except TraceError as error:
                refusals.append(error)
            except LayerError:
                return
            else:
                return
    if len({error.rule for error in refusals}) == 1 and refusals[0].misfit is None:
        raise refusals[0]


def _reached(
    question: Question,
    target: tuple[int, ...] | None,
    convention: Convention,
    budget: Budget,
    *,
    nearest: bool = False,
) -> Iterator[Reached]:
    """Numbers for all unknowns that go through, by the sum of them; or nearest outputs first."""
    axes = tuple([Axis(u.name, u.direction is None) for u in question.unknowns])

    def key(box: Box) -> Key | None:
        apart = _distance(question, box, target, convention)
        if apart is None or (apart > 0 and not nearest):
            return None
        lows = [box[unknown.name][0] for unknown in question.unknowns]
        return (apart, sum(lows), *lows)

    for point in search(axes, _whole(question.unknowns), key, budget):
        try:
            start, net = question.filled(point)
            yield Reached(point, trace(net, start, convention)[-1].output)
        except (LayerError, TraceError):
            continue


def closest(
    question: Question,
    target: tuple[int, ...],
    convention: Convention = TORCH,
    budget: Budget | None = None,
) -> Reached | None:
    """The reachable output whose sizes differ least in sum, by the simplest numbers."""
    reached = _reached(question, target, convention, budget or Budget(60.0), nearest=True)
    return next((one for one in reached if len(one.output.sizes) == len(target)), None)


def smallest(
    question: Question, convention: Convention = TORCH, budget: Budget | None = None
) -> Answer | None:
    """The numbers with which the net works at all; None if there are none, or arguments are open.

    Raises `InputError` as `solve_in` does.
    """
    if question.holes:
        return None
    found = _letters(question, None, convention, budget or Budget(60.0))
    return next((Answer({}, letters) for letters in found), None)


def least_sides(
    start: Shape, net: Net, convention: Convention = TORCH, seconds: float = 0.5
) -> tuple[tuple[Size, ...], bool] | None:
    """The least sides, none below those given, with which a net works, and if all larger do.

    Letters stay as they are. None if there are no such sides, or none were found in time.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> network = parse(Source("1x8x20 conv:4,k9"))
    >>> least_sides(network.input, network.net)
    ((9, 20), True)
    """
    sides = start.spatial
    names = {f"side {place}": n for place, n in enumerate(sides) if isinstance(n, int)}
    opened = tuple(
        letter(f"side {place}") if isinstance(n, int) else n for place, n in enumerate(sides)
    )
    unknowns = tuple([Unknown(name, name, n, MAX_SIZE) for name, n in names.items()])
    question = Question(start.with_sides(opened), net, unknowns)
    try:
        answer = smallest(question, convention, Budget(seconds))
    except (InputError, KeyError):
        return None
    if answer is None:
        return None
    least = answer.least
    found = tuple(
        least[f"side {place}"] if isinstance(n, int) else n for place, n in enumerate(sides)
    )
    larger = all(own[0].step == 1 and own[0].endless for own in answer.letters.values())
    return found, larger


def _check_rank(question: Question, target: tuple[int, ...], convention: Convention) -> None:
    """Refuse an output with other axes than those of the first that goes through."""
    for reached in _reached(question, None, convention, Budget(0.5)):
        if len(reached.output.sizes) != len(target):
            raise _wrong_rank(reached.output, target)
        return


def _wrong_rank(output: Shape, target: tuple[int, ...]) -> InputError:
    axes = "axis" if len(output.sizes) == 1 else "axes"
    return InputError(
        f"--solve asks for {len(target)} sizes, but the output {output} has "
        f"{len(output.sizes)} {axes}",
        mend="Give one number for each size of the output.",
    )
