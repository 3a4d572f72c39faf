"""The locally connected layer: a convolution whose positions share nothing.

LeCun, "Generalization and Network Design Strategies", 1989; tensors counted as
in keras.layers.LocallyConnected2D (Keras 2).
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.base import Parts, Tensors, known_channels
from dlcalc.layers.conv import BIAS, OUT, STRIDE
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product
from dlcalc.layers.window import (
    KERNEL,
    PADDING,
    SlidingLayer,
    each,
    spatial_rank,
)


class Local(SlidingLayer):
    """Locally connected layer: a convolution with weights of its own at every position."""

    words = ("local", "locallyconnected")
    arguments = (OUT, KERNEL, STRIDE, PADDING, BIAS)
    example = "3x32x32 local:6,k5"

    out: Size | None
    bias: bool

    def output_channels(self, shape: Shape) -> Size | None:
        """The channels after the layer, None if they are left out."""
        if shape.as_side().channels is None:
            return None
        if self.out is None:
            raise LayerError("local needs its output channels", self.hint())
        return self.out

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        inputs = known_channels(shape.as_side(), "local")
        positions = self.output_shape(shape, convention).spatial
        out = self.out or 1
        tensors: Tensors = {"weight": (*positions, out, inputs, *self._kernels(shape))}
        if self.bias:
            tensors["bias"] = (out, *positions)
        return tensors

    def _kernels(self, shape: Shape) -> tuple[int, ...]:
        return each(self.kernel, spatial_rank(self, shape), "kernel")

    def macs(self, shape: Shape, output: Shape) -> Size:
        inputs = known_channels(shape.as_side(), "local")
        return product(output.sizes) * inputs * product(self._kernels(shape))

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"bias": product(output.sizes)} if self.bias else {}
