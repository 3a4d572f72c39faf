"""The steps of a derivation as text, each checked by itself.

The derivative of the output by a step is held against that of the graph's own
value, with the step's value moved a hair: so the first rule that is wrong is the
first step that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dlcalc.expr.tree import written
from dlcalc.symbolic.matrix import check
from dlcalc.symbolic.matrix.chain import NoMatrixForm
from dlcalc.symbolic.matrix.chance import Random
from dlcalc.symbolic.matrix.derive import Derivation, Slope
from dlcalc.symbolic.matrix.evaluate import Array, evaluate
from dlcalc.symbolic.matrix.index_form import IndexWriter
from dlcalc.symbolic.matrix.index_read import evaluate_entries
from dlcalc.symbolic.matrix.matrix_form import Writer
from dlcalc.symbolic.matrix.node import Node, Shape
from dlcalc.symbolic.matrix.numeric import Values
from dlcalc.symbolic.matrix.points import Point
from dlcalc.symbolic.matrix.reverse import between
from dlcalc.symbolic.matrix.shapes import renamed
from dlcalc.symbolic.matrix.views import reread

#: Steps of no more entries are checked entry by entry, others along random directions.
_FEW = 4


class Told(NamedTuple):
    """A step: its name, its indices if it is written over them, its text, its rules."""

    name: str
    at: tuple[str, ...]
    text: str
    shape: Shape
    rules: tuple[str, ...] = ()
    #: What it is the derivative by; empty for a step of the expression itself.
    by: str = ""
    error: float | None = None


class Teller:
    """Writes the steps of a derivation of ``output``, and checks them at a point."""

    def __init__(self, derivation: Derivation, variables: Mapping[str, Node], point: Point) -> None:
        self.derivation = derivation
        self.point = point
        self.writer = Writer(derivation.graph)
        sizes = [size for node in variables.values() for size in node.shape]
        self.indices = IndexWriter(derivation.graph, variables, sizes)
        self.base = Values(point.values)
        self.values: dict[str, Any] = point.values
        for step in derivation.steps:
            self.values[str(step.symbol.data)] = self.base.of(step.node)

    def forward(self) -> list[Told]:
        """The steps of the expression, from the variables to the output."""
        return [
            self._checked(str(step.symbol.data), step.meaning, step.node)
            for step in self.derivation.steps
        ]

    def body(self, name: str) -> Told:
        """The output in terms of the last steps."""
        return self._checked(name, self.derivation.body, self.derivation.output)

    def _checked(self, name: str, meaning: Node, node: Node) -> Told:
        """A step with the error of its text against the value of the whole."""
        told, value = self._told(name, meaning)
        return told._replace(error=check.error(value, self.base.of(node)))

    def back(self) -> list[Told]:
        """The derivatives by the steps, from the output to the variables."""
        found = []
        for slope in self.derivation.slopes:
            name = str(slope.symbol.data) if slope.symbol is not None else ""
            told, value = self._told(name, slope.meaning)
            if name:
                self.values[name] = value
            by = str(slope.by.data)
            found.append(told._replace(rules=slope.rules, by=by, error=self._error(slope, value)))
        return found

    def _told(self, name: str, node: Node) -> tuple[Told, Array]:
        """A step, and the value of its own text."""
        try:
            expr = self.writer.expr(node)
        except NoMatrixForm:
            return self._indexed(name, node)
        told = Told(name, (), written(expr), node.shape)
        return told, np.asarray(evaluate(reread(expr), self.values))

    def _indexed(self, name: str, node: Node) -> tuple[Told, Array]:
        indices = self.indices
        at = indices.indices(node.shape)
        expr = indices.expr(node, at)
        sides = {letter: self.point.side(size) for letter, size in indices.sizes.items()}
        values = dict(self.values)
        for whole, (places, part) in indices.definitions.items():
            values[whole] = evaluate_entries(written(renamed(part)), places, values, sides)
        value = evaluate_entries(written(renamed(expr)), at, values, sides)
        return Told(name, at, written(expr), node.shape), np.asarray(value)

    def _error(self, slope: Slope, formula: Array) -> float:
        output, node = self.derivation.output, slope.node
        base = self.base.of(node)
        self.base.of(output)
        random = Random(2)

        # What does not depend on the step keeps its value.
        above = between(output, {node})
        kept = {other: value for other, value in self.base.known.items() if other not in above}

        def moved(values: Any) -> Any:
            return Values(self.point.values, {**kept, node: values["moved"]}).of(output)

        return check.first_error(moved, {"moved": base}, "moved", formula, random, few=_FEW)
