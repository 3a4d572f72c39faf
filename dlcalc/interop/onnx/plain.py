"""Nodes that the notation has no layer for: their shape, tensors and counts as worked out."""

from __future__ import annotations

from dlcalc.interop.onnx.value import Sizes
from dlcalc.layers.axis import IDENTITY, Axis
from dlcalc.layers.base import Layer, Parts, Tensors
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size


class Plain(Layer):
    """One node at work on one input: what comes out, its tensors, its counts."""

    words = ("onnx",)

    output: Sizes
    tensors: tuple[tuple[str, Sizes], ...]
    kept: tuple[tuple[str, Sizes], ...]
    products: Size
    others: tuple[tuple[str, Size], ...]
    elementwise: bool

    def __init__(
        self,
        output: Sizes,
        *,
        tensors: Tensors,
        kept: Tensors,
        products: Size,
        others: Parts,
        elementwise: bool,
    ) -> None:
        self.__dict__.update(
            rank=None,
            output=output,
            tensors=tuple(tensors.items()),
            kept=tuple(kept.items()),
            products=products,
            others=tuple(others.items()),
            elementwise=elementwise,
        )

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        return Shape(self.output)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """None but where each output sees the one input at its place."""
        return (IDENTITY,) * len(shape.spatial) if self.elementwise else None

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return dict(self.tensors)

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        return dict(self.kept)

    def macs(self, shape: Shape, output: Shape) -> Size:
        return self.products

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return dict(self.others)


class PlainMerge(Plain):
    """One node at work on several inputs."""

    words = ("onnxmerge",)
    branches = (2, 10_000)
    merges_input = False

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        return Shape(self.output)
