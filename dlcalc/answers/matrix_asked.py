"""What is asked of an expression of vectors and matrices: which derivatives, in which forms."""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.errors import InputError
from dlcalc.expr.latex import symbol
from dlcalc.expr.tree import written
from dlcalc.symbolic.matrix.derive import Derivation, shared
from dlcalc.symbolic.matrix.node import Node
from dlcalc.symbolic.matrix.problem import Problem
from dlcalc.symbolic.matrix.simplify import simplified, tree_size
from dlcalc.symbolic.matrix.views import Entry, Views

#: A line of an answer fits a terminal.
_WIDTH = 78
#: Trees of more nodes are not written out to see whether they are too long.
_LARGE = 2_000
#: Nor are those of more nodes that have names for what they share.
_LARGEST = 10_000


class Part(NamedTuple):
    """One derivative that is asked for: how it is called, in code too, by what, and its node."""

    symbol: str
    name: str
    by: tuple[str, ...]
    node: Node


class Asked:
    """A problem with the derivatives that are asked for."""

    def __init__(self, problem: Problem, second: bool, vector: str) -> None:
        self.problem = problem
        self.first = problem.derivation()
        self.second: list[tuple[str, Derivation]] = []
        letter = problem.letter
        gradients = dict(zip(problem.wrt, self.first.gradients(), strict=True))
        self.parts: list[Part] = []
        self.vector = vector
        problem.watched = list(gradients.values())
        if vector:
            self._product(gradients[problem.wrt[0]], vector)
        elif second:
            self._hessian(gradients)
        else:
            self.parts = [
                Part(f"d{letter}/d{name}", f"d{letter}_d{name}", (name,), node)
                for name, node in gradients.items()
            ]
        problem.watched += [part.node for part in self.parts]

    def _hessian(self, gradients: dict[str, Node]) -> None:
        problem, letter = self.problem, self.problem.letter
        for number, (name, gradient) in enumerate(gradients.items()):
            others = problem.wrt[number:]
            derivation = problem.derivation(gradient, others)
            self.second.append((name, derivation))
            for other, node in zip(others, derivation.gradients(), strict=True):
                below = f"d{name}2" if other == name else f"d{name}d{other}"
                above = f"d2{letter}"
                part = Part(f"{above}/{below}", f"{above}_{below}", (name, other), node)
                self.parts.append(part)

    def _product(self, gradient: Node, vector: str) -> None:
        """The Hessian times a vector is the gradient of the gradient times the vector."""
        problem, (name,) = self.problem, self.problem.wrt
        factor = problem.nodes[vector]
        axes = tuple(range(factor.rank))
        rank = problem.output.rank
        spec = (*range(rank), *[rank + axis for axis in axes])
        moved = tuple([rank + axis for axis in axes])
        slope = problem.graph.product(
            1, [(gradient, spec), (factor, moved)], tuple(range(rank)), problem.output.shape
        )
        derivation = problem.derivation(slope, [name])
        self.second.append((name, derivation))
        self.parts = [Part(f"H@{vector}", f"H_{vector}", (name, name), derivation.gradients()[0])]

    # -- forms --------------------------------------------------------------------------------

    def views(self) -> Views:
        """The derivatives in all forms; with names for what is shared where they are long."""
        problem = self.problem
        whole = [Entry(part.symbol, part.name, part.node, self._latex(part)) for part in self.parts]
        plain = Views(problem.graph, problem.nodes, [], whole)
        if _is_small(whole) and not _is_long(plain):
            return plain
        if len(self.second) > 1:
            # The steps of several derivations have no names in common.
            if not _is_small(whole):
                raise _too_long()
            return plain
        derivation = self.second[0][1] if self.second else self.first
        named = self._named(derivation, whole, errors=False)
        return self._named(derivation, whole, errors=True) if _is_long(named) else named

    def _latex(self, part: Part) -> str:
        """The left side in LaTeX."""
        if self.vector:
            return f"H {symbol(self.vector)}"
        above = symbol(self.problem.letter)
        by = [rf"\partial {symbol(name)}" for name in part.by]
        if len(by) == 1:
            return rf"\frac{{\partial {above}}}{{{by[0]}}}"
        both = f"{by[0]}^2" if by[0] == by[1] else r" \, ".join(by)
        return rf"\frac{{\partial^2 {above}}}{{{both}}}"

    def _named(self, derivation: Derivation, whole: list[Entry], *, errors: bool) -> Views:
        """With definitions of the steps and slopes that are used more than once; see `shared`."""
        graph = self.problem.graph
        roots = [slope.meaning for slope in derivation.slopes if slope.symbol is None]
        kept = shared(derivation, roots, errors=errors)
        meanings = [derivation.meanings[symbol] for symbol in kept]
        found = simplified(graph, derivation.expanded([*meanings, *roots], kept))
        if sum(map(tree_size, found)) > _LARGEST:
            raise _too_long()
        names = [str(symbol.data) for symbol in kept]
        definitions = [Entry(name, name, node) for name, node in zip(names, found, strict=False)]
        results = [
            entry._replace(node=node) for entry, node in zip(whole, found[len(kept) :], strict=True)
        ]
        nodes = {**self.problem.nodes, **dict(zip(names, kept, strict=True))}
        return Views(graph, nodes, definitions, results)


def _too_long() -> InputError:
    return InputError(
        "the derivative is too long to be written",
        mend="Ask for it by fewer variables, or for a product with --hvp.",
    )


def _is_small(entries: list[Entry]) -> bool:
    return sum(tree_size(entry.node) for entry in entries) <= _LARGE


def _is_long(views: Views) -> bool:
    """Whether a definition or a result does not fit on a line."""
    entries = (*views.definitions, *views.results)
    return any(
        expr is not None and len(entry.symbol) + 3 + len(written(expr)) > _WIDTH
        for entry, expr in zip(entries, views.matrices, strict=True)
    )
