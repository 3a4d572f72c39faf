"""Curves as text: within their width, gaps said, every series told apart."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.charts.canvas import Canvas, straight
from dlcalc.charts.frame import LEAST_WIDTH
from dlcalc.charts.line import Series, axes, plot, runs
from dlcalc.charts.terminal import ascii_only
from dlcalc.errors import display_width

POINTS = st.lists(st.tuples(st.floats(), st.floats()), max_size=60)


def series(points: list[tuple[float, float]], label: str = "a", joined: bool = True) -> Series:
    return Series(label, [x for x, _ in points], [y for _, y in points], joined)


@given(
    st.lists(st.tuples(POINTS, st.booleans()), min_size=1, max_size=4),
    st.integers(0, 120),
    st.integers(0, 30),
    st.booleans(),
    st.booleans(),
)
def test_no_line_is_wider_than_it_may_be(
    drawn: list[tuple[list[tuple[float, float]], bool]],
    width: int,
    height: int,
    logarithmic: bool,
    ascii: bool,
) -> None:
    given_series = [series(points, f"number {n}", j) for n, (points, j) in enumerate(drawn)]
    lines = plot(
        given_series,
        width=width,
        height=height,
        logarithmic=logarithmic,
        ascii=ascii,
        x_label="what stands below",
        y_label="数",
    )
    assert all(display_width(line) <= width for line in lines)
    if ascii:
        assert all(line.replace("数", "").isascii() for line in lines)


def test_no_room_is_no_drawing() -> None:
    assert plot([Series("", [0, 1], [0, 1])], width=LEAST_WIDTH - 1) == []
    assert plot([Series("", [0, 1], [0, 1])], width=LEAST_WIDTH)


def test_what_is_not_finite_is_a_gap_and_is_said() -> None:
    whole = Series("", range(9), [1.0] * 4 + [math.nan] + [1.0] * 4)
    lines = plot([whole], width=40, height=4)
    assert lines[-1] == "Left out: 1 of 9 points, not finite."
    assert max(len(line.split()) for line in lines[:4]) == 3
    unbroken = plot([Series("", range(9), [1.0] * 9)], width=40, height=4)
    assert max(len(line.split()) for line in unbroken[:4]) == 2
    below = plot([Series("", [1, 2], [0, 1])], logarithmic=True)
    assert below[-1] == "Left out: 1 of 2 points, not finite or not above 0."
    nothing = plot([Series("", [1, 2], [math.nan, math.inf])])
    assert nothing == ["Left out: 2 of 2 points, not finite."]
    assert plot([Series("", [], [])]) == ["There are no points to draw."]
    assert plot([]) == ["There are no points to draw."]


def test_a_series_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(ValueError):
        plot([Series("", [1, 2], [1])])


@pytest.mark.parametrize("ascii", [False, True])
def test_one_point_and_a_constant_are_drawn(ascii: bool) -> None:
    point = plot([Series("", [1], [5])], height=5, ascii=ascii)
    marks = [c for line in point[:5] for c in line[2:] if c not in " |+│┤"]
    assert len(marks) == 1
    level = plot([Series("", [1, 2, 3], [5, 5, 5])], height=5, ascii=ascii, width=40)
    rows = [line for line in level[:5] if len(line.rstrip()) == 40]
    assert len(rows) == 1


def test_a_rising_line_rises() -> None:
    lines = plot([Series("", [0, 1], [0, 1])], width=40, height=10, ascii=True)
    columns = [line.index("*") for line in lines[:10]]
    assert columns == sorted(columns, reverse=True)
    assert lines[0].endswith("*")
    assert "+*" in lines[9]


def test_several_series_have_marks_of_their_own_and_names() -> None:
    lines = plot(
        [Series(name, range(5), [n] * 5) for n, name in enumerate(("low", "middle", "high"))],
        y_label="y",
        width=60,
        height=7,
    )
    assert lines[0] == "y   ⠒⠒ low   o middle   + high"
    assert "+" in lines[1] and "o" in lines[4] and "⣀" in lines[7]


def test_examples_are_not_joined() -> None:
    points = plot([Series("", [0, 1], [0, 1], joined=False)], width=40, height=10, ascii=True)
    assert sum(line[5:].count(".") for line in points[:10]) == 2


def test_thinning_keeps_what_shows() -> None:
    ys = [0.0] * 100_000
    ys[54_321] = 1.0
    many = Series("", range(100_000), ys)
    on = axes([many])
    (run,) = runs(many, on, most=100)
    assert len(run) <= 400
    assert (on.x.place(54_321), 1.0) in run
    assert any("⡇" in line or "⢸" in line for line in plot([many]))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=5))
def test_a_straight_line_has_no_holes(cells: list[tuple[int, int]]) -> None:
    path = list(straight(cells))
    assert path[:1] == cells[:1]
    assert set(cells) <= set(path)
    for (x, y), (to_x, to_y) in pairwise(path):
        assert max(abs(x - to_x), abs(y - to_y)) == (0 if (x, y) == (to_x, to_y) else 1)


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_a_mark_stands_where_its_dot_would(x: float, y: float, ascii: bool) -> None:
    dotted, marked = Canvas(9, 5, ascii=ascii), Canvas(9, 5, ascii=ascii)
    dotted.dots([(x, y)], joined=False)
    marked.marks([(x, y)], "o")
    column, row = marked.character((x, y))
    assert marked.lines()[row][column] == "o"
    assert dotted.lines()[row][column] != " "
    assert sum(c != " " for line in dotted.lines() for c in line) == 1


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "C.utf8"}, False),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, True),
        ({"LC_ALL": "", "LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "en_GB.ISO-8859-1"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "dumb"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "xterm-256color"}, False),
    ],
)
def test_who_shows_ascii_alone(environment: dict[str, str], plain: bool) -> None:
    assert ascii_only(environment) is plain
