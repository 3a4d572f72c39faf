"""One activation run by the engine: values, slopes of its backward pass, and steps along x."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, find
from dlcalc.engine.program import Program
from dlcalc.nets.parser import Net

_IMAGINARY = 1e-30
_STEP = 1e-5


class Run(NamedTuple):
    """What the engine finds at points; ``steps`` are slopes that no backward pass has seen.

    ``analytic`` says whether they are complex steps or, across a formula with kinks,
    central differences.
    """

    values: Array
    slopes: Array
    steps: Array
    analytic: bool


def run(net: Net, points: Array, parameter: float | None = None) -> Run:
    """Run a net of one activation on points, all as one example; its trained numbers are given.

    Central differences hold only where no kink lies within 1e-5 of a point.
    """
    program = _program(net, points, np.float64, parameter, backwards=True)
    values = program.forward()[0].copy()
    program.output.cotangent[...] = 1
    program.backward()
    slopes = program.input.cotangent[0].copy()
    layer = program.trail[0][1].layer
    analytic = find(type(layer)).smooth(layer)
    if analytic:
        twin = _program(net, points, np.complex128, parameter, backwards=False)
        twin.input.data[0] += 1j * _IMAGINARY
        return Run(values, slopes, twin.forward()[0].imag / _IMAGINARY, True)
    # The step that is added is the one that floats make of it.
    ahead, behind = points + _STEP, points - _STEP
    high = _program(net, ahead, np.float64, parameter, backwards=False).forward()[0]
    low = _program(net, behind, np.float64, parameter, backwards=False).forward()[0]
    return Run(values, slopes, (high - low) / (ahead - behind), False)


def _program(
    net: Net, points: Array, dtype: object, parameter: float | None, *, backwards: bool
) -> Program:
    program = Program(net, (points.size,), dtype=dtype, backwards=backwards)
    if parameter is not None:
        program.parameters[...] = parameter
    program.input.data[0] = points
    return program
