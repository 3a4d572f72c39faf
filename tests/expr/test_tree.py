"""Expression trees as text: no bracket too many, and the same tree when read again."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.errors import InputError
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import (
    Binary,
    Call,
    Expr,
    Name,
    Negative,
    Number,
    Subscript,
    Transpose,
    children,
    decimal,
    variables,
    walk,
    written,
)

NAMES = st.sampled_from(["x", "w", "b", "pi", "\u03b8", "loss", "w1"]).map(Name)
NUMBERS = st.one_of(
    st.integers(0, 10**6).map(Fraction),
    st.decimals(0, 1000, allow_nan=False, places=3).map(Fraction),
).map(Number)
INDICES = st.lists(st.one_of(st.integers(0, 99), st.sampled_from("ijk")), min_size=1, max_size=3)
LEAVES = st.one_of(
    NAMES,
    NUMBERS,
    st.builds(lambda name, indices: Subscript(Name(name), tuple(indices)), st.just("w"), INDICES),
)


def called(arguments: list[Expr]) -> st.SearchStrategy[Expr]:
    fitting = [n for n, f in FUNCTIONS.items() if f.least <= len(arguments) <= f.most]
    return st.sampled_from(fitting).map(lambda name: Call(name, tuple(arguments)))


def larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "**", "@"]), inner, inner),
        st.builds(Negative, inner),
        st.builds(Transpose, inner),
        st.lists(inner, min_size=1, max_size=3).flatmap(called),
    )


EXPRESSIONS = st.recursive(LEAVES, larger, max_leaves=12)


@given(EXPRESSIONS)
def test_what_is_written_is_read_as_the_same_tree(expr: Expr) -> None:
    text = written(expr)
    try:
        assert parse(text) == expr
    except InputError as error:
        # Numbers alone may be refused for what they come to.
        assert "divides by 0" in error.rule or "too large" in error.rule


@given(EXPRESSIONS)
def test_no_bracket_can_be_left_out(expr: Expr) -> None:
    text = written(expr)
    for start, character in enumerate(text):
        if character != "(" or (start and (text[start - 1].isalnum() or text[start - 1] == "_")):
            continue
        level = 0
        for end in range(start, len(text)):
            level += (text[end] == "(") - (text[end] == ")")
            if not level:
                break
        behind = text[end + 1 : end + 2]
        if "@" in text[start:end] and behind == "*":
            continue  # (A@b)*c keeps its brackets: few know that both bind alike.
        bare = f"{text[:start]}{text[start + 1 : end]}{text[end + 1 :]}"
        try:
            assert parse(bare) != expr, text
        except InputError:
            pass


def test_parts_of_a_tree() -> None:
    expr = parse("-x*exp(w[1,2]).T + pi")
    assert [type(node).__name__ for node in walk(expr)] == [
        "Binary",
        "Binary",
        "Negative",
        "Name",
        "Transpose",
        "Call",
        "Subscript",
        "Name",
    ]
    assert variables(expr) == ["x", "w[1,2]"]
    assert children(Name("x")) == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3", "3"),
        ("0.1", "0.1"),
        ("1/3", "1/3"),
        ("-7/3", "-7/3"),
        ("1e-9", "1e-09"),
        ("1.0507009873554805", "1.0507009873554805"),
        ("123456789012345678", "123456789012345678"),
    ],
)
def test_numbers_are_exact(value: str, text: str) -> None:
    assert decimal(Fraction(value))[0] == text


def test_places_make_no_difference() -> None:
    assert parse("x + y") == parse(" x+y")
    assert hash(parse("x + y")) == hash(parse(" x+y"))
