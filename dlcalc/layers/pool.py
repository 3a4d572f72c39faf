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
from dlcalc.layers.size import Size
from dlcalc.layers.window import (
    DILATION,
    KERNEL,
    PADDING,
    Ends,
    WindowLayer,
    each,
    ends_text,
    fixed_ends,
    spatial_rank,
    too_small,
)

STRIDE = Argument(
    "stride", "sizes", "how far the window moves; the kernel if left out", "s", default=None
)
CEIL = Argument("ceil", "flag", "round the output size up", default=False, positional=False)


class _Pool(WindowLayer):
    """What pooling by maximum and by mean share."""

    stride: Sizes | None
    padding: Padding
    dilation: Sizes = (1,)
    ceil: bool

    def _strides(self, rank: int) -> Sizes:
        stride = self.kernel if self.stride is None else self.stride
        return each(stride, rank, "stride")

    def _ends(self, rank: int, convention: Convention) -> Ends:
        if self.padding == "same" and not convention.same_on_pooling:
            raise LayerError(
                f"pooling takes no padding=same in {convention.name}",
                "Give the padding in numbers, such as p1.",
            )
        ends = fixed_ends(self.padding, rank)
        kernels = each(self.kernel, rank, "kernel")
        if convention.pooling_pads_at_most_half:
            for kernel, (begin, end) in zip(kernels, ends, strict=True):
                if max(begin, end) > kernel // 2:
                    raise LayerError(
                        f"padding {max(begin, end)} is more than half the kernel {kernel}",
                        f"At most p{kernel // 2} is possible here.",
                    )
        return ends

    def window_axes(self, rank: int, convention: Convention) -> tuple[Axis, ...]:
        return tuple(
            [
                self._axis(d * (k - 1) + 1, s, begin, end)
                for k, d, s, (begin, end) in zip(
                    each(self.kernel, rank, "kernel"),
                    each(self.dilation, rank, "dilation"),
                    self._strides(rank),
                    self._ends(rank, convention),
                    strict=True,
                )
            ]
        )

    def _axis(self, kernel: int, stride: int, begin: int, end: int) -> Axis:
        if not self.ceil:
            return Axis.window(kernel=kernel, stride=stride, begin=begin, end=end)
        # Rounding up adds stride - 1; no window may start behind the input:
        # (o - 1)*s <= n + begin - 1. Both are floors by s, so the smaller a holds.
        slack = min(stride - 1, kernel - end - 1)
        return Axis.window(kernel=kernel, stride=stride, begin=begin, end=end, slack=slack)

    def axis_formula(self, n: str, position: int, rank: int, convention: Convention) -> str:
        k = each(self.kernel, rank, "kernel")[position]
        d = each(self.dilation, rank, "dilation")[position]
        s = self._strides(rank)[position]
        begin, end = self._ends(rank, convention)[position]
        covered = f"{k}" if d == 1 else f"{d}*({k} - 1) - 1"
        room = f"({n} + {ends_text(begin, end)} - {covered})"
        if not self.ceil:
            return f"{room}//{s} + 1"
        return f"min(-(-{room}//{s}) + 1, ({n} + {begin} - 1)//{s} + 1)"

    def does_not_fit(
        self, spatial: tuple[Size, ...], axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        ends = self._ends(len(axes), convention)
        half = convention.pooling_pads_at_most_half
        return too_small(self.kernel, self.dilation, ends, spatial, axes, at_most_half=half)


class MaxPool(_Pool):
    """The greatest value in each window."""

    words = ("maxpool",)
    arguments = (KERNEL, STRIDE, PADDING, DILATION, CEIL)
    example = "64x112x112 maxpool:3,s2,p1"

    dilation: Sizes


class AvgPool(_Pool):
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
            "count the padding in the mean's divisor",
            default=True,
            positional=False,
        ),
    )
    example = "6x28x28 avgpool:2"

    def window_axes(self, rank: int, convention: Convention) -> tuple[Axis, ...]:
        axes = super().window_axes(rank, convention)
        if rank < 3 or not convention.average_3d_fits_unpadded:
            return axes
        return tuple([axis._replace(low=max(axis.low, axis.extent)) for axis in axes])

    def does_not_fit(
        self, spatial: tuple[Size, ...], axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        if len(spatial) < 3 or not convention.average_3d_fits_unpadded:
            return super().does_not_fit(spatial, axes, convention)
        rule = too_small(self.kernel, self.dilation, ((0, 0),) * 3, spatial, axes).rule
        reason = f"in 3-D average pooling {convention.name} does not count the padding"
        return DoesNotFit(f"{rule}: {reason}", axes)


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
