"""Polynomials of sizes agree with plain integers, whatever way they were built."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from typing import Any

import pytest
from arithmetic import python_value
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcalc.errors import LayerError
from dlcalc.layers.size import (
    Polynomial,
    Size,
    counterexample,
    evaluate,
    letter,
    letters,
    product,
    quotient,
)

C, H, W = map(letter, "CHW")
LETTERS: dict[str, Size] = {"C": C, "H": H, "W": W}

# A tree is a letter, a whole number or (operation, tree, tree); the same code
# computes it with sizes and with plain integers.
Tree = Any
OPERATIONS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
}


def computed(tree: Tree, values: Mapping[str, Any]) -> Any:
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, int):
        return tree
    sign, left, right = tree
    return OPERATIONS[sign](computed(left, values), computed(right, values))


def grown(floors: bool) -> st.SearchStrategy[Tree]:
    leaves = st.sampled_from("CHW") | st.integers(-9, 12)

    def extend(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        ring = st.tuples(st.sampled_from("+-*"), trees, trees)
        return ring | st.tuples(st.just("//"), trees, st.integers(1, 7)) if floors else ring

    return st.recursive(leaves, extend, max_leaves=7)


TREES = grown(floors=True)
FLOORLESS = grown(floors=False)
VALUES = st.fixed_dictionaries({name: st.integers(-50, 300) for name in "CHW"})


@settings(deadline=None, max_examples=300)
@given(TREES, VALUES)
def test_arithmetic_agrees_with_integers(tree: Tree, values: dict[str, int]) -> None:
    assert evaluate(computed(tree, LETTERS), values) == computed(tree, values)


@settings(deadline=None, max_examples=300)
@given(TREES, VALUES)
def test_text_is_python_for_the_same_number(tree: Tree, values: dict[str, int]) -> None:
    size = computed(tree, LETTERS)
    assert python_value(str(size), values) == computed(tree, values)


@settings(deadline=None, max_examples=100)
@given(TREES)
def test_a_size_without_letters_is_an_int(tree: Tree) -> None:
    size = computed(tree, LETTERS)
    assert isinstance(size, int) == (not letters(size))


@settings(deadline=None, max_examples=100)
@given(TREES)
def test_letters_are_those_that_text_names(tree: Tree) -> None:
    size = computed(tree, LETTERS)
    assert letters(size) == {sign for sign in str(size) if sign.isalpha()}


@settings(deadline=None, max_examples=100)
@given(TREES, TREES, TREES)
def test_the_laws_of_a_ring_hold_as_forms(a: Tree, b: Tree, c: Tree) -> None:
    p, q, r = (computed(tree, LETTERS) for tree in (a, b, c))
    assert p + q == q + p
    assert p * q == q * p
    assert p * (q + r) == p * q + p * r
    assert (p - q) + (q - p) == 0
    assert hash(p * (q + r)) == hash(p * q + p * r)


@settings(deadline=None, max_examples=200)
@given(FLOORLESS, FLOORLESS)
def test_floorless_forms_are_equal_exactly_when_the_functions_are(a: Tree, b: Tree) -> None:
    left, right = computed(a, LETTERS), computed(b, LETTERS)
    # At most 7 factors: a polynomial of that degree is known by a coarse, wide sample.
    samples = [{"C": base, "H": base**9 + 1, "W": base**80 + 7} for base in (2, 3, 97, 1_009)]
    same = all(computed(a, values) == computed(b, values) for values in samples)
    assert (left == right) == same


@settings(deadline=None, max_examples=200)
@given(TREES, TREES, st.integers(1, 9))
def test_whole_multiples_leave_a_floor(a: Tree, b: Tree, divisor: int) -> None:
    p, q = computed(a, LETTERS), computed(b, LETTERS)
    # Multiples of a quotient stay within the next, lest the text double at every level.
    assume("//" not in str(q))
    assert (p + divisor * q) // divisor == p // divisor + q


@settings(deadline=None, max_examples=100)
@given(TREES, st.integers(1, 9), st.integers(1, 9))
def test_a_common_factor_leaves_a_floor(a: Tree, factor: int, divisor: int) -> None:
    p = computed(a, LETTERS)
    assert (factor * p) // (factor * divisor) == p // divisor


STEPS = st.lists(st.tuples(st.integers(-6, 6), st.integers(1, 5)), min_size=1, max_size=6)


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_a_chain_of_windows_collapses_to_one_floor(steps: list[tuple[int, int]]) -> None:
    size: Size = H
    shift, stride = 0, 1
    for a, s in steps:
        size = (size + a) // s
        shift, stride = shift + stride * a, stride * s
    assert size == (H + shift) // stride


def test_the_chain_of_the_docstring_collapses() -> None:
    assert ((H - 1) // 2 + 1) // 2 == (H + 1) // 4


@settings(deadline=None, max_examples=200)
@given(st.integers(2, 5), st.integers(-6, 6), STEPS)
def test_a_chain_behind_an_upsampling_collapses_to_one_floor(
    up: int, shift: int, steps: list[tuple[int, int]]
) -> None:
    size: Size = up * H + shift
    stride = 1
    for a, s in steps:
        size = (size + a) // s
        shift, stride = shift + stride * a, stride * s
    assert size == (up * H + shift) // stride


@settings(deadline=None, max_examples=200)
@given(TREES, st.integers(1, 12))
def test_a_quotient_times_its_divisor_is_the_size(tree: Tree, divisor: int) -> None:
    size = computed(tree, LETTERS)
    found = quotient(size, divisor)
    if found is not None:
        assert found * divisor == size


@settings(deadline=None, max_examples=200)
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 12))
def test_a_linear_size_is_divided_exactly_where_it_always_can_be(
    c: int, h: int, constant: int, divisor: int
) -> None:
    size = c * C + h * H + constant
    values = [{"C": x, "H": y} for x in range(divisor) for y in range(divisor)]
    always = all((c * v["C"] + h * v["H"] + constant) % divisor == 0 for v in values)
    assert (quotient(size, divisor) is not None) == always


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_a_multiple_of_a_letter_is_divided_by_the_letter(count: int) -> None:
    assert quotient(count * C, C) == count


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.sampled_from("CHW"), st.integers(-12, 12)), min_size=2, max_size=4),
)
def test_a_product_of_linear_sizes_is_printed_factored(
    number: int, linear: list[tuple[str, int]]
) -> None:
    shown = str(product([number, *(letter(name) + c for name, c in linear)]))
    factors = _factors(ast.parse(shown, mode="eval").body)
    expected = sorted(f"{name} {c:+d}" if c else name for name, c in linear)
    expected += [str(number)] if number != 1 else []
    assert sorted(_plain(factor) for factor in factors) == sorted(expected)


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _factors(node.left) + _factors(node.right)
    return [node]


def _plain(node: ast.expr) -> str:
    return ast.unparse(node).replace("+ ", "+").replace("- ", "-")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (H, "H"),
        (H // 2, "H//2"),
        ((H - 1) // 2 + 1, "(H + 1)//2"),
        (2 * ((H - 8) // 2), "2*((H - 8)//2)"),
        (576 * C * (H - 2) * (W - 2), "576*C*(H - 2)*(W - 2)"),
        (9 * C + 64, "9*C + 64"),
        (-3 * H, "-3*H"),
        (5 - H, "-H + 5"),
        (H * H - W * W, "H*H - W*W"),
        (C // 3 - C // 2, "-(C//2) + C//3"),
        (H - C // 2, "H - C//2"),
    ],
)
def test_text(size: Size, shown: str) -> None:
    assert str(size) == shown


@settings(deadline=None, max_examples=100)
@given(FLOORLESS, FLOORLESS)
def test_a_counterexample_tells_sizes_apart(a: Tree, b: Tree) -> None:
    left, right = computed(a, LETTERS), computed(b, LETTERS)
    values = counterexample(left, right)
    if left == right:
        assert values is None
    if values is not None:
        # A letter that has cancelled out may have any value.
        bound = dict.fromkeys("CHW", 5) | values
        assert computed(a, bound) != computed(b, bound)


@pytest.mark.parametrize(("left", "right"), [(H, W), (H, H - 2), (H // 2, (H + 1) // 2), (C, 3)])
def test_a_counterexample_is_found(left: Size, right: Size) -> None:
    assert counterexample(left, right) is not None


def test_a_product_with_too_many_terms_is_refused() -> None:
    wide = product([letter(a) + letter(b) + 1 for a, b in zip("abcdef", "ghijkl")])
    with pytest.raises(LayerError, match="too long"):
        product([wide, wide, wide + letter("m"), wide + letter("n")])


@settings(deadline=None, max_examples=50)
@given(TREES)
def test_polynomials_are_never_changed(tree: Tree) -> None:
    size = computed(tree, LETTERS)
    assume(isinstance(size, Polynomial))
    before = dict(size.terms)
    size + 1, size * size, size // 3, -size, str(size)
    assert size.terms == before
