"""Mixtures of experts: values by a loop, gradients by complex steps, the algebra's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients

from dlcalc.answers.counting import count, sums
from dlcalc.answers.counting import walk as counted
from dlcalc.answers.network import load_line
from dlcalc.engine.program import Program
from dlcalc.errors import LayerError
from dlcalc.layers.convention import TORCH
from dlcalc.nets.trace import trace

NETS = [
    "4 moe:3,active=2[dense:4 tanh]",
    "5x4 moe:3,active=1[dense:5 silu dense:3]",
    "5x4 moe:1,active=1[dense:3]",
    "5x4 moe:3,active=3[ln dense:3 rmsnorm]",
    "5x4 moe:3[moe:2[dense:3 tanh] dense:2]",
    "5x4 moe:3[residual[dense:4 tanh] concat:axis=1[dense:2 | identity] multiply[dense:1]]",
    # A weight of the same expert, of the net outside, and of outside two mixtures.
    "5x4 moe:3[dense:4 tanh dense:4,tied=dense1]",
    "5x4 dense:4 moe:3[dense:4,tied=dense1 tanh]",
    "5x4 dense:3 moe:3[dense:4,tied=dense1 moe:2[dense:3,tied=dense1 tanh]]",
]


@pytest.mark.parametrize("line", NETS)
def test_gradients_are_those_of_complex_steps(line: str) -> None:
    """A router's choice does not move by so little."""
    _, by_parameters, by_input = gradients(compiled(line))
    exact = complex_steps(line)
    assert error(by_parameters, exact[0]) < 1e-12
    assert error(by_input, exact[1]) < 1e-12


@pytest.mark.parametrize("line", NETS)
def test_the_algebra_says_the_same(line: str) -> None:
    start, net = load_line(line)
    layers = count(trace(net, start), TORCH)
    program = compiled(line)
    claimed = {name: sizes for layer in counted(layers) for name, sizes in layer.tensors.items()}
    assert {name: tensor.value.shape for name, tensor in program.tensors.items()} == claimed
    held = sums(layers)
    expected = {"weights": held.products, "gates": held.parts["gates"]}
    assert program.multiplications == {
        kind: program.batch * number for kind, number in expected.items()
    }
    shown = {name: value.data.shape[1:] for name, _, value in program.trail}
    assert shown == {layer.name: layer.step.output.sizes for layer in counted(layers)}


def test_values_by_a_plain_loop() -> None:
    program = compiled("6x4 moe:4,active=2[dense:5 relu dense:3]", batch=2)
    t = {name.removeprefix("moe1."): one.value for name, one in program.tensors.items()}
    program.forward()
    found = program.output.data.reshape(-1, 3)
    for x, y in zip(program.input.data.reshape(-1, 4), found, strict=True):
        scores = t["router.weight"] @ x
        best = sorted(range(4), key=lambda e: -scores[e])[:2]
        shares = np.exp(scores[best]) / np.exp(scores[best]).sum()
        expected = np.zeros(3)
        for share, e in zip(shares, best, strict=True):
            hidden = np.maximum(t["dense1.weight"][e] @ x + t["dense1.bias"][e], 0)
            expected += share * (t["dense2.weight"][e] @ hidden + t["dense2.bias"][e])
        assert error(y, expected) < 1e-13


def test_an_expert_that_no_token_chooses_has_no_gradient() -> None:
    program = compiled("5x4 moe:3,active=1[dense:3]")
    program.tensors["moe1.router.weight"].value[...] = 0  # Of equal scores the first.
    program.gradient[...] = 9
    gradients(program)
    gradient = program.tensors["moe1.dense1.weight"].gradient
    assert gradient[0].all()
    assert not gradient[1:].any()


def test_other_numbers_leave_no_trace() -> None:
    """What was compiled for other choices does not matter either."""
    line = "7x4 moe:4[dense:3 tanh]"
    used, fresh = compiled(line), compiled(line)
    for seed in range(5):
        used.input.data[...] = np.random.default_rng(seed).normal(size=used.input.data.shape)
        gradients(used)
    for program in (used, fresh):
        program.input.data[...] = np.random.default_rng(8).normal(size=program.input.data.shape)
    for one, other in zip(gradients(used), gradients(fresh), strict=True):
        assert np.array_equal(one, other)


def test_experts_are_compiled_for_powers_of_two_alone() -> None:
    program = compiled("1 moe:2,active=1[dense:1,bias=no]", batch=13)
    mixture: Any = next(
        call.__self__ for call in program.forward_calls if hasattr(call, "__self__")
    )
    for positive in range(14):
        program.tensors["moe1.router.weight"].value[...] = [[1], [0]]
        program.input.data[...] = -1
        program.input.data[:positive] = 1
        program.forward()
    sizes = {tokens for _, tokens in mixture._programs}
    assert sizes == {1, 2, 4, 8}


def test_experts_draw_from_the_programs_own_generator() -> None:
    line = "200x8 moe:2[dropout:0.5]"
    evaluating, training = compiled(line), compiled(line, training=True)
    assert evaluating.forward().all()
    draws = training.generator.bit_generator.state
    first = training.forward().copy()
    assert not np.array_equal(first, training.forward())
    training.generator.bit_generator.state = draws
    assert np.array_equal(first, training.forward())
    assert 0.2 < float(np.mean(first == 0)) < 0.3  # Both experts drop a value: 1/4.


def test_single_precision_stays_single() -> None:
    program = compiled(NETS[1], dtype=np.float32)
    _, gradient, _ = gradients(program)
    assert gradient.dtype == np.float32 == program.output.data.dtype
    assert error(gradient, gradients(compiled(NETS[1]))[1]) < 1e-4


def test_forward_alone_needs_no_backward() -> None:
    for line in NETS:
        assert error(compiled(line, backwards=False).forward(), compiled(line).forward()) == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2x4x4 moe:2[dense:4]", "but gets 3 axes"),
        ("5x4 moe:2[flatten]", "each token alone"),
        ("4 moe:2[bn]", "each token alone"),
        ("4 moe:2[dense:4,tied=dense7]", "no layer dense7"),
    ],
)
def test_refusals(line: str, says: str) -> None:
    start, net = load_line(line)
    with pytest.raises(LayerError, match=says):
        Program(net, start.sizes, batch=2)
