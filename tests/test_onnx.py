"""Shapes, parameters and refusals against ONNX: as recorded, and live where it is installed.

The recorded table makes the comparison part of every run, without onnx. The
live test draws fresh layers; another DLCALC_SEED draws others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from dlcalc.answers.network import load_line
from dlcalc.answers.params import answer as params_answer
from dlcalc.answers.shape import answer as shape_answer
from dlcalc.errors import InputError
from dlcalc.layers.convention import CONVENTIONS

Row = dict[str, object]

RECORD = Path(__file__).resolve().parent / "data" / "onnx_layers.jsonl"
LIVE_DRAWS = 3_000
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
REASON = "onnx and onnxruntime are not installed; the record is compared"


def recorded() -> list[Row]:
    """The rows of the recorded table."""
    return [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]


def computed(line: str, like: str) -> Row:
    """What dlcalc says to a line under a convention, in the form of the recorded rows."""
    convention = CONVENTIONS[like]
    try:
        start, net = load_line(line)
        sizes = shape_answer(start, net, convention=convention).value.sizes
        params = params_answer(start, net, convention=convention)
    except InputError:
        return {"line": line, "like": like, "output": None}
    return {"line": line, "like": like, "output": list(sizes), "parameters": params.value}


def differences(rows: Iterable[Row]) -> list[str]:
    """One message for each row in which dlcalc says something else than ONNX."""
    found = []
    for row in rows:
        line, like = str(row["line"]), str(row["like"])
        mine = computed(line, like)
        for key in dict.fromkeys([*row, *mine]):
            if mine.get(key) != row.get(key):
                found.append(
                    f"{like}: {line}: {key}: {like} {row.get(key)}, dlcalc {mine.get(key)}"
                )
                break
    return found


def report(found: list[str]) -> str:
    """The number of differences and the first of them."""
    return "\n".join([f"{len(found):,} lines differ", *found[:20]])


def test_recorded() -> None:
    found = differences(recorded())
    assert not found, report(found)


@pytest.mark.parametrize("like", ["onnx", "onnx21"])
def test_record_is_broad(like: str) -> None:
    rows = [row for row in recorded() if row["like"] == like]
    accepted = [row for row in rows if row["output"] is not None]
    names = {
        word.partition(":")[0].removesuffix("1d").removesuffix("2d").removesuffix("3d")
        for row in accepted
        for word in str(row["line"]).replace("[", " ").split()
    }
    assert len(rows) >= 1_500
    assert 0.25 < 1 - len(accepted) / len(rows) < 0.35
    assert not set(KINDS) - names


@pytest.mark.parametrize("key", ["output", "parameters"])
def test_comparison_notices_a_change(key: str) -> None:
    """A comparison that cannot fail shows nothing."""
    line = "3x9x9 conv:4,k3,s2,p=same_lower,bias=no bn"
    row = computed(line, "onnx")
    assert row["output"] == [4, 5, 5]
    assert differences([row]) == []
    wrong = {"output": [4, 5, 4], "parameters": 117}
    (message,) = differences([row | {key: wrong[key]}])
    assert line in message and f"{key}: onnx {wrong[key]}" in message


def test_comparison_notices_the_opset() -> None:
    """Rounding up is what the two opsets part on."""
    line = "1x6 maxpool:2,s3,ceil=yes"
    old, new = computed(line, "onnx21"), computed(line, "onnx")
    assert (old["output"], new["output"]) == ([1, 3], [1, 2])
    assert len(differences([old | {"like": "onnx"}, new | {"like": "onnx21"}])) == 2


def test_comparison_notices_acceptance() -> None:
    """It also tells a refusal from an answer, both ways round."""
    fits, too_large = "3x9x9 conv:4,k9", "3x9x9 conv:4,k10"
    refusal: Row = {"line": too_large, "like": "onnx", "output": None}
    assert differences([refusal]) == []
    assert len(differences([refusal | {"line": fits}])) == 1
    assert len(differences([computed(fits, "onnx") | {"line": too_large}])) == 1


def test_live() -> None:
    """Fresh draws through both."""
    pytest.importorskip("onnx", reason=REASON)
    pytest.importorskip("onnxruntime", reason=REASON)
    from oracles.onnx_layers import answer, draws

    seed = int(os.environ.get("DLCALC_SEED", "0"))
    rows = (answer(draw).row for draw in draws(LIVE_DRAWS, seed))
    found = differences(rows)
    assert not found, f"DLCALC_SEED={seed}: {report(found)}"


def test_record_is_what_onnx_says() -> None:
    """The recorded table is neither edited by hand nor out of date."""
    pytest.importorskip("onnx", reason=REASON)
    pytest.importorskip("onnxruntime", reason=REASON)
    from oracles.onnx_layers import record_rows

    assert record_rows() == recorded()
