"""Llama, Mistral and Qwen2: models/llama, models/mistral and models/qwen2.

They differ in their biases and in their windows: Touvron et al., "LLaMA", 2023;
Jiang et al., "Mistral 7B", 2023; Yang et al., "Qwen2 Technical Report", 2024.
"""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.interop.graph import Builder, special
from dlcalc.interop.huggingface.config import Config
from dlcalc.interop.huggingface.sliding import SlidingAttention, SlidingDecoder
from dlcalc.interop.huggingface.tokens import context, language_head, token_head
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import Node
from dlcalc.nets.word import read_word

_NAMES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}
#: What the library takes if a config leaves it out.
_USUAL = {
    "llama": (32_000, 4_096, 11_008, None),
    "mistral": (32_000, 4_096, 14_336, 8),
    "qwen2": (151_936, 4_096, 22_016, 32),
}
_KINDS = ("full_attention", "sliding_attention")


def heads(family: str) -> tuple[str, ...]:
    """The classes that are known, the bare model first."""
    name = _NAMES[family]
    whats = ("ForCausalLM", "ForSequenceClassification", "ForTokenClassification")
    return (f"{name}Model", *(name + what for what in whats), f"{name}ForQuestionAnswering")


class _Block(NamedTuple):
    """The numbers of one block."""

    heads: int
    kv: int
    dim: int
    features: int
    width: int
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    curve: str

    @property
    def attention(self) -> str:
        """The arguments of its attention."""
        written = f"{self.heads}"
        if self.kv != self.heads:
            written += f",kv={self.kv}"
        return written if self.dim * self.heads == self.features else f"{written},dim={self.dim}"

    @property
    def word(self) -> str:
        """The block as one layer; empty if the notation can only write it as several."""
        if self.output_bias != self.mlp_bias:
            return ""
        bias = "" if self.output_bias else ",bias=no"
        if self.qkv_bias != self.output_bias:
            bias += f",qkv_bias={'yes' if self.qkv_bias else 'no'}"
        return f"decoder:{self.attention},ff={self.width},gated=yes,rms=yes{bias}"


def build(config: Config, architecture: str, builder: Builder, start: Shape | None) -> list[int]:
    """Add its layers; returns the outputs."""
    family = str(config.value["model_type"])
    words, usual_features, usual_width, usual_kv = _USUAL[family]
    vocabulary = config.size("vocab_size", words)
    features = config.size("hidden_size", usual_features)
    blocks = config.blocks("num_hidden_layers", 32)
    block = _block(config, family, features, usual_width, usual_kv)
    at = context(builder, config, start, None)
    time = builder.shape(at).sizes[0]
    at = builder.add("model.embed_tokens", "Embedding", f"embedding:{vocabulary},{features}", at)
    for number, window in enumerate(_windows(config, family, blocks)):
        # A window as long as the context hides nothing.
        window = None if window is None or (isinstance(time, int) and time <= window) else window
        at = _add_block(builder, f"model.layers.{number}", _NAMES[family], block, window, at)
    at = builder.add("model.norm", "RMSNorm", "rmsnorm", at)
    return [_head(config, architecture, builder, at, vocabulary)]


def _block(config: Config, family: str, features: int, width: int, kv: int | None) -> _Block:
    number = config.size("num_attention_heads", 32)
    if "head_dim" not in config and features % number:
        config.refuse(f"num_attention_heads {number} does not divide hidden_size {features}")
    biased = family == "llama" and config.flag("attention_bias", False)
    return _Block(
        number,
        config.size("num_key_value_heads", kv or number),
        config.size("head_dim", features // number or 1),
        features,
        config.size("intermediate_size", width),
        family == "qwen2" or biased,
        biased,
        family == "llama" and config.flag("mlp_bias", False),
        config.curve("hidden_act", "silu"),
    )


def _windows(config: Config, family: str, blocks: int) -> list[int | None]:
    """How far back each block sees, itself included; None where that is not limited."""
    if family == "llama":
        return [None] * blocks
    window = config.size("sliding_window", 4_096) if _slides(config, family) else None
    kinds = config.get("layer_types") if family == "qwen2" else None
    if kinds is None:
        first = config.size("max_window_layers", 28, low=0) if family == "qwen2" else 0
        return [window if number >= first else None for number in range(blocks)]
    if (
        not isinstance(kinds, list)
        or len(kinds) != blocks
        or not set(map(str, kinds)) <= set(_KINDS)
    ):
        config.refuse(f"layer_types must name {' or '.join(_KINDS)} for each of {blocks} blocks")
    return [window if kind == _KINDS[1] else None for kind in kinds]


def _slides(config: Config, family: str) -> bool:
    if family == "qwen2":
        return config.flag("use_sliding_window", False)
    # Left out it is 4,096 there, but null turns it off.
    return "sliding_window" not in config.value or "sliding_window" in config


def _add_block(
    builder: Builder, name: str, family: str, block: _Block, window: int | None, at: int
) -> int:
    if block.word:
        node = _windowed(block.word, window, name)
        return builder.add(name, f"{family}DecoderLayer", node, at)
    bias = {True: "", False: ",bias=no"}
    attention = f"attention:{block.attention},causal=yes{bias[block.output_bias]}"
    inner = builder.add(f"{name}.input_layernorm", "RMSNorm", "rmsnorm", at)
    kind = f"{family}Attention"
    inner = builder.add(f"{name}.self_attn", kind, _windowed(attention, window, name), inner)
    at = builder.merge(f"{name}.attended", "sum", "residual", [inner, at])
    inner = builder.add(f"{name}.post_attention_layernorm", "RMSNorm", "rmsnorm", at)
    wide = f"dense:{block.width}{bias[block.mlp_bias]}"
    gate = builder.add(f"{name}.mlp.gate_proj", "Linear", wide, inner)
    gate = builder.add(f"{name}.mlp.act_fn", "activation", block.curve, gate)
    up = builder.add(f"{name}.mlp.up_proj", "Linear", wide, inner)
    inner = builder.merge(f"{name}.mlp.gated", "product", "multiply", [gate, up])
    down = f"dense:{block.features}{bias[block.mlp_bias]}"
    inner = builder.add(f"{name}.mlp.down_proj", "Linear", down, inner)
    return builder.merge(name, f"{family}DecoderLayer", "residual", [inner, at])


def _windowed(word: str, window: int | None, name: str) -> str | Node:
    """The layer, with a window where there is one, which the notation cannot write."""
    if window is None:
        return word
    plain = read_word(word)
    kind = SlidingDecoder if word.startswith("decoder") else SlidingAttention
    layer: Layer = kind(window=window, **{a.name: getattr(plain, a.name) for a in plain.arguments})
    return special(layer, f"{word},window={window}", name)


def _head(config: Config, architecture: str, builder: Builder, at: int, vocabulary: int) -> int:
    if architecture.endswith("ForCausalLM"):
        return language_head(builder, config, at, "model.embed_tokens", vocabulary, tied=False)
    if architecture.endswith("ForSequenceClassification"):
        at = token_head(builder, config, at, name="score", kind="Linear", bias=False)
        return builder.add("pooled", "last token", "last", at)
    if architecture.endswith("ForTokenClassification"):
        return token_head(builder, config, at, name="score", kind="Linear", bias=True)
    if architecture.endswith("ForQuestionAnswering"):
        return builder.add("qa_outputs", "Linear", "dense:2", at)
    return at
