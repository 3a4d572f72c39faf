"""Equations of a net put to the proof: against the loss itself, the engine, and each other.

The forward equations make the loss a function of every array on its way. What a
backward equation says is the derivative of that function by its array, so each
equation is checked by itself, and the first that fails is the one that is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.program import Program
from dlcalc.expr.parse import parse
from dlcalc.nets.parser import Net
from dlcalc.symbolic.matrix.evaluate import evaluate
from dlcalc.symbolic.network.equations import (
    BACKWARD,
    FORWARD,
    GRADIENT,
    LOSS,
    Equation,
    Equations,
)
from dlcalc.symbolic.network.index import Array, Evaluator, read
from dlcalc.symbolic.network.rules import ACTIVATIONS, Loss

#: Examples that are checked at once where they meet.
BATCH = 4
_IMAGINARY = 1e-30
_STEP = 1e-6
_EXACT, _CENTRAL = 1e-9, 1e-5
# The share of an error's size that a sum of such errors counts as having, where it cancels.
_CANCELLED = 1e-3


class Residual(NamedTuple):
    """How far an equation is from what it should be, relative to its size; the bound it keeps."""

    equation: Equation
    error: float
    bound: float

    @property
    def right(self) -> bool:
        """Whether it is within its bound; what is not a number is not."""
        return self.error <= self.bound


class Proof(NamedTuple):
    """What was checked: each equation by itself, the engine's gradients, the matrix view."""

    method: str
    residuals: tuple[Residual, ...]
    engine: float
    engine_bound: float
    #: The largest difference of matrix and index equations; None where there is no matrix view.
    matrix: float | None
    values: dict[str, Array]

    @property
    def wrong(self) -> Equation | None:
        """The first equation that is wrong."""
        return next((each.equation for each in self.residuals if not each.right), None)


