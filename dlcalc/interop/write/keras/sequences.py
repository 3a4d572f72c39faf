"""How layers on sequences are spelt in Keras: embeddings, recurrence, attention, blocks."""

from __future__ import annotations

from typing import Any

from dlcalc.errors import LayerError
from dlcalc.interop.write.keras.spelling import Line, Speller, Spelling, Use
from dlcalc.interop.write.keras.windows import RULES
from dlcalc.interop.write.lines import fitted


def embedding(use: Use) -> Spelling:
    return Spelling((use.made("Embedding", use.layer.vocabulary, use.layer.features),))


def position(use: Use) -> Spelling:
    length, _ = use.layer.parameters(use.shape, RULES)["weight"]
    return Spelling((use.made("Position", length),), classes=("Position",))


def segment(use: Use) -> Spelling:
    return Spelling((use.made("Segment", use.layer.kinds),), classes=("Segment",))


def token(use: Use) -> Spelling:
    return Spelling((use.made("Token", use.layer.count),), classes=("Token",))


# Recurrence.


def recurrent(cls: str) -> Speller:
    def spelt(use: Use) -> Spelling:
        layer, kind = use.layer, use.layer.words[0]
        more = _cell(layer, kind)
        time, inner = use.shape.sizes[0], use.layer.directions * use.layer.out
        lines: list[Line | str] = []
        for number in range(layer.layers):
            name = use.name if layer.layers == 1 else f"{use.name}_l{number}"
            given = f"{layer.out}, return_sequences=True{more}"
            one = f'layers.{cls}({given}, name="{name}")'
            if layer.bidirectional:
                one = f'layers.Bidirectional(layers.{cls}({given}), name="{name}")'
            lines.append(Line(f"{one}({{x}})", (time, inner)))
            if layer.dropout and number < layer.layers - 1:
                dropped = use.part(f"dropout{number}", "Dropout", layer.dropout)
                lines.append(Line(dropped, (time, inner)))
        return Spelling(tuple(lines))

    return spelt


def _cell(layer: Any, kind: str) -> str:
    """The arguments of a cell that are not the usual ones."""
    more = "" if layer.bias else ", use_bias=False"
    if kind == "gru":
        after, vectors = resets_after(layer), layer.bias_vectors(RULES)
        if layer.bias and vectors != (2 if after else 1):
            raise LayerError(
                "the gru of keras has two biases for each gate if it resets behind the product, "
                "else one"
            )
        return more + ("" if after else ", reset_after=False")
    if layer.bias and layer.bias_vectors(RULES) == 2:
        raise LayerError(f"the {kind} of keras has one bias for each gate, or none")
    act = getattr(layer, "act", "tanh")
    return more + ("" if act == "tanh" else f', activation="{act}"')


def resets_after(layer: Any) -> bool:
    """Whether a gru resets behind the product: in Keras if nothing else is said."""
    if layer.reset_after is not None:
        return bool(layer.reset_after)
    return bool(layer.biases != 1)


# Attention.


def heads_of(layer: Any, shape: Any) -> Any:
    """The attention of a layer, if it is one that Keras has."""
    heads = layer.attention(shape)
    if heads.qkv_bias != heads.bias:
        raise LayerError("the attention of keras has a bias in every part, or in none")
    return heads


def attention(use: Use) -> Spelling:
    heads = heads_of(use.layer, use.shape)
    bias = {"use_bias": (heads.bias, True)}
    if heads.kv == heads.heads:
        made = use.made("MultiHeadAttention", heads.heads, heads.dim, **bias)
    else:
        made = use.made("GroupQueryAttention", heads.dim, heads.heads, heads.kv, **bias)
    mask = ", use_causal_mask=True" if heads.causal else ""
    return Spelling((made.replace("({x})", f"({{x}}, {{x}}{mask})"),))


_TENSOR = "keras.KerasTensor"


