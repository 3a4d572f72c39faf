"""Training that diverged: where it shows first, what went before, what to try."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dlcalc.engine.operation import Array
from dlcalc.engine.program import Program
from dlcalc.engine.roles import GATES


class Divergence(NamedTuple):
    """A divergence; ``norms`` are the gradient's in the steps before, the latest last."""

    step: int
    epoch: int
    what: str
    where: str
    norms: tuple[float, ...]
    advice: str

    def __str__(self) -> str:
        norms = ", ".join(f"{norm:.3g}" for norm in self.norms)
        before = f" Gradient norms of the steps before: {norms}." if norms else ""
        return (
            f"training diverged at step {self.step:,} (epoch {self.epoch:,}): {self.what}; "
            f"{self.where}.{before} {self.advice}"
        )


def explain(
    program: Program,
    loss: float,
    first: float,
    *,
    step: int,
    epoch: int,
    norms: tuple[float, ...],
    rate: float,
    clipped: bool,
) -> Divergence:
    """Look at the program as the step left it."""
    if math.isfinite(loss):
        finite = bool(np.isfinite(program.gradient).all())
        ran = f"the loss ran away from {first:.3g} to {loss:.3g}"
        what = ran if finite else "the gradient is not finite"
    else:
        what = f"the loss is {loss}"
    return Divergence(step, epoch, what, _where(program), norms, _advice(program, rate, clipped))


def _where(program: Program) -> str:
    """The first place, in the order of the pass, that holds no finite number; else the largest."""
    numbers = {name: index for index, (name, _, _) in enumerate(program.trail, start=1)}
    texts = {name: node.head for name, node, _ in program.trail}

    def layer_of(tensor: str) -> str:
        home = tensor
        while home and home not in texts:
            home = home.rpartition(".")[0]
        return f" (layer {numbers[home]}, {texts[home]})" if home else ""

    for name, tensor in program.tensors.items():
        if bad := _bad(tensor.value):
            return f"{name}{layer_of(name)} holds {bad}"
    for name, _, value in program.trail:
        if bad := _bad(value.data):
            return f"the output of {name}{layer_of(name)} is the first that holds {bad}"
    # Gradients come from behind: the last tensor got its own first.
    for name, tensor in reversed(program.tensors.items()):
        if bad := _bad(tensor.gradient):
            return f"the gradient of {name}{layer_of(name)} is the first that holds {bad}"
    sizes = {n: float(np.max(np.abs(t.value), initial=0.0)) for n, t in program.tensors.items()}
    largest = max(sizes, key=lambda name: sizes[name])
    return f"{largest}{layer_of(largest)} has grown to {sizes[largest]:.3g}"


def _bad(array: Array) -> str:
    if np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "infinity"


def _advice(program: Program, rate: float, clipped: bool) -> str:
    lower = rate / 10 if rate <= 1 else 0.01
    advice = f"Try --lr {lower:g} instead of {rate:g}"
    recurrent = any(node.layer.words[0] in GATES for _, node, _ in program.trail)
    if not clipped:
        advice += ", or --clip-norm 1" + (", as recurrent nets often need" if recurrent else "")
    return advice + "."
