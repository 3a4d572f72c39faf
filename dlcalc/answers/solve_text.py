"""How answers of ``--solve`` are written."""

from __future__ import annotations

from dlcalc.layers.size import Size
from dlcalc.nets.conditions import Run, Runs
from dlcalc.nets.solve import Answer
from dlcalc.nets.unknowns import Question, fill_shape, open_nodes
from dlcalc.nets.word import filled


def runs_text(found: Runs) -> str:
    """The numbers of runs in words.

    >>> runs_text((Run(5, 7), Run(16, 64, 16))), runs_text((Run(2, 10**12, 2),))
    ('5 to 7, 16 to 64 every 16', '2 or more, every 2')
    """
    return ", ".join(map(_run_text, found))


def _run_text(run: Run) -> str:
    if run.endless:
        return f"{run.first:,} or more" + (f", every {run.step:,}" if run.step > 1 else "")
    if run.first == run.last:
        return f"{run.first:,}"
    every = f" every {run.step:,}" if run.step > 1 else ""
    return f"{run.first:,} to {run.last:,}{every}"


def side_text(size: Size, found: Answer) -> str:
    """The numbers for one side of an input, short enough to stand between others.

    >>> from dlcalc.layers.size import letter
    >>> side_text(letter("H"), Answer({}, {"H": (Run(221, 224),)}))
    '221..224'
    """
    return ",".join(map(_side_run, found.letters[str(size)]))


def _side_run(run: Run) -> str:
    if run.first == run.last:
        return str(run.first)
    last = "" if run.endless else str(run.last)
    return f"{run.first}..{last}" + (f" by {run.step}" if run.step > 1 else "")


def run_json(run: Run) -> dict[str, int | None]:
    """A run as JSON has it; ``last`` is null where it goes on without end."""
    return {"first": run.first, "last": None if run.endless else run.last, "step": run.step}


def words_of(question: Question, found: Answer) -> list[str]:
    """The words that were open, with the numbers of an answer in them."""
    words = []
    numbers = [found.numbers[unknown.name] for unknown in question.holes]
    for node in open_nodes(question.net):
        own = [u for u in question.holes if u.node is node]
        words.append(filled(node.head, numbers[: len(own)]))
        numbers = numbers[len(own) :]
    return words


def simplest_text(question: Question, found: Answer) -> str:
    """The least numbers of an answer: the input, if it has letters, and the open words."""
    start = fill_shape(question.start, {**found.numbers, **found.least})
    parts = [str(start)] if question.start.symbolic else []
    inner = {u.name for u in question.letters} - {str(size) for size in question.start.sizes}
    parts += [f"{name}={found.least.get(name)}" for name in sorted(inner)]
    return " ".join([*parts, *words_of(question, found)])


def names_text(question: Question) -> str:
    """What is open, with the bounds of arguments, as a sentence names it."""
    names = [unknown.name for unknown in question.letters]
    for unknown in question.holes:
        names.append(f"{unknown.argument} from {unknown.low:,} to {unknown.high:,}")
    return ", ".join(dict.fromkeys(names))
