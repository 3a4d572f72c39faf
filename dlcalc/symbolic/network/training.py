"""Gradients for training by the derived equations, read from their text and evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlcalc.engine.losses import Criterion
from dlcalc.engine.program import Program
from dlcalc.errors import InputError
from dlcalc.expr.parse import parse
from dlcalc.nets.trace import Step
from dlcalc.symbolic.matrix.evaluate import evaluate
from dlcalc.symbolic.network.equations import LOSS, Equations, derive
from dlcalc.symbolic.network.model import blocks
from dlcalc.symbolic.network.rules import TRAINED


def derived(steps: tuple[Step, ...], loss: str) -> Equations:
    """The equations of a net of dense layers under the engine's loss of a batch.

    Raises `InputError` where they have no matrix form for a batch.
    """
    if loss not in TRAINED:
        names = ", ".join(name.replace("_", "-") for name in TRAINED)
        raise InputError(
            f"the equations of the loss {loss.replace('_', '-')} are not known here",
            mend=f"There are {names}.",
        )
    trained = TRAINED[loss]
    found = blocks(steps)
    if trained.activation and found[-1].activation != "identity":
        raise InputError(f"the net ends in {found[-1].activation}, and the loss takes logits")
    if trained.activation:
        found[-1] = found[-1]._replace(activation=trained.activation)
    equations = derive(found, trained.loss, divisor=trained.divisor)
    if not equations.batch:
        words = ", ".join(sorted({b.word for b in found} - {"dense", "identity"}))
        raise InputError(
            f"a net is trained by its derived equations if it is dense, without {words}"
        )
    return equations


def gradient_of(steps: tuple[Step, ...], loss: str) -> Callable[[Program, Criterion], Any]:
    """What makes a trainer write its gradients by the derived equations."""
    equations = derived(steps, loss)
    lines = [
        (line.symbol, parse(line.text.batch)) for line in equations.lines if line.stage != LOSS
    ]
    tensors = {letter: names[0] for b in equations.blocks for letter, names in b.tensors.items()}

    def made(program: Program, criterion: Criterion) -> Callable[[], None]:
        def write() -> None:
            arrays: dict[str, Any] = {
                letter: program.tensors[name].value for letter, name in tensors.items()
            }
            arrays["a1"] = program.input.data
            arrays["y"] = _targets(criterion)
            arrays["N"], arrays["M"] = len(program.input.data), program.output.data.size
            for symbol, expr in lines:
                arrays[symbol] = evaluate(expr, arrays)
            for letter, name in tensors.items():
                program.tensors[name].gradient[...] = arrays[f"d{letter}"]

        return write

    return made


def _targets(criterion: Criterion) -> Any:
    """The targets as numbers for each output: classes become rows of 0 and one 1."""
    if criterion.entry.target == "classes":
        return np.eye(criterion.x.shape[-1])[criterion.target]
    return criterion.target
