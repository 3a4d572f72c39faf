"""Whole numbers from words, and vectors as answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.errors import InputError
from dlcalc.numbers import read, whole
from dlcalc.result import meets, written


@given(st.integers(0, 10**40))
def test_a_whole_number_is_read_as_it_is_written(n: int) -> None:
    assert whole(str(n), "n") == n
    assert whole(f"{n:,}".replace(",", "_"), "n") == n
    assert whole(n, "n") == n


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e18", 10**18),
        ("10**18", 10**18),
        ("10^12", 10**12),
        ("1.5e3", 1500),
        ("2.0", 2),
        ("+7", 7),
    ],
)
def test_powers_of_ten(text: str, value: int) -> None:
    assert whole(text, "n") == value


@pytest.mark.parametrize(
    "text", ["", "1.5", "1e-3", "nan", "inf", "x", "1e400", "9" * 101, "3**4", "1 2"]
)
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(InputError):
        whole(text, "n")


def test_the_least() -> None:
    with pytest.raises(InputError, match="n must be at least 2, not 1"):
        whole("1", "n", least=2)
    with pytest.raises(InputError, match="n must be at least 0, not -3"):
        whole("-3", "n")


def test_a_bad_vector_is_refused_by_its_part() -> None:
    with pytest.raises(InputError, match="x is not a number"):
        read("1,x,3")


def test_a_vector_is_met_part_by_part() -> None:
    assert meets((0.0900306, 0.2447285), "0.09, 0.245")
    assert not meets((0.0900306, 0.2447285), "0.09,0.244")
    assert not meets((0.5, 0.5), "0.5")
    assert not meets((0.5,), "0.5,0.5")
    assert meets(((1.0, 2.0), (3.0, 4.0)), "[[1,2],[3,4]]")
    assert meets((float("nan"), float("inf")), "nan,inf")
    assert written(((1.0, 2.5), (3.0, 4.0))) == "[[1.0,2.5],[3.0,4.0]]"
    assert written((1, 2)) == "1,2"
