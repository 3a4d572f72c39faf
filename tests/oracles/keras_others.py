"""Draws of the Keras layers without a window: dense, normalisation, sequences, shapes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from keras import layers, ops
from oracles.drawing import DROPOUTS, Option, Rejected, Sizes, by
from oracles.keras_parts import Part, Writer


def _activation(name: str) -> Callable[[], Any]:
    return lambda: layers.Activation(name)


ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "identity": layers.Identity,
    "relu": layers.ReLU,
    "relu6": _activation("relu6"),
    "leaky_relu": lambda: layers.LeakyReLU(0.01),  # Its own default is 0.3.
    "leaky-relu:0.2": lambda: layers.LeakyReLU(0.2),
    "elu": layers.ELU,
    "elu:0.5": lambda: layers.ELU(0.5),
    "selu": _activation("selu"),
    "gelu": _activation("gelu"),
    "silu": _activation("silu"),
    "swish": _activation("swish"),
    "mish": _activation("mish"),
    "sigmoid": _activation("sigmoid"),
    "logistic": _activation("sigmoid"),
    "log_sigmoid": _activation("log_sigmoid"),
    # By its definition: that of torch knows 1/6 in single precision alone.
    "hardsigmoid": lambda: layers.Activation(lambda x: ops.relu6(x + 3) / 6),
    "hardswish": _activation("hard_swish"),
    "tanh": _activation("tanh"),
    "hardtanh": _activation("hard_tanh"),
    "softplus": _activation("softplus"),
    "softsign": _activation("softsign"),
    "softmax": lambda: layers.Softmax(1),
    "log_softmax": lambda: layers.Activation(lambda x: ops.log_softmax(x, 1)),
}
#: What dlcalc adds to a variance; the default of Keras is 1e-3.
_EPS = 1e-5
_RECURRENT = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


class Others(Writer):
    """Everything that looks at its input as features, steps, or plain numbers."""

    def dense(self) -> tuple[Sizes, Part]:
        sizes = self.anything() if self.chance(0.2) else self.sides(self.rng.choice((1, 2, 3)))
        return sizes, self.dense_part(self.rng.randint(1, 12))

    def dense_part(self, out: int) -> Part:
        bias = self.chance(0.7)
        text = self.written(
            self.synonym("dense"),
            Option("out", str(out), positional=True),
            Option("bias", self.flag(bias, True)),
        )
        return Part("dense", text, lambda sizes: [layers.Dense(out, use_bias=bias)])

    def activation(self) -> tuple[Sizes, Part]:
        return self.anything(), self.activation_part()

    def activation_part(self) -> Part:
        text, make = self.rng.choice(list(ACTIVATIONS.items()))
        return Part(text.partition(":")[0], text, lambda sizes: [make()])

    def prelu(self) -> tuple[Sizes, Part]:
        """One slope a value if left out, else one for all or one a channel."""
        sizes = self.anything()
        slopes = self.rng.choice((None, None, 1, sizes[0]))
        text = "prelu" if slopes is None else f"prelu:{slopes}"

        def build(sizes: Sizes) -> list[Any]:
            shared = {None: 0, 1: 1, sizes[0]: 2}[slopes]
            axes = list(range(shared, len(sizes) + 1)) if shared else None
            return [layers.PReLU(shared_axes=axes)]

        return sizes, Part("prelu", text, build)

    def bn(self) -> tuple[Sizes, Part]:
        return self.anything(), self.bn_part()

    def bn_part(self) -> Part:
        affine = self.chance(0.7)
        text = self.written(
            self.synonym("bn"),
            Option("affine", self.flag(affine, True)),
            Option("eps", written := self.rng.choice(("", "", "1e-3", "0.01"))),
            Option("momentum", self.rng.choice(("", "", "0.01"))),
        )
        eps = float(written or _EPS)

        def build(sizes: Sizes) -> list[Any]:
            return [layers.BatchNormalization(1, epsilon=eps, center=affine, scale=affine)]

        return Part("bn", text, build)

    def ln(self) -> tuple[Sizes, Part]:
        """Over the last axes, at times over more than there are."""
        sizes = self.anything()
        return sizes, self.ln_part(self.rng.randint(1, len(sizes) + 1))

    def ln_part(self, axes: int = 1) -> Part:
        affine, bias = self.chance(0.8), self.chance(0.7)
        text = self.written(
            "ln",
            Option("axes", self.unless((axes,)), positional=True),
            Option("affine", self.flag(affine, True)),
            Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> list[Any]:
            over = _last(axes, sizes)
            return [layers.LayerNormalization(over, _EPS, center=affine and bias, scale=affine)]

        return Part("ln", text, build)

    def rmsnorm(self) -> tuple[Sizes, Part]:
        """As ln; its scale is always trained."""
        sizes = self.anything()
        axes = self.rng.randint(1, len(sizes) + 1)
        text = self.written("rmsnorm", Option("axes", self.unless((axes,)), positional=True))

        def build(sizes: Sizes) -> list[Any]:
            return [layers.RMSNormalization(_last(axes, sizes))]

        return sizes, Part("rmsnorm", text, build)

    def gn(self) -> tuple[Sizes, Part]:
        groups, affine = self.rng.randint(1, 4), self.chance(0.7)
        channels = self.parted(groups, 3, beside=0.4)
        text = self.written(
            "gn",
            Option("groups", str(groups), positional=True),
            Option("affine", self.flag(affine, True)),
        )

        def build(sizes: Sizes) -> list[Any]:
            return [layers.GroupNormalization(groups, 1, _EPS, center=affine, scale=affine)]

        return (channels, *self.anything()[1:]), Part("gn", text, build)

    def instancenorm(self) -> tuple[Sizes, Part]:
        """At times over a single position, which other frameworks refuse."""
        affine = self.chance(0.5)
        text = self.written("instancenorm", Option("affine", self.flag(affine, False)))
        sides = self.sides(self.rank(), 1 if self.chance(0.3) else 8)

        def build(sizes: Sizes) -> list[Any]:
            return [layers.GroupNormalization(-1, 1, _EPS, center=affine, scale=affine)]

        return (self.rng.randint(1, 6), *sides), Part("instancenorm", text, build)

    def dropout(self) -> tuple[Sizes, Part]:
        share = self.rng.choice(DROPOUTS)
        text = self.written("dropout", Option("p", share, positional=True))
        return self.anything(), Part(
            "dropout", text, lambda sizes: [layers.Dropout(float(share or 0.5))]
        )

    def sequence(self) -> Sizes:
        """TIMExFEATURES, rarely with one axis more."""
        return self.sides(3 if self.chance(0.2) else 2, 7)

    def recurrent(self) -> tuple[Sizes, Part]:
        return self.sequence(), self.recurrent_part()

    def recurrent_part(self) -> Part:
        """Every step comes out; two layers are two Keras layers."""
        kind = self.rng.choice(("rnn", "lstm", "lstm", "gru", "gru"))
        out = self.rng.randint(1, 6)
        depth = self.rng.choice((1, 1, 1, 2, 3))
        both, bias = self.chance(0.3), self.chance(0.75)
        after = self.rng.choice((None, True, False)) if kind == "gru" else None
        text = self.written(
            kind,
            Option("out", str(out), positional=True),
            Option("layers", self.unless((depth,))),
            Option("bidirectional", self.flag(both, False)),
            Option("bias", self.flag(bias, True)),
            Option("reset_after", "" if after is None else "yes" if after else "no"),
        )
        keywords = {"return_sequences": True, "use_bias": bias}
        if after is not None:
            keywords["reset_after"] = after

        def one() -> Any:
            layer = _RECURRENT[kind](out, **keywords)
            return layers.Bidirectional(layer, merge_mode="concat") if both else layer

        return Part(kind, text, lambda sizes: [one() for _ in range(depth)])

    def embedding(self) -> tuple[Sizes, Part]:
        words, features = self.rng.randint(1, 20), self.rng.randint(1, 8)
        text = self.written(
            "embedding",
            Option("vocabulary", str(words), positional=True),
            Option("features", str(features), positional=True),
        )
        sizes = self.sides(self.rng.choice((1, 1, 2)), 7)
        return sizes, Part("embedding", text, lambda sizes: [layers.Embedding(words, features)])

    def attention(self) -> tuple[Sizes, Part]:
        return self.sequence(), self.attention_part()

    def attention_part(self) -> Part:
        """Self-attention; with groups of heads where ``kv`` is given."""
        heads, dim = self.rng.randint(1, 6), self.rng.randint(1, 5)
        kv = self.rng.randint(1, 4) if self.chance(0.5) else None
        bias, causal = self.chance(0.7), self.chance(0.4)
        text = self.written(
            "attention",
            Option("heads", str(heads), positional=True),
            Option("kv", "" if kv is None else str(kv)),
            Option("dim", str(dim)),
            Option("causal", self.flag(causal, False)),
            Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> list[Any]:
            if len(sizes) != 2:
                raise Rejected(f"by definition: {by(sizes)} is not TIMExFEATURES")
            if kv is None:
                return [layers.MultiHeadAttention(heads, dim, use_bias=bias)]
            return [layers.GroupQueryAttention(dim, heads, kv, use_bias=bias)]

        return Part(
            "attention", text, build, call=lambda layer, x: layer(x, x, use_causal_mask=causal)
        )

    def flatten(self) -> tuple[Sizes, Part]:
        return self.anything(), Part("flatten", "flatten", lambda sizes: [layers.Flatten()])

    def reshape(self) -> tuple[Sizes, Part]:
        """The same values in another shape, at times with one left to be worked out."""
        sizes = self.anything()
        target = self.factors(prod(sizes))
        place = self.rng.randrange(len(target))
        if self.chance(0.45):
            target[place] += 1
        elif self.chance(0.15):
            target.append(2)
        if self.chance(0.4):
            target[self.rng.randrange(len(target))] = -1
        new = tuple(target)
        return sizes, Part("reshape", f"reshape:{by(new)}", lambda sizes: [layers.Reshape(new)])

    def permute(self) -> tuple[Sizes, Part]:
        """The axes in another order, counted from 0; Keras counts from 1."""
        sizes = self.anything()
        order = list(range(len(sizes)))
        self.rng.shuffle(order)
        if self.chance(0.15):
            order[self.rng.randrange(len(order))] += 1
        elif self.chance(0.1):
            order.append(len(order))
        elif self.chance(0.1) and len(order) > 1:
            order.remove(max(order))
        axes = tuple(axis + 1 for axis in order)
        text = f"permute:{by(tuple(order))}"
        return sizes, Part("permute", text, lambda sizes: [layers.Permute(axes)])


def _last(axes: int, sizes: Sizes) -> list[int]:
    """The last axes; raises `Rejected` where one of them would be the batch."""
    if axes > len(sizes):
        raise Rejected(f"by definition: {by(sizes)} has no {axes} axes")
    return list(range(-axes, 0))
