"""What a net has beside plain layers: ties, heads, experts, parts of its products, caches.

Numbers are worked out in the tests, by hand or by loops over the products.
"""

from __future__ import annotations

from itertools import chain, combinations
from math import prod
from typing import Any

import pytest

from dlcalc.answers.params import ParamsResult, params
from dlcalc.errors import InputError
from dlcalc.layers.base import PARTS


def tensors(result: ParamsResult) -> dict[str, tuple[int, ...]]:
    """Every tensor of a net by its full name, those in brackets too."""

    def inside(layers: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for layer in layers:
            found |= {name: tuple(sizes) for name, sizes in layer["tensors"].items()}
            for branch in layer.get("branches", ()):
                found |= inside(branch)
        return found

    return inside(result.document()["layers"])  # type: ignore[arg-type]


# --- tied weights ---------------------------------------------------------------


UNTIED_GPT2 = "128 embedding:50257,768 position:1024 12*decoder:12,ff=3072 ln dense:50257,bias=no"


def test_tied_weights_count_once() -> None:
    tied, untied = params("gpt2"), params(UNTIED_GPT2)
    assert tied.value == 124_439_808
    assert untied.value == tied.value + 50_257 * 768
    assert tied.macs == untied.macs
    last = tied.document()["layers"][-1]  # type: ignore[index]
    assert (last["parameters"], last["tensors"]) == (0, {})
    assert last["tied"] == {"weight": "embedding1"}
    assert last["macs"] == 128 * 768 * 50_257


@pytest.mark.parametrize(
    ("net", "value"),
    [
        # The transpose, as in an autoencoder; its bias is its own.
        ("784 dense:128 relu dense:784,tied=dense1", 784 * 128 + 128 + 784),
        ("784 dense:128,bias=no dense:784,bias=no,tied=dense1", 784 * 128),
        # The weight as it is.
        ("16 dense:16 dense:16,tied=dense1 dense:16,tied=dense1", 256 + 3 * 16),
        # A tie forwards, and ties into brackets.
        ("16 dense:16,tied=dense2 dense:16", 256 + 2 * 16),
        ("16 residual[dense:8 dense:16] dense:8,tied=residual1.dense1", 128 + 128 + 8 + 16 + 8),
        ("16 residual[dense:8 dense:16] dense:8,tied=residual1.dense2", 128 + 128 + 8 + 16 + 8),
        ("16 residual[residual[dense:16]] dense:16,tied=residual1.residual1.dense1", 256 + 32),
        ("16 dense:16 residual[dense:16,bias=no,tied=dense1]", 256 + 16),
        ("16 2*[dense:16] dense:16,bias=no,tied=dense2", 2 * 272),
        ("4x8 dense:8 dense:8,tied=dense1", 64 + 16),
    ],
)
def test_ties(net: str, value: int) -> None:
    result = params(net)
    assert result.value == value
    assert sum(map(prod, tensors(result).values())) == value
    assert result.macs == params(_untied(net)).macs


def _untied(net: str) -> str:
    """The net with a weight of its own for every layer."""
    words = []
    for word in net.split():
        head, tie, rest = word.partition(",tied=")
        words.append(head + "]" * rest.count("]") if tie else word)
    return " ".join(words)


def test_a_tie_knows_what_the_framework_flattens() -> None:
    """Caffe's second layer reads 8 values, its first 4*8."""
    net = "4x8 dense:8 dense:32,tied=dense1"
    assert params(net, like="caffe").value == 256 + 8 + 32
    with pytest.raises(InputError, match="the weight of dense1 is 8x8, but here it would be 32x8"):
        params(net)
    with pytest.raises(InputError, match="the weight of dense1 is 8x32"):
        params("4x8 dense:8 dense:8,tied=dense1", like="caffe")


@pytest.mark.parametrize(
    ("net", "rule", "mend"),
    [
        ("784 dense:128 dense:784,tied=dence1", "no layer dence1 has a weight", "mean dense1?"),
        ("784 dense:128 dense:784,tied=dense2", "no layer dense2 has a weight", "mean dense1?"),
        ("16 dense:16 relu dense:16,tied=relu1", "no layer relu1 has a weight", "mean dense1?"),
        (
            "16 residual[dense:16] dense:16,tied=residal1.dense1",
            "no layer residal1.dense1",
            "mean residual1.dense1?",
        ),
        # A tie to a tie: the weight is not that layer's own.
        ("16 dense:16 dense:16,tied=dense1 dense:16,tied=dense2", "no layer dense2", "dense1?"),
        ("16 dense:16,tied=dense1", "no layer dense1 has a weight of its own", ""),
        (
            "784 dense:128 dense:10,tied=dense1",
            "dense1 is 128x784, but here it would be 10x128",
            "",
        ),
        ("9 embedding:16,8 dense:9,tied=embedding1", "embedding1 is 16x8, but", ""),
    ],
)
def test_a_tie_that_does_not_hold_is_refused(net: str, rule: str, mend: str) -> None:
    with pytest.raises(InputError) as caught:
        params(net)
    assert rule in caught.value.rule
    assert mend in caught.value.mend
    assert "tied=" in caught.value.report()


def test_a_weight_of_an_auxiliary_head_is_not_at_work_elsewhere() -> None:
    with pytest.raises(InputError, match=r"no layer aux1\.dense1 has a weight"):
        params("16 aux[dense:16,bias=no] dense:16,bias=no,tied=aux1.dense1")
    within = params("16 aux[dense:16,bias=no dense:16,bias=no,tied=dense1] dense:2")
    assert within.document()["auxiliary"]["parameters"] == 256  # type: ignore[index]


def test_a_tie_within_an_expert() -> None:
    net = "16 moe:4[dense:16,bias=no dense:16,bias=no,tied=moe1.dense1]"
    assert params(net).value == 4 * 16 + 4 * 256


# --- auxiliary heads ------------------------------------------------------------


def test_auxiliary_heads_stand_apart() -> None:
    result, alone = params("784 aux[dense:10] dense:128"), params("784 dense:128")
    assert result.value == alone.value == 784 * 128 + 128
    assert result.macs == alone.macs == 784 * 128
    document = result.document()
    assert document["trainable"] == result.value + 7_850
    assert document["auxiliary"] == {"parameters": 7_850, "buffers": 0, "macs": 7_840}
    assert document["macs_parts"] == {"bias": 128}
    assert "auxiliary" not in alone.document()
    assert document["layers"][0]["parameters"] == 7_850  # type: ignore[index]
    assert "in training  108,330   parameters, auxiliary heads in" in result.plain()


def test_auxiliary_heads_keep_no_cache_and_no_idle_expert() -> None:
    result = params("4x8 aux[decoder:2 moe:4[dense:8]] dense:8")
    assert result.sums.kv_cache == 0 == result.sums.idle
    assert "active" not in result.document()


def test_a_head_within_a_head() -> None:
    document = params("784 aux[aux[dense:5] dense:10] dense:3").document()
    assert document["auxiliary"] == {"parameters": 785 * 15, "buffers": 0, "macs": 784 * 15}


def test_an_auxiliary_head_without_defined_products_leaves_the_net_its_own() -> None:
    assert params("6x28x28 aux[subsample:2] conv:6,k5").macs == 6 * 24 * 24 * 150


# --- mixtures of experts ----------------------------------------------------------

EXPERT = 16 * 32 + 32 + 32 * 16 + 16


def test_experts_total_and_active() -> None:
    result = params("4x16 moe:4,active=2[dense:32 relu dense:16]")
    assert result.value == 4 * 16 + 4 * EXPERT
    assert result.document()["active"] == 4 * 16 + 2 * EXPERT
    assert result.macs == 4 * (4 * 16 + 2 * 2 * 16 * 32)
    assert result.parts == {"bias": 2 * 4 * 48, "activation": 2 * 4 * 32, "gates": 2 * 4 * 16}
    assert tensors(result) == {
        "moe1.router.weight": (4, 16),
        "moe1.dense1.weight": (4, 32, 16),
        "moe1.dense1.bias": (4, 32),
        "moe1.dense2.weight": (4, 16, 32),
        "moe1.dense2.bias": (4, 16),
    }


def test_experts_in_a_repeat() -> None:
    once = params("4x16 moe:4,active=2[dense:32 relu dense:16]")
    thrice = params("4x16 3*[moe:4,active=2[dense:32 relu dense:16]]")
    assert thrice.value == 3 * once.value
    assert thrice.macs == 3 * once.macs  # type: ignore[operator]
    assert thrice.document()["active"] == 3 * (4 * 16 + 2 * EXPERT)
    assert set(tensors(thrice)) == {
        name.replace("moe1", f"moe{n}") for name in tensors(once) for n in (1, 2, 3)
    }


def test_experts_within_experts() -> None:
    """Each of 4 outer experts routes among 3 of its own; 2 and 1 of them work."""
    result = params("4x16 moe:4,active=2[moe:3,active=1[dense:16]]")
    inner = 3 * 16 + 3 * 272
    assert result.value == 4 * 16 + 4 * inner
    assert result.document()["active"] == 4 * 16 + 2 * (3 * 16 + 272)
    assert result.macs == 4 * (4 * 16 + 2 * (3 * 16 + 1 * 256))
    assert tensors(result)["moe1.moe1.router.weight"] == (4, 3, 16)
    assert tensors(result)["moe1.moe1.dense1.weight"] == (4, 3, 16, 16)
    assert tensors(result)["moe1.moe1.dense1.bias"] == (4, 3, 16)
    assert sum(map(prod, tensors(result).values())) == result.value


def test_experts_of_a_transformer_block() -> None:
    """A block with experts=8 holds 8 perceptrons and a router, of which 2 work on a token."""
    plain = params("4x16 decoder:2,ff=32,gated=yes,rms=yes,bias=no")
    mixed = params("4x16 decoder:2,ff=32,gated=yes,rms=yes,bias=no,experts=8")
    perceptron = 3 * 16 * 32
    assert mixed.value == plain.value + 7 * perceptron + 8 * 16  # type: ignore[operator]
    assert mixed.document()["active"] == mixed.value - 6 * perceptron  # type: ignore[operator]
    assert mixed.macs == plain.macs + 4 * (perceptron + 8 * 16)  # type: ignore[operator]
    assert "active" not in plain.document()


# --- parts of the products ----------------------------------------------------------

# 4x8 decoder:2,ff=16,gated=yes, counted by hand.
BY_HAND = {
    "attention": sum(2 * 8 for i in range(4) for j in range(4) if j <= i),
    "masked": sum(2 * 8 for i in range(4) for j in range(4) if j > i),
    "gates": 4 * 16,
    "bias": 4 * (4 * 8) + 4 * (16 + 16 + 8),
    "normalisation": 2 * 4 * 8,
    "activation": 4 * 16,
}
WEIGHTED = 4 * (4 * 8 * 8 + 3 * 8 * 16)


def test_parts_by_hand() -> None:
    result = params("4x8 decoder:2,ff=16,gated=yes")
    assert result.parts == BY_HAND
    assert list(BY_HAND) == list(PARTS)
    assert result.macs == WEIGHTED + BY_HAND["attention"] + BY_HAND["masked"]
    assert result.document()["macs_parts"] == BY_HAND


def subsets() -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(PARTS, n) for n in range(len(PARTS) + 1)))


