"""Keras as the witness of numbers: outputs and gradients of small random layers and nets.

The nets are those of `keras_layers`, while evaluating. A weight of Keras holds dlcalc's
numbers in another order, or several of its tensors: `weights_of` says where.

    python tests/oracles/keras_arrays.py --record     writes tests/data/keras_arrays.npz
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"  # Read at the first import of Keras.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np
import torch
from keras import layers
from keras.src.backend.common import dtypes
from oracles import keras_layers
from oracles.arrays import (
    Array,
    Record,
    distance,
    main,
    numbers,
    statistic,
    usable,
    word_numbers,
    write,
)
from oracles.drawing import Rejected
from oracles.keras_parts import Draw, Part
from torch import Tensor

RECORD_SEED, RECORD_DRAWS, RECORD_EACH = 20_262, 3_000, 8
BATCH = 2
_NAMES = {
    "gamma": "weight",
    "scale": "weight",
    "alpha": "weight",
    "embeddings": "weight",
    "beta": "bias",
    "bias": "bias",
    "kernel": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_SEQUENCES = (layers.LSTM, layers.GRU, layers.SimpleRNN)


def _places(layer: Any, name: str, indices: Array) -> dict[str, Array]:
    """Where each number of dlcalc's tensors stands in a weight, whose own are 0, 1, 2, ..."""
    last = indices.ndim - 1
    if name == "kernel":  # The axes of the window, then inputs and outputs, or the reverse.
        indices = indices.transpose(last, last - 1, *range(last - 1))
    if name == "alpha" and layer.shared_axes:
        indices = indices.ravel()
    return {_NAMES[name]: indices}


def _recurrent_places(layer: Any, name: str, indices: Array, end: str) -> dict[str, Array]:
    """Gates side by side; a GRU's in the order update, reset, candidate."""
    if isinstance(layer, layers.GRU):
        z, r, n = np.split(indices, 3, -1)
        indices = np.concatenate([r, z, n], -1)
    if name == "bias":
        if indices.ndim == 1:
            return {f"bias_l{end}": indices}
        return {f"bias_ih_l{end}": indices[0], f"bias_hh_l{end}": indices[1]}
    side = "hh" if name == "recurrent_kernel" else "ih"
    return {f"weight_{side}_l{end}": indices.T}


def _attention_places(part: str, name: str, indices: Array) -> dict[str, Array]:
    """Heads and the size of each are axes of their own."""
    if name == "bias":
        return {f"{part}.bias": indices.ravel()}
    if part == "output":
        return {f"{part}.weight": indices.reshape(-1, indices.shape[-1]).T}
    return {f"{part}.weight": indices.reshape(len(indices), -1).T}


def weights_of(layer: Any, number: int) -> Iterator[tuple[Any, dict[str, Array]]]:
    """Each weight of the layer that is so many behind its first, and where its numbers are."""
    sides = [("", layer)]
    if isinstance(layer, layers.Bidirectional):
        sides = [("", layer.forward_layer), ("_reverse", layer.backward_layer)]
    for end, one in sides:
        for weight in one.weights:
            name = weight.path.rpartition("/")[2]
            indices = np.arange(int(np.prod(weight.shape))).reshape(weight.shape)
            if isinstance(one, _SEQUENCES):
                found = _recurrent_places(one, name, indices, f"{number}{end}")
            elif isinstance(one, (layers.MultiHeadAttention, layers.GroupQueryAttention)):
                part = weight.path.split("/")[-2].removeprefix("attention_")
                found = _attention_places(part, name, indices)
            else:
                found = _places(one, name, indices)
            yield weight, found


