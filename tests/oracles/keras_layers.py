"""Keras as the witness of shapes and parameters, one random layer after the other.

A draw is a line of the notation ("3x17x9 conv:6,k3x5,s2,p=same") together with
the very same layers of Keras 3. They are built from the drawn numbers and never
from the parsed line, so a misreading of the notation shows as well. They run on
real tensors, channels first and with a batch of 2, with torch as the backend.
Any exception, at construction or in the call, is a rejection. The trained and
the other weights are counted as Keras lists them.

Keras is asked what dlcalc means, which needs these definitions:

* Padding in numbers is a ZeroPadding layer before the convolution or pooling.
* ``layers=2`` is a stack of two recurrent layers, all of which return every
  step; ``attention`` is MultiHeadAttention of a sequence with itself, and with
  ``kv`` GroupQueryAttention; ``dropout2d`` is SpatialDropout2D; ``instancenorm``
  is GroupNormalization with a group for each channel, affine only if it is said.
* ``ln:3`` and ``rmsnorm:3`` take the last three axes. Where one of them would be
  the batch, that counts as a rejection.
* ``residual`` adds equal shapes. Where Keras would broadcast, that counts as a
  rejection.
* ``attention`` takes TIMExFEATURES. MultiHeadAttention also attends over several
  axes at once; that counts as a rejection.
* A window has 1, 2 or 3 axes to move along. Where it has none, or four, there is
  no class in Keras, and that counts as a rejection.
* An output without a single value counts as a rejection, as in
  ``4x1 convtranspose:5,k2,p=same,op0``.

One rejection is of torch alone and does not count: its kernel of average pooling
in 3-D refuses a window larger than the input without its padding, which
``AveragePooling3D(3, padding="same")`` of a single value meets. There the shape
is what Keras computes without a call.

Never drawn, as Keras has no word for it: ``ceil=yes``, ``count_include_pad`` and
dilation on pooling; padding in numbers, ``groups`` and ``output`` on transposed
convolution; ``causal`` on it and on pooling; ``track=no`` and a pinned rank on bn;
numbers of slopes of prelu other than 1 and the channels; ``crop`` and
``upsample`` with ``size``, and ``linear`` in 1-D and 3-D; ``proj``, ``biases`` and
dropout between layers of a recurrent net; ``attention`` without ``dim``, or with
``qkv_bias``; ``affine=no`` on rmsnorm; lrn, local, lppool and the like. Nor an
INPUT that is one side without channels before a window, and sizes below 1.

    python tests/oracles/keras_layers.py --record     writes tests/data/keras_layers.jsonl
"""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "torch"  # Read at the first import of Keras.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import torch
from keras import layers
from oracles.drawing import Option, Rejected, Sizes, bracketed, rejecting
from oracles.keras_others import Others
from oracles.keras_parts import CHANNELS_FIRST as FIRST
from oracles.keras_parts import Build, Draw, Part, keras_class
from oracles.keras_windows import Windows
from oracles.record import Row, distinct, main, write
from torch import Tensor

RECORD_SEED = 20_261
RECORD_DRAWS = 3_600
BATCH = 2
REJECTIONS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError)


class Answer(NamedTuple):
    """What Keras says to a line: the row to compare, and why it rejected it.

    A row has ``output``, ``parameters`` and ``buffers``. ``tf`` marks the lines
    that mean the same under the convention of TensorFlow.
    """

    row: Row
    reason: str


def answer(draw: Draw) -> Answer:
    """Run a draw on the CPU, for inference and without gradients."""
    row: Row = {"line": draw.line, "output": None}
    if len(draw.parts) == 1 and draw.parts[0].tf:
        row["tf"] = True
    counts = Counter[str]()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            output = _run(draw.parts, torch.zeros(BATCH, *draw.sizes), counts)
        except Rejected as error:
            return Answer(row, str(error))
    row["output"] = list(output.shape[1:])
    row |= {key: counts[key] for key in ("parameters", "buffers")}
    return Answer(row, "")