def test_included_and_excluded_parts_add_up() -> None:
    for chosen in subsets():
        left = ",".join(part for part in PARTS if part not in chosen)
        result = params("4x8 decoder:2,ff=16,gated=yes", include=",".join(chosen), exclude=left)
        expected = WEIGHTED + sum(BY_HAND[part] for part in chosen)
        assert result.macs == result.document()["macs"] == expected, chosen
        assert [layer["macs"] for layer in result.document()["layers"]] == [expected]  # type: ignore[attr-defined]
        said, _, unsaid = result.macs_convention.partition("; not counted: ")
        assert all((part in said) == (part in chosen) for part in PARTS), chosen
        assert all((part in unsaid) != (part in chosen) for part in PARTS), chosen


def test_parts_add_to_what_is_counted_anyway() -> None:
    net = "4x8 decoder:2,ff=16,gated=yes"
    usual = params(net).macs
    assert params(net, include="bias, gates").macs == usual + 288 + 64  # type: ignore[operator]
    assert params(net, include="bias,bias").macs == usual + 288  # type: ignore[operator]
    assert params(net, include="attention").macs == usual
    assert params(net, include="bias", exclude="bias").macs == usual


@pytest.mark.parametrize(("time", "features", "heads"), [(1, 8, 2), (8, 16, 2), (128, 64, 4)])
def test_the_hidden_half_of_causal_attention(time: int, features: int, heads: int) -> None:
    """T*(T + 1)/2 pairs are kept, each multiplied twice in every feature."""
    net = f"{time}x{features} attention:{heads}"
    projections = 4 * time * features**2
    causal = params(f"{net},causal=yes", exclude="masked").macs
    assert causal == projections + time * (time + 1) * features
    both = params(f"{net},causal=yes").macs
    assert both == params(net).macs == projections + 2 * time * time * features
    assert params(f"{net},causal=yes", exclude="masked,attention").macs == projections


