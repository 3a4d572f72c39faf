"""One set of derivatives in three linked forms: matrices, sums over indices, and code.

Each form is made from the graph on its own, and each can be evaluated: the
texts of the first two are read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcalc.expr.parse import MAX_LENGTH, parse
from dlcalc.expr.tree import Expr, written
from dlcalc.symbolic.matrix.chain import NoMatrixForm
from dlcalc.symbolic.matrix.code import Code, code_of
from dlcalc.symbolic.matrix.evaluate import Array, evaluate
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.index_form import IndexWriter
from dlcalc.symbolic.matrix.index_read import evaluate_entries
from dlcalc.symbolic.matrix.matrix_form import Writer
from dlcalc.symbolic.matrix.node import Node, Size
from dlcalc.symbolic.matrix.points import Point
from dlcalc.symbolic.matrix.shapes import renamed

#: Expressions that come out of a derivation may be nested deeper than those that people type.
DEPTH = 400
NODES = 20_000


class Entry(NamedTuple):
    """A named tensor: as people say it, as code says it, and its node."""

    symbol: str
    name: str
    node: Node
    latex: str = ""


class Indexed(NamedTuple):
    """A line of the index form: what it defines, at which indices, as what."""

    name: str
    at: tuple[str, ...]
    expr: Expr

    @property
    def text(self) -> str:
        """Its right side."""
        return written(self.expr)

    @property
    def head(self) -> str:
        """Its left side."""
        return f"{self.name}[{','.join(self.at)}]" if self.at else self.name


class Views:
    """Definitions and results in all forms.

    ``variables`` are the nodes of all names. A form that does not exist is None.
    """

    def __init__(
        self,
        graph: Graph,
        variables: Mapping[str, Node],
        definitions: Sequence[Entry],
        results: Sequence[Entry],
    ) -> None:
        self.graph = graph
        self.variables = variables
        self.definitions = tuple(definitions)
        self.results = tuple(results)
        writer = Writer(graph)
        #: Every definition and result as a matrix expression, None where there is none.
        self.matrices: list[Expr | None] = []
        for entry in (*definitions, *results):
            try:
                self.matrices.append(writer.expr(entry.node))
            except NoMatrixForm:
                self.matrices.append(None)
        self._index: tuple[list[Indexed], dict[str, Size]] | None = None
        self._code: Code | None = None

    @property
    def is_matrix(self) -> bool:
        """Whether all have a matrix form."""
        return None not in self.matrices

    def texts(self) -> list[str | None]:
        """The matrix form of each result."""
        return [
            None if expr is None else written(expr)
            for expr in self.matrices[len(self.definitions) :]
        ]

    def index(self) -> tuple[list[Indexed], dict[str, Size]]:
        """Lines over indices, the results last, and what the indices run over."""
        if self._index is not None:
            return self._index
        sizes = [size for node in self.variables.values() for size in node.shape]
        writer = IndexWriter(self.graph, self.variables, sizes)
        lines: list[Indexed] = []
        done = 0
        for entry in (*self.definitions, *self.results):
            at = writer.indices(entry.node.shape)
            expr = writer.expr(entry.node, at)
            inner = list(writer.definitions.items())
            lines += [Indexed(name, ks, part) for name, (ks, part) in inner[done:]]
            done = len(inner)
            lines.append(Indexed(entry.symbol, at, expr))
        self._index = lines, dict(writer.sizes)
        return self._index

    def code(self) -> Code:
        """Lines of code, the results last."""
        if self._code is None:
            self._code = code_of(
                self.graph,
                [(entry.name, entry.node) for entry in self.definitions],
                [(entry.name, entry.node) for entry in self.results],
                self.variables,
            )
        return self._code

    def latex(self) -> str:
        """Each definition and result in LaTeX; over indices where there is no matrix form."""
        from dlcalc.expr.latex import symbol
        from dlcalc.symbolic.matrix.latex import Setter, subscript

        setter = Setter({name: node.rank for name, node in self.variables.items()})
        entries = (*self.definitions, *self.results)
        heads = {entry.symbol: entry.latex or symbol(entry.symbol) for entry in entries}
        if self.is_matrix:
            rows = [
                (heads[entry.symbol], setter.text(expr))
                for entry, expr in zip(entries, self.matrices, strict=True)
                if expr is not None
            ]
        else:
            rows = [
                (
                    f"{heads.get(line.name, symbol(line.name))}{subscript(line.at)}",
                    setter.text(line.expr),
                )
                for line in self.index()[0]
            ]
        return "\n".join(f"{head} = {text}" for head, text in rows)

    # -- values -------------------------------------------------------------------------------

    def matrix_values(self, point: Point) -> list[Array]:
        """The results by the text of the matrix form, read again."""
        values: dict[str, Any] = point.values
        found = []
        for entry, expr in zip((*self.definitions, *self.results), self.matrices, strict=True):
            assert expr is not None
            values[entry.name] = np.asarray(evaluate(reread(expr), values))
            found.append(values[entry.name])
        return found[len(self.definitions) :]

    def index_values(self, point: Point) -> list[Array]:
        """The results by the text of the index form, read again."""
        lines, runs = self.index()
        sides = {letter: point.side(size) for letter, size in runs.items()}
        values: dict[str, Any] = point.values
        for line in lines:
            text = written(renamed(line.expr))
            values[line.name] = evaluate_entries(text, line.at, values, sides)
        return [values[entry.symbol] for entry in self.results]

    def code_values(self, point: Point) -> list[Array]:
        """The results by the lines of code."""
        values = self.code().run(point.values)
        return [np.asarray(values[entry.name]) for entry in self.results]


def reread(expr: Expr) -> Expr:
    """An expression as its text is read; itself where the text is longer than any that is read."""
    named = renamed(expr)
    text = written(named)
    return parse(text, depth=DEPTH, nodes=NODES) if len(text) <= MAX_LENGTH else named
