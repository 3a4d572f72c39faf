"""Steps of given gradients: their terms, L1 by both ways, L2 in closed form, the misprint."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from dlcalc.answers import step_text as text
from dlcalc.answers.verified import VerifiedResult
from dlcalc.errors import InputError
from dlcalc.formulas import zero
from dlcalc.formulas.penalties import half_life, l2_after, shrinkage
from dlcalc.formulas.update import Step, Update, filled, moved, shown, steps
from dlcalc.result import Block, Row

if TYPE_CHECKING:
    from dlcalc.answers.step import Question

#: Steps times weights that are made one by one.
MAX_UPDATES = 1_000_000


class StepResult(VerifiedResult):
    """One step or many of weights whose gradients are given. Its value is the last weights."""

    def __init__(
        self,
        weights: list[float],
        gradients: list[list[float]],
        question: Question,
        *,
        as_printed: bool = False,
    ) -> None:
        self.weights, self.gradients, self.question = weights, gradients, question
        self.as_printed = as_printed
        self._refuse_what_says_nothing()
        self.count = question.steps or max(1, len(gradients))
        #: The steps that are told, the last among them; none where only the closed form is taken.
        self.told: list[Step] = []
        self.other: list[float] | None = None
        if self.count * len(weights) <= MAX_UPDATES:
            after = self._stepped(question.how, tell=True)
            if question.how.penalty.l1:
                self.other = self._stepped(self._other_way())
        else:
            after = self._leapt()
        self.value: tuple[float, ...] = tuple(after)

    def _refuse_what_says_nothing(self) -> None:
        question, penalty = self.question, self.question.how.penalty
        if not self.gradients and not (question.penalties or penalty.decay):
            raise InputError(
                "there is no gradient and no penalty, so nothing moves",
                mend="Give --grad, with a number for each weight.",
            )
        if len(self.gradients) > 1 and question.steps not in (None, len(self.gradients)):
            raise InputError(
                f"--steps is {question.steps:,}, but there are {len(self.gradients):,} gradients",
                mend="One --grad stays for all steps; several are one for each.",
            )
        if self.as_printed:
            lone = [each.name for each in question.penalties] == ["l2"] and not penalty.decay
            plain = (
                question.how.rule.name == "sgd" and question.how.clip == type(question.how.clip)()
            )
            if not (lone and plain and question.steps in (None, 1) and len(self.gradients) == 1):
                raise InputError(
                    "--as-printed is one step of --l2 by plain gradient descent, with --grad",
                    mend="Such as --weights 2 --grad 0.5 --lr 0.1 --l2 1 --n 10 --as-printed.",
                )

    def gradient(self, number: int, weights: list[float]) -> list[float]:
        """The data's gradient of a step."""
        if not self.gradients:
            return [0.0] * len(weights)
        return self.gradients[number - 1 if len(self.gradients) > 1 else 0]

    def _other_way(self) -> Update:
        """L1 by the way that was not asked for: subgradient or soft threshold."""
        how = self.question.how
        return how._replace(penalty=how.penalty._replace(proximal=not how.penalty.proximal))

    def _stepped(self, how: Update, *, tell: bool = False) -> list[float]:
        """All steps one by one."""
        told = text.chosen(self.count)
        path = steps(self.weights, self.gradient, how)
        while True:
            try:
                step = next(path)
            except ZeroDivisionError:
                raise InputError(
                    "a gradient is so small that its square is 0, and without eps it divides",
                    mend="Leave eps as it is.",
                ) from None
            if not step.finite:
                raise InputError(
                    f"step {step.number:,} leaves the range of float64 (1.8e308)",
                    mend="Numbers this large, or a rate this large, have no answer.",
                )
            if tell and step.number in told:
                self.told.append(step._replace(kept=[dict(state) for state in step.kept]))
            if step.number == self.count:
                return step.after

    def _leapt(self) -> list[float]:
        """All steps at once, which L2, decay and a gradient that stays let one do."""
        how = self.question.how
        if not self._closed or len(self.gradients) > 1:
            raise InputError(
                f"{self.count:,} steps of {len(self.weights):,} weights are too many one by one "
                f"(at most {MAX_UPDATES:,} in all)",
                mend="Only plain descent with --l2 or --decay has a closed form for so many.",
            )
        data = how.clip.bounded(self.gradient(1, self.weights))
        found = [
            l2_after(w, g, how.rate, self._strength, self.count)
            for w, g in zip(self.weights, data, strict=True)
        ]
        if not all(map(math.isfinite, found)):
            raise InputError(
                f"the weights grow beyond float64: each step multiplies them by "
                f"{shown(1 - how.rate * self._strength)}"
            )
        return found

    @property
    def _closed(self) -> bool:
        """Whether a closed form holds: plain descent without L1."""
        return self.question.how.rule.name == "sgd" and not self.question.how.penalty.l1

    @property
    def _strength(self) -> float:
        penalty = self.question.how.penalty
        return penalty.l2 + penalty.decay

    def verify(self) -> None:
        """Make the steps with the engine as well."""
        from dlcalc.answers.step_verify import closed_form, engine_steps

        found = [engine_steps(self)] if self.told else []
        if self._closed and self._strength and len(self.gradients) < 2:
            found.append(closed_form(self))
        self.findings = found

    def blocks(self) -> list[Block]:
        """The rule, the path, the terms of the last step, what penalties lead to, the weights."""
        blocks = [Block("ll", text.heading(self.question))]
        if self.count > 1 and self.told:
            blocks.append(text.path(self.question, self.told))
        if self.told and (self.count == 1 or len(self.weights) > 1):
            if self.count > 1:
                blocks.append(Block("l", [Row((f"step {self.count:,} in its terms",), "aside")]))
            blocks += text.terms(self.question, self.told[-1])
        blocks += self._both_ways() + self._decay_rows() + self._misprint()
        rows = self.verified()
        answer = Row(("weights", text.in_one_line(self.value)), "answer")
        return [*blocks, Block("ll", [*rows, answer])]

    def _reaches(self) -> list[tuple[zero.Reach, zero.Reach]]:
        """When each weight that is told is exactly 0, by subgradient and by soft threshold.

        Empty unless descent is plain and the gradient stays.
        """
        how = self.question.how
        plain = how.rule.name == "sgd" and len(self.gradients) < 2
        if not how.penalty.l1 or not plain or how.rate == 0:
            return []
        data = how.clip.bounded(self.gradient(1, self.weights))
        pairs = list(zip(self.weights, data, strict=True))[: text.SHOWN_WEIGHTS]
        if self._strength:
            ways = [how._replace(penalty=how.penalty._replace(proximal=p)) for p in (False, True)]
            return [
                (
                    zero.by_trial(w, partial(moved, gradient=g, how=ways[0])),
                    zero.by_trial(w, partial(moved, gradient=g, how=ways[1])),
                )
                for w, g in pairs
            ]
        return [
            (
                zero.by_subgradient(w, g, how.rate, how.penalty.l1),
                zero.by_soft_threshold(w, g, how.rate, how.penalty.l1),
            )
            for w, g in pairs
        ]

    def _both_ways(self) -> list[Block]:
        """L1 by its subgradient and by its soft threshold, side by side."""
        if self.other is None:
            return []
        by_soft = self.question.how.penalty.proximal
        subgradient, soft = (self.other, self.value) if by_soft else (self.value, self.other)
        reaches = self._reaches()
        head = ["w", "L1 by subgradient", "by soft threshold"]
        if reaches:
            head = ["w", "L1 by subgradient", "0 at step", "by soft threshold", "0 at step"]
        rows = [Row(tuple(head))]
        for index, w in enumerate(self.weights[: text.SHOWN_WEIGHTS]):
            cells = [shown(w), shown(subgradient[index]), shown(soft[index])]
            if reaches:
                first, second = map(str, reaches[index])
                cells = [*cells[:2], first, cells[2], second]
            rows.append(Row(tuple(cells)))
        blocks = [Block("rrlrl" if reaches else "rrr", rows)]
        if reaches:
            stays = any(map(any, self.gradients))
            remark = f"0 at step: exactly 0{', if the gradient of the data stays' if stays else ''}"
            blocks.append(Block("l", [Row((remark,), "aside")]))
        return blocks

    def _decay_rows(self) -> list[Block]:
        """L2 and decay in closed form: what is left after the steps, and the half-life."""
        if not self._closed or not self._strength or self.as_printed:
            return []
        how, rate = self.question.how, self.question.how.rate
        parts = [each.convention.of_l2 for each in self.question.penalties]
        parts += ["decay"] if how.penalty.decay else []
        inner = f"({' + '.join(parts)})" if len(parts) > 1 else parts[0]
        numbers: dict[str, float] = {"lr": rate, "decay": how.penalty.decay}
        numbers |= {each.name: each.strength for each in self.question.penalties}
        numbers["n"] = self.question.n or 1
        factor = filled(f"1 - lr*{inner}", numbers, digits=12)
        lost = rate * self._strength
        moving = any(map(any, self.gradients))
        divisor = inner if inner.isalnum() else f"({inner.strip('()')})"
        whole = f"the distance to -grad/{divisor}" if moving else "a weight"
        rows = []
        if self.count > 1 and len(self.gradients) < 2:
            share = shrinkage(rate, self._strength, self.count)
            left = shown(share) if share or lost == 1 else "0 (below 5e-324)"
            told = f"({factor})**{self.count} = {left} of {whole} after {self.count:,} steps"
            rows.append(Row(("left", told)))
        half = half_life(rate, self._strength)
        if half is not None:
            never = "" if moving else "; exactly 0 it never is"
            formula = f"log(0.5)/log({factor})" if lost > 1e-9 else f"log(0.5)/log1p(-{lost:g})"
            rows.append(Row(("half-life", f"{formula} = {shown(half)} steps{never}")))
        elif lost >= 1:
            rows.append(Row(("half-life", f"none: {_overshoot(lost)}")))
        return [Block("ll", rows)]

    def _printed(self, index: int) -> tuple[float, str, str]:
        """What the notes' last line gives, as text too, and the right one beside it."""
        (each,) = self.question.penalties
        printed = f"(1 - lr*{each.convention.of_l2})*w - grad"
        right = printed.replace("- grad", "- lr*grad")
        numbers = text.numbers_of(self.question, self.told[-1], index)
        w, grad = numbers["w"], numbers["grad"]
        value = (1 - numbers["lr"] * each.coefficient) * w - grad
        return value, filled(printed, numbers), filled(right, numbers)

    def _misprint(self) -> list[Block]:
        """The printed formula that dropped the learning rate, beside the right one."""
        if not self.as_printed:
            return []
        (each,) = self.question.penalties
        factor = f"(1 - lr*{each.convention.of_l2})*w"
        rows = [
            Row(("as printed", f"{factor} - grad, which lost its learning rate"), "wrong"),
            Row(("right", f"{factor} - lr*grad")),
        ]
        for index, w in enumerate(self.value[: text.SHOWN_WEIGHTS]):
            value, printed, right = self._printed(index)
            numbers = text.numbers_of(self.question, self.told[-1], index)
            apart = filled("grad*(lr - 1)", numbers)
            rows += [
                Row(("as printed", f"{printed} = {shown(value)}"), "wrong"),
                Row(("right", f"{right} = {shown(w)}")),
                Row(("apart by", f"grad*(lr - 1) = {apart} = {shown(value - w)}")),
            ]
        return [Block("ll", rows)]

    def table(self) -> list[dict[str, object]] | None:
        """A record for each step, or of one step for each weight."""
        document: Any = self.document()
        found: list[dict[str, object]] | None = document.get("path") or document.get("terms")
        return found

    def document(self) -> dict[str, object]:
        """The question as it was read, the ``weights``, the ``terms`` and the ``path``."""
        document: dict[str, object] = {**described(self.question), "steps": self.count}
        document["weights"] = list(self.value)
        if self.told:
            document["terms"] = step_document(self.told[-1])
            if self.count > 1:
                document["path"] = [{"step": s.number, "weights": s.after} for s in self.told]
        if self.other is not None:
            document["l1"] = self._l1_document()
        if self._closed and self._strength:
            rate = self.question.how.rate
            document["l2"] = {
                "factor": finite(1 - rate * self._strength),
                "left": finite(shrinkage(rate, self._strength, self.count)),
                "half_life": half_life(rate, self._strength),
            }
        if self.as_printed:
            document["as_printed"] = [self._printed(i)[0] for i in range(len(self.weights))]
        return document | self.verification()

    def _l1_document(self) -> dict[str, object]:
        by_soft = self.question.how.penalty.proximal
        assert self.other is not None
        found: dict[str, object] = {
            "subgradient": list(self.other if by_soft else self.value),
            "soft_threshold": list(self.value if by_soft else self.other),
        }
        if reaches := self._reaches():
            for place, name in enumerate(("subgradient", "soft_threshold")):
                steps = [pair[place] for pair in reaches]
                found[f"{name}_zero"] = [r.rounded if r.tried else r.exact for r in steps]
        return found


