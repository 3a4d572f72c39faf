"""What all layers with a moving window share: ranks, ends of padding, fitting."""

from __future__ import annotations

from typing import TypeVar

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Padding, Sizes
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size

T = TypeVar("T")
Ends = tuple[tuple[int, int], ...]

KERNEL = Argument("kernel", "sizes", "size of the window", "k")
PADDING = Argument(
    "padding",
    "padding",
    "positions added at both ends; 1+2 for begin and end; same or valid",
    "p",
    default=((0, 0),),
    low=0,
)
DILATION = Argument(
    "dilation",
    "sizes",
    "distance between the positions of the kernel",
    "d",
    default=(1,),
    positional=False,
)

_FORMS = {
    "chw": {1: "CxL", 2: "CxHxW", 3: "CxDxHxW"},
    "hwc": {1: "LxC", 2: "HxWxC", 3: "DxHxWxC"},
}
_EXAMPLES = {"chw": "3x32x32", "hwc": "32x32x3"}


class WindowLayer(Layer):
    """A layer that moves a window along the spatial axes."""

    pinned = True
    spatial = True

    kernel: Sizes

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        """The shape after the window. Raises `DoesNotFit` if it is larger than its input."""
        axes = self.window_axes(spatial_rank(self, shape), convention)
        spatial = shape.spatial
        for n, axis in zip(spatial, axes, strict=True):
            if isinstance(n, int) and n < axis.low:
                raise self.does_not_fit(spatial, axes, convention)
        sizes = tuple([axis.size(n) for n, axis in zip(spatial, axes, strict=True)])
        return shape.with_spatial(self.output_channels(shape), sizes)

    def output_channels(self, shape: Shape) -> Size | None:
        """The channels after the layer, None if they are left out."""
        return shape.channels

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...]:
        """Its map along each spatial axis."""
        return self.window_axes(len(shape.spatial), convention)

    def window_axes(self, rank: int, convention: Convention) -> tuple[Axis, ...]:
        """The maps for inputs of that many spatial axes."""
        raise NotImplementedError

    def formula(self, shape: Shape, convention: Convention) -> str:
        """One formula for each axis, those that are alike only once."""
        spatial = shape.spatial
        rank = len(spatial)
        shown = [
            f"{self.axis_formula(str(n), position, rank, convention)} = {axis.size(n)!s}"
            for position, (n, axis) in enumerate(
                zip(spatial, self.window_axes(rank, convention), strict=True)
            )
        ]
        return "; ".join(dict.fromkeys(shown))

    def axis_formula(self, n: str, position: int, rank: int, convention: Convention) -> str:
        """The output size along one axis as Python evaluates it, without the result."""
        raise NotImplementedError

    def does_not_fit(
        self, spatial: tuple[Size, ...], axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        """The refusal of an input that is too small."""
        raise NotImplementedError


def spatial_rank(layer: Layer, shape: Shape) -> int:
    """How many spatial axes the input has; refuses what no window can move along."""
    word = layer.words[0]
    if shape.bare:
        return 1
    rank = len(shape.sizes) - 1
    if rank < 1:
        raise LayerError(
            f"{word} needs at least one spatial axis, but gets {shape} features",
            f"Give it channels and sides, such as {_EXAMPLES[shape.layout]}.",
        )
    if rank > 3:
        raise LayerError(f"{word} moves along at most 3 spatial axes, but gets {shape}")
    if layer.rank is not None and layer.rank != rank:
        form = _FORMS[shape.layout][layer.rank]
        raise LayerError(
            f"{word}{layer.rank}d needs {form}, but gets {shape}",
            f"Write {word}, which follows its input, or give {form}.",
        )
    return rank


def each(values: tuple[T, ...], rank: int, name: str) -> tuple[T, ...]:
    """One value for each axis, from one for all or one for each."""
    if len(values) == rank:
        return values
    if len(values) == 1:
        return values * rank
    raise LayerError(
        f"{name} has {len(values)} axes, but the input has {rank} to move along",
        f"Give {name} one number for all axes, or one for each of the {rank}.",
    )


def fixed_ends(padding: Padding, rank: int) -> Ends:
    """(begin, end) for each axis, where the padding is given in numbers or is ``valid``."""
    if isinstance(padding, str):
        return ((0, 0),) * rank
    return each(padding, rank, "padding")


def ends_text(begin: int, end: int) -> str:
    """Both ends of padding as a formula has them: 2*1, or 1 + 2."""
    return f"2*{begin}" if begin == end else f"{begin} + {end}"


def too_small(
    kernel: Sizes,
    dilation: Sizes,
    ends: Ends,
    spatial: tuple[Size, ...],
    axes: tuple[Axis, ...],
    *,
    at_most_half: bool = False,
) -> DoesNotFit:
    """The refusal of a window larger than its padded input, with the padding that mends it."""
    rank = len(axes)
    kernels, dilations = each(kernel, rank, "kernel"), each(dilation, rank, "dilation")
    shown = _by(kernels)
    rule = f"a {shown} kernel" if rank > 1 else f"a kernel of {shown}"
    if set(dilations) != {1}:
        covers = _by(tuple(d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True)))
        rule += f" with dilation {_by(dilation)} covers {covers} and"
    rule += f" does not fit into {_by(spatial)}"
    if any(begin or end for begin, end in ends):
        padded = tuple(n + begin + end for n, (begin, end) in zip(spatial, ends, strict=True))
        rule += f", padded to {_by(padded)}"
    wanted = tuple(
        (begin + more, end + more)
        for (begin, end), n, axis in zip(ends, spatial, axes, strict=True)
        for more in [-(-(max(axis.low - n, 0)) // 2) if isinstance(n, int) else 0]
    )
    if at_most_half and any(max(e) > k // 2 for e, k in zip(wanted, kernels, strict=True)):
        return DoesNotFit(rule, axes)
    return DoesNotFit(rule, axes, wanted)


def padding_text(ends: Ends) -> str:
    """The argument that pads so: p1, or p=1x0, or p=1+2."""
    shown = [str(begin) if begin == end else f"{begin}+{end}" for begin, end in ends]
    if len(set(shown)) == 1:
        shown = shown[:1]
    joined = "x".join(shown)
    return f"p{joined}" if joined.isdigit() else f"p={joined}"


def _by(sizes: tuple[Size, ...]) -> str:
    return "x".join(str(size) for size in sizes)
