"""Layers that only rearrange values: other sizes, another order, a part of them."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Sizes
from dlcalc.layers.axis import IDENTITY, Axis
from dlcalc.layers.base import DoesNotFit, Layer, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.dense import factors_text
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.layers.size import Size, counterexample, evaluate, product, quotient
from dlcalc.layers.window import Ends, each, ends_text, spatial_rank


def _axes_as_written(shape: Shape) -> str:
    """A remark where channels come last, and so are not the first axis."""
    if shape.layout == "chw" or len(shape.sizes) < 3:
        return ""
    return f"the axes of {shape} are taken as they stand, channels last"


class Reshape(Layer):
    """The same values in the same order under other sizes; -1 stands for what is left."""

    words = ("reshape",)
    arguments = (
        Argument("sizes", "shape", "the new sizes; -1 for the one that is to be worked out"),
    )
    example = "768x14x14 reshape:768x196 permute:1x0"

    sizes: tuple[Size, ...]

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "reshape")
        values = product(shape.sizes)
        given = product(size for size in self.sizes if size != -1)
        if -1 not in self.sizes:
            self._check_values(values, given, shape)
            return shape.with_sizes(self.sizes)
        left = quotient(values, given)
        if left is None:
            raise self._no_quotient(values, given, shape)
        return shape.with_sizes(tuple(left if size == -1 else size for size in self.sizes))

    def _check_values(self, values: Size, given: Size, shape: Shape) -> None:
        if values == given:
            return
        rule = f"{shape} has {values} values, but {sizes_text(self.sizes)} has {given}"
        if isinstance(values, int) and isinstance(given, int):
            raise LayerError(rule, "A reshape keeps the values; -1 stands for what is left.")
        letters = counterexample(values, given)
        if letters is None:
            raise LayerError(f"{rule}; whether they are equal cannot be told")
        shown = ", ".join(f"{name} = {value}" for name, value in letters.items())
        numbers = f"{evaluate(values, letters)} and {evaluate(given, letters)}"
        raise LayerError(rule, f"For example with {shown}: {numbers}.")

    def _no_quotient(self, values: Size, given: Size, shape: Shape) -> LayerError:
        if isinstance(values, int) and isinstance(given, int):
            return LayerError(
                f"{shape} has {values} values, which do not divide by {given}",
                "The product of the other sizes must divide them.",
            )
        return LayerError(f"whether {given} divides the {values} values depends on the letters")

    def note(self, shape: Shape, convention: Convention) -> str:
        return _axes_as_written(shape)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None

    def formula(self, shape: Shape, convention: Convention) -> str:
        if -1 not in self.sizes:
            return f"{factors_text(shape.sizes)} = {factors_text(self.sizes)}"
        left = self.output_shape(shape, convention).sizes[self.sizes.index(-1)]
        given = tuple(size for size in self.sizes if size != -1)
        divisor = factors_text(given)
        if len(given) > 1:
            divisor = f"({divisor})"
        shown = factors_text(shape.sizes) + (f"//{divisor}" if given else "")
        return f"{shown} = {left!s}"


class Permute(Layer):
    """The axes in another order."""

    words = ("permute",)
    arguments = (
        Argument("order", "sizes", "which axis comes first, which next, counted from 0", low=0),
    )
    example = "768x196 permute:1x0"

    order: Sizes

    def check(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise LayerError(
                "permute names an axis twice or leaves one out",
                "Axes count from 0 and each stands once, as in permute:1x0.",
            )

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "permute")
        rank = len(shape.sizes)
        if len(self.order) != rank:
            reverse = sizes_text(tuple(reversed(range(rank))))
            raise LayerError(
                f"permute orders {len(self.order)} axes, but {shape} has {rank}",
                f"Axes count from 0 and each stands once, as in permute:{reverse}.",
            )
        return shape.with_sizes(tuple(shape.sizes[axis] for axis in self.order))

    def note(self, shape: Shape, convention: Convention) -> str:
        return _axes_as_written(shape)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        same = self.order == tuple(range(len(self.order)))
        return super().axes(shape, convention) if same else None


class Crop(Layer):
    """Positions cut off at the ends of the spatial axes, or all but the middle."""

    words = ("crop", "cropping")
    pinned = True
    spatial = True
    arguments = (
        Argument(
            "margin",
            "padding",
            "positions cut off at both ends; 1+2 for begin and end",
            "p",
            default=None,
            low=0,
        ),
        Argument(
            "size", "sizes", "sides to keep, around the centre", default=None, positional=False
        ),
    )
    example = "64x64x64 crop:size=56"

    margin: Ends | None
    size: Sizes | None

    def check(self) -> None:
        if (self.margin is None) == (self.size is None):
            raise LayerError(
                "crop takes either a margin or a size", "Write crop:4 or crop:size=56."
            )
        if isinstance(self.margin, str):
            raise LayerError(f"crop takes numbers, not {self.margin}", self.hint())

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        spatial_rank(self, shape)
        axes = self._maps(shape)
        for n, axis in zip(shape.spatial, axes, strict=True):
            if isinstance(n, int) and n < axis.low:
                raise DoesNotFit(f"{self._too_much(shape)} {sizes_text(shape.spatial)}", axes)
        sizes: tuple[Size, ...] = self._kept(shape) or tuple(
            axis.size(n) for n, axis in zip(shape.spatial, axes, strict=True)
        )
        return shape.with_spatial(shape.as_side().channels, sizes)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None if self._open(shape) else self._maps(shape)

    def lows(self, shape: Shape, convention: Convention) -> tuple[int, ...]:
        """The least size along each spatial axis: more than is cut off, or what is kept."""
        return tuple(axis.low for axis in self._maps(shape))

    def formula(self, shape: Shape, convention: Convention) -> str:
        if self._open(shape):
            return ""
        shown = [
            f"{n!s} - {_cut_text(axis)} = {axis.size(n)!s}"
            for n, axis in zip(shape.spatial, self._maps(shape), strict=True)
        ]
        return "; ".join(dict.fromkeys(shown))

    def _kept(self, shape: Shape) -> Sizes:
        """The side to keep along each axis; empty where margins were given."""
        return each(self.size, len(shape.spatial), "size") if self.size else ()

    def _open(self, shape: Shape) -> list[tuple[Size, int]]:
        """The unknown sides of which a size is to be kept, so that the begin is unknown too."""
        kept = self._kept(shape)
        pairs = zip(shape.spatial, kept, strict=True) if kept else ()
        return [(n, size) for n, size in pairs if not isinstance(n, int)]

    def _maps(self, shape: Shape) -> tuple[Axis, ...]:
        """The map along each axis; where it is unknown, at least what it asks of its input."""
        if self.margin is not None:
            ends = each(self.margin, len(shape.spatial), "margin")
            return tuple(_cut(begin, end) for begin, end in ends)
        return tuple(map(_around, shape.spatial, self._kept(shape)))

    def _too_much(self, shape: Shape) -> str:
        if self.size is not None:
            return f"{sizes_text(self._kept(shape))} cannot be cut out of"
        cut = tuple(-axis.a for axis in self._maps(shape))
        return f"nothing is left when {sizes_text(cut)} is cut off"


def _cut(begin: int, end: int) -> Axis:
    return Axis(-(begin + end), 1, -begin, 1, low=begin + end + 1)


def _around(n: Size, size: int) -> Axis:
    """The map that keeps a size around the centre."""
    if not isinstance(n, int) or n < size:
        return Axis(0, 1, 0, 1, low=size)
    # An odd rest leaves one more at the end; torchvision's CenterCrop rounds a half to even.
    begin = (n - size) // 2
    return _cut(begin, n - size - begin)


def _cut_text(axis: Axis) -> str:
    """What a map cuts off, as a formula subtracts it."""
    begin, end = -axis.begin, axis.begin - axis.a
    return ends_text(begin, end) if begin == end else f"({ends_text(begin, end)})"


class Select(Layer):
    """Some of the channels, in the order given, from 0."""

    words = ("select",)
    arguments = (Argument("channels", "sizes", "the channels to keep, counted from 0", low=0),)
    example = "6x14x14 select:0x1x2 conv:1,k5"

    channels: Sizes

    def check(self) -> None:
        if len(set(self.channels)) < len(self.channels):
            raise LayerError("select names a channel twice", self.hint())

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        channels, last = known_channels(shape, "select"), max(self.channels)
        if not isinstance(channels, int):
            raise LayerError(f"whether there is a channel {last} among {channels} cannot be told")
        if last >= channels:
            raise LayerError(
                f"select names channel {last}, but {shape} has {channels}",
                f"Channels count from 0 to {channels - 1}.",
            )
        if len(shape.sizes) == 1:
            return shape.with_sizes((len(self.channels),))
        return shape.with_spatial(len(self.channels), shape.spatial)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None if shape.bare else (IDENTITY,) * len(shape.spatial)