class _Run:
    """Layers at work on the numbers that their names make, and what is behind them."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.weights: list[tuple[Any, dict[str, Array], str]] = []

    def through(
        self,
        parts: tuple[Part, ...],
        x: Tensor,
        prefix: str = "",
        kinds: Counter[str] | None = None,
    ) -> Tensor:
        """Layers one after the other. Tensors are named by kind and ordinal within brackets."""
        kinds = Counter() if kinds is None else kinds
        for part in parts:
            kinds[part.kind] += 1
            name = f"{prefix}{part.kind}{kinds[part.kind]}."
            if part.build is None:
                inner = Counter[str]()
                outputs = [self.through(branch, x, name, inner) for branch in part.branches]
                x = keras_layers.merged(part.kind, outputs if len(outputs) > 1 else [*outputs, x])
                continue
            with keras_layers.rejecting(keras_layers.REJECTIONS):
                built = part.build(tuple(x.shape[1:]))
                for layer in built:
                    # Called once to be built, and again with other weights.
                    part.call(layer, x.detach())
                for number, layer in enumerate(built):
                    self._fill(layer, name, number)
                    x = part.call(layer, x)
            if not x.numel():
                raise Rejected("by definition: no value comes out")
        return x

    def _fill(self, layer: Any, name: str, number: int) -> None:
        for weight, found in weights_of(layer, number):
            values = np.zeros(int(np.prod(weight.shape)))
            for own, indices in found.items():
                drawn = statistic if own.startswith("running") else numbers
                values[indices] = drawn(f"{self.line} {name}{own}", *indices.shape)
            weight.assign(values.reshape(weight.shape))
            self.weights.append((weight, found, name))

    def arrays(self) -> dict[str, Array]:
        """The gradients of all trained weights, and the others as they are."""
        found = {}
        for weight, held, name in self.weights:
            tensor = weight.value
            wanted = tensor.grad if weight.trainable else tensor
            flat = _array(torch.zeros_like(tensor) if wanted is None else wanted).ravel()
            mark = "d " if weight.trainable else ""
            found |= {f"{mark}{name}{own}": flat[indices] for own, indices in held.items()}
        return found


def _array(tensor: Tensor) -> Array:
    found: Array = tensor.detach().double().numpy().copy()
    return found


@contextmanager
def of_type(name: str) -> Iterator[None]:
    """Keras at work in a type. With torch behind it, it makes float64 products of float32."""
    before, kept = keras.config.floatx(), dtypes.BIT64_TO_BIT32_DTYPE["float64"]
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(before)
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = kept


def arrays(draw: Draw, dtype: str = "float64") -> dict[str, Array]:
    """Output and gradients of a draw. Raises `Rejected` where Keras refuses it."""
    run, sizes = _Run(draw.line), (BATCH, *draw.sizes)
    kind = getattr(torch, dtype)
    x = torch.tensor(numbers(f"{draw.line} input", *sizes), dtype=kind, requires_grad=True)
    with of_type(dtype), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if draw.parts[0].kind == "embedding":
            vocabulary = draw.parts[0].build(draw.sizes)[0].input_dim
            x = torch.tensor(word_numbers(f"{draw.line} input", vocabulary, *sizes), dtype=kind)
        y = run.through(draw.parts, x)
    y.backward(torch.tensor(numbers(f"{draw.line} cotangent", *y.shape), dtype=kind))
    found = {"output": _array(y)}
    if x.requires_grad:
        found["d input"] = _array(torch.zeros_like(x) if x.grad is None else x.grad)
    return found | run.arrays()


def record_of(draw: Draw) -> Record:
    """What is recorded of a draw. Raises `Rejected` where Keras refuses it, or it is too large."""
    exact = arrays(draw)
    if not usable(exact):
        raise Rejected("by definition: too large, or not of numbers")
    single = distance(arrays(draw, "float32"), exact)
    return Record(draw.line, "keras", BATCH, False, single, exact)


def records(chosen: Iterable[Draw]) -> Iterator[Record]:
    """The records of those that Keras takes and that are small."""
    for draw in chosen:
        try:
            yield record_of(draw)
        except Rejected:
            continue


def draws(count: int, seed: int) -> Iterator[Draw]:
    """At most that many draws; the same for the same seed."""
    for draw in keras_layers.draws(count, seed):
        if not any(_repeats_the_border(part) for part in draw.parts):
            yield draw


def _repeats_the_border(part: Part) -> bool:
    """Average pooling with padding=same, in which Keras on torch pads by repetition.

    TensorFlow leaves the padding out of the mean, and so does dlcalc.
    """
    inner = any(_repeats_the_border(each) for branch in part.branches for each in branch)
    return inner or (part.kind == "avgpool" and "same" in part.text)


def record_rows() -> list[Record]:
    """Of every kind the first few."""
    seen: Counter[str] = Counter()
    found: dict[str, Record] = {}
    for draw in draws(RECORD_DRAWS, RECORD_SEED):
        kinds = {part.kind for part in draw.parts}
        if draw.line not in found and min(seen[kind] for kind in kinds) < RECORD_EACH:
            for record in records([draw]):
                found[draw.line] = record
                seen.update(kinds)
    return list(found.values())


def record() -> None:
    """Write the records."""
    torch.set_num_threads(1)
    write("keras", record_rows(), f"Keras {keras.__version__}")


if __name__ == "__main__":
    main("keras", record)
