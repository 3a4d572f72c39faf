"""True derivatives of a net's forward pass: the witnesses that its backward pass is held against.

Both take the derivative of sum(cotangent * output) along a direction of the
point, which is all trained numbers and the inputs in one row. A complex step,
Im f(x + ih v)/h, subtracts nothing and is exact to rounding (Squire and Trapp,
"Using Complex Variables to Estimate Derivatives of Real Functions", 1998).
Central differences serve where an operation has kinks: they look for them too.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, find
from dlcalc.engine.program import Program

_IMAGINARY = 1e-30
_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
_EPSILON = float(np.finfo(np.float64).eps)
#: A change of slope from which on a kink is seen, as a share of what the value changes.
_BEND = 1e-6
#: Central differences stop at this relative accuracy; they have little more to give.
_GOAL = 1e-8
#: The step, as a share of itself, within which a kink counts as lying at the point.
_AT_THE_POINT = 1e-3


class Point(NamedTuple):
    """Where derivatives are taken: the parameters, the inputs in a row, the output's cotangent."""

    parameters: Array
    inputs: Array
    cotangent: Array


class Bend(NamedTuple):
    """A kink or a jump that a step met: the layer, its output, and how far away it lies."""

    layer: str
    output: tuple[int, ...]
    distance: float
    step: float
    tie: bool


class Slope(NamedTuple):
    """A derivative and the error that it may have; with a bend it holds on neither side."""

    value: float
    noise: float = 0.0
    bend: Bend | None = None


class Runner:
    """A program that gives the same output for the same point, whatever it draws and keeps."""

    def __init__(self, program: Program, draws: Mapping[str, Any], statistics: dict[str, Array]):
        self.program = program
        self._draws = draws
        self._statistics = statistics

    def run(self, point: Point) -> Array:
        """The output at a point."""
        self.program.parameters[...] = point.parameters
        self.fill(point.inputs)
        return self.again()

    def fill(self, row: Array) -> None:
        """Write the inputs from their numbers in a row."""
        first = 0
        for data, _ in self.program.inputs:
            data[...] = row[first : first + data.size].reshape(data.shape)
            first += data.size

    def again(self) -> Array:
        """The output for what the arrays hold."""
        program = self.program
        program.generator.bit_generator.state = self._draws
        for name, kept in self._statistics.items():
            program.statistics[name][...] = kept
        return program.forward()

    def gradient(self, point: Point) -> Array:
        """What the backward pass says: by all parameters, then by the inputs, in one row."""
        program = self.program
        self.run(point)
        program.output.cotangent[...] = point.cotangent
        program.backward()
        pulled = [cotangent.ravel() for _, cotangent in program.inputs]
        return np.concatenate([program.gradient, *pulled])


class ComplexStep:
    """Exact derivatives of a net whose operations are all analytic, by its complex twin."""

    method = "complex step"

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def outputs(self, point: Point) -> Array:
        """The output at the point itself; no imaginary part may arise."""
        with warnings.catch_warnings():
            # An operation that throws the imaginary part away would pass for a constant.
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return self.runner.run(point).copy()

    def along(self, point: Point, direction: Array) -> Slope:
        """The derivative along a direction whose largest number is about 1."""
        program = self.runner.program
        count = program.parameters.size
        step = _IMAGINARY * direction
        program.parameters.real, program.parameters.imag = point.parameters, step[:count]
        self.runner.fill(point.inputs + 1j * step[count:])
        output = self.runner.again()
        return Slope(float(np.sum(point.cotangent * output.imag)) / _IMAGINARY)


