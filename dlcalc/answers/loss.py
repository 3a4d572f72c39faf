"""``dlcalc loss``: a loss at given targets and predictions, its gradient, its minimiser."""

from __future__ import annotations

from math import inf, isfinite, log
from typing import Any

from dlcalc.answers.activation_facts import json_number, short
from dlcalc.answers.loss_data import Data, Given, data
from dlcalc.answers.loss_minimum import Minimum, minimum
from dlcalc.errors import InputError, abridged
from dlcalc.formulas.losses.base import Loss, Reduced, Term, reduced
from dlcalc.formulas.losses.registry import Settings, entry, make
from dlcalc.result import Block, Finding, Result, Row

REDUCTIONS = ("mean", "sum", "none")
# A formula with numbers in it that is longer than this is of no use to eyes.
_LONGEST = 46
_LONGEST_ALONE = 60
# Relative differences that are rounding.
_SAME = 1e-14
# A sum with numbers in it has no more terms.
_SUMMANDS = 5


def loss(
    name: str,
    *,
    target: Given | None = None,
    prediction: Given | None = None,
    from_logits: bool = False,
    label_smoothing: float | None = None,
    weights: Given | None = None,
    reduction: str = "mean",
    delta: float | None = None,
    q: float | None = None,
    margin: float | None = None,
    half: bool = False,
    through: str | None = None,
    verify: bool = False,
) -> Result:
    """A loss of targets and predictions; without predictions, the constant that minimises it.

    With ``through``, an activation, the gradient that reaches the number before it.
    Raises `InputError` for what does not fit together.

    >>> loss("mse", target=[0, 1], prediction=[0.5, 1]).value
    0.125
    >>> loss("mae", target=[1.0, 2.0, 9.0]).value
    2.0
    """
    known, found = entry(name)
    if reduction not in REDUCTIONS:
        raise InputError(f"--reduction must be mean, sum or none, not {abridged(reduction)}")
    if target is None:
        raise InputError("no targets are given", mend="Give some, as in --target 0,1.")
    # Whether it takes its settings is looked at before the numbers, with any weights.
    some = None if weights is None else (1.0, 1.0)
    settings = Settings(from_logits, label_smoothing, some, delta, q, margin, half)
    made = make(known, settings)
    settings = settings._replace(weights=None)
    if through is not None:
        from dlcalc.answers.loss_through import through_activation

        if weights is not None:
            raise InputError("--through is about one example at a time: it takes no --weights")
        passed = through_activation(known, settings, target, prediction, through)
        if verify:
            passed.verify()
        return passed
    rows, settings = data(found, target, prediction, weights, settings)
    if settings.weights:
        made = make(known, settings)
    if not rows.predictions:
        if verify:
            raise InputError("--verify needs predictions", mend="Give some, by --prediction.")
        return MinimumResult(known, made, settings, rows, reduction)
    result = LossResult(known, made, settings, rows, reduction)
    if verify:
        result.verify()
    return result


