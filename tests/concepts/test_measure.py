"""What proofs measure with: the engine's answers, and none where calculator and engine part."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dlcalc.concepts import measure


def test_the_engine_runs_with_the_tensors_given() -> None:
    line = "1x3 conv:1,k2"
    found = measure.ran(line, [[1, 2, 4]], {"conv1.weight": [1, 10], "conv1.bias": 0.5})
    assert found.tolist() == [[21.5, 42.5]]


def test_tensors_not_given_are_zero() -> None:
    assert measure.ran("1x3 conv:1,k2", [[1, 2, 4]]).tolist() == [[0, 0]]


def test_a_shape_is_none_where_calculator_and_engine_part(monkeypatch: pytest.MonkeyPatch) -> None:
    parted = SimpleNamespace(failure="the engine makes 27", value="28")
    monkeypatch.setattr(measure, "shape", lambda *words, **settings: parted)
    with pytest.raises(AssertionError, match="the engine makes 27"):
        measure.made("28 maxpool:2,s1")


def test_masks_of_a_trial_hang_on_its_generator() -> None:
    import numpy as np

    found = []
    for seed in (0, 1, 1):
        program = measure.trial("64 dropout:0.5", np.random.default_rng(seed), batch=1)
        program.input.data[...] = 1
        found.append(program.forward().tolist())
    assert found[0] != found[1] and found[1] == found[2]
    assert {0.0, 2.0} == set(found[0][0])
