"""Chains of partial derivatives put to the proof, and expressions worked out on a net's numbers.

A quotient dQ/dR is checked by moving R alone and looking at Q, on the forward
equations of the whole net.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dlcalc.errors import InputError, nearest
from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr, Name, Subscript, replaced, walk, written
from dlcalc.symbolic.matrix.evaluate import evaluate
from dlcalc.symbolic.network.chain import Chain, Units
from dlcalc.symbolic.network.check import Checker
from dlcalc.symbolic.network.index import Array, array_name

_IMAGINARY = 1e-30
_STEP = 1e-6
_EXACT, _CENTRAL = 1e-9, 1e-5
_QUOTIENT = re.compile(r"d(.+)/d(.+)")


class Checked(NamedTuple):
    """A line's number, and how far it is from the derivative that it claims to be."""

    value: float
    error: float
    right: bool


class Point:
    """A net at one point: every weight, unit and error has a number."""

    def __init__(self, checker: Checker, units: Units | None) -> None:
        self.checker = checker
        self.arrays = dict(checker.given)
        checker.forward(self.arrays)
        checker.backward(self.arrays)
        self._units = units
        if units is not None and units.unit:
            self._of_one_unit()

    @property
    def units(self) -> Units:
        """The net unit by unit. Raises `InputError` where the question is about whole tensors."""
        if self._units is None:
            raise InputError("a claim about a tensor is written with whole tensors, such as delta2")
        return self._units

    def _of_one_unit(self) -> None:
        """The errors where only one output counts: those of the whole with all others left out."""
        self.arrays["E"] = np.asarray(self._loss(self.arrays))
        for layer in range(self.units.last, 1, -1):
            shape = self.arrays[f"a{layer}"].shape
            self.arrays[f"delta{layer}"] = np.array(
                [self.derivative("E", self._behind(layer, unit)) for unit in range(1, shape[0] + 1)]
            )

    def _behind(self, layer: int, unit: int) -> str:
        letter = "a" if self.units.block(layer).activation == "identity" else "z"
        return f"{letter}[{layer},{unit}]"

    def _loss(self, arrays: dict[str, Array]) -> Any:
        """E, or the terms of the one output that counts."""
        if not self.units.unit:
            return arrays["E"]
        place = self.units.unit - 1
        outputs = {"a": arrays[f"a{self.units.last}"][place], "y": arrays["y"][place]}
        return evaluate(parse(self.checker.loss.terms), outputs)

    def derivative(self, what: str, by: str) -> float:
        """dQ/dR by moving R: a complex step, or central differences where there are kinks."""
        name, place = self._entry(by)
        steps = [1j * _IMAGINARY] if self.checker.smooth else [_STEP, -_STEP]
        found = []
        for step in steps:
            arrays = dict(self.checker.given)
            shape = self.arrays[name].shape
            move = np.zeros(shape, complex if self.checker.smooth else float)
            move[place] = step
            self.checker.forward(arrays, name, move)
            if what == "E":
                found.append(self._loss(arrays))
            else:
                read, index = self._entry(what)
                found.append(arrays[read][index])
        if self.checker.smooth:
            return float(np.imag(found[0])) / _IMAGINARY
        return float(found[0] - found[1]) / (2 * _STEP)

    def _entry(self, text: str) -> tuple[str, tuple[int, ...]]:
        """The array and the place of a weight or unit; z of a layer without activation is its a."""
        expr = parse(text)
        assert isinstance(expr, Subscript)
        letter, numbers = expr.operand.name, [int(i) for i in expr.indices]
        if letter == "y":
            return "y", (numbers[0] - 1,)
        if letter == "x":
            letter, numbers = "a", [1, *numbers]
        name = array_name(letter, numbers[0])
        if letter == "z" and name not in self.arrays:
            name = f"a{numbers[0]}"
        return name, tuple([number - 1 for number in numbers[1:]])

    def value(self, expr: Expr) -> Any:
        """An expression in weights, units and errors, or in whole arrays. Raises `InputError`."""
        by: dict[str, Expr] = {}
        arrays: dict[str, Any] = {**self.arrays, "x": self.arrays["a1"]}
        for number, node in enumerate(_names(expr)):
            text = written(node)
            if isinstance(node, Subscript):
                by[text] = Name(f"entry_{number}")
                arrays[f"entry_{number}"] = self._number(node)
            elif text not in arrays:
                close = nearest(text, arrays)
                raise InputError(
                    f"{text} is no name of this net",
                    place=node.place,
                    mend=f"Did you mean {close}?" if close else "",
                )
        return evaluate(replaced(expr, by), arrays)

    def _number(self, node: Subscript) -> float:
        letter = node.operand.name
        if letter == "g":
            layer, unit = (int(i) for i in node.indices)
            weights, errors = self.arrays[f"W{layer + 1}"], self.arrays[f"delta{layer + 1}"]
            return float(weights[:, unit - 1] @ errors)
        if letter == "delta" and len(node.indices) == 2:
            self.units.find(f"z[{','.join(map(str, node.indices))}]")
        elif letter == "y" and len(node.indices) == 1:
            self.units.find(f"a[{self.units.last},{node.indices[0]}]")
        else:
            self.units.find(written(node))
        name, place = self._entry(written(node))
        return float(self.arrays[name][place])

    def checked(self, chain: Chain) -> list[Checked]:
        """Every line of a chain: its number, and its distance from the true derivative."""
        found = []
        bound = _EXACT if self.checker.smooth else _CENTRAL
        for link in chain.links:
            quotient = _QUOTIENT.fullmatch(link.symbol)
            assert quotient is not None
            value = float(self.value(link.expr))
            true = self.derivative(quotient[1], quotient[2])
            error = abs(value - true) / max(abs(true), 1e-6)
            found.append(Checked(value, error, error <= bound))
        return found

    def engine(self, wrt: Subscript) -> float | None:
        """The engine's derivative by a weight; None for what it does not give: units."""
        names = {"w": "W", "b": "b"}
        letter, (layer, *place) = wrt.operand.name, wrt.indices
        if letter not in names:
            return None
        checker, program = self.checker, self.checker.program
        for block in checker.blocks:
            for key, tensors in block.tensors.items():
                program.tensors[tensors[0]].value[...] = self.arrays[key]
        program.input.data[...] = self.arrays["a1"][None]
        output = program.forward()[0]
        slope = evaluate(parse(checker.loss.slope), {"a": output, "y": self.arrays["y"]})
        if self.units.unit:
            slope = slope * (np.arange(1, slope.size + 1) == self.units.unit)
        program.output.cotangent[...] = slope[None]
        program.backward()
        tensor = self.units.block(int(layer)).tensors[f"{names[letter]}{layer}"][0]
        index = tuple([int(number) - 1 for number in place])
        return float(program.tensors[tensor].gradient[index])


def _names(expr: Expr) -> Iterator[Expr]:
    for node in walk(expr):
        if isinstance(node, Subscript) or (isinstance(node, Name) and node.name != "pi"):
            yield node
