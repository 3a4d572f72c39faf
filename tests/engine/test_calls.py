"""The forms of NumPy calls that cost least: they give what the plain ones give."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, error, gradients

from dlcalc.engine.operation import bound
from dlcalc.engine.operations.sums import append_sums

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(
    ("left", "right"), [((3, 4), (4, 5)), ((4,), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((3, 1), (1, 1))]
)
def test_products_of_matrices(left: tuple[int, ...], right: tuple[int, ...], kind: type) -> None:
    a, b = RANDOM.normal(size=left).astype(kind), RANDOM.normal(size=right).astype(kind)
    out = np.zeros((*left[:-1], right[-1]), kind)
    call: Any = bound(np.matmul, a, b, out)
    assert call.func is (np.dot if len(left) <= 2 else np.matmul)
    call()
    assert np.allclose(out, a @ b, rtol=1e-5)
    assert out.dtype == kind


def test_what_dot_would_refuse_stays_with_matmul() -> None:
    a, b = np.ones((3, 4)), np.ones((4, 5))
    for out in (np.zeros((5, 3)).T, np.zeros((3, 5), np.complex128)):
        call: Any = bound(np.matmul, a, b, out)
        assert call.func is np.matmul
        call()
        assert np.all(out == 4)


def test_numbers_become_arrays_of_the_same_type() -> None:
    x = np.array([1, 2], np.float32)
    call: Any = bound(np.multiply, x, 0.1, x)
    assert call.args[1].dtype == np.float32
    expected = x * 0.1
    call()
    assert np.array_equal(x, expected)
    whole = np.array([1, 2])
    untouched: Any = bound(np.multiply, whole, 2, whole)
    assert untouched.args[1] == 2 and isinstance(untouched.args[1], int)
    assert bound(print) is print


def every_set_of_axes(rank: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(rank), n) for n in range(1, rank + 1)))


@pytest.mark.parametrize("sizes", [(5,), (4, 3), (2, 3, 4), (2, 1, 3, 4)])
@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_sums_along_any_axes(sizes: tuple[int, ...], factor: float) -> None:
    array = RANDOM.normal(size=sizes)
    for along in every_set_of_axes(len(sizes)):
        out = np.zeros([1 if axis in along else n for axis, n in enumerate(sizes)])
        calls: list[Callable[[], object]] = []

        def append(function: Any, *arguments: Any, calls: Any = calls) -> None:
            calls.append(bound(function, *arguments))

        append_sums(append, array, along, out, factor)
        for call in (*calls, *calls):  # What is there before does not matter.
            call()
        assert error(out, factor * array.sum(along, keepdims=True)) < 1e-13, along


@pytest.mark.parametrize("line", ["2x20x20 conv:4,k3,g2", "3x300 conv:2,k4", "1x8x8 conv:2,k3"])
def test_gradients_of_kernels_by_parts(line: str) -> None:
    """Of many positions and of few, against one sum of products."""
    program = compiled(line, batch=3)
    cotangent, _, _ = gradients(program)
    weight = program.tensors["conv1.weight"].gradient
    groups = program.input.data.shape[1] // weight.shape[1]
    axes = tuple(range(2, program.input.data.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(program.input.data, weight.shape[2:], axes)
    for x, c, found in zip(
        np.split(windows, groups, 1), np.split(cotangent, groups, 1), np.split(weight, groups)
    ):
        names = "hw"[: len(axes)], "ij"[: len(axes)]
        term = "bo{0},bc{0}{1}->oc{1}".format(*names)
        assert error(found, np.einsum(term, c, x)) < 1e-13
