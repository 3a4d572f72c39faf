"""Layers that rearrange, against NumPy, whose rules they share, and against slices."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from arithmetic import python_value
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import IDENTITY
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import TORCH
from dlcalc.layers.rearrange import Crop, Permute, Reshape, Select
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, letter

C, H, W = map(letter, "CHW")
SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)


def out(layer: Layer, *sizes: Size) -> tuple[Size, ...]:
    return layer.output_shape(Shape(sizes), TORCH).sizes


def assert_formula(layer: Layer, shape: Shape, values: dict[str, int]) -> None:
    """Every part of the formula is true, as Python reads it."""
    formula = layer.formula(shape, TORCH)
    assert formula
    for part in formula.split("; "):
        left, _, right = part.partition(" = ")
        assert python_value(left, values) == python_value(right, values), part


# --- reshape ----------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(SIZES, SIZES, st.booleans())
def test_reshape_is_numpys(before: tuple[int, ...], after: tuple[int, ...], left: bool) -> None:
    sizes = (*after[:-1], -1) if left else after
    try:
        expected = np.empty(before).reshape(sizes).shape
    except ValueError:
        with pytest.raises(LayerError, match="values"):
            out(Reshape(sizes=sizes), *before)
        return
    layer = Reshape(sizes=sizes)
    assert out(layer, *before) == expected
    assert prod(expected) == prod(before)
    assert_formula(layer, Shape(before), {})


@pytest.mark.parametrize(
    ("sizes", "before", "after"),
    [
        ((C, H * W), (C, H, W), (C, H * W)),
        ((C, -1), (C, H, W), (C, H * W)),
        ((2, -1, H), (4, H, W), (2, 2 * W, H)),
        ((-1,), ((H + 1) // 2, 3), (3 * ((H + 1) // 2),)),
    ],
)
def test_reshape_of_letters(
    sizes: tuple[Size, ...], before: tuple[Size, ...], after: tuple[Size, ...]
) -> None:
    assert out(Reshape(sizes=sizes), *before) == after
    assert_formula(Reshape(sizes=sizes), Shape(before), {"C": 3, "H": 7, "W": 8})


@pytest.mark.parametrize(
    ("sizes", "before", "rule", "mend"),
    [
        ((768, 197), (768, 14, 14), "768x14x14 has 150528 values, but 768x197 has", "keeps the"),
        ((7, -1), (4, 5), "4x5 has 20 values, which do not divide by 7", "must divide"),
        ((2, -1), (H, 3), "whether 2 divides the 3*H values depends on the letters", ""),
        ((H, 4), (H, 3), "Hx3 has 3*H values, but Hx4 has 4*H", "For example with H = 1: 3 and 4."),
    ],
)
def test_reshape_refuses(
    sizes: tuple[Size, ...], before: tuple[Size, ...], rule: str, mend: str
) -> None:
    with pytest.raises(LayerError) as caught:
        out(Reshape(sizes=sizes), *before)
    assert rule in caught.value.rule
    assert mend in caught.value.mend


def test_reshape_formula() -> None:
    image = Shape((768, 14, 14))
    assert Reshape(sizes=(768, 196)).formula(image, TORCH) == "768*14*14 = 768*196"
    assert Reshape(sizes=(768, -1)).formula(image, TORCH) == "768*14*14//768 = 196"
    assert Reshape(sizes=(-1,)).formula(image, TORCH) == "768*14*14 = 150528"


# --- permute ----------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(SIZES, st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple))
def test_permute_is_numpys(sizes: tuple[int, ...], order: tuple[int, ...]) -> None:
    try:
        expected = np.empty(sizes).transpose(order).shape
    except ValueError:
        with pytest.raises(LayerError, match="permute"):
            out(Permute(order=order), *sizes)
        return
    assert out(Permute(order=order), *sizes) == expected


def test_permute_sees_the_same_only_if_nothing_moves() -> None:
    image = Shape((3, H, W))
    assert out(Permute(order=(1, 2, 0)), 3, H, W) == (H, W, 3)
    assert Permute(order=(0, 1, 2)).axes(image, TORCH) == (IDENTITY, IDENTITY)
    assert Permute(order=(0, 2, 1)).axes(image, TORCH) is None


def test_permute_refuses() -> None:
    with pytest.raises(LayerError, match="names an axis twice"):
        Permute(order=(0, 0))
    with pytest.raises(LayerError) as caught:
        out(Permute(order=(1, 0)), 3, 4, 5)
    assert caught.value.rule == "permute orders 2 axes, but 3x4x5 has 3"
    assert caught.value.mend.endswith("as in permute:2x1x0.")


# --- crop -------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 12), st.integers(0, 5), st.integers(0, 5))
def test_crop_is_a_slice(n: int, begin: int, end: int) -> None:
    layer = Crop(margin=((begin, end),))
    shape = Shape((2, n))
    kept = list(range(n))[begin : n - end] if begin + end < n else []
    if not kept:
        with pytest.raises(DoesNotFit) as caught:
            layer.output_shape(shape, TORCH)
        assert caught.value.axes[0].low == begin + end + 1
        return
    assert layer.output_shape(shape, TORCH).sizes == (2, len(kept))
    (axis,) = layer.axes(shape, TORCH) or ()
    assert [axis.seen(i, i) for i in range(len(kept))] == [(k, k) for k in kept]
    assert_formula(layer, shape, {})


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 12))
def test_crop_to_a_size_keeps_the_middle(n: int, size: int) -> None:
    layer = Crop(size=(size,))
    shape = Shape((2, n))
    if size > n:
        with pytest.raises(DoesNotFit, match=f"{size} cannot be cut out of {n}") as caught:
            layer.output_shape(shape, TORCH)
        assert caught.value.axes[0].low == size
        return
    assert layer.output_shape(shape, TORCH).sizes == (2, size)
    (axis,) = layer.axes(shape, TORCH) or ()
    first, last = axis.seen(0, 0)[0], axis.seen(size - 1, size - 1)[1]
    assert last - first + 1 == size
    # What is cut off at the end is as much as at the begin, or one more.
    assert (n - 1 - last) - first in (0, 1)
    assert_formula(layer, shape, {})


def test_the_crops_of_the_u_net_take_as_much_off_both_ends() -> None:
    # Ronneberger, Fischer and Brox, 2015, figure 1: 64 to 56, 136 to 104, 280 to 200, 568 to 392.
    for n, size, begin in ((64, 56, 4), (136, 104, 16), (280, 200, 40), (568, 392, 88)):
        (axis,) = Crop(size=(size,)).axes(Shape((1, n)), TORCH) or ()
        assert axis == (-2 * begin, 1, -begin, 1, 2 * begin + 1, 1)


def test_crop_of_more_axes() -> None:
    image = Shape((64, 64, 60))
    assert out(Crop(margin=((1, 2), (0, 0))), 64, 64, 60) == (64, 61, 60)
    assert out(Crop(size=(56, 60)), 64, 64, 60) == (64, 56, 60)
    assert Crop(margin=((4, 4),)).formula(image, TORCH) == "64 - 2*4 = 56; 60 - 2*4 = 52"
    assert Crop(margin=((1, 2),)).formula(image, TORCH) == "64 - (1 + 2) = 61; 60 - (1 + 2) = 57"
    assert Crop(margin=((1, 1),)).output_shape(Shape((8, 9, 3), "hwc"), TORCH).sizes == (6, 7, 3)
    assert Crop(margin=((2, 2),)).output_shape(Shape((9,), kind="open"), TORCH).kind == "side"


def test_crop_of_letters() -> None:
    image = Shape((3, H, W))
    assert out(Crop(margin=((1, 2),)), 3, H, W) == (3, H - 3, W - 3)
    assert [axis.low for axis in Crop(margin=((1, 2),)).axes(image, TORCH) or ()] == [4, 4]
    layer = Crop(size=(56,))
    assert out(layer, 3, H, W) == (3, 56, 56)
    assert layer.axes(image, TORCH) is None
    assert layer.formula(image, TORCH) == ""
    assert layer.lows(image, TORCH) == (56, 56)
    assert layer.note(Shape((3, 64, 64)), TORCH) == ""


def test_crop_refuses() -> None:
    for values in ({}, {"margin": ((1, 1),), "size": (8,)}):
        with pytest.raises(LayerError, match="either a margin or a size"):
            Crop(**values)
    with pytest.raises(LayerError, match="crop takes numbers, not same"):
        Crop(margin="same")
    with pytest.raises(LayerError, match="margin has 3 axes"):
        out(Crop(margin=((1, 1),) * 3), 3, 9, 9)
    with pytest.raises(LayerError, match="crop2d needs CxHxW"):
        out(Crop(rank=2, margin=((1, 1),)), 3, 9)
    with pytest.raises(LayerError, match="nothing is left when 4x4 is cut off 9x4"):
        out(Crop(margin=((2, 2),)), 3, 9, 4)


# --- select -----------------------------------------------------------------------


def test_select_keeps_channels() -> None:
    assert out(Select(channels=(0, 1, 2)), 6, 14, 14) == (3, 14, 14)
    assert out(Select(channels=(5,)), 6) == (1,)
    assert Select(channels=(1,)).output_shape(Shape((H, W, 6), "hwc"), TORCH).sizes == (H, W, 1)
    assert Select(channels=(0,)).axes(Shape((6, H, W)), TORCH) == (IDENTITY, IDENTITY)
    assert Select(channels=(0,)).axes(Shape((6,), kind="open"), TORCH) is None


def test_select_refuses() -> None:
    with pytest.raises(LayerError, match="names a channel twice"):
        Select(channels=(0, 1, 0))
    with pytest.raises(LayerError, match="select names channel 6, but 6x14x14 has 6"):
        out(Select(channels=(0, 6)), 6, 14, 14)
    with pytest.raises(LayerError, match="whether there is a channel 2 among C cannot be told"):
        out(Select(channels=(2,)), C, 14)


@pytest.mark.parametrize(
    "layer", [Reshape(sizes=(-1,)), Permute(order=(0,)), Select(channels=(0,))]
)
def test_a_side_has_no_values_to_rearrange(layer: Layer) -> None:
    with pytest.raises(LayerError, match="needs the channels"):
        layer.output_shape(Shape((32,), kind="side"), TORCH)


# --- the values of arguments --------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "word", "value"),
    [
        ("shape", "768x196", (768, 196)),
        ("shape", "Cx-1", (C, -1)),
        ("shape", "-1", (-1,)),
        ("name", "embedding1", "embedding1"),
        ("name", "residual2.conv1", "residual2.conv1"),
        ("count", "8", 8),
        ("padding", "same_upper", "same_upper"),
        ("padding", "causal", "causal"),
        ("sizes", "x".join(map(str, range(1, 17))), tuple(range(1, 17))),
    ],
)
def test_value(kind: str, word: str, value: object) -> None:
    assert Argument("it", kind, "").value(word) == value


@pytest.mark.parametrize(
    ("kind", "word", "rule"),
    [
        ("shape", "-1x-1", "it may leave one size to be worked out as -1, not more"),
        ("shape", "3x0", "it must be at least 1, not 0"),
        ("shape", "3x-2", "it must be at least 1, not -2"),
        ("shape", "3xxx", "it must be a whole number or a letter, not empty"),
        ("shape", "x".join("123456789"), "it may have at most 8 axes"),
        ("count", "C", "it must be a whole number, not C"),
        ("name", "Embedding", "it must be the name of a layer, not Embedding"),
        ("name", "", "it must be the name of a layer, not empty"),
        ("name", "a" * 101, "it must be the name of a layer"),
        ("name", "a\n", "it must be the name of a layer"),
        ("padding", "SAME_UPPER", "it must be written small"),
        ("padding", "full", "it must be a whole number, not full"),
    ],
)
def test_no_value(kind: str, word: str, rule: str) -> None:
    with pytest.raises(LayerError) as caught:
        Argument("it", kind, "").value(word)
    assert rule in caught.value.rule
