"""GPT-2: models/gpt2/modeling_gpt2.py. Radford et al., 2019."""

from __future__ import annotations

from dlcalc.interop.graph import Builder
from dlcalc.interop.huggingface.config import Config
from dlcalc.interop.huggingface.tokens import context, language_head, token_head
from dlcalc.layers.shape import Shape


def heads(family: str) -> tuple[str, ...]:
    """The classes that are known, the bare model first."""
    return (
        "GPT2Model",
        "GPT2LMHeadModel",
        "GPT2ForSequenceClassification",
        "GPT2ForTokenClassification",
    )


def build(config: Config, architecture: str, builder: Builder, start: Shape | None) -> list[int]:
    """Add its layers; returns the outputs."""
    features = config.size("n_embd", 768)
    positions = config.size("n_positions", 1_024)
    vocabulary = config.size("vocab_size", 50_257)
    at = context(builder, config, start, positions)
    at = builder.chain(
        "transformer",
        "GPT2Model",
        (("wte", f"embedding:{vocabulary},{features}"), ("wpe", f"position:{positions}")),
        at,
    )
    block = f"decoder:{config.size('n_head', 12)},ff={config.size('n_inner', 4 * features)}"
    for number in range(config.blocks("n_layer", 12)):
        at = builder.add(f"transformer.h.{number}", "GPT2Block", block, at)
    at = builder.add("transformer.ln_f", "LayerNorm", "ln", at)
    if architecture == "GPT2LMHeadModel":
        return [language_head(builder, config, at, "transformer.wte", vocabulary, tied=True)]
    if architecture == "GPT2ForTokenClassification":
        return [token_head(builder, config, at, name="classifier", kind="Linear", bias=True)]
    if architecture == "GPT2ForSequenceClassification":
        at = token_head(builder, config, at, name="score", kind="Linear", bias=False)
        at = builder.add("pooled", "last token", "last", at)
    return [at]
