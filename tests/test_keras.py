"""Shapes, parameters and refusals against Keras: as recorded, and live where it is installed.

The recorded table makes the comparison part of every run, without Keras. The
live test draws fresh layers; another DLCALC_SEED draws others. Convolution and
pooling with padding by a word mean the same in TensorFlow, so those rows are
compared under its convention as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from dlcalc.answers.network import load_line
from dlcalc.answers.params import answer as params_answer
from dlcalc.answers.shape import answer as shape_answer
from dlcalc.errors import InputError
from dlcalc.layers.convention import CONVENTIONS

Row = dict[str, object]

RECORD = Path(__file__).resolve().parent / "data" / "keras_layers.jsonl"
LIVE_DRAWS = 3_000
NO_KERAS = "Keras on torch is not installed; the record is compared"
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


def recorded() -> list[Row]:
    """The rows of the recorded table."""
    return [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]


def computed(line: str, like: str = "keras") -> Row:
    """What dlcalc says to a line, in the form of the recorded rows."""
    convention = CONVENTIONS[like]
    try:
        start, net = load_line(line)
        sizes = shape_answer(start, net, convention=convention).value.sizes
        params = params_answer(start, net, convention=convention)
    except InputError:
        return {"line": line, "output": None}
    return {
        "line": line,
        "output": list(sizes),
        "parameters": params.value,
        "buffers": params.buffers,
    }


def differences(rows: Iterable[Row]) -> list[str]:
    """One message for each row in which dlcalc says something else than Keras."""
    found = []
    for row in rows:
        for like in ("keras", "tf") if row.get("tf") else ("keras",):
            mine = computed(str(row["line"]), like)
            for key in dict.fromkeys([*row, *mine]):
                if key != "tf" and mine.get(key) != row.get(key):
                    said = f"Keras {row.get(key)}, dlcalc --like {like} {mine.get(key)}"
                    found.append(f"{row['line']}: {key}: {said}")
                    break
    return found


def report(found: list[str]) -> str:
    """The number of differences and the first of them."""
    return "\n".join([f"{len(found):,} lines differ", *found[:20]])


def test_recorded() -> None:
    found = differences(recorded())
    assert not found, report(found)


def test_record_is_broad() -> None:
    rows = recorded()
    accepted = [row for row in rows if row["output"] is not None]
    names = {
        word.partition(":")[0].replace("-", "_")
        for row in accepted
        for word in str(row["line"]).replace("[", " ").split()
    }
    assert len(rows) >= 3_000
    assert 0.25 < 1 - len(accepted) / len(rows) < 0.35
    assert not set(KINDS) - names
    assert sum("tf" in row for row in rows) >= 500


@pytest.mark.parametrize("key", ["output", "parameters", "buffers"])
def test_comparison_notices_a_change(key: str) -> None:
    """A comparison that cannot fail shows nothing."""
    line = "3x9x9 conv:4,k3,s2,p=same bn"
    row = computed(line)
    assert differences([row]) == []
    wrong = {"output": [4, 4, 4], "parameters": 124, "buffers": 9}
    (message,) = differences([row | {key: wrong[key]}])
    assert line in message and f"{key}: Keras {wrong[key]}" in message


def test_comparison_notices_acceptance() -> None:
    """It also tells a refusal from an answer, both ways round."""
    fits, too_large = "3x9x9 conv:4,k9,p=valid", "3x9x9 conv:4,k10,p=valid"
    assert differences([{"line": too_large, "output": None}]) == []
    assert len(differences([{"line": fits, "output": None}])) == 1
    assert len(differences([computed(fits) | {"line": too_large}])) == 1


def test_comparison_asks_both_conventions() -> None:
    """A row marked for TensorFlow is compared twice, and may differ twice."""
    row: Row = {"line": "3x9x9 maxpool:3,s2,p=same", "output": None, "tf": True}
    assert ["--like keras" in message for message in differences([row])] == [True, False]


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
    seed = int(os.environ.get("DLCALC_SEED", "0"))
    rows = (oracle.answer(draw).row for draw in oracle.draws(LIVE_DRAWS, seed))
    found = differences(rows)
    assert not found, f"DLCALC_SEED={seed}: {report(found)}"


def test_record_is_what_keras_says(oracle: ModuleType) -> None:
    """The recorded table is neither edited by hand nor out of date."""
    assert oracle.record_rows() == recorded()
