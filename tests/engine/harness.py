"""What the engine's tests share: a net as a program on random numbers, and its true gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlcalc.answers.network import load_line
from dlcalc.engine.program import Program
from dlcalc.layers.convention import CONVENTIONS

Array = np.ndarray[Any, np.dtype[Any]]


def compiled(line: str, *, like: str = "torch", seed: int = 0, **settings: Any) -> Program:
    """The program of a line of the notation, its parameters and its input drawn at random."""
    start, net = load_line(line, layout=settings.get("layout", "chw"))
    settings.setdefault("batch", 3)
    program = Program(net, start.sizes, convention=CONVENTIONS[like], **settings)
    draw = np.random.default_rng(seed)
    program.parameters[...] = draw.normal(size=program.parameters.shape) / 2
    program.input.data[...] = draw.normal(size=program.input.data.shape)
    return program


def gradients(program: Program, seed: int = 1) -> tuple[Array, Array, Array]:
    """A random cotangent of the output, the parameters' gradient, the input's cotangent."""
    cotangent = np.random.default_rng(seed).normal(size=program.output.data.shape)
    program.forward()
    program.output.cotangent[...] = cotangent
    gradient = program.backward().copy()
    return cotangent, gradient, program.input.cotangent.copy()


def differences(program: Program, vector: Array, cotangent: Array, step: float = 1e-6) -> Array:
    """The derivative of sum(cotangent * output) by each number of a vector: central differences.

    ``vector`` is ``program.parameters`` or ``program.input.data``; it is left as it was.
    """
    flat, found = vector.reshape(-1), np.zeros(vector.size)
    for index in range(flat.size):
        kept = flat[index]
        values = []
        for shift in (step, -step):
            flat[index] = kept + shift
            values.append(float(np.sum(program.forward() * cotangent)))
        flat[index] = kept
        found[index] = (values[0] - values[1]) / (2 * step)
    return found.reshape(vector.shape)


def complex_steps(line: str, **settings: Any) -> tuple[Array, Array]:
    """The same by complex steps, exact to rounding: by the parameters, and by the input.

    Only where every operation on the path is analytic.
    """
    real = compiled(line, **settings)
    cotangent, _, _ = gradients(real)
    twin = compiled(line, **{**settings, "dtype": np.complex128, "backwards": False})
    found = []
    for vector, values in ((twin.parameters, real.parameters), (twin.input.data, real.input.data)):
        flat, numbers = vector.reshape(-1), np.zeros(vector.size)
        for other, given in (
            (twin.parameters, real.parameters),
            (twin.input.data, real.input.data),
        ):
            other[...] = given
        for index in range(flat.size):
            flat[index] += 1e-30j
            numbers[index] = float(np.sum(twin.forward() * cotangent).imag) / 1e-30
            flat[index] = values.reshape(-1)[index]
        found.append(numbers.reshape(values.shape))
    return found[0], found[1]


def error(found: Array, expected: Array) -> float:
    """The largest difference, relative to the largest number expected."""
    if not expected.size:
        return 0.0
    return float(np.max(np.abs(found - expected)) / max(float(np.max(np.abs(expected))), 1e-300))
