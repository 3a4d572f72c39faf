"""Dense layers, flattening and branches: values by hand, gradients by complex steps."""

from __future__ import annotations

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients

NETS = [
    "3 dense:4",
    "3 dense:4,bias=no",
    "2x3 dense:4 flatten dense:2",
    "3 dense:4 residual[dense:4 dense:4] dense:2",
    "3 dense:4 residual[dense:2 | dense:2] concat[dense:2 | dense:3] dense:2",
    "4x3 concat:axis=1[dense:2 | dense:5]",
    "3 multiply[dense:3 | dense:3] multiply[dense:3]",
    "4x3 aux[dense:5] dense:2",
    "3 dense:5,bias=no dense:3,bias=no,tied=dense1",
    "3 dense:3 dense:3,tied=dense1 residual[dense:3 dense:3,tied=dense1]",
]


@pytest.mark.parametrize("line", NETS)
def test_gradients_are_those_of_complex_steps(line: str) -> None:
    _, by_parameters, by_input = gradients(compiled(line))
    exact = complex_steps(line)
    assert error(by_parameters, exact[0]) < 1e-13
    assert error(by_input, exact[1]) < 1e-13


def test_values_by_hand() -> None:
    program = compiled("2 dense:2", batch=1)
    program.parameters[...] = [1, 2, 3, 4, 10, 20]
    program.input.data[...] = [[5, 6]]
    assert program.forward().tolist() == [[5 + 12 + 10, 15 + 24 + 20]]
    assert program.tensors["dense1.weight"].value.tolist() == [[1, 2], [3, 4]]


def test_a_step_runs_again_on_new_numbers() -> None:
    program = compiled("3 dense:4 dense:2")
    first = program.forward().copy()
    program.input.data[...] *= 2
    assert not np.allclose(program.forward(), first)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_stay_what_they_are(dtype: type) -> None:
    program = compiled("3 dense:4 residual[dense:4]", dtype=dtype)
    assert gradients(program)[1].dtype == dtype == program.output.data.dtype


def test_multiplications_are_counted_as_they_are_done() -> None:
    assert compiled("5x3 dense:4 multiply[dense:4]", batch=2).multiplications == {
        "weights": 2 * (5 * 3 * 4 + 5 * 4 * 4),
        "gates": 2 * 5 * 4,
    }