class Checker:
    """The equations of one net at work on random numbers, or on given ones."""

    def __init__(
        self, equations: Equations, loss: Loss, net: Net, sizes: tuple[int, ...], seed: int = 0
    ) -> None:
        self.equations, self.loss = equations, loss
        self.blocks = equations.blocks
        self.batched = self.blocks[0].batched
        self.examples = BATCH if self.batched else 1
        self.program = Program(
            net, sizes, batch=self.examples, training=True, input_cotangent=False, seed=seed
        )
        self.draw = np.random.default_rng([seed, 17])
        self.smooth = loss.smooth and all(_smooth(block) for block in self.blocks)
        self.given = self._arrays(sizes)

    def _arrays(self, sizes: tuple[int, ...]) -> dict[str, Array]:
        """Random tensors, input and targets by the letters of the equations."""
        found: dict[str, Array] = {}
        for block in self.blocks:
            for letter, names in block.tensors.items():
                shape = self.program.tensors[names[0]].value.shape
                fan = max(int(np.prod(shape[1:])), 1)
                found[letter] = np.asarray(self.draw.normal(size=shape)) / np.sqrt(fan)
                if letter.startswith("gamma"):
                    found[letter] = np.asarray(self.draw.uniform(0.5, 1.5, shape))
            if block.word == "bn":
                found[f"eps{block.number}"] = np.array(float(block.layer.eps))
        found["a1"] = self.draw.normal(size=self._stacked(sizes))
        found["y"] = self._targets(self._stacked(self.blocks[-1].output))
        if self.batched:
            found["N"] = np.array(float(self.examples))
        return found

    def _stacked(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes with the examples before them, where the net has them."""
        return (self.examples, *sizes) if self.batched else sizes

    def _targets(self, sizes: tuple[int, ...]) -> Array:
        drawn = self.draw.uniform(0.1, 0.9, sizes)
        if self.blocks[-1].activation == "softmax":
            drawn /= drawn.sum(axis=-1, keepdims=True)
        found: Array = drawn
        return found

    def give(self, values: dict[str, Array]) -> None:
        """Take these arrays for the random ones of their names; the sizes have been looked at."""
        self.given.update(values)

    def sizes(self, line: Equation) -> tuple[int, ...]:
        """The sizes of what an equation makes."""
        if line.stage == LOSS:
            return ()
        block = self.blocks[_number(line.symbol) - 2]
        letter = line.symbol.rstrip("0123456789")
        if line.stage == GRADIENT:
            return tuple(self.given[line.symbol[1:]].shape)
        output: tuple[int, ...] = block.output
        return output[:1] if letter in ("mean", "var") else self._stacked(output)

    def forward(
        self,
        arrays: dict[str, Array],
        moved: str = "",
        by: Any = 0.0,
        lines: Sequence[Equation] | None = None,
    ) -> Any:
        """Work out the loss; one array on the way, or a given one, may be moved.

        ``lines`` stand for the net's own equations where given.
        """
        evaluator = Evaluator(arrays)
        if moved in arrays:
            arrays[moved] = arrays[moved] + by
        for line in self.equations.lines if lines is None else lines:
            if line.stage in (FORWARD, LOSS):
                self._work(evaluator, line)
                if line.symbol == moved:
                    arrays[moved] = arrays[moved] + by
        return arrays["E"]

    def _work(self, evaluator: Evaluator, line: Equation) -> None:
        if line.loop:
            self._loop(evaluator, line)
        else:
            evaluator.run(line.target, line.text.entries, self.sizes(line), dict(line.kernel))

    def _loop(self, evaluator: Evaluator, line: Equation) -> None:
        """Go through time, one step after the other: each reads what the one before it made."""
        sizes, reading = self.sizes(line), read(line.target, line.text.entries)
        time = sizes[-2]
        kind = np.result_type(*evaluator.arrays.values())
        found = np.zeros(sizes, kind)
        evaluator.arrays[reading.name] = found
        for step in range(time) if line.loop == "up" else reversed(range(time)):
            found[..., step, :] = evaluator.value(reading, sizes, {}, t=step)[..., 0, :]

    def backward(self, arrays: dict[str, Array]) -> None:
        """Work out all errors and gradients from the forward arrays."""
        evaluator = Evaluator(arrays)
        for line in self.equations.lines:
            if line.stage in (BACKWARD, GRADIENT):
                self._work(evaluator, line)

    def proof(self) -> Proof:
        """Check everything."""
        arrays = dict(self.given)
        self.forward(arrays)
        self.backward(arrays)
        residuals = [
            self._residual(line, arrays)
            for line in self.equations.lines
            if line.stage in (BACKWARD, GRADIENT)
        ]
        engine = self._engine(arrays)
        method = "complex step" if self.smooth else "central differences"
        return Proof(method, tuple(residuals), engine, _EXACT, self._matrix(arrays), arrays)

    def _residual(self, line: Equation, arrays: dict[str, Array]) -> Residual:
        """One equation against the derivative of the loss along a random direction."""
        symbol = line.symbol
        if line.stage == GRADIENT:
            moved = symbol[1:]
        else:
            number = _number(symbol)
            behind = f"z{number}"
            made = {each.symbol for each in self.equations.lines}
            # g is the derivative by what leaves the layer, delta by what enters its activation.
            moved = behind if symbol.startswith("delta") and behind in made else f"a{number}"
        found = arrays[symbol]
        direction = np.asarray(self.draw.normal(size=found.shape))
        said = float(np.sum(found * direction))
        scale = _norm(found * direction) + self._floor(line, arrays)
        # An error in time is by the sums inside tanh, so every step of the loop is moved.
        recurrent = symbol if line.loop == "down" else ""
        true = self._derivative(moved, direction, recurrent)
        bound = _EXACT if self.smooth else _CENTRAL
        return Residual(line, abs(said - true) / scale, bound)

    def _floor(self, line: Equation, arrays: dict[str, Array]) -> float:
        """What a sum of errors that cancel is measured by: a bias before bn has gradient 0."""
        return _CANCELLED * _norm(arrays[f"delta{_number(line.symbol)}"]) or _CANCELLED

    def _derivative(self, moved: str, direction: Array, recurrent: str) -> float:
        if self.smooth:
            arrays = dict(self.given)
            return float(
                np.imag(self._moved(arrays, moved, 1j * _IMAGINARY * direction, recurrent))
            ) / (_IMAGINARY)
        ends = [
            float(self._moved(dict(self.given), moved, sign * _STEP * direction, recurrent))
            for sign in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * _STEP)

    def _moved(self, arrays: dict[str, Array], moved: str, by: Any, recurrent: str) -> Any:
        if not recurrent:
            return self.forward(arrays, moved, by)
        # The sums of an rnn have no array of their own: what they are moved by joins them.
        number = _number(recurrent)
        arrays["push"] = by
        lines = list(self.equations.lines)
        place = next(i for i, line in enumerate(lines) if line.symbol == f"a{number}")
        line = lines[place]
        n = "n," if self.batched else ""
        pushed = line.text.entries[:-1] + f" + push[{n}t,j])"
        lines[place] = line._replace(text=line.text._replace(entries=pushed))
        return self.forward(arrays, lines=lines)

    def _engine(self, arrays: dict[str, Array]) -> float:
        """The largest relative difference from the engine: its output, its reverse mode."""
        program, batched = self.program, self.batched
        pairs = [
            (letter, names) for block in self.blocks for letter, names in block.tensors.items()
        ]
        for letter, names in pairs:
            program.tensors[names[0]].value[...] = arrays[letter]
            for other in names[1:]:
                program.tensors[other].value[...] = 0
        last = f"a{self.blocks[-1].number}"
        program.input.data[...] = arrays["a1"] if batched else arrays["a1"][None]
        output = program.forward()
        worst = _relative(output if batched else output[0], arrays[last])
        slope = evaluate(parse(self.loss.slope), {"a": arrays[last], "y": arrays["y"]})
        slope = slope / self.examples if batched else slope[None]
        program.output.cotangent[...] = slope
        program.backward()
        for letter, names in pairs:
            for name in names:
                gradient, own = program.tensors[name].gradient, arrays[f"d{letter}"]
                worst = max(worst, _relative(gradient, own, self._least(letter, arrays)))
        return worst

    def _least(self, symbol: str, arrays: dict[str, Array]) -> float:
        """The size below which a gradient counts as one of errors that cancel."""
        errors = np.abs(arrays[f"delta{_number(symbol)}"])
        return _CANCELLED * float(np.max(errors, initial=0.0))

    def _matrix(self, arrays: dict[str, Array]) -> float | None:
        """The largest relative difference of the matrix equations, printed and read again."""
        view = "batch" if self.batched else "matrix"
        if not getattr(self.equations, view):
            return None
        made: dict[str, Any] = dict(self.given)
        worst = 0.0
        for line in self.equations.lines:
            made[line.symbol] = evaluate(parse(getattr(line.text, view)), made)
            floor = self._least(line.symbol, arrays) if line.stage == GRADIENT else 0.0
            worst = max(worst, _relative(made[line.symbol], arrays[line.symbol], floor))
        return worst


def _smooth(block: Any) -> bool:
    if block.word == "maxpool":
        return False
    return block.activation not in ACTIVATIONS or ACTIVATIONS[block.activation].smooth


def _number(symbol: str) -> int:
    """The layer that a symbol belongs to."""
    return int(symbol.lstrip(ascii_letters))


def _norm(array: Array) -> float:
    return float(np.sqrt(np.sum(np.square(array))))


def _relative(found: Any, expected: Any, floor: float = 0.0) -> float:
    """The largest difference by the largest expected value; inf where sizes differ."""
    if np.shape(found) != np.shape(expected):
        return np.inf
    size = float(np.max(np.abs(expected), initial=0.0)) + floor
    difference = float(np.max(np.abs(np.asarray(found) - expected), initial=0.0))
    return difference / size if size else difference