def _run(parts: tuple[Part, ...], x: Tensor, counts: Counter[str]) -> Tensor:
    """Layers one after the other; counts their weights."""
    for part in parts:
        if part.build is None:
            outputs = [_run(branch, x, counts) for branch in part.branches]
            x = merged(part.kind, outputs if len(outputs) > 1 else [*outputs, x])
            continue
        for layer, output in _forward(part.build, part.call, x):
            counts["parameters"] += _values(layer.trainable_weights)
            counts["buffers"] += _values(layer.non_trainable_weights)
            x = output
    return x


def _forward(
    build: Build, call: Callable[[Any, Tensor], Tensor], x: Tensor
) -> Iterator[tuple[Any, Tensor]]:
    """Each layer and its output; every exception of Keras is a rejection, whatever its type."""
    with rejecting(REJECTIONS):
        for layer in build(tuple(x.shape[1:])):
            x = _without_a_call(layer, x) if _only_torch_refuses(layer, x) else call(layer, x)
            if not x.numel():
                raise Rejected("by definition: no value comes out")
            yield layer, x


def _only_torch_refuses(layer: Any, x: Tensor) -> bool:
    """A window of average pooling in 3-D that needs its padding to fit."""
    return (
        isinstance(layer, layers.AveragePooling3D)
        and layer.padding == "same"
        and x.dim() == 5
        and any(n < k for n, k in zip(x.shape[2:], layer.pool_size))
    )


def _without_a_call(layer: Any, x: Tensor) -> Tensor:
    """The output as Keras computes its shape, where the backend refuses what Keras does not."""
    return torch.zeros(layer.compute_output_shape(tuple(x.shape)))


def _values(weights: list[Any]) -> int:
    return sum(torch.Size(weight.shape).numel() for weight in weights)


def merged(kind: str, outputs: list[Tensor]) -> Tensor:
    """Branches brought together; every exception of Keras is a rejection."""
    if kind == "residual" and len({output.shape for output in outputs}) > 1:
        raise Rejected("by definition: residual adds equal shapes")
    layer = layers.Add() if kind == "residual" else layers.Concatenate(axis=1)
    with rejecting(REJECTIONS):
        return layer(outputs)


def draws(count: int, seed: int) -> Iterator[Draw]:
    """That many draws; the same for the same seed."""
    drawer = _Drawer(random.Random(seed))
    for _ in range(count):
        yield drawer.draw()


