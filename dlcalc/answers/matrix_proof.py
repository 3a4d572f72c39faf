"""How matrix derivatives are proven: by true derivatives, by another route, form by form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlcalc.answers.matrix_asked import Asked
from dlcalc.answers.matrix_steps import shown_error
from dlcalc.answers.verified import apart
from dlcalc.result import Finding
from dlcalc.symbolic.matrix.check import (
    DIFFERENCE_TOLERANCE,
    SCALE,
    SECOND_TOLERANCE,
    TOLERANCE,
    error,
)
from dlcalc.symbolic.matrix.evaluate import Array
from dlcalc.symbolic.matrix.problem import Problem
from dlcalc.symbolic.matrix.views import Views


class Proof:
    """The derivatives that were asked for, held against other computations."""

    def __init__(self, asked: Asked) -> None:
        self.problem = asked.problem
        self.parts = asked.parts
        self.second = bool(asked.second)
        self.vector = asked.vector

    def findings(self, views: Views) -> Iterator[Finding]:
        points = self.problem.points
        forms = (
            {"matrix": [views.matrix_values(point) for point in points]} if views.is_matrix else {}
        )
        forms["index"] = [views.index_values(point) for point in points]
        forms["code"] = [views.code_values(point) for point in points]
        main = next(iter(forms.values()))
        yield self._true(main)
        if not self.second:
            yield self._other(main[0])
        yield self._alike(forms, main)

    def _true(self, main: Sequence[Sequence[Array]]) -> Finding:
        """Against true derivatives of the expression as it was typed."""
        problem = self.problem
        worst, where = 0.0, self.parts[0].symbol
        for number, part in enumerate(self.parts):
            values = [found[number] for found in main]
            if self.vector:
                off = problem.product_error(part.by[0], self.vector, values)
            elif self.second:
                off = problem.second_error((part.by[0], part.by[1]), values)
            else:
                off = problem.first_error(part.by[0], values)
            if off > worst:
                worst, where = off, part.symbol
        how, count = ("differences of complex steps", 1) if self.second else ("complex step", 3)
        places = f"{count} point{'s' if count > 1 else ''}{_sizes(problem)}"
        sentence = f"{how} at {places}, {apart(worst, 1.0, 'error')}"
        passed = worst <= (SECOND_TOLERANCE if self.second else TOLERANCE)
        if not passed:
            sentence = f"{where} is off by {shown_error(worst)} from {how} at {places}"
        document = {"method": how, "points": count, "sizes": problem.points[0].sizes}
        return Finding("the gradient", passed, sentence, {**document, "error": worst})

    def _other(self, values: Sequence[Array]) -> Finding:
        """Against the engine where it can express the net, else against real differences."""
        problem = self.problem
        formulas = {part.by[0]: value for part, value in zip(self.parts, values, strict=True)}
        engine = problem.engine_error(formulas)
        if engine is not None:
            worst, names = engine
            how, limit = "the engine's reverse mode", TOLERANCE
            by = f" by {', '.join(names)}" if len(names) < len(formulas) else ""
        else:
            worst = max(problem.difference_error(*pair) for pair in formulas.items())
            how, limit, by = "central differences of real numbers", DIFFERENCE_TOLERANCE, ""
        passed = worst <= limit
        sentence = f"{how}{by}, {apart(worst, 1.0, 'error')}"
        if not passed:
            sentence = f"off by {shown_error(worst)} from {how}{by}"
        return Finding("the gradient", passed, sentence, {"method": how, "error": worst})

    def _alike(
        self, forms: dict[str, list[list[Array]]], main: Sequence[Sequence[Array]]
    ) -> Finding:
        """The forms against one another."""
        worst, where = 0.0, ""
        for name, values in forms.items():
            for found, expected in zip(values, main, strict=True):
                for part, one, other in zip(self.parts, found, expected, strict=True):
                    off = error(one, other, SCALE)
                    if off > worst:
                        worst, where = off, f"{part.symbol} as {name}"
        *first, last = forms
        passed = worst <= TOLERANCE
        sentence = f"{', '.join(first)} and {last} forms read again: {apart(worst, 1.0)}"
        if not passed:
            sentence = f"{where} is off by {shown_error(worst)} from the other forms"
        return Finding("the forms", passed, sentence, {"error": worst})


def _sizes(problem: Problem) -> str:
    """The sizes of the letters at a point, as far as a line has room."""
    sizes = problem.points[0].sizes.items()
    found = [f"{k} as {n}" if k.isdigit() else f"{k}={n}" for k, n in sizes]
    if len(found) > 5:
        found = [*found[:2], "...", found[-1]]
    return f" ({', '.join(found)})" if found else ""
