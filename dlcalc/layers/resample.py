"""Layers that raise or lower the resolution without a trained tensor."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument, Sizes
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.dense import factors_text
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, quotient
from dlcalc.layers.window import each, spatial_rank


class Upsample(Layer):
    """More positions: each input repeated, or drawn as a line to the next.

    torch.nn.Upsample with mode="nearest", or with "linear", "bilinear" and
    "trilinear" and align_corners=False; keras.layers.UpSampling2D likewise.
    """

    words = ("upsample", "upsampling")
    pinned = True
    spatial = True
    arguments = (
        Argument("scale", "sizes", "how many times as many positions", default=None),
        Argument("size", "sizes", "output size", default=None, positional=False),
        Argument(
            "linear",
            "flag",
            "interpolate instead of repeating",
            default=False,
            positional=False,
        ),
    )
    example = "64x28x28 upsample:2 conv:32,k3,p1"

    scale: Sizes | None
    size: Sizes | None
    linear: bool

    def check(self) -> None:
        if (self.scale is None) == (self.size is None):
            raise LayerError(
                "upsample takes either a scale or a size", "Write upsample:2 or upsample:size=56."
            )

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        rank = spatial_rank(self, shape)
        sizes: tuple[Size, ...]
        if self.size is not None:
            sizes = each(self.size, rank, "size")
        else:
            scales = each(self.scale or (), rank, "scale")
            sizes = tuple(n * u for n, u in zip(shape.spatial, scales, strict=True))
        return shape.with_spatial(shape.as_side().channels, sizes)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        scales = self._scales(shape)
        if scales is None:
            return None
        return tuple(map(_interpolated if self.linear else _repeated, scales))

    def formula(self, shape: Shape, convention: Convention) -> str:
        pairs = zip(self._scales(shape) or (), shape.spatial, strict=False)
        shown = [f"{factors_text((u, n))} = {u * n!s}" for u, n in pairs]
        return "; ".join(dict.fromkeys(shown))

    def _scales(self, shape: Shape) -> Sizes | None:
        """The outputs for each input along every axis; None if that is no whole number."""
        spatial = shape.spatial
        if self.size is None:
            return each(self.scale or (), len(spatial), "scale")
        sizes = zip(spatial, each(self.size, len(spatial), "size"), strict=True)
        scales = tuple(m // n for n, m in sizes if isinstance(n, int) and m % n == 0)
        return scales if len(scales) == len(spatial) else None


def _repeated(scale: int) -> Axis:
    """Output i is the input i//scale."""
    return Axis(0, 1, scale - 1, scale, up=scale)


def _interpolated(scale: int) -> Axis:
    """Output i lies at the input (2*i + 1 - scale)/(2*scale), between the two next to it.

    For an odd scale every scale-th output lies on an input, and sees that alone.
    """
    odd = scale % 2
    return Axis(0, 1, (3 * scale - 2 - odd) // 2, 2 * scale - odd, up=scale)


class _Shuffle(Layer):
    """What both ways between channels and positions share. 2-D only, as in PyTorch."""

    spatial = True
    arguments = (Argument("factor", "count", "positions along each axis for one"),)

    factor: int

    def _channels(self, shape: Shape) -> Size:
        """The channels of an image. Raises `LayerError` if it is none."""
        if len(shape.sizes) != 3:
            form = "HxWxC" if shape.layout == "hwc" else "CxHxW"
            raise LayerError(f"{self.words[0]} needs {form}, but gets {shape}", self.hint())
        return known_channels(shape, self.words[0])

    def _divided(self, size: Size, divisor: int, what: str) -> Size:
        """The quotient without a remainder. Raises `LayerError` if there is or may be one."""
        part = quotient(size, divisor)
        if part is not None:
            return part
        if isinstance(size, Polynomial):
            raise LayerError(f"whether {divisor} divides the {what} {size} depends on the letters")
        below = size // divisor * divisor
        nearest = " or ".join(str(n) for n in (below, below + divisor) if n)
        raise LayerError(
            f"{self.words[0]}:{self.factor} needs a multiple of {divisor} as the {what}, "
            f"but gets {size}",
            f"Such as {nearest}.",
        )


class PixelShuffle(_Shuffle):
    """Groups of factor*factor channels laid out as positions: C*r*r channels become C.

    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an
    Efficient Sub-Pixel Convolutional Neural Network", 2016.
    """

    words = ("pixelshuffle",)
    example = "64x28x28 conv:12,k3,p1 pixelshuffle:2"

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        channels = self._divided(self._channels(shape), self.factor**2, "channels")
        return shape.with_spatial(channels, tuple(n * self.factor for n in shape.spatial))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...]:
        return (_repeated(self.factor),) * len(shape.spatial)

    def formula(self, shape: Shape, convention: Convention) -> str:
        r = self.factor
        channels = f"{factors_text((self._channels(shape),))}//({r}*{r})"
        output = self.output_shape(shape, convention)
        shown = [f"{factors_text((r, n))} = {r * n!s}" for n in shape.spatial]
        return "; ".join(dict.fromkeys((f"{channels} = {output.channels!s}", *shown)))


class PixelUnshuffle(_Shuffle):
    """Blocks of factor*factor positions laid out as channels: C channels become C*r*r."""

    words = ("pixelunshuffle",)
    example = "3x224x224 pixelunshuffle:2 conv:64,k3,p1"

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        channels = self._channels(shape) * self.factor**2
        sides = tuple(self._divided(n, self.factor, "side") for n in shape.spatial)
        return shape.with_spatial(channels, sides)

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...]:
        r = self.factor
        return (Axis.window(kernel=r, stride=r, begin=0, end=0),) * len(shape.spatial)

    def formula(self, shape: Shape, convention: Convention) -> str:
        r = self.factor
        output = self.output_shape(shape, convention)
        channels = f"{factors_text((self._channels(shape), r, r))} = {output.channels!s}"
        shown = [
            f"{factors_text((n,))}//{r} = {m!s}"
            for n, m in zip(shape.spatial, output.spatial, strict=True)
        ]
        return "; ".join(dict.fromkeys((channels, *shown)))
