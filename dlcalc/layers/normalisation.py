"""Normalisation layers."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Layer, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.window import spatial_rank

_FLAG = Argument("", "flag", "", default=True, positional=False)
_NUMBER = Argument("", "number", "", positional=False)


class BatchNorm(Layer):
    """Batch normalisation: each channel to mean 0 and variance 1 over the batch.

    Ioffe and Szegedy, "Batch Normalization", 2015. Tensors as in
    torch/nn/modules/batchnorm.py.
    """

    words = ("bn", "batchnorm")
    pinned = True
    arguments = (
        _FLAG._replace(name="affine", help="train a scale and a shift for each channel"),
        _FLAG._replace(name="track", help="keep running statistics for evaluation"),
        _NUMBER._replace(name="eps", help="added to the variance", default=1e-5),
        _NUMBER._replace(name="momentum", help="share of the new batch", default=0.1),
    )
    example = "3x32x32 conv:64,k3,p1,bias=no bn relu"

    affine: bool
    track: bool

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        # On features it is the 1-D form; after a window, a bare side may be of any rank.
        if len(shape.sizes) > 1 or (self.rank not in (None, 1) and shape.kind != "side"):
            spatial_rank(self, shape.as_features())
        return shape

    def parameters(self, shape: Shape) -> Tensors:
        channels = known_channels(shape, "bn")
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}

    def buffers(self, shape: Shape) -> Tensors:
        if not self.track:
            return {}
        channels = known_channels(shape, "bn")
        return {
            "running_mean": (channels,),
            "running_var": (channels,),
            "num_batches_tracked": (),
        }


class LocalResponseNorm(Layer):
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
