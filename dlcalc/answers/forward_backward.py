"""``dlcalc forward --backward``: the gradients of a loss by every tensor and by the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.answers.forward_data import fitted, numbers
from dlcalc.answers.forward_layers import TOLERANCE
from dlcalc.answers.verified import apart
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.formulas.layers.loss import by_numbers, cross_entropy
from dlcalc.formulas.layers.worked import Worked
from dlcalc.numbers import number
from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array
    from dlcalc.engine.program import Program

SUM = "sum"
#: Predictions of more numbers are not written into the formula of a loss.
_WRITTEN = 64
#: Relative error up to which the gradient of a loss passes; differences serve beside kinks.
_LOSS = 1e-5


#: The numbers that losses take.
_SETTINGS = {
    "huber": ("delta",),
    "quantile": ("q",),
    "hinge": ("margin",),
    "multiclass_hinge": ("margin",),
    "contrastive": ("margin",),
    "cross_entropy": ("smoothing",),
    "binary_cross_entropy": ("smoothing",),
}


class Asked(NamedTuple):
    """What the gradients are of: a loss with its target, the sum of the output, or a cotangent.

    ``settings`` are numbers that the loss takes, such as huber's delta.
    """

    loss: str
    target: object = None
    cotangent: object = None
    settings: Mapping[str, float] = MappingProxyType({})

    @property
    def shown(self) -> str:
        """The loss as it was asked for."""
        given = ",".join(f"{name}={value:g}" for name, value in self.settings.items())
        name = self.loss.replace("_", "-")
        return f"{name}:{given}" if given else name


class Backward(NamedTuple):
    """A loss, its cotangent of the output, and the gradients by name, the input's the last."""

    loss: str
    value: float
    formula: Worked | None
    cotangent: Array
    gradients: dict[str, Array]
    findings: tuple[Finding, ...]
    #: What could not be checked, and why.
    left_out: tuple[str, ...]


def asked(backward: str | None, target: object, cotangent: object) -> Asked | None:
    """What was asked for; None if nothing was. Refuses what contradicts."""
    if backward is None and cotangent is None:
        if target is not None:
            raise InputError(
                "--target is for a loss, which is missing", mend="Name one, as in --backward mse."
            )
        return None
    if cotangent is not None and backward is not None:
        raise InputError("--cotangent stands for a loss of its own, so --backward has no use")
    if cotangent is not None:
        if target is not None:
            raise InputError("--cotangent takes no --target")
        return Asked("", cotangent=cotangent)
    assert backward is not None
    name, colon, rest = backward.partition(":")
    loss = _loss(name, target)
    return Asked(loss, target, settings=_settings(loss, rest) if colon else {})


