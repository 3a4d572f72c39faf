"""How much memory a net takes: parameters, gradients, optimiser, activations.

Mixed precision as in Rajbhandari, Rasley, Ruwase and He, "ZeRO: Memory
Optimizations Toward Training Trillion Parameter Models", 2020, section 3: 16
bytes a parameter for Adam in float16.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.answers.counting import Sums
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.layers.size import Size, as_json, product
from dlcalc.nets.trace import Step

#: Bits of one number.
DTYPES = {
    "float64": 64,
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "fp8": 8,
    "int8": 8,
    "int4": 4,
}
#: Numbers that an optimiser keeps for each parameter.
OPTIMIZERS = {
    "sgd": 0,
    "momentum": 1,
    "nesterov": 1,
    "adagrad": 1,
    "rmsprop": 1,
    "adadelta": 2,
    "adam": 2,
    "adamw": 2,
}
_WHOLE = ("int8", "int4")


class Memory(NamedTuple):
    """Bytes. Those of training are 0 where no optimiser was asked for."""

    dtype: str
    batch: Size
    optimizer: str | None
    parameters: Size
    buffers: Size
    #: Parameters and buffers of auxiliary heads, in training only.
    auxiliary: Size
    gradients: Size
    optimizer_state: Size
    master_copy: Size
    #: The input and what every layer makes of it, kept for the backward pass.
    activations: Size
    #: The most that is alive at once when nothing is kept; None for unknown sizes.
    inference_activations: int | None
    kv_cache_per_token: Size

    @property
    def training(self) -> Size:
        """All that training holds at once."""
        held = self.parameters + self.buffers + self.auxiliary + self.activations
        return held + self.gradients + self.optimizer_state + self.master_copy

    @property
    def inference(self) -> Size | None:
        """All that using the net holds at once, keys and values not counted."""
        if self.inference_activations is None:
            return None
        return self.parameters + self.buffers + self.inference_activations

    def document(self) -> dict[str, object]:
        """The bytes as JSON."""
        found: dict[str, object] = {
            "dtype": self.dtype,
            "batch": as_json(self.batch),
            "optimizer": self.optimizer,
            "parameters": as_json(self.parameters),
            "buffers": as_json(self.buffers),
        }
        if self.optimizer:
            found |= {
                "auxiliary": as_json(self.auxiliary),
                "gradients": as_json(self.gradients),
                "optimizer_state": as_json(self.optimizer_state),
                "master_copy": as_json(self.master_copy),
                "activations": as_json(self.activations),
                "training": as_json(self.training),
            }
        alive, inference = self.inference_activations, self.inference
        found["inference_activations"] = alive
        found["inference"] = None if inference is None else as_json(inference)
        return found


def memory(
    steps: tuple[Step, ...],
    sums: Sums,
    auxiliary: Sums,
    *,
    dtype: str = "float32",
    batch: Size = 1,
    optimizer: str | None = None,
) -> Memory:
    """The memory of a net. Raises `InputError` for an unknown type or optimiser."""
    check(dtype, optimizer)
    bits = DTYPES[dtype]
    trained = sums.parameters + auxiliary.parameters
    state: Size = 0
    gradients: Size = 0
    master: Size = 0
    if optimizer is not None:
        # Gradients in 8 bits lose too much: they are kept in 16.
        gradients = size_in_bytes(trained, max(bits, 16))
        state = size_in_bytes(OPTIMIZERS[optimizer] * trained, max(bits, 32))
        master = size_in_bytes(trained, 32) if bits < 32 else 0
    alive = peak(steps)
    heads = auxiliary.parameters + auxiliary.buffers
    kept = (
        sums.activations + auxiliary.activations + (product(steps[0].input.sizes) if steps else 0)
    )
    return Memory(
        dtype,
        batch,
        optimizer,
        size_in_bytes(sums.parameters, bits),
        size_in_bytes(sums.buffers, bits),
        size_in_bytes(heads, bits) if optimizer is not None else 0,
        gradients,
        state,
        master,
        size_in_bytes(batch * kept, bits) if optimizer is not None else 0,
        None if alive is None or not isinstance(batch, int) else -(-batch * alive * bits // 8),
        size_in_bytes(sums.kv_cache, bits),
    )


def check(dtype: str, optimizer: str | None) -> None:
    """Raise `InputError` for an unknown type or optimiser, or for two that do not go together."""
    _known(dtype, "dtype", DTYPES)
    if optimizer is None:
        return
    _known(optimizer, "optimizer", OPTIMIZERS)
    if dtype in _WHOLE:
        raise InputError(
            f"nothing is trained in {dtype}: it holds no gradients",
            mend="Ask for it without an optimizer, or train in bfloat16.",
        )


def size_in_bytes(values: Size, bits: int) -> Size:
    """Bytes of that many values; a half byte counts as one.

    >>> size_in_bytes(3, 4), size_in_bytes(3, 16)
    (2, 6)
    """
    return values * (bits // 8) if bits % 8 == 0 else (values * bits + 7) // 8


def peak(steps: tuple[Step, ...], waits: bool = False) -> int | None:
    """The most values alive at once when layers run in order and nothing is kept.

    A layer's input and output are alive while it runs, and what later branches
    still read; a merge writes anew. ``waits`` says that the first input is read
    again later. None for unknown sizes.
    """
    most, start = 0, 0
    for number, step in enumerate(steps):
        before, after = product(step.input.sizes), product(step.output.sizes)
        if not isinstance(before, int) or not isinstance(after, int):
            return None
        start = start if number else before
        waiting = start if waits and number else 0
        if step.branches and not step.node.layer.auxiliary:
            inside = _peak_of_branches(step, before, after, waits and not number)
            if inside is None:
                return None
            most = max(most, waiting + inside)
        elif not step.branches:
            most = max(most, waiting + before + after)
    return most


def _peak_of_branches(step: Step, before: int, after: int, waits: bool) -> int | None:
    """The same for the branches of one layer and their merge."""
    lone = len(step.branches) == 1 and step.node.layer.merges_input
    most = held = 0
    for left, branch in zip(range(len(step.branches) - 1, -1, -1), step.branches, strict=True):
        inside = peak(branch, waits or lone or left > 0)
        last = product(branch[-1].output.sizes)
        if inside is None or not isinstance(last, int):
            return None
        most = max(most, held + inside)
        held += last
    return max(most, held + after + (before if lone or waits else 0))


def _known(name: str, what: str, names: dict[str, int]) -> None:
    if name in names:
        return
    close = nearest(name, names)
    mend = f"Did you mean {close}?" if close else f"There are {', '.join(names)}."
    raise InputError(f"{abridged(name)} is no {what}", mend=mend)
