"""Attention with many heads, and its algebra, which the transformer shares.

Vaswani et al., "Attention Is All You Need", 2017; several heads with the same
keys and values: Ainslie et al., "GQA: Training Generalized Multi-Query
Transformer Models from Multi-Head Checkpoints", 2023.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Parts, Tensors
from dlcalc.layers.convention import Convention
from dlcalc.layers.sequence import SequenceLayer, time_and_features
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Polynomial, Size, product, quotient, total

HEADS = Argument("heads", "size", "heads, each with queries of its own")
KV = Argument(
    "kv", "size", "heads of keys and values; as many if left out", default=None, positional=False
)
DIM = Argument(
    "dim", "size", "size of a head; features/heads if left out", default=None, positional=False
)
BIAS = Argument(
    "bias", "flag", "trained numbers added in every part", default=True, positional=False
)
QKV_BIAS = Argument(
    "qkv_bias",
    "flag",
    "bias of queries, keys and values; as bias if left out",
    default=None,
    positional=False,
)


class Heads(NamedTuple):
    """One attention at work: ``time`` steps look at ``length`` steps of ``memory`` features.

    >>> heads = Heads(12, 12, 64, 197, 768, 197, 768, causal=False, bias=True, qkv_bias=True)
    >>> heads.macs(), heads.parts()["attention"]
    (464781312, 59610624)
    """

    heads: Size
    kv: Size
    dim: Size
    time: Size
    features: Size
    length: Size
    memory: Size
    causal: bool
    bias: bool
    qkv_bias: bool

    def tensors(self) -> Tensors:
        """The four projections by name."""
        queries, pairs = self.heads * self.dim, self.kv * self.dim
        tensors: Tensors = {}
        for name, rows, columns, biased in (
            ("query", queries, self.features, self.qkv_bias),
            ("key", pairs, self.memory, self.qkv_bias),
            ("value", pairs, self.memory, self.qkv_bias),
            ("output", self.features, queries, self.bias),
        ):
            tensors[f"{name}.weight"] = (rows, columns)
            if biased:
                tensors[f"{name}.bias"] = (rows,)
        return tensors

    def uses(self, kind: str) -> Size:
        """How often the numbers of the weights, or of the biases, are used."""
        steps = {"key": self.length, "value": self.length}
        return total(
            steps.get(name.removesuffix(kind), self.time) * product(sizes)
            for name, sizes in self.tensors().items()
            if name.endswith(kind)
        )

    def macs(self) -> Size:
        """Products with the weights of the projections."""
        return self.uses(".weight")

    def unshared(self) -> Size:
        """Parameters if every step had projections of its own."""
        return self.uses(".weight") + self.uses(".bias")

    def parts(self) -> Parts:
        """Products of scores and of weighted sums, those that the mask hides, and biases."""
        queries = self.time * self.heads * self.dim
        if self.causal:
            # Step i sees i steps: T*(T + 1)/2 pairs of T*T, each multiplied twice.
            kept, masked = queries * (self.time + 1), queries * (self.time - 1)
            parts: Parts = {"attention": kept, "masked": masked}
        else:
            parts = {"attention": 2 * queries * self.length}
        if self.bias or self.qkv_bias:
            parts["bias"] = self.uses(".bias")
        return parts

    def activations(self) -> Size:
        """Queries, keys, values, scores, probabilities, weighted sums and outputs."""
        queries, pairs = self.time * self.heads * self.dim, self.length * self.kv * self.dim
        scores = self.time * self.length * self.heads
        return 2 * queries + 2 * pairs + 2 * scores + self.time * self.features


class AttendingLayer(SequenceLayer):
    """A layer in which the steps of a sequence look at one another."""

    heads: Size
    kv: Size | None
    dim: Size | None
    bias: bool
    qkv_bias: bool | None
    causal: bool

    def check(self) -> None:
        if self.kv is not None:
            _parted(self.heads, "heads", "kv", self.kv, "")

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        time_and_features(shape, self.words[0])
        self.attention(shape)
        return shape

    def kv_cache(self, shape: Shape) -> Size:
        """Keys and values of one token, where no token sees those behind it."""
        attention = self.attention(shape)
        return 2 * attention.kv * attention.dim if self.causal else 0

    def attention(self, shape: Shape) -> Heads:
        """The attention of the sequence to itself. Raises `LayerError` if heads do not fit."""
        time, features = shape.sizes
        dim = self.dim
        if dim is None:
            mend = " Or give dim, the size of a head."
            dim = _parted(features, "features", "heads", self.heads, mend)
        kv = self.heads if self.kv is None else self.kv
        qkv_bias = self.bias if self.qkv_bias is None else self.qkv_bias
        sizes = (self.heads, kv, dim, time, features, time, features)
        return Heads(*sizes, self.causal, self.bias, qkv_bias)


class Attention(AttendingLayer):
    """Every step of a sequence looks at every other, or with causal=yes at none behind it."""

    words = ("attention",)
    arguments = (
        HEADS,
        KV,
        DIM,
        Argument("causal", "flag", "hide the steps that follow", default=False, positional=False),
        BIAS,
        QKV_BIAS,
    )
    example = "197x768 attention:12"

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return self.attention(shape).tensors()

    def macs(self, shape: Shape, output: Shape) -> Size:
        return self.attention(shape).macs()

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return self.attention(shape).parts()

    def activations(self, shape: Shape, output: Shape) -> Size:
        """Queries, keys, values, scores, probabilities, weighted sums and outputs."""
        return self.attention(shape).activations()

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        return self.attention(shape).unshared()


def _parted(whole: Size, what: str, name: str, number: Size, mend: str) -> Size:
    """The size of each of so many equal parts, or a refusal with the numbers that divide."""
    part = quotient(whole, number)
    if part is not None:
        return part
    if isinstance(whole, Polynomial) or isinstance(number, Polynomial):
        raise LayerError(
            f"whether {name}={number} divides the {whole} {what} depends on the letters",
            mend.strip(),
        )
    few = [n for n in range(1, min(whole, 1_000) + 1) if whole % n == 0]
    near = sorted(sorted(few, key=lambda n: abs(n - number))[:6])
    raise LayerError(
        f"{name}={number} does not divide the {whole} {what}",
        f"It must divide them, such as {', '.join(map(str, near))}.{mend}",
    )
