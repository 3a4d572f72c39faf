"""Axes: round numbers, in order, that say where they stand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.charts.scale import scale, written

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def read(label: str) -> float:
    return float(label.replace(",", ""))


@given(st.lists(FLOATS, min_size=1), st.integers(2, 12))
def test_ticks_enclose_the_numbers_in_order_and_are_what_they_say(
    values: list[float], most: int
) -> None:
    found = scale(values, most=most)
    ticks = [tick.value for tick in found.ticks]
    assert 1 <= len(ticks) <= most + 2
    assert ticks == sorted(set(ticks))
    assert found.low <= min(values) and max(values) <= found.high
    for tick in found.ticks:
        assert read(tick.label) == pytest.approx(tick.value, rel=1e-12, abs=0)
        assert len(tick.label) <= 24
    assert len({tick.label for tick in found.ticks}) == len(ticks)
    for value in values:
        assert 0 <= found.place(value) <= 1


@given(st.lists(st.floats(1e-300, 1e300), min_size=1), st.integers(2, 12))
def test_logarithmic_ticks_too(values: list[float], most: int) -> None:
    found = scale(values, most=most, logarithmic=True)
    assert found.ticks
    assert [t.value for t in found.ticks] == sorted({t.value for t in found.ticks})
    for tick in found.ticks:
        assert read(tick.label) == pytest.approx(tick.value, rel=1e-6)
        assert -1e-9 <= found.place(tick.value) <= 1 + 1e-9
    for value in values:
        assert -1e-9 <= found.place(value) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([3, 1234], ["0", "500", "1,000", "1,500"]),
        ([-0.02, 0.02], ["-0.02", "-0.01", "0.00", "0.01", "0.02"]),
        ([2e-9, 7e-9], ["2e-9", "3e-9", "4e-9", "5e-9", "6e-9", "7e-9"]),
        ([0, 3e7], ["0", "5e6", "1e7", "1.5e7", "2e7", "2.5e7", "3e7"]),
        ([5], ["2", "3", "4", "5", "6", "7", "8"]),
        ([], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_people_would_choose(values: list[float], labels: list[str]) -> None:
    assert [tick.label for tick in scale(values).ticks] == labels


def test_whole_numbers_have_no_ticks_between() -> None:
    labels = [tick.label for tick in scale([1, 3], exact=True, whole=True).ticks]
    assert labels == ["1", "2", "3"]


def test_what_cannot_be_shown_is_ignored() -> None:
    assert scale([math.nan, 1, math.inf, 2]) == scale([1, 2])
    assert scale([-1, 0, 1, 2], logarithmic=True) == scale([1, 2], logarithmic=True)


@given(FLOATS)
def test_a_number_is_written_shortly(value: float) -> None:
    assert len(written(value)) <= 13
    assert read(written(value)) == pytest.approx(value, rel=1e-5, abs=1e-300)
