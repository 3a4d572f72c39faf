"""BERT: models/bert/modeling_bert.py. Devlin, Chang, Lee and Toutanova, 2019."""

from __future__ import annotations

from dlcalc.interop.graph import Builder
from dlcalc.interop.huggingface.config import Config
from dlcalc.interop.huggingface.tokens import context, labels, token_head
from dlcalc.layers.shape import Shape

_POOLED = ("BertModel", "BertForSequenceClassification", "BertForNextSentencePrediction")
_WORDS = "bert.embeddings.word_embeddings"


def heads(family: str) -> tuple[str, ...]:
    """The classes that are known, the bare model first."""
    return (*_POOLED, "BertForMaskedLM", "BertForTokenClassification", "BertForQuestionAnswering")


def build(config: Config, architecture: str, builder: Builder, start: Shape | None) -> list[int]:
    """Add its layers; returns the outputs."""
    config.refuse_unless("is_decoder", False)
    config.refuse_unless("position_embedding_type", "absolute")
    features = config.size("hidden_size", 768)
    positions = config.size("max_position_embeddings", 512)
    vocabulary = config.size("vocab_size", 30_522)
    at = context(builder, config, start, positions)
    at = builder.chain(
        "bert.embeddings",
        "BertEmbeddings",
        (
            ("word_embeddings", f"embedding:{vocabulary},{features}"),
            ("position_embeddings", f"position:{positions}"),
            ("token_type_embeddings", f"segment:{config.size('type_vocab_size', 2)}"),
            ("LayerNorm", "ln"),
        ),
        at,
    )
    block = f"encoder:{config.size('num_attention_heads', 12)}"
    block += f",ff={config.size('intermediate_size', 3_072)}"
    for number in range(config.blocks("num_hidden_layers", 12)):
        at = builder.add(f"bert.encoder.layer.{number}", "BertLayer", block, at)
    return [_head(config, architecture, builder, at, vocabulary)]


def _head(config: Config, architecture: str, builder: Builder, at: int, vocabulary: int) -> int:
    features = config.size("hidden_size", 768)
    if architecture == "BertForMaskedLM":
        curve = config.curve("hidden_act", "gelu")
        # Untied, the library keeps a second bias there that no layer reads.
        config.refuse_unless("tie_word_embeddings", True)
        words = (
            ("transform.dense", f"dense:{features}"),
            ("transform.act", curve),
            ("transform.LayerNorm", "ln"),
            ("decoder", f"dense:{vocabulary},tied={_WORDS}"),
        )
        return builder.chain("cls.predictions", "BertLMPredictionHead", words, at)
    if architecture in _POOLED:
        at = builder.chain(
            "bert.pooler",
            "BertPooler",
            (("first", "first"), ("dense", f"dense:{features}"), ("activation", "tanh")),
            at,
        )
    if architecture == "BertForSequenceClassification":
        return builder.add("classifier", "Linear", f"dense:{labels(config)}", at)
    if architecture == "BertForNextSentencePrediction":
        return builder.add("cls.seq_relationship", "Linear", "dense:2", at)
    if architecture == "BertForTokenClassification":
        return token_head(builder, config, at, name="classifier", kind="Linear", bias=True)
    if architecture == "BertForQuestionAnswering":
        return token_head(builder, config, at, name="qa_outputs", kind="Linear", bias=True)
    return at
