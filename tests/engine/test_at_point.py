"""Gradients at the user's own point: right ones pass, planted errors are seen, kinks undecided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine.harness import Array, compiled

from dlcalc.engine.at_point import Gradients, check_here, loss_error
from dlcalc.engine.losses import LOSSES
from dlcalc.engine.program import Program

SMOOTH, KINKED = "3 dense:4 tanh dense:2", "3 dense:4 relu dense:2"


def checked(line: str, spoil: Callable[[Program], object] | None = None, **more: Any) -> Gradients:
    program = compiled(line, seed=3)
    draws = program.generator.bit_generator.state
    cotangent = np.ones_like(program.output.data)
    program.forward()
    program.output.cotangent[...] = cotangent
    program.backward()
    if spoil is not None:
        spoil(program)
    return check_here(
        program,
        lambda dtype: compiled(line, seed=3, dtype=dtype, backwards=False),
        draws,
        {},
        cotangent,
        words=False,
        **more,
    )


@pytest.mark.parametrize(
    ("line", "method"), [(SMOOTH, "complex step"), (KINKED, "central differences")]
)
def test_right_gradients_pass(line: str, method: str) -> None:
    found = checked(line)
    assert found.method == method
    assert found.error <= found.tolerance
    assert found.looked_at == found.entries == 12 + 4 + 8 + 2 + 9
    assert not found.undecided


def _scale(program: Program) -> None:
    gradient = program.tensors["dense1.weight"].gradient
    gradient.flat[np.argmax(np.abs(gradient))] *= 1.001


def _sign(program: Program) -> None:
    given = program.input.cotangent
    given.flat[np.argmax(np.abs(given))] *= -1


def _drop(program: Program) -> None:
    program.tensors["dense2.bias"].gradient[1] = 0


@pytest.mark.parametrize("line", [SMOOTH, KINKED])
@pytest.mark.parametrize("spoil", [_scale, _sign, _drop])
def test_planted_errors_are_seen(line: str, spoil: Callable[[Program], object]) -> None:
    found = checked(line, spoil)
    assert found.error > found.tolerance
    assert found.worst


def test_an_error_between_the_entries_looked_at_is_seen_along_all_of_them() -> None:
    def spoil(program: Program) -> None:
        program.tensors["dense1.weight"].gradient[7, 5] *= 1.5

    assert checked("20 dense:30 tanh", passes=6).error < 1e-9
    found = checked("20 dense:30 tanh", spoil, passes=6)
    assert found.looked_at < 10
    assert found.error > found.tolerance
    assert found.worst == "the sum along random signs"


def test_at_a_kink_nothing_is_decided() -> None:
    program = compiled("2 relu", batch=1)
    program.input.data[...] = [0.0, 1.0]
    cotangent = np.ones((1, 2))
    program.forward()
    program.output.cotangent[...] = 1
    program.backward()

    def twin(dtype: Any) -> Program:
        return compiled("2 relu", batch=1, dtype=dtype, backwards=False)

    draws = program.generator.bit_generator.state
    found = check_here(program, twin, draws, {}, cotangent, words=False)
    assert (found.looked_at, found.undecided) == (1, {"input": 1})


def _target(name: str, shape: tuple[int, int]) -> Array:
    kind = LOSSES[name].target
    if kind == "classes":
        return np.array([1, 0, 2, 1])
    if kind == "pairs":
        return np.array([1.0, 0.0])
    signs = np.where(np.arange(12).reshape(shape) % 2, 1.0, -1.0)
    return signs if kind == "signs" else 0.3 * signs


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_the_gradient_of_its_value(name: str) -> None:
    prediction = np.random.default_rng(0).normal(size=(4, 3))
    error = loss_error(name, prediction, _target(name, (4, 3)), {})
    assert error is not None
    assert error < 1e-6


def test_a_loss_with_classes_along_another_axis_and_one_at_its_kink() -> None:
    prediction = np.random.default_rng(0).normal(size=(2, 3, 2, 2))
    target = np.zeros((2, 2, 2))
    error = loss_error("cross_entropy", prediction, target, {"axis": 1})
    assert error is not None
    assert error < 1e-9
    assert loss_error("mae", np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]), {}) is None


@pytest.mark.parametrize(
    "line", ["2x3 rnn:2", "2x3 lstm:2,bidirectional=yes", "2x3 gru:2,layers=2"]
)
def test_recurrences_start_from_what_is_written(line: str) -> None:
    program = compiled(line)
    zero = program.forward().copy()
    assert program.starts
    for name, start in program.starts.items():
        assert ".h0_l" in name or ".c0_l" in name
        before = program.forward().copy()
        start[...] = 0.5
        assert not np.allclose(program.forward(), before), name
    for start in program.starts.values():
        start[...] = 0
    assert np.array_equal(program.forward(), zero)
