"""Results: alignment by display width, and what meets an expectation."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers import params, shape
from dlcalc.errors import ClaimError, display_width
from dlcalc.layers.size import letter
from dlcalc.result import Block, Result, Row, aligned, meets


@pytest.mark.parametrize(
    ("columns", "rows", "lines"),
    [
        ("ll", [("n", "5"), ("limit", "12")], ["n      5", "limit  12"]),
        ("lr", [("n", "5"), ("limit", "12")], ["n       5", "limit  12"]),
        ("rl", [("1", "a"), ("10", "b")], [" 1  a", "10  b"]),
        ("lll", [("a", "b", "c"), ("aa", "bb", "cc")], ["a   b    c", "aa  bb   cc"]),
        ("lll", [("a", "", "c"), ("aa", "", "cc")], ["a    c", "aa   cc"]),
        ("ll", [("one",), ("a", "b")], ["one", "a    b"]),
        ("lr", [("\u6c60\u5316", "1"), ("relu", "2")], ["\u6c60\u5316  1", "relu  2"]),
        ("ll", [], []),
    ],
)
def test_aligned(columns: str, rows: list[tuple[str, ...]], lines: list[str]) -> None:
    assert aligned(Block(columns, [Row(cells) for cells in rows])) == lines


CELLS = st.text(alphabet="ab1\u6c60\u5316\u00e9", min_size=1, max_size=6)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5),
    st.text("lr", min_size=3, max_size=3),
)
def test_columns_begin_or_end_at_one_place(rows: list[tuple[str, ...]], columns: str) -> None:
    lines = aligned(Block(columns, [Row(cells) for cells in rows]))
    widths = [max(display_width(row[i]) for row in rows) for i in range(3)]
    starts = [0, widths[0] + 2, widths[0] + 2 + widths[1] + 3]
    for row, line in zip(rows, lines, strict=True):
        for cell, start, width, side in zip(row, starts, widths, columns, strict=True):
            before = start + (width - display_width(cell) if side == "r" else 0)
            assert cut(line, before, display_width(cell)) == cell


def cut(line: str, start: int, width: int) -> str:
    """The part of a line between two display columns."""
    found, column = "", 0
    for character in line:
        if start <= column < start + width:
            found += character
        column += display_width(character)
    return found


@pytest.mark.parametrize(
    ("value", "expected", "met"),
    [
        (1000, "1000", True),
        (1000, "1,000", True),
        (1000, " 1000 ", True),
        (1000, "1e3", True),
        (1000, "1001", False),
        (1000, "1000.4", False),
        (138357544, "138,357,544", True),
        (2**80, str(2**80), True),
        (2**80, str(2**80 + 1), False),
        (-5, "-5", True),
        (0.36787944, "0.368", True),
        (0.36787944, "0.3679", True),
        (0.36787944, "0.367", False),
        (0.3686, "0.368", False),
        (0.375, "0.38", True),
        (0.375, "0.37", True),
        (2.0, "2", True),
        (2.4, "2", True),
        (2.6, "2", False),
        (1e-9, "1e-9", True),
        (1.4e-9, "1e-9", True),
        (2e-9, "1e-9", False),
        (-0.5, "-0.50", True),
        (float("inf"), "inf", True),
        (float("inf"), "5", False),
        (0.5, "inf", False),
        (float("nan"), "nan", True),
        (0.5, "nan", False),
        ("6x28x28", "6x28x28", True),
        ("6x28x28", "6 x 28 x 28", True),
        ("6x28x28", "6x28x29", False),
        (576 * letter("C"), "576*C", True),
        (576 * letter("C") + 64, "576*C + 64", True),
        (576 * letter("C"), "577*C", False),
    ],
)
def test_meets(value: object, expected: str, met: bool) -> None:
    assert meets(value, expected) == met


@settings(deadline=None, max_examples=200)
@given(st.floats(-1e6, 1e6), st.integers(0, 8), st.integers(-3, 3))
def test_a_decimal_holds_to_the_digits_written(value: float, digits: int, off: int) -> None:
    written = round(Decimal(value), digits) + Decimal(off).scaleb(-digits)
    near = abs(Decimal(value) - written) * 2 <= Decimal(1).scaleb(-digits)
    assert meets(value, f"{written:f}") == near


@pytest.mark.parametrize("expected", ["", "abc", "1.2.3", "0x10", "--5", "1/2", "five", "5 6"])
@pytest.mark.parametrize("value", [5, 0.5])
def test_what_is_not_a_number_is_a_malformed_claim(value: object, expected: str) -> None:
    with pytest.raises(ClaimError):
        meets(value, expected)


@pytest.mark.parametrize("expected", ["1e999999999999", "1e-999999999999", "9" * 1_000, "1e400000"])
@pytest.mark.parametrize("value", [5, 0.5, float("nan"), float("inf")])
def test_a_number_beyond_all_bounds_is_not_met(value: object, expected: str) -> None:
    try:
        assert not meets(value, expected)
    except ClaimError:
        pass


@pytest.mark.parametrize("expected", ["0.5", "5", "-1e3"])
def test_nan_meets_no_number(expected: str) -> None:
    assert not meets(float("nan"), expected)


def test_no_digit_of_a_long_expectation_is_passed_over() -> None:
    assert not meets(5, "5." + "0" * 500 + "1")
    assert meets(10**500, "1" + "0" * 500)


def test_a_comma_parts_thousands_and_is_no_decimal_point() -> None:
    # 0,368 is a decimal in much of the world; it must not be read as 368.
    try:
        assert not meets(368, "0,368")
    except ClaimError:
        pass


@pytest.mark.parametrize("expected", ["banana", "6x", ""])
def test_what_is_not_a_shape_is_a_malformed_claim(expected: str) -> None:
    with pytest.raises(ClaimError):
        shape.shape("3x32x32 conv:6,k5").meets(expected)


def test_answers_meet_expectations() -> None:
    assert shape.shape("3x32x32 conv:6,k5").meets("6x28x28")
    assert not shape.shape("3x32x32 conv:6,k5").meets("6x28x27")
    assert shape.shape("3xHxH conv:6,k5").meets("6 x (H - 4) x (H - 4)")
    assert params.params("3x32x32 conv:6,k5").meets("456")
    assert params.params("vgg16").meets("138,357,544")


@pytest.mark.parametrize(
    "result",
    [
        shape.shape("3x32x32 conv:6,k5 maxpool:2 flatten dense:10"),
        shape.shape("CxHxW concat[conv:4,k3,p1|relu]", batch="N"),
        params.params("3x32x32 residual[conv:3,k3,p1 bn] flatten dense:K"),
    ],
)
def test_all_forms_of_a_result_agree(result: Result) -> None:
    document = json.loads(result.json())
    assert document == result.document()
    assert result.terse() == str(result.value)
    assert result.plain() == "\n".join(line for block in result.blocks() for line in aligned(block))
    assert result.meets(result.terse())


def test_the_value_stands_in_the_last_row() -> None:
    result = shape.shape("3x32x32 conv:6,k5 maxpool:2")
    assert result.plain().splitlines()[-1].split() == ["output", "6x14x14"]
    counted = params.params("vgg16")
    assert counted.plain().splitlines()[-1].split() == ["parameters", "138,357,544"]
