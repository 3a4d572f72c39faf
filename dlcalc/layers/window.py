"""What all layers with a moving window share: ranks, ends of padding, fitting."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Padding, Sizes
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import CONVENTIONS, Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size

T = TypeVar("T")
Ends = tuple[tuple[int, int], ...]
Spatial = tuple[Size, ...]

KERNEL = Argument("kernel", "sizes", "size of the window", "k")
PADDING = Argument(
    "padding",
    "padding",
    "positions added at both ends; 1+2 for begin and end; same, valid",
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
        spatial_rank(self, shape)
        spatial = shape.spatial
        axes = self.window_axes(spatial, convention)
        for n, axis in zip(spatial, axes, strict=True):
            if isinstance(n, int) and n < axis.low:
                raise self.does_not_fit(spatial, axes, convention)
        sizes = tuple([axis.size(n) for n, axis in zip(spatial, axes, strict=True)])
        return shape.with_spatial(self.output_channels(shape), sizes)

    def output_channels(self, shape: Shape) -> Size | None:
        """The channels after the layer, None if they are left out."""
        return shape.channels

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """Its map along each spatial axis; None where it hangs on a size not yet known."""
        return self.window_axes(shape.spatial, convention)

    def window_axes(self, spatial: Spatial, convention: Convention) -> tuple[Axis, ...]:
        """The maps for these sides; where ``begin`` hangs on one not yet known it is 0."""
        raise NotImplementedError

    def formula(self, shape: Shape, convention: Convention) -> str:
        """One formula for each axis, those that are alike only once."""
        spatial = shape.spatial
        shown = [
            f"{self.axis_formula(n, position, spatial, convention)} = {axis.size(n)!s}"
            for position, (n, axis) in enumerate(
                zip(spatial, self.window_axes(spatial, convention), strict=True)
            )
        ]
        return "; ".join(dict.fromkeys(shown))

    def axis_formula(self, n: Size, position: int, spatial: Spatial, convention: Convention) -> str:
        """The output size along one axis as Python evaluates it, without the result."""
        raise NotImplementedError

    def does_not_fit(
        self, spatial: Spatial, axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        """The refusal of an input that is too small."""
        raise NotImplementedError


class Window(NamedTuple):
    """A window along one axis. ``ends`` is None while it hangs on a size not yet known."""

    kernel: int
    dilation: int
    stride: int
    ends: tuple[int, int] | None
    #: The padding makes ceil(n/stride) outputs, whatever n is.
    same: bool = False

    @property
    def extent(self) -> int:
        """How many positions it covers, dilation included."""
        return self.dilation * (self.kernel - 1) + 1

    def axis(self, slack: int = 0) -> Axis:
        """Its map; ``slack`` is what rounding up adds before the division by the stride."""
        begin, end = self.ends or (0, 0)
        if self.same:
            return Axis(self.stride - 1, self.stride, begin, self.extent)
        return Axis.window(
            kernel=self.extent, stride=self.stride, begin=begin, end=end, slack=slack
        )


class SlidingLayer(WindowLayer):
    """A window with kernel, stride, padding and dilation, such as a convolution's."""

    stride: Sizes | None
    padding: Padding
    dilation: Sizes = (1,)

    def padding_words(self, convention: Convention) -> tuple[str, ...]:
        """The words that its padding may be."""
        return convention.conv_words

    def windows(self, spatial: Spatial, convention: Convention) -> tuple[Window, ...]:
        """The window along each axis. Raises `LayerError` for what the convention refuses."""
        rank = len(spatial)
        if not rank:
            raise LayerError(f"{self.words[0]} needs at least one spatial axis")
        kernels = each(self.kernel, rank, "kernel")
        strides = each(self.kernel if self.stride is None else self.stride, rank, "stride")
        dilations = each(self.dilation, rank, "dilation")
        if max(strides) > 1 and max(dilations) > 1 and not convention.stride_with_dilation:
            raise LayerError(
                f"{self.words[0]} takes a stride or a dilation in {convention.name}, not both",
                "Leave one of them at 1.",
            )
        if not isinstance(self.padding, str):
            ends = each(self.padding, rank, "padding")
            check_even(ends, convention)
            return tuple([Window(*w) for w in zip(kernels, dilations, strides, ends, strict=True)])
        self._check_word(self.padding, strides, convention)
        return tuple(
            [
                _worded(self.padding, n, Window(k, d, s, (0, 0)))
                for n, k, d, s in zip(spatial, kernels, dilations, strides, strict=True)
            ]
        )

    def _check_word(self, word: str, strides: Sizes, convention: Convention) -> None:
        if word not in self.padding_words(convention):
            others = [c.name for c in CONVENTIONS.values() if word in self.padding_words(c)]
            mend = f", or ask with --like {others[0]}" if others else ""
            raise LayerError(
                f"{self.words[0]} takes no padding={word} in {convention.name}",
                f"Give the padding in numbers, such as p1{mend}.",
            )
        if word == "causal" and len(strides) > 1:
            raise LayerError(f"padding=causal pads sequences, but there are {len(strides)} axes")
        if word == "same" and not convention.same_with_stride and max(strides) > 1:
            raise LayerError(
                f"padding=same needs stride 1 in {convention.name}",
                "Give the padding in numbers, such as p1, or ask with --like keras.",
            )

    def ends(self, spatial: Spatial, convention: Convention) -> Ends:
        """(begin, end) for each axis; 0 where it hangs on a size not yet known."""
        return tuple([window.ends or (0, 0) for window in self.windows(spatial, convention)])

    def maps(self, windows: tuple[Window, ...], convention: Convention) -> tuple[Axis, ...]:
        """The maps that these windows are."""
        return tuple([window.axis() for window in windows])

    def window_axes(self, spatial: Spatial, convention: Convention) -> tuple[Axis, ...]:
        """The maps for these sides."""
        return self.maps(self.windows(spatial, convention), convention)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """Its map along each spatial axis; None where its padding hangs on an unknown size."""
        windows = self.windows(shape.spatial, convention)
        if any(window.ends is None for window in windows):
            return None
        return self.maps(windows, convention)

    def formula(self, shape: Shape, convention: Convention) -> str:
        """One formula for each axis, those that are alike only once."""
        spatial = shape.spatial
        windows = self.windows(spatial, convention)
        axes = self.maps(windows, convention)
        shown = [
            f"{self.window_formula(str(n), window, convention)} = {axis.size(n)!s}"
            for n, window, axis in zip(spatial, windows, axes, strict=True)
        ]
        return "; ".join(dict.fromkeys(shown))

    def window_formula(self, n: str, window: Window, convention: Convention) -> str:
        """The output size along one axis as Python evaluates it, without the result."""
        if window.ends is None:
            return f"-(-{n if n.isalnum() else f'({n})'}//{window.stride})"
        begin, end = window.ends
        covered = f"{window.dilation}*({window.kernel} - 1) - 1"
        return f"({n} + {ends_text(begin, end)} - {covered})//{window.stride} + 1"

    def does_not_fit(
        self, spatial: Spatial, axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        """The refusal of a window larger than its padded input."""
        return too_small(self.kernel, self.dilation, self.ends(spatial, convention), spatial, axes)

    def note(self, shape: Shape, convention: Convention) -> str:
        """That the framework has a layer of its own for padding."""
        padded = not isinstance(self.padding, str) and any(map(any, self.padding))
        if not (padded and convention.pads_by_layer):
            return ""
        return f"{convention.name} pads by numbers in a layer of its own, ZeroPadding, before this"


def _worded(word: str, n: Size, window: Window) -> Window:
    """The window with the padding that a word means for an input of size n.

    TensorFlow and ONNX: the least padding that gives ceil(n/stride) outputs; the
    odd position goes to the end, for same_lower to the begin.
    """
    if word == "valid":
        return window
    if word == "causal":
        return window._replace(ends=(window.extent - 1, 0))
    if window.stride == 1:
        total = window.extent - 1
    elif isinstance(n, int):
        total = max((-(-n // window.stride) - 1) * window.stride + window.extent - n, 0)
    else:
        return window._replace(ends=None, same=True)
    less = total // 2
    ends = (total - less, less) if word == "same_lower" else (less, total - less)
    return window._replace(ends=ends, same=True)


def check_even(ends: Ends, convention: Convention) -> None:
    """Refuse padding that differs at both ends where the framework has none such."""
    if convention.uneven_padding or all(begin == end for begin, end in ends):
        return
    raise LayerError(
        f"{padding_text(ends)} pads begin and end differently, which {convention.name} cannot",
        "Pad both ends alike, or put pad before the layer.",
    )


def spatial_rank(layer: Layer, shape: Shape) -> int:
    """How many spatial axes the input has; refuses what no window can move along."""
    word = layer.words[0]
    if shape.bare:
        return 1
    rank = len(shape.sizes) - 1
    if rank < 1:
        raise LayerError(
            f"{word} needs at least one spatial axis, but gets {shape} features",
            f"Give it channels and sides, such as {_EXAMPLES[shape.layout]}, or bring the "
            f"features to sides: reshape:{_as_sides(shape)}.",
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


def _as_sides(shape: Shape) -> str:
    """Features as channels of one position each, in the layout of the shape."""
    return f"1x1x{shape}" if shape.layout == "hwc" else f"{shape}x1x1"


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
) -> DoesNotFit:
    """The refusal of a window larger than its padded input."""
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
    return DoesNotFit(rule, axes)


def padding_text(ends: Ends) -> str:
    """The argument that pads so: p1, or p=1x0, or p=1+2."""
    shown = [str(begin) if begin == end else f"{begin}+{end}" for begin, end in ends]
    if len(set(shown)) == 1:
        shown = shown[:1]
    joined = "x".join(shown)
    return f"p{joined}" if joined.isdigit() else f"p={joined}"


def _by(sizes: tuple[Size, ...]) -> str:
    return "x".join(str(size) for size in sizes)
