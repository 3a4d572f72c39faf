"""Pooling by a moving window, to a fixed size, and over the whole input.

Rules of PyTorch: aten/src/ATen/native/Pool.h (pooling_output_shape) and
AdaptivePooling; rounding up keeps a last window only if it starts inside the
input or its begin padding.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Padding, Sizes
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.window import (
    DILATION,
    KERNEL,
    PADDING,
    SlidingLayer,
    Spatial,
    Window,
    each,
    ends_text,
    spatial_rank,
    too_small,
)

STRIDE = Argument(
    "stride", "sizes", "how far the window moves; the kernel if left out", "s", default=None
)
CEIL = Argument(
    "ceil",
    "flag",
    "round the output size up; only Caffe does if left out",
    default=None,
    positional=False,
)


class WindowPool(SlidingLayer):
    """What every pooling by a window shares."""

    padding: Padding = ((0, 0),)
    ceil: bool | None

    def padding_words(self, convention: Convention) -> tuple[str, ...]:
        """The words that its padding may be."""
        return convention.pooling_words

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        """The shape after the window. Raises `LayerError` for what the convention refuses."""
        rank = len(shape.spatial)
        if not shape.bare and rank and rank not in convention.pooling_ranks:
            raise LayerError(
                f"pooling takes 2 spatial axes in {convention.name}, but gets {shape}",
                "Give it images, such as 3x32x32.",
            )
        return super().output_shape(shape, convention)

    def windows(self, spatial: Spatial, convention: Convention) -> tuple[Window, ...]:
        """The window along each axis. Raises `LayerError` for what the convention refuses."""
        windows = super().windows(spatial, convention)
        self._check_exists(windows, convention)
        if not isinstance(self.padding, str):
            for window in windows:
                _check_padding(window, convention)
        return windows

    def _check_exists(self, windows: tuple[Window, ...], convention: Convention) -> None:
        """Refuse dilation and rounding that the framework has not."""
        name = convention.name
        dilated = max(window.dilation for window in windows) > 1
        strided = max(window.stride for window in windows) > 1
        if dilated and convention.pooling_dilation == "none":
            raise LayerError(f"pooling takes no dilation in {name}")
        if dilated and strided and convention.pooling_dilation == "unless strided":
            raise LayerError(f"pooling takes a stride or a dilation in {name}, not both")
        if self.ceil and not convention.pooling_ceil_choice:
            raise LayerError(
                f"pooling cannot round up in {name}", "p=same gives n/stride, rounded up."
            )

    def rounds_up(self, convention: Convention) -> bool:
        """Whether an incomplete last window counts."""
        if self.padding == "valid" and convention.pooling_valid_rounds_down:
            return False
        return convention.pooling_ceil if self.ceil is None else self.ceil

    def drops(self, convention: Convention) -> bool:
        """Whether a last window that begins behind the input is dropped when rounding up."""
        padded = not isinstance(self.padding, str) and any(map(any, self.padding))
        rule = convention.pooling_drops
        return rule == "always" or (rule == "padded" and padded)

    def maps(self, windows: tuple[Window, ...], convention: Convention) -> tuple[Axis, ...]:
        """The maps that these windows are."""
        return tuple([window.axis(self._slack(window, convention)) for window in windows])

    def _slack(self, window: Window, convention: Convention) -> int:
        if not self.rounds_up(convention):
            return 0
        if not self.drops(convention) or window.ends is None:
            return window.stride - 1
        # Rounding up adds stride - 1; no window may begin behind the input:
        # (o - 1)*s <= n + begin - 1. Both are floors by s, so the smaller a holds.
        return min(window.stride - 1, window.extent - window.ends[1] - 1)

    def window_formula(self, n: str, window: Window, convention: Convention) -> str:
        if window.ends is None:
            return super().window_formula(n, window, convention)
        begin, end = window.ends
        k, d, s = window.kernel, window.dilation, window.stride
        covered = f"{k}" if d == 1 else f"{d}*({k} - 1) - 1"
        room = f"({n} + {ends_text(begin, end)} - {covered})"
        if window.same or not self.rounds_up(convention):
            return f"{room}//{s} + 1"
        upward = f"-(-{room}//{s}) + 1"
        if not self.drops(convention):
            return upward
        return f"min({upward}, ({n} + {begin} - 1)//{s} + 1)"

    def does_not_fit(
        self, spatial: Spatial, axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        ends = self.ends(spatial, convention)
        return too_small(self.kernel, self.dilation, ends, spatial, axes)

    def note(self, shape: Shape, convention: Convention) -> str:
        notes = [super().note(shape, convention)]
        if not self.rounds_up(convention) or self.drops(convention):
            return notes[0]
        for n, axis in zip(shape.spatial, self.window_axes(shape.spatial, convention), strict=True):
            if isinstance(n, int) and (n + axis.a) // axis.s * axis.s - axis.s - axis.begin >= n:
                notes.append(
                    f"{convention.name} keeps a last window that begins behind the input and "
                    "sees nothing of it"
                )
        return "; ".join(dict.fromkeys(filter(None, notes)))


def _check_padding(window: Window, convention: Convention) -> None:
    """Refuse padding beyond the framework's limit for pooling."""
    largest = max(window.ends or (0, 0))
    if convention.pooling_padding == "half" and largest > window.kernel // 2:
        raise LayerError(
            f"padding {largest} is more than half the kernel {window.kernel}",
            f"At most p{window.kernel // 2} is possible here.",
        )
    if convention.pooling_padding == "below" and largest >= window.kernel:
        raise LayerError(
            f"padding {largest} is not less than the kernel {window.kernel}",
            f"At most p{window.kernel - 1} is possible here.",
        )


