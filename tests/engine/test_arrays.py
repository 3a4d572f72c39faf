"""The engine's numbers are PyTorch's and Keras's: as recorded, and drawn anew.

Outputs and gradients by input, parameters and memory, to 1e-10 in float64. In float32 at
most ten times as far from float64 as the framework itself is, or 1e-4. The recorded arrays
need no framework; fresh draws do, and another DLCALC_SEED draws others.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType

import numpy as np
import pytest
from engine.replay import EXACT, off
from oracles.arrays import Record, distance, numbers, read, table

from dlcalc.answers.network import load_line
from dlcalc.engine import operation
from dlcalc.errors import InputError
from dlcalc.layers.index import LAYERS
from dlcalc.nets.parser import Net, unroll

RECORDS = {name: read(name) for name in ("torch", "keras")}
LIVE_DRAWS = 200
#: Records of each kind of layer, at least.
EACH = 3
#: Kinds of layers that no record shows at work, and why.
UNSEEN: dict[str, str] = {}


def kinds(net: Net) -> Iterator[str]:
    """The kinds of the layers of a net, those in brackets too."""
    for node, _ in unroll(net):
        yield node.layer.words[0]
        for branch in node.branches:
            yield from kinds(branch)


def compare(records: Iterable[Record]) -> None:
    """Fails where the engine and a framework differ, and tells how many nets do."""
    wrong = []
    for record in records:
        try:
            apart, single = off(record), off(record, np.float32)
        except InputError as error:
            wrong.append(f"{record.line}: {record.like} runs it, the engine does not: {error}")
            continue
        if not apart <= EXACT:
            wrong.append(f"{record.line} ({record.like}, training {record.training}): {apart:.1e}")
        elif not single <= max(10 * record.single, 1e-4):
            wrong.append(f"{record.line} ({record.like}): float32 is off by {single:.1e}")
    shown = "\n".join([f"{len(wrong):,} nets differ", *wrong[:20]])
    assert not wrong, shown


@pytest.mark.parametrize("framework", RECORDS)
def test_the_engine_makes_what_was_recorded(framework: str) -> None:
    compare(RECORDS[framework])


def test_every_kind_of_layer_has_records() -> None:
    seen = Counter(
        kind
        for records in RECORDS.values()
        for record in records
        for kind in set(kinds(load_line(record.line)[1]))
    )
    few = {kind: seen[kind] for kind in LAYERS if seen[kind] < EACH and kind not in UNSEEN}
    assert not few
    assert not set(UNSEEN) & set(seen)


def test_both_ways_of_running_are_recorded() -> None:
    kept = [r for r in RECORDS["torch"] if any("running_var" in name for name in r.arrays)]
    assert {r.training for r in kept} == {True, False}


@pytest.mark.parametrize("framework", RECORDS)
def test_another_number_is_noticed(framework: str) -> None:
    """In any array of a record: a comparison that sees none shows nothing."""
    for record in RECORDS[framework][::10]:
        for name, array in record.arrays.items():
            if not array.any():
                continue
            wrong = array.copy()
            place = np.unravel_index(np.argmax(np.abs(wrong)), wrong.shape)
            wrong[place] *= 1 + 2e-7
            arrays = {**record.arrays, name: wrong}
            largest = max(np.abs(each).max() for key, each in arrays.items() if key[:2] == "d ")
            if name[:2] != "d " or np.abs(array).max() > 1e-3 * largest:
                assert off(record._replace(arrays=arrays)) > EXACT, (record.line, name)


def test_missing_and_turned_arrays_are_noticed() -> None:
    record = next(r for r in RECORDS["torch"] if "d dense1.weight" in r.arrays)
    arrays = dict(record.arrays)
    weight = arrays.pop("d dense1.weight")
    assert off(record._replace(arrays=arrays)) == np.inf
    assert off(record._replace(arrays={**arrays, "d dense1.weight": weight.T[None]})) == np.inf
    assert distance({"output": np.array([np.nan])}, {"output": np.ones(1)}) == np.inf


def test_a_wrong_operation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake that forward and backward share, which no gradient checker sees."""
    record = next(r for r in RECORDS["torch"] if r.line.split()[1].startswith("ln"))
    assert off(record) <= EXACT
    layer = load_line(record.line)[1][0].layer  # type: ignore[union-attr]
    monkeypatch.setitem(layer.__dict__, "eps", 2e-5)
    found = operation.find(type(layer))

    def wrong(site: operation.Site) -> operation.Value:
        site.layer.__dict__["eps"] = 2 * site.layer.eps
        return found.build(site)

    monkeypatch.setitem(operation._TABLE, layer.words[0], found._replace(build=wrong))
    assert off(record) > EXACT


def test_numbers_are_the_same_everywhere() -> None:
    assert (numbers("dense1.weight", 3) * 2**20).tolist() == [-430089, -402686, 753834]
    assert np.array_equal(numbers("x", 50), numbers("x", 50).astype(np.float32))
    assert numbers("x", 2, 3).shape == (2, 3)
    assert abs(numbers("x", 100_000).mean()) < 0.01
    assert not np.array_equal(numbers("x", 3), numbers("y", 3))


def test_the_records_are_small_and_hold_no_pickles() -> None:
    assert sum(table(name).stat().st_size for name in RECORDS) < 1_000_000
    for name in RECORDS:
        with np.load(table(name), allow_pickle=False) as file:
            assert {key: file[key].dtype.kind for key in file} == {"rows": "U", "values": "f"}


def of_torch() -> ModuleType:
    pytest.importorskip("torch", reason="compares live where PyTorch is installed")
    from oracles import torch_arrays

    return torch_arrays


def of_keras() -> ModuleType:
    pytest.importorskip("torch", reason="compares live where Keras and PyTorch are installed")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="compares live where Keras is installed")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend in this process")
    from oracles import keras_arrays

    return keras_arrays


@pytest.mark.parametrize("oracle", [of_torch, of_keras])
def test_live(oracle: Callable[[], ModuleType]) -> None:
    """Fresh draws through both."""
    framework, seed = oracle(), int(os.environ.get("DLCALC_SEED", "0"))
    compare(framework.records(framework.draws(LIVE_DRAWS, seed)))


@pytest.mark.parametrize("oracle", [of_torch, of_keras])
def test_the_record_is_what_the_framework_says(oracle: Callable[[], ModuleType]) -> None:
    """Neither edited by hand nor out of date; another machine may round otherwise."""
    framework = oracle()
    fresh = framework.record_rows()
    recorded = RECORDS[framework.__name__.rpartition(".")[2].partition("_")[0]]
    assert [r[:4] for r in fresh] == [r[:4] for r in recorded]
    assert max(distance(a.arrays, b.arrays) for a, b in zip(fresh, recorded, strict=True)) < 1e-12
