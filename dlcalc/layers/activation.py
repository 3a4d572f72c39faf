"""Activations: functions of each value, and softmax over the channels."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Layer, Parts, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product


class Activation(Layer):
    """A function of each value; the shape stays."""

    on_each_token = True

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"activation": product(output.sizes)}


def _alpha(help: str, default: float) -> tuple[Argument, ...]:
    return (Argument("alpha", "number", help, default=default),)


class Identity(Activation):
    """The input itself."""

    words = ("identity",)
    example = "64x56x56 identity"

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {}


class Relu(Activation):
    """max(x, 0)."""

    words = ("relu",)
    example = "64x56x56 relu"


class Relu6(Activation):
    """min(max(x, 0), 6)."""

    words = ("relu6",)
    example = "32x112x112 relu6"


class LeakyRelu(Activation):
    """x for x > 0, else alpha*x."""

    words = ("leaky_relu",)
    arguments = _alpha("slope below 0", 0.01)
    example = "64x56x56 leaky_relu:0.1"


class PRelu(Activation):
    """x for x > 0, else a trained slope times x: one slope, or one for each channel."""

    words = ("prelu",)
    arguments = (
        Argument(
            "slopes",
            "size",
            "1, or the channels; the framework's own if left out",
            default=None,
        ),
    )
    example = "64x56x56 prelu:64"

    slopes: Size | None

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if self.slopes not in (None, 1) and self.slopes != known_channels(shape, "prelu"):
            raise LayerError(
                f"prelu has {self.slopes} slopes, but its input has {shape.channels} channels",
                f"Write prelu:1 for one slope, or prelu:{shape.channels} for one a channel.",
            )
        return shape

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        if self.slopes is not None:
            return {"weight": (self.slopes,)}
        if convention.prelu_slopes == "one":
            return {"weight": (1,)}
        channels = known_channels(shape, "prelu")
        return {"weight": shape.sizes if convention.prelu_slopes == "value" else (channels,)}

    def on_tokens(self, shape: Shape, convention: Convention) -> bool:
        """Of a sequence the steps stand where channels do, so slopes would be theirs."""
        return len(shape.sizes) < 2 or self.parameters(shape, convention) == {"weight": (1,)}


class Elu(Activation):
    """x for x > 0, else alpha*(exp(x) - 1)."""

    words = ("elu",)
    arguments = _alpha("limit below 0", 1.0)
    example = "64x56x56 elu"


class Selu(Activation):
    """elu, scaled so that mean 0 and variance 1 are kept."""

    words = ("selu",)
    example = "128 selu"


class Gelu(Activation):
    """x times the normal distribution function of x."""

    words = ("gelu",)
    example = "197x768 gelu"


class Silu(Activation):
    """x*sigmoid(x)."""

    words = ("silu", "swish")
    example = "32x112x112 silu"


class Mish(Activation):
    """x*tanh(softplus(x))."""

    words = ("mish",)
    example = "32x112x112 mish"


class Sigmoid(Activation):
    """1/(1 + exp(-x))."""

    words = ("sigmoid", "logistic")
    example = "10 sigmoid"


class LogSigmoid(Activation):
    """log(sigmoid(x))."""

    words = ("log_sigmoid",)
    example = "10 log_sigmoid"


class HardSigmoid(Activation):
    """min(max(x/6 + 1/2, 0), 1)."""

    words = ("hardsigmoid",)
    example = "16x112x112 hardsigmoid"


class HardSwish(Activation):
    """x*hardsigmoid(x)."""

    words = ("hardswish",)
    example = "16x112x112 hardswish"


class Tanh(Activation):
    """The hyperbolic tangent."""

    words = ("tanh",)
    example = "6x28x28 tanh"


class HardTanh(Activation):
    """min(max(x, -1), 1)."""

    words = ("hardtanh",)
    example = "6x28x28 hardtanh"


class Softplus(Activation):
    """log(1 + exp(x))."""

    words = ("softplus",)
    example = "128 softplus"


class Softsign(Activation):
    """x/(1 + |x|)."""

    words = ("softsign",)
    example = "128 softsign"


class _Shares(Activation):
    """A function of all channels of a position together."""

    on_each_token = False

    def note(self, shape: Shape, convention: Convention) -> str:
        if len(shape.sizes) != 2 or shape.layout == "hwc":
            return ""
        return f"{self.words[0]} runs along the first axis of {shape}, as along channels"


class Softmax(_Shares):
    """exp(x) over the sum of exp(x) along the channels or features."""

    words = ("softmax",)
    example = "84 dense:10 softmax"


class LogSoftmax(_Shares):
    """The logarithm of softmax."""

    words = ("log_softmax",)
    example = "84 dense:10 log_softmax"