def test_parts_in_brackets_and_experts() -> None:
    result = params("4x8 residual[attention:2,causal=yes] moe:4[dense:8 relu]", exclude="masked")
    assert result.parts["activation"] == 2 * 4 * 8
    assert result.macs == 4 * 4 * 64 + 4 * 5 * 8 + 4 * (4 * 8 + 2 * 64)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("bais", "Did you mean bias?"),
        ("bias,activations", "Did you mean activation?"),
        ("normalization", "Did you mean normalisation?"),
        ("norm", "There are attention, masked,"),
    ],
)
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_part_that_there_is_not(option: str, text: str, mend: str) -> None:
    with pytest.raises(InputError, match="is not a part of the multiply-accumulates") as caught:
        params("3x8x8 conv:2,k3", **{option: text})  # type: ignore[arg-type]
    assert mend in caught.value.mend


# --- products that are not defined ---------------------------------------------------


def test_lenet5_of_1998_counts_connections() -> None:
    """LeCun et al. 1998, section II.B, layer by layer: C1 S2 C3 S4 C5 F6, then 84 for 10."""
    result = params("lenet5-1998")
    assert result.value == 60_000
    assert result.macs is None
    document = result.document()
    assert document["macs"] is None
    assert "trained coefficient" in str(document["macs_convention"])
    paper = 122_304 + 5_880 + 151_600 + 2_000 + 48_120 + 10_164 + 84 * 10
    assert document["connections"] == paper
    shown = result.plain()
    assert f"connections  {paper:,}   biases in" in shown
    assert ["MACs", "none"] in [line.split()[:2] for line in shown.split("\n")]
    assert "connections" not in params("lenet5").document()


