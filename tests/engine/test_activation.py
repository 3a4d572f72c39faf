"""Activations against PyTorch, complex steps and what mathematics says far out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, differences, error, gradients
from engine.torch_twin import assert_is_torch

from dlcalc.engine.operation import find
from dlcalc.errors import LayerError
from dlcalc.layers import activation
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import CONVENTIONS
from dlcalc.layers.shape import Shape

#: Each word with PyTorch's name for it, its settings, and its kinks.
PLAIN: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    "relu": ("relu", {}, (0,)),
    "relu6": ("relu6", {}, (0, 6)),
    "leaky_relu": ("leaky_relu", {}, (0,)),
    "leaky_relu:0.3": ("leaky_relu", {"negative_slope": 0.3}, (0,)),
    "leaky_relu:alpha=-0.7": ("leaky_relu", {"negative_slope": -0.7}, (0,)),
    "leaky_relu:1.5": ("leaky_relu", {"negative_slope": 1.5}, (0,)),
    "elu": ("elu", {}, (0,)),
    "elu:0.4": ("elu", {"alpha": 0.4}, (0,)),
    "selu": ("selu", {}, (0,)),
    "gelu": ("gelu", {}, ()),
    "silu": ("silu", {}, ()),
    "mish": ("mish", {}, ()),
    "sigmoid": ("sigmoid", {}, ()),
    "log_sigmoid": ("logsigmoid", {}, ()),
    "hardsigmoid": ("hardsigmoid", {}, (-3, 3)),
    "hardswish": ("hardswish", {}, (-3, 3)),
    "tanh": ("tanh", {}, ()),
    "hardtanh": ("hardtanh", {}, (-1, 1)),
    # PyTorch takes x itself above its threshold; we do not.
    "softplus": ("softplus", {"threshold": 50}, ()),
    "softsign": ("softsign", {}, (0,)),
}
SMOOTH = ["gelu", "silu", "mish", "sigmoid", "log_sigmoid", "tanh", "softplus"]
SMOOTH += ["softmax", "log_softmax", "identity"]
KINKED = [word for word in PLAIN if PLAIN[word][2]]


def kinds() -> list[type[Layer]]:
    found = [kind for kind in vars(activation).values() if isinstance(kind, type)]
    return [kind for kind in found if issubclass(kind, Layer) and kind.words]


def test_every_activation_is_here() -> None:
    tested = {word.partition(":")[0] for word in [*PLAIN, *SMOOTH, "prelu"]}
    assert tested == {kind.words[0] for kind in kinds()}
    smooth = {kind.words[0] for kind in kinds() if find(kind).smooth(kind())}
    assert smooth == set(SMOOTH)


@pytest.mark.parametrize("word", PLAIN)
@pytest.mark.parametrize("scale", [1, 30])
def test_each_is_that_of_torch(word: str, scale: float) -> None:
    torch = pytest.importorskip("torch")
    name, settings, kinks = PLAIN[word]
    program = compiled(f"4x5x6 {word}", batch=5)
    program.input.data[...] *= scale
    program.input.data.reshape(-1)[: len(kinks)] = kinks
    program.input.data.reshape(-1)[7] = 0
    function = getattr(torch.nn.functional, name)
    # PyTorch has 1/6 of hardsigmoid in single precision.
    bound = 1e-7 if word == "hardsigmoid" else 1e-12
    assert_is_torch(program, lambda x: function(x, **settings), bound)


@pytest.mark.parametrize("word", SMOOTH)
def test_smooth_gradients_are_those_of_complex_steps(word: str) -> None:
    line = f"3x4 dense:5 {word} dense:2"
    _, by_parameters, by_input = gradients(compiled(line))
    exact = complex_steps(line)
    assert error(by_parameters, exact[0]) < 1e-13
    assert error(by_input, exact[1]) < 1e-13


@pytest.mark.parametrize("line", [*(f"20 {word}" for word in KINKED), "4x5 prelu:4", "3x4 prelu"])
def test_kinked_gradients_are_those_of_differences(line: str) -> None:
    program = compiled(line)
    cotangent, by_parameters, by_input = gradients(program)
    assert error(by_input, differences(program, program.input.data, cotangent)) < 1e-8
    assert error(by_parameters, differences(program, program.parameters, cotangent)) < 1e-8


@pytest.mark.parametrize("word", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    ("sizes", "layout", "axis"),
    [("7", "chw", 1), ("4x5", "chw", 1), ("4x5x6", "chw", 1), ("5x6x4", "hwc", -1)],
)
def test_softmax_is_over_the_channels(word: str, sizes: str, layout: str, axis: int) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(f"{sizes} {word}", layout=layout)
    program.input.data[...] *= 3
    assert_is_torch(program, lambda x: getattr(torch.nn.functional, word)(x, axis))
    program.input.data[...] *= 1e6
    assert np.isfinite(program.forward()).all()


@pytest.mark.parametrize(
    ("line", "like", "layout"),
    [
        ("4x5x6 prelu", "torch", "chw"),
        ("4x5x6 prelu:1", "onnx", "chw"),
        ("4x5x6 prelu", "onnx", "chw"),
        ("4x5x6 prelu:4", "keras", "chw"),
        ("4x5x6 prelu", "keras", "chw"),
        ("5x6x4 prelu", "onnx", "hwc"),
        ("5x6x4 prelu", "keras", "hwc"),
        ("7 prelu", "onnx", "chw"),
    ],
)
def test_prelu_has_the_slopes_of_the_algebra(line: str, like: str, layout: Any) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(line, like=like, layout=layout)
    layer = program.trail[0][1].layer
    shape = Shape(program.input.data.shape[1:], layout)
    ((name, sizes),) = layer.parameters(shape, CONVENTIONS[like]).items()
    assert program.tensors["prelu1.weight"].value.shape == sizes, name
    program.input.data.reshape(-1)[3] = 0

    def function(x: Any, weight: Any) -> Any:
        if weight.shape == x.shape[1:]:
            return torch.where(x > 0, x, weight * x)
        if layout == "chw":
            return torch.nn.functional.prelu(x, weight)
        return torch.nn.functional.prelu(x.moveaxis(-1, 1), weight).moveaxis(1, -1)

    assert_is_torch(program, function)


def test_prelu_refuses_other_slopes() -> None:
    with pytest.raises(LayerError, match="3 slopes"):
        compiled("4x5 prelu:3")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("word", [*PLAIN, "prelu", "softmax", "log_softmax"])
@pytest.mark.filterwarnings("error")
def test_far_out_nothing_overflows(word: str, dtype: type) -> None:
    program = compiled(f"6 {word}", dtype=dtype, batch=1)
    program.input.data[...] = [[-1e4, -800, -90, 90, 800, 1e4]]
    first = program.forward().copy()
    program.output.cotangent[...] = 1
    program.backward()
    assert first.dtype == program.input.cotangent.dtype == dtype
    assert np.isfinite(first).all() and np.isfinite(program.input.cotangent).all()
    assert (program.forward() == first).all()


def test_small_values_keep_their_digits() -> None:
    program = compiled("2 sigmoid", batch=1)
    program.input.data[...] = [[-700, -40]]
    assert error(program.forward(), np.exp([[-700.0, -40.0]])) < 1e-14
    assert program.forward()[0, 0] == pytest.approx(np.exp(-700.0), rel=1e-13)


def test_values_by_hand() -> None:
    program = compiled("3 relu", batch=1)
    program.input.data[...] = [[-2, 0, 5]]
    program.output.cotangent[...] = [[3, 3, 3]]
    assert program.forward().tolist() == [[0, 0, 5]]
    program.backward()
    assert program.input.cotangent.tolist() == [[0, 0, 3]]
    assert compiled("3 identity").forward_calls == []
