"""Notes checked: every claim run, its verdict with its line, going on after a failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from dlcalc.errors import DlcalcError, InputError, abridged
from dlcalc.notes.markdown import Written, written
from dlcalc.notes.sentence import Limit, Sentence, command, read
from dlcalc.numbers import Amount, amount

# What a limit may be off a whole number by, which numbers on the way to it never reach.
_EXACT = 1e-6
OK, WRONG, UNDECIDED, MALFORMED = "ok", "wrong", "undecided", "malformed"


class Run(NamedTuple):
    """What a command came to: its exit code and what it printed on either stream."""

    code: int
    output: str
    errors: str
    #: Both streams as a terminal shows them, in the order of writing.
    printed: str


class Tools(NamedTuple):
    """What the command line hands in: a runner of commands, a formula, the value of a text."""

    run: Callable[[Sequence[str]], Run]
    #: The formula of a command's answer, as its JSON has it; empty if it has none.
    formula: Callable[[Sequence[str]], str]
    #: The value of an expression with one variable; raises `InputError`.
    value: Callable[[str, str], Callable[[float], float]]


class OutOfTime(Exception):
    """A claim took longer than it may."""


class Verdict(NamedTuple):
    """What became of a claim: ok, wrong, undecided or malformed, and why."""

    line: int
    claim: str
    verdict: str
    value: str = ""
    why: str = ""
    #: What a transcript should print instead, for --update.
    printed: str | None = None
    written: Written | None = None


def check(text: str, tools: Tools, *, fail_fast: bool = False) -> Iterator[Verdict]:
    """The verdicts of a text's claims, in their order."""
    for claim in written(text):
        try:
            verdict = _judged(claim, tools)
        except OutOfTime:
            verdict = Verdict(claim.line, claim.text, UNDECIDED, why="it takes too long")
        except DlcalcError as error:
            why = f"{error} {getattr(error, 'mend', '')}".strip()
            verdict = Verdict(claim.line, claim.text, MALFORMED, why=why)
        yield verdict._replace(written=claim)
        if fail_fast and verdict.verdict != OK:
            return


def _judged(claim: Written, tools: Tools) -> Verdict:
    if claim.printed is not None:
        return _transcript(claim, tools)
    sentence = read(claim.text)
    if isinstance(sentence, Limit):
        return _limit(claim, sentence, tools)
    wanted = amount(sentence.claimed)
    if sentence.relation == "==" and (wanted is None or not _scaled(sentence.claimed)):
        return _expected(claim, sentence, tools)
    if wanted is None:
        if sentence.relation == "!=":
            verdict = _expected(claim, sentence, tools)
            return _turned(verdict)
        rule = f"{abridged(sentence.claimed)} is no number, which {sentence.relation} asks for"
        raise InputError(rule)
    return _compared(claim, sentence, wanted, tools)


def _scaled(text: str) -> bool:
    return text.strip()[-1:] in "kKMGT%"


def _turned(verdict: Verdict) -> Verdict:
    other = {OK: WRONG, WRONG: OK}.get(verdict.verdict, verdict.verdict)
    return verdict._replace(verdict=other, why="it is just that" if other == WRONG else "")


def _ran(words: Sequence[str], tools: Tools) -> Run:
    """Run a command; what it refuses is no claim."""
    run = tools.run(words)
    if run.code not in (0, 1):
        first = run.errors.strip().splitlines()
        raise InputError(first[0].removeprefix("dlcalc: ") if first else "it cannot be run")
    return run


def _expected(claim: Written, sentence: Sentence, tools: Tools) -> Verdict:
    """An equality, told by the command's own --expect."""
    run = _ran([*sentence.words, "-q", "--expect", sentence.claimed], tools)
    value = _one_line(run.output)
    if run.code == 0:
        return Verdict(claim.line, claim.text, OK, value)
    message = _one_line(run.errors).removeprefix("dlcalc: ")
    if "--expect" in message and "is not" in message and "gradient" not in message:
        raise InputError(message)
    return Verdict(claim.line, claim.text, WRONG, value, _why(sentence, value, tools, message))


