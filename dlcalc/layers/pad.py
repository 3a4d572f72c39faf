"""Padding as a layer of its own."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Padding
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.window import ends_text, fixed_ends, spatial_rank


class Pad(Layer):
    """Zeros added at the ends of the spatial axes."""

    words = ("pad", "zeropad")
    pinned = True
    spatial = True
    arguments = (
        Argument(
            "padding",
            "padding",
            "positions added at both ends; 1+2 for begin and end",
            "p",
            low=0,
        ),
    )
    example = "3x32x32 pad:0+1 conv:8,k3,s2"

    padding: Padding

    def check(self) -> None:
        if isinstance(self.padding, str):
            raise LayerError(f"pad takes numbers, not {self.padding}", self.hint())

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        spatial_rank(self, shape)
        axes = self.axes(shape, convention)
        sizes = tuple(axis.size(n) for n, axis in zip(shape.spatial, axes, strict=True))
        return shape.with_spatial(shape.as_side().channels, sizes)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...]:
        return tuple(
            Axis.window(kernel=1, stride=1, begin=begin, end=end)
            for begin, end in fixed_ends(self.padding, len(shape.spatial))
        )

    def formula(self, shape: Shape, convention: Convention) -> str:
        shown = [
            f"{n!s} + {ends_text(begin, end)} = {n + begin + end!s}"
            for n, (begin, end) in zip(
                shape.spatial, fixed_ends(self.padding, len(shape.spatial)), strict=True
            )
        ]
        return "; ".join(dict.fromkeys(shown))
