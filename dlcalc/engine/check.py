"""Gradient checking: the backward pass of a net held against derivatives of its forward pass.

Every tensor is looked at in two ways. Samples: derivatives by single entries,
all of a small tensor. Projections: one derivative along a direction that moves
every entry, which no single wrong entry of a large tensor escapes. What
counts as equal is measured, not assumed: point and cotangent are changed by a
rounding error here and there, and what the gradient then changes by is what
rounding makes of it. So a tensor may be a million times smaller than the
others, and half of one of its entries is still seen to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.corners import corners
from dlcalc.engine.derivative import Bend, CentralDifference, ComplexStep, Runner, Slope
from dlcalc.engine.operation import Array, find
from dlcalc.engine.points import Draw, Part, Points, signs, words
from dlcalc.engine.program import Program
from dlcalc.engine.report import Kink, Report, TensorCheck
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Layout
from dlcalc.nets.parser import Net

#: Relative errors up to these pass, beside what rounding explains.
_COMPLEX, _CENTRAL, _SINGLE = 1e-9, 1e-6, 1e-4
#: Rounding is measured a few times; it may be so much larger than the largest met.
_MARGIN = 100.0
_JUMP = Bend("the backward pass", (), 0.0, 0.0, True)
#: How often a point is drawn anew because of a kink beside it.
_POINTS = 5


def check(
    net: Net,
    sizes: tuple[int, ...],
    *,
    batch: int = 2,
    convention: Convention = TORCH,
    layout: Layout = "chw",
    training: bool = False,
    seed: int = 0,
    dtype: Any = np.float64,
    samples: int = 64,
) -> Report:
    """Hold a net's gradients against true derivatives at points drawn at random.

    >>> from dlcalc.answers.network import load_line
    >>> start, net = load_line("3 dense:4 tanh dense:2")
    >>> report = check(net, start.sizes, batch=2)
    >>> report.method, report.passed
    ('complex step', True)
    """
    settings: dict[str, Any] = {
        "batch": batch,
        "convention": convention,
        "layout": layout,
        "training": training,
        "seed": seed,
    }
    return _Check(net, sizes, settings, np.dtype(dtype), samples).report()


class _Entry(NamedTuple):
    number: int
    error: float
    found: float
    expected: float
    zero: bool


class _Check:
    def __init__(
        self,
        net: Net,
        sizes: tuple[int, ...],
        settings: dict[str, Any],
        dtype: np.dtype[Any],
        samples: int,
    ) -> None:
        self.settings = settings
        self.seed = settings["seed"]
        self.samples = samples
        program = Program(net, sizes, dtype=dtype, **settings)
        self.smooth = all(find(type(node.layer)).smooth(node.layer) for _, node, _ in program.trail)
        draws = program.generator.bit_generator.state
        random = np.random.default_rng([self.seed, 1])
        # Not what they are filled with at first: 0 and 1 hide dropped terms and factors.
        statistics: dict[str, Array] = {
            name: np.asarray(random.uniform(0.5, 1.5, kept.shape), np.float32)
            for name, kept in program.statistics.items()
        }
        self.runner = Runner(program, draws, statistics)
        self.points = Points(self.runner, words(net), self.seed)
        twin = Program(net, sizes, dtype=np.float64, backwards=False, **settings)
        self.differences = CentralDifference(Runner(twin, draws, statistics))
        self.witness: ComplexStep | CentralDifference = self.differences
        if self.smooth:
            complex_twin = Program(net, sizes, dtype=np.complex128, backwards=False, **settings)
            self.witness = ComplexStep(Runner(complex_twin, draws, statistics))
        self.tolerance = _COMPLEX if self.smooth else _CENTRAL
        if dtype.itemsize < 8:
            self.tolerance = _SINGLE
        self.parts = self._all_parts(program)
        self.kinks: list[Kink] = []
        self.failures: list[str] = []

    def _all_parts(self, program: Program) -> list[Part]:
        parts, start = [], 0
        for name, tensor in program.tensors.items():
            parts.append(Part(name, start, tensor.value.shape))
            start += tensor.value.size
        memories = [f"{name}.memory" for name in program.memories]
        for name, (data, _) in zip(["input", *memories], program.inputs, strict=True):
            if name != "input" or self.points.words is None:
                parts.append(Part(name, start, data.shape))
            start += data.size
        return [part for part in parts if part.size]

    def report(self) -> Report:
        method, tensors = self.witness.method, []
        draw = self.points.draw(0)
        try:
            if self._comparable(draw):
                tensors = [self._tensor(part) for part in self.parts]
                tensors += self._everything()
        except (TypeError, np.exceptions.ComplexWarning) as error:
            if not self.smooth:
                raise
            self.failures.append(f"said to be analytic, but takes no complex numbers: {error}")
        at_kinks = corners(self.runner.program, self.settings)
        self.failures += [f"not between its sides: {at}" for at in at_kinks if not at.allowed]
        if not self.points.repeatable:
            self.failures.append("the same numbers and draws give another gradient the second time")
        undecided = (*map(str, at_kinks), *self._not_decided())
        return Report(method, tuple(tensors), tuple(self.kinks), tuple(self.failures), undecided)

    def _not_decided(self) -> Iterator[str]:
        if self.points.words is not None:
            yield "input: holds numbers of words, by which there is no derivative"
        if not self.smooth:
            yield (
                "at a kink or a tie itself the gradient is a choice among those of its sides: "
                "no sample lies on one"
            )

    def _comparable(self, draw: Draw) -> bool:
        """Whether the witness looks at the same function, and finds the same slope in two ways."""
        if not np.all(np.isfinite(draw.gradient)):
            bad = [p.name for p in self.parts if not np.all(np.isfinite(draw.gradient[p.stretch]))]
            self.failures.append(f"not finite: the gradient by {', '.join(bad) or 'the input'}")
            return False
        output = self.runner.run(draw.point).astype(np.float64)
        if isinstance(self.witness, ComplexStep):
            other = self.witness.outputs(draw.point)
        else:
            other = self.witness.runner.run(draw.point)
        scale = float(np.max(np.abs(output), initial=0.0))
        if float(np.max(np.abs(output - other), initial=0.0)) > 1e5 * self.points.epsilon * scale:
            kind = "complex numbers" if self.smooth else "float64"
            self.failures.append(
                f"the forward pass in {kind} gives other outputs: nothing to compare"
            )
            return False
        if self.smooth:
            self._truly_analytic(draw)
        return True

    def _truly_analytic(self, draw: Draw) -> None:
        """Hold the complex step against a difference, should an operation not be analytic."""
        direction = self._signs(np.random.default_rng([self.seed, 3]), None)
        exact = self.witness.along(draw.point, direction)
        rough = self.differences.along(draw.point, direction)
        size = float(np.sum(np.abs(draw.gradient * direction)))
        if rough.bend is not None:
            self.failures.append(f"said to be analytic, but bends: {rough.bend.layer}")
        elif abs(exact.value - rough.value) > 1e-6 * size + 10 * rough.noise:
            self.failures.append(
                "said to be analytic, but the complex step and central differences disagree: "
                f"{exact.value:.9g} and {rough.value:.9g}"
            )

    # Samples.

    def _tensor(self, part: Part) -> TensorCheck:
        random = np.random.default_rng([self.seed, 4, part.start])
        pending = self._sampled(part, self.points.draw(0).gradient, random)
        entries: list[_Entry] = []
        for attempt in range(_POINTS):
            again = []
            for index in pending:
                entry = self._entry(part, index, self.points.draw(attempt))
                if entry is None:
                    again.append(index)
                else:
                    entries.append(entry)
            pending = again
            if not pending:
                break
        missing, sees, open_ = self._projections(part, random)
        return self._judged(part, entries, len(pending), (missing, sees, open_))

    def _sampled(self, part: Part, gradient: Array, random: np.random.Generator) -> list[int]:
        """Entries to look at: all, or some at random, the largest and the smallest."""
        if part.size <= self.samples:
            return list(range(part.size))
        sizes = np.abs(gradient[part.stretch])
        chosen = random.choice(part.size, self.samples, replace=False).tolist()
        return sorted({*chosen, int(np.argmax(sizes)), int(np.argmin(sizes))})

    def _entry(self, part: Part, index: int, draw: Draw) -> _Entry | None:
        """One entry's error relative to itself and to what rounding explains; None at a kink."""
        place = part.start + index
        direction = np.zeros(draw.gradient.size)
        direction[place] = 1.0
        slope = self._slope(draw, direction)
        if slope.bend is None:
            found = float(draw.gradient[place])
            rounding = draw.rounding_at(place)
            if self._jumps(draw, rounding, max(abs(found), abs(slope.value)), 1.0):
                slope = slope._replace(bend=_JUMP)
            room = _MARGIN * rounding + slope.noise
            error = self._error(found, slope.value, room)
            if error > self.tolerance:
                slope, room = self._once_more(draw, direction, slope, room)
                error = self._error(found, slope.value, room)
        if slope.bend is not None:
            self._named(part, _unraveled(index, part.shape), slope.bend)
            return None
        zero = room > max(abs(found), abs(slope.value))
        return _Entry(index, error, found, slope.value, zero)

    def _error(self, found: float, expected: float, room: float) -> float:
        """At most the tolerance exactly if the difference is below tolerance*size + room."""
        size = max(abs(found), abs(expected)) + room / self.tolerance
        return abs(found - expected) / size if size else 0.0

    def _jumps(self, draw: Draw, rounding: float, own: float, length: Any) -> bool:
        """Whether the gradient moves by more than rounding can: it sits on a jump of its own."""
        if rounding <= 1e-4 * own:
            return False
        whole = float(np.max(np.abs(draw.gradient), initial=0.0))
        return rounding > 1e5 * self.points.epsilon * whole * float(length)

    def _slope(self, draw: Draw, direction: Array) -> Slope:
        return self.witness.along(draw.point, direction)

    def _once_more(
        self, draw: Draw, direction: Array, slope: Slope, room: float
    ) -> tuple[Slope, float]:
        """Before a gradient is called wrong, doubt the witness."""
        if isinstance(self.witness, CentralDifference):
            slope = self.witness.confirmed(draw.point, direction, slope)
        others = [self.witness.along(point, direction) for point, _ in draw.nearby]
        apart = [abs(other.value - slope.value) for other in others if other.bend is None]
        # Rounding inside the net, as of a bias that a norm behind it takes away again.
        return slope, room + _MARGIN * max(apart, default=0.0)

    def _named(self, part: Part | None, entry: tuple[int, ...] | None, bend: Bend) -> None:
        name = part.name if part else "the net"
        self.kinks.append(Kink(name, entry, bend.layer, bend.output, bend.distance, bend.tie))

    # Projections.

    def _signs(self, random: np.random.Generator, part: Part | None) -> Array:
        """Random signs with sizes from 1/2 to 1.

        Signs alone would let two equal and opposite errors pass half of the time.
        """
        total = self.points.draw(0).gradient.size
        drawn = signs(random, (total,)) * random.uniform(0.5, 1.0, total)
        direction = np.zeros(total)
        for one in self.parts if part is None else [part]:
            direction[one.stretch] = drawn[one.stretch]
        return direction

    def _evened(self, direction: Array, gradient: Array) -> Array:
        """The direction by the inverse of each entry's gradient: small ones count as much."""
        evened = np.zeros_like(direction)
        for part in self.parts:
            own = np.abs(gradient[part.stretch])
            usual = float(np.sqrt(np.mean(own**2))) or float(np.max(np.abs(gradient))) or 1.0
            evened[part.stretch] = direction[part.stretch] / np.maximum(own, 1e-6 * usual)
        largest = float(np.max(np.abs(evened), initial=0.0))
        return evened / largest if largest else evened

    def _projections(
        self, part: Part | None, random: np.random.Generator
    ) -> tuple[float, float, int]:
        """The worst error by what rounding explains, the least error seen, how many are open."""
        missing, sees, undecided = 0.0, np.inf, 0
        for evened in (False, True):
            for attempt in range(_POINTS):
                draw = self.points.draw(attempt)
                direction = self._signs(random, part)
                if evened:
                    direction = self._evened(direction, draw.gradient)
                found = self._projected(draw, direction, part)
                if found is not None:
                    break
            if found is None:
                undecided += 1
                continue
            missing = max(missing, found[0])
            if not evened:
                sees = found[1]
        return missing, sees, undecided

    def _projected(
        self, draw: Draw, direction: Array, part: Part | None
    ) -> tuple[float, float] | None:
        slope = self._slope(draw, direction)
        found = float(np.dot(direction, draw.gradient))
        terms = float(np.sqrt(np.sum((direction * draw.gradient) ** 2)))
        rounding = draw.rounding(direction)
        if slope.bend is None and self._jumps(draw, rounding, terms, np.linalg.norm(direction)):
            slope = slope._replace(bend=_JUMP)
        room = _MARGIN * (rounding + self.points.epsilon * terms) + slope.noise
        if slope.bend is None and abs(found - slope.value) > room:
            slope, room = self._once_more(draw, direction, slope, room)
        if slope.bend is not None:
            self._named(part, None, slope.bend)
            return None
        own = draw.gradient if part is None else draw.gradient[part.stretch]
        usual = float(np.sqrt(np.mean(own**2))) if own.size else 0.0
        difference = abs(found - slope.value)
        missing = difference / room if room else (np.inf if difference else 0.0)
        return missing, (2 * room / usual if usual else np.inf)

    def _everything(self) -> list[TensorCheck]:
        """All tensors and the input moved together."""
        if not self.parts:
            return []
        random = np.random.default_rng([self.seed, 5])
        whole = Part("all together", 0, (sum(part.size for part in self.parts),))
        return [self._judged(whole, [], 0, self._projections(None, random))]

    def _judged(
        self, part: Part, entries: list[_Entry], left: int, projected: tuple[float, float, int]
    ) -> TensorCheck:
        missing, sees, open_ = projected
        worst = max(entries, key=lambda entry: entry.error, default=_Entry(0, 0.0, 0.0, 0.0, False))
        verdict = "undecided" if left or open_ else "right"
        if worst.error > self.tolerance or missing > 1:
            verdict = "wrong"
        return TensorCheck(
            part.name,
            self.witness.method,
            part.size,
            len(entries),
            worst.error,
            _unraveled(worst.number, part.shape),
            worst.found,
            worst.expected,
            missing,
            sees,
            sum(entry.zero for entry in entries),
            left + open_,
            verdict,
        )


def _unraveled(index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(index, shape))