def described(question: Question) -> dict[str, object]:
    """The question as JSON has it."""
    rule, settings, rate, penalty, clip = question.how
    document: dict[str, object] = {"optimizer": rule.name, "lr": rate, **settings}
    document["penalties"] = [
        {
            "name": each.name,
            "lambda": each.strength,
            "convention": each.factor,
            "coefficient": each.coefficient,
            "by": "soft threshold" if each.name == "l1" and penalty.proximal else "gradient",
        }
        for each in question.penalties
    ]
    document["decay"] = penalty.decay
    document["n"] = question.n
    for name, bound in (("clip_norm", clip.norm), ("clip_value", clip.value)):
        if bound < math.inf:
            document[name] = bound
    return document


def step_document(step: Step) -> list[dict[str, object]]:
    """The terms of a step as JSON has them, weight by weight."""
    return [
        {
            "w": step.before[index],
            "data_gradient": step.data[index],
            "clipped_gradient": step.clipped[index],
            "penalty_gradient": step.penalty[index],
            **({"kept": step.kept[index]} if step.kept[index] else {}),
            "new": step.after[index],
        }
        for index in range(len(step.before))
    ]


def _overshoot(lost: float) -> str:
    """What a step does that takes all of a weight or more."""
    if lost == 1:
        return "one step takes all"
    if lost < 2:
        return "each step goes past 0 and changes the sign"
    return "each step goes past 0 and as far again" if lost == 2 else "each step goes further away"


def finite(value: float) -> float | None:
    """A number as JSON has it: None if it has none."""
    return value if abs(value) < math.inf else None
