"""Convolution.

Sizes: Dumoulin and Visin, "A guide to convolution arithmetic for deep
learning", 2016; torch/nn/modules/conv.py for the rules of PyTorch.
"""

from __future__ import annotations

from math import gcd

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Sizes
from dlcalc.layers.base import Parts, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, product, quotient, total
from dlcalc.layers.window import (
    DILATION,
    KERNEL,
    PADDING,
    SlidingLayer,
    each,
    spatial_rank,
)

OUT = Argument("out", "size", "output channels", default=None)
STRIDE = Argument("stride", "sizes", "how far the window moves", "s", default=(1,))
GROUPS = Argument("groups", "size", "channels in separate groups", "g", default=1, positional=False)
BIAS = Argument(
    "bias", "flag", "a trained number added to each output channel", default=True, positional=False
)


class Convolution(SlidingLayer):
    """What a convolution and its transpose share: channels, groups, weights."""

    out: Size | None
    groups: Size
    bias: bool

    def output_channels(self, shape: Shape) -> Size | None:
        channels = shape.as_side().channels
        if channels is None:
            return None
        if self.out is None:
            raise LayerError(f"{self.words[0]} needs its output channels", self.hint())
        if self.groups != 1:
            self.grouped(channels, "input", self.out)
            self.grouped(self.out, "output", channels)
        return self.out

    def note(self, shape: Shape, convention: Convention) -> str:
        notes = [super().note(shape, convention)]
        if shape.bare and self.out is not None:
            notes.append(
                f"the input is one side without its channels, so the {self.out} output channels "
                "are not shown"
            )
        return "; ".join(filter(None, notes))

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        tensors: Tensors = {"weight": self.weight(shape)}
        if self.bias and self.out is not None:
            tensors["bias"] = (self.out,)
        return tensors

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"bias": product(output.sizes)} if self.bias else {}

    def weight(self, shape: Shape) -> tuple[Size, ...]:
        """The sizes of the weight."""
        raise NotImplementedError

    def kernels(self, shape: Shape) -> Sizes:
        """The kernel along each spatial axis."""
        return each(self.kernel, spatial_rank(self, shape), "kernel")

    def grouped(self, channels: Size, which: str, others: Size | None = None) -> Size:
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


class Conv(Convolution):
    """Convolution (cross-correlation): a kernel slides over all input channels."""

    words = ("conv", "convolution")
    arguments = (OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS)
    example = "3x32x32 conv:6,k5"

    def weight(self, shape: Shape) -> tuple[Size, ...]:
        inputs = self.grouped(known_channels(shape.as_side(), "conv"), "input")
        return (self.out or 1, inputs, *self.kernels(shape))

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(output.sizes) * product(self.weight(shape)[1:])

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size:
        tensors = self.parameters(shape, convention).values()
        return product(output.spatial) * total(product(sizes) for sizes in tensors)
