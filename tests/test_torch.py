"""Shapes, parameters and refusals against PyTorch: as recorded, and live where it is installed.

The recorded table makes the comparison part of every run, without torch. The
live test draws fresh layers; another DLCALC_SEED draws others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from dlcalc.answers.network import load_line
from dlcalc.answers.params import Counted
from dlcalc.answers.params import answer as params_answer
from dlcalc.answers.shape import answer as shape_answer
from dlcalc.errors import InputError
from dlcalc.layers.index import LAYERS

Row = dict[str, object]

RECORD = Path(__file__).resolve().parent / "data" / "torch_layers.jsonl"
LIVE_DRAWS = 20_000
#: The layers that are not drawn, and why.
NOT_IN_TORCH = {
    "local": "torch has no convolution without shared weights",
    "stochasticpool": "torch pools by chance in where the windows lie, not in what they take",
    "subsample": "of LeNet-1998, without MACs",
    "rbf": "of LeNet-1998, without MACs",
    "moe": "torch has no mixture of experts",
}


def recorded() -> list[Row]:
    """The rows of the recorded table."""
    return [json.loads(line) for line in RECORD.read_text(encoding="utf-8").splitlines()]


def computed(line: str) -> Row:
    """What dlcalc says to a line, in the form of the recorded rows."""
    try:
        start, net = load_line(line)
        sizes = shape_answer(start, net).value.sizes
        params = params_answer(start, net)
    except InputError:
        return {"line": line, "output": None}
    return {
        "line": line,
        "output": list(sizes),
        "parameters": params.value,
        "buffers": params.buffers,
        "tensors": tensors(params.layers),
    }


def tensors(layers: tuple[Counted, ...]) -> dict[str, list[object]]:
    """All tensors by their full names, trained or not, those in branches too."""
    found: dict[str, list[object]] = {}
    for layer in layers:
        for name, sizes in (layer.tensors | layer.buffers).items():
            found[name] = list(sizes)
        for branch in layer.branches:
            found |= tensors(branch)
    return found


def differences(rows: Iterable[Row]) -> list[str]:
    """One message for each row in which dlcalc says something else than torch."""
    found = []
    for row in rows:
        mine = computed(str(row["line"]))
        for key in dict.fromkeys([*row, *mine]):
            if mine.get(key) != row.get(key):
                found.append(f"{row['line']}: {key}: torch {row.get(key)}, dlcalc {mine.get(key)}")
                break
    return found


def report(found: list[str]) -> str:
    """The number of differences and the first of them."""
    return "\n".join([f"{len(found):,} lines differ", *found[:20]])


def test_recorded() -> None:
    found = differences(recorded())
    assert not found, report(found)


def test_record_is_broad() -> None:
    """Every layer is drawn, and taken at least once, or torch has it not: a new one as well."""
    rows = recorded()
    accepted = [row for row in rows if row["output"] is not None]
    drawn = {
        word.partition(":")[0]
        for row in accepted
        for word in str(row["line"]).replace("[", " ").split()
    }
    assert len(rows) >= 4_000
    assert 0.25 < 1 - len(accepted) / len(rows) < 0.35
    assert set(LAYERS) & drawn == set(LAYERS) - set(NOT_IN_TORCH)
    assert not set(NOT_IN_TORCH) - set(LAYERS)


@pytest.mark.parametrize("key", ["output", "parameters", "buffers", "tensors"])
def test_comparison_notices_a_change(key: str) -> None:
    """A comparison that cannot fail shows nothing."""
    line = "3x9x9 conv:4,k3,bias=no bn"
    row = computed(line)
    assert differences([row]) == []
    wrong = {"output": [4, 7, 8], "parameters": 117, "buffers": 8, "tensors": {}}
    (message,) = differences([row | {key: wrong[key]}])
    assert line in message and f"{key}: torch {wrong[key]}" in message


def test_comparison_notices_acceptance() -> None:
    """It also tells a refusal from an answer, both ways round."""
    fits, too_large = "3x9x9 conv:4,k9", "3x9x9 conv:4,k10"
    assert differences([{"line": too_large, "output": None}]) == []
    assert len(differences([{"line": fits, "output": None}])) == 1
    assert len(differences([computed(fits) | {"line": too_large}])) == 1


def test_live() -> None:
    """Fresh draws through both."""
    torch = pytest.importorskip("torch", reason="torch is not installed; the record is compared")
    from oracles.torch_layers import answer, draws

    torch.set_num_threads(1)
    seed = int(os.environ.get("DLCALC_SEED", "0"))
    rows = (answer(draw).row for draw in draws(LIVE_DRAWS, seed))
    found = differences(rows)
    assert not found, f"DLCALC_SEED={seed}: {report(found)}"


def test_record_is_what_torch_says() -> None:
    """The recorded table is neither edited by hand nor out of date."""
    torch = pytest.importorskip("torch", reason="torch is not installed; the record is compared")
    from oracles.torch_layers import record_rows

    torch.set_num_threads(1)
    assert record_rows() == recorded()
