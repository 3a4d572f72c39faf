"""Draws of the torch layers on sequences: embeddings, recurrent nets, attention, transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from oracles.drawing import Option, Rejected, Sizes, by
from oracles.torch_parts import Drawn, Function, Part, Writer
from torch import Tensor, nn

_RECURRENT = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_NAMES = {
    "self_attn": "attention",
    "multihead_attn": "cross",
    "linear1": "ff.up",
    "linear2": "ff.down",
    "out_proj": "output",
    "q_proj_weight": "query.weight",
    "k_proj_weight": "key.weight",
    "v_proj_weight": "value.weight",
}


def attention_names(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The names of dlcalc; queries, keys and values stand one below the other in torch."""
    for theirs, ours in _NAMES.items():
        key = key.replace(theirs, ours)
    if "in_proj_" not in key:
        yield key, tensor
        return
    for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
        yield key.replace("in_proj_", f"{part}."), third


class _Rows(nn.Module):
    """Rows of features, looked up by the numbers that a function makes of the input."""

    def __init__(self, count: int, features: int, numbers: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rows = nn.Embedding(count, features)
        self.numbers = numbers

    def forward(self, x: Tensor) -> Tensor:
        return x + self.rows(self.numbers(x))


class _Token(nn.Module):
    """Trained steps put before a sequence."""

    def __init__(self, count: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(x.shape[0], -1, -1), x], 1)


