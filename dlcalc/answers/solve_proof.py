"""``--solve --verify``: answers sent forward, by the trace of numbers and by the engine."""

from __future__ import annotations

from collections.abc import Iterator

from dlcalc.answers.verify import Check, Verification, read_budget
from dlcalc.answers.verify import verify as verify_net
from dlcalc.errors import InputError
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import MAX_SIZE, sizes_text
from dlcalc.nets.solve import Answer
from dlcalc.nets.trace import trace
from dlcalc.nets.unknowns import Question


def prove(
    question: Question,
    target: tuple[int, ...],
    convention: Convention,
    answers: tuple[Answer, ...],
    budget: str = "",
) -> Verification:
    """The simplest answer run in the engine, all of them sent through, and what is next to them.

    Of a run of numbers both ends are sent, and the numbers right outside, which must
    make another output or none.
    """
    wanted = sizes_text(target)
    bounds = read_budget(budget)
    start, net = question.filled(answers[0].least)
    engine = verify_net(start, net, convention, bounds)
    inside = [_sent(question, values, convention) for a in answers for values in _ends(a)]
    wrong = next((found for found in inside if found != wanted), wanted)
    answers_text = f"{len(inside)} answers" if len(inside) > 1 else "the answer"
    checks = [Check(f"{answers_text} sent forward", wanted, wrong, "trace")]
    outside = [_sent(question, v, convention) for a in answers for v in _beside(question, a)]
    if outside:
        what = f"{len(outside)} numbers right outside make another output or none"
        checks.append(Check(what, "none", wanted if wanted in outside else "none", "trace"))
    return Verification((*checks, *_run(engine, wanted, str(start))), engine.left_out)


def _run(engine: Verification, wanted: str, start: str) -> Iterator[Check]:
    """What the engine ran: the simplest answer whole, or its layers, as its own checks say."""
    for check in engine.checks:
        if check.what.startswith("output shape"):
            yield Check(f"{check.what} of {start}", wanted, check.found)
        else:
            yield check


def _sent(question: Question, values: dict[str, int], convention: Convention) -> str:
    """The output of these numbers, or that there is none."""
    try:
        start, net = question.filled(values)
        return sizes_text(trace(net, start, convention)[-1].output.sizes)
    except InputError:
        return "none"


def _ends(answer: Answer) -> Iterator[dict[str, int]]:
    """An answer's least numbers, and for each letter the ends of its runs."""
    least = answer.least
    yield least
    for name, own in answer.letters.items():
        for run in own:
            for value in {run.first, run.last} - {least[name]}:
                yield {**least, name: value}


def _beside(question: Question, answer: Answer) -> Iterator[dict[str, int]]:
    """For each letter the numbers next to its runs, within its bounds."""
    least = answer.least
    for unknown in question.letters:
        own = answer.letters[unknown.name]
        near = {n for run in own for n in (run.first - 1, run.last + 1)}
        for value in sorted(near):
            bounded = unknown.low <= value <= min(unknown.high, MAX_SIZE)
            if bounded and not any(value in run for run in own):
                yield {**least, unknown.name: value}
