"""How each layer is spelt in PyTorch: the module that holds it, and the call in ``forward``.

A layer without an entry in `SPELLINGS` is refused by name. What PyTorch has no module
for is a class of the source's own, from `write_torch_classes`. Nothing is written that
would compute something else.
"""

from __future__ import annotations

from typing import Any

from dlcalc.errors import LayerError
from dlcalc.interop.write.torch.blocks import attention, block, recurrent
from dlcalc.interop.write.torch.spelling import Speller, Spelling, made, module, ranked
from dlcalc.interop.write.torch.windows import (
    adaptive,
    conv,
    convtranspose,
    crop,
    local,
    pad,
    pool,
    stochasticpool,
    subsample,
    upsample,
)
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape


def spell(layer: Any, shape: Shape, output: Shape) -> Spelling:
    """The layer in PyTorch. Raises `LayerError` if it cannot be written.

    >>> from dlcalc.layers.dense import Dense
    >>> spell(Dense(out=10), Shape((84,)), Shape((10,))).module
    'nn.Linear(84, 10)'
    """
    word = layer.words[0]
    if word not in SPELLINGS:
        raise LayerError("it has no spelling in torch")
    if (layer.spatial and shape.bare) or shape.kind == "side":
        raise LayerError(
            f"{word} needs the channels to be exported, but its input is one side without them",
            "Give the input with its channels, such as 1x28x28.",
        )
    return SPELLINGS[word](layer, shape, output)


# Dense layers and sequences.


def _dense(layer: Any, shape: Shape, output: Shape) -> Spelling:
    return Spelling(module("Linear", shape.sizes[-1], layer.out, bias=(layer.bias, True)))


def _position(layer: Any, shape: Shape, output: Shape) -> Spelling:
    length, features = layer.parameters(shape, TORCH)["weight"]
    call = "{x} + self.{name}.weight[: {x}.size(1)]"
    return Spelling(module("Embedding", length, features), call)


def _token(layer: Any, shape: Shape, output: Shape) -> Spelling:
    call = "torch.cat([self.{name}.expand({x}.size(0), -1, -1), {x}], dim=1)"
    return Spelling(f"nn.Parameter(torch.zeros({layer.count}, {shape.sizes[1]}))", call)


def _segment(layer: Any, shape: Shape, output: Shape) -> Spelling:
    call = "{x} + self.{name}({segments})"
    return Spelling(module("Embedding", layer.kinds, shape.sizes[1]), call)


# Normalisation.


def _tracked(cls: str, affine: bool, track: bool) -> Speller:
    def norm(layer: Any, shape: Shape, output: Shape) -> Spelling:
        made = module(
            ranked(cls, shape),
            shape.channels,
            eps=(layer.eps, 1e-5),
            momentum=(layer.momentum, 0.1),
            affine=(layer.affine, affine),
            track_running_stats=(layer.track, track),
        )
        return Spelling(made)

    return norm


def _gn(layer: Any, shape: Shape, output: Shape) -> Spelling:
    named = {"eps": (layer.eps, 1e-5), "affine": (layer.affine, True)}
    return Spelling(module("GroupNorm", layer.groups, shape.channels, **named))


def _last_axes(layer: Any, shape: Shape) -> str:
    """The sizes that are normalised together, all of them even where they are alike."""
    sizes = shape.sizes[-layer.last :]
    return repr(sizes) if len(sizes) > 1 else repr(sizes[0])


def _ln(layer: Any, shape: Shape, output: Shape) -> Spelling:
    affine = "" if layer.affine else ", elementwise_affine=False"
    eps = "" if layer.eps == 1e-5 else f", eps={layer.eps!r}"
    bias = "" if layer.bias else ", bias=False"
    return Spelling(f"nn.LayerNorm({_last_axes(layer, shape)}{eps}{affine}{bias})")


def _rmsnorm(layer: Any, shape: Shape, output: Shape) -> Spelling:
    affine = "" if layer.affine else ", elementwise_affine=False"
    return Spelling(f"nn.RMSNorm({_last_axes(layer, shape)}, eps={layer.eps!r}{affine})")


def _lrn(layer: Any, shape: Shape, output: Shape) -> Spelling:
    named = {"alpha": (layer.alpha, 1e-4), "beta": (layer.beta, 0.75), "k": (layer.k, 1.0)}
    return Spelling(module("LocalResponseNorm", layer.size, **named))


