"""Shapes, parameters and refusals against PyTorch: as recorded, and live where it is installed."""

from __future__ import annotations

from types import ModuleType

import pytest
from witness import Witness, accepted_words

from dlcalc.layers.index import LAYERS

LIVE_DRAWS = 20_000
TORCH = Witness("torch", "torch", ("output", "parameters", "buffers", "tensors"), "torch")
#: The layers that are not drawn, and why.
NOT_IN_TORCH = {
    "local": "torch has no convolution without shared weights",
    "stochasticpool": "torch pools by chance in where the windows lie, not in what they take",
    "subsample": "of LeNet-1998, without MACs",
    "rbf": "of LeNet-1998, without MACs",
    "moe": "torch has no mixture of experts",
}


def test_recorded() -> None:
    TORCH.compare(TORCH.recorded())


def test_record_is_broad() -> None:
    """Every layer is drawn, and taken at least once, or torch has it not: a new one as well."""
    rows = TORCH.recorded()
    assert len(rows) >= 4_000
    assert set(LAYERS) & accepted_words(rows) == set(LAYERS) - set(NOT_IN_TORCH)
    assert not set(NOT_IN_TORCH) - set(LAYERS)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("output", [4, 7, 8]), ("parameters", 117), ("buffers", 8), ("tensors", {})],
)
def test_comparison_notices_a_change(key: str, wrong: object) -> None:
    TORCH.notices("3x9x9 conv:4,k3,bias=no bn", key, wrong)


def test_comparison_notices_acceptance() -> None:
    TORCH.notices_refusals("3x9x9 conv:4,k9", "3x9x9 conv:4,k10")


@pytest.fixture
def oracle() -> ModuleType:
    torch = pytest.importorskip("torch", reason="torch is not installed; the record is compared")
    torch.set_num_threads(1)
    from oracles import torch_layers

    return torch_layers


def test_live(oracle: ModuleType) -> None:
    """Fresh draws through both."""
    TORCH.compare_fresh(oracle, LIVE_DRAWS)


def test_record_is_what_torch_says(oracle: ModuleType) -> None:
    """The recorded table is neither edited by hand nor out of date."""
    assert oracle.record_rows() == TORCH.recorded()
