"""Layers that change the resolution, against naive definitions and PyTorch."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from arithmetic import python_value

from dlcalc.errors import LayerError
from dlcalc.layers.axis import Axis, Chain
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import TORCH
from dlcalc.layers.rearrange import Crop
from dlcalc.layers.resample import PixelShuffle, PixelUnshuffle, Upsample
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, letter

C, H, W = map(letter, "CHW")
SCALES = range(1, 10)


def out(layer: Layer, *sizes: Size) -> tuple[Size, ...]:
    return layer.output_shape(Shape(sizes), TORCH).sizes


def axis(layer: Layer, *sizes: Size) -> Axis:
    return (layer.axes(Shape(sizes), TORCH) or ())[-1]


def repeated(i: int, scale: int) -> set[int]:
    """The input that output i repeats."""
    return {i // scale}


def interpolated(i: int, scale: int) -> set[int]:
    """The inputs that output i is drawn between: the middles of both grids meet.

    Output i has its middle at (i + 1/2)/scale, input j at j + 1/2.
    """
    place = (i + Fraction(1, 2)) / scale - Fraction(1, 2)
    return {floor(place), ceil(place)}


@pytest.mark.parametrize("scale", SCALES)
def test_upsampling_sees_what_it_is_made_of(scale: int) -> None:
    for linear, made_of in ((False, repeated), (True, interpolated)):
        found = axis(Upsample(scale=(scale,), linear=linear), 1, 5)
        assert found.size(5) == 5 * scale
        for i in range(-3 * scale, 6 * scale):
            inputs = made_of(i, scale)
            assert found.seen(i, i) == (min(inputs), max(inputs)), (linear, i)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("linear", [False, True])
def test_upsampling_sees_what_torch_has_a_gradient_for(scale: int, linear: bool) -> None:
    torch = pytest.importorskip("torch")
    n = 7
    line = torch.arange(float(n)).reshape(1, 1, n).requires_grad_()
    module = torch.nn.Upsample(scale_factor=scale, mode="linear" if linear else "nearest")
    found = axis(Upsample(scale=(scale,), linear=linear), 1, n)
    assert module(line).shape == (1, 1, found.size(n))
    # The ends lean on the border; what lies between is seen as it is.
    for i in range(scale, (n - 1) * scale):
        (gradient,) = torch.autograd.grad(module(line)[0, 0, i], line)
        inputs = (gradient[0, 0] > 1e-4).nonzero().flatten().tolist()
        assert found.seen(i, i) == (min(inputs), max(inputs)), i


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_behind_upsampling_a_window_sees_the_union(scale: int, linear: bool) -> None:
    up = axis(Upsample(scale=(scale,), linear=linear), 1, 9)
    window = Axis.window(kernel=3, stride=2, begin=1, end=1)
    chain = Chain().then(up).then(window)
    made_of = interpolated if linear else repeated
    for i in range(20):
        inputs = set().union(*(made_of(2 * i - 1 + k, scale) for k in range(3)))
        assert chain.seen(i) == (min(inputs), max(inputs))


def test_upsampling() -> None:
    image = Shape((64, 28, 14))
    assert out(Upsample(scale=(2,)), 64, 28, 14) == (64, 56, 28)
    assert out(Upsample(scale=(2, 3)), 64, H, W) == (64, 2 * H, 3 * W)
    assert out(Upsample(size=(56,)), 64, 28, H) == (64, 56, 56)
    assert Upsample(scale=(2,)).output_shape(Shape((5, 6, 3), "hwc"), TORCH).sizes == (10, 12, 3)
    assert Upsample(scale=(2,)).output_shape(Shape((5,), kind="open"), TORCH).kind == "side"
    assert Upsample(scale=(2,)).formula(image, TORCH) == "2*28 = 56; 2*14 = 28"
    assert Upsample(size=(56,)).formula(image, TORCH) == "2*28 = 56; 4*14 = 56"
    assert Upsample(scale=(2,)).formula(Shape((1, H - 2)), TORCH) == "2*(H - 2) = 2*H - 4"


def test_upsampling_to_a_size_is_a_scale_if_it_is_a_whole_one() -> None:
    image = Shape((64, 28, 14))
    assert Upsample(size=(56,)).axes(image, TORCH) == Upsample(scale=(2, 4)).axes(image, TORCH)
    for sizes in ((42,), (56, 20), (14, 14)):
        assert Upsample(size=sizes).axes(image, TORCH) is None
        assert Upsample(size=sizes).formula(image, TORCH) == ""
    assert Upsample(size=(56,)).axes(Shape((64, H, 14)), TORCH) is None


def test_upsampling_refuses() -> None:
    for values in ({}, {"scale": (2,), "size": (8,)}):
        with pytest.raises(LayerError, match="either a scale or a size"):
            Upsample(**values)
    with pytest.raises(LayerError, match="scale has 2 axes"):
        out(Upsample(scale=(2, 2)), 3, 9)
    with pytest.raises(LayerError, match="at least one spatial axis"):
        out(Upsample(scale=(2,)), 9)
    with pytest.raises(LayerError, match="upsample2d needs CxHxW"):
        out(Upsample(rank=2, scale=(2,)), 3, 9)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixel_shuffling_is_torchs(factor: int) -> None:
    torch = pytest.importorskip("torch")
    shuffle, back = PixelShuffle(factor=factor), PixelUnshuffle(factor=factor)
    for sizes in ((18, 4, 6), (36, 3, 2), (5, 6, 12), (9, 5, 7)):
        values = torch.arange(float(sizes[0] * sizes[1] * sizes[2])).reshape(1, *sizes)
        for layer, module in (
            (shuffle, torch.nn.PixelShuffle(factor)),
            (back, torch.nn.PixelUnshuffle(factor)),
        ):
            try:
                expected = module(values)
            except RuntimeError:
                with pytest.raises(LayerError, match="needs a multiple of"):
                    out(layer, *sizes)
                continue
            assert out(layer, *sizes) == expected.shape[1:]
            found = axis(layer, *sizes)
            for i in range(expected.shape[3]):
                # Which columns of the input are in column i of the output.
                columns = {int(v) % sizes[2] for v in expected[0, :, :, i].flatten()}
                assert found.seen(i, i) == (min(columns), max(columns))


def test_pixel_shuffling_of_letters() -> None:
    shuffle, back = PixelShuffle(factor=2), PixelUnshuffle(factor=2)
    assert out(shuffle, 4 * C, H, W) == (C, 2 * H, 2 * W)
    assert out(back, C, 2 * H, 4) == (4 * C, H, 2)
    image = Shape((H, W, 12), "hwc")
    assert shuffle.output_shape(image, TORCH).sizes == (2 * H, 2 * W, 3)
    for layer, shape in ((shuffle, Shape((4 * C, H, W))), (back, Shape((C, 2 * H, 4 * W)))):
        for part in layer.formula(shape, TORCH).split("; "):
            left, _, right = part.partition(" = ")
            values = {"C": 3, "H": 5, "W": 7}
            assert python_value(left, values) == python_value(right, values)


def test_pixel_shuffling_formula() -> None:
    shape = Shape((64, 28, 14))
    assert PixelShuffle(factor=2).formula(shape, TORCH) == "64//(2*2) = 16; 2*28 = 56; 2*14 = 28"
    assert PixelUnshuffle(factor=2).formula(shape, TORCH) == "64*2*2 = 256; 28//2 = 14; 14//2 = 7"


@pytest.mark.parametrize(
    ("layer", "sizes", "rule", "mend"),
    [
        (
            PixelShuffle(factor=2),
            (6, 4, 4),
            "pixelshuffle:2 needs a multiple of 4 as the channels, but gets 6",
            "Such as 4 or 8.",
        ),
        (PixelShuffle(factor=2), (C, 4, 4), "whether 4 divides the channels C", ""),
        (PixelShuffle(factor=2), (4, 4), "pixelshuffle needs CxHxW, but gets 4x4", "Write it"),
        (
            PixelUnshuffle(factor=4),
            (3, 8, 3),
            "pixelunshuffle:4 needs a multiple of 4 as the side, but gets 3",
            "Such as 4.",
        ),
        (PixelUnshuffle(factor=2), (3, H, 4), "whether 2 divides the side H", ""),
    ],
)
def test_pixel_shuffling_refuses(
    layer: Layer, sizes: tuple[Size, ...], rule: str, mend: str
) -> None:
    with pytest.raises(LayerError) as caught:
        out(layer, *sizes)
    assert rule in caught.value.rule
    assert mend in caught.value.mend


def test_a_crop_undoes_what_an_upsampling_has_too_much() -> None:
    chain = Chain().then(axis(Upsample(scale=(2,)), 1, 9))
    chain = chain.then(axis(Crop(margin=((1, 2),)), 1, 18))
    assert chain.size(9) == 15
    assert [chain.seen(i) for i in range(3)] == [(0, 0), (1, 1), (1, 1)]
    assert chain.low == 2
