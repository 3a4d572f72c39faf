"""Planes and tables of classes as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.charts.matrix import confusion
from dlcalc.charts.region import FILLS, Example, Plane, regions
from dlcalc.errors import display_width

LEFT_AND_RIGHT = Plane([[0, 1]] * 2, (0, 1), (0, 1))


def field(lines: list[str], height: int) -> list[str]:
    """The lines within the axes."""
    return [line.partition("┤")[2] or line.partition("│")[2] for line in lines[:height]]


def test_regions_lie_where_the_classes_do() -> None:
    quarters = Plane([[0, 1], [2, 3]], (-1, 1), (-1, 1))
    rows = field(regions(quarters, width=44, height=8), 8)
    for up, row in enumerate(rows):
        upper = up < 4
        first, second = (FILLS[0], FILLS[1]) if upper else (FILLS[2], FILLS[3])
        row = row.ljust(40)
        assert {*row[:18]} == {first} and {*row[22:38]} == {second}


def test_examples_stand_where_they_are_and_show_their_class() -> None:
    lines = regions(LEFT_AND_RIGHT, [Example(0, 0, 0), Example(1, 1, 7)], width=45, height=5)
    rows = field(lines, 5)
    assert rows[0].endswith("7") and rows[4].startswith("0")
    assert sum(row.count("7") for row in rows) == 1


def test_the_first_of_two_examples_in_one_place_is_shown() -> None:
    lines = regions(LEFT_AND_RIGHT, [Example(0.5, 0.5, 1), Example(0.5, 0.5, 0)], width=40)
    assert sum(row.count("1") for row in field(lines, 20)) == 1
    assert sum(row.count("0") for row in field(lines, 20)) == 0


def test_examples_outside_are_said() -> None:
    outside = [Example(2, 0, 0), Example(0, math.nan, 0), Example(0, 0, 0)]
    assert regions(LEFT_AND_RIGHT, outside)[-1].startswith("Left out: 2 of 3 examples")


def test_names_are_told_where_they_say_more_than_the_marks() -> None:
    assert regions(LEFT_AND_RIGHT, names=["0", "1"], y_label="x2")[0] == "x2"
    shown = regions(LEFT_AND_RIGHT, names=["pear", "plum"], y_label="x2")[0]
    assert shown == "x2   0 pear   1 plum"


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=1, max_size=5),
    st.lists(st.tuples(st.floats(), st.floats(), st.integers(0, 40)), max_size=5),
    st.integers(0, 100),
    st.integers(0, 30),
    st.booleans(),
)
def test_regions_keep_their_width(
    classes: list[list[int]],
    examples: list[tuple[float, float, int]],
    width: int,
    height: int,
    ascii: bool,
) -> None:
    plane = Plane(classes, (-1e3, 1e3), (0, 1e-5))
    lines = regions(
        plane,
        [Example(*each) for each in examples],
        ["a" * 30, "b"],
        width=width,
        height=height,
        x_label="x",
        ascii=ascii,
    )
    assert all(display_width(line) <= width for line in lines)
    assert not ascii or all(line.isascii() for line in lines)


def test_a_table_is_right_aligned() -> None:
    assert confusion([[1048, 0], [3, 49]], ["pear", "李子"]) == [
        "         taken for",
        "          pear  李子",
        "is pear  1,048     .",
        "is 李子      3    49",
    ]


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 10**6), min_size=n, max_size=n), min_size=n, max_size=n
        )
    ),
    st.integers(20, 100),
)
def test_a_table_keeps_its_width_or_lists_mistakes(counts: list[list[int]], width: int) -> None:
    lines = confusion(counts, width=width)
    assert all(display_width(line) <= width for line in lines)
    wrong = sum(sum(row) for row in counts) - sum(row[n] for n, row in enumerate(counts))
    if lines and "times" in " ".join(lines):
        told = " ".join(lines).replace(",", "").replace("once", "1 times").split(" times")
        assert sum(int(part.split()[-1]) for part in told[:-1]) == wrong


@pytest.mark.parametrize("width", [0, 5, 10])
def test_a_table_without_room(width: int) -> None:
    assert all(len(line) <= max(width, 20) for line in confusion([[9] * 4] * 4, width=width))
