"""Normalisation layers.

Tensors as in torch/nn/modules/batchnorm.py, instancenorm.py and
normalization.py. Each counts one operation for each value that it normalises.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer, Parts, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, product, quotient
from dlcalc.layers.window import spatial_rank

_FLAG = Argument("", "flag", "", default=True, positional=False)
_NUMBER = Argument("", "number", "", positional=False)
_AFFINE = _FLAG._replace(name="affine", help="train a scale and a shift for each channel")
_TRACK = _FLAG._replace(name="track", help="keep running statistics for evaluation")
_EPS = _NUMBER._replace(name="eps", help="added to the variance", default=1e-5)
_MOMENTUM = _NUMBER._replace(name="momentum", help="share of the new batch", default=0.1)


class _Norm(Layer):
    """What all normalisation shares: the shape stays, and each value is normalised."""

    def parts(self, shape: Shape, output: Shape) -> Parts:
        """One operation for each value, a scale and a shift included."""
        return {"normalisation": product(shape.sizes)}


class _ChannelNorm(_Norm):
    """A scale and a shift for each channel."""

    affine: bool

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        channels = known_channels(shape, self.words[0])
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}


class _TrackedNorm(_ChannelNorm):
    """A channel norm that may keep running statistics."""

    track: bool

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        if not self.track:
            return {}
        channels = known_channels(shape, self.words[0])
        statistics: Tensors = {"running_mean": (channels,), "running_var": (channels,)}
        return statistics | convention.batch_norm_extra


class BatchNorm(_TrackedNorm):
    """Batch normalisation: each channel to mean 0 and variance 1 over the batch.

    Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    words = ("bn", "batchnorm")
    pinned = True
    arguments = (_AFFINE, _TRACK, _EPS, _MOMENTUM)
    example = "3x32x32 conv:64,k3,p1,bias=no bn relu"

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """None where mean and variance are those of the batch at hand, not kept ones."""
        return super().axes(shape, convention) if self.track else None

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        # On features it is the 1-D form; after a window, a bare side may be of any rank.
        if len(shape.sizes) > 1 or (self.rank not in (None, 1) and shape.kind != "side"):
            spatial_rank(self, shape.as_features())
        return shape


class InstanceNorm(_TrackedNorm):
    """Instance normalisation: each channel of each example to mean 0 and variance 1.

    Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
    """

    words = ("instancenorm",)
    pinned = True
    spatial = True
    arguments = (
        _AFFINE._replace(default=False),
        _TRACK._replace(default=False),
        _EPS,
        _MOMENTUM,
    )
    example = "3x256x256 conv:64,k7,p3 instancenorm relu"

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """None where mean and variance are those of all positions, not kept ones."""
        return super().axes(shape, convention) if self.track else None

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        spatial_rank(self, shape)
        alone = all(size == 1 for size in shape.spatial)
        if alone and convention.instance_norm_needs_two and not self.track:
            raise LayerError(
                f"instancenorm gets {shape}, one value a channel: one value has no variance",
                "Leave it out here, or write bn, which normalises over the batch.",
            )
        return shape.as_side()

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return super().parameters(shape.as_side(), convention)

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        return super().buffers(shape.as_side(), convention)


class GroupNorm(_ChannelNorm):
    """Group normalisation: each group of channels to mean 0 and variance 1.

    Wu and He, "Group Normalization", 2018.
    """

    words = ("gn", "groupnorm")
    arguments = (
        Argument("groups", "size", "how many groups of channels; it divides the channels"),
        _AFFINE,
        _EPS,
    )
    example = "3x32x32 conv:64,k3,p1 gn:32 relu"

    groups: Size

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """None: mean and variance are those of all positions."""
        return None if shape.spatial else ()

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        channels = shape.as_features().channels
        if channels is not None and quotient(channels, self.groups) is None:
            raise self._uneven(channels)
        return shape

    def _uneven(self, channels: Size) -> LayerError:
        if isinstance(channels, Polynomial) or isinstance(self.groups, Polynomial):
            return LayerError(
                f"whether gn:{self.groups} divides the {channels} channels depends on the letters",
                "gn:1 takes all channels as one group.",
            )
        fitting = [g for g in range(2, min(channels, 1_000) + 1) if channels % g == 0] or [1]
        return LayerError(
            f"gn has {self.groups} groups, but {channels} channels do not divide by {self.groups}",
            f"Such as {', '.join(f'gn:{g}' for g in fitting[:4])}.",
        )


