"""Draws of the torch layers with spatial axes but no window: borders, resolution, whole inputs."""

from __future__ import annotations

import torch
from oracles.drawing import Ends, Option, Rejected, Sizes, at, by, ends_text, given
from oracles.torch_parts import (
    Drawn,
    Function,
    Part,
    Writer,
    builder,
    flat_ends,
    torch_class,
    zero_pad,
)
from torch import Tensor, nn
from torch.nn import functional

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Spatial(Writer):
    """Pooling of the whole input, padding, cropping, resampling, local and instance norms."""

    def adaptive(self) -> Drawn:
        rank = self.rank()
        kind = self.rng.choice(("adaptiveavgpool", "adaptivemaxpool"))
        wrong = rank % 3 + 1 if self.chance(0.3) else rank
        output = self.axes(wrong, 1, 12)
        word, pinned = self.word(kind, rank)
        text = self.written(word, Option("output", by(output), positional=True))
        build = builder(kind, pinned, given(output))
        return (self.rng.randint(1, 4), *self.sides(rank)), Part(kind, text, build)

    def globalpool(self) -> Drawn:
        rank = self.rank()
        kind = self.rng.choice(("globalavgpool", "globalmaxpool"))
        word, pinned = self.word(kind, rank)
        part = Part(kind, word, builder(kind, pinned, 1))
        return (self.rng.randint(1, 6), *self.sides(rank)), part

    def pad(self) -> Drawn:
        rank = self.rank()
        ends = self.ends(rank, 4, even=0.4)
        word, pinned = self.word("pad", rank)
        text = self.written(word, Option("padding", ends_text(ends), "p", True))
        part = Part("pad", text, lambda sizes: zero_pad(ends, sizes, pinned))
        return (self.rng.randint(1, 4), *self.sides(rank, 8)), part

    def crop(self) -> Drawn:
        """A margin that leaves a little, or nothing; or a size of the middle."""
        rank = self.rank()
        word, pinned = self.word("crop", rank)
        if self.chance(0.4):
            kept = self.axes(rank, 1, 6)
            text = self.written(word, Option("size", by(kept)))
            part = Part("crop", text, lambda sizes: _middle(kept, sizes, pinned))
            least = [at(kept, axis) for axis in range(rank)]
        else:
            ends = self.ends(rank, 3, even=0.4)
            text = self.written(word, Option("margin", ends_text(ends), "p", True))
            part = Part("crop", text, lambda sizes: _cropped(ends, sizes, pinned))
            least = [sum(at(ends, axis)) + 1 for axis in range(rank)]
        sides = tuple(self.near(side, rank) for side in least)
        return (self.rng.randint(1, 4), *sides), part

    def upsample(self) -> Drawn:
        rank = self.rank()
        linear, sized = self.chance(0.4), self.chance(0.4)
        factors = self.axes(rank % 3 + 1 if self.chance(0.15) else rank, 1, 9 if sized else 3)
        word, pinned = self.word("upsample", rank)
        text = self.written(
            word,
            Option("scale", "" if sized else by(factors), positional=True),
            Option("size", by(factors) if sized else ""),
            Option("linear", self.flag(linear, False)),
        )

        def build(sizes: Sizes) -> nn.Module:
            found = len(sizes) - 1
            if pinned not in (None, found):
                raise Rejected(f"by definition: upsample{pinned}d takes {pinned} spatial axes")
            mode = _LINEAR.get(found, "linear") if linear else "nearest"
            if sized:
                return nn.Upsample(given(factors), mode=mode)
            return nn.Upsample(scale_factor=given(factors), mode=mode)

        # A bare size would be one side without channels; four sides are none that torch knows.
        sides = self.sides(4 if self.chance(0.05) else rank, 5)
        return (self.rng.randint(1, 4), *sides), Part("upsample", text, build)

    def shuffle(self) -> Drawn:
        """Channels laid out as positions, or the other way round."""
        factor = self.rng.choice((1, 2, 2, 2, 3))
        if self.chance(0.5):
            kind, cls = "pixelshuffle", nn.PixelShuffle
            sizes = (self.parted(factor**2, 3), *self.sides(2, 5))
        else:
            kind, cls = "pixelunshuffle", nn.PixelUnshuffle
            sizes = (self.rng.randint(1, 3), self.parted(factor, 3), self.parted(factor, 3))
        if self.chance(0.1):
            sizes = self.anything()
        text = self.written(kind, Option("factor", str(factor), positional=True))

        def build(sizes: Sizes) -> nn.Module:
            if len(sizes) != 3:
                raise Rejected(f"by definition: {kind} takes CxHxW")
            return cls(factor)

        return sizes, Part(kind, text, build)

    def instancenorm(self) -> Drawn:
        """Often of a single position, which has no variance."""
        rank = 4 if self.chance(0.06) else self.rank()
        sides = (1,) * rank if self.chance(0.35) else self.sides(rank, 3)
        return (self.rng.randint(1, 6), *sides), self.instancenorm_part(rank)

    def instancenorm_part(self, rank: int = 0) -> Part:
        affine, track = self.chance(0.4), self.chance(0.3)
        word, pinned = self.word("instancenorm", min(rank, 3))
        text = self.written(
            word,
            Option("affine", self.flag(affine, False)),
            Option("track", self.flag(track, False)),
            Option("eps", written := self.rng.choice(("", "", "1e-3"))),
        )
        eps = float(written or 1e-5)

        def build(sizes: Sizes) -> nn.Module:
            cls = torch_class("instancenorm", pinned, sizes)
            return cls(sizes[0], eps, affine=affine, track_running_stats=track)

        return Part("instancenorm", text, build)

    def lrn(self) -> Drawn:
        sizes, text, size = self.local_response()
        k = 2.0 if text.endswith("k=2") else 1.0
        return sizes, Part("lrn", text, lambda sizes: nn.LocalResponseNorm(size, k=k))


def _cropped(ends: Ends, sizes: Sizes, pinned: int | None) -> nn.Module:
    """Padding below zero."""
    flat = tuple(-amount for amount in flat_ends(ends, sizes, pinned))
    return Function(lambda x: functional.pad(x, flat))


def _middle(kept: Sizes, sizes: Sizes, pinned: int | None) -> nn.Module:
    """So many positions from the middle of each spatial axis."""
    flat_ends(tuple((0, 0) for _ in kept), sizes, pinned)

    def middle(x: Tensor) -> Tensor:
        for axis, n in enumerate(sizes[1:]):
            size = at(kept, axis)
            x = torch.narrow(x, axis + 2, (n - size) // 2, size)
        return x

    return Function(middle)