class LossResult(Result):
    """A loss of examples. Its value is the reduced loss, without reduction that of each example."""

    def __init__(
        self, name: str, loss: Loss, settings: Settings, data: Data, reduction: str
    ) -> None:
        self.name, self.loss, self.settings = name, loss, settings
        self.data, self.reduction = data, reduction
        self.terms = [
            _finite(loss, term, t, x)
            for t, x in zip(data.targets, data.predictions, strict=True)
            for term in (loss.term(t, x),)
        ]
        divisor = data.divisor if reduction == "mean" else 1.0
        self.reduced: Reduced = reduced(self.terms, data.weights, divisor)
        self.minimum: Minimum = minimum(name, loss, settings, data, divisor)
        if self.reduced.value == inf:
            self.notes = [
                "what is true was given a probability of 0, which costs inf; "
                "PyTorch cuts the logarithm of bce at -100"
            ]
        self.findings: list[Finding] = []
        self.value: object = self.reduced.value
        if reduction == "none":
            values = tuple(term.value for term in self.reduced.terms)
            self.value = values if len(values) > 1 else values[0]

    @property
    def in_rows(self) -> bool:
        """Whether an example has several predictions."""
        return len(self.data.predictions[0]) > 1

    def verify(self) -> None:
        """Ask the engine and central differences for the same."""
        from dlcalc.answers.loss_proof import prove

        self.findings = prove(self)
        self.failure = " ".join(filter(None, (finding.failure for finding in self.findings)))

    def blocks(self) -> list[Block]:
        """The loss of each example with its derivatives, what minimises it, the reduced loss."""
        found = [Block("ll", [Row((self.name, self.loss.formula)), *self._conventions()])]
        found += self._by_class() if self.in_rows else [self._by_example()]
        rows = [*self.minimum.rows(), *self._stability(), *self._asides()]
        rows += [finding.row for finding in self.findings]
        if self.reduction == "none":
            return [*found[:1], Block("ll", rows), *found[1:]]
        label = f"{self.reduction}" if len(self.terms) > 1 else "loss"
        rows.append(Row((label, self._sum() + short(self.reduced.value)), "answer"))
        return [*found, Block("ll", rows)]

    def _conventions(self) -> list[Row]:
        """What the figures rely on, in words."""
        rows = [Row(("", "x is the prediction, t the target"), "aside")]
        if self.reduced.divisor != 1:
            rows.append(Row(("", "the derivatives are those of the mean"), "aside"))
        if self.data.classes is not None:
            rows.append(Row(("", "classes count from 0"), "aside"))
        if self.loss.kink:
            rows.append(Row(("", f"the derivative is taken as {self.loss.kink}"), "aside"))
        return rows

    def _by_example(self) -> Block:
        rows = [Row(("formula", "loss", "gradient", "second"))]
        for t, x, term in self._examples():
            rows.append(
                Row(
                    (
                        self._numbers(t, x),
                        short(self._unreduced(term.value)),
                        short(term.gradient[0]),
                        short(term.second[0]),
                    )
                )
            )
        if self.reduction == "none":
            rows[-1] = rows[-1]._replace(role="answer")
        return Block("lrrr", rows)

    def _by_class(self) -> list[Block]:
        blocks = []
        for number, (t, x, term) in enumerate(self._examples(), 1):
            columns = "l" + "r" * len(x)
            label = f"example {number}" if len(self.terms) > 1 else "prediction"
            wanted = "target" if abs(sum(t) - 1) < 1e-12 else "weighted"
            rows = [Row((label, *map(short, x)))]
            if self.settings.from_logits:
                from dlcalc.formulas.losses.entropies import log_softmax

                rows.append(Row(("softmax", *map(short, log_softmax(x)[1]))))
            rows += [
                Row((wanted, *map(short, t))),
                Row(("gradient", *map(short, term.gradient))),
                Row(("second", *map(short, term.second))),
            ]
            text = f"{self._numbers(t, x)} = {short(self._unreduced(term.value))}"
            last = number == len(self.terms) and self.reduction == "none"
            blocks += [
                Block(columns, rows),
                Block("ll", [Row(("loss", text), "answer" if last else "")]),
            ]
        return blocks

    def _examples(self) -> list[tuple[tuple[float, ...], tuple[float, ...], Term]]:
        return list(zip(self.data.targets, self.data.predictions, self.reduced.terms, strict=True))

    def _unreduced(self, value: float) -> float:
        """A term of the sum: the gradient beside it is that of the reduced loss."""
        return value * self.reduced.divisor

    def _numbers(self, target: tuple[float, ...], prediction: tuple[float, ...]) -> str:
        text = self.loss.numbers(target, prediction)
        longest = _LONGEST_ALONE if self.in_rows else _LONGEST
        return text if len(text) <= longest else self.loss.formula

    def _sum(self) -> str:
        """The reduction with the numbers in it, as long as they are few."""
        values = [self._unreduced(term.value) for term in self.reduced.terms]
        divisor = short(self.reduced.divisor)
        if len(values) == 1 and self.reduced.divisor == 1:
            return ""
        if len(values) > _SUMMANDS:
            return f"over {len(values):,} examples: "
        whole = " + ".join(map(short, values))
        if self.reduction == "sum":
            return f"{whole} = "
        return f"({whole})/{divisor} = " if len(values) > 1 else f"{whole}/{divisor} = "

    def _stability(self) -> list[Row]:
        """The loss by way of a rounded probability, beside the one from logits."""
        if not self.settings.from_logits:
            return []
        exact, naive = self.reduced.value, self.naive
        told = f"{short(naive)}, the logarithm of a probability in float64"
        if isfinite(naive):
            error = abs(naive - exact) / exact if exact else abs(naive)
            told += f": wrong by {error:.1e} of it" if error > _SAME else ": as good here"
        return [
            Row(("naive form", told), "" if isfinite(naive) else "wrong"),
            Row(("logits form", f"{short(exact)}, by {self.loss.formula}")),
        ]

    @property
    def naive(self) -> float:
        """The reduced loss by way of rounded probabilities, in float64."""
        from dlcalc.formulas.losses import naive
        from dlcalc.formulas.losses.entropies import sides

        pairs = list(zip(self.data.targets, self.data.predictions, strict=True))
        if self.name == "bce":
            smoothing = self.settings.label_smoothing or 0.0
            weights = self.settings.weights or (1.0, 1.0)
            values = [naive.binary(*sides(t, smoothing, weights), x[0]) for t, x in pairs]
        else:
            values = [naive.categorical(t, x) for t, x in pairs]
            if self.name == "kl":
                values += [p * log(p) for t, _ in pairs for p in t if p]
        return sum(values) / self.reduced.divisor

    def _asides(self) -> list[Row]:
        """Other conventions that go by the same name."""
        if self.name == "mse" and not self.settings.half:
            whole = self.reduced.value * self.reduced.divisor
            text = f"{short(whole / 2)} by the convention sum((x - t)**2)/2, --half --reduction sum"
            return [Row(("half sum", text), "aside")]
        return []

    def table(self) -> list[dict[str, object]]:
        """A record for each example."""
        document: Any = self.document()
        columns = {"loss": "losses", "gradient": "gradient", "second": "second"}
        numbers = zip(*(document[name] for name in columns.values()), strict=True)
        examples = zip(self.data.targets, self.data.predictions, numbers, strict=True)
        return [
            {"target": _alone(t), "prediction": _alone(x), **dict(zip(columns, row, strict=True))}
            for t, x, row in examples
        ]

    def document(self) -> dict[str, object]:
        """The reduced loss, ``losses``, ``gradient`` and ``second`` for each example."""
        terms = self.reduced.terms

        def listed(row: tuple[float, ...]) -> object:
            numbers = list(map(json_number, row))
            return numbers if self.in_rows else numbers[0]

        document: dict[str, object] = {
            "loss": self.name,
            "formula": self.loss.formula,
            "reduction": self.reduction,
            "value": json_number(self.reduced.value) if self.reduction != "none" else None,
            "losses": [json_number(self._unreduced(term.value)) for term in terms],
            "gradient": [listed(term.gradient) for term in terms],
            "second": [listed(term.second) for term in terms],
            "divisor": self.reduced.divisor,
            "minimiser": self.minimum.document(),
        }
        if self.settings.from_logits:
            document["naive"] = json_number(self.naive)
        if self.findings:
            document["verification"] = [
                {"name": part.name, "passed": part.passed, **part.document}
                for part in self.findings
            ]
        return document


