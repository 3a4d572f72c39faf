"""What all layers on sequences share: they read TIMExFEATURES, whatever the layout."""

from __future__ import annotations

from collections.abc import Mapping

from dlcalc.errors import LayerError
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product, total


class SequenceLayer(Layer):
    """A layer on TIMExFEATURES, which no window map describes."""

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        """The same sequence. Raises `LayerError` if it is none."""
        time_and_features(shape, self.words[0])
        return shape

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None


def time_and_features(shape: Shape, word: str) -> tuple[Size, Size]:
    """The two sizes of a sequence. Raises `LayerError` if there are not just two.

    >>> time_and_features(Shape((197, 768)), "encoder")
    (197, 768)
    """
    if shape.bare:
        mend = "Give it both, such as 20x128."
    elif len(shape.sizes) == 1:
        mend = f"Give it both, such as 20x{shape}."
    elif shape.layout == "hwc":
        mend = f"Make every position a step, as in reshape:-1x{shape.channels}."
    else:
        mend = f"Make every position a step, as in reshape:{shape.channels}x-1 permute:1x0."
    if shape.bare or len(shape.sizes) != 2:
        raise LayerError(f"{word} reads TIMExFEATURES, but gets {shape}", mend)
    time, features = shape.sizes
    return time, features


def numbers(tensors: Mapping[str, tuple[Size, ...]]) -> Size:
    """How many numbers these tensors hold.

    >>> numbers({"weight": (10, 84), "bias": (10,)})
    850
    """
    return total(product(sizes) for sizes in tensors.values())
