"""The fully connected layer, and the flattening before it."""

from __future__ import annotations

from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product


class Dense(Layer):
    """Fully connected layer: every output is a weighted sum of the last axis."""

    words = ("dense", "linear", "fc")
    arguments = (
        Argument("out", "size", "output features"),
        Argument(
            "bias", "flag", "a trained number added to each output", default=True, positional=False
        ),
    )
    example = "784 dense:128 relu dense:10"

    out: Size
    bias: bool

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "dense")
        return shape.with_sizes((*shape.sizes[:-1], self.out))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None

    def note(self, shape: Shape) -> str:
        if len(shape.sizes) < 3:
            return ""
        return (
            f"dense acts on the last axis of {shape} alone; flatten before it feeds it all "
            f"{product(shape.sizes)!s} values"
        )

    def parameters(self, shape: Shape) -> Tensors:
        tensors: Tensors = {"weight": (self.out, shape.sizes[-1])}
        if self.bias:
            tensors["bias"] = (self.out,)
        return tensors

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(shape.sizes) * self.out


class Flatten(Layer):
    """All values of an example in one row."""

    words = ("flatten",)
    example = "16x5x5 flatten dense:120"

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "flatten")
        return shape.with_sizes((product(shape.sizes),))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None

    def formula(self, shape: Shape, convention: Convention) -> str:
        if len(shape.sizes) == 1:
            return ""
        factors = "*".join(_factor(size) for size in shape.sizes)
        return f"{factors} = {product(shape.sizes)!s}"


def _factor(size: Size) -> str:
    shown = str(size)
    return shown if shown.isalnum() else f"({shown})"
