"""Parameters of models by transformers, built from their configs without weights or network.

python tests/oracles/huggingface.py --record
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import transformers
from oracles.record import DATA, Row

from dlcalc.interop.huggingface.read import FAMILIES

TABLE = DATA / "huggingface.jsonl"
HEADS = {
    "bert": (
        "Bert",
        "Model ForMaskedLM ForSequenceClassification ForTokenClassification "
        "ForQuestionAnswering ForNextSentencePrediction",
    ),
    "gpt2": ("GPT2", "Model LMHeadModel ForSequenceClassification ForTokenClassification"),
    "llama": (
        "Llama",
        "Model ForCausalLM ForSequenceClassification ForTokenClassification ForQuestionAnswering",
    ),
    "mistral": (
        "Mistral",
        "Model ForCausalLM ForSequenceClassification ForTokenClassification ForQuestionAnswering",
    ),
    "qwen2": (
        "Qwen2",
        "Model ForCausalLM ForSequenceClassification ForTokenClassification ForQuestionAnswering",
    ),
    "vit": ("ViT", "Model ForImageClassification"),
}


def architectures(family: str) -> list[str]:
    """The classes of a family that dlcalc knows."""
    name, heads = HEADS[family]
    return [name + head for head in heads.split()]


def said(architecture: str, config: dict[str, Any]) -> Row:
    """What the library builds of a config: parameters, and how many tensors of each shape."""
    cls = getattr(transformers, architecture)
    with torch.device("meta"):
        model = cls(cls.config_class(**config))
    held = [tuple(sorted(p.shape)) for p in model.parameters()]
    shapes = Counter("x".join(map(str, shape)) for shape in held)
    return {
        "config": config | {"architectures": [architecture]},
        "parameters": sum(p.numel() for p in model.parameters()),
        "shapes": dict(sorted(shapes.items())),
    }


def reference_rows() -> list[Row]:
    """Every family and head on the family's reference configuration: the library's defaults."""
    return [
        said(architecture, {"model_type": family})
        for family in FAMILIES
        for architecture in architectures(family)
    ]


def draws(count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Small configurations of every family, as (architecture, config)."""
    rng = random.Random(seed)
    families = list(FAMILIES)
    for number in range(count):
        family = families[number % len(families)]
        architecture = rng.choice(architectures(family))
        config = _DRAWS[family](rng) | {"model_type": family}
        if architecture == "BertForMaskedLM":
            # Untied, it has a bias that nothing reads; dlcalc refuses that.
            config["tie_word_embeddings"] = True
        yield architecture, config


def _common(rng: random.Random) -> dict[str, Any]:
    heads = rng.choice([1, 2, 3, 4])
    return {
        "hidden_size": heads * 2 * rng.randint(1, 5),
        "num_attention_heads": heads,
        "num_hidden_layers": rng.randint(0, 3),
        "intermediate_size": rng.randint(1, 30),
    }


def _labels(rng: random.Random) -> dict[str, Any]:
    number = rng.randint(1, 5)
    return {"id2label": {str(i): f"L{i}" for i in range(number)}} if rng.random() < 0.7 else {}


def _words(rng: random.Random) -> dict[str, Any]:
    # The library warns where its usual numbers of special words are beyond the vocabulary.
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return {"vocab_size": rng.randint(3, 60), "tie_word_embeddings": rng.random() < 0.5} | special


def _bert(rng: random.Random) -> dict[str, Any]:
    sizes = {"type_vocab_size": rng.randint(1, 3), "max_position_embeddings": rng.randint(1, 300)}
    return _common(rng) | _words(rng) | _labels(rng) | sizes


def _gpt2(rng: random.Random) -> dict[str, Any]:
    common = _common(rng)
    config = (
        _words(rng)
        | _labels(rng)
        | {
            "n_embd": common["hidden_size"],
            "n_head": common["num_attention_heads"],
            "n_layer": common["num_hidden_layers"],
            "n_positions": rng.randint(1, 300),
        }
    )
    return config | ({"n_inner": common["intermediate_size"]} if rng.random() < 0.5 else {})


def _llama(rng: random.Random) -> dict[str, Any]:
    config = _common(rng) | _words(rng) | _labels(rng)
    heads = config["num_attention_heads"]
    config["num_key_value_heads"] = rng.choice([n for n in range(1, heads + 1) if heads % n == 0])
    if rng.random() < 0.5:
        config["head_dim"] = 2 * rng.randint(1, 5)
    for key in ("attention_bias", "mlp_bias"):
        if rng.random() < 0.7:
            config[key] = rng.random() < 0.5
    return config


def _mistral(rng: random.Random) -> dict[str, Any]:
    config = _llama(rng)
    config.pop("attention_bias", None)
    config.pop("mlp_bias", None)
    return config | ({"sliding_window": rng.choice([None, 7, 500])} if rng.random() < 0.7 else {})


def _qwen2(rng: random.Random) -> dict[str, Any]:
    window = {"use_sliding_window": rng.random() < 0.5, "max_window_layers": rng.randint(0, 3)}
    return _mistral(rng) | window | {"sliding_window": rng.choice([7, 500])}


def _vit(rng: random.Random) -> dict[str, Any]:
    patch = rng.randint(1, 5)
    config = (
        _common(rng)
        | _labels(rng)
        | {
            "patch_size": patch,
            "image_size": patch * rng.randint(1, 4),
            "num_channels": rng.randint(1, 4),
            "qkv_bias": rng.random() < 0.5,
        }
    )
    return config | ({"pooler_output_size": rng.randint(1, 9)} if rng.random() < 0.3 else {})


_DRAWS = {
    "bert": _bert,
    "gpt2": _gpt2,
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "vit": _vit,
}

RECORD_DRAWS, RECORD_SEED = 120, 1


def record_rows() -> list[Row]:
    """The rows of the recorded table: references, then small configurations."""
    drawn = [
        said(architecture, config) for architecture, config in draws(RECORD_DRAWS, RECORD_SEED)
    ]
    return [*reference_rows(), *drawn]


def main() -> None:
    """Record the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/huggingface.py --record")
    rows = record_rows()
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{len(rows)} models, transformers {transformers.__version__}")


if __name__ == "__main__":
    main()
