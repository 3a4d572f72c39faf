"""Transposed convolution, by the rules of each framework.

PyTorch: torch/nn/modules/conv.py (_output_padding); Keras:
keras/src/backend/common/backend_utils.py; ONNX: the operator ConvTranspose;
Caffe: src/caffe/layers/deconv_layer.cpp.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Sizes
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import known_channels
from dlcalc.layers.conv import BIAS, GROUPS, OUT, STRIDE, Convolution
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product
from dlcalc.layers.window import (
    DILATION,
    KERNEL,
    PADDING,
    Spatial,
    Window,
    each,
)

OUTPUT_PADDING = Argument(
    "output_padding",
    "sizes",
    "positions added at the end of the output",
    "op",
    default=None,
    positional=False,
    low=0,
)
OUTPUT = Argument(
    "output",
    "sizes",
    "the output size, where a convolution maps several to one input",
    default=None,
    positional=False,
)


class _Spread(NamedTuple):
    """One axis: a window, what is cut off its output at both ends, what is added at the end."""

    window: Window
    begin: int
    end: int
    more: int

    @property
    def axis(self) -> Axis:
        return Axis.transposed(
            kernel=self.window.extent,
            stride=self.window.stride,
            begin=self.begin,
            end=self.end,
            output_padding=self.more,
        )


class ConvTranspose(Convolution):
    """Transposed convolution: each input is spread by the kernel, stride apart."""

    words = ("convtranspose", "deconv")
    arguments = (
        OUT,
        KERNEL,
        STRIDE,
        PADDING._replace(help="positions cut off at both ends; 1+2 for begin and end; same, valid"),
        OUTPUT_PADDING,
        DILATION,
        GROUPS,
        BIAS,
        OUTPUT,
    )
    example = "64x28x28 convtranspose:32,k2,s2"

    output_padding: Sizes | None
    output: Sizes | None

    def padding_words(self, convention: Convention) -> tuple[str, ...]:
        """The words that its padding may be."""
        return convention.transposed_words

    def check(self) -> None:
        if self.output is not None and self.output_padding is not None:
            raise LayerError(
                "output and output_padding exclude one another",
                "Leave output_padding out: the output size says it.",
            )

    def window_axes(self, spatial: Spatial, convention: Convention) -> tuple[Axis, ...]:
        """The maps for these sides, on the input stretched by the stride."""
        return tuple([spread.axis for spread in self._spreads(spatial, convention)])

    def _spreads(self, spatial: Spatial, convention: Convention) -> list[_Spread]:
        self._check_exists(convention)
        rank = len(spatial)
        extra = each(self.output_padding or (None,), rank, "output_padding")
        wanted = each(self.output or (None,), rank, "output")
        # The windows check stride, dilation and the padding's words; ends of same are of
        # the convolution that is transposed here, so they are worked out anew.
        windows = self.windows(spatial, convention)
        return [
            self._spread(n, window, op, size, convention)
            for n, window, op, size in zip(spatial, windows, extra, wanted, strict=True)
        ]

    def _check_exists(self, convention: Convention) -> None:
        """Refuse arguments that the framework has not."""
        name, padding = convention.name, self.padding
        numbers = not isinstance(padding, str) and any(map(any, padding))
        if numbers and convention.transposed_fills_stride:
            raise LayerError(
                f"convtranspose takes no padding in numbers in {name}",
                "Write p=same, or cut off behind it, as in crop:1.",
            )
        if any(self.output_padding or ()) and not convention.transposed_output_padding:
            raise LayerError(f"convtranspose takes no output_padding in {name}")
        if self.output and convention.transposed_output == "none":
            raise LayerError(
                f"convtranspose takes no output size in {name}", "Give output_padding, as in op1."
            )

    def _spread(
        self, n: Size, window: Window, op: int | None, size: int | None, convention: Convention
    ) -> _Spread:
        self._check_output_padding(window, op, convention)
        if size is not None:
            return self._asked(n, window, size, convention)
        if window.same and convention.transposed_fills_stride:
            return _keras_same(window, op)
        if window.same:
            cut = max(window.extent + (op or 0) - window.stride, 0)
            less = cut // 2
            begin = cut - less if self.padding == "same_lower" else less
            fill = max(window.stride - window.extent - (op or 0), 0)
            return _Spread(window, begin, cut - begin, (op or 0) + fill)
        begin, end = window.ends or (0, 0)
        if op is None and convention.transposed_fills_stride:
            op = max(window.stride - window.extent, 0)
        return _Spread(window, begin, end, op or 0)

    def _check_output_padding(self, window: Window, op: int | None, convention: Convention) -> None:
        s, d = window.stride, window.dilation
        limit, rule = max(s, d), f"stride {s} or dilation {d}"
        if convention.transposed_fills_stride:
            limit, rule = s, f"stride {s}"
        if op is not None and op >= limit:
            raise LayerError(
                f"output_padding={op} must be smaller than {rule}",
                f"At most op{limit - 1} is possible here.",
            )

    def _asked(self, n: Size, window: Window, size: int, convention: Convention) -> _Spread:
        """The axis where the output size is asked for."""
        if not isinstance(n, int):
            raise LayerError(f"output={size} needs an input of known size, not {n}")
        begin, end = window.ends or (0, 0)
        full = (n - 1) * window.stride + window.extent
        free = convention.transposed_output == "free"
        least, most = full - begin - end, full - begin - end + window.stride - 1
        if free:
            least, most = 1, full + window.stride - 1
        if not least <= size <= most:
            raise LayerError(
                f"output={size} cannot come out of {n}",
                f"Sizes from {least} to {most} can.",
            )
        if not free:
            return _Spread(window, begin, end, size - least)
        cut = max(full - size, 0)
        begin = cut // 2 if self.padding in ("same", "same_upper") else cut - cut // 2
        return _Spread(window, begin, cut - begin, max(size - full, 0))

    def formula(self, shape: Shape, convention: Convention) -> str:
        spreads = self._spreads(shape.spatial, convention)
        shown = [
            f"{_formula(str(n), spread)} = {spread.axis.size(n)!s}"
            for n, spread in zip(shape.spatial, spreads, strict=True)
        ]
        return "; ".join(dict.fromkeys(shown))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...]:
        return self.window_axes(shape.spatial, convention)

    def does_not_fit(
        self, spatial: Spatial, axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        shown = "x".join(str(axis.size(n)) for n, axis in zip(spatial, axes, strict=True))
        return LayerError(
            f"the padding cuts everything off: the output would be {shown}",
            "Give it less padding or a larger kernel.",
        )

    def weight(self, shape: Shape) -> tuple[Size, ...]:
        """The sizes of the weight: the input channels come first."""
        inputs = known_channels(shape.as_side(), "convtranspose")
        return (inputs, self.grouped(self.out or 1, "output"), *self.kernels(shape))

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(shape.sizes) * product(self.weight(shape)[1:])

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size:
        bias = product(output.sizes) if self.bias else 0
        return product(shape.spatial) * product(self.weight(shape)) + bias


def _formula(n: str, spread: _Spread) -> str:
    window, begin, end, more = spread
    padding = f"2*{begin}" if begin == end else f"({begin} + {end})"
    covered = f"{window.dilation}*({window.kernel} - 1)"
    return f"({n} - 1)*{window.stride} - {padding} + {covered} + {more} + 1"


def _keras_same(window: Window, op: int | None) -> _Spread:
    """padding=same of Keras: n*stride, or about the middle of the kernel with output_padding."""
    extent, stride = window.extent, window.stride
    if op is None:
        cut = max(extent - stride, 0)
        return _Spread(window, cut // 2, cut - cut // 2, max(stride - extent, 0))
    cut = 2 * (extent // 2)
    reach = extent + extent % 2 - 2 + op
    begin = extent - 1 - min(reach - reach // 2, extent - 1)
    return _Spread(window, begin, cut - begin, op)