def _settings(loss: str, text: str) -> dict[str, float]:
    """The numbers of a loss, as in huber:delta=2."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if name not in _SETTINGS.get(loss, ()) or not sign or name in found:
            takes = " and ".join(_SETTINGS.get(loss, ())) or "nothing"
            shown = loss.replace("_", "-")
            raise InputError(
                f"{shown} does not take {abridged(part) or 'an empty word'}",
                mend=f"It takes {takes}."
                if takes == "nothing"
                else f"It takes {takes}, as in {shown}:{_SETTINGS[loss][0]}=0.5.",
            )
        found[name] = number(value, name)
    return found


def _loss(name: str, target: object) -> str:
    import dlcalc.engine.losses as losses

    key = name.replace("-", "_")
    if key == SUM:
        if target is not None:
            raise InputError("--backward sum takes no --target")
        return key
    if key not in losses.LOSSES:
        known = [SUM, *[loss.replace("_", "-") for loss in losses.LOSSES]]
        close = nearest(name, known)
        mend = f"Did you mean {close}?" if close else f"There are {', '.join(known)}."
        raise InputError(f"there is no loss {abridged(name)}", mend=mend)
    if target is None:
        example = "--target 2" if losses.LOSSES[key].target == "classes" else "--target 0.5"
        raise InputError(f"--backward {name} needs --target", mend=f"Such as {example}.")
    return key


class Point(NamedTuple):
    """A program that has run forward, what it was drawn and kept before, and twins of it."""

    program: Program
    twin: Callable[[Any], Program]
    draws: Mapping[str, Any]
    statistics: dict[str, Array]
    layout: str
    words: bool
    passes: int


def run(wanted: Asked, at: Point, output: Array) -> Backward:
    """All gradients, held against true derivatives at the same point."""
    import numpy as np

    program = at.program
    findings: list[Finding] = []
    left_out: list[str] = []
    formula: Worked | None = None
    if wanted.loss and wanted.loss != SUM:
        value, formula, found = _at_loss(wanted, program, at.layout)
        if isinstance(found, str):
            left_out.append(found)
        elif found is not None:
            findings.append(found)
    else:
        given = np.ones_like(output)
        if wanted.cotangent is not None:
            flat = fitted(
                numbers(wanted.cotangent, "--cotangent"), output.shape, "the output", "--cotangent"
            )
            given = np.reshape(flat, output.shape)
        program.output.cotangent[...] = given
        value = float(np.sum(given * output))
    cotangent = program.output.cotangent.copy()
    program.backward()
    gradients = {name: tensor.gradient.copy() for name, tensor in program.tensors.items()}
    if not at.words:
        gradients["input"] = program.input.cotangent.copy()
    checked = _checked(at, cotangent, gradients)
    if isinstance(checked, str):
        left_out.append(checked)
    else:
        findings.append(checked)
    kept = (tuple(findings), tuple(left_out))
    return Backward(wanted.shown, value, formula, cotangent, gradients, *kept)


def _at_loss(
    wanted: Asked, program: Program, layout: str
) -> tuple[float, Worked | None, Finding | str | None]:
    """The loss of the output, its formula, and what is wrong with it; its cotangent is written."""
    import numpy as np

    from dlcalc.engine.losses import Criterion

    data = program.output.data
    axis = 1 if layout == "chw" and data.ndim > 3 else -1
    settings: dict[str, Any] = {"axis": axis, **wanted.settings}
    criterion = Criterion(wanted.loss, program.output, **settings)
    name = f"the target of {wanted.shown}"
    flat = fitted(numbers(wanted.target, "--target"), criterion.target.shape, name, "--target")
    target = np.reshape(flat, criterion.target.shape)
    criterion.set_target(target)
    value = float(criterion.forward())
    criterion.backward()
    formula = None
    if not wanted.settings:
        formula = _formula(wanted.loss, np.moveaxis(data, axis, -1), target)
    return value, formula, _loss_finding(wanted.loss, value, formula, data, target, settings)


def _formula(loss: str, prediction: Array, target: Array) -> Worked | None:
    if loss == "cross_entropy":
        rows = prediction.reshape(-1, prediction.shape[-1]).tolist()
        return cross_entropy(rows, [int(c) for c in target.ravel()])
    if prediction.shape != target.shape:
        return None
    return by_numbers(loss, prediction.ravel().tolist(), target.ravel().tolist())


def _loss_finding(
    loss: str,
    value: float,
    formula: Worked | None,
    output: Array,
    target: Array,
    settings: dict[str, Any],
) -> Finding | str | None:
    """What is wrong with a loss, or why it was not looked at; None if all is well."""
    from dlcalc.engine.at_point import loss_error

    if formula is not None and not formula.agrees(value, TOLERANCE):
        sentence = f"{value:.9g} by the engine, but {formula.value:.9g} by its formula"
        return Finding("the loss", False, sentence)
    if output.size > _WRITTEN or value - value != 0:
        return "the gradient of the loss by the output"
    error = loss_error(loss, output, target, settings)
    if error is None:
        return "the gradient of the loss by the output, beside which it has a kink"
    if error > _LOSS:
        return Finding("the gradient of the loss", False, f"it is off by {error:.1e} of itself")
    return None


def _checked(at: Point, cotangent: Array, gradients: dict[str, Array]) -> Finding | str:
    """The gradients by a complex step or differences at this very point, or why not."""
    import numpy as np

    from dlcalc.engine.at_point import check_here

    if not all(np.isfinite(array).all() for array in (*gradients.values(), at.program.output.data)):
        return "gradients: those that are not finite cannot be checked"
    found = check_here(
        at.program,
        at.twin,
        at.draws,
        at.statistics,
        cotangent,
        words=at.words,
        passes=at.passes,
    )
    if not found.entries:
        return "gradients: there is nothing to take one by"
    if not found.looked_at:
        return "gradients: every entry lies at a kink"
    document = {
        "method": found.method,
        "largest_relative_error": found.difference,
        "entries": found.entries,
        "looked_at": found.looked_at,
        "undecided": found.undecided,
    }
    if found.error > found.tolerance:
        sentence = f"{found.worst} is off by {found.error:.1e} of itself, by {found.method}"
        return Finding("gradients", False, sentence, document)
    many = f"{found.looked_at:,} of {found.entries:,} entries"
    if found.looked_at == found.entries:
        many = "1 entry" if found.entries == 1 else f"all {found.entries:,} entries"
    told = apart(found.difference, 1.0, "relative error")
    sentence = f"gradients by {found.method}, {many}, {told}"
    if found.undecided:
        kinks = ", ".join(f"{count} of {name}" for name, count in found.undecided.items())
        sentence += f"; at a kink, so undecided: {kinks}"
    return Finding("gradients", True, sentence, document)
