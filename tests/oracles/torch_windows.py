"""Draws of the torch layers that slide a window: convolutions and pooling."""

from __future__ import annotations

from typing import Any, NamedTuple

from oracles.drawing import (
    Ends,
    Option,
    Sizes,
    at,
    by,
    covered,
    ends_text,
    given,
    window_options,
)
from oracles.torch_parts import Drawn, Part, Writer, builder, torch_class, zero_pad
from torch import Tensor, nn


class _Padding(NamedTuple):
    """Padding of a convolution: as written, as torch is given it, and what it adds.

    ``before`` says that a module of its own pads, as its ends may differ.
    """

    text: str
    given: int | Sizes | str
    ends: Ends
    before: bool = False


class _Deconvolution(NamedTuple):
    """The numbers of a transposed convolution."""

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    padding: Sizes

    def least(self, n: int, axis: int) -> int:
        """The size along an axis to which n positions spread, nothing added."""
        spread = (n - 1) * at(self.stride, axis) + covered(self.kernel, self.dilation, axis)
        return spread - 2 * at(self.padding, axis)


class Windows(Writer):
    """Convolutions, transposed ones, and pooling by a window."""

    def conv(self) -> Drawn:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        kernel, stride = self.axes(rank, 1, 4), self.axes(rank, 1, 3)
        dilation = self.dilation(rank)
        padding, bias = self.conv_padding(rank), self.chance(0.75)
        word, pinned = self.word("conv", rank)
        text = self.written(
            word,
            *self.conv_options(out, kernel, stride, padding.text),
            *self.reach_options(dilation, groups),
            Option("bias", self.flag(bias, True)),
        )
        values = {
            "stride": given(stride),
            "dilation": given(dilation),
            "groups": groups,
            "bias": bias,
            "padding": 0 if padding.before else padding.given,
        }

        def build(sizes: Sizes) -> nn.Module:
            module = torch_class("conv", pinned, sizes)(sizes[0], out, given(kernel), **values)
            return (
                nn.Sequential(zero_pad(padding.ends, sizes), module) if padding.before else module
            )

        def least(axis: int) -> int:
            if padding.given == "same":
                return 1
            return covered(kernel, dilation, axis) - sum(at(padding.ends, axis))

        sides = self.around(least, rank)
        return (inputs, *sides), Part("conv", text, build)

    def conv_padding(self, rank: int) -> _Padding:
        if self.chance(0.1):
            word = self.rng.choice(("same", "same", "valid"))
            return _Padding(word, word, ((0, 0),))
        if self.chance(0.12):
            ends = self.ends(rank, 3)
            return _Padding(ends_text(ends), 0, ends, before=True)
        padding = self.axes(rank, 0, 3) if self.chance(0.6) else (0,)
        ends = tuple((amount, amount) for amount in padding)
        return _Padding(self.unless(padding, 0), given(padding), ends)

    def convtranspose(self) -> Drawn:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        numbers = _Deconvolution(
            self.axes(rank, 1, 4),
            self.axes(rank, 1, 3),
            self.dilation(rank),
            self.axes(rank, 0, 3) if self.chance(0.6) else (0,),
        )
        kernel, stride, dilation, padding = numbers
        asked = self.chance(0.25)
        extra = (0,) if asked else self.output_padding(rank, stride, dilation)
        sides = tuple(
            min(self.near(_fewest(numbers, at(extra, axis), axis), rank), 7) for axis in range(rank)
        )
        wanted = self.output_sizes(numbers, sides) if asked else ()
        same, bias = self.chance(0.01), self.chance(0.75)
        word, pinned = self.word("convtranspose", rank)
        text = self.written(
            word,
            *self.conv_options(out, kernel, stride, "same" if same else self.unless(padding, 0)),
            Option("output_padding", "" if asked else self.unless(extra, 0), "op"),
            *self.reach_options(dilation, groups),
            Option("bias", self.flag(bias, True)),
            Option("output", by(wanted)),
        )
        values = {
            "stride": given(stride),
            "padding": "same" if same else given(padding),
            "output_padding": given(extra),
            "dilation": given(dilation),
            "groups": groups,
            "bias": bias,
        }

        def build(sizes: Sizes) -> nn.Module:
            cls = torch_class("convtranspose", pinned, sizes)
            return cls(sizes[0], out, given(kernel), **values)

        def call(module: Any, x: Tensor) -> Tensor:
            sizes = wanted * (x.dim() - 2) if len(wanted) == 1 else wanted
            return module(x, output_size=sizes or None)

        return (inputs, *sides), Part("convtranspose", text, build, call=call)

    def output_sizes(self, numbers: _Deconvolution, sides: Sizes) -> Sizes:
        """Sizes that can be asked for, of which there are as many as the stride; or one beside."""
        sizes = []
        for axis, n in enumerate(sides):
            least, stride = numbers.least(n, axis), at(numbers.stride, axis)
            beside = self.chance(0.4 / len(sides))
            more = self.rng.choice((-1, stride)) if beside else self.rng.randrange(stride)
            sizes.append(max(least + more, 1))
        if self.chance(0.02):
            sizes.append(sizes[0])
        return tuple(sizes[:1] if self.chance(0.2) else sizes)

    def pooling(self, kind: str, rank: int, dilation: Sizes) -> Drawn:
        """What maximum and mean share."""
        kernel = self.axes(rank, 1, 5)
        stride = None if self.chance(0.4) else self.axes(rank, 1, 4)
        padding = self.pool_padding(rank, kernel, dilation)
        ceil, counted, same = self.chance(0.45), self.chance(0.6), self.chance(0.01)
        word, pinned = self.word(kind, rank)
        maximum = kind == "maxpool"
        added = "same" if same else self.unless(padding, 0)
        text = self.written(
            word,
            *window_options(kernel, by(stride or ()), added),
            Option("dilation", self.unless(dilation) if maximum else "", "d"),
            Option("ceil", self.flag(ceil, False)),
            Option("count_include_pad", "" if maximum else self.flag(counted, True)),
        )
        values = {
            "stride": None if stride is None else given(stride),
            "padding": "same" if same else given(padding),
            "ceil_mode": ceil,
            **({"dilation": given(dilation)} if maximum else {"count_include_pad": counted}),
        }

        def least(axis: int) -> int:
            slack = self.slack(ceil, stride or kernel, axis)
            return covered(kernel, dilation, axis) - 2 * at(padding, axis) - slack

        sides = self.around(least, rank)
        build = builder(kind, pinned, given(kernel), **values)
        return (self.rng.randint(1, 3), *sides), Part(kind, text, build)

    def pool_padding(self, rank: int, kernel: Sizes, dilation: Sizes) -> Sizes:
        """Up to half the kernel; sometimes just over it, or half of what dilation covers."""
        if self.chance(0.4):
            return (0,)
        halves = [at(kernel, axis) // 2 for axis in range(rank)]
        if self.chance(0.15):
            halves = [at(dilation, a) * (at(kernel, a) - 1) // 2 + 1 for a in range(rank)]
        if self.chance(0.6):
            halves = [min(halves)]
        over = 0.15 / len(halves)
        return tuple(
            half + 1 if self.chance(over) else self.rng.randint(max(half - 1, 0), half)
            for half in halves
        )

    def maxpool(self) -> Drawn:
        rank = self.rank()
        dilation = self.dilation(rank, 0.35)
        return self.pooling("maxpool", rank, dilation)

    def avgpool(self) -> Drawn:
        return self.pooling("avgpool", self.rank(), (1,))

    def lppool(self) -> Drawn:
        """A norm of each window; that of 0 does not exist."""
        rank = self.rank()
        kernel = self.axes(rank, 1, 5)
        stride = None if self.chance(0.4) else self.axes(rank, 1, 4)
        ceil, norm = self.chance(0.45), self.rng.choice(("", "", "1", "2", "3", "2.5", "0.5"))
        norm = "0" if self.chance(0.02) else norm
        word, pinned = self.word("lppool", rank)
        text = self.written(
            word,
            Option("kernel", by(kernel), "k", True),
            Option("stride", by(stride or ()), "s", True),
            Option("norm", norm),
            Option("ceil", self.flag(ceil, False)),
        )

        def least(axis: int) -> int:
            return at(kernel, axis) - self.slack(ceil, stride or kernel, axis)

        sides = self.around(least, rank)
        moved = None if stride is None else given(stride)
        build = builder("lppool", pinned, float(norm or 2), given(kernel), moved, ceil)
        return (self.rng.randint(1, 3), *sides), Part("lppool", text, build)


def _fewest(numbers: _Deconvolution, extra: int, axis: int) -> int:
    """The least input side of which a transposed convolution leaves anything."""
    return 1 - (numbers.least(1, axis) + extra - 1) // at(numbers.stride, axis)
