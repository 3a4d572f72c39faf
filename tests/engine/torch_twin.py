"""PyTorch on the numbers of a program: its output and all its gradients beside ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engine.harness import error

from dlcalc.engine.program import Program


def assert_is_torch(program: Program, function: Callable[..., Any], bound: float = 1e-10) -> None:
    """Run both, forwards and backwards. ``function`` gets the input and the tensors in order."""
    torch = pytest.importorskip("torch")
    x = torch.tensor(program.input.data, requires_grad=True)
    tensors = [torch.tensor(t.value, requires_grad=True) for t in program.tensors.values()]
    y = function(x, *tensors)
    program.forward()
    assert error(program.output.data, y.detach().numpy()) < bound
    cotangent = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(1))
    y.backward(cotangent)
    # What stood there before must not matter.
    program.input.cotangent[...] = 7
    program.gradient[...] = 7
    program.output.cotangent[...] = cotangent.numpy()
    program.backward()
    assert error(program.input.cotangent, x.grad.numpy()) < bound
    for ours, theirs in zip(program.tensors.values(), tensors):
        assert error(ours.gradient, theirs.grad.numpy()) < bound