class Sequences(Writer):
    """Everything that reads TIMExFEATURES, or makes it."""

    def steps(self) -> Sizes:
        """TIMExFEATURES; now and then something else."""
        return self.anything() if self.chance(0.2) else self.sides(2, 8)

    def embedding(self) -> Drawn:
        part = self.embedding_part(self.rng.randint(1, 12))
        return self.sides(self.rng.choice((1, 1, 1, 2)), 8), part

    def embedding_part(self, words: int) -> Part:
        features = self.rng.randint(1, 8)
        text = self.written(
            "embedding",
            Option("vocabulary", str(words), positional=True),
            Option("features", str(features), positional=True),
        )
        return Part("embedding", text, lambda sizes: nn.Embedding(words, features), call=_look_up)

    def position(self) -> Drawn:
        """As many rows as steps, or more, or one too few."""
        sizes = self.steps()
        length = max(sizes[0] + self.rng.choice((-1, -1, 0, 0, 1, 3)), 1)
        return sizes, self.position_part(None if self.chance(0.3) else length)

    def position_part(self, length: int | None = None) -> Part:
        text = self.written("position", Option("length", str(length or ""), positional=True))

        def build(sizes: Sizes) -> nn.Module:
            time, features = _sequence(sizes)
            return _Rows(length or time, features, lambda x: torch.arange(time))

        return Part("position", text, build)

    def segment(self) -> Drawn:
        return self.steps(), self.segment_part()

    def segment_part(self) -> Part:
        kinds = self.rng.randint(1, 3)
        text = self.written("segment", Option("kinds", str(kinds), positional=True))

        def build(sizes: Sizes) -> nn.Module:
            time, features = _sequence(sizes)
            return _Rows(kinds, features, lambda x: torch.zeros(len(x), time, dtype=torch.long))

        return Part("segment", text, build)

    def token(self) -> Drawn:
        return self.steps(), self.token_part()

    def token_part(self) -> Part:
        count = self.rng.choice((1, 1, 2, 3))
        text = self.written("token", Option("count", self.unless((count,)), positional=True))
        return Part("token", text, lambda sizes: _Token(count, _sequence(sizes)[1]))

    def step(self) -> Drawn:
        return self.steps(), self.step_part()

    def step_part(self) -> Part:
        """The first step alone, or the last."""
        kind = self.rng.choice(("first", "last"))
        place = 0 if kind == "first" else -1

        def build(sizes: Sizes) -> nn.Module:
            _sequence(sizes)
            return Function(lambda x: x[:, place])

        return Part(kind, kind, build)

    def recurrent(self) -> Drawn:
        return self.steps(), self.recurrent_part()

    def recurrent_part(self) -> Part:
        """A projection is smaller than the state, and an LSTM's alone."""
        kind = self.rng.choice(("rnn", "lstm", "lstm", "gru"))
        out, layers = self.rng.randint(1, 6), self.rng.choice((1, 1, 1, 2, 3))
        both, bias = self.chance(0.4), self.chance(0.75)
        share = self.rng.choice(("", "", "", "0", "0.5", "1", "1.01", "-0.1"))
        proj = 0
        if self.chance(0.5 if kind == "lstm" else 0.04):
            proj = self.rng.choice((max(out - 2, 1), max(out - 1, 1), out, out + 1))
        text = self.written(
            kind,
            Option("out", str(out), positional=True),
            Option("layers", self.unless((layers,))),
            Option("bidirectional", self.flag(both, False)),
            Option("bias", self.flag(bias, True)),
            Option("biases", "2" if bias and self.chance(0.1) else ""),
            Option("dropout", share),
            Option("proj", str(proj or "")),
            Option("reset_after", "yes" if kind == "gru" and self.chance(0.2) else ""),
        )
        values: dict[str, Any] = {
            "num_layers": layers,
            "bidirectional": both,
            "bias": bias,
            "dropout": float(share or 0),
            "batch_first": True,
        }
        if proj:
            values["proj_size"] = proj

        def build(sizes: Sizes) -> nn.Module:
            return _RECURRENT[kind](_batched(sizes), out, **values)

        return Part(kind, text, build, call=lambda module, x: module(x)[0])

    def attending(self, most: int) -> tuple[Sizes, int]:
        """A sequence, and heads that mostly divide its features."""
        heads = self.rng.randint(1, 4)
        if self.chance(0.15):
            return self.steps(), heads
        return (self.rng.randint(1, 6), self.parted(heads, most)), heads

    def head_options(self, features: int, heads: int, bias: bool) -> tuple[Option, ...]:
        """What torch has no word for, written as torch does it; features of 0 are not known."""
        dim = features // heads if features % heads == 0 and self.chance(0.1) else 0
        return (
            Option("kv", str(heads) if self.chance(0.1) else ""),
            Option("dim", str(dim or "")),
            Option("bias", self.flag(bias, True)),
            Option("qkv_bias", self.flag(bias, bias)),
        )

    def attention(self) -> Drawn:
        sizes, heads = self.attending(4)
        return sizes, self.attention_part(heads, sizes[-1])

    def attention_part(self, heads: int = 1, features: int = 0) -> Part:
        """Attention of a sequence to itself, whose features may not be known."""
        causal, bias = self.chance(0.4), self.chance(0.7)
        text = self.written(
            "attention",
            Option("heads", str(heads), positional=True),
            Option("causal", self.flag(causal, False)),
            *self.head_options(features, heads, bias),
        )

        def build(sizes: Sizes) -> nn.Module:
            return nn.MultiheadAttention(_batched(sizes), heads, bias=bias, batch_first=True)

        def call(module: Any, x: Tensor) -> Tensor:
            mask = _causal(x) if causal else None
            return module(x, x, x, attn_mask=mask, is_causal=causal, need_weights=False)[0]

        return Part("attention", text, build, call=call, names=attention_names)

    def block(self) -> Drawn:
        sizes, heads = self.attending(2)
        return sizes, self.block_part(heads, sizes[-1])

    def block_part(self, heads: int = 1, features: int = 0) -> Part:
        """An encoder or a decoder block, with a memory or without."""
        kind = self.rng.choice(("encoder", "decoder", "decoder"))
        bias, ff = self.chance(0.7), self.rng.randint(1, 12) if self.chance(0.6) else None
        memory = self.memory(features) if kind == "decoder" and self.chance(0.6) else ()
        text = self.written(
            kind,
            Option("heads", str(heads), positional=True),
            Option("ff", str(ff or "")),
            *self.head_options(features, heads, bias),
            Option("memory", by(memory)),
        )

        def build(sizes: Sizes) -> nn.Module:
            features = _batched(sizes)
            values: dict[str, Any] = {"bias": bias, "batch_first": True}
            cls = nn.TransformerDecoderLayer if memory else nn.TransformerEncoderLayer
            block = cls(features, heads, ff or 4 * features, 0, "gelu", norm_first=True, **values)
            if memory[1:] not in ((), (features,)):
                values |= {"kdim": memory[1], "vdim": memory[1]}
                block.multihead_attn = nn.MultiheadAttention(features, heads, **values)
            if memory:
                block.memory = torch.zeros(1, *(*memory, features)[:2])
            return block

        def call(module: Any, x: Tensor) -> Tensor:
            if memory:
                looked_at = module.memory.expand(len(x), -1, -1)
                return module(x, looked_at, tgt_mask=_causal(x), tgt_is_causal=True)
            if kind == "decoder":
                return module(x, src_mask=_causal(x), is_causal=True)
            return module(x)

        return Part(kind, text, build, call=call, names=attention_names)

    def memory(self, features: int) -> Sizes:
        """The length of an encoder's output, and at times its features."""
        length = self.rng.randint(1, 6)
        if self.chance(0.4):
            return (length,)
        return length, features if features and self.chance(0.5) else self.rng.randint(1, 8)


def _look_up(module: Any, x: Tensor) -> Tensor:
    """What comes in is read as the numbers of words."""
    return module(x.long())


def _sequence(sizes: Sizes) -> tuple[int, int]:
    """The two sizes of a sequence. Raises `Rejected` if there are not just two."""
    if len(sizes) != 2:
        raise Rejected(f"by definition: {by(sizes)} is not TIMExFEATURES")
    return sizes[0], sizes[1]


def _batched(sizes: Sizes) -> int:
    """The features. Raises `Rejected` where torch would read the batch as the steps."""
    if len(sizes) < 2:
        raise Rejected(f"by definition: a batch of {by(sizes)} has no steps")
    return sizes[-1]


def _causal(x: Tensor) -> Tensor:
    """The mask that hides the steps that follow."""
    return nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