class CentralDifference:
    """Derivatives from five points on a line, and the kinks between them.

    Steps h and h/2 give (4 D(h/2) - D(h))/3, whose error is of the fourth order
    (Richardson). Second differences of every kinked layer's output tell a bend
    from curvature: where they change by more than curvature lets them, a kink
    or a jump lies between the five points, and the step is made smaller.
    """

    method = "central differences"

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        program = runner.program
        kinked = {
            name: value.data
            for name, node, value in program.trail
            if not find(type(node.layer)).smooth(node.layer)
        }
        self._watched: dict[str, Array] = {**kinked, "output": program.output.data}

    def along(self, point: Point, direction: Array) -> Slope:
        """The derivative along a direction whose largest number is about 1."""
        best: Slope | None = None
        bend: Bend | None = None
        moved = np.zeros(point.cotangent.shape, bool)
        for step in _STEPS:
            slope = self._at(point, direction, step, moved)
            if slope.bend is not None:
                bend = slope.bend
            elif best is None or slope.noise < best.noise:
                best = slope
            if best is not None and best.noise <= _GOAL * abs(best.value):
                break
        return best if best is not None else Slope(0.0, 0.0, bend)

    def confirmed(self, point: Point, direction: Array, slope: Slope) -> Slope:
        """The slope, or a bend where a smaller step finds another one."""
        moved = np.zeros(point.cotangent.shape, bool)
        self._at(point, direction, _STEPS[0], moved)
        for step in _STEPS[2:]:
            other = self._at(point, direction, step, moved)
            if other.bend is not None:
                continue
            if abs(other.value - slope.value) > 10 * (other.noise + slope.noise):
                layer = "output"
                return Slope(0.0, 0.0, Bend(layer, (), step, step, False))
            return slope
        return slope

    def _samples(self, point: Point, direction: Array, step: float) -> list[dict[str, Array]]:
        count = point.parameters.size
        found = []
        for share in (-1.0, -0.5, 0.0, 0.5, 1.0):
            move = share * step * direction
            self.runner.run(
                point._replace(
                    parameters=point.parameters + move[:count],
                    inputs=point.inputs + move[count:],
                )
            )
            found.append({name: data.copy() for name, data in self._watched.items()})
        return found

    def _at(self, point: Point, direction: Array, step: float, moved: Array) -> Slope:
        """The derivative by one step. ``moved`` marks the outputs that any step so far moved."""
        samples = self._samples(point, direction, step)
        outputs = [sample["output"] for sample in samples]
        # What a smaller step leaves where it is may have been held back by rounding.
        moved |= outputs[4] != outputs[0]
        for name in self._watched:
            bend = _bend(name, [sample[name] for sample in samples], step)
            if bend is not None:
                return Slope(0.0, 0.0, bend)
        # Differences before sums: what does not move cancels exactly.
        wide = float(np.sum(point.cotangent * (outputs[4] - outputs[0]))) / (2 * step)
        narrow = float(np.sum(point.cotangent * (outputs[3] - outputs[1]))) / step
        size = float(np.sum(np.abs(point.cotangent * outputs[2]) * moved))
        # Rounding of the outputs, and a thousandth of the error that Richardson takes away.
        noise = 4 * _EPSILON * size / step + 1e-3 * abs(wide - narrow)
        return Slope((4 * narrow - wide) / 3, noise)


def _bend(layer: str, samples: list[Array], step: float) -> Bend | None:
    """The strongest kink or jump in five equally spaced samples of an array, if there is one."""
    if not samples[0].size:
        return None
    first, second, third, fourth, fifth = samples
    seconds = np.stack(
        [first - 2 * second + third, second - 2 * third + fourth, third - 2 * fourth + fifth]
    )
    thirds = np.max(np.abs(np.diff(seconds, axis=0)), axis=0)
    moved = np.max(np.abs(np.diff(np.stack(samples), axis=0)), axis=0)
    rounding = 64 * _EPSILON * float(np.max(np.abs(third), initial=0.0))
    excess = thirds - (_BEND * moved + rounding)
    index = int(np.argmax(excess))
    if not excess.flat[index] > 0:
        return None
    # One kink at w half steps gives second differences of c*hat(w + 1), c*hat(w), c*hat(w - 1).
    left, middle, right = (float(part.flat[index]) for part in seconds)
    total = left + middle + right
    half_steps = (right - left) / total if total else 0.0
    where = tuple(int(i) for i in np.unravel_index(index, third.shape))
    distance = min(abs(half_steps) / 2, 1.0)
    return Bend(layer, where, distance * step, step, distance < _AT_THE_POINT)
