"""``dlcalc shape --solve``: the inputs and arguments with which an output comes about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlcalc.answers.network import load, named_convention
from dlcalc.answers.remarks import remarks
from dlcalc.answers.solve_text import (
    names_text,
    run_json,
    runs_text,
    side_text,
    simplest_text,
    words_of,
)
from dlcalc.errors import InputError, abridged
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import MAX_AXES, MAX_SIZE, Layout, Shape, sizes_text
from dlcalc.layers.size import Polynomial, letters
from dlcalc.nets.conditions import Undecided, conditions
from dlcalc.nets.parser import Net
from dlcalc.nets.search import Budget
from dlcalc.nets.solve import Answer, Solution, closest, smallest, solve_in
from dlcalc.nets.trace import TraceError, trace, walk
from dlcalc.nets.unknowns import Bounds, Question, open_nodes, unknowns
from dlcalc.result import Block, Result, Row

if TYPE_CHECKING:
    from dlcalc.answers.verify import Verification

#: Seconds that a search may take if nothing else is asked for.
SECONDS = 5.0
# Answers that a table shows; JSON has them all.
_SHOWN = 40
_RANGE = re.compile(r"([a-z_]+|[A-Za-wyz])=([0-9]{1,13})(?:\.\.([0-9]{1,13}))?")


def solve(
    *words: str,
    output: str,
    within: str = "",
    solve_budget: str = "",
    layout: Layout = "chw",
    file: str | None = None,
    like: str = "torch",
    verify: bool = False,
    verify_budget: str = "",
) -> SolveResult:
    """The values of every letter and every ``_`` with which the output is the one given.

    ``words``, ``layout``, ``file`` and ``like`` are as for `dlcalc.shape`; a letter of
    INPUT is solved exactly, an argument written as ``_`` searched for within bounds:
    ``within`` such as ``kernel=1..7,H=1..512`` sets them. ``solve_budget``, such as 10s,
    bounds the search. ``verify`` runs the simplest answer in the engine, and sends all
    that are shown through the net. Raises `InputError` where the notation is wrong,
    nothing is left open, or there is no answer, with the nearest output there is.

    >>> solve("3xHxW conv:64,k7,s2,p3 maxpool:3,s2,p1", output="64x56x56").value
    '3x221x221'
    >>> solve("28 conv:k_,s2,p_", output="14").value
    'conv:k1,s2,p0'
    """
    start, net = load(words, layout=layout, file=file, holes=True)
    result = answer(
        start,
        net,
        target=wanted(output),
        given=read_bounds(within),
        seconds=read_seconds(solve_budget),
        convention=named_convention(like),
    )
    if verify:
        result.verify(verify_budget)
    return result


def answer(
    start: Shape,
    net: Net,
    *,
    target: tuple[int, ...],
    given: dict[str, tuple[int, int]] | None = None,
    seconds: float = SECONDS,
    convention: Convention = TORCH,
) -> SolveResult:
    """The answers for an input and a net that leave something open. Raises as `solve` does."""
    bounds = Bounds(given or {}, max(target))
    question = Question(start, net, unknowns(start, net, bounds))
    if not question.unknowns:
        raise InputError(
            "--solve finds what is open, but INPUT and NET are given in full",
            mend="Write a letter for a size of INPUT, as in 3xHxW, or _ for an argument, as in "
            "conv:8,k_,p_.",
        )
    budget = Budget(seconds)
    try:
        solution = solve_in(question, target, convention, budget)
    except TraceError as error:
        raise _refusal(question, convention, error) from error
    if not solution.answers:
        raise _nothing(question, target, convention, solution, seconds)
    return SolveResult(question, target, convention, solution)


def wanted(text: str) -> tuple[int, ...]:
    """The sizes of an output that is asked for. Raises `InputError` if they are no numbers."""
    sizes = text.split("x", MAX_AXES)
    fits = len(sizes) <= MAX_AXES and all(re.fullmatch("[0-9]{1,13}", size) for size in sizes)
    if not fits or not all(0 < int(size) <= MAX_SIZE for size in sizes):
        raise InputError(
            f"--solve {abridged(text)}: this is not an output to be reached",
            mend=f"Give its sizes, numbers from 1 to {MAX_SIZE:,} joined by x, as in 64x56x56.",
        )
    return tuple(map(int, sizes))


def read_bounds(text: str) -> dict[str, tuple[int, int]]:
    """Bounds by name, from a text such as ``kernel=1..7,H=1..512``.

    Raises `InputError` if it is none.

    >>> read_bounds("kernel=1..7,stride=2")
    {'kernel': (1, 7), 'stride': (2, 2)}
    """
    found: dict[str, tuple[int, int]] = {}
    for part in text.split(",") if text else []:
        match = _RANGE.fullmatch(part)
        if match is None or match[1] in found:
            raise InputError(
                f"--within {abridged(part) or text}: these are not bounds",
                mend="Give each name once, as in kernel=1..7,stride=1..2,H=32..512.",
            )
        low, high = int(match[2]), int(match[3] or match[2])
        if high > MAX_SIZE:
            raise InputError(f"--within {match[1]}: at most {MAX_SIZE:,} is taken")
        found[match[1]] = low, high
    return found


def read_seconds(text: str) -> float:
    """The seconds of a text such as ``10s``; the usual ones if it is empty.

    Raises `InputError` if it is none.
    """
    if not text:
        return SECONDS
    match = re.fullmatch(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)s", text)
    if match is None:
        raise InputError(f"{abridged(text)} is not a time", mend="Give seconds, as in 10s.")
    return float(match[1])


def _refusal(question: Question, convention: Convention, error: TraceError) -> InputError:
    """The net's own refusal, with what was worked out, where it never works at all."""
    from dlcalc.answers.shape import traced

    if question.holes:
        return error
    try:
        traced(question.start, question.net, convention=convention)
    except InputError as refused:
        return refused
    return error


