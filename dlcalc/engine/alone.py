"""One example under a loss of the engine: its value and gradient, as a backward pass finds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import dlcalc.engine.losses  # noqa: F401 (enters the losses into the table)
from dlcalc.engine.criterion import LOSSES, Criterion
from dlcalc.engine.operation import Value
from dlcalc.engine.program import Program
from dlcalc.nets.parser import Net


def alone(
    name: str, prediction: Sequence[float], target: float, **settings: Any
) -> tuple[float, list[float]]:
    """The loss of one example, and its derivative by each of its predictions.

    The prediction of a pair is its distance: it is laid between two examples.

    >>> alone("mse", [0.5], 0.0)
    (0.25, [1.0])
    """
    kind = LOSSES[name].target
    rows = [[x] for x in (*prediction, 0.0)] if kind == "pairs" else [list(prediction)]
    data = np.array(rows, float)
    loss = Criterion(name, Value(data, np.zeros_like(data)), **settings)
    loss.set_target([[target]] if kind in ("numbers", "signs") else [target])
    value = float(loss.forward())
    return value, [float(x) for x in loss.backward()[0]]


def behind(
    net: Net, number: float, parameter: float | None, slope: Callable[[float], float]
) -> float:
    """What reaches the input of a net of one number, if its output gets the slope at it."""
    program = Program(net, (1,))
    if parameter is not None:
        program.parameters[...] = parameter
    program.input.data[...] = number
    program.output.cotangent[...] = slope(float(program.forward()[0, 0]))
    program.backward()
    return float(program.input.cotangent[0, 0])