# The rest.


def _dropout(layer: Any, shape: Shape, output: Shape) -> Spelling:
    rank = "" if layer.rank is None else f"{layer.rank}d"
    return Spelling(module(f"Dropout{rank}", p=(layer.p, 0.5)))


def _prelu(layer: Any, shape: Shape, output: Shape) -> Spelling:
    return Spelling(module("PReLU", num_parameters=(layer.slopes or 1, 1)))


def _reshape(layer: Any, shape: Shape, output: Shape) -> Spelling:
    return Spelling(call=f"{{x}}.reshape({{x}}.size(0), {', '.join(map(str, output.sizes))})")


def _permute(layer: Any, shape: Shape, output: Shape) -> Spelling:
    return Spelling(call=f"{{x}}.permute(0, {', '.join(str(axis + 1) for axis in layer.order)})")


def _select(layer: Any, shape: Shape, output: Shape) -> Spelling:
    return Spelling(call=f"{{x}}[:, {list(layer.channels)!r}]")


def _shuffle(cls: str) -> Speller:
    return lambda layer, shape, output: Spelling(module(cls, layer.factor))


def _call(call: str) -> Speller:
    """A function without a module; its ``alpha`` may stand in it."""
    return lambda layer, shape, output: Spelling(
        call=call.replace("{alpha}", repr(getattr(layer, "alpha", None)))
    )


#: What spells each layer, by the first of its words.
SPELLINGS: dict[str, Speller] = {
    "conv": conv,
    "convtranspose": convtranspose,
    "maxpool": pool("MaxPool"),
    "avgpool": pool("AvgPool"),
    "lppool": pool("LPPool"),
    "stochasticpool": stochasticpool,
    "subsample": subsample,
    "local": local,
    "adaptiveavgpool": adaptive("AdaptiveAvgPool"),
    "adaptivemaxpool": adaptive("AdaptiveMaxPool"),
    "globalavgpool": adaptive("AdaptiveAvgPool"),
    "globalmaxpool": adaptive("AdaptiveMaxPool"),
    "dense": _dense,
    "rbf": lambda layer, shape, _: Spelling(made("RadialBasis", shape.sizes[0], layer.out)),
    "flatten": _call("torch.flatten({x}, 1)"),
    "embedding": lambda layer, *_: Spelling(module("Embedding", layer.vocabulary, layer.features)),
    "position": _position,
    "token": _token,
    "segment": _segment,
    "first": _call("{x}[:, 0]"),
    "last": _call("{x}[:, -1]"),
    "rnn": recurrent("RNN"),
    "lstm": recurrent("LSTM"),
    "gru": recurrent("GRU"),
    "attention": attention,
    "encoder": block,
    "decoder": block,
    "bn": _tracked("BatchNorm", True, True),
    "instancenorm": _tracked("InstanceNorm", False, False),
    "gn": _gn,
    "ln": _ln,
    "rmsnorm": _rmsnorm,
    "lrn": _lrn,
    "dropout": _dropout,
    "pad": pad,
    "reshape": _reshape,
    "permute": _permute,
    "crop": crop,
    "select": _select,
    "upsample": upsample,
    "pixelshuffle": _shuffle("PixelShuffle"),
    "pixelunshuffle": _shuffle("PixelUnshuffle"),
    "identity": _call("{x}"),
    "relu": _call("F.relu({x})"),
    "relu6": _call("F.relu6({x})"),
    "leaky_relu": _call("F.leaky_relu({x}, {alpha})"),
    "prelu": _prelu,
    "elu": _call("F.elu({x}, {alpha})"),
    "selu": _call("F.selu({x})"),
    "gelu": _call("F.gelu({x})"),
    "silu": _call("F.silu({x})"),
    "mish": _call("F.mish({x})"),
    "sigmoid": _call("torch.sigmoid({x})"),
    "log_sigmoid": _call("F.logsigmoid({x})"),
    "hardsigmoid": _call("F.hardsigmoid({x})"),
    "hardswish": _call("F.hardswish({x})"),
    "tanh": _call("torch.tanh({x})"),
    "hardtanh": _call("F.hardtanh({x})"),
    "softplus": _call("F.softplus({x})"),
    "softsign": _call("F.softsign({x})"),
    "softmax": _call("F.softmax({x}, dim=1)"),
    "log_softmax": _call("F.log_softmax({x}, dim=1)"),
}
