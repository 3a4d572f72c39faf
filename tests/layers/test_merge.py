"""Layers with branches, and those whose weight is another's."""

from __future__ import annotations

import pytest

from dlcalc.errors import InputError, LayerError, Place, Source
from dlcalc.layers.activation import Relu, Sigmoid, Silu
from dlcalc.layers.base import Layer
from dlcalc.layers.conv import Conv
from dlcalc.layers.convention import CAFFE, KERAS, TORCH, Convention
from dlcalc.layers.dense import Dense
from dlcalc.layers.merge import Aux, Concat, Moe, Multiply, Residual
from dlcalc.layers.pool import GlobalAvgPool
from dlcalc.layers.rearrange import Reshape
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, letter
from dlcalc.nets.parser import Net, Node
from dlcalc.nets.trace import Step, trace

C, H, W, T = map(letter, "CHWT")


def net(*layers: Layer | tuple[Layer, Net]) -> Net:
    """Layers in a row, those with a branch as a pair."""
    nodes = []
    for layer in layers:
        layer, branches = layer if isinstance(layer, tuple) else (layer, None)
        place = Place(Source(""), 0, 0)
        nodes.append(Node(layer, layer.words[0], place, (branches,) if branches else ()))
    return tuple(nodes)


def traced(layers: Net, *sizes: Size, convention: Convention = TORCH) -> Step:
    return trace(layers, Shape(sizes), convention)[-1]


def merged(layer: Layer, *outputs: tuple[Size, ...]) -> tuple[Size, ...]:
    return layer.merge(tuple(map(Shape, outputs))).sizes


# --- multiply ---------------------------------------------------------------------


def test_squeeze_and_excitation_weighs_channels() -> None:
    gate = net(GlobalAvgPool(), Conv(out=4, kernel=(1,)), Relu(), Conv(out=64, kernel=(1,)))
    step = traced(net((Multiply(), gate + net(Sigmoid()))), 64, 56, 56)
    assert step.output.sizes == (64, 56, 56)
    assert step.node.layer.parts(step.input, step.output) == {"gates": 64 * 56 * 56}


def test_squeeze_and_excitation_without_axes_is_told_the_reshape() -> None:
    gate = net(GlobalAvgPool(), Dense(out=4), Relu(), Dense(out=64), Sigmoid())
    with pytest.raises(InputError) as caught:
        traced(net((Multiply(), gate)), 64, 56, 56, convention=KERAS)
    assert "the branches give 64 and 64x56x56, which do not match" in caught.value.rule
    assert caught.value.mend == "Sizes of 1 stretch: end the branch of 64 with reshape:64x1x1."
    gate += net(Reshape(sizes=(64, 1, 1)))
    assert traced(net((Multiply(), gate)), 64, 56, 56, convention=KERAS).output.sizes[0] == 64


def test_the_reshape_is_in_the_order_of_the_layout() -> None:
    with pytest.raises(LayerError, match="64 and 56x56x64") as caught:
        Multiply().merge((Shape((64,), "hwc"), Shape((56, 56, 64), "hwc")))
    assert caught.value.mend.endswith("reshape:1x1x64.")


@pytest.mark.parametrize(
    ("left", "right", "after"),
    [
        ((64, 1, 1), (64, 56, 56), (64, 56, 56)),
        ((64, 56, 56), (1, 56, 56), (64, 56, 56)),
        ((64, 1), (1, 7), (64, 7)),
        ((C, 1, W), (C, H, 1), (C, H, W)),
        ((128,), (128,), (128,)),
        ((1,), (1,), (1,)),
    ],
)
def test_multiplied_sizes_of_1_stretch(
    left: tuple[Size, ...], right: tuple[Size, ...], after: tuple[Size, ...]
) -> None:
    assert merged(Multiply(), left, right) == after


@pytest.mark.parametrize(
    ("left", "right", "rule", "mend"),
    [
        ((64, 2, 2), (64, 56, 56), "64x2x2 and 64x56x56", "must have one shape, but for"),
        ((32,), (64, 56, 56), "32 and 64x56x56", "must have as many axes"),
        ((64, 56), (64, 56, 56), "64x56 and 64x56x56", "must have as many axes"),
        ((64, H), (64, W), "64xH and 64xW, which differ", "For example with"),
    ],
)
def test_multiply_refuses(
    left: tuple[Size, ...], right: tuple[Size, ...], rule: str, mend: str
) -> None:
    with pytest.raises(LayerError) as caught:
        merged(Multiply(), left, right)
    assert rule in caught.value.rule
    assert mend in caught.value.mend


def test_multiplied_sides_stay_sides() -> None:
    side = Shape((32,), kind="side")
    assert Multiply().merge((side, Shape((32,), kind="open"))).kind == "side"
    assert Multiply().merge((Shape((1,), kind="side"), side)) == side


# --- aux and moe ------------------------------------------------------------------


def test_an_auxiliary_head_leaves_its_input_as_it_is() -> None:
    step = traced(net((Aux(), net(Conv(out=8, kernel=(3,)), Relu()))), 512, 14, 14)
    assert step.output is step.input
    assert Aux.auxiliary and not Multiply.auxiliary


