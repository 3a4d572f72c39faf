"""Shapes, parameters and refusals against Keras: as recorded, and live where it is installed.

Convolution and pooling with padding by a word mean the same in TensorFlow, so
those rows are compared under its convention as well.
"""

from __future__ import annotations

from types import ModuleType

import pytest
from witness import Witness, accepted_words

LIVE_DRAWS = 3_000
NO_KERAS = "Keras on torch is not installed; the record is compared"
KERAS = Witness("Keras", "keras", ("output", "parameters", "buffers"), "keras")
KINDS = [
    "conv",
    "convtranspose",
    "maxpool",
    "avgpool",
    "adaptiveavgpool",
    "adaptivemaxpool",
    "globalavgpool",
    "globalmaxpool",
    "pad",
    "crop",
    "upsample",
    "dense",
    "bn",
    "ln",
    "rmsnorm",
    "gn",
    "instancenorm",
    "prelu",
    "rnn",
    "lstm",
    "gru",
    "embedding",
    "attention",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "flatten",
    "reshape",
    "permute",
    "residual",
    "concat",
    "identity",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "log_sigmoid",
    "hardsigmoid",
    "hardswish",
    "tanh",
    "hardtanh",
    "softplus",
    "softsign",
    "softmax",
    "log_softmax",
]


def test_recorded() -> None:
    KERAS.compare(KERAS.recorded())


def test_record_is_broad() -> None:
    rows = KERAS.recorded()
    assert len(rows) >= 3_000
    assert not set(KINDS) - accepted_words(rows)
    assert sum("tf" in row for row in rows) >= 500


@pytest.mark.parametrize(
    ("key", "wrong"), [("output", [4, 4, 4]), ("parameters", 124), ("buffers", 9)]
)
def test_comparison_notices_a_change(key: str, wrong: object) -> None:
    KERAS.notices("3x9x9 conv:4,k3,s2,p=same bn", key, wrong)


def test_comparison_notices_acceptance() -> None:
    KERAS.notices_refusals("3x9x9 conv:4,k9,p=valid", "3x9x9 conv:4,k10,p=valid")


def test_comparison_asks_both_conventions() -> None:
    """A row marked for TensorFlow is compared twice, and may differ twice."""
    found = KERAS.differences([{"line": "3x9x9 maxpool:3,s2,p=same", "output": None, "tf": True}])
    assert ["--like keras" in message for message in found] == [True, False]


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Keras on torch, which it must be told before its first import."""
    torch = pytest.importorskip("torch", reason=NO_KERAS)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason=NO_KERAS)
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend in this process")
    torch.set_num_threads(1)
    from oracles import keras_layers

    return keras_layers


def test_live(oracle: ModuleType) -> None:
    """Fresh draws through both."""
    KERAS.compare_fresh(oracle, LIVE_DRAWS)


def test_record_is_what_keras_says(oracle: ModuleType) -> None:
    """The recorded table is neither edited by hand nor out of date."""
    assert oracle.record_rows() == KERAS.recorded()
