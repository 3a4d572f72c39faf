"""The steps of a matrix derivation, told and checked one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlcalc.answers.grad_result import Step
from dlcalc.answers.matrix_asked import Asked
from dlcalc.answers.verified import apart
from dlcalc.result import Finding
from dlcalc.symbolic.matrix.check import TOLERANCE
from dlcalc.symbolic.matrix.steps import Teller, Told


class Story:
    """The steps of the derivations, as text and checked."""

    def __init__(self, asked: Asked) -> None:
        problem = asked.problem
        self.letter = problem.letter
        point = problem.points[0]
        names = problem.nodes
        first = Teller(asked.first, names, point)
        self.reading = problem.reading_error()
        self.forward = [*first.forward(), first.body(problem.letter)]
        self.back = first.back()
        #: What second derivatives are of, its steps, and the steps back from it.
        self.more: list[tuple[str, list[Told], list[Told]]] = []
        self.ends: list[list[str]] = []
        for name, derivation in asked.second:
            teller = Teller(derivation, names, point)
            head = next(word for word in ("g", "h", "g_", "h_") if word not in names)
            body = teller.body(head if asked.vector else f"{head} = d{problem.letter}/d{name}")
            self.more.append((head, [*teller.forward(), body], teller.back()))
            self.ends.append([part.symbol for part in asked.parts if part.by[0] == name])

    def tree(self) -> tuple[list[tuple[str, str]], list[Step]]:
        """Definitions, and the steps back from the output; those of second derivatives follow."""
        definitions = [(_head(told), told.text) for told in self.forward]
        found = [_step(told, self.letter) for told in self.back]
        for (head, forward, back), ends in zip(self.more, self.ends, strict=True):
            found += [
                Step(_head(told), "let", told.text, shown_shape(told.shape), told.error)
                for told in forward
            ]
            steps = [_step(told, head) for told in back]
            first = len(steps) - len(ends)
            found += steps[:first]
            found += [
                step._replace(symbol=f"{symbol} = {step.symbol}")
                for step, symbol in zip(steps[first:], ends, strict=True)
            ]
        return definitions, found

    def findings(self) -> Iterator[Finding]:
        """Whether the expression was read rightly, and each step."""
        if self.reading > TOLERANCE:
            sentence = f"its value is off by {shown_error(self.reading)} from the expression's"
            yield Finding("the reading", False, sentence, {"error": self.reading})
        worst = 0.0
        told = [(self.letter, step) for step in [*self.forward, *self.back]]
        told += [(head, step) for head, ahead, back in self.more for step in [*ahead, *back]]
        for head, step in told:
            worst = max(worst, step.error or 0.0)
            if step.error is not None and step.error > TOLERANCE:
                symbol = f"d{head}/d{step.by}" if step.by else _head(step)
                by = f", by {_rules(step)}," if step.by else ""
                sentence = f"{symbol} = {step.text}{by} is off by {shown_error(step.error)}"
                yield Finding("a step", False, sentence, {"step": symbol, "error": step.error})
                return
        yield Finding(
            "the steps",
            True,
            f"each step by complex step, {apart(worst, 1.0, 'error')}",
            {"error": worst},
        )


def _step(told: Told, letter: str) -> Step:
    by = f"d{letter}/d{told.by}"
    symbol = f"{by} = {_head(told)}" if told.name else by
    if not told.name and told.at:
        symbol = f"{by}[{','.join(told.at)}]"
    return Step(symbol, _rules(told), told.text, shown_shape(told.shape), told.error)


def _rules(told: Told) -> str:
    return ", ".join(told.rules)


def _head(told: Told) -> str:
    return f"{told.name}[{','.join(told.at)}]" if told.at else told.name


def shown_error(error: float) -> str:
    """A relative error to one digit."""
    return f"{error:.0e}"


def shown_shape(shape: Sequence[object]) -> str:
    """A shape as an answer has it; a number has none.

    >>> shown_shape(("n", 3))
    'nx3'
    """
    return "x".join(map(str, shape)) or "scalar"
