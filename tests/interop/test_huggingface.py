"""Configs of Hugging Face models against the library's own counts: as recorded, and live."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dlcalc.answers.model import ModelParams
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.errors import InputError
from dlcalc.interop.huggingface.read import FAMILIES, from_document
from dlcalc.interop.huggingface.sliding import SlidingAttention, SlidingDecoder
from dlcalc.interop.reduce import reduced
from dlcalc.layers.attention import Attention
from dlcalc.layers.shape import Shape
from dlcalc.layers.transformer import Decoder

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "huggingface.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
LIVE_DRAWS = 60


def saved(folder: Path, config: dict[str, Any]) -> str:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder / "config.json")


def computed(folder: Path, config: dict[str, Any], *words: str) -> ModelParams:
    result = params(*words, saved(folder, config))
    assert isinstance(result, ModelParams)
    return result


def shapes(result: ModelParams) -> Counter[str]:
    """How many tensors there are of each shape, sizes sorted, as the table has them."""
    from dlcalc.answers.counting import walk

    held = [sizes for layer in walk(result.layers) for sizes in layer.tensors.values()]
    return Counter("x".join(map(str, sorted(sizes))) for sizes in held)


def disagreement(folder: Path, row: dict[str, Any]) -> str:
    """How dlcalc and the library differ on a config; empty if they do not."""
    config = row["config"]
    result = computed(folder, config)
    if result.value != row["parameters"]:
        return f"{config}: {row['parameters']} parameters, dlcalc {result.value}"
    mine, theirs = shapes(result), Counter(row["shapes"])
    if config["model_type"] == "gpt2":
        # The library keeps the matrices of queries, keys and values side by side in one tensor.
        return ""
    if config["model_type"] == "vit":
        # There the class token and the positions have an axis for the batch.
        mine, theirs = (Counter(_without_ones(found)) for found in (mine, theirs))
    return "" if mine == theirs else f"{config}: {theirs - mine}, dlcalc {mine - theirs}"


def _without_ones(found: Counter[str]) -> list[str]:
    return ["x".join(n for n in s.split("x") if n != "1") for s in found.elements()]


def test_recorded(tmp_path: Path) -> None:
    assert [found for row in ROWS if (found := disagreement(tmp_path, row))] == []


def test_the_record_is_broad() -> None:
    """Every family on its reference configuration, and on others; every head of each."""
    references = [row for row in ROWS if set(row["config"]) == {"model_type", "architectures"}]
    assert {row["config"]["model_type"] for row in references} == set(FAMILIES)
    assert len(references) == 27 and len(ROWS) - len(references) >= 100


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    row = ROWS[0]
    assert disagreement(tmp_path, row | {"parameters": row["parameters"] + 1})
    assert disagreement(tmp_path, row | {"shapes": row["shapes"] | {"768": 1}})


@pytest.mark.parametrize(
    ("config", "number"),
    [
        ({"model_type": "bert"}, 109_482_240),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, 124_439_808),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, 6_738_415_616),
        ({"model_type": "mistral", "architectures": ["MistralForCausalLM"]}, 7_241_732_096),
        ({"model_type": "vit", "id2label": {str(i): "" for i in range(1000)},
          "architectures": ["ViTForImageClassification"]}, 86_567_656),
    ],
)  # fmt: skip
def test_published_numbers(config: dict[str, Any], number: int, tmp_path: Path) -> None:
    assert computed(tmp_path, config).value == number


@pytest.mark.parametrize(
    ("net", "config"),
    [
        ("bert-base", {"model_type": "bert"}),
        ("gpt2", {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}),
        ("llama-7b", {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}),
        ("vit_b_16", {"model_type": "vit", "num_labels": 1000,
                      "architectures": ["ViTForImageClassification"]}),
    ],
)  # fmt: skip
def test_the_built_in_nets_are_the_same(net: str, config: dict[str, Any], tmp_path: Path) -> None:
    """Layer by layer: the graph is the net that the notation has for it."""
    mine, built_in = computed(tmp_path, config), params(net)
    assert mine.value == built_in.value
    assert (mine.macs, mine.sums.kv_cache) == (built_in.macs, built_in.sums.kv_cache)  # type: ignore[union-attr]
    assert mine.way.net is not None
    assert shape(saved(tmp_path, config)).value == shape(net).value


def test_bytes_and_context(tmp_path: Path) -> None:
    config = {
        "model_type": "mistral",
        "torch_dtype": "bfloat16",
        "architectures": ["MistralForCausalLM"],
    }
    document = json.loads(computed(tmp_path, config, "2048").json())
    # 32 blocks, keys and values, 8 heads of 128, two bytes each.
    assert document["kv_cache_per_token"] == {
        "values": 65_536,
        "bytes": 131_072,
        "dtype": "bfloat16",
    }
    assert document["memory"]["parameters"] == 2 * 7_241_732_096
    per_token = document["macs_per_token"]
    # Every matrix once, the embedding's not; scores and sums with 2,048 steps, hidden ones too.
    matrices = 7_241_732_096 - 32_000 * 4_096 - 65 * 4_096
    assert per_token == {"context": 2048, "macs": matrices + 32 * 2 * 32 * 128 * 2048}
    assert "context is 128 tokens" in computed(tmp_path, config).notes[0]
    assert computed(tmp_path, config, "2048").notes == []


def test_another_type_may_be_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model_type": "gpt2", "dtype": "float16"})
    asked = params(path, dtype="int8")
    assert isinstance(asked, ModelParams) and asked.memory.dtype == "int8"
    found = params(path, batch="4")
    assert isinstance(found, ModelParams) and found.memory.dtype == "float16"


def test_shape_table(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]})
    assert str(shape("7", path).value) == "7x151936"
    assert str(shape("T", path).value) == "Tx151936"
    assert "model.layers.31" in shape(path).plain()


@pytest.mark.parametrize(("time", "window"), [(1, 1), (5, 1), (5, 3), (9, 4), (4, 4), (3, 9)])
@pytest.mark.parametrize("kind", ["attention", "decoder"])
def test_a_window_keeps_the_pairs_that_can_be_counted(time: int, window: int, kind: str) -> None:
    """By hand: step i sees j where i - window < j <= i, as the library's mask says."""
    sliding, plain = (
        (SlidingAttention, Attention) if kind == "attention" else (SlidingDecoder, Decoder)
    )
    values = dict.fromkeys([a.name for a in plain.arguments])
    values |= {"heads": 2, "kv": 1, "dim": 3, "bias": False, "causal": True, "gated": True}
    values |= {"rms": True} if kind == "decoder" else {}
    own = {a.name: values[a.name] for a in plain.arguments}
    shape = Shape((time, 6))
    parts = sliding(window=window, **own).parts(shape, shape)
    pairs = sum(i - window < j <= i for i in range(time) for j in range(time))
    assert parts["attention"] == 2 * pairs * 2 * 3
    assert parts["attention"] + parts["masked"] == 2 * time * time * 2 * 3
    whole = plain(**own).parts(shape, shape)
    assert (parts == whole) == (window >= time) or (parts.get("masked") == whole.get("masked", 0))