class _Drawer(Windows, Others):
    """Draws layers, and nets of them."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        weights: tuple[tuple[Callable[[], tuple[Sizes, Part | list[Part]]], int], ...] = (
            (self.conv, 34),
            (self.convtranspose, 24),
            (self.maxpool, 12),
            (self.avgpool, 12),
            (self.adaptive, 5),
            (self.globalpool, 4),
            (self.dense, 3),
            (self.bn, 4),
            (self.ln, 5),
            (self.rmsnorm, 3),
            (self.gn, 5),
            (self.instancenorm, 2),
            (self.prelu, 4),
            (self.recurrent, 14),
            (self.embedding, 3),
            (self.attention, 7),
            (self.dropout, 4),
            (self.spatial_dropout, 3),
            (self.flatten, 2),
            (self.pad, 4),
            (self.crop, 8),
            (self.upsample, 5),
            (self.activation, 7),
            (self.reshape, 6),
            (self.permute, 6),
            (self.chain, 8),
            (self.sequence_chain, 6),
            (self.residual, 6),
            (self.concat, 5),
        )
        self.kinds = [kind for kind, weight in weights for _ in range(weight)]

    def draw(self) -> Draw:
        """One line of any kind."""
        sizes, drawn = self.rng.choice(self.kinds)()
        return Draw(sizes, (drawn,) if isinstance(drawn, Part) else tuple(drawn))

    def chain(self) -> tuple[Sizes, list[Part]]:
        """A window and what commonly comes behind it."""
        followers: tuple[Callable[[], Part], ...] = (
            self.bn_part,
            self.activation_part,
            lambda: self.flatten()[1],
            lambda: self.dense_part(self.rng.randint(1, 6)),
            lambda: self.maxpool()[1],
            lambda: self.conv()[1],
            lambda: self.globalpool()[1],
            lambda: Part("prelu", "prelu", lambda sizes: [layers.PReLU()]),
        )
        return self.followed((self.conv, self.maxpool, self.convtranspose), followers, 3)

    def sequence_chain(self) -> tuple[Sizes, list[Part]]:
        """Tokens or steps, and layers that keep them steps."""
        followers: tuple[Callable[[], Part], ...] = (
            self.recurrent_part,
            self.recurrent_part,
            self.attention_part,
            self.ln_part,
            lambda: self.dense_part(self.rng.randint(1, 6)),
            lambda: Part("permute", "permute:1x0", lambda sizes: [layers.Permute((2, 1))]),
            lambda: Part("globalavgpool", "globalavgpool", _mean),
        )
        return self.followed((self.embedding, self.recurrent, self.attention), followers, 2)

    def residual(self) -> tuple[Sizes, Part]:
        """A main branch that mostly keeps the shape, with a shortcut or without."""
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 6))
        stride = self.rng.choice((1, 1, 2))
        out = self.rng.randint(1, 4) if self.chance(0.5) else sizes[0]
        branches = [self.branch(out, stride)]
        if stride > 1 or out != sizes[0] or self.chance(0.3):
            branches.append(self.branch(out + (1 if self.chance(0.2) else 0), stride))
        return sizes, _merge("residual", branches)

    def concat(self) -> tuple[Sizes, Part]:
        """Branches that mostly agree in their sides; on features as well."""
        count = self.rng.randint(2, 3)
        if self.chance(0.2):
            outs = [self.rng.randint(1, 6) for _ in range(count)]
            return self.anything(), _merge("concat", [(self.dense_part(out),) for out in outs])
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 6))
        stride = self.rng.choice((1, 1, 2))
        branches = [self.branch(self.rng.randint(1, 4), stride) for _ in range(count)]
        return sizes, _merge("concat", branches)

    def branch(self, out: int, stride: int) -> tuple[Part, ...]:
        """Layers that give ``out`` channels and ceil(n/stride) sides, rarely others."""
        parts = [self.same_conv(out, stride)]
        if self.chance(0.4):
            parts.append(self.rng.choice((self.bn_part, self.activation_part))())
        if self.chance(0.3):
            parts.append(self.same_conv(out, 1))
        if self.chance(0.05):
            parts.append(Part("flatten", "flatten", lambda sizes: [layers.Flatten()]))
        return tuple(parts)

    def same_conv(self, out: int, stride: int) -> Part:
        kernel, bias = self.rng.choice((1, 2, 3, 3, 5)), self.chance(0.6)
        word = "same" if self.chance(0.93) else "valid"
        text = self.written(
            "conv",
            *self.conv_options(out, (kernel,), (stride,), word),
            Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> list[Any]:
            cls = keras_class("Conv{}D", None, sizes)
            return [cls(out, kernel, stride, padding=word, use_bias=bias, **FIRST)]

        return Part("conv", text, build)


def _mean(sizes: Sizes) -> list[Any]:
    return [keras_class("GlobalAveragePooling{}D", None, sizes)(**FIRST)]


def _merge(kind: str, branches: list[tuple[Part, ...]]) -> Part:
    return Part(kind, bracketed(kind, branches), None, tuple(branches))


def record_rows() -> list[Row]:
    """The rows of the recorded table, each line once."""
    return distinct(answer(draw).row for draw in draws(RECORD_DRAWS, RECORD_SEED))


def record() -> None:
    """Write the recorded table."""
    torch.set_num_threads(1)
    write("keras", record_rows(), f"Keras {keras.__version__}")


if __name__ == "__main__":
    main("keras", record)
