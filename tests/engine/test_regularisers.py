"""Regularisers and clipping: by hand, by differences, by what they promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from engine.harness import compiled

from dlcalc.engine.clipping import clip_by_norm, clip_by_value, norm_of
from dlcalc.engine.optimisers import make
from dlcalc.engine.regularisers import (
    L1,
    L2,
    DecoupledDecay,
    ElasticNet,
    MaxNorm,
    ProximalL1,
    Regulariser,
)
from dlcalc.engine.roles import role, units, weights
from dlcalc.errors import InputError

MASK = np.array([1.0, 1.0, 0.0, 1.0])


def vector() -> Any:
    return np.array([3.0, -0.5, 2.0, 0.0])


def gradient_of(regulariser: Regulariser) -> list[float]:
    gradient = np.zeros(4)
    regulariser.on_gradient(gradient)
    return gradient.tolist()


def test_penalties_and_gradients_by_hand() -> None:
    w = vector()
    assert L1(w, 0.5, MASK).penalty() == 0.5 * 3.5
    assert gradient_of(L1(w, 0.5, MASK)) == [0.5, -0.5, 0, 0]
    assert L2(w, 0.5, MASK).penalty() == 0.25 * 9.25
    assert gradient_of(L2(w, 0.5, MASK)) == [1.5, -0.25, 0, 0]
    assert gradient_of(L2(w, 0.5)) == [1.5, -0.25, 1.0, 0]
    net = ElasticNet(w, 0.5, 2.0, MASK)
    assert net.penalty() == 0.5 * 3.5 + 9.25
    assert gradient_of(net) == [6.5, -1.5, 0, 0]
    assert gradient_of(ElasticNet(w, 0.5, 2.0, MASK, proximal=True)) == [6, -1, 0, 0]
    assert w.tolist() == vector().tolist()


@pytest.mark.parametrize("make_one", [L1, L2, lambda w, s: ElasticNet(w, s, 2 * s)])
def test_gradients_are_those_of_the_penalty(make_one: Any) -> None:
    w = np.random.default_rng(0).normal(size=9)
    regulariser, gradient = make_one(w, 0.3), np.zeros(9)
    regulariser.on_gradient(gradient)
    for index in range(9):
        values = []
        for shift in (1e-6, -1e-6):
            w[index] += shift
            values.append(regulariser.penalty())
            w[index] -= shift
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(gradient[index], rel=1e-8)


def test_they_add_to_a_gradient() -> None:
    gradient = np.ones(4)
    L2(vector(), 1.0, MASK).on_gradient(gradient)
    assert gradient.tolist() == [4, 0.5, 1, 1]
    L1(vector(), 1.0, MASK).on_gradient(gradient)
    assert gradient.tolist() == [5, -0.5, 1, 1]


def test_a_proximal_step_shrinks_to_exactly_0() -> None:
    w = vector()
    ProximalL1(w, 2.0, MASK).after_step(0.5)
    assert w.tolist() == [2, 0, 2, 0]


def test_proximal_steps_solve_the_lasso_by_hand() -> None:
    # min (w - a)^2 / 2 + |w|: w = sign(a) max(|a| - 1, 0).
    target = np.array([3.0, -0.4, -2.5, 0.9])
    w = np.zeros(4)
    regulariser, optimiser = ProximalL1(w, 1.0), make("gd", w)
    for _ in range(200):
        optimiser.step(w - target, 0.3)
        regulariser.after_step(0.3)
    assert w == pytest.approx([2, 0, -1.5, 0], abs=1e-12)
    assert w[1] == w[3] == 0


def test_decay_is_l2_under_plain_descent_and_acts_before() -> None:
    gradient = np.array([0.1, 0.2, 0.3, 0.4])
    ours, other = vector(), vector()
    decay, first, second = DecoupledDecay(ours, 0.5, MASK), make("gd", ours), make("gd", other)
    for rate in (0.1, 0.1, 0.3):
        decay.before_step(rate)
        first.step(gradient, rate)
        coupled = gradient.copy()
        L2(other, 0.5, MASK).on_gradient(coupled)
        second.step(coupled, rate)
    assert ours == pytest.approx(other, rel=1e-14)
    assert decay.penalty() == 0


def test_max_norm_by_rows() -> None:
    program = compiled("2 dense:2")
    program.parameters[...] = [3, 4, 0.3, 0.4, 9, 9]
    MaxNorm(program.tensors, 1.0).after_step(0.1)
    assert program.parameters == pytest.approx([0.6, 0.8, 0.3, 0.4, 9, 9], rel=1e-15)
    MaxNorm(program.tensors, 1.0, everything=True).after_step(0.1)
    assert np.linalg.norm(program.parameters[4:]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "sizes", "count"),
    [
        ("conv1.weight", (4, 3, 2, 2), 4),
        ("convtranspose1.weight", (3, 4, 2, 2), 4),
        ("local1.weight", (5, 6, 4, 3, 2, 2), 5 * 6 * 4),
        ("lstm1.weight_hh_l0", (16, 4), 16),
        ("encoder1.ff.up.weight", (7, 8, 4), 56),
    ],
)
def test_a_row_makes_one_output(name: str, sizes: tuple[int, ...], count: int) -> None:
    weight = np.random.default_rng(0).normal(size=sizes)
    rows = units(name, weight)
    assert np.shares_memory(rows.view, weight)
    norms = np.sqrt(np.sum(rows.view**2, axis=rows.incoming))
    assert norms.size == count


def test_max_norm_is_the_renorm_of_torch() -> None:
    torch = pytest.importorskip("torch")
    program = compiled("3x6x6 convtranspose:4,k3 conv:5,k3 flatten dense:7")
    before = {name: t.value.copy() for name, t in program.tensors.items()}
    MaxNorm(program.tensors, 1.2).after_step(0.1)
    for name, tensor in program.tensors.items():
        axis = 1 if name.startswith("convtranspose") else 0
        expected = before[name]
        if name.endswith("weight"):
            expected = torch.renorm(torch.tensor(expected), 2, axis, 1.2).numpy()
        assert np.allclose(tensor.value, expected, rtol=1e-6)


def test_weights_are_told_from_the_rest() -> None:
    program = compiled("3x6x6 conv:4,k3 bn prelu flatten dense:5 ln dense:2,bias=no")
    mask, first = weights(program.tensors), 0
    assert mask.size == program.parameters.size
    for name, tensor in program.tensors.items():
        last = first + tensor.value.size
        expected = name in ("conv1.weight", "dense1.weight", "dense2.weight")
        assert np.all(mask[first:last] == expected), name
        assert np.shares_memory(tensor.value, program.parameters[first:last])
        first = last


@pytest.mark.parametrize(
    ("name", "rank", "expected"),
    [
        ("ln1.weight", 2, "norm"),
        ("encoder1.norm2.weight", 1, "norm"),
        ("encoder1.norm2.bias", 1, "bias"),
        ("local1.bias", 3, "bias"),
        ("lstm1.bias_hh_l0_reverse", 1, "bias"),
        ("lstm1.weight_hr_l0", 2, "weight"),
        ("moe1.router.weight", 2, "weight"),
        ("embedding1.weight", 2, "weight"),
        ("prelu1.weight", 3, "slope"),
        ("subsample1.weight", 1, "coefficient"),
    ],
)
def test_roles(name: str, rank: int, expected: str) -> None:
    assert role(name, rank) == expected


@pytest.mark.parametrize("strength", [-1.0, math.nan, math.inf])
def test_strengths_that_make_no_sense_are_refused(strength: float) -> None:
    for kind in (L1, L2, ProximalL1, DecoupledDecay):
        with pytest.raises(InputError, match="must be at least 0"):
            kind(vector(), strength)
    with pytest.raises(InputError, match="must be above 0"):
        MaxNorm({}, strength)


def test_single_precision_stays_single() -> None:
    w = vector().astype(np.float32)
    for kind in (L1, L2, ProximalL1, DecoupledDecay):
        gradient = np.zeros(4, np.float32)
        regulariser = kind(w, 0.1, MASK)
        regulariser.on_gradient(gradient)
        regulariser.before_step(0.1)
        regulariser.after_step(0.1)
    assert w.dtype == gradient.dtype == np.float32


def test_clipping_by_hand() -> None:
    gradient = np.array([3.0, -4.0])
    assert clip_by_norm(gradient, 10.0) == 5 and gradient.tolist() == [3, -4]
    assert clip_by_norm(gradient, 1.0) == 5 and gradient == pytest.approx([0.6, -0.8], rel=1e-15)
    clip_by_value(gradient, 0.7)
    assert gradient == pytest.approx([0.6, -0.7], rel=1e-15)


def test_clipping_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    drawn = np.random.default_rng(0).normal(size=50)
    for limit in (0.5, 100.0):
        ours, theirs = drawn.copy(), torch.zeros(50, dtype=torch.float64)
        theirs.grad = torch.tensor(drawn)
        total = torch.nn.utils.clip_grad_norm_([theirs], limit)
        assert clip_by_norm(ours, limit) == pytest.approx(float(total), rel=1e-14)
        assert np.allclose(ours, theirs.grad.numpy(), rtol=1e-6)
        theirs.grad = torch.tensor(drawn)
        torch.nn.utils.clip_grad_value_([theirs], limit)
        ours = drawn.copy()
        clip_by_value(ours, limit)
        assert ours.tolist() == theirs.grad.tolist()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_norms_neither_overflow_nor_vanish(scale: float) -> None:
    assert norm_of(np.array([3.0, 4.0]) * scale) == pytest.approx(5 * scale, rel=1e-14)
    assert norm_of(np.zeros(3)) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_divergence_is_left_to_be_found(bad: float) -> None:
    gradient = np.array([1.0, bad, 30.0])
    assert not math.isfinite(clip_by_norm(gradient, 1.0))
    clip_by_value(gradient, 1.0)
    assert gradient[[0, 2]].tolist() == [1, 30] and not math.isfinite(gradient[1])
