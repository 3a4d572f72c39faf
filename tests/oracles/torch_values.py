"""Draws of the torch layers that take every rank: dense, functions, norms, other orders."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from oracles.drawing import DROPOUTS, Option, Rejected, Sizes, by
from oracles.torch_parts import CLASSES, Drawn, Function, Part, Writer
from torch import nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "leaky-relu:0.2": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "elu:0.5": lambda: nn.ELU(0.5),
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "sigmoid": nn.Sigmoid,
    "logistic": nn.Sigmoid,
    "log_sigmoid": nn.LogSigmoid,
    # By its definition: torch's gradient knows 1/6 in single precision alone.
    "hardsigmoid": lambda: Function(lambda x: functional.relu6(x + 3) / 6),
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "hardtanh": nn.Hardtanh,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "softmax": lambda: nn.Softmax(1),
    "log_softmax": lambda: nn.LogSoftmax(1),
}


class Values(Writer):
    """Everything that looks at its input as features or as plain numbers."""

    def dense(self) -> Drawn:
        return self.anything(), self.dense_part(self.rng.randint(1, 12))

    def dense_part(self, out: int, tied: str = "") -> Part:
        bias = self.chance(0.7)
        text = self.written(
            self.synonym("dense"),
            Option("out", str(out), positional=True),
            Option("bias", self.flag(bias, True)),
            Option("tied", tied),
        )
        return Part("dense", text, lambda sizes: nn.Linear(sizes[-1], out, bias=bias), tied=tied)

    def activation(self) -> Drawn:
        return self.anything(), self.activation_part()

    def activation_part(self) -> Part:
        text, make = self.rng.choice(list(ACTIVATIONS.items()))
        return Part(text.partition(":")[0], text, lambda sizes: make())

    def prelu(self) -> Drawn:
        sizes = self.anything()
        slopes = self.slopes(sizes)
        text = f"prelu:{slopes}" if slopes != 1 or self.chance(0.4) else "prelu"
        return sizes, Part("prelu", text, lambda sizes: nn.PReLU(slopes))

    def dropout(self) -> Drawn:
        share = self.rng.choice(DROPOUTS)
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.4) else None
        word = f"dropout{pinned}d" if pinned else "dropout"
        text = self.written(word, Option("p", share, positional=True))
        cls = CLASSES["dropout"][pinned - 1] if pinned else nn.Dropout
        p = float(share) if share else 0.5
        return self.anything(), Part("dropout", text, lambda sizes: cls(p))

    def bn(self) -> Drawn:
        sizes = self.anything()
        rank = len(sizes) - 1
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.4) else None
        if self.chance(0.3):
            pinned = max(rank, 1)
        return sizes, self.bn_part(pinned)

    def bn_part(self, pinned: int | None = None) -> Part:
        affine, track = self.chance(0.7), self.chance(0.7)
        word = self.synonym("bn")
        text = self.written(
            f"{word}{pinned}d" if pinned else word,
            Option("affine", self.flag(affine, True)),
            Option("track", self.flag(track, True)),
            Option("eps", eps := self.rng.choice(("", "", "1e-3", "0.01"))),
            Option("momentum", share := self.rng.choice(("", "", "0.01"))),
        )
        values: dict[str, Any] = {"eps": float(eps or 1e-5), "momentum": float(share or 0.1)}

        def build(sizes: Sizes) -> nn.Module:
            rank = pinned or max(len(sizes) - 1, 1)
            if rank > 3:
                raise Rejected("by definition: bn has at most 3 spatial axes")
            cls = CLASSES["bn"][rank - 1]
            return cls(sizes[0], affine=affine, track_running_stats=track, **values)

        return Part("bn", text, build)

    def gn(self) -> Drawn:
        groups = self.rng.randint(1, 4)
        channels = self.parted(groups, 3)
        return (channels, *self.anything()[1:]), self.gn_part(groups)

    def gn_part(self, groups: int = 2) -> Part:
        affine = self.chance(0.7)
        text = self.written(
            self.synonym("gn"),
            Option("groups", str(groups), positional=True),
            Option("affine", self.flag(affine, True)),
            Option("eps", written := self.rng.choice(("", "", "1e-3"))),
        )
        eps = float(written or 1e-5)
        return Part("gn", text, lambda sizes: nn.GroupNorm(groups, sizes[0], eps, affine))

    def ln(self) -> Drawn:
        """Layer norm or its like without a mean, over some of the axes or one too many."""
        sizes = self.anything()
        rank = len(sizes)
        axes = self.rng.choice((1, 1, rank, rank, rank + 1, rank + 1, self.rng.randint(1, 5)))
        return sizes, self.ln_part(axes)

    def ln_part(self, axes: int = 1) -> Part:
        kind = self.rng.choice(("ln", "ln", "rmsnorm"))
        affine, bias = self.chance(0.75), kind == "ln" and self.chance(0.75)
        text = self.written(
            self.synonym(kind),
            Option("axes", self.unless((axes,)), positional=True),
            Option("affine", self.flag(affine, True)),
            Option("bias", self.flag(bias, True) if kind == "ln" else ""),
            Option("eps", written := self.rng.choice(("", "", "1e-6"))),
        )
        eps = float(written or ("1e-5" if kind == "ln" else "1e-6"))

        def build(sizes: Sizes) -> nn.Module:
            if axes > len(sizes):
                raise Rejected("by definition: the batch is not normalised")
            if kind == "ln":
                return nn.LayerNorm(sizes[-axes:], eps, affine, bias)
            return nn.RMSNorm(sizes[-axes:], eps, affine)

        return Part(kind, text, build)

    def flatten(self) -> Drawn:
        return self.anything(), Part("flatten", "flatten", lambda sizes: nn.Flatten())

    def reshape(self) -> Drawn:
        """As many values in other sizes; sometimes not quite as many."""
        sizes = self.anything()
        new = self.factors(prod(sizes))
        if self.chance(0.3):
            new[self.rng.randrange(len(new))] += 1
        for _ in range(self.rng.choice((0, 1, 1, 1, 2))):
            new[self.rng.randrange(len(new))] = -1
        text = self.written("reshape", Option("sizes", by(tuple(new)), positional=True))
        part = Part("reshape", text, lambda sizes: Function(lambda x: x.reshape(x.shape[0], *new)))
        return sizes, part

    def permute(self) -> Drawn:
        """An order of the axes; sometimes of other axes, or with one of them twice."""
        sizes = self.anything()
        count = len(sizes)
        if self.chance(0.2):
            count = max(count + self.rng.choice((-1, 1)), 1)
        order = self.rng.sample(range(count), count)
        if self.chance(0.15):
            order[0] = self.rng.choice((order[-1], count))
        text = self.written("permute", Option("order", by(tuple(order)), positional=True))
        moved = (0, *(axis + 1 for axis in order))
        return sizes, Part("permute", text, lambda sizes: Function(lambda x: x.permute(moved)))

    def select(self) -> Drawn:
        """Some channels; sometimes one that there is not, or one twice."""
        sizes = self.anything()
        there = sizes[0] + (1 if self.chance(0.4) else 0)
        chosen = self.rng.sample(range(there), self.rng.randint(1, there))
        if self.chance(0.08):
            chosen.append(chosen[0])
        text = self.written("select", Option("channels", by(tuple(chosen)), positional=True))

        def build(sizes: Sizes) -> nn.Module:
            if len(set(chosen)) < len(chosen):
                raise Rejected("by definition: select names each channel once")
            return Function(lambda x: torch.index_select(x, 1, torch.tensor(chosen)))

        return sizes, Part("select", text, build)
