"""The parts of Keras models that no application has, against Keras itself where it is installed."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dlcalc.answers.model import ModelParams, model_params
from dlcalc.answers.params import PLAIN, params
from dlcalc.errors import InputError
from dlcalc.interop.json_model import from_document

MODELS = Path(__file__).parents[1] / "data" / "models"
DIGITS = (MODELS / "digits.json").read_bytes()


def counted(document: Any, name: str = "model.json") -> ModelParams:
    result = model_params(from_document(document, name, None), PLAIN, None)
    assert isinstance(result, ModelParams)
    return result


def archive(path: Path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return str(path)


def test_an_archive_is_read_as_its_config(tmp_path: Path) -> None:
    members = {"metadata__json": b"{}", "config__json": DIGITS, "model__weights__h5": b"\x89HDF"}
    # Known by what it holds, whatever it is called.
    for name in ("digits.keras", "digits.bin"):
        result = params(archive(tmp_path / name, **members))
        assert isinstance(result, ModelParams)
        assert result.value == counted(json.loads(DIGITS)).value == 15_914
        assert result.buffers == 16


# Keras 2 as it was saved: lists for calls, batch_input_shape, no module and no build_config.
def old(nodes: dict[str, tuple[str, dict[str, Any], list[Any]]]) -> dict[str, Any]:
    """A functional model: name to class, settings and inbound_nodes."""
    layers = [
        {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": at}
        for name, (kind, config, at) in nodes.items()
    ]
    first, last = layers[0]["name"], layers[-1]["name"]
    config = {
        "name": "old",
        "layers": layers,
        "input_layers": [[first, 0, 0]],
        "output_layers": [[last, 0, 0]],
    }
    return {"class_name": "Functional", "config": config, "keras_version": "2.4.0"}


def test_the_lists_of_keras_2() -> None:
    dense = {"units": 4, "activation": "relu", "use_bias": True}
    document = old({
        "x": ("InputLayer", {"batch_input_shape": [None, 4], "dtype": "float32"}, []),
        "a": ("Dense", dense, [[["x", 0, 0, {}]]]),
        "sum": ("Add", {}, [[["x", 0, 0, {}], ["a", 0, 0, {}]]]),
        "head": ("Dense", dense | {"units": 3}, [[["sum", 0, 0, {}]]]),
    })  # fmt: skip
    result = counted(document)
    # 4*4 + 4, then 4*3 + 3.
    assert (result.value, result.macs) == (35, 28)
    assert result.way.net is not None
    assert [vertex.name for vertex in result.way.graph.vertices] == [
        "x", "a", "a.relu", "sum", "head", "head.relu"
    ]  # fmt: skip


def test_a_sequential_model_of_keras_2() -> None:
    layers = [
        {
            "class_name": "LSTM",
            "config": {"name": "lstm", "batch_input_shape": [None, 7, 5], "units": 4},
        },
        {"class_name": "Dense", "config": {"name": "out", "units": 1, "activation": "linear"}},
    ]
    config = {"name": "old", "layers": layers}
    assert counted({"class_name": "Sequential", "config": config}).value == 160 + 5
    # Before 2.2.3 the config was the list itself, also of a model within a model.
    bare = {"class_name": "Sequential", "config": layers}
    assert counted(bare).value == 165
    inner = {"class_name": "Sequential", "name": "inner", "config": layers}
    outer = [inner, {"class_name": "Dense", "config": {"name": "top", "units": 2}}]
    assert counted({"class_name": "Sequential", "config": outer}).value == 165 + 4
    first = {
        "class_name": "InputLayer",
        "config": {"name": "in", "batch_input_shape": [None, 7, 5]},
    }
    assert counted({"class_name": "Sequential", "config": [first, *outer]}).value == 165 + 4
    # No other class had a list there.
    with pytest.raises(InputError, match="config is not a JSON object"):
        counted({"class_name": "Functional", "config": layers})


def test_the_order_of_a_bare_list_is_seen() -> None:
    """The settings of layers within models within models say where the channels stand."""

    def conv(order: str) -> dict[str, Any]:
        settings = {"name": order, "filters": 4, "kernel_size": 3, "data_format": order}
        return {"class_name": "Conv2D", "config": settings}

    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3, 9, 9]}}
    inner = {"class_name": "Sequential", "name": "inner", "config": [conv("channels_first")]}
    model = {"class_name": "Sequential", "config": [first, inner]}
    assert counted(model).value == 4 * (27 + 1)
    model["config"] = [first, inner, conv("channels_last")]
    with pytest.raises(InputError, match="channels first and others with them last"):
        counted(model)


def live() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", reason="Keras is not installed")


#: The layers of sequential models, each behind an input of its sizes.
SEQUENTIAL: dict[str, tuple[tuple[int, ...], str]] = {
    "lstm": ((7, 5), "L.LSTM(4)"),
    "lstm, sequences": ((7, 5), "L.LSTM(4, return_sequences=True), L.Dense(2)"),
    "lstm without biases": ((7, 5), "L.LSTM(4, use_bias=False)"),
    "lstm, hard gates": ((7, 5), "L.LSTM(4, recurrent_activation='hard_sigmoid')"),
    "lstm backwards": ((7, 5), "L.LSTM(4, go_backwards=True, dropout=0.2)"),
    "gru": ((7, 5), "L.GRU(4)"),
    "gru, reset before": ((7, 5), "L.GRU(4, reset_after=False)"),
    "gru without biases": ((7, 5), "L.GRU(4, use_bias=False)"),
    "rnn": ((7, 5), "L.SimpleRNN(4), L.Dense(3)"),
    "rnn with relu": ((7, 5), "L.SimpleRNN(4, activation='relu', return_sequences=True)"),
    "both ways": ((7, 5), "L.Bidirectional(L.LSTM(4))"),
    "both ways, sequences": ((7, 5), "L.Bidirectional(L.GRU(4, return_sequences=True))"),
    "both ways without biases": ((7, 5), "L.Bidirectional(L.SimpleRNN(3, use_bias=False))"),
    "both ways twice": (
        (7, 5),
        "L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.LSTM(3))",
    ),
    "both ways, two layers": (
        (7, 5),
        "L.Bidirectional(L.LSTM(4), backward_layer=L.LSTM(4, go_backwards=True))",
    ),
    "each step, dense": ((7, 5), "L.TimeDistributed(L.Dense(3, activation='relu'))"),
    "each step, dense of rank 3": ((4, 6, 5), "L.TimeDistributed(L.Dense(3))"),
    "each step, images": (
        (4, 8, 8, 3),
        "L.TimeDistributed(L.Conv2D(6, 3, strides=2, padding='same', activation='relu')), "
        "L.TimeDistributed(L.BatchNormalization()), L.TimeDistributed(L.MaxPooling2D(2)), "
        "L.TimeDistributed(L.Flatten()), L.LSTM(2)",
    ),
    "each step, separable": ((4, 8, 8, 3), "L.TimeDistributed(L.SeparableConv2D(6, 3))"),
    "each step, recurrent": ((4, 6, 5), "L.TimeDistributed(L.Bidirectional(L.LSTM(3)))"),
    "each step, embedding": ((4, 6), "L.TimeDistributed(L.Embedding(10, 3))"),
    "words": ((7,), "L.Embedding(20, 6, mask_zero=True), L.Bidirectional(L.GRU(4)), L.Dense(3)"),
}
#: Functional models of an input x.
FUNCTIONAL: dict[str, tuple[tuple[int, ...], str]] = {
    "attention": ((6, 8), "L.MultiHeadAttention(2, 4)(x, x)"),
    "attention, heads that do not divide": ((6, 8), "L.MultiHeadAttention(3, 5)(x, x)"),
    "attention without biases": ((6, 8), "L.MultiHeadAttention(2, 4, use_bias=False)(x, x)"),
    "attention by keywords": ((6, 8), "L.MultiHeadAttention(2, 4)(query=x, value=x, key=x)"),
    "attention, causal": ((6, 8), "L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)"),
    "attention to another": ((6, 8), "L.MultiHeadAttention(2, 4)(x, L.Dense(12)(x))"),
    "grouped": (
        (6, 8),
        "L.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x)",
    ),
    "shared": ((5,), "(lambda d: d(d(x)))(L.Dense(5))"),
    "states": (
        (5, 3),
        "(lambda o: L.LSTM(4)(o[0], initial_state=o[1:]))"
        "(L.LSTM(4, return_state=True, return_sequences=True)(x))",
    ),
    "a model within": (
        (5,),
        "L.Add()([x, keras.Sequential([keras.Input((5,)), L.Dense(4), L.Dense(5)])(x)])",
    ),
}


def built(shape: tuple[int, ...], text: str, whole: bool) -> Any:
    """A model of Keras from one of the tables above."""
    keras = live()
    known = {"keras": keras, "L": keras.layers}
    if not whole:
        return keras.Sequential([keras.Input(shape), *eval(f"[{text}]", known)])
    x = keras.Input(shape)
    return keras.Model(x, eval(text, known | {"x": x}))


def disagreement(model: Any, numbers: int) -> str:
    """How dlcalc and Keras differ on a model; empty if they do not."""
    result = counted(json.loads(model.to_json()))
    found = result.value + result.buffers  # type: ignore[operator]
    if found != numbers:
        return f"Keras counts {numbers}, dlcalc {found}"
    (output,) = result.way.graph.outputs
    shape = result.way.graph.vertices[output].output
    assert shape is not None
    theirs = model.outputs[0].shape[1:]
    return "" if tuple(shape.sizes) == tuple(theirs) else f"Keras gives {theirs}, dlcalc {shape}"


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_models_are_what_keras_says(name: str) -> None:
    model = built(*SEQUENTIAL[name], whole=False)
    assert disagreement(model, model.count_params()) == ""


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional_models_are_what_keras_says(name: str) -> None:
    model = built(*FUNCTIONAL[name], whole=True)
    assert disagreement(model, model.count_params()) == ""


def test_the_comparison_can_fail() -> None:
    model = built(*SEQUENTIAL["gru"], whole=False)
    assert disagreement(model, model.count_params() + 1)
    longer = built((7, 5), "L.GRU(4, return_sequences=True)", whole=False)
    other = built((7, 5), "L.GRU(4)", whole=False)
    longer.to_json = other.to_json
    assert "Keras gives" in disagreement(longer, other.count_params())


def test_an_archive_of_keras_itself(tmp_path: Path) -> None:
    model = built(*SEQUENTIAL["both ways twice"], whole=False)
    model.save(tmp_path / "model.keras")
    assert params(str(tmp_path / "model.keras")).value == model.count_params()


REFUSED = {
    "ways of two kinds": (
        "L.Bidirectional(L.LSTM(4), backward_layer=L.SimpleRNN(4, go_backwards=True))",
        "both ways differ: SimpleRNN and LSTM",
    ),
    "ways with two functions": (
        "L.Bidirectional(L.LSTM(4), backward_layer="
        "L.LSTM(4, go_backwards=True, activation='relu'))",
        "both ways differ in activation",
    ),
    "ways added": ("L.Bidirectional(L.LSTM(4), merge_mode='sum')", "both ways merged by sum"),
    "cells": ("L.RNN([L.LSTMCell(4), L.LSTMCell(3)])", "RNN is not a layer that is known"),
    "a model at each step": (
        "L.TimeDistributed(keras.Sequential([keras.Input((5,)), L.Dense(3)]))",
        "TimeDistributed of Sequential is not known",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_by_name(name: str) -> None:
    text, rule = REFUSED[name]
    model = built((7, 5), text, whole=False)
    with pytest.raises(InputError, match=rule):
        counted(json.loads(model.to_json()))


@pytest.mark.parametrize("settings", ["value_dim=3", "output_shape=5", "attention_axes=(1, 2)"])
def test_attention_of_other_sizes_is_refused(settings: str) -> None:
    shape = (3, 6, 8) if "axes" in settings else (6, 8)
    model = built(shape, f"L.MultiHeadAttention(2, 4, {settings})(x, x)", whole=True)
    with pytest.raises(InputError, match=r"MultiHeadAttention\): .*(not known)"):
        counted(json.loads(model.to_json()))
