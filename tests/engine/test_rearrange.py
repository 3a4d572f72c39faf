"""What only moves values: each against NumPy's own way of writing it, and complex steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients
from engine.torch_twin import assert_is_torch

from dlcalc.engine.operation import Array
from dlcalc.errors import LayerError
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape

#: A line, its layout, and what it does to the input.
MOVES: list[tuple[str, str, Any]] = [
    ("4x6 reshape:3x8", "chw", lambda x: x.reshape(-1, 3, 8)),
    ("4x6 reshape:2x-1x3", "chw", lambda x: x.reshape(-1, 2, 4, 3)),
    ("24 reshape:-1", "chw", lambda x: x),
    ("4x6 permute:1x0", "chw", lambda x: permuted(x, 0, 2, 1)),
    ("2x3x4x5 permute:2x0x3x1", "chw", lambda x: permuted(x, 0, 3, 1, 4, 2)),
    ("2x3x4 permute:2x0x1", "hwc", lambda x: permuted(x, 0, 3, 1, 2)),
    ("2x3x4 permute:0x1x2", "chw", lambda x: x),
    ("1x3x4 permute:1x0x2", "chw", lambda x: x.reshape(-1, 3, 1, 4)),
    ("2x7x8 crop:1", "chw", lambda x: x[:, :, 1:-1, 1:-1]),
    ("2x7x8 crop:margin=1+2x0+3", "chw", lambda x: x[:, :, 1:-2, :-3]),
    ("7x8x2 crop:margin=1+2x0+3", "hwc", lambda x: x[:, 1:-2, :-3]),
    ("2x7x8 crop:size=4x8", "chw", lambda x: x[:, :, 1:5]),
    ("2x8 crop:size=5", "chw", lambda x: x[:, :, 1:6]),
    ("2x4x5x6 crop:size=2", "chw", lambda x: x[:, :, 1:3, 1:3, 2:4]),
    ("2x4 crop:0", "chw", lambda x: x),
    ("6x3 select:4x0x5", "chw", lambda x: x[:, [4, 0, 5]]),
    ("6 select:1x2", "chw", lambda x: x[:, [1, 2]]),
    ("3x2x6 select:4x0", "hwc", lambda x: x[..., [4, 0]]),
    ("3x6 select:5", "hwc", lambda x: x[..., [5]]),
    ("2x3x4 pad:1", "chw", lambda x: padded(x, (0, 0), (1, 1), (1, 1))),
    ("2x3x4 pad:1+2x0+3", "chw", lambda x: padded(x, (0, 0), (1, 2), (0, 3))),
    ("3x4x2 pad:1+2x0+3", "hwc", lambda x: padded(x, (1, 2), (0, 3), (0, 0))),
    ("2x5 pad:0+2", "chw", lambda x: padded(x, (0, 0), (0, 2))),
    ("2x3 pad:0", "chw", lambda x: x),
]


def permuted(x: Any, *order: int) -> Any:
    return x.transpose(order) if isinstance(x, np.ndarray) else x.permute(order)


def padded(x: Any, *ends: tuple[int, int]) -> Any:
    """Zeros at the ends of the axes behind the batch, of arrays and of tensors."""
    if isinstance(x, np.ndarray):
        return np.pad(x, ((0, 0), *ends))
    torch = pytest.importorskip("torch")
    return torch.nn.functional.pad(x, [n for pair in reversed(ends) for n in pair])


@pytest.mark.parametrize(("line", "layout", "move"), MOVES)
def test_each_does_what_numpy_does(line: str, layout: Any, move: Any) -> None:
    program = compiled(line, layout=layout)
    expected: Array = move(program.input.data)
    for _ in range(2):
        assert program.forward().tolist() == expected.tolist()
    shape = Shape(program.input.data.shape[1:], layout)
    layer = program.trail[0][1].layer
    assert program.output.data.shape[1:] == layer.output_shape(shape, TORCH).sizes
    assert program.output.data.flags.c_contiguous


@pytest.mark.parametrize(("line", "layout", "move"), MOVES)
def test_each_does_what_torch_does(line: str, layout: Any, move: Any) -> None:
    program = compiled(line, layout=layout)
    if program.forward_calls:
        assert_is_torch(program, move, 1e-15)


@pytest.mark.parametrize(("line", "layout", "move"), MOVES)
def test_gradients_are_those_of_complex_steps(line: str, layout: Any, move: Any) -> None:
    line = f"{line} flatten dense:2"
    _, by_parameters, by_input = gradients(compiled(line, layout=layout))
    exact = complex_steps(line, layout=layout)
    assert error(by_parameters, exact[0]) < 1e-13
    assert error(by_input, exact[1]) < 1e-13


@pytest.mark.parametrize(
    "line", ["4x6 reshape:3x8", "24 reshape:-1", "1x3x4 permute:1x0x2", "2x4 crop:0", "2x3 pad:0"]
)
def test_what_moves_nothing_costs_nothing(line: str) -> None:
    program = compiled(line)
    assert program.forward_calls == program.backward_calls == []
    assert np.shares_memory(program.output.data, program.input.data)
    assert np.shares_memory(program.output.cotangent, program.input.cotangent)


@pytest.mark.parametrize(
    "line",
    [
        *("4x6 reshape:5x5", "4x6 reshape:5x-1", "4x6 permute:0x2x1"),
        *("2x4 crop:2", "2x4 crop:size=5", "4 crop:1", "4 pad:1", "3x2 select:3"),
    ],
)
def test_refuses_what_does_not_fit(line: str) -> None:
    with pytest.raises(LayerError):
        compiled(line)


@pytest.mark.parametrize("line", ["4x6 permute:1x0", "2x7 crop:2", "6x3 select:4x0", "2x3 pad:1"])
def test_types_stay_what_they_are(line: str) -> None:
    program = compiled(line, dtype=np.float32)
    assert gradients(program)[2].dtype == np.float32 == program.output.data.dtype
