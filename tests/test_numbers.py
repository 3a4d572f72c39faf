"""Numbers from words and files: read as they are, refused by their place."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dlcalc.errors import InputError
from dlcalc.numbers import MAX_BYTES, number, parse, read, vector


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), ("-0.5", -0.5), (".5", 0.5), ("2.", 2.0), (" 1e-3 ", 1e-3), ("-inf", -math.inf)],
)
def test_a_number(text: str, value: float) -> None:
    assert number(text, "--lr") == value


@pytest.mark.parametrize("text", ["", "x", "1,2", "0x10", "1_000", "1e", "--1", "1 2", "\u0661"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InputError, match="--lr must be a number"):
        number(text, "--lr")


@pytest.mark.parametrize(
    ("text", "values"),
    [("1,2,3", [1, 2, 3]), ("[1, -2]", [1, -2]), (" 5 ", [5]), ("-1,.5,1e3", [-1, 0.5, 1000])],
)
def test_a_vector(text: str, values: list[float]) -> None:
    assert vector(text, "w") == values


@pytest.mark.parametrize(
    ("text", "part"), [("1,x,3", "x"), ("1,,3", ""), ("1,2,", ""), ("[1,2", "[1"), ("1;2", "1;2")]
)
def test_the_part_that_is_no_number_is_marked(text: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        vector(text, "the weights")
    place = caught.value.place
    assert place is not None
    assert text[place.start : place.end].strip() == part or not part
    assert "the weights" in caught.value.rule


@pytest.mark.parametrize("text", ["", "  ", "[]"])
def test_an_empty_vector(text: str) -> None:
    with pytest.raises(InputError, match="empty"):
        vector(text, "w")


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("[1]", (1,)), ("[[1,2,0],[0,1,3]]", (2, 3)), ("[ [ [1] , [2] ] ]", (1, 2, 1)), ("1,2", (2,))],
)
def test_a_literal(text: str, sizes: tuple[int, ...]) -> None:
    found = read(text)
    assert found.sizes == sizes
    assert len(found.values) == math.prod(sizes)


@pytest.mark.parametrize(
    "text",
    [
        "[1,2",
        "[1,2]]",
        "[[1,2],[3]]",
        "[[1],2]",
        "[1,[2]]",
        "[1 2]",
        "[,1]",
        "[1,]",
        "[]",
        "[[1],[]]",
        "[1,a]",
        "[1]x",
        "[[[[[[[[[1]]]]]]]]]",
        "[__import__('os')]",
        "[" * 5_000,
    ],
)
def test_what_is_no_literal(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.place is not None


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(
        np.float64,
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=4),
        elements=st.floats(allow_nan=False, width=64),
    )
)
def test_any_array_is_read_as_it_was_written(array: np.ndarray) -> None:
    found = read(str(array.tolist()).replace(" ", ""))
    assert found.sizes == array.shape
    np.testing.assert_array_equal(np.reshape(found.values, found.sizes), array)


@settings(max_examples=200, deadline=None)
@given(st.text("[],.-+e0123456789 inf", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(f"[{text}", "it")
    except InputError:
        return
    assert len(found.values) == math.prod(found.sizes)


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("size,age\n1,2\n\n3,4  # a remark\n")
    assert read(str(path)) == ((2, 2), [1, 2, 3, 4], ("size", "age"))
    path.write_text("1 2\t3\n4;5;6\n")
    assert read(str(path)).sizes == (2, 3)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1,2\n3\n", ":2: the row has 1 numbers"),
        ("1,2\n3,x\n", ":2: x is not a number"),
        ("a,b\nc,d\n", ":2: c is not a number"),
        ("1,2\n3,\n", ":2: an empty cell"),
        ("", "holds no numbers"),
        ("a,b\n", "holds no numbers"),
    ],
)
def test_a_table_is_refused_by_its_line(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=rule):
        read(str(path))


@pytest.mark.parametrize(
    "dtype", ["<f8", ">f8", "<f4", "<f2", "<i8", ">i4", "<i2", "|i1", "|u1", "<u2", "|b1"]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_file(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / "a.npy"
    np.save(path, np.asarray(array, order=order))  # type: ignore[call-overload]
    found = read(str(path))
    assert found.sizes == (2, 3, 4)
    np.testing.assert_array_equal(np.reshape(found.values, found.sizes), array.astype(float))


def test_an_npy_file_of_one_number(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.float64(2.5))
    assert read(str(tmp_path / "a.npy")) == ((), [2.5], ())


def npy(array: np.ndarray, **settings: bool) -> bytes:
    data = io.BytesIO()
    np.save(data, array, **settings)
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        npy(np.arange(4.0))[:-1],
        npy(np.arange(4.0)) + b"x",
        npy(np.array([{}], object), allow_pickle=True),
        npy(np.array([1j])),
        npy(np.arange(4.0)).replace(b"(4,)", b"(9,)"),
        npy(np.arange(4.0)).replace(b"'shape': (4,)", b"'shape': open"),
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{}",
        b"\x93NUMPY\x01\x00\x02\x00{}",
        npy(np.zeros((0, 3))).replace(b"(0, 3)", b"(-1,3)"),
    ],
)
def test_what_is_no_npy_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    with pytest.raises(InputError):
        read(str(path))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="cannot read"):
        read(str(tmp_path))
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="larger"):
        read(str(path))
    path.write_bytes(b"1,2\n\xff\n")
    with pytest.raises(InputError, match=":2: byte 0xff"):
        read(str(path))