def _nothing(
    question: Question,
    target: tuple[int, ...],
    convention: Convention,
    solution: Solution,
    seconds: float,
) -> InputError:
    """That there is no answer: what the smallest input makes, and the nearest output."""
    shown = sizes_text(target)
    if solution.stopped:
        return InputError(
            f"no answer was found within {seconds:g} s for the output {shown}",
            mend="Give more time, as in --solve-budget 60s, or narrower bounds, as in "
            "--within kernel=1..7.",
        )
    told = []
    least = smallest(question, convention, Budget(min(seconds, 2.0)))
    if least is not None:
        start, net = question.filled(least.least)
        output = trace(net, start, convention)[-1].output
        told.append(f"The smallest input that passes is {start}, which makes {output}.")
    reached = closest(question, target, convention, Budget(min(seconds, 2.0)))
    if reached is not None:
        told.append(
            f"The nearest output is {reached.output}, of "
            f"{simplest_text(question, Answer(reached.values, {}))}."
        )
    elif least is None:
        told.append("No values within the bounds go through the net at all.")
    where = names_text(question)
    return InputError(f"no {where} makes the output {shown}", mend=" ".join(told))


class SolveResult(Result):
    """The answers. Its value is the simplest: the input, the words that were open, or both."""

    def __init__(
        self,
        question: Question,
        target: tuple[int, ...],
        convention: Convention,
        solution: Solution,
    ) -> None:
        self.question = question
        self.target = target
        self.convention = convention
        self.solution = solution
        self.verification: Verification | None = None
        self.value: str = simplest_text(question, solution.answers[0])

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All answers that were found, the simplest first."""
        return self.solution.answers

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How the simplest answer is read, and that the search ended early."""
        start, net = self.question.filled(self.answers[0].least)
        found = remarks(start, trace(net, start, self.convention), self.convention)
        if self.solution.stopped:
            found.append(f"{self.solution.stopped}; there may be more answers")
        return found

    @property
    def failure(self) -> str:  # type: ignore[override]
        """How the engine disagreed; empty if it did not, or was not asked."""
        return self.verification.failure if self.verification else ""

    def verify(self, budget: str = "") -> None:
        """Let the engine run the simplest answer, and send the others through the net."""
        from dlcalc.answers.solve_proof import prove

        self.verification = prove(
            self.question, self.target, self.convention, self.answers[:_SHOWN], budget
        )

    def meets(self, expected: str) -> bool:
        """Whether what is expected is one of the answers, not only the simplest."""
        wanted = "".join(expected.split())
        start = self.question.start
        for found in self.answers:
            words = "".join(words_of(self.question, found))
            if not start.symbolic:
                if wanted == words:
                    return True
                continue
            if not wanted.endswith(words):
                continue
            sizes = wanted[: len(wanted) - len(words)].split("x")
            if (
                len(sizes) == len(start.sizes)
                and all(re.fullmatch("[0-9]{1,13}", s) for s in sizes)
                and self._taken(found, tuple(map(int, sizes)))
            ):
                return True
        return False

    def _taken(self, found: Answer, sizes: tuple[int, ...]) -> bool:
        """Whether the input of these sizes is among those of an answer."""
        seen: dict[str, int] = {}
        for own, size in zip(self.question.start.sizes, sizes, strict=True):
            if isinstance(own, int):
                if own != size:
                    return False
                continue
            name = str(own)
            if seen.setdefault(name, size) != size or not any(
                size in run for run in found.letters[name]
            ):
                return False
        return True

    def blocks(self) -> list[Block]:
        """The answers, the bounds that were tried, and the simplest in the last row."""
        blocks = [self._table()]
        rows = list(self._bounds())
        if self.verification is not None:
            rows += self.verification.rows()
        return [*blocks, Block("ll", [*rows, self._last()])]

    def _table(self) -> Block:
        names = [unknown.name for unknown in self.question.letters]
        first = self.answers[0]
        if not self.question.holes and len(self.answers) == 1:
            formulas = self._formulas()
            rows = [
                Row((name, runs_text(first.letters[name]), formulas.get(name, "")))
                for name in names
            ]
            return Block("lll", rows)
        rows = [Row((*([""] if self.question.holes else []), *names), "aside")] * bool(names)
        for found in self.answers[:_SHOWN]:
            words = [" ".join(words_of(self.question, found))] if self.question.holes else []
            shown = [runs_text(found.letters[name]) for name in names]
            rows.append(Row((*words, *shown, self._formula(found))))
        return Block("l" * max(len(row.cells) for row in rows), rows)

    def _formulas(self) -> dict[str, str]:
        """For each letter the size of the output that it alone decides, with its number."""
        try:
            output, stated = conditions(self.question.start, self.question.net, self.convention)
        except (Undecided, TraceError):
            return {}
        found: dict[str, str] = {}
        for size, number in zip(output.sizes, self.target, strict=True):
            names = letters(size)
            if isinstance(size, Polynomial) and len(names) == 1:
                found.setdefault(next(iter(names)), f"from {size} = {number}")
        for condition in stated:
            for name in condition.letters if isinstance(condition.right, Polynomial) else ():
                if "branches" not in found.get(name, ""):
                    found[name] = f"{found.get(name, '')} where the branches agree".strip()
        return found

    def _formula(self, found: Answer) -> str:
        """How the size comes about where one layer alone was open and the input is known."""
        nodes = list(open_nodes(self.question.net))
        if len(nodes) != 1 or self.question.letters:
            return ""
        start, net = self.question.filled(found.numbers)
        (word,) = words_of(self.question, found)
        for step in walk(trace(net, start, self.convention)):
            if step.node.text == word:
                return step.node.layer.formula(step.input, self.convention)
        return ""

    def _bounds(self) -> Iterator[Row]:
        tried: dict[str, str] = {}
        for unknown in self.question.holes:
            tried[unknown.argument] = f"{unknown.argument} {unknown.low:,} to {unknown.high:,}"
        if not tried:
            return
        more = len(self.answers) - _SHOWN
        if more > 0:
            yield Row(("", f"and {more:,} more; --json has them"), "aside")
        yield Row(("tried", ", ".join(tried.values())), "aside")

    def _last(self) -> Row:
        first, count = self.answers[0], len(self.answers)
        if not self.question.holes and count == 1:
            shown = [
                str(size) if isinstance(size, int) else side_text(size, first)
                for size in self.question.start.sizes
            ]
            plain = all(text.isdigit() for text in shown)
            return Row(("input", ("x" if plain else " x ").join(shown)), "answer")
        least = " by the least sum" if count > 1 else ""
        of = f"   the first of {count:,}{least}" if count > 1 else ""
        return Row(("simplest", f"{self.value}{of}"), "answer")

    def document(self) -> dict[str, object]:
        """``unknowns``, ``answers`` and ``simplest``, as `dlcalc shape --solve --json` prints."""
        document: dict[str, object] = {
            "like": self.convention.name,
            "input": [size if isinstance(size, int) else str(size) for size in self._input.sizes],
            "output": list(self.target),
            "unknowns": [
                {
                    "name": unknown.name if unknown.hole is None else unknown.argument,
                    "layer": None if unknown.node is None else unknown.node.head,
                    "axis": None if unknown.hole is None else unknown.hole.axis,
                    "low": unknown.low,
                    "high": unknown.high,
                }
                for unknown in self.question.unknowns
            ],
            "answers": [
                {
                    "layers": words_of(self.question, found),
                    "numbers": list(found.numbers.values()),
                    "letters": {
                        name: [run_json(run) for run in own] for name, own in found.letters.items()
                    },
                }
                for found in self.answers
            ],
            "complete": not self.solution.stopped,
            "simplest": self.value,
        }
        if self.verification is not None:
            document["verification"] = self.verification.document()
        if notes := self.notes:
            document["notes"] = notes
        return document

    @property
    def _input(self) -> Shape:
        return self.question.start
