"""Convolution and its transpose.

Sizes: Dumoulin and Visin, "A guide to convolution arithmetic for deep
learning", 2016; torch/nn/modules/conv.py for the rules of PyTorch.
"""

from __future__ import annotations

from math import gcd

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Padding, Sizes
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, product, quotient
from dlcalc.layers.window import (
    DILATION,
    KERNEL,
    PADDING,
    Ends,
    WindowLayer,
    each,
    ends_text,
    fixed_ends,
    spatial_rank,
    too_small,
)

OUT = Argument("out", "size", "output channels", default=None)
STRIDE = Argument("stride", "sizes", "how far the window moves", "s", default=(1,))
GROUPS = Argument("groups", "size", "channels in separate groups", "g", default=1, positional=False)
BIAS = Argument(
    "bias", "flag", "a trained number added to each output channel", default=True, positional=False
)


class _Convolution(WindowLayer):
    """What a convolution and its transpose share: channels, groups, weights."""

    out: Size | None
    stride: Sizes
    padding: Padding
    dilation: Sizes
    groups: Size
    bias: bool

    def output_channels(self, shape: Shape) -> Size | None:
        channels = shape.as_side().channels
        if channels is None:
            return None
        if self.out is None:
            raise LayerError(f"{self.words[0]} needs its output channels", self.hint())
        if self.groups != 1:
            self._grouped(channels, "input", self.out)
            self._grouped(self.out, "output", channels)
        return self.out

    def note(self, shape: Shape) -> str:
        if not shape.bare or self.out is None:
            return ""
        return (
            f"the input is one side without its channels, so the {self.out} output channels "
            "are not shown"
        )

    def parameters(self, shape: Shape) -> Tensors:
        tensors: Tensors = {"weight": self._weight(shape)}
        if self.bias and self.out is not None:
            tensors["bias"] = (self.out,)
        return tensors

    def _weight(self, shape: Shape) -> tuple[Size, ...]:
        raise NotImplementedError

    def _kernels(self, shape: Shape) -> Sizes:
        return each(self.kernel, spatial_rank(self, shape), "kernel")

    def _grouped(self, channels: Size, which: str, others: Size | None = None) -> Size:
        """The channels of one group; ``others`` are those at the other end of the layer."""
        part = quotient(channels, self.groups)
        if part is not None:
            return part
        if isinstance(channels, Polynomial) or isinstance(self.groups, Polynomial):
            raise LayerError(
                f"whether groups={self.groups} divides the {channels} {which} channels depends "
                "on the letters"
            )
        raise LayerError(
            f"groups={self.groups} does not divide the {channels} {which} channels",
            f"It must divide input and output channels, such as {_possible(channels, others)}.",
        )


def _possible(channels: int, others: Size | None) -> str:
    """Numbers of groups that divide the channels at both ends."""
    common = gcd(channels, others) if isinstance(others, int) else channels
    found = [g for g in range(1, min(common, 1_000) + 1) if common % g == 0]
    return ", ".join(map(str, found[:6]))