class Block:
    """A function of the source for blocks that are alike but for their numbers."""

    def __init__(self, layer: Any, heads: Any) -> None:
        self.word = layer.words[0]
        self.bias, self.rms, self.gated = layer.bias, layer.rms, layer.gated
        self.grouped = heads.kv != heads.heads
        self.experts = layer.experts is not None
        self.memory = getattr(layer, "memory", None) is not None

    def key(self) -> tuple[object, ...]:
        """What tells two such functions apart."""
        return tuple(vars(self).values())

    def source(self, name: str) -> str:
        """The function."""
        sizes = ["heads", *["pairs"] * self.grouped, "dim", "width"]
        sizes += ["experts", "active"] * self.experts
        given = [f"x: {_TENSOR}", "name: str", *(f"{size}: int" for size in sizes)]
        given += [f"memory: {_TENSOR}"] * self.memory
        sees = "no step sees those behind it" if self.word == "decoder" else "every step sees all"
        lines = [
            *[f"def {name}(", *(f"    {each}," for each in given), f") -> {_TENSOR}:"],
            f'    """A transformer block, its norms before its parts: {sees}."""',
            *self._attention(1, "attention", "h, h"),
        ]
        if self.memory:
            lines += self._attention(2, "cross", "h, memory")
        number = 3 if self.memory else 2
        lines += [self._norm(number), *self._perceptron()]
        lines.append(f'    return layers.Add(name=f"{{name}}_add{number}")([x, h])')
        return "\n".join(part for line in lines for part in fitted(line)) + "\n"

    def _norm(self, number: int) -> str:
        cls, shift = "RMSNormalization", ""
        if not self.rms:
            cls, shift = "LayerNormalization", "" if self.bias else ", center=False"
        return f'    h = layers.{cls}(epsilon=1e-5{shift}, name=f"{{name}}_norm{number}")(x)'

    def _attention(self, number: int, name: str, seen: str) -> list[str]:
        bias = "" if self.bias else ", use_bias=False"
        cls, sizes = "MultiHeadAttention", "heads, dim"
        if self.grouped:
            cls, sizes = "GroupQueryAttention", "dim, heads, pairs"
        mask = ", use_causal_mask=True" if self.word == "decoder" and name == "attention" else ""
        return [
            self._norm(number),
            f'    attention = layers.{cls}({sizes}{bias}, name=f"{{name}}_{name}")',
            f'    x = layers.Add(name=f"{{name}}_add{number}")([x, attention({seen}{mask})])',
        ]

    def _perceptron(self) -> list[str]:
        bias = "" if self.bias else ", use_bias=False"
        if self.experts:
            given = f"experts, active, width, {self.gated}, {self.bias}"
            return [f'    h = Experts({given}, name=f"{{name}}_ff")(h)']
        down = f'    h = layers.Dense(x.shape[-1]{bias}, name=f"{{name}}_ff_down")(h)'
        up = 'name=f"{name}_ff_up")(h)'
        if not self.gated:
            return [f'    h = layers.Dense(width, "gelu"{bias}, {up}', down]
        gate = f'    gate = layers.Dense(width, "silu"{bias}, name=f"{{name}}_ff_gate")'
        return [
            gate,
            f'    up = layers.Dense(width{bias}, name=f"{{name}}_ff_up")',
            '    h = layers.Multiply(name=f"{name}_gated")([gate(h), up(h)])',
            down,
        ]


def block_call(use: Use, function: str) -> str:
    """The call of the function of a block."""
    layer, heads = use.layer, heads_of(use.layer, use.shape)
    width = 4 * heads.features if layer.ff is None else layer.ff
    given = [f'"{use.name}"', f"heads={heads.heads}"]
    given += [f"pairs={heads.kv}"] if heads.kv != heads.heads else []
    given += [f"dim={heads.dim}", f"width={width}"]
    if layer.experts is not None:
        given += [f"experts={layer.experts}", f"active={layer.at_work}"]
    if getattr(layer, "memory", None) is not None:
        given += [f"memory={use.name}_memory"]
    return f"{function}({{x}}, {', '.join(given)})"
