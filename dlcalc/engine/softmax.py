"""Softmax by NumPy in NumPy's own types, to witness what is computed without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# So many rows of a Jacobian at most.
_ROWS = 300
_TYPES = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


def _cast(dtype: str) -> Callable[[Any], Any]:
    """What rounds to a type; bfloat16 lives in float32 and loses 16 bits at every step."""
    if dtype != "bfloat16":
        return lambda x: np.asarray(x).astype(_TYPES[dtype])

    def rounded(x: Any) -> Any:
        single = np.asarray(x).astype(np.float32)
        bits = single.view(np.uint32)
        # Half a place is added, less one bit where the kept part is even; nan stays nan.
        kept = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
        return np.where(np.isnan(single), single, kept.view(np.float32))

    return rounded


def softmax_values(
    method: str, logits: tuple[float, ...], dtype: str, temperature: float, epsilon: float
) -> list[float]:
    """The values of a method in a type, each operation by NumPy in that type.

    >>> softmax_values("shifted", (1000.0, 1000.0), "float16", 1.0, 1e-8)
    [0.5, 0.5]
    """
    to = _cast(dtype)
    with np.errstate(all="ignore"):
        z = to(np.array(logits))
        if temperature != 1:
            z = to(z / to(temperature))
        if method in ("naive", "epsilon"):
            powers = to(np.exp(z))
            total = _sum(powers, to)
            if method == "epsilon":
                total = to(total + to(epsilon))
            return _listed(to(powers / total))
        top = z.max()
        if method == "log-sum-exp" and np.isinf(top):
            top = to(0)
        differences = to(z - top)
        powers = to(np.exp(differences))
        total = _sum(powers, to)
        if method == "shifted":
            return _listed(to(powers / total))
        rest = to(np.log(total))
        return _listed(to(top + rest) if method == "log-sum-exp" else to(differences - rest))


def _sum(terms: Array, to: Callable[[Any], Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = to(total + term)
    return total


def _listed(values: Any) -> list[float]:
    return [float(value) for value in np.atleast_1d(values)]


def engine_softmax(logits: tuple[float, ...], temperature: float) -> tuple[Array, Array]:
    """The softmax by the engine's layer, and by its backward pass the first rows of its Jacobian.

    >>> engine_softmax((0.0, 0.0), 1.0)[1].tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    from dlcalc.engine.program import Program
    from dlcalc.errors import Source
    from dlcalc.nets.parser import parse

    rows = min(len(logits), _ROWS)
    net = parse(Source("softmax"), files=False).net
    program = Program(net, (len(logits),), batch=rows)
    assert program.output.cotangent is not None
    assert program.input.cotangent is not None
    program.input.data[...] = np.array(logits) / temperature
    values = program.forward()[0].copy()
    # One example for each output, the loss being that output.
    program.output.cotangent[...] = np.eye(rows, len(logits))
    program.backward()
    return values, program.input.cotangent / temperature
