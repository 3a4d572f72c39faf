"""The fully connected layer, and the flattening before it."""

from __future__ import annotations

from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer, Parts, Tensors, Ties, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product


class Dense(Layer):
    """Fully connected layer: every output is a weighted sum of the last axis.

    Some frameworks flatten the input first. A layer may share the weight of
    another, or its transpose: Press and Wolf, "Using the Output Embedding to
    Improve Language Models", 2017.
    """

    words = ("dense", "linear", "fc")
    on_each_token = True
    arguments = (
        Argument("out", "size", "output features"),
        Argument(
            "bias", "flag", "a trained number added to each output", default=True, positional=False
        ),
        Argument(
            "tied",
            "name",
            "the layer whose weight it shares, such as embedding1",
            default="",
            positional=False,
        ),
    )
    example = "784 dense:128 relu dense:10"

    out: Size
    bias: bool
    tied: str

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "dense")
        kept = () if convention.dense_flattens else shape.sizes[:-1]
        return shape.with_sizes((*kept, self.out))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None

    def note(self, shape: Shape, convention: Convention) -> str:
        if convention.dense_flattens and len(shape.sizes) > 1:
            return f"{convention.name} flattens {shape} before a dense layer"
        if len(shape.sizes) < 3:
            return ""
        return (
            f"dense acts on the last axis of {shape} alone; flatten before it feeds it all "
            f"{product(shape.sizes)!s} values"
        )

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        tensors: Tensors = {} if self.tied else {"weight": self._weight(shape, convention)}
        if self.bias:
            tensors["bias"] = (self.out,)
        return tensors

    def ties(self, shape: Shape, convention: Convention) -> Ties:
        return {"weight": (self.tied, self._weight(shape, convention))} if self.tied else {}

    def _weight(self, shape: Shape, convention: Convention) -> tuple[Size, ...]:
        inputs = product(shape.sizes) if convention.dense_flattens else shape.sizes[-1]
        return (self.out, inputs)

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(shape.sizes) * self.out

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"bias": product(output.sizes)} if self.bias else {}

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        """Parameters if each position along the other axes had weights of its own."""
        if len(output.sizes) == 1:
            return None
        numbers = product(self._weight(shape, convention)) + (self.out if self.bias else 0)
        return product(output.sizes[:-1]) * numbers


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
        return f"{factors_text(shape.sizes)} = {product(shape.sizes)!s}"


def factors_text(sizes: tuple[Size, ...]) -> str:
    """A product of sizes as a formula has it.

    >>> from dlcalc.layers.size import letter
    >>> factors_text((8, letter("H") - 2, 5))
    '8*(H - 2)*5'
    """
    return "*".join(map(_factor, sizes))


def _factor(size: Size) -> str:
    shown = str(size)
    return shown if shown.isalnum() else f"({shown})"