class MaxPool(WindowPool):
    """The greatest value in each window."""

    words = ("maxpool",)
    arguments = (KERNEL, STRIDE, PADDING, DILATION, CEIL)
    example = "64x112x112 maxpool:3,s2,p1"


class _MeanPool(WindowPool):
    """Means, also those of powers; in 3-D torch wants their kernel to fit into the input itself."""

    def maps(self, windows: tuple[Window, ...], convention: Convention) -> tuple[Axis, ...]:
        axes = super().maps(windows, convention)
        if len(windows) < 3 or not convention.average_3d_fits_unpadded:
            return axes
        return tuple([axis._replace(low=max(axis.low, axis.extent)) for axis in axes])

    def does_not_fit(
        self, spatial: Spatial, axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        if len(spatial) < 3 or not convention.average_3d_fits_unpadded:
            return super().does_not_fit(spatial, axes, convention)
        rule = too_small(self.kernel, self.dilation, ((0, 0),) * 3, spatial, axes).rule
        reason = f"in 3-D {convention.name} takes no mean of a window larger than the input"
        return DoesNotFit(f"{rule}: {reason}", axes)


class AvgPool(_MeanPool):
    """The mean of each window."""

    words = ("avgpool", "meanpool")
    arguments = (
        KERNEL,
        STRIDE,
        PADDING,
        CEIL,
        Argument(
            "count_include_pad",
            "flag",
            "count the padding in the mean's divisor; the framework's own rule if left out",
            default=None,
            positional=False,
        ),
        DILATION,
    )
    example = "6x28x28 avgpool:2"

    count_include_pad: bool | None

    def counts_padding(self, convention: Convention) -> bool:
        """Whether the divisor counts padding; positions beyond it never count."""
        if self.count_include_pad is None:
            return self._usually_counts(convention)
        return self.count_include_pad

    def _usually_counts(self, convention: Convention) -> bool:
        if isinstance(self.padding, str):
            return convention.average_counts_same
        return convention.average_counts_padding

    def _check_exists(self, windows: tuple[Window, ...], convention: Convention) -> None:
        super()._check_exists(windows, convention)
        usual = self._usually_counts(convention)
        if self.counts_padding(convention) != usual and not convention.average_counts_choice:
            rule = "always counts" if usual else "never counts"
            raise LayerError(f"{convention.name} {rule} the padding in a mean's divisor")
        if max(window.dilation for window in windows) > 1 and not convention.average_dilation:
            raise LayerError(f"average pooling takes no dilation in {convention.name}")


class LpPool(_MeanPool):
    """The p-norm of each window: the p-th root of the sum of the values' p-th powers."""

    words = ("lppool",)
    arguments = (
        KERNEL,
        STRIDE,
        Argument("norm", "number", "the p of the norm", default=2.0, positional=False),
        CEIL,
    )
    example = "64x32x32 lppool:3,s2"

    norm: float

    def check(self) -> None:
        if self.norm <= 0:
            raise LayerError(f"norm must be above 0, not {self.norm:g}", "Such as norm=2.")


class StochasticPool(WindowPool):
    """One value of each window, drawn with a probability proportional to it.

    Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep
    Convolutional Neural Networks", 2013.
    """

    words = ("stochasticpool",)
    arguments = (KERNEL, STRIDE, CEIL)
    example = "64x32x32 stochasticpool:3,s2"


class _AdaptivePool(Layer):
    """Pooling to a fixed size: output i of o has the inputs i*n//o to -(-(i + 1)*n//o) - 1."""

    pinned = True
    spatial = True
    arguments = (Argument("output", "sizes", "output size"),)

    output: Sizes

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        sizes = each(self.output, spatial_rank(self, shape), "output")
        return shape.with_spatial(shape.as_side().channels, sizes)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        maps = []
        spatial = shape.spatial
        for n, o in zip(spatial, each(self.output, len(spatial), "output"), strict=True):
            if not isinstance(n, int) or n % o:
                return None
            maps.append(Axis.window(kernel=n // o, stride=n // o, begin=0, end=0))
        return tuple(maps)


class AdaptiveAvgPool(_AdaptivePool):
    """The means over a fixed number of equal parts of the input."""

    words = ("adaptiveavgpool",)
    example = "512x7x7 adaptiveavgpool:1"


class AdaptiveMaxPool(_AdaptivePool):
    """The greatest values of a fixed number of equal parts of the input."""

    words = ("adaptivemaxpool",)
    example = "512x7x9 adaptivemaxpool:7x7"


class _GlobalPool(Layer):
    """One value for each channel, from all its positions."""

    pinned = True
    spatial = True

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        rank = spatial_rank(self, shape)
        channels = shape.as_side().channels
        if channels is None or convention.global_pooling_keeps_axes:
            return shape.with_spatial(channels, (1,) * rank)
        return shape.with_sizes((channels,))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        spatial = shape.spatial
        if not convention.global_pooling_keeps_axes or shape.symbolic:
            return None
        return tuple(
            Axis.window(kernel=n, stride=n, begin=0, end=0) for n in spatial if isinstance(n, int)
        )


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel."""

    words = ("globalavgpool", "gap")
    example = "512x7x7 globalavgpool flatten"


class GlobalMaxPool(_GlobalPool):
    """The greatest value of each channel."""

    words = ("globalmaxpool", "gmp")
    example = "512x7x7 globalmaxpool flatten"
