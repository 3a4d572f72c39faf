"""A path down a function as an answer: where it leads, and the rates at which it would."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from dlcalc.answers.step_result import described, finite
from dlcalc.answers.step_text import heading
from dlcalc.answers.verified import VerifiedResult
from dlcalc.formulas.update import shown
from dlcalc.result import Block, Row

if TYPE_CHECKING:
    from dlcalc.answers.descent import Walk
    from dlcalc.answers.step import Question
    from dlcalc.formulas.dual import Function

#: Of a point at most so many variables have a column.
_COLUMNS = 4
#: A curvature is positive only above this; two over a smaller one would be infinite.
FLAT = 1e-300
#: The curvature has settled if it changes by no larger share between the last two told.
_SETTLED = 0.01


class DescentResult(VerifiedResult):
    """A path down a function. Its value is the last point, or ``diverged``."""

    tabled = "path"

    def __init__(
        self,
        text: str,
        function: Function,
        question: Question,
        walk: Walk,
        tolerance: float,
        reason: str,
    ) -> None:
        self.text, self.function, self.question = text, function, question
        self.walk, self.tolerance, self.reason = walk, tolerance, reason
        end = walk.visits[-1]
        self.value: object = "diverged" if walk.broken else tuple(end.at)

    def verify(self, count: int) -> None:
        """The derivatives by differences, the path by the engine."""
        from dlcalc.answers.descent_verify import findings

        self.findings = findings(self, count)

    def blocks(self) -> list[Block]:
        """The function, the path, the verdict, the stable rates, the point at the end."""
        top = [Row(("function", self.text)), *heading(self.question)]
        if self.reason:
            top.append(Row(("lr", self.reason)))
        names = self.function.names[:_COLUMNS]
        more = ("...",) if len(self.function.names) > _COLUMNS else ()
        head = ("step", *names, *more, "value", "gradient norm")
        rows = [Row(head)]
        for visit in self.walk.visits:
            at = [shown(value) for value in visit.at[:_COLUMNS]]
            rows.append(
                Row((f"{visit.number:,}", *at, *more, shown(visit.value), shown(visit.norm)))
            )
        below = [Row(self._verdict()), *self._to_go(), *self._curvature()]
        below += self.verified()
        blocks = [Block("ll", top), Block("r" * len(head), rows), Block("ll", below)]
        return [*blocks, Block("ll", [Row(("end", self._end()), "answer")])]

    def _end(self) -> str:
        if self.walk.broken:
            return "diverged"
        pairs = zip(self.function.names, self.walk.visits[-1].at, strict=True)
        return ", ".join(f"{name} = {shown(value)}" for name, value in pairs)

    @property
    def verdict(self) -> str:
        """In a word: arrived, diverged, diverges, swings, or descends."""
        values, last = self.walk.values, self.walk.last
        if self.walk.broken:
            return "diverged"
        if self.walk.arrived is not None and self.walk.visits[-1].norm <= 10 * self.tolerance:
            return "arrived"
        recent = values[-6:]
        if len(recent) > 2 and all(b > a for a, b in pairwise(recent)):
            return "diverges"
        if len(last) == 3 and last[2] != last[1]:
            size = max(map(abs, last[2]), default=0.0)
            back = max(abs(a - b) for a, b in zip(last[0], last[2], strict=True))
            if back <= 1e-9 * size:
                return "swings"
        return "descends"

    def _verdict(self) -> tuple[str, str]:
        walk, verdict = self.walk, self.verdict
        if verdict == "diverged":
            return "diverged", walk.broken
        if verdict == "arrived":
            place = _place(walk.spectrum)
            return "converges", (
                f"the gradient's norm is at most {shown(self.tolerance)} from step "
                f"{walk.arrived:,} on: {place}"
            )
        if verdict == "diverges":
            return "diverges", "the value rises with every step"
        if verdict == "swings":
            first, second = (",".join(map(shown, point)) for point in walk.last[1:])
            return "swings", f"between {first} and {second}, and does not converge"
        norm = shown(walk.visits[-1].norm)
        return "not there", f"the gradient's norm is {norm}, above {shown(self.tolerance)}"

    def _to_go(self) -> list[Row]:
        """How many steps more it takes, where the curvature has settled."""
        if self.verdict != "descends":
            return []
        norm, left = self.walk.visits[-1].norm, self._factor()
        if left is None or not norm:
            return []
        if left >= 1:
            return [Row(("to go", "at this rate it does not arrive"))]
        more = math.log(self.tolerance / norm) / math.log(left)
        formula = f"log({shown(self.tolerance)}/{shown(norm)})/log({shown(left)})"
        return [Row(("to go", f"{formula} = {shown(more)} steps, each leaves {shown(left)}"))]

    def _factor(self) -> float | None:
        """What plain descent leaves of the distance with each step, near a minimum."""
        how = self.question.how
        spectrum = self.walk.spectrum
        if how.rule.name != "sgd" or how.penalty.l1 or not spectrum or spectrum[0] <= 0:
            return None
        before, after = (visit.curvature or 0.0 for visit in self.walk.visits[-2:])
        if abs(before - after) > _SETTLED * after:
            return None
        added = how.penalty.l2 + how.penalty.decay
        factors = [abs(1 - how.rate * (value + added)) for value in spectrum]
        return max(factors) or None

    def stable(self, curvature: float) -> float | None:
        """The largest stable rate at a curvature; None for rules that scale each variable.

        Plain descent multiplies the distance by 1 - lr*c, below 1 in size for lr < 2/c;
        with momentum m it is lr < 2*(1 + m)/c, with Nesterov's 2*(1 + m)/((1 + 2*m)*c).
        """
        how = self.question.how
        curvature += how.penalty.l2 + how.penalty.decay
        momentum = how.settings.get("momentum", 0.0)
        if how.settings.get("dampening") or curvature <= FLAT:
            return None
        if how.rule.name in ("sgd", "momentum"):
            return 2 * (1 + momentum) / curvature
        if how.rule.name == "nesterov":
            return 2 * (1 + momentum) / ((1 + 2 * momentum) * curvature)
        return None

    def _curvature(self) -> list[Row]:
        walk = self.walk
        if not walk.spectrum:
            return [Row(("curvature", "unknown: there are no second derivatives at the end"))]
        least, most = walk.spectrum[0], walk.spectrum[-1]
        where = "at the last point in range" if walk.broken else "at the end"
        told = (
            f"{shown(least)} to {shown(most)} {where}"
            if len(walk.spectrum) > 1
            else (f"{shown(most)} {where}")
        )
        if least > 0 and len(walk.spectrum) > 1:
            told += f"; condition number {shown(most / least)}"
        rows = [Row(("curvature", f"the Hessian's eigenvalues: {told}"))]
        rows += self._stable_row("stable lr", most, where)
        seen = max((v.curvature for v in walk.visits if v.curvature is not None), default=most)
        if seen > most + 1e-9 * abs(most):
            rows += self._stable_row("on the path", seen, "where it is most curved")
        return rows

    def _stable_row(self, label: str, curvature: float, where: str) -> list[Row]:
        how = self.question.how
        if curvature + how.penalty.l2 + how.penalty.decay <= FLAT:
            if how.rule.name != "sgd":
                return []
            return [Row((label, f"no bound: the curvature {where} is not positive"))]
        bound = self.stable(curvature)
        added = how.penalty.l2 + how.penalty.decay
        total = f"({shown(curvature)} + {shown(added)})" if added else shown(curvature)
        if bound is None:
            plain = 2 / (curvature + added)
            told = f"2/{total} = {shown(plain)} for plain descent; {how.rule.name} has another"
            return [Row((label, told))]
        momentum = how.settings.get("momentum", 0.0)
        formula = f"2/{total}"
        if how.rule.name == "momentum":
            formula = f"2*(1 + {shown(momentum)})/{total}"
        elif how.rule.name == "nesterov":
            formula = f"2*(1 + {shown(momentum)})/((1 + 2*{shown(momentum)})*{total})"
        side = "below" if how.rate < bound else "at" if how.rate == bound else "above"
        told = f"below {formula} = {shown(bound)} {where}; lr is {shown(how.rate)}, {side} it"
        return [Row((label, told))]

    def drawn(self, width: int, *, ascii: bool) -> list[list[str]]:
        """The value at every step."""
        from dlcalc.charts.line import Series, plot

        values = self.walk.values
        positive = [value for value in values if value > 0]
        wide = len(positive) == len(values) and max(values) > 100 * min(values)
        series = Series("value", range(len(values)), values)
        lines = plot(
            [series],
            width=min(width, 78),
            height=10,
            x_label="step",
            y_label=self.text if len(self.text) < 60 else "value",
            logarithmic=wide,
            ascii=ascii,
        )
        return [lines]

    def document(self) -> dict[str, object]:
        """The question, the ``path``, its ``verdict`` and the rates that are stable."""
        walk, end = self.walk, self.walk.visits[-1]
        names = self.function.names
        stable = self.stable(walk.spectrum[-1]) if walk.spectrum else None
        document: dict[str, object] = {
            "function": self.text,
            **described(self.question),
            "variables": names,
            "path": [
                {
                    "step": visit.number,
                    "point": visit.at,
                    "value": visit.value,
                    "gradient_norm": finite(visit.norm),
                    "largest_curvature": visit.curvature,
                }
                for visit in walk.visits
            ],
            "verdict": self.verdict,
            "why": ": ".join(self._verdict()),
            "tolerance": self.tolerance,
            "arrived_at_step": walk.arrived,
            "end": None if walk.broken else end.at,
            "value": end.value,
            "eigenvalues": walk.spectrum or None,
            "largest_stable_lr": stable,
        }
        return document | self.verification()


def _place(spectrum: list[float]) -> str:
    """What a point without slope is, by its curvatures."""
    if not spectrum:
        return "a point without slope"
    size = 1e-9 * max(map(abs, spectrum))
    if spectrum[0] > size:
        return "a minimum, curved up every way"
    if spectrum[-1] < -size:
        return "a maximum, and no minimum"
    if spectrum[0] < -size:
        return "a saddle, and no minimum" if spectrum[-1] > size else "no minimum"
    return "a point without slope, flat some way"
