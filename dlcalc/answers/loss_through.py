"""``dlcalc loss --through``: what of a loss's gradient reaches the number before an activation."""

from __future__ import annotations

from collections.abc import Sequence
from re import sub

from dlcalc.answers.activation_facts import json_number, short
from dlcalc.answers.loss_data import Given, data
from dlcalc.errors import InputError
from dlcalc.formulas.activations.base import Activation
from dlcalc.formulas.activations.registry import TOGETHER
from dlcalc.formulas.activations.registry import activation as named
from dlcalc.formulas.losses.base import Loss
from dlcalc.formulas.losses.registry import LOSSES, Settings, make
from dlcalc.result import Block, Finding, Result, Row

#: Where nothing else is asked for: from certain of one answer to certain of the other.
GRID = (-10.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 10.0)

# The variable of a formula, and not a letter of exp or max.
_X = r"\bx\b"


def through_activation(
    name: str, settings: Settings, target: Given, prediction: Given | None, word: str
) -> Through:
    """The gradients that a loss sends through an activation to numbers z.

    The predictions are taken as z, from -10 to 10 if there are none; one target
    serves them all. Raises `InputError` where a loss has no use for what comes out.
    """
    entry = LOSSES[name]
    if word.partition(":")[0].replace("-", "_") in TOGETHER or entry.target in (
        "classes",
        "shares",
    ):
        rule = "--through takes a function of one number, and a loss of one"
        raise InputError(rule, mend="For ce or kl behind a softmax say --from-logits instead.")
    if settings.from_logits:
        raise InputError("--through and --from-logits both say what comes before the sigmoid")
    of, loss = named(word), make(name, settings)
    plain = Settings()
    given, _ = data(entry, target, None, None, plain)
    targets = [row[0] for row in given.targets]
    zs = list(GRID)
    if prediction is not None:
        before, _ = data(entry._replace(target="number"), prediction, None, None, plain)
        zs = [row[0] for row in before.targets]
    if len(targets) == 1:
        targets *= len(zs)
    if len(targets) != len(zs):
        rule = f"there are {len(targets)} targets for {len(zs)} numbers before the {of.name}"
        raise InputError(rule, mend="Give one target for all, or one for each.")
    lowest, highest = {"share": (0, 1), "pair": (0, float("inf"))}.get(entry.target, (None, None))
    for z in zs:
        x = of.value(z)
        if lowest is not None and highest is not None and not lowest <= x <= highest:
            what = "probability" if entry.target == "share" else "distance"
            raise InputError(f"{of.name} of {short(z)} is {short(x)}, which is no {what}")
    return Through(name, loss, settings, of, zs, targets)


class Through(Result):
    """Gradients through an activation. Its value is those that reach z, each for one example."""

    tabled = "points"

    def __init__(
        self,
        name: str,
        loss: Loss,
        settings: Settings,
        of: Activation,
        zs: Sequence[float],
        targets: Sequence[float],
    ) -> None:
        self.name, self.loss, self.settings, self.of = name, loss, settings, of
        self.zs, self.targets = zs, targets
        # Cross-entropy behind a sigmoid starts from z itself, where nothing is rounded away.
        logits = settings._replace(from_logits=True) if name == "bce" else Settings(True)
        crossed = make("bce", logits)
        behind = of.name == "sigmoid" and all(0 <= t <= 1 for t in targets)
        self.crossed = [
            crossed.term((t,), (z,)).gradient[0] for z, t in zip(zs, targets, strict=True) if behind
        ]
        self.reached = self.crossed
        if name != "bce" or not behind:
            self.reached = [self._product(z, t) for z, t in zip(zs, targets, strict=True)]
        self.findings: list[Finding] = []
        self.value: object = tuple(self.reached) if len(zs) > 1 else self.reached[0]

    def _product(self, z: float, target: float) -> float:
        slope = self.of.slope(z)
        return self._at(z, target) * slope + 0.0 if slope else 0.0

    def _at(self, z: float, target: float) -> float:
        return self.loss.term((target,), (self.of.value(z),)).gradient[0]

    def verify(self) -> None:
        """Ask the engine's backward pass for the same."""
        from dlcalc.answers.loss_proof import prove_through

        self.findings = [prove_through(self)]
        self.failure = self.findings[0].failure

    def blocks(self) -> list[Block]:
        """A row for each z, from the loss back to it."""
        of, compared = self.of, self.name != "bce" and bool(self.crossed)
        head = [
            Row((self.name, f"{self.loss.formula} of x = {of.name}(z) and target t")),
            Row(("reaches z", f"the derivative by x, times {sub(_X, 'z', of.derivative)}")),
        ]
        if compared:
            head.append(Row(("bce", "x - t reaches z: the slope of the sigmoid cancels")))
        rows = [Row(("z", "t", "x", "slope", "by x", "reaches z", *(("bce",) if compared else ())))]
        for index, (z, t, reached) in enumerate(
            zip(self.zs, self.targets, self.reached, strict=True)
        ):
            cells = [z, t, of.value(z), of.slope(z), self._at(z, t), reached]
            if compared:
                cells.append(self.crossed[index])
            rows.append(Row(tuple(map(_brief, cells))))
        rows[-1] = rows[-1]._replace(role="answer")
        found = [Block("ll", [*head, *self._lesson(), *(part.row for part in self.findings)])]
        return [*found, Block("r" * len(rows[0].cells), rows)]

    def _lesson(self) -> list[Row]:
        """By how much more cross-entropy learns where the answer is most wrong."""
        if self.name == "bce" or not self.crossed:
            return []
        index = max(range(len(self.zs)), key=lambda n: abs(self.crossed[n]))
        passed, crossed = abs(self.reached[index]), abs(self.crossed[index])
        if not passed:
            return []
        text = f"{short(crossed / passed)} times as much gradient by bce at z = "
        return [Row(("most wrong", text + short(self.zs[index])))]

    def document(self) -> dict[str, object]:
        """``points``: an object for each z."""
        points = []
        for index, (z, t) in enumerate(zip(self.zs, self.targets, strict=True)):
            point: dict[str, object] = {
                "z": z,
                "target": t,
                "prediction": self.of.value(z),
                "slope": self.of.slope(z),
                "by_prediction": json_number(self._at(z, t)),
                "reaches": self.reached[index],
            }
            if self.crossed:
                point["bce"] = self.crossed[index]
            points.append(point)
        document: dict[str, object] = {
            "loss": self.name,
            "through": self.of.name,
            "formula": self.loss.formula,
            "points": points,
        }
        if self.findings:
            document["verification"] = [
                {"name": part.name, "passed": part.passed, **part.document}
                for part in self.findings
            ]
        return document


def _brief(number: float) -> str:
    # Seven columns side by side.
    return f"{number + 0.0:.5g}"