def _why(sentence: Sentence, value: str, tools: Tools, message: str = "") -> str:
    """The formula that gives the value, or what the command said."""
    formula = tools.formula(sentence.words)
    if formula:
        left, _, right = formula.rpartition(" = ")
        return f"{right} = {left}" if left else formula
    if message and not message.startswith("expected "):
        return message
    return f"it is {abridged(value, 60)}"


def _compared(claim: Written, sentence: Sentence, wanted: Amount, tools: Tools) -> Verdict:
    """A relation of numbers."""
    run = _ran([*sentence.words, "-q"], tools)
    value = _one_line(run.output)
    found = amount(value)
    if found is None:
        raise InputError(f"the answer is {abridged(value)}, no number to be compared")
    apart = abs(found.value - wanted.value)
    close = max(wanted.half, abs(wanted.value) / 100)
    passed = {
        "==": apart <= wanted.half,
        "!=": apart > wanted.half,
        "~=": apart <= close,
        "<": found.value < wanted.value,
        ">": found.value > wanted.value,
        "<=": found.value <= wanted.value,
        ">=": found.value >= wanted.value,
    }[sentence.relation]
    why = "" if passed else _why(sentence, value, tools)
    return Verdict(claim.line, claim.text, OK if passed else WRONG, value, why)


def _limit(claim: Written, sentence: Limit, tools: Tools) -> Verdict:
    from dlcalc.notes.limit import limit

    wanted = amount(sentence.claimed)
    to = {"inf": float("inf"), "-inf": float("-inf"), "oo": float("inf")}.get(sentence.to)
    if wanted is None:
        raise InputError(f"{abridged(sentence.claimed)} is no number to tend to")
    if to is None:
        point = amount(sentence.to)
        if point is None:
            raise InputError(f"{abridged(sentence.to)} is neither a number nor inf")
        to = float(point.value)
    found = limit(tools.value(sentence.expression, sentence.variable), to)
    room = max(float(wanted.half), _EXACT * abs(float(wanted.value)), _EXACT)
    if found is None or found.unsure > room:
        return Verdict(claim.line, claim.text, UNDECIDED, why="it does not settle")
    passed = abs(found.value - float(wanted.value)) <= room
    value = f"{found.value:.7g}"
    why = "" if passed else f"it tends to {value}"
    return Verdict(claim.line, claim.text, OK if passed else WRONG, value, why)


def _transcript(claim: Written, tools: Tools) -> Verdict:
    """A command that prints what is shown below it; ... stands for anything."""
    assert claim.printed is not None
    run = tools.run(command(claim.text))
    if _alike(claim.printed, run.printed):
        return Verdict(claim.line, claim.text, OK)
    if run.code == 2 and "which notes may not" in run.errors:
        raise InputError(run.errors.splitlines()[0].removeprefix("dlcalc: "))
    why = _first_difference(claim.printed, run.printed)
    return Verdict(claim.line, claim.text, WRONG, why=why, printed=run.printed)


def _alike(shown: str, printed: str) -> bool:
    lines = [line.rstrip() for line in shown.rstrip().splitlines()]
    pattern = "\n".join(lines)
    actual = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
    if "..." not in pattern:
        return pattern == actual
    # Whole lines of dots stand for lines, dots within one for a part of it.
    parts = re.split(r"\n?^\.\.\.$\n?", pattern, flags=re.MULTILINE)
    spans = ["[^\n]*?".join(map(re.escape, part.split("..."))) for part in parts]
    return re.fullmatch("(?:.*?)".join(spans), actual, flags=re.DOTALL) is not None


def _first_difference(shown: str, printed: str) -> str:
    ours, theirs = shown.rstrip().splitlines(), printed.rstrip().splitlines()
    for ours_line, theirs_line in zip(ours, theirs, strict=False):
        if ours_line.rstrip() != theirs_line.rstrip():
            return f"it prints {abridged(theirs_line, 70)}"
    if len(ours) > len(theirs):
        return f"it does not print {abridged(ours[len(theirs)], 60)}"
    return f"it prints another line: {abridged(theirs[len(ours)], 60)}"


def _one_line(text: str) -> str:
    return ", ".join(text.strip().splitlines())
