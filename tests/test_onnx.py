"""Shapes, parameters and refusals against ONNX: as recorded, and live where it is installed."""

from __future__ import annotations

from types import ModuleType

import pytest
from witness import Witness, accepted_words

LIVE_DRAWS = 3_000
NO_ONNX = "onnx and onnxruntime are not installed; the record is compared"
#: Each of its rows names its opset as the convention.
ONNX = Witness("ONNX", "onnx", ("output", "parameters"), "onnx")
KINDS = [
    "conv",
    "convtranspose",
    "maxpool",
    "avgpool",
    "lppool",
    "globalavgpool",
    "globalmaxpool",
    "lstm",
    "gru",
    "rnn",
    "dense",
    "bn",
    "ln",
    "gn",
    "instancenorm",
    "prelu",
    "lrn",
    "flatten",
    "residual",
    "concat",
    "relu",
    "sigmoid",
    "tanh",
    "elu",
]


def test_recorded() -> None:
    ONNX.compare(ONNX.recorded())


@pytest.mark.parametrize("like", ["onnx", "onnx21"])
def test_record_is_broad(like: str) -> None:
    rows = [row for row in ONNX.recorded() if row["like"] == like]
    assert len(rows) >= 1_500
    assert not set(KINDS) - accepted_words(rows)


@pytest.mark.parametrize(("key", "wrong"), [("output", [4, 5, 4]), ("parameters", 117)])
def test_comparison_notices_a_change(key: str, wrong: object) -> None:
    line = "3x9x9 conv:4,k3,s2,p=same_lower,bias=no bn"
    assert ONNX.computed(line)["output"] == [4, 5, 5]
    ONNX.notices(line, key, wrong)


def test_comparison_notices_the_opset() -> None:
    """Rounding up is what the two opsets part on."""
    line = "1x6 maxpool:2,s3,ceil=yes"
    old, new = ONNX.computed(line, "onnx21"), ONNX.computed(line, "onnx")
    assert (old["output"], new["output"]) == ([1, 3], [1, 2])
    assert ONNX.differences([old, new]) == []
    assert len(ONNX.differences([old | {"like": "onnx"}, new | {"like": "onnx21"}])) == 2


def test_comparison_notices_acceptance() -> None:
    ONNX.notices_refusals("3x9x9 conv:4,k9", "3x9x9 conv:4,k10")


@pytest.fixture
def oracle() -> ModuleType:
    pytest.importorskip("onnx", reason=NO_ONNX)
    pytest.importorskip("onnxruntime", reason=NO_ONNX)
    from oracles import onnx_layers

    return onnx_layers


def test_live(oracle: ModuleType) -> None:
    """Fresh draws through both."""
    ONNX.compare_fresh(oracle, LIVE_DRAWS)


def test_record_is_what_onnx_says(oracle: ModuleType) -> None:
    """The recorded table is neither edited by hand nor out of date."""
    assert oracle.record_rows() == ONNX.recorded()
