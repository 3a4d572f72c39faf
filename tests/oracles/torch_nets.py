"""Draws of nets of torch layers: chains, and layers with branches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from oracles.drawing import Option, Rejected, Sizes, bracketed, by
from oracles.torch_parts import Drawn, Merge, Part, torch_class
from oracles.torch_sequences import Sequences
from oracles.torch_spatial import Spatial
from oracles.torch_values import Values
from oracles.torch_windows import Windows
from torch import Tensor, nn

#: An input, and layers one after the other.
Chain = tuple[Sizes, list[Part]]


class Nets(Windows, Spatial, Values, Sequences):
    """Layers one after the other, and branches that mostly fit together."""

    def chain(self) -> Chain:
        """A window and what commonly comes behind it."""
        followers: tuple[Callable[[], Part], ...] = (
            self.bn_part,
            self.gn_part,
            self.ln_part,
            self.instancenorm_part,
            self.activation_part,
            lambda: self.flatten()[1],
            lambda: self.dense_part(self.rng.randint(1, 6)),
            lambda: self.maxpool()[1],
            lambda: self.conv()[1],
            lambda: self.globalpool()[1],
            lambda: self.upsample()[1],
            lambda: self.crop()[1],
        )
        return self.followed((self.conv, self.maxpool, self.convtranspose), followers, 3)

    def sequence_chain(self) -> Chain:
        """Tokens or steps, and what commonly reads them; at times something that does not."""
        followers: tuple[Callable[[], Part], ...] = (
            self.position_part,
            self.segment_part,
            self.token_part,
            self.recurrent_part,
            self.ln_part,
            self.attention_part,
            self.block_part,
            lambda: self.dense_part(self.rng.randint(1, 6)),
            lambda: self.conv()[1],
        )
        firsts = (self.embedding, self.embedding, self.recurrent)
        sizes, parts = self.followed(firsts, followers, 3)
        if self.chance(0.4):
            parts.append(self.step_part())
        return sizes, parts

    def tied(self) -> Chain:
        """A dense layer with the weight of one before it, or its transpose; or one that differs."""
        if self.chance(0.5):
            sizes, out = self.sides(self.rng.choice((1, 1, 2)), 8), self.rng.randint(1, 12)
            first = self.embedding_part(out)
        else:
            sizes = self.sides(self.rng.choice((1, 2, 3)), 8)
            first, out = self.dense_part(self.rng.randint(1, 8)), sizes[-1]
        parts = [first, Part("prelu", "prelu", lambda sizes: nn.PReLU())]
        name = f"{first.kind}1"
        if self.chance(0.15):
            name = self.rng.choice((f"{first.kind}2", "prelu1", "conv1"))
        elif self.chance(0.15):
            parts.append(self.dense_part(self.rng.randint(1, 8)))
        elif self.chance(0.15):
            out = max(out + self.rng.choice((-1, 1)), 1)
        return sizes, [*parts, self.dense_part(out, name)]

    def residual(self) -> Drawn:
        """A main branch that mostly keeps the shape, with a shortcut or without."""
        sizes, branches = self.shortcut((1, 1, 1, 2), self.branch)
        return sizes, _branched("residual", "residual", branches, _sum)

    def concat(self) -> Drawn:
        """Branches that mostly agree in all sizes but one; on features and steps as well."""
        count = self.rng.randint(2, 3)
        if self.chance(0.3):
            sizes = self.anything()
            outs = [self.rng.randint(1, 6)] * count
            if self.chance(0.7):
                outs = [self.rng.randint(1, 6) for _ in range(count)]
            branches = [(self.dense_part(out),) for out in outs]
            usual = len(sizes) - 1
        else:
            sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 7))
            stride, same = self.rng.choice((1, 1, 2)), self.rng.randint(1, 4)
            outs = [same if self.chance(0.5) else self.rng.randint(1, 4) for _ in range(count)]
            branches = [self.branch(out, stride) for out in outs]
            usual = 0
        axis = None
        if self.chance(0.4):
            axis = usual if self.chance(0.5) else self.rng.randint(0, len(sizes))
        word = self.written("concat", Option("axis", "" if axis is None else str(axis)))
        place = 1 if axis is None else axis + 1
        return sizes, _branched("concat", word, branches, lambda xs: torch.cat(xs, place))

    def multiply(self) -> Drawn:
        """Weights for channels, positions or both, of the branch or of the input itself."""
        if self.chance(0.3):
            sizes = self.sides(self.rng.choice((1, 2, 2)), 6)
            outs = (sizes[-1], 1, sizes[-1] + 1)
            branches = [(self.dense_part(self.rng.choice((*outs, sizes[-1]))),)]
            if self.chance(0.4):
                branches.append((self.dense_part(self.rng.choice(outs)),))
            return sizes, _branched("multiply", "multiply", branches, _product)
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 5))
        branches = [self.weighing(sizes[0])]
        if self.chance(0.4):
            stride = 2 if self.chance(0.2) else 1
            branches.insert(self.rng.randrange(2), self.branch(sizes[0], stride))
        return sizes, _branched("multiply", "multiply", branches, _product)

    def weighing(self, channels: int) -> tuple[Part, ...]:
        """As squeeze and excitation has them; sometimes with a channel too many, or flat."""
        out = self.rng.choice((channels, channels, channels, 1, channels + 1))
        parts = [self.globalpool()[1]] if self.chance(0.6) else []
        if self.chance(0.15):
            parts += [self.flatten()[1], self.dense_part(out)]
        else:
            parts.append(self.same_conv(out, 1, 1))
        if self.chance(0.5):
            parts.append(self.activation_part())
        return tuple(parts)

    def aux(self) -> Chain:
        """A head that only training has, and the layer that goes on beside it."""
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 6))
        head = [self.conv()[1] if self.chance(0.4) else self.same_conv(2, 1, 1)]
        if self.chance(0.5):
            head.append(self.rng.choice((self.bn_part, self.activation_part))())
        head += [self.flatten()[1], self.dense_part(self.rng.randint(1, 6))]
        part = _branched("aux", "aux", [tuple(head)], _input)
        return sizes, [part, self.same_conv(self.rng.randint(1, 3), 3, 1)]

    def branch(self, out: int, stride: int) -> tuple[Part, ...]:
        """Layers that give ``out`` channels and n//stride sides, or rarely something else."""
        kernel = self.rng.choice((1, 3, 3, 5))
        parts = [self.same_conv(out, kernel, stride)]
        if self.chance(0.4):
            parts.append(self.rng.choice((self.bn_part, self.activation_part))())
        if self.chance(0.3):
            parts.append(self.same_conv(out, 3, 1))
        if stride == 1 and self.chance(0.2):
            parts.append(Part("maxpool", "maxpool:3,s1,p1", _same_maxpool))
        if self.chance(0.1):
            parts.append(_branched("multiply", "multiply", [self.weighing(out)], _product))
        if self.chance(0.05):
            parts.append(self.flatten()[1])
        if self.chance(0.05):
            parts = [Part("identity", "identity", lambda sizes: nn.Identity())]
        return tuple(parts)

    def same_conv(self, out: int, kernel: int, stride: int) -> Part:
        padding = kernel // 2 if self.chance(0.93) else self.rng.randint(0, 2)
        bias = self.chance(0.6)
        text = self.written(
            "conv",
            *self.conv_options(out, (kernel,), (stride,), self.unless((padding,), 0)),
            Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> nn.Module:
            cls = torch_class("conv", None, sizes)
            return cls(sizes[0], out, kernel, stride=stride, padding=padding, bias=bias)

        return Part("conv", text, build)


def _branched(kind: str, word: str, branches: list[tuple[Part, ...]], merge: Merge) -> Part:
    return Part(kind, bracketed(word, branches), None, tuple(branches), merge)


def _input(outputs: list[Tensor]) -> Tensor:
    return outputs[-1]


def _sum(outputs: list[Tensor]) -> Tensor:
    main, skip = outputs
    if main.shape != skip.shape:
        raise Rejected("by definition: residual adds equal shapes")
    return main + skip


def _product(outputs: list[Tensor]) -> Tensor:
    left, right = outputs
    if left.dim() != right.dim():
        raise Rejected(f"by definition: {by(left.shape)} and {by(right.shape)} do not stretch")
    return left * right


def _same_maxpool(sizes: Sizes) -> nn.Module:
    return torch_class("maxpool", None, sizes)(3, 1, 1)
