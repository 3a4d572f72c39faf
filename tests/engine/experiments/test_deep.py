"""The deep stacks of experiments, against back-propagation written out beside them."""

from __future__ import annotations

import numpy as np
import pytest

from dlcalc.engine.experiments.deep import Stack


def written_out(stack: Stack) -> list[float]:
    """The gradient norms of a stack of tanh layers, by the chain rule alone."""
    tensors = stack.program.tensors
    depth = len(tensors) // 2
    matrices = [tensors[f"dense{layer + 1}.weight"].value for layer in range(depth)]
    values = [stack.program.input.data]
    for matrix in matrices:
        values.append(np.tanh(values[-1] @ matrix.T))
    back, norms = stack.program.output.cotangent, []
    for layer in reversed(range(depth)):
        back = back * (1 - values[layer + 1] ** 2)
        norms.append(float(np.sqrt(((back.T @ values[layer]) ** 2).sum())))
        back = back @ matrices[layer]
    return norms[::-1]


def test_gradients_are_those_of_the_chain_rule() -> None:
    stack = Stack("tanh", depth=6, width=9, batch=5).run(np.random.default_rng(3), scale=1.5)
    assert stack.gradients() == pytest.approx(written_out(stack), rel=1e-12)


def test_what_goes_into_an_activation_comes_out_of_the_layer_in_front() -> None:
    stack = Stack("bn tanh", depth=3, width=7, batch=11).run(np.random.default_rng(4))
    for layer in range(3):
        into = stack.into(layer)
        assert into.mean(axis=0) == pytest.approx(0, abs=1e-12)
        assert into.std(axis=0) == pytest.approx(1, abs=1e-3)
    plain = Stack("tanh", depth=3, width=7, batch=11).run(np.random.default_rng(4))
    assert plain.deviations()[2] == pytest.approx(plain.into(2).std(axis=0).mean())


def test_the_end_stands_behind_the_last_layer_alone() -> None:
    stack = Stack("sigmoid", end="bn sigmoid", depth=3, width=4, batch=6)
    words = [node.layer.words[0] for _, node, _ in stack.program.trail]
    assert words == ["dense", "sigmoid", "dense", "sigmoid", "dense", "bn", "sigmoid"]
    assert (
        len(Stack("tanh", end="identity", depth=1).run(np.random.default_rng(0)).gradients()) == 1
    )


def test_settings_do_what_they_say() -> None:
    stack = Stack("relu", depth=2, width=30, batch=50)
    one = stack.run(np.random.default_rng(5)).into(0).copy()
    assert stack.run(np.random.default_rng(5), scale=3).into(0) == pytest.approx(3 * one)
    assert stack.run(np.random.default_rng(5), size=0.5).into(0) == pytest.approx(one / 2)
    assert stack.run(np.random.default_rng(5), bias=2.0).into(0) == pytest.approx(one + 2)
    noisy = stack.run(np.random.default_rng(5), noise=0.1).into(0) - one
    assert 0.08 < noisy.std() < 0.12
