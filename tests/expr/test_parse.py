"""The expression language: what it reads, what it refuses and where, in bounded time."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.errors import InputError
from dlcalc.expr.functions import ALIASES, FUNCTIONS
from dlcalc.expr.parse import MAX_DEPTH, parse
from dlcalc.expr.tree import Binary, Call, Name, Negative, Number, Subscript, Transpose, written

x, y = Name("x"), Name("y")


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(text)
    return caught.value


def marked(text: str) -> str:
    """What stands above the carets of a refusal."""
    place = refusal(text).place
    assert place is not None
    return place.source.text[place.start : place.end]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2^3^2", "2**3**2"),
        ("-x^2", "-x**2"),
        ("(-x)^2", "(-x)**2"),
        ("x^-1", "x**-1"),
        ("a - (b - c)", "a - (b - c)"),
        ("a - b - c", "a - b - c"),
        ("a/(b*c)", "a/(b*c)"),
        ("a/b/c", "a/b/c"),
        ("+x", "x"),
        ("--x", "--x"),
        ("((x))", "x"),
        ("X.T@(X@w - y)", "X.T@(X@w - y)"),
        ("w[ 3, 1 ,1 ]", "w[3,1,1]"),
        ("w[l,j,k]", "w[l,j,k]"),
        ("sum(X, axis=-1)", "sum(X, axis=-1)"),
        ("1_000*x", "1000*x"),
        ("x\u00b7y \u2212 \u03bb", "x*y - \u03bb"),
        ("x\n + y\t", "x + y"),
        ("  x", "x"),
        ("1e-3*x", "0.001*x"),
        ("pi*x", "pi*x"),
    ],
)
def test_what_is_read_is_written_again(text: str, expected: str) -> None:
    assert written(parse(text)) == expected
    assert parse(expected) == parse(text)


def test_trees() -> None:
    assert parse("x^2 - 0.1") == Binary(
        "-", Binary("**", x, Number(Fraction(2))), Number(Fraction(1, 10))
    )
    assert parse("-x@y") == Binary("@", Negative(x), y)
    assert parse("X.T") == Transpose(Name("X"))
    assert parse("w[3,j]") == Subscript(Name("w"), (3, "j"))
    assert parse("max(x, axis=0)") == Call("max", (x,), 0)


def test_powers_bind_as_in_python_not_as_its_own_caret() -> None:
    assert parse("x + y^2") == parse("x + (y**2)")
    assert parse("2*x^2") == parse("2*(x**2)")


#: What nobody may get through, with what is marked of it.
REFUSED = {
    "__import__('os')": "__import__",
    "__import__": "__import__",
    "x.__class__": "x.__class__",
    "x.real": "x.real",
    "().__class__.__bases__": "().__class__.__bases__",
    "lambda x: x": "lambda",
    "[x for x in y]": "for",
    "{x: y}": "{x: y}",
    "{x}": "{x}",
    "[x]": "[x]",
    "x, y": "x, y",
    "x if y else w": "if",
    "x and y": "and",
    "not x": "not",
    "x < y": "x < y",
    "x == y": "x == y",
    "x // y": "x // y",
    "x % y": "x % y",
    "~x": "~x",
    "x & y": "x & y",
    "x << y": "x << y",
    "'x'": "'x'",
    "f'{x}'": "f'{x}'",
    "b'x'": "b'x'",
    "True": "True",
    "None": "None",
    "2j": "2j",
    "...": "...",
    "0x10": "0x10",
    "x()": "x",
    "(x + y)(w)": "x + y",
    "exp": "exp",
    "exp()": "exp()",
    "exp(x, y)": "exp(x, y)",
    "exp(x=y)": "exp(x=y)",
    "exp(*x)": "*x",
    "exp(**x)": "exp(**x)",
    "exp(x, axis=0)": "exp(x, axis=0)",
    "sum(x, axis=1.5)": "1.5",
    "sum(x, axis=y)": "y",
    "sum(x, y, axis=0)": "sum(x, y, axis=0)",
    "max(x, y, axis=0)": "max(x, y, axis=0)",
    "w[1.5]": "1.5",
    "w[1:2]": "1:2",
    "w[-1]": "-1",
    "w[]": "]",
    "w[x+1]": "x+1",
    "exp(x)[1]": "exp(x)[1]",
    "w[1][2]": "w[1][2]",
    "x $ y": "$",
    "x; y": ";",
    "x ? y": "?",
    "sgimoid(x)": "sgimoid",
    "9**9**9": "9**9**9",
    "-(9**9**9)": "9**9**9",
    "1e400": "1e400",
    "1e-999": "1e-999",
    "10**200*10**200": "10**200*10**200",
    "1/0": "1/0",
    "1/(2 - 2)": "1/(2 - 2)",
    "0**-1": "0**-1",
    "\u6c60": "\u6c60",
    "x\x00": "\x00",
    "x \N{ZERO WIDTH SPACE}": "\N{ZERO WIDTH SPACE}",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_part_of_the_language_is_refused_at_its_place(text: str) -> None:
    assert marked(text) == REFUSED[text]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_expression(text: str) -> None:
    assert refusal(text).rule == "the expression is empty"


def test_mends() -> None:
    assert refusal("sgimoid(x)").mend == "Did you mean sigmoid?"
    assert refusal("ln(x)").mend == "Did you mean log?"
    assert refusal("f(x)").mend == "If f is a variable, write f*(...)."
    assert "lam" in refusal("lambda*x").mend
    assert refusal("2x").mend == "Between factors stands a *."
    assert refusal("y = 2*x").mend == "Give the side that is to be derived, without =."
    assert "exp(x)" in refusal("2*exp").mend


@pytest.mark.parametrize("name", ALIASES)
def test_what_other_tools_call_a_function_is_told(name: str) -> None:
    assert ALIASES[name] in FUNCTIONS
    if name not in FUNCTIONS:
        assert refusal(f"{name}(x)").mend == f"Did you mean {ALIASES[name]}?"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_counts_its_arguments(name: str) -> None:
    function = FUNCTIONS[name]
    letters = ["a", "b", "c", "d"]
    for count in range(4):
        text = f"{name}({', '.join(letters[:count])})"
        if function.least <= count <= function.most:
            assert written(parse(text)) == text
        else:
            assert f"not {count}" in refusal(text).rule
    if function.kind == "reduce":
        assert written(parse(f"{name}(a, axis=0)")) == f"{name}(a, axis=0)"


def test_places_hold_behind_carets_and_wide_characters() -> None:
    for text in ("a^b^foo(x)", "\u03bb*\u03b1^2*foo(x)", "a\n+\tfoo(x)", "   foo(x)"):
        assert marked(text) == "foo"
    expr = parse("\u03bb^2 + sin(x^2)")
    assert isinstance(expr, Binary)
    place = expr.right.place
    assert place is not None
    assert place.source.text[place.start : place.end] == "sin(x^2)"


ENDLESS = {
    "10,000 parentheses": "(" * 10_000 + "x" + ")" * 10_000,
    "10,000 open parentheses": "(" * 10_000,
    "10,000 closing ones": ")" * 10_000,
    "10,000 minuses": "-" * 10_000 + "x",
    "10,000 functions": "sin(" * 2_000 + "x" + ")" * 2_000,
    "a sum without end": "+".join(["x"] * 9_000),
    "a power tower": "^".join(["x"] * 5_000),
    "a subscript without end": "w[" + ",".join(["1"] * 5_000) + "]" + "+x" * 6_000,
    "a number without end": "9" * 19_000,
    "a name without end": "x" * 30_000,
    "brackets of all kinds": "([{" * 4_000,
    "transposed without end": "X" + ".T" * 9_000,
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_has_no_end_is_refused_at_once(text: str) -> None:
    started = time.monotonic()
    error = refusal(text)
    assert time.monotonic() - started < 5
    assert len(error.report("dlcalc: ")) < 2_000


def test_nesting_up_to_the_bound_is_read() -> None:
    inner = MAX_DEPTH - 1
    assert written(parse("-" * inner + "x")) == "-" * inner + "x"
    assert "nested more than" in refusal("-" * (MAX_DEPTH + 1) + "x").rule


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expr = parse(text)
    except InputError as error:
        assert error.report("dlcalc: ", 80)
    else:
        assert parse(written(expr)) == expr


@given(st.text("xw12.+-*/^@()[], expsin_T\u03bb", max_size=30))
def test_any_text_of_its_letters_is_read_or_refused(text: str) -> None:
    test_any_text_is_read_or_refused.hypothesis.inner_test(text)  # type: ignore[attr-defined]
