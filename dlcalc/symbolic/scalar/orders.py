"""Derivatives of any order: each level derives what the one before it printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dlcalc.expr.tree import Expr, variables, written
from dlcalc.symbolic.scalar.check import Verdict, check, reread
from dlcalc.symbolic.scalar.derive import Derivation, Link
from dlcalc.symbolic.scalar.form import Algebra
from dlcalc.symbolic.scalar.steps import Parts


class Entry(NamedTuple):
    """One derivative, of ``of`` by the last variable of a path, and what verified it."""

    #: The name of the expression it all began with.
    origin: str
    path: tuple[str, ...]
    of: Expr
    #: What ``of`` is called in the steps.
    root: str
    expr: Expr
    links: tuple[Link, ...]
    verdict: Verdict
    derivation: Derivation

    @property
    def symbol(self) -> str:
        """Such as dy/dx, d2y/dx2 or d2y/dwdx."""
        order = len(self.path)
        if order == 1:
            return f"d{self.origin}/d{self.path[0]}"
        if len(set(self.path)) == 1:
            return f"d{order}{self.origin}/d{self.path[0]}{order}"
        return f"d{order}{self.origin}/{''.join(f'd{name}' for name in self.path)}"


class _Function(NamedTuple):
    """What a level derives, by which variables."""

    expr: Expr
    root: str
    origin: str
    path: tuple[str, ...]
    by: Sequence[str]


class Orders:
    """All derivatives of some expressions by some variables, up to an order.

    Beyond the first order each is by one and the same variable, or with ``mixed`` by
    each pair of variables once.
    """

    def __init__(
        self,
        exprs: Sequence[Expr],
        by: Sequence[str],
        order: int = 1,
        *,
        mixed: bool = False,
        share: str = "",
    ) -> None:
        self._share = share
        self._algebra = Algebra()
        # Letters are as old as they come first in the expressions.
        for expr in exprs:
            for name in variables(expr):
                self._algebra.symbol(name)
        self.parts = Parts(self._algebra, exprs, by)
        #: What the expressions are called.
        self.roots = self.parts.roots
        #: The derivatives of each order, in the order of expressions and variables.
        self.levels: list[list[Entry]] = []
        functions = [
            _Function(expr, root, root, (), by)
            for expr, root in zip(exprs, self.parts.roots, strict=True)
        ]
        while True:
            self.levels.append(list(self._derived(functions)))
            if len(self.levels) == order:
                break
            functions = self._next(by, mixed, order)

    def _derived(self, functions: Sequence[_Function]) -> Iterator[Entry]:
        derivations: dict[str, Derivation] = {}
        for function in functions:
            for by in function.by:
                if by not in derivations:
                    derivations[by] = Derivation(self._algebra, self.parts, by, self._share)
                found, root = derivations[by], function.root
                yield Entry(
                    function.origin,
                    (*function.path, by),
                    function.expr,
                    root,
                    found.gradient(root),
                    found.links(root),
                    check(function.expr, found, root),
                    found,
                )

    def _next(self, by: Sequence[str], mixed: bool, order: int) -> list[_Function]:
        """The derivatives that were printed, as functions with names of their own."""
        entries = self.levels[-1]
        exprs = [reread(written(entry.expr)) for entry in entries]
        alone = order == 2 and len(entries) == 1
        first = sum(map(len, self.levels[:-1])) + 1
        names = ["g" if alone else f"g{first + i}" for i in range(len(entries))]
        self.parts = Parts(self._algebra, exprs, by, roots=names, before=self.parts)
        return [
            _Function(
                expr,
                root,
                entry.origin,
                entry.path,
                by[by.index(entry.path[-1]) :] if mixed else entry.path[-1:],
            )
            for expr, root, entry in zip(exprs, self.parts.roots, entries, strict=True)
        ]
