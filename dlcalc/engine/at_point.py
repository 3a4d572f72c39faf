"""The gradients of a net at the very point where they were asked for, held against true ones.

`dlcalc.engine.check` proves a backward pass at points drawn at random; here the
point is the user's own, with a kink exactly on it perhaps, beside which nothing
is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.criterion import Criterion
from dlcalc.engine.derivative import CentralDifference, ComplexStep, Point, Runner, Slope
from dlcalc.engine.operation import Array, Value, find
from dlcalc.engine.points import signs
from dlcalc.engine.program import Program

#: Relative errors that pass, beside what the witness itself may be off by.
_COMPLEX, _CENTRAL = 1e-9, 1e-5
_STEP = 1e-6
#: Entries of one tensor that are looked at, and forward passes in all, about.
_ENTRIES, _PASSES = 64, 4_000

Twin = Callable[[Any], Program]


class Gradients(NamedTuple):
    """What was found: the largest relative error, where, and which entries lie at kinks.

    ``error`` is what rounding and the witness's own doubt do not explain; ``difference``
    is all of it.
    """

    method: str
    error: float
    difference: float
    worst: str
    looked_at: int
    entries: int
    undecided: dict[str, int]

    @property
    def tolerance(self) -> float:
        """Up to which relative error gradients count as right."""
        return _COMPLEX if self.method == ComplexStep.method else _CENTRAL


def check_here(
    program: Program,
    twin: Twin,
    draws: Mapping[str, Any],
    statistics: dict[str, Array],
    cotangent: Array,
    *,
    words: bool,
    passes: int = _PASSES,
) -> Gradients:
    """Hold the gradients that a program has just made against derivatives at the same point.

    ``twin`` makes the same program without a backward pass in another type; ``draws``
    and ``statistics`` are those from before the forward pass. With ``words`` the input
    is numbers of words, by which there is no derivative.
    """
    inputs = np.concatenate([data.ravel() for data, _ in program.inputs])
    point = Point(program.parameters.copy(), inputs, cotangent.copy())
    pulled = [given.ravel() for _, given in program.inputs]
    gradient = np.concatenate([program.gradient, *pulled])
    smooth = all(find(type(node.layer)).smooth(node.layer) for _, node, _ in program.trail)
    witness: ComplexStep | CentralDifference
    if smooth:
        witness = ComplexStep(Runner(twin(np.complex128), draws, statistics))
    else:
        witness = CentralDifference(Runner(twin(np.float64), draws, statistics))
    parts = [(name, tensor.value.shape) for name, tensor in program.tensors.items()]
    if not words:
        parts.append(("input", program.input.data.shape))
    cost = 1 if smooth else 10
    most = max(passes // (cost * max(len(parts), 1)), 1)
    found = _Found(gradient, witness, point)
    start = 0
    for name, sizes in parts:
        count = int(np.prod(sizes, dtype=np.int64))
        for place in _chosen(count, min(most, _ENTRIES)):
            found.look(name, tuple(int(i) for i in np.unravel_index(place, sizes)), start + place)
        start += count
    found.look_along(start)
    return Gradients(
        witness.method,
        found.error,
        found.difference,
        found.worst,
        found.looked_at,
        start,
        found.undecided,
    )


class _Found:
    """The worst of the entries looked at so far."""

    def __init__(
        self, gradient: Array, witness: ComplexStep | CentralDifference, point: Point
    ) -> None:
        self.gradient, self.witness, self.point = gradient, witness, point
        self.error, self.difference, self.worst, self.looked_at = 0.0, 0.0, "", 0
        self.undecided: dict[str, int] = {}
        #: What rounding may leave of an entry whose terms cancel.
        self.scale = float(np.max(np.abs(gradient), initial=0.0))

    def look(self, name: str, entry: tuple[int, ...], place: int) -> None:
        """Compare one entry."""
        direction = np.zeros(self.gradient.size)
        direction[place] = 1.0
        slope: Slope = self.witness.along(self.point, direction)
        if slope.bend is not None:
            self.undecided[name] = self.undecided.get(name, 0) + 1
            return
        found = float(self.gradient[place])
        self.looked_at += 1
        room = slope.noise * 100 + 1e-14 * self.scale
        size = max(abs(found), abs(slope.value), 1e-6 * self.scale)
        if size:
            self.difference = max(self.difference, abs(found - slope.value) / size)
        apart = max(abs(found - slope.value) - room, 0.0)
        error = apart / max(abs(found), abs(slope.value)) if apart else 0.0
        if error != error:
            error = np.inf
        if error > self.error:
            self.error, self.worst = error, f"{name}[{', '.join(map(str, entry))}]"

    def look_along(self, count: int) -> None:
        """Compare along a direction that moves every entry: no wrong one hides from it."""
        direction = np.zeros(self.gradient.size)
        direction[:count] = signs(np.random.default_rng(0), (count,))
        slope = self.witness.along(self.point, direction)
        size = float(np.sum(np.abs(self.gradient * direction)))
        if slope.bend is not None or not size:
            return
        apart = abs(float(np.dot(self.gradient, direction)) - slope.value) - 100 * slope.noise
        if apart / size > self.error:
            self.error, self.worst = apart / size, "the sum along random signs"


def _chosen(count: int, most: int) -> list[int]:
    """All places, or some spread evenly over them."""
    if count <= most:
        return list(range(count))
    return sorted({int(place) for place in np.linspace(0, count - 1, most)})


def loss_error(
    name: str, prediction: Array, target: Array, settings: Mapping[str, Any]
) -> float | None:
    """The largest relative error of a loss's own gradient; None where it has a kink beside it."""
    axis = settings.get("axis", -1)
    given = Criterion(name, Value(prediction.copy(), np.zeros_like(prediction)), **settings)
    given.set_target(target)
    given.forward()
    found = given.backward().copy() if axis == -1 else np.moveaxis(given.backward(), -1, axis)
    real = np.zeros(prediction.shape)
    for place in np.ndindex(prediction.shape):
        slope = _slope(given, prediction, target, place, name, settings)
        if slope is None:
            return None
        real[place] = slope
    scale = max(float(np.max(np.abs(found), initial=0.0)), 1e-300)
    return float(np.max(np.abs(real - found), initial=0.0)) / scale


def _slope(
    given: Criterion,
    prediction: Array,
    target: Array,
    place: tuple[int, ...],
    name: str,
    settings: Mapping[str, Any],
) -> float | None:
    if given.entry.smooth:
        moved = prediction.astype(np.complex128)
        moved[place] += 1e-30j
        twin = Criterion(name, Value(moved, None), **settings)
        twin.set_target(target)
        return float(twin.forward().imag) / 1e-30
    values = []
    for share in (-1.0, 0.0, 1.0):
        shifted = prediction.copy()
        shifted[place] += share * _STEP
        one = Criterion(name, Value(shifted, None), **settings)
        one.set_target(target)
        values.append(float(one.forward()))
    left, right = values[1] - values[0], values[2] - values[1]
    if abs(right - left) > 1e-3 * max(abs(left), abs(right)) + 1e-12:
        return None
    return (left + right) / (2 * _STEP)
