"""Upsampling and pixel shuffles against PyTorch and complex steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients
from engine.torch_twin import assert_is_torch

from dlcalc.errors import LayerError
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape

#: The channels and the sides, and the layer.
LINES = [
    ("3x5", "upsample:2"),
    ("3x5x4", "upsample:3x2"),
    ("2x3x2x4", "upsample:2"),
    ("3x5x4", "upsample:size=10x12"),
    ("3x5x4", "upsample:size=7x3"),
    ("3x5", "upsample:size=2"),
    ("3x5x4", "upsample:1"),
    ("3x5", "upsample:2,linear=yes"),
    ("3x5x4", "upsample:3x2,linear=yes"),
    ("2x3x2x4", "upsample:2,linear=yes"),
    ("3x5x4", "upsample:1x5,linear=yes"),
    ("3x5x4", "upsample:size=7x3,linear=yes"),
    ("3x1x2", "upsample:size=4x1,linear=yes"),
    ("12x2x3", "pixelshuffle:2"),
    ("9x2x3", "pixelshuffle:3"),
    ("2x4x6", "pixelunshuffle:2"),
    ("1x3x6", "pixelunshuffle:3"),
]
MODES = {2: "linear", 3: "bilinear", 4: "trilinear"}


def arranged(sizes: str, word: str, layout: str) -> str:
    """The line with the channels where the layout has them."""
    channels, _, sides = sizes.partition("x")
    return f"{sizes} {word}" if layout == "chw" else f"{sides}x{channels} {word}"


def torch_values(layer: Any, x: Any) -> Any:
    """The layer's values as PyTorch has them."""
    torch = pytest.importorskip("torch")
    functional, word = torch.nn.functional, layer.words[0]
    if word != "upsample":
        shuffle = functional.pixel_shuffle if "un" not in word else functional.pixel_unshuffle
        return shuffle(x, layer.factor)
    rank = x.ndim - 2
    sizes = layer.size or layer.scale
    sizes = sizes * rank if len(sizes) == 1 else sizes
    settings = {"size": sizes} if layer.size else {"scale_factor": tuple(map(float, sizes))}
    return functional.interpolate(
        x, **settings, mode=MODES[rank + 1] if layer.linear else "nearest"
    )


@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize(("sizes", "word"), LINES)
def test_each_is_that_of_torch(sizes: str, word: str, layout: Any) -> None:
    program = compiled(arranged(sizes, word, layout), layout=layout)
    layer = program.trail[0][1].layer
    shape = Shape(program.input.data.shape[1:], layout)
    assert program.output.data.shape[1:] == layer.output_shape(shape, TORCH).sizes
    if not program.forward_calls:
        return

    def function(x: Any) -> Any:
        if layout == "chw":
            return torch_values(layer, x)
        return torch_values(layer, x.moveaxis(-1, 1)).moveaxis(1, -1)

    assert_is_torch(program, function, 1e-13)


@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize(("sizes", "word"), LINES)
def test_gradients_are_those_of_complex_steps(sizes: str, word: str, layout: Any) -> None:
    line = f"{arranged(sizes, word, layout)} flatten dense:2"
    _, by_parameters, by_input = gradients(compiled(line, layout=layout))
    exact = complex_steps(line, layout=layout)
    assert error(by_parameters, exact[0]) < 1e-13
    assert error(by_input, exact[1]) < 1e-13


@pytest.mark.parametrize("linear", ["yes", "no"])
def test_all_sizes_are_those_of_torch(linear: str) -> None:
    for n in range(1, 9):
        for m in range(1, 20):
            program = compiled(f"1x{n} upsample:size={m},linear={linear}", batch=1)
            layer = program.trail[0][1].layer
            if program.forward_calls:
                assert_is_torch(program, lambda x, layer=layer: torch_values(layer, x), 1e-13)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("linear", ["yes", "no"])
def test_outputs_see_just_what_the_algebra_says(scale: int, linear: str) -> None:
    program = compiled(f"1x7 upsample:{scale},linear={linear}", batch=1)
    layer = program.trail[0][1].layer
    (axis,) = layer.axes(Shape((1, 7)), TORCH)
    for i in range(scale, 6 * scale):
        first, last = axis.seen(i, i)
        program.input.data[...] = np.nan
        program.input.data[0, 0, first : last + 1] = 1
        assert program.forward()[0, 0, i] == 1


def test_values_by_hand() -> None:
    program = compiled("1x2 upsample:2,linear=yes", batch=1)
    program.input.data[...] = [[[0, 4]]]
    assert program.forward().tolist() == [[[0, 1, 3, 4]]]
    program = compiled("4x1x1 pixelshuffle:2", batch=1)
    program.input.data[...] = np.arange(4.0).reshape(1, 4, 1, 1)
    assert program.forward().tolist() == [[[[0, 1], [2, 3]]]]


@pytest.mark.parametrize("line", ["3x2x2 pixelshuffle:2", "3x3x2 pixelunshuffle:2", "4 upsample:2"])
def test_refuses_what_does_not_fit(line: str) -> None:
    with pytest.raises(LayerError):
        compiled(line)


@pytest.mark.parametrize(("sizes", "word"), LINES)
def test_types_stay_what_they_are(sizes: str, word: str) -> None:
    program = compiled(f"{sizes} {word}", dtype=np.float32)
    assert gradients(program)[2].dtype == np.float32 == program.output.data.dtype