class _LastAxesNorm(_Norm):
    """Normalisation over the last axes, which share no statistics with the others."""

    affine: bool
    last: int

    def check(self) -> None:
        # The notation calls it axes, as a method of every layer is called.
        self.__dict__["last"] = self.__dict__.pop("axes")

    def on_tokens(self, shape: Shape, convention: Convention) -> bool:
        return self.last == 1 or len(shape.sizes) < 2

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """None where positions are normalised together, as they are unless channels are last."""
        if shape.spatial and not (shape.layout == "hwc" and self.last == 1):
            return None
        return super().axes(shape, convention)

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        word, have = self.words[0], len(shape.sizes)
        if self.last > have:
            every = f", or {word}:{have} for all {have}" if have > 1 else ""
            raise LayerError(
                f"{word}:{self.last} normalises the last {self.last} axes, but {shape} has {have}",
                f"Write {word} for the last axis{every}.",
            )
        return shape

    def note(self, shape: Shape, convention: Convention) -> str:
        if self.last > 1 or len(shape.sizes) < 3 or shape.layout == "hwc":
            return ""
        word, every = self.words[0], len(shape.sizes)
        return (
            f"{word} normalises the last axis of {shape} alone; {word}:{every} normalises all "
            f"{every} axes together"
        )

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        known_channels(shape, self.words[0])
        return {"weight": shape.sizes[-self.last :]} if self.affine else {}


def _last_axes(what: str) -> tuple[Argument, ...]:
    return (
        Argument("axes", "count", "how many of the last axes it normalises together", default=1),
        _AFFINE._replace(help=f"train {what} for each value of those axes"),
    )


class LayerNorm(_LastAxesNorm):
    """Layer normalisation: the last axis (or axes) to mean 0 and variance 1.

    Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """

    words = ("ln", "layernorm")
    on_each_token = True
    arguments = (
        *_last_axes("a scale and a shift"),
        _FLAG._replace(name="bias", help="train a shift too"),
        _EPS,
    )
    example = "197x768 ln dense:3072"

    bias: bool

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        tensors = super().parameters(shape, convention)
        return tensors | {"bias": tensors["weight"]} if tensors and self.bias else tensors


class RmsNorm(_LastAxesNorm):
    """Layer normalisation by the root mean square alone: no mean is taken off.

    Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
    """

    words = ("rmsnorm", "rms")
    on_each_token = True
    arguments = (
        *_last_axes("a scale"),
        _EPS._replace(help="added to the mean square", default=1e-6),
    )
    example = "128x4096 rmsnorm dense:4096,bias=no"


class LocalResponseNorm(_Norm):
    """Local response normalisation over neighbouring channels.

    Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
    Convolutional Neural Networks", 2012, section 3.3.
    """

    words = ("lrn",)
    arguments = (
        Argument("size", "size", "how many neighbouring channels", default=5),
        _NUMBER._replace(name="alpha", help="scale", default=1e-4),
        _NUMBER._replace(name="beta", help="exponent", default=0.75),
        _NUMBER._replace(name="k", help="added to the sum", default=1.0),
    )
    example = "96x55x55 lrn:5"

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if not shape.bare and len(shape.sizes) < 2:
            raise LayerError(
                f"lrn needs at least one spatial axis, but gets {shape} features",
                "Give it channels and sides, such as 96x55x55.",
            )
        return shape
