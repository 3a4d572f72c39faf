"""What an output is held against: targets in the form a loss takes, and the metric of outputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.criterion import LOSSES
from dlcalc.engine.losses import Criterion
from dlcalc.engine.operation import Array, Value
from dlcalc.engine.tasks.task import Kind
from dlcalc.errors import InputError, nearest
from dlcalc.numbers import number

__all__ = ["Aim", "Criterion", "Value"]

#: What the number behind a loss is.
_NUMBERS = {"huber": "delta", "quantile": "q", "hinge": "margin", "multiclass_hinge": "margin"}
#: Losses whose outputs are logits or margins, so that 0 parts two classes, not 1/2.
_AROUND_ZERO = ("binary_cross_entropy", "hinge")


class Aim(NamedTuple):
    """A loss, the kind of the targets, the number of classes (or numbers), the net's last size.

    ``number`` is the one that the loss takes: huber's delta, the quantile, a hinge's
    margin; ``smoothing`` and ``weights`` as in `Criterion`.
    """

    loss: str
    kind: Kind
    outputs: int
    last: int
    number: float | None = None
    smoothing: float = 0.0
    weights: tuple[float, ...] | None = None

    @property
    def text(self) -> str:
        """The loss as it is asked for.

        >>> aim("quantile:0.9", "numbers", 1, 1).text
        'quantile:0.9'
        """
        shown = self.loss.replace("_", "-")
        return shown if self.number is None else f"{shown}:{self.number:g}"

    def criterion(self, prediction: Value) -> Criterion:
        """The loss at work on a prediction. Raises `InputError` for what it does not take."""
        settings: dict[str, Any] = {"smoothing": self.smoothing, "weights": self.weights}
        if self.number is not None:
            settings[_NUMBERS[self.loss]] = self.number
        return Criterion(self.loss, prediction, **settings)

    @property
    def metric(self) -> str:
        """By what training is judged."""
        return "rmse" if self.kind == "numbers" else "accuracy"

    def encoded(self, targets: Array, dtype: np.dtype[np.floating]) -> Array:
        """Targets as the loss takes them."""
        wanted = LOSSES[self.loss].target
        if self.kind == "numbers":
            return targets.astype(dtype)
        if wanted == "classes":
            return targets.astype(np.intp)
        if self.last == 1:
            marks: Array = targets[..., None].astype(dtype)
        else:
            marks = np.eye(self.outputs, dtype=dtype)[targets]
        return 2 * marks - 1 if wanted == "signs" else marks

    def measured(self, outputs: Array, targets: Array) -> float:
        """The metric of outputs by the targets as the task gives them."""
        if self.kind == "numbers":
            return float(np.sqrt(np.mean((outputs - targets) ** 2)))
        return float(np.mean(self.predicted(outputs) == targets))

    def predicted(self, outputs: Array) -> Array:
        """The classes that outputs stand for."""
        if self.last == 1:
            border = 0.0 if self.loss in _AROUND_ZERO else 0.5
            found: Array = (outputs[..., 0] > border).astype(np.intp)
        else:
            found = outputs.argmax(axis=-1)
        return found


def aim(loss: str, kind: Kind, outputs: int, last: int) -> Aim:
    """The aim of a loss by its name, with - for _. Raises `InputError` if it does not suit.

    >>> aim("binary-cross-entropy", "classes", 2, 1).metric
    'accuracy'
    """
    loss, colon, written = loss.partition(":")
    name = loss.replace("-", "_")
    usable = [word for word, entry in LOSSES.items() if entry.target != "pairs"]
    if kind == "numbers":
        usable = [w for w in usable if LOSSES[w].target == "numbers" and "entropy" not in w]
    shown = [word.replace("_", "-") for word in usable]
    if name not in usable:
        near = nearest(loss, shown)
        what = "for numbers" if kind == "numbers" else "for classes"
        rule = f"{loss} is not a loss {what}" if name in LOSSES else f"there is no loss {loss}"
        mend = f"Did you mean {near}?" if near and near != loss else f"Take {', '.join(shown)}."
        raise InputError(rule, mend=mend)
    if LOSSES[name].target == "classes" and last != outputs:
        raise InputError(
            f"{loss} needs an output for each of the {outputs} classes, not {last}",
            mend=f"End the net in {outputs}, or take --loss binary-cross-entropy.",
        )
    return Aim(name, kind, outputs, last, _number(loss, name, written) if colon else None)


def balanced(targets: Array, classes: int) -> tuple[float, ...]:
    """A weight for each class by which all count alike: examples/(classes * those of the class).

    A class without examples counts as one with a single one.

    >>> balanced(np.array([0, 0, 0, 1]), 2)
    (0.6666666666666666, 2.0)
    """
    counts = np.bincount(targets.ravel(), minlength=classes)
    return tuple((targets.size / (classes * np.maximum(counts, 1))).tolist())


def _number(loss: str, name: str, written: str) -> float:
    if name not in _NUMBERS:
        raise InputError(f"{loss} takes no number", mend=f"Write {loss} alone.")
    return number(written, f"the number of {loss}")