class Conv(_Convolution):
    """Convolution (cross-correlation): a kernel slides over all input channels."""

    words = ("conv", "convolution")
    arguments = (OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS)
    example = "3x32x32 conv:6,k5"

    def window_axes(self, rank: int, convention: Convention) -> tuple[Axis, ...]:
        return tuple(
            [
                Axis.window(kernel=d * (k - 1) + 1, stride=s, begin=begin, end=end)
                for k, d, s, (begin, end) in zip(
                    each(self.kernel, rank, "kernel"),
                    each(self.dilation, rank, "dilation"),
                    each(self.stride, rank, "stride"),
                    self._ends(rank, convention),
                    strict=True,
                )
            ]
        )

    def _ends(self, rank: int, convention: Convention) -> Ends:
        if self.padding != "same":
            return fixed_ends(self.padding, rank)
        if not convention.same_with_stride and any(s != 1 for s in self.stride):
            raise LayerError(
                f"padding=same needs stride 1 in {convention.name}",
                "Give the padding in numbers, such as p1.",
            )
        kernels = each(self.kernel, rank, "kernel")
        dilations = each(self.dilation, rank, "dilation")
        totals = [d * (k - 1) for k, d in zip(kernels, dilations, strict=True)]
        # The extra position goes to the end.
        return tuple((total // 2, total - total // 2) for total in totals)

    def axis_formula(self, n: str, position: int, rank: int, convention: Convention) -> str:
        k = each(self.kernel, rank, "kernel")[position]
        d = each(self.dilation, rank, "dilation")[position]
        s = each(self.stride, rank, "stride")[position]
        padding = ends_text(*self._ends(rank, convention)[position])
        return f"({n} + {padding} - {d}*({k} - 1) - 1)//{s} + 1"

    def does_not_fit(
        self, spatial: tuple[Size, ...], axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        ends = self._ends(len(axes), convention)
        return too_small(self.kernel, self.dilation, ends, spatial, axes)

    def _weight(self, shape: Shape) -> tuple[Size, ...]:
        inputs = self._grouped(known_channels(shape.as_side(), "conv"), "input")
        return (self.out or 1, inputs, *self._kernels(shape))

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(output.sizes) * product(self._weight(shape)[1:])


class ConvTranspose(_Convolution):
    """Transposed convolution: each input is spread by the kernel, stride apart."""

    words = ("convtranspose", "deconv")
    arguments = (
        OUT,
        KERNEL,
        STRIDE,
        PADDING._replace(help="positions cut off at both ends; 1+2 for begin and end"),
        Argument(
            "output_padding",
            "sizes",
            "positions added at the end of the output",
            "op",
            default=(0,),
            positional=False,
            low=0,
        ),
        DILATION,
        GROUPS,
        BIAS,
    )
    example = "64x28x28 convtranspose:32,k2,s2"

    output_padding: Sizes

    def window_axes(self, rank: int, convention: Convention) -> tuple[Axis, ...]:
        if self.padding == "same" and not convention.same_on_transposed:
            raise LayerError(
                f"convtranspose takes no padding=same in {convention.name}",
                "Give the padding in numbers, such as p1.",
            )
        return tuple(
            [
                Axis.transposed(
                    kernel=d * (k - 1) + 1, stride=s, begin=begin, end=end, output_padding=op
                )
                for k, d, s, op, (begin, end) in self._settings(rank)
            ]
        )

    def _settings(self, rank: int) -> list[tuple[int, int, int, int, tuple[int, int]]]:
        settings = list(
            zip(
                each(self.kernel, rank, "kernel"),
                each(self.dilation, rank, "dilation"),
                each(self.stride, rank, "stride"),
                each(self.output_padding, rank, "output_padding"),
                fixed_ends(self.padding, rank),
                strict=True,
            )
        )
        for _, d, s, op, _ in settings:
            if op >= max(s, d):
                raise LayerError(
                    f"output_padding={op} must be smaller than stride {s} or dilation {d}",
                    f"At most op{max(s, d) - 1} is possible here.",
                )
        return settings

    def axis_formula(self, n: str, position: int, rank: int, convention: Convention) -> str:
        k, d, s, op, ends = self._settings(rank)[position]
        padding = f"2*{ends[0]}" if ends[0] == ends[1] else f"({ends[0]} + {ends[1]})"
        return f"({n} - 1)*{s} - {padding} + {d}*({k} - 1) + {op} + 1"

    def does_not_fit(
        self, spatial: tuple[Size, ...], axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        shown = "x".join(str(axis.size(n)) for n, axis in zip(spatial, axes, strict=True))
        return LayerError(
            f"the padding cuts everything off: the output would be {shown}",
            "Give it less padding or a larger kernel.",
        )

    def _weight(self, shape: Shape) -> tuple[Size, ...]:
        inputs = known_channels(shape.as_side(), "convtranspose")
        return (inputs, self._grouped(self.out or 1, "output"), *self._kernels(shape))

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(shape.sizes) * product(self._weight(shape)[1:])