def test_brackets_around_undefined_products_are_undefined() -> None:
    document = params("6x28x28 concat[subsample:2 | conv:6,k1,s2]").document()
    (concat,) = document["layers"]  # type: ignore[misc]
    assert document["macs"] is concat["macs"] is None


# --- caches and sharing -----------------------------------------------------------


def test_the_cache_of_llama_7b() -> None:
    """2 values in each of 32 layers and 4096 features, in 2 bytes."""
    document = params("llama-7b", dtype="float16").document()
    assert document["kv_cache_per_token"] == {
        "values": 2 * 32 * 4096,
        "bytes": 524_288,
        "dtype": "float16",
    }


@pytest.mark.parametrize(
    ("net", "values"),
    [
        ("16x64 decoder:8", 2 * 64),
        ("16x64 decoder:8,kv=2", 2 * 2 * 8),
        ("16x64 decoder:8,kv=1,dim=4", 2 * 4),
        ("16x64 3*[decoder:8,kv=2]", 3 * 2 * 2 * 8),
        ("16x64 residual[ln attention:8,kv=2,causal=yes]", 2 * 2 * 8),
        # What an encoder made is not cached token by token.
        ("16x64 decoder:8,memory=77", 2 * 64),
        ("16x64 encoder:8", 0),
        ("16x64 attention:8", 0),
        ("TxF decoder:8,dim=4", 2 * 8 * 4),
    ],
)
def test_the_cache_of_a_token(net: str, values: int) -> None:
    result = params(net)
    assert result.sums.kv_cache == values
    assert ("kv_cache_per_token" in result.document()) == (values > 0)
    if values:
        for dtype, bits in {"float32": 32, "bfloat16": 16, "int8": 8, "int4": 4}.items():
            assert params(net, dtype=dtype).memory.kv_cache_per_token == values * bits // 8


@pytest.mark.parametrize(
    ("net", "unshared", "full"),
    [
        # 28*28 positions; and every output reading every input.
        ("3x32x32 conv:6,k5", 357_504, 14_455_392),
        ("3x32x32 conv:6,k5,bias=no", 28 * 28 * 450, 3072 * 4704 + 4704),
        ("2x5 conv:3,k2", 4 * (12 + 3), 10 * 12 + 12),
        ("4x8 dense:16", 4 * (8 * 16 + 16), 32 * 64 + 64),
        ("4x8 lstm:3", 4 * (12 * 8 + 12 * 3 + 2 * 12), 32 * 12 + 12),
    ],
)
def test_sharing(net: str, unshared: int, full: int) -> None:
    result = params(net, sharing=True)
    (layer,) = result.document()["layers"]  # type: ignore[misc]
    assert layer["sharing"] == {"unshared": unshared, "fully_connected": full}
    assert "  if not shared, still local" in result.plain()
    assert "sharing" not in params(net).document()["layers"][0]  # type: ignore[index]


def test_sharing_as_it_is_shown() -> None:
    lines = params("3x32x32 conv:6,k5", sharing=True).plain().split("\n")
    assert lines[2].split() == "if not shared, still local 357,504 784 times as many".split()
    assert lines[3].split() == "if fully connected 14,455,392 31,700 times as many".split()
    assert "sharing" not in params("784 dense:10", sharing=True).document()["layers"][0]  # type: ignore[index]
