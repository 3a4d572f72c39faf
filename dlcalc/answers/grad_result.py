"""What a derivation came to: its steps, its answer in several views, and what verified it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from dlcalc.errors import ClaimError
from dlcalc.result import Block, Finding, Result, Row, meets


class Step(NamedTuple):
    """One line of a derivation: ``symbol = text``, by a rule; ``parts`` are the steps below it."""

    symbol: str
    rule: str
    text: str
    shape: str = ""
    #: The relative error that its numeric check found; None where nothing could be checked.
    residual: float | None = None
    parts: tuple[Step, ...] = ()
    #: Its number at ``--at``.
    value: float | None = None

    def document(self) -> dict[str, object]:
        """The step as JSON has it."""
        document: dict[str, object] = {
            "symbol": self.symbol,
            "rule": self.rule,
            "expression": self.text,
            "shape": self.shape or None,
            "residual": self.residual,
        }
        if self.value is not None:
            document["value"] = self.value
        if self.parts:
            document["steps"] = [part.document() for part in self.parts]
        return document


class Answer(NamedTuple):
    """One derivative: its symbol, its text, its shape, and its numbers at ``--at``."""

    symbol: str
    text: str
    shape: str = ""
    #: A number, or nested lists of them; None without ``--at``.
    value: object = None


class Comparison(NamedTuple):
    """Whether a claimed gradient is the answer, and how that was told."""

    equal: bool
    sentence: str


class GradResult(Result):
    """A derivation. Its value is the text of the gradient, or its number at ``--at``."""

    tabled = "steps"

    def __init__(
        self,
        question: Mapping[str, object],
        answers: Sequence[Answer],
        steps: Sequence[Step] = (),
        findings: Sequence[Finding] = (),
        *,
        definitions: Sequence[tuple[str, str]] = (),
        heading: Sequence[Row] = (),
        remarks: Sequence[Row] = (),
        views: Mapping[str, str] | None = None,
        shown: Sequence[str] = (),
        show_steps: bool = True,
        compare: Callable[[str], Comparison] | None = None,
        arrangement: Sequence[Sequence[int]] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """``heading`` stands above all; ``views`` are texts by name, ``shown`` those asked for.

        ``definitions`` are the names that the steps use, ``remarks`` rows such as where
        the gradient has kinks; ``compare`` tells whether a text is the same gradient;
        ``arrangement`` has the numbers of the answers in the rows of a matrix.
        """
        self.question = question
        self.answers = tuple(answers)
        self.steps = tuple(steps)
        self.findings: tuple[Finding, ...] = ()
        self.add(findings)
        self.definitions = tuple(definitions)
        self.heading = tuple(heading)
        self.remarks = tuple(remarks)
        self.views = dict(views or {})
        self.shown = tuple(shown)
        self.show_steps = show_steps
        self.compare = compare
        self.compared: Comparison | None = None
        self.arrangement = arrangement
        #: What stands between several answers where only they are wanted.
        self.separator = "\n"
        self.notes = list(notes)
        value = self.answers[0].value
        self.value: object = (
            value if len(self.answers) == 1 and value is not None else self._terse()
        )

    def add(self, findings: Iterable[Finding]) -> None:
        """Take in what another route found."""
        self.findings += tuple(findings)
        self.failure = " ".join(finding.failure for finding in self.findings if finding.failure)

    def terse(self) -> str:
        """The view that was asked for, or the numbers at ``--at``, or the gradient."""
        if len(self.shown) == 1:
            return self.views[self.shown[0]]
        return self._terse()

    def _terse(self) -> str:
        texts = [a.text if a.value is None else str(a.value) for a in self.answers]
        if not self.arrangement:
            return self.separator.join(texts)
        rows = [", ".join(texts[number] for number in row) for row in self.arrangement]
        return f"[{', '.join(f'[{row}]' for row in rows)}]"

    def meets(self, expected: str) -> bool:
        """Whether a text is an equivalent gradient, or the number at ``--at``.

        Raises `ClaimError`, with a point where they part, if it is not.
        """
        number = isinstance(self.value, int | float)
        if self.compare is None or (number and _is_number(expected)):
            return meets(self.value, expected)
        found = self.compare(expected)
        if not found.equal:
            raise ClaimError(found.sentence)
        self.compared = found
        return True

    def blocks(self) -> list[Block]:
        """Names, steps, views, what verified them, and the gradient last."""
        found = [Block("ll", list(self.heading))]
        if self.show_steps:
            rows = [
                Row(("" if number else "let", f"{name} = {text}"))
                for number, (name, text) in enumerate(self.definitions)
            ]
            found += [Block("ll", rows), Block("lll", _rows(self.steps))]
        for name in self.shown:
            # One column, so that it can be copied whole.
            found.append(Block("l", [Row((line,)) for line in self.views[name].splitlines()]))
        rows = [*self.remarks, *(finding.row for finding in self.findings)]
        if self.compared is not None:
            rows.append(Row(("expected", self.compared.sentence)))
        found.append(Block("ll", rows))
        # Without shapes in one column, so that a terminal wraps it and it can be copied whole.
        shaped = any(answer.shape for answer in self.answers)
        rows = [row for answer in self.answers for row in _answer(answer, shaped)]
        found.append(Block("ll" if shaped else "l", rows))
        return [block for block in found if block.rows]

    def document(self) -> dict[str, object]:
        """The question, the tree of steps, the views and the verification."""
        document: dict[str, object] = dict(self.question)
        document["gradient"] = [
            {
                "symbol": answer.symbol,
                "expression": answer.text,
                "shape": answer.shape or None,
                **({} if answer.value is None else {"value": answer.value}),
            }
            for answer in self.answers
        ]
        if self.arrangement:
            document["matrix"] = [
                [self.answers[number].text for number in row] for row in self.arrangement
            ]
        document["definitions"] = [
            {"symbol": name, "expression": text} for name, text in self.definitions
        ]
        document["steps"] = [step.document() for step in self.steps]
        if self.views:
            document["views"] = self.views
        document["verification"] = [
            {"name": f.name, "passed": f.passed, "sentence": f.sentence, **f.document}
            for f in self.findings
        ]
        if self.notes:
            document["notes"] = list(self.notes)
        return document


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _rows(steps: Sequence[Step]) -> list[Row]:
    rows = []
    for step in steps:
        text = f"{step.symbol} = {step.text}"
        if step.value is not None:
            text += f" = {step.value:.6g}"
        rows.append(Row((text, step.rule, step.shape)))
        rows += _rows(step.parts)
    return rows


def _answer(answer: Answer, shaped: bool) -> list[Row]:
    shape = (answer.shape,) if shaped else ()
    rows = [Row((f"{answer.symbol} = {answer.text}", *shape), "answer")]
    if answer.value is not None:
        rows.append(Row((f"{answer.symbol} = {answer.value}",), "answer"))
    return rows