def test_a_mixture_of_experts() -> None:
    expert = net(Dense(out=14_336), Silu(), Dense(out=4_096))
    step = traced(net((Moe(experts=8), expert)), T, 4_096)
    layer = step.node.layer
    assert step.output.sizes == (T, 4_096)
    assert layer.parameters(step.input, TORCH) == {"router.weight": (8, 4_096)}
    assert layer.macs(step.input, step.output) == T * 4_096 * 8
    assert (layer.copies(), layer.runs()) == (8, 2)
    assert traced(net((Moe(experts=4, active=1), net(Dense(out=3)))), 7).output.sizes == (3,)


def test_a_mixture_of_experts_refuses() -> None:
    with pytest.raises(
        LayerError, match="active=2 is more than the experts, which are 1"
    ) as caught:
        Moe(experts=1)
    assert "moe:1,active=1" in caught.value.mend
    with pytest.raises(LayerError, match="moe needs features or TIMExFEATURES, but gets 3x4x5"):
        merged(Moe(experts=2), (3, 4, 5), (3, 4, 5))
    with pytest.raises(LayerError, match="this one makes 20 of 4x5"):
        merged(Moe(experts=2), (20,), (4, 5))
    with pytest.raises(LayerError, match="needs the channels"):
        Moe(experts=2).merge((Shape((3,)), Shape((3,), kind="side")))


# --- concat -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "outputs", "after", "formula"),
    [
        (None, ((2, 5, 5), (3, 5, 5)), (5, 5, 5), "2 + 3 = 5"),
        (0, ((2, 5, 5), (3, 5, 5)), (5, 5, 5), "2 + 3 = 5"),
        (1, ((T, 64), (T, 32)), (T, 96), "64 + 32 = 96"),
        (2, ((3, H, W), (3, H, 4), (3, H, W)), (3, H, 2 * W + 4), "W + 4 + W = 2*W + 4"),
        (0, ((3,), (4,)), (7,), "3 + 4 = 7"),
    ],
)
def test_concat(
    axis: int | None,
    outputs: tuple[tuple[Size, ...], ...],
    after: tuple[Size, ...],
    formula: str,
) -> None:
    layer = Concat(axis=axis)
    assert merged(layer, *outputs) == after
    assert layer.merge_formula(tuple(map(Shape, outputs))) == formula


@pytest.mark.parametrize(
    ("axis", "outputs", "rule"),
    [
        (2, ((2, 5), (3, 5)), "concat joins along axis 2, but 2x5 has axes 0 to 1"),
        (1, ((2, 5), (3, 5)), "the branches give 2x5 and 3x5"),
        (1, ((2, 5), (2,)), "the branches give 2x5 and 2"),
        (1, ((T, 5), (H, 5)), "the branches give Tx5 and Hx5, which differ"),
    ],
)
def test_concat_refuses(axis: int, outputs: tuple[tuple[Size, ...], ...], rule: str) -> None:
    with pytest.raises(LayerError, match=rule):
        merged(Concat(axis=axis), *outputs)


def test_concat_along_an_axis_needs_all_axes() -> None:
    side = Shape((5,), kind="side")
    with pytest.raises(LayerError, match="needs the channels"):
        Concat(axis=0).merge((side, side))
    assert Concat().merge((side, side)) == side


def test_what_is_added_must_not_stretch() -> None:
    with pytest.raises(LayerError, match="64x1x1 and 64x56x56"):
        merged(Residual(), (64, 1, 1), (64, 56, 56))


# --- dense ------------------------------------------------------------------------


def test_a_tied_weight_is_another_layers() -> None:
    layer = Dense(out=50_257, bias=False, tied="embedding1")
    shape = Shape((T, 768))
    assert layer.parameters(shape, TORCH) == {}
    assert layer.ties(shape, TORCH) == {"weight": ("embedding1", (50_257, 768))}
    assert layer.macs(shape, layer.output_shape(shape, TORCH)) == T * 768 * 50_257
    assert Dense(out=5, tied="dense1").parameters(shape, TORCH) == {"bias": (5,)}
    assert Dense(out=5).ties(shape, TORCH) == {}


def test_dense_flattens_where_the_convention_does() -> None:
    layer = Dense(out=10)
    image = Shape((16, 5, 5))
    last, flat = layer.output_shape(image, TORCH), layer.output_shape(image, CAFFE)
    assert (last.sizes, flat.sizes) == ((16, 5, 10), (10,))
    assert layer.parameters(image, TORCH) == {"weight": (10, 5), "bias": (10,)}
    assert layer.parameters(image, CAFFE) == {"weight": (10, 400), "bias": (10,)}
    assert layer.macs(image, last) == layer.macs(image, flat) == 4_000
    assert layer.parts(image, last) == {"bias": 800}
    assert layer.parts(image, flat) == {"bias": 10}
    assert "flatten before it" in layer.note(image, TORCH)
    assert "caffe flattens 16x5x5" in layer.note(image, CAFFE)


def test_dense_shares_its_weight_between_positions() -> None:
    layer = Dense(out=10)
    for sizes, expected in (((16, 5, 5), 80 * 60), ((T, 5), 60 * T), ((5,), None)):
        shape = Shape(sizes)
        output = layer.output_shape(shape, TORCH)
        assert layer.unshared(shape, output, TORCH) == expected
        assert layer.unshared(shape, layer.output_shape(shape, CAFFE), CAFFE) is None
    assert Dense(out=10, bias=False).parts(Shape((5,)), Shape((10,))) == {}