def windowed(folder: Path, config: dict[str, Any], *words: str) -> list[str]:
    result = computed(folder, config, *words)
    return [step.node.name for step in result.steps if "window=" in step.node.text]


def test_which_blocks_slide(tmp_path: Path) -> None:
    mistral = {"model_type": "mistral", "num_hidden_layers": 3, "vocab_size": 10}
    assert windowed(tmp_path, mistral, "4096") == []
    assert len(windowed(tmp_path, mistral, "4097")) == 3
    assert windowed(tmp_path, mistral | {"sliding_window": None}, "9000") == []
    qwen = mistral | {"model_type": "qwen2", "sliding_window": 5, "max_window_layers": 1}
    assert windowed(tmp_path, qwen, "9") == []
    sliding = qwen | {"use_sliding_window": True}
    assert windowed(tmp_path, sliding, "9") == ["model.layers.1", "model.layers.2"]
    kinds = ["sliding_attention", "full_attention", "full_attention"]
    assert windowed(tmp_path, sliding | {"layer_types": kinds}, "9") == ["model.layers.0"]
    assert windowed(tmp_path, mistral | {"model_type": "llama", "sliding_window": 2}, "9") == []


def test_a_window_hangs_on_the_number_of_tokens(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model_type": "mistral", "num_hidden_layers": 1})
    assert str(shape("T", path).value) == "Tx4096"
    with pytest.raises(InputError, match="depends on how many tokens"):
        params("T", path)


def test_blocks_that_one_layer_cannot_write(tmp_path: Path) -> None:
    """Biases of attention alone: the block is written out, and is a net all the same."""
    config = {"model_type": "llama", "attention_bias": True, "num_hidden_layers": 2}
    graph = from_document(config, "config.json")
    assert any("multiply[" in item.text for item in reduced(graph))  # type: ignore[union-attr]
    with_bias = computed(tmp_path, config)
    without = computed(tmp_path, config | {"attention_bias": False})
    assert with_bias.value - without.value == 2 * 4 * 4096  # type: ignore[operator]
    assert with_bias.macs == without.macs
    assert with_bias.sums.kv_cache == without.sums.kv_cache


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "family": ({"model_type": "mixtral"}, "model_type mixtral is not supported"),
    "misspelt": ({"model_type": "lama"}, "model_type lama"),
    "no text": ({"model_type": 3}, "model_type 3"),
    "head": ({"model_type": "gpt2", "architectures": ["GPT2DoubleHeadsModel"]}, "GPT2DoubleHeads"),
    "other family's head": ({"model_type": "gpt2", "architectures": ["BertModel"]}, "BertModel"),
    "two heads": ({"model_type": "gpt2", "architectures": ["a", "b"]}, "must name one class"),
    "quantised": ({"model_type": "llama", "quantization_config": {"bits": 4}}, "quantization_c"),
    "decoder": ({"model_type": "bert", "is_decoder": True}, "is_decoder true is not supported"),
    "positions": ({"model_type": "bert", "position_embedding_type": "relative_key"}, "relative_k"),
    "pruned": ({"model_type": "bert", "pruned_heads": {"0": [1]}}, "pruned_heads"),
    "cross": ({"model_type": "gpt2", "add_cross_attention": True}, "add_cross_attention true"),
    "zero": ({"model_type": "bert", "vocab_size": 0}, "vocab_size must be from 1"),
    "below zero": ({"model_type": "llama", "num_hidden_layers": -1}, "num_hidden_layers must be"),
    "text": ({"model_type": "llama", "hidden_size": "4096"}, "hidden_size must be a whole number"),
    "huge": ({"model_type": "llama", "num_hidden_layers": 10**9}, "at most 10,000 are taken"),
    "beyond": ({"model_type": "llama", "vocab_size": 10**13}, "vocab_size must be from 1"),
    "heads": ({"model_type": "llama", "num_attention_heads": 3}, "does not divide"),
    "groups": ({"model_type": "llama", "num_key_value_heads": 5}, "kv=5 does not divide"),
    "encoder's heads": ({"model_type": "bert", "num_attention_heads": 5}, "does not divide"),
    "curve": ({"model_type": "vit", "pooler_act": "xielu"}, "xielu is no activation"),
    "kinds": ({"model_type": "qwen2", "layer_types": ["x"]}, "layer_types must name"),
    "patch": ({"model_type": "vit", "patch_size": 300}, "does not fit"),
    "flag": ({"model_type": "vit", "qkv_bias": "yes"}, "qkv_bias must be true or false"),
    "untied": (
        {
            "model_type": "bert",
            "tie_word_embeddings": False,
            "architectures": ["BertForMaskedLM"],
        },
        "tie_word_embeddings false is not supported",
    ),
    "labels": (
        {"model_type": "bert", "id2label": {}, "architectures": ["BertForTokenClassification"]},
        "no labels",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str, tmp_path: Path) -> None:
    config, reason = REFUSED[name]
    with pytest.raises(InputError) as caught:
        params(saved(tmp_path, config))
    assert reason in str(caught.value)


def test_inputs_that_do_not_go_in(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model_type": "bert"})
    with pytest.raises(InputError, match="position has 512 rows"):
        params("513", path)
    with pytest.raises(InputError, match="one sequence of tokens"):
        params("3x4", path)
    path = saved(tmp_path, {"model_type": "vit"})
    with pytest.raises(InputError, match="images of 3x224x224, not 3x32x32"):
        params("3x32x32", path)


def test_nulls_count_as_left_out(tmp_path: Path) -> None:
    config = {"model_type": "gpt2", "n_inner": None, "architectures": None, "dtype": None}
    assert computed(tmp_path, config).value == 124_439_808


@pytest.fixture
def oracle() -> ModuleType:
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    from oracles import huggingface

    return huggingface


def test_live(oracle: ModuleType, tmp_path: Path) -> None:
    """Fresh configurations through both."""
    seed = int(os.environ.get("DLCALC_SEED", "0"))
    rows = [oracle.said(*drawn) for drawn in oracle.draws(LIVE_DRAWS, seed)]
    assert [found for row in rows if (found := disagreement(tmp_path, row))] == []


def test_record_is_what_the_library_says(oracle: ModuleType) -> None:
    """The recorded table is neither edited by hand nor out of date."""
    assert oracle.record_rows() == ROWS