def _alone(values: tuple[float, ...]) -> object:
    """The numbers of an example, or its only one."""
    numbers = list(map(json_number, values))
    return numbers if len(numbers) > 1 else numbers[0]


class MinimumResult(Result):
    """What minimises a loss over targets. Its value is that constant."""

    def __init__(
        self, name: str, loss: Loss, settings: Settings, data: Data, reduction: str
    ) -> None:
        self.name, self.loss = name, loss
        divisor = data.divisor if reduction == "mean" else 1.0
        self.minimum = minimum(name, loss, settings, data, divisor)
        self.value: object = self.minimum.value

    def blocks(self) -> list[Block]:
        """The formula, the least loss, and the constant."""
        head = Row((self.name, self.loss.formula))
        told = Row(("", "x is the prediction, t the target"), "aside")
        best, least = self.minimum.rows()
        return [Block("ll", [head, told, least, best._replace(role="answer")])]

    def document(self) -> dict[str, object]:
        """The loss and its minimiser."""
        return {
            "loss": self.name,
            "formula": self.loss.formula,
            "minimiser": self.minimum.document(),
        }


def _finite(loss: Loss, term: Term, target: tuple[float, ...], x: tuple[float, ...]) -> Term:
    """The term, unless rounding made it infinite: only a certain probability may do so."""
    certain = loss.name in ("bce", "ce", "kl") and not all(0 < p < 1 for p in x)
    if all(map(isfinite, (term.value, *term.gradient, *term.second))) or certain:
        return term
    shown = ",".join(map(short, x))
    raise InputError(f"{loss.name} of prediction {abridged(shown)} is beyond every float")
