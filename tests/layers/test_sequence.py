"""Embeddings, recurrent layers, attention and transformer blocks: published figures and torch."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from dlcalc.errors import LayerError
from dlcalc.layers.attention import Attention
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import CAFFE, CONVENTIONS, KERAS, ONNX, TF, TORCH, Convention
from dlcalc.layers.dense import Dense
from dlcalc.layers.embedding import Embedding, First, Last, Position, Segment, Token
from dlcalc.layers.recurrent import Gru, Lstm, Rnn
from dlcalc.layers.sequence import numbers
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, evaluate, letter
from dlcalc.layers.transformer import Decoder, Encoder

RECURRENT = {"rnn": Rnn, "lstm": Lstm, "gru": Gru}
LAYERS = (Position(), Segment(kinds=2), Token(), First(), Last(), Rnn(out=3), Lstm(out=3))
LAYERS = (*LAYERS, Gru(out=3), Attention(heads=2), Encoder(heads=2), Decoder(heads=2))

LLAMA = {"ff": 11008, "gated": True, "rms": True, "bias": False}
MIXTRAL = {**LLAMA, "kv": 8, "ff": 14336, "experts": 8, "active": 2}


def counted(layer: Layer, sizes: tuple[Size, ...], convention: Convention = TORCH) -> Size:
    """The parameters of a layer with this input, which it must accept."""
    shape = Shape(sizes)
    layer.output_shape(shape, convention)
    return numbers(layer.parameters(shape, convention))


def refusal(
    layer: type[Layer], sizes: tuple[Size, ...], convention: Convention, **values: Any
) -> str:
    """The rule and the mend with which it is refused."""
    with pytest.raises(LayerError) as caught:
        layer(**values).output_shape(Shape(sizes), convention)
    assert caught.value.mend
    return f"{caught.value.rule}. {caught.value.mend}"


# --- sequences -------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.words[0])
def test_only_two_axes_are_a_sequence(layer: Layer) -> None:
    for shape, mend in (
        (Shape((8,)), "20x8"),
        (Shape((8,), kind="open"), "20x128"),
        (Shape((8, 4, 4)), "reshape:8x-1 permute:1x0"),
        (Shape((4, 4, 8), "hwc"), "reshape:-1x8"),
    ):
        with pytest.raises(LayerError, match="reads TIMExFEATURES, but gets") as caught:
            layer.output_shape(shape, TORCH)
        assert mend in caught.value.mend


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.words[0])
def test_the_layout_changes_nothing(layer: Layer) -> None:
    plain, last = Shape((5, 8)), Shape((5, 8), "hwc")
    output = layer.output_shape(plain, TORCH)
    assert layer.output_shape(last, TORCH) == output
    assert layer.parameters(last, TORCH) == layer.parameters(plain, TORCH)
    assert layer.macs(last, output) == layer.macs(plain, output)
    assert layer.axes(plain, TORCH) is None
    assert not layer.spatial


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.words[0])
def test_letters_stand_for_every_number(layer: Layer) -> None:
    """What is said of TxF, with numbers put in, is what is said of the numbers."""
    T, known = letter("T"), Shape((5, 8))
    shape = Shape((T, 8))
    output, there = layer.output_shape(shape, TORCH), layer.output_shape(known, TORCH)
    pairs = [
        (layer.macs(shape, output), layer.macs(known, there)),
        (layer.activations(shape, output), layer.activations(known, there)),
        (counted(layer, (T, 8)), counted(layer, (5, 8))),
        (layer.unshared(shape, output, TORCH) or 0, layer.unshared(known, there, TORCH) or 0),
        *zip(output.sizes, there.sizes),
    ]
    parts = layer.parts(known, there)
    pairs += [(size, parts[kind]) for kind, size in layer.parts(shape, output).items()]
    for size, number in pairs:
        assert evaluate(size, {"T": 5}) == number


# --- embeddings ------------------------------------------------------------------


def test_embedding_gives_each_word_its_features() -> None:
    layer = Embedding(vocabulary=30522, features=768)
    assert layer.output_shape(Shape((128,), kind="open"), TORCH) == Shape((128, 768))
    assert layer.output_shape(Shape((4, 16)), TORCH) == Shape((4, 16, 768))
    assert counted(layer, (128,)) == 23_440_896
    assert layer.macs(Shape((128,)), Shape((128, 768))) == 0
    assert layer.unshared(Shape((128,)), Shape((128, 768)), TORCH) == 128 * 23_440_896
    with pytest.raises(LayerError, match="needs the channels"):
        layer.output_shape(Shape((28,), kind="side"), TORCH)


def test_bert_embeddings() -> None:
    layers = (Position(length=512), Segment(kinds=2))
    assert [counted(layer, (128, 768)) for layer in layers] == [393_216, 1536]
    assert all(
        layer.output_shape(Shape((128, 768)), TORCH) == Shape((128, 768)) for layer in layers
    )


def test_position_must_be_long_enough() -> None:
    assert counted(Position(), (197, 768)) == counted(Position(length=197), (197, 768)) == 151_296
    said = refusal(Position, (197, 768), TORCH, length=196)
    assert said == (
        "position has 196 rows, but the sequence has 197 steps. "
        "It fits with at most 196 steps, or with position:197."
    )
    T = letter("T")
    assert counted(Position(), (T, 768)) == 768 * T
    assert Position(length=512).note(Shape((T, 768)), TORCH) == "position needs T to be at most 512"
    assert not Position().note(Shape((T, 768)), TORCH)
    assert not Position(length=512).note(Shape((128, 768)), TORCH)


def test_token_stands_before_the_sequence() -> None:
    shape = Shape((196, 768))
    assert Token().output_shape(shape, TORCH) == Shape((197, 768))
    assert Token(count=5).output_shape(shape, TORCH) == Shape((201, 768))
    assert Token().formula(shape, TORCH) == "196 + 1 = 197"
    assert Token(count=2).parameters(shape, TORCH) == {"weight": (2, 768)}


def test_first_and_last_leave_the_features() -> None:
    for layer in (First(), Last()):
        assert layer.output_shape(Shape((197, 768)), TORCH) == Shape((768,))


# --- recurrent -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "two", "one"), [(128, 660_480, 657_920), (50, 620_544, 617_984)]
)
def test_the_lstm_of_the_notes(inputs: int, two: int, one: int) -> None:
    layer = Lstm(out=128, layers=5)
    for convention, expected in ((TORCH, two), (ONNX, two), (KERAS, one), (TF, one), (CAFFE, one)):
        assert counted(layer, (20, inputs), convention) == expected
    assert counted(Lstm(out=128, layers=5, biases=1), (20, inputs)) == one
    assert counted(Lstm(out=128, layers=5, biases=2), (20, inputs), KERAS) == two


def test_gru_biases_follow_where_it_resets() -> None:
    def rows(convention: Convention, **values: Any) -> dict[str, tuple[Size, ...]]:
        tensors = Gru(out=10, **values).parameters(Shape((7, 4)), convention)
        return {name: sizes for name, sizes in tensors.items() if name.startswith("bias")}

    one, two = {"bias_l0": (30,)}, {"bias_ih_l0": (30,), "bias_hh_l0": (30,)}
    for convention in CONVENTIONS.values():
        assert rows(convention) == (one if convention is CAFFE else two)
        assert rows(convention, reset_after=True) == two
        stores_two = convention.recurrent_biases == 2
        assert rows(convention, reset_after=False) == (two if stores_two else one)
        assert rows(convention, biases=1) == rows(convention, biases=1, reset_after=False) == one
        assert rows(convention, biases=2) == rows(convention, biases=2, reset_after=True) == two
        assert rows(convention, bias=False) == rows(convention, bias=False, reset_after=True) == {}


def test_gru_says_where_a_framework_never_resets_before() -> None:
    shape = Shape((7, 4))
    assert "torch has no gru that resets before" in Gru(out=3, reset_after=False).note(shape, TORCH)
    for convention in (KERAS, ONNX):
        assert not Gru(out=3, reset_after=False).note(shape, convention)
    assert not Gru(out=3).note(shape, TORCH)


def test_recurrent_output_has_every_step_and_both_directions() -> None:
    shape, layer = Shape((20, 50)), Lstm(out=20, bidirectional=True)
    assert layer.output_shape(shape, TORCH) == Shape((20, 40))
    assert layer.formula(shape, TORCH) == "2*20 = 40"
    assert Lstm(out=20, proj=7, bidirectional=True).output_shape(shape, TORCH) == Shape((20, 14))
    assert Gru(out=20).output_shape(shape, TORCH) == Shape((20, 20))
    assert not Gru(out=20).formula(shape, TORCH)
    H = letter("H")
    assert Rnn(out=H).parameters(shape, KERAS) == {
        "weight_ih_l0": (H, 50),
        "weight_hh_l0": (H, H),
        "bias_l0": (H,),
    }


def test_what_recurrent_layers_keep() -> None:
    for layer, each in ((Rnn(out=8), 8), (Gru(out=8), 40), (Lstm(out=8), 48)):
        assert layer.activations(Shape((5, 4)), Shape((5, 8))) == 5 * each
    layer = Lstm(out=8, proj=3, layers=2, bidirectional=True)
    assert layer.activations(Shape((5, 4)), Shape((5, 6))) == 5 * 4 * (48 + 3)


def test_unshared_is_once_for_each_step() -> None:
    shape = Shape((20, 50))
    assert Lstm(out=8).unshared(shape, Shape((20, 8)), KERAS) == 20 * 4 * 8 * (50 + 8 + 1)
    attention = Attention(heads=2)
    assert attention.unshared(shape, shape, TORCH) == 20 * counted(attention, (20, 50))
    own, crossed = Decoder(heads=2), Decoder(heads=2, memory=(7,))
    assert own.unshared(shape, shape, TORCH) == 20 * counted(own, (20, 50))
    # Two projections read the 7 steps of the memory, two and a norm the 20 of the sequence.
    more = 7 * 2 * (50 * 50 + 50) + 20 * (2 * (50 * 50 + 50) + 2 * 50)
    assert crossed.unshared(shape, shape, TORCH) == 20 * counted(own, (20, 50)) + more


@pytest.mark.parametrize(
    ("layer", "values", "convention", "said"),
    [
        (Rnn, {"biases": 3}, TORCH, "biases must be 1 or 2, not 3"),
        (Rnn, {"bias": False, "biases": 1}, TORCH, "bias=no and biases=1 contradict each other"),
        (Lstm, {"dropout": 1.5}, TORCH, "dropout must be from 0 to 1, not 1.5"),
        (Lstm, {"layers": 1001}, TORCH, "at most 1,000 layers, not 1,001"),
        (Lstm, {"proj": 8}, TORCH, "proj=8 must be smaller than the 8 hidden features"),
        (Lstm, {"proj": 3}, KERAS, "lstm takes no proj in keras. Leave it out. dense:3 behind"),
        (Lstm, {"proj": 3}, ONNX, "lstm takes no proj in onnx"),
        (Gru, {"biases": 1, "reset_after": True}, TORCH, "reset_after=yes needs two bias vectors"),
    ],
)
def test_recurrent_refusals(
    layer: type[Layer], values: dict[str, Any], convention: Convention, said: str
) -> None:
    assert said in refusal(layer, (20, 50), convention, out=8, **values)


def test_dropout_needs_layers_to_act_between() -> None:
    shape = Shape((20, 50))
    assert "only one" in Lstm(out=8, dropout=0.5).note(shape, TORCH)
    assert not Lstm(out=8, dropout=0.5, layers=2).note(shape, TORCH)


# --- attention -------------------------------------------------------------------


def test_heads_and_their_sizes() -> None:
    def tensors(**values: Any) -> dict[str, tuple[Size, ...]]:
        return Attention(heads=12, **values).parameters(Shape((5, 768)), TORCH)

    assert list(tensors()) == [
        f"{name}.{kind}"
        for name in ("query", "key", "value", "output")
        for kind in ("weight", "bias")
    ]
    assert set(tensors(bias=False).values()) == {(768, 768)}
    assert tensors(kv=2)["key.weight"] == tensors(kv=2)["value.weight"] == (128, 768)
    assert tensors(dim=32)["query.weight"] == (384, 768)
    assert tensors(dim=32)["output.weight"] == (768, 384)
    without_output = tensors(bias=False, qkv_bias=True)
    assert {name for name in without_output if name.endswith("bias")} == {
        "query.bias",
        "key.bias",
        "value.bias",
    }
    assert {name for name in tensors(qkv_bias=False) if name.endswith("bias")} == {"output.bias"}


@pytest.mark.parametrize(
    ("features", "values", "said"),
    [
        (
            770,
            {},
            "heads=12 does not divide the 770 features. It must divide them, such as "
            "2, 5, 7, 10, 11, 14. Or give dim, the size of a head.",
        ),
        (768, {"kv": 5}, "kv=5 does not divide the 12 heads. It must divide them, such as 1, 2, 3"),
        (letter("F"), {}, "whether heads=12 divides the F features depends on the letters"),
    ],
)
def test_attention_refusals(features: Size, values: dict[str, Any], said: str) -> None:
    for layer in (Attention, Encoder, Decoder):
        assert said in refusal(layer, (5, features), TORCH, heads=12, **values)


def test_letters_as_features_need_the_size_of_a_head() -> None:
    F = letter("F")
    assert counted(Attention(heads=12, dim=64, bias=False), (5, F)) == 4 * 768 * F
    assert counted(Attention(heads=12, bias=False), (5, 12 * F)) == 4 * 144 * F * F


def test_keys_and_values_are_cached_where_nothing_behind_is_seen() -> None:
    shape = Shape((128, 4096))
    assert Decoder(heads=32).kv_cache(shape) == 2 * 4096
    assert Decoder(heads=32, kv=8, memory=(77,)).kv_cache(shape) == 2 * 1024
    assert Attention(heads=32, kv=8, causal=True).kv_cache(shape) == 2 * 1024
    assert Attention(heads=32).kv_cache(shape) == Encoder(heads=32).kv_cache(shape) == 0


def test_what_attention_keeps() -> None:
    """Tensor by tensor, at 5 steps of 8 features with 4 heads of 2 and 2 pairs of them."""
    shape = Shape((5, 8))
    sizes = [5 * 8, 5 * 4, 5 * 4, 4 * 5 * 5, 4 * 5 * 5, 5 * 8, 5 * 8]
    assert Attention(heads=4, kv=2).activations(shape, shape) == sum(sizes)
    block = Encoder(heads=4, kv=2, ff=16, gated=True, experts=3, active=2)
    perceptron = [5 * 16, 5 * 16, 5 * 16, 5 * 16, 5 * 8]
    router = [5 * 3, 5 * 3, 5 * 8]
    norms_and_skips = [5 * 8] * 4
    every = sum(sizes) + 2 * sum(perceptron) + sum(router) + sum(norms_and_skips)
    assert block.activations(shape, shape) == every


# --- transformer -----------------------------------------------------------------


def whole(block: Layer, time: int, features: int, blocks: int, words: int) -> dict[str, Size]:
    """A language model: embedding, blocks, a norm by the root mean square, untied outputs."""
    shape, head = Shape((time, features)), Dense(out=words, bias=False)
    parts = block.parts(shape, shape)
    products = block.macs(shape, shape) + parts["attention"] + parts["masked"]
    return {
        "parameters": counted(Embedding(vocabulary=words, features=features), (time,))
        + blocks * counted(block, shape.sizes)
        + features
        + counted(head, shape.sizes),
        "idle": blocks * block.idle(shape, TORCH),
        "macs": blocks * products + head.macs(shape, Shape((time, words))),
    }


def test_published_blocks() -> None:
    assert counted(Encoder(heads=12, ff=3072), (512, 768)) == 7_087_872
    assert counted(Decoder(heads=12), (1024, 768)) == 7_087_872
    assert counted(Decoder(heads=32, **LLAMA), (128, 4096)) == 202_383_360


def test_llama_7b() -> None:
    assert whole(Decoder(heads=32, **LLAMA), 128, 4096, 32, 32_000) == {
        "parameters": 6_738_415_616,
        "idle": 0,
        "macs": 850_000_871_424,
    }


def test_mixtral_8x7b() -> None:
    model = whole(Decoder(heads=32, **MIXTRAL), 128, 4096, 32, 32_000)
    assert model["parameters"] == 46_702_792_704
    assert model["parameters"] - model["idle"] == 12_879_925_248


def test_vit_b_16_encoders() -> None:
    shape, layer = Shape((197, 768)), Encoder(heads=12)
    patches, head = 196 * 768 * 3 * 16 * 16, 768 * 1000
    products = layer.macs(shape, shape) + layer.parts(shape, shape)["attention"]
    assert patches + 12 * products + head == 17_563_828_224
    embeddings = 768 * 3 * 16 * 16 + 768 + 768 + 197 * 768
    final = 2 * 768 + 768 * 1000 + 1000
    assert embeddings + 12 * counted(layer, shape.sizes) + final == 86_567_656


def test_tensors_of_a_decoder_with_memory_and_experts() -> None:
    layer = Decoder(heads=2, memory=(7, 6), ff=16, gated=True, experts=3, bias=False)
    assert layer.parameters(Shape((5, 8)), TORCH) == {
        "attention.query.weight": (8, 8),
        "attention.key.weight": (8, 8),
        "attention.value.weight": (8, 8),
        "attention.output.weight": (8, 8),
        "cross.query.weight": (8, 8),
        "cross.key.weight": (8, 6),
        "cross.value.weight": (8, 6),
        "cross.output.weight": (8, 8),
        "router.weight": (3, 8),
        "ff.up.weight": (3, 16, 8),
        "ff.down.weight": (3, 8, 16),
        "ff.gate.weight": (3, 16, 8),
        "norm1.weight": (8,),
        "norm2.weight": (8,),
        "norm3.weight": (8,),
    }
    assert layer.idle(Shape((5, 8)), TORCH) == 3 * 16 * 8


def test_rms_norms_have_no_bias() -> None:
    tensors = Encoder(heads=2, rms=True).parameters(Shape((5, 8)), TORCH)
    assert "norm1.bias" not in tensors
    assert tensors["ff.up.bias"] == (32,)


@pytest.mark.parametrize(
    ("layer", "values", "said"),
    [
        (Encoder, {"active": 2}, "active=2 says how many experts work, but there are none"),
        (Encoder, {"experts": 4, "active": 5}, "active=5 is more than experts=4. Write active=4"),
        (Encoder, {"experts": 1}, "active=2 is more than experts=1. Write active=1"),
        (Decoder, {"memory": (7, 8, 9)}, "memory is LENGTH or LENGTHxFEATURES, not 7x8x9"),
        (Decoder, {"memory": (7, -1)}, "memory is LENGTH or LENGTHxFEATURES, not 7 x -1"),
    ],
)
def test_block_refusals(layer: type[Layer], values: dict[str, Any], said: str) -> None:
    assert said in refusal(layer, (5, 8), TORCH, heads=2, **values)


# --- torch -----------------------------------------------------------------------


def in_torch(module: Any) -> int:
    return sum(tensor.numel() for tensor in module.parameters())


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("word", RECURRENT)
def test_recurrent_tensors_are_those_of_torch(word: str) -> None:
    torch = pytest.importorskip("torch")
    kinds = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    projections = (None, 2) if word == "lstm" else (None,)
    for inputs, layers, both, bias, proj in product(
        (1, 5), (1, 2, 3), (False, True), (False, True), projections
    ):
        values: dict[str, Any] = {"bidirectional": both, "bias": bias}
        ours, theirs = ({"proj": proj}, {"proj_size": proj}) if proj else ({}, {})
        layer = RECURRENT[word](out=4, layers=layers, **values, **ours)
        module = kinds[word](inputs, 4, layers, batch_first=True, **values, **theirs)
        expected = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
        assert layer.parameters(Shape((6, inputs)), TORCH) == expected
        output = layer.output_shape(Shape((6, inputs)), TORCH)
        assert output.sizes == tuple(module(torch.zeros(1, 6, inputs))[0].shape[1:])


@pytest.mark.parametrize("bias", [False, True])
def test_transformers_have_as_many_parameters_as_in_torch(bias: bool) -> None:
    nn = pytest.importorskip("torch").nn
    for features, heads in ((8, 1), (8, 2), (12, 3), (64, 8)):
        shape = (5, features)
        module = nn.MultiheadAttention(features, heads, bias=bias)
        assert counted(Attention(heads=heads, bias=bias), shape) == in_torch(module)
        for ff in (1, 16, 48):
            module = nn.TransformerEncoderLayer(features, heads, ff, bias=bias)
            assert counted(Encoder(heads=heads, ff=ff, bias=bias), shape) == in_torch(module)
            module = nn.TransformerDecoderLayer(features, heads, ff, bias=bias)
            layer = Decoder(heads=heads, ff=ff, bias=bias, memory=(7,))
            assert counted(layer, shape) == in_torch(module)
            assert counted(layer, shape) == counted(
                Decoder(heads=heads, ff=ff, bias=bias, memory=(7, features)), shape
            )


def test_a_memory_of_other_features_is_that_of_torch() -> None:
    nn = pytest.importorskip("torch").nn
    own, crossed = Decoder(heads=2, ff=16), Decoder(heads=2, ff=16, memory=(7, 6))
    more = in_torch(nn.MultiheadAttention(8, 2, kdim=6, vdim=6)) + in_torch(nn.LayerNorm(8))
    assert counted(crossed, (5, 8)) == counted(own, (5, 8)) + more


@pytest.mark.parametrize(("convention", "has"), [(TORCH, False), (KERAS, True), (ONNX, True)])
def test_who_has_a_sigmoid_in_the_plain_cell(convention: Convention, has: bool) -> None:
    shape = Shape((20, 50))
    plain, sigmoid = Rnn(out=8), Rnn(out=8, act="sigmoid")
    assert plain.note(shape, convention) == ""
    said = sigmoid.note(shape, convention)
    assert said == ("" if has else f"{convention.name} has no rnn with act=sigmoid")
    assert sigmoid.parameters(shape, convention) == plain.parameters(shape, convention)
