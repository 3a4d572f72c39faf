"""A question about an expression of vectors and matrices: read, derived, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from dlcalc.errors import InputError, abridged, nearest
from dlcalc.expr.tree import Call, Expr, Name, Number, Subscript, variables, walk
from dlcalc.symbolic.matrix import check
from dlcalc.symbolic.matrix.chance import Random
from dlcalc.symbolic.matrix.derive import Derivation
from dlcalc.symbolic.matrix.evaluate import Array, evaluate
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import Node, Shape
from dlcalc.symbolic.matrix.numeric import Values
from dlcalc.symbolic.matrix.points import Kinds, Point, TooLarge, Tools, draw
from dlcalc.symbolic.matrix.read import Reader
from dlcalc.symbolic.matrix.shapes import generic, letters, shown
from dlcalc.symbolic.scalar.rules import SHARES

#: Points at which a gradient is checked; only at the first entry by entry.
POINTS = 3


class Problem:
    """An expression with the shapes of its letters, and the variables to derive by.

    Letters without a shape are numbers, which ``notes`` say. ``vector`` is the name of
    what a Hessian is multiplied by; it has the shape of the one variable. Raises
    `InputError` at what does not fit.
    """

    def __init__(
        self,
        expr: Expr,
        shapes: Mapping[str, Shape],
        wrt: Sequence[str],
        *,
        symmetric: Sequence[str] = (),
        vector: str = "",
        at_kink: str = "",
    ) -> None:
        self.expr = expr
        self.notes: list[str] = []
        self.at_kink = at_kink
        self._share = Fraction(SHARES[at_kink]) if at_kink else None
        given = [node.value for node in walk(expr) if isinstance(node, Number)]
        numbers = {int(value) for value in given if value.denominator == 1}
        shapes = generic(shapes, numbers)
        self.letters = letters(shapes)
        self.shapes = self._all_shapes(expr, shapes, vector)
        self.wrt = tuple(self._known(name) for name in dict.fromkeys(wrt)) or self._own(expr)
        if vector:
            self._take_vector(vector)
        self.graph = Graph()
        self.nodes: dict[str, Node] = {}
        for name, shape in self.shapes.items():
            is_symmetric = name in symmetric
            if is_symmetric:
                self._check_symmetric(name, shape)
            self.nodes[name] = self.graph.variable(name, shape, symmetric=is_symmetric)
        self.symmetric = frozenset(symmetric)
        for letter in self.letters:
            self.nodes[letter] = self.graph.size(letter)
        self.reader = Reader(self.graph, self.nodes, frozenset(self.wrt))
        self.output = self.reader.node(expr)
        #: Nodes that must be defined at a point, beside the expression itself.
        self.watched: list[Node] = []
        #: How the output is called.
        self.letter = next(name for name in ("L", "f", "F", "out") if name not in self.nodes)
        if self.output.rank:
            self.letter = next(name for name in ("f", "F", "out") if name not in self.nodes)

    def _all_shapes(self, expr: Expr, shapes: Mapping[str, Shape], vector: str) -> dict[str, Shape]:
        given = dict(shapes)
        used = [node for node in walk(expr) if isinstance(node, Name | Subscript)]
        for node in used:
            if isinstance(node, Subscript):
                raise InputError(
                    f"{abridged(str(node))}: entries of vectors and matrices are not derived here",
                    place=node.place,
                    mend="Derive by the whole letter, and read the entry off.",
                )
        names = variables(expr)
        scalars = [n for n in names if n not in given and n not in self.letters]
        for name in scalars:
            others = {other.lower(): other for other in given if other not in names}
            close = others.get(name.lower()) or others.get(nearest(name, others))
            if close:
                raise InputError(
                    f"{abridged(name)} has no shape, and --shape names {close}, which is not there",
                    place=next(n.place for n in used if isinstance(n, Name) and n.name == name),
                )
            given[name] = ()
        if scalars:
            are = "is taken as a number" if len(scalars) == 1 else "are taken as numbers"
            self.notes.append(f"{', '.join(scalars)} {are}; --shape gives letters other shapes")
        unused = [name for name in shapes if name not in (*names, vector)]
        if unused:
            self.notes.append(f"{', '.join(unused)} of --shape does not occur")
        return {name: given[name] for name in (*shapes, *scalars) if name not in unused}

    def _own(self, expr: Expr) -> tuple[str, ...]:
        return tuple(name for name in variables(expr) if name not in self.letters)

    def _known(self, name: str) -> str:
        if name in self.shapes:
            return name
        if name in self.letters:
            raise InputError(f"{name} is a size, and nothing can be derived by it")
        close = nearest(name, self.shapes)
        raise InputError(
            f"{abridged(name)} does not occur in the expression",
            mend=f"Did you mean {close}?" if close else f"There are {', '.join(self.shapes)}.",
        )

    def _take_vector(self, vector: str) -> None:
        if len(self.wrt) != 1:
            raise InputError(
                "a Hessian-vector product is by one variable", mend="Name one by --wrt."
            )
        shape = self.shapes[self.wrt[0]]
        if not vector.isidentifier() or vector in self.letters:
            raise InputError(f"{abridged(vector)} is not a variable's name")
        if self.shapes.setdefault(vector, shape) != shape:
            raise InputError(
                f"{vector} is {shown(self.shapes[vector])} and {self.wrt[0]} is {shown(shape)}",
                mend="A Hessian is multiplied by something of the variable's shape.",
            )

    def _check_symmetric(self, name: str, shape: Shape) -> None:
        if len(shape) != 2 or shape[0] != shape[1]:
            raise InputError(f"{name} is {shown(shape)}, and only a square matrix is symmetric")
        if name in self.wrt:
            raise InputError(
                f"{name} cannot be symmetric and derived by at once",
                mend="The gradient by a symmetric matrix depends on the convention.",
            )

    # -- derivatives --------------------------------------------------------------------------

    def derivation(
        self, output: Node | None = None, wrt: Sequence[str] | None = None
    ) -> Derivation:
        """The gradients of the expression, or of another node of the graph."""
        by = [self.nodes[name] for name in (self.wrt if wrt is None else wrt)]
        # A gradient's own steps are not those of the expression.
        prefixes = ("z", "delta") if output is None else ("u", "eta")
        whole = output or self.output
        return Derivation(self.graph, whole, by, self.nodes, self._share, prefixes)

    # -- numbers ------------------------------------------------------------------------------

    def value(self, values: Mapping[str, Any]) -> Any:
        """The expression as it was typed, at a point."""
        return evaluate(self.expr, values)

    @cached_property
    def points(self) -> list[Point]:
        """Random points at which the expression is defined."""
        return [self._drawn(seed, {}) for seed in range(POINTS)]

    def point_at_size(self) -> Point | None:
        """A random point at the sizes that are numbers, None if they are too large."""
        given = {letter: int(letter) for letter in self.letters if letter.isdigit()}
        try:
            return self._drawn(POINTS, given)
        except TooLarge:
            return None

    def _drawn(self, seed: int, given: Mapping[str, int]) -> Point:
        reader = self.reader
        kinds = Kinds(reader.targets, reader.odds, self.symmetric)
        tools = Tools(self._tried, self._blamed)
        return draw(self.shapes, kinds, self.letters, tools, seed, given)

    def _blamed(self, point: Point) -> InputError:
        """What is undefined at a point: the innermost part that has no finite value there."""
        mend = (
            "A logarithm or a root may be of what is never positive, an inverse of what has none."
        )
        parts = list(walk(self.expr))
        for part in reversed(parts):
            shown = abridged(str(part))
            try:
                found = evaluate(part, point.values)
            except np.linalg.LinAlgError:
                found = np.nan
            if not np.all(np.isfinite(found)):
                rule = f"{shown} has no finite value at any point that was tried"
                return InputError(rule, place=part.place, mend=mend)
        for part in reversed(parts):
            if isinstance(part, Call) and part.function in ("inv", "det", "logdet"):
                rule = (
                    f"{abridged(str(part))} is of a singular matrix at all points that were tried"
                )
                return InputError(rule, place=part.place, mend=mend)
        return InputError(
            "the derivative has no finite value at any point that was tried",
            place=self.expr.place,
            mend=mend,
        )

    def _tried(self, values: Mapping[str, Any]) -> Any:
        """The value and all that goes into it, in one row: all must be finite."""
        whole = self.value(values)
        # What is too large to be moved off the real axis is no point either.
        imaginary = {name: np.asarray(values[name]) * (1 + 1e-30j) for name in self.wrt}
        slopes = self.value({**values, **imaginary})
        work = Values(values)
        for node in (self.output, *self.watched):
            work.of(node)
        inner = [np.ravel(part) for part in work.known.values()]
        return np.concatenate([np.ravel(whole), np.ravel(np.imag(slopes)), *inner])

    def reading_error(self) -> float:
        """How far the graph's value is from that of the typed expression."""
        return max(
            check.error(Values(point.values).of(self.output), self.value(point.values))
            for point in self.points
        )

    def first_error(self, name: str, formula: Sequence[Array]) -> float:
        """How far a formula, evaluated at the points, is from the derivative by a variable."""
        random = Random(1)
        return max(
            check.first_error(
                self.value, point.values, name, value, random, few=0 if number else check.FEW
            )
            for number, (point, value) in enumerate(zip(self.points, formula, strict=True))
        )

    def second_error(self, names: tuple[str, str], formula: Sequence[Array]) -> float:
        """The same for a second derivative; at the first point only."""
        random = Random(1)
        return check.second_error(self.value, self.points[0].values, names, formula[0], random)

    def engine_error(self, formulas: Mapping[str, Array]) -> tuple[float, list[str]] | None:
        """How far formulas at the first point are from the engine's gradients, and by what.

        None where no part of the expression is a net.
        """
        from dlcalc.symbolic.matrix.engine_route import find, gradients

        net = None if self.output.rank else find(self.expr, self.shapes)
        if net is None:
            return None
        found = gradients(net, self.shapes, self.points[0].values)
        common = [name for name in formulas if name in found]
        if not common:
            return None
        return max(check.error(found[name], formulas[name], 1e-6) for name in common), common

    def difference_error(self, name: str, formula: Array) -> float:
        """How far a formula is from central differences of real numbers, in one direction."""
        values = self.points[0].values
        direction = Random(3).uniform(-1.0, 1.0, np.shape(values[name]))
        expected = check.difference(self.value, values, name, direction)
        return check.error(check.applied(formula, direction), expected, 1e-3)

    def product_error(self, name: str, vector: str, formula: Sequence[Array]) -> float:
        """The same for the Hessian times a vector."""
        random = Random(1)
        values = self.points[0].values
        ways = list(check.directions(np.shape(values[name]), random, 6))
        names = (name, name)
        return check.steepest(
            [check.applied(formula[0], way) for way in ways],
            lambda step: [
                check.second(self.value, values, names, way, values[vector], step) for way in ways
            ],
            1e-4,
        )
