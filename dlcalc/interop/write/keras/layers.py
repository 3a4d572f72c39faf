"""How each layer is spelt in Keras: the calls that it is, by the Functional API.

A layer without an entry in `SPELLINGS` is refused by name, and so is the use of one
that Keras has not. Nothing is written that would compute something else.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.interop.write.keras.sequences import (
    attention,
    embedding,
    position,
    recurrent,
    segment,
    token,
)
from dlcalc.interop.write.keras.spelling import (
    Line,
    Speller,
    Spelling,
    Use,
    Verbatim,
    turned,
)
from dlcalc.interop.write.keras.windows import (
    adaptive,
    avgpool,
    conv,
    convtranspose,
    crop,
    globally,
    local,
    lppool,
    maxpool,
    pad,
    pixelshuffle,
    pixelunshuffle,
    subsample,
    upsample,
)
from dlcalc.layers.shape import Shape


def spell(use: Use) -> Spelling:
    """The layer in Keras. Raises `LayerError` if that has none such.

    >>> from dlcalc.layers.dense import Dense
    >>> spell(Use(Dense(out=10), Shape((84,)), Shape((10,)), "dense1")).lines
    ('layers.Dense(10, name="dense1")({x})',)
    """
    word = use.layer.words[0]
    if word not in SPELLINGS:
        raise LayerError("it has no spelling in keras yet")
    if (use.layer.spatial and use.shape.bare) or use.shape.kind == "side":
        raise LayerError(
            f"{word} needs the channels to be exported, but its input is one side without them",
            "Give the input with its channels, such as 1x28x28.",
        )
    return SPELLINGS[word](use)


def needs(use: Use) -> bool | None:
    """Whether a layer reads the channels last, or as dlcalc has them; None if it takes both."""
    word = use.layer.words[0]
    if word in MAPS or (word == "dropout" and use.layer.rank is not None):
        return True
    return False if word in PLAIN else None


# Features.


def _dense(use: Use) -> Spelling:
    return Spelling((use.made("Dense", use.layer.out, use_bias=(use.layer.bias, True)),))


def first_axis(use: Use, name: str) -> tuple[Line, ...]:
    """The channels brought to the front, where that is another order of the numbers."""
    if not use.last or same_order(use.shape):
        return ()
    order = Verbatim(repr(turned(use.rank, to_last=False)))
    return (Line(use.part(name, "Permute", order), use.shape.sizes),)


def same_order(shape: Shape) -> bool:
    """Whether channels first and last are the same numbers in a row."""
    return shape.sizes[0] == 1 or all(size == 1 for size in shape.sizes[1:])


def _flatten(use: Use) -> Spelling:
    if len(use.shape.sizes) == 1:
        return Spelling(())
    return Spelling((*first_axis(use, "permute"), use.made("Flatten")), False)


def _reshape(use: Use) -> Spelling:
    sizes = use.output.sizes
    if use.last and len(sizes) > 1 and sizes[0] == use.shape.sizes[0]:
        # The channels stay what they are, so they may stay where they are.
        return Spelling((use.made("Reshape", Verbatim(repr((*sizes[1:], sizes[0])))),), True)
    made = use.made("Reshape", Verbatim(repr(sizes)))
    return Spelling((*first_axis(use, "permute"), made), False)


def _permute(use: Use) -> Spelling:
    order = use.layer.order
    if use.last:
        # Where each axis stands now, behind the batch: the channels are the last.
        order = tuple(use.rank if axis == 0 else axis - 1 for axis in order)
    if order == tuple(range(len(order))):
        return Spelling((), False)
    dims = Verbatim(repr(tuple(axis + 1 for axis in order)))
    return Spelling((use.made("Permute", dims),), False)


# Normalisation.


def _bn(use: Use) -> Spelling:
    layer = use.layer
    if not layer.track:
        raise LayerError("the batch normalisation of keras keeps statistics: track=yes")
    affine = (layer.affine, True)
    made = use.made(
        "BatchNormalization",
        axis=(use.axis, -1),
        momentum=(round(1 - layer.momentum, 12), 0.99),
        epsilon=(layer.eps, 0.001),
        center=affine,
        scale=affine,
    )
    return Spelling((made,))


def _groups(use: Use, groups: object) -> Spelling:
    layer = use.layer
    affine, axis = (layer.affine, True), (use.axis, -1)
    named = {"axis": axis, "epsilon": (layer.eps, 0.001), "center": affine, "scale": affine}
    return Spelling((use.made("GroupNormalization", groups, **named),))


def _instancenorm(use: Use) -> Spelling:
    if use.layer.track:
        raise LayerError("the group normalisation of keras keeps no statistics: track=no")
    return _groups(use, use.shape.sizes[0])


def _last_axes(use: Use) -> tuple[object, object]:
    last = use.layer.last
    return (tuple(range(-last, 0)) if last > 1 else -1, -1)


def _ln(use: Use) -> Spelling:
    layer = use.layer
    axis, default = _last_axes(use)
    made = use.made(
        "LayerNormalization",
        axis=(Verbatim(repr(axis)) if axis != default else -1, -1),
        epsilon=(layer.eps, 0.001),
        center=(layer.affine and layer.bias, True),
        scale=(layer.affine, True),
    )
    return Spelling((made,))


def _rmsnorm(use: Use) -> Spelling:
    if not use.layer.affine:
        raise LayerError("the root mean square norm of keras has a scale: affine=yes")
    axis, default = _last_axes(use)
    shown = Verbatim(repr(axis)) if axis != default else -1
    return Spelling(
        (use.made("RMSNormalization", axis=(shown, -1), epsilon=(use.layer.eps, 1e-6)),)
    )


def _lrn(use: Use) -> Spelling:
    layer = use.layer
    made = use.made("ResponseNormalization", layer.size, layer.alpha, layer.beta, layer.k)
    return Spelling((made,), True, ("ResponseNormalization",))


# The rest.


def _dropout(use: Use) -> Spelling:
    if use.layer.rank is None:
        return Spelling((use.made("Dropout", use.layer.p),))
    return Spelling((use.made(use.ranked("SpatialDropout"), use.layer.p),), True)


def _select(use: Use) -> Spelling:
    axis = use.axis
    return Spelling((f"ops.take({{x}}, {list(use.layer.channels)!r}, axis={axis})",))


def _prelu(use: Use) -> Spelling:
    """Axes that share a slope, counted behind the batch; of all values each has its own."""
    every = tuple(range(1, len(use.shape.sizes) + 1))
    shared: tuple[int, ...] = ()
    if use.layer.slopes == 1:
        shared = every
    elif use.layer.slopes is not None:
        channels = every[-1] if use.axis == -1 else 1
        shared = tuple(axis for axis in every if axis != channels)
    named = {"shared_axes": (Verbatim(repr(list(shared))), Verbatim("[]"))}
    return Spelling((use.made("PReLU", **named),))


def _softmax(use: Use) -> Spelling:
    return Spelling((use.made("Softmax", axis=(use.axis, -1)),))


def _log_softmax(use: Use) -> Spelling:
    return Spelling((f"ops.log_softmax({{x}}, axis={use.axis})",))


def _rbf(use: Use) -> Spelling:
    return Spelling((use.made("Distances", use.layer.out),), classes=("Distances",))


def _activation(name: str) -> Speller:
    return lambda use: Spelling((use.made("Activation", name),))


def _call(call: str) -> Speller:
    return lambda use: Spelling((call,))


#: Layers that read maps, channels last, with what spells them.
MAPS: dict[str, Speller] = {
    "conv": conv,
    "convtranspose": convtranspose,
    "maxpool": maxpool,
    "avgpool": avgpool,
    "lppool": lppool,
    "adaptiveavgpool": adaptive("AdaptiveAveragePooling"),
    "adaptivemaxpool": adaptive("AdaptiveMaxPooling"),
    "globalavgpool": globally("GlobalAveragePooling"),
    "globalmaxpool": globally("GlobalMaxPooling"),
    "local": local,
    "subsample": subsample,
    "lrn": _lrn,
    "pad": pad,
    "crop": crop,
    "upsample": upsample,
    "pixelshuffle": pixelshuffle,
    "pixelunshuffle": pixelunshuffle,
}

#: Layers that read sequences and features, as dlcalc has them.
PLAIN: dict[str, Speller] = {
    "dense": _dense,
    "embedding": embedding,
    "position": position,
    "segment": segment,
    "token": token,
    "first": _call("{x}[:, 0]"),
    "last": _call("{x}[:, -1]"),
    "rnn": recurrent("SimpleRNN"),
    "lstm": recurrent("LSTM"),
    "gru": recurrent("GRU"),
    "attention": attention,
    "ln": _ln,
    "rmsnorm": _rmsnorm,
    "rbf": _rbf,
}

#: Layers that are told where the channels stand, or do not ask.
EITHER: dict[str, Speller] = {
    "flatten": _flatten,
    "reshape": _reshape,
    "permute": _permute,
    "bn": _bn,
    "gn": lambda use: _groups(use, use.layer.groups),
    "instancenorm": _instancenorm,
    "dropout": _dropout,
    "select": _select,
    "identity": lambda use: Spelling(()),
    "relu": lambda use: Spelling((use.made("ReLU"),)),
    "relu6": lambda use: Spelling((use.made("ReLU", 6.0),)),
    "leaky_relu": lambda use: Spelling((use.made("LeakyReLU", use.layer.alpha),)),
    "prelu": _prelu,
    "elu": lambda use: Spelling((use.made("ELU", use.layer.alpha),)),
    "selu": _activation("selu"),
    "gelu": _activation("gelu"),
    "silu": _activation("silu"),
    "mish": _activation("mish"),
    "sigmoid": _activation("sigmoid"),
    "log_sigmoid": _activation("log_sigmoid"),
    "hardsigmoid": _activation("hard_sigmoid"),
    "hardswish": _activation("hard_silu"),
    "tanh": _activation("tanh"),
    "hardtanh": _activation("hard_tanh"),
    "softplus": _activation("softplus"),
    "softsign": _activation("softsign"),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}

#: What spells each layer, by the first of its words.
SPELLINGS: dict[str, Speller] = {**MAPS, **PLAIN, **EITHER}
