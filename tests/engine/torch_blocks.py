"""PyTorch on the numbers of a program with attention: its output and its gradients beside ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine.harness import error, gradients

from dlcalc.engine.program import Program


def assert_blocks_are_torch(program: Program, function: Callable[..., Any]) -> None:
    """Run both, forwards and backwards. ``function`` gets the input and the tensors by name.

    All gradients are measured as one: that of a key's bias is 0 but for rounding, as
    it moves all scores of a row alike.
    """
    torch = pytest.importorskip("torch")
    x = torch.tensor(program.input.data, requires_grad=True)
    tensors = {
        name.partition(".")[2]: torch.tensor(one.value, requires_grad=True)
        for name, one in program.tensors.items()
    }
    y = function(x, tensors)
    program.input.cotangent[...] = 7  # What stood there before must not matter.
    program.gradient[...] = 7
    cotangent, gradient, by_input = gradients(program)
    y.backward(torch.tensor(cotangent))
    assert error(program.output.data, y.detach().numpy()) < 1e-12
    assert error(by_input, x.grad.numpy()) < 1e-12
    expected = np.concatenate([one.grad.numpy().ravel() for one in tensors.values()])
    assert error(gradient, expected) < 1e-12
