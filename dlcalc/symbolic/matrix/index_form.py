"""Nodes written entry by entry, as sums over indices.

    dL/dw[j] = sum_i(2*X[i,j]*(sum_k(X[i,k]*w[k]) - y[i]))

``sum_i`` sums over all values of i, ``max_i`` takes the largest; ``[i == j]`` is 1
where i is j, else 0. A letter runs along axes of one size only.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import Node, Size, Spec, exponent, is_decimal, parts, terms, tidy
from dlcalc.symbolic.matrix.node import Number as Rational
from dlcalc.symbolic.matrix.read import Reader
from dlcalc.symbolic.matrix.rules import MEANINGS, meaning

_LETTERS = "ijklmpqrstuvabcefghnodwyz"
#: Indices of one expression, in the order of its axes.
Indices = tuple[str, ...]


class IndexWriter:
    """Writes nodes of a graph entry by entry; ``taken`` are names that no index may have.

    Matrices that stand whole in an inverse or a determinant, and are no letter, get
    names in ``definitions``.
    """

    def __init__(self, graph: Graph, taken: Iterable[str], sizes: Iterable[Size] = ()) -> None:
        """``sizes`` get letters first, in this order."""
        self.graph = graph
        self.taken = set(taken)
        #: What each index runs over.
        self.sizes: dict[str, Size] = {}
        for size in dict.fromkeys(sizes):
            self._letter(size, ())
        self.definitions: dict[str, tuple[Indices, Expr]] = {}
        self._names: dict[Node, str] = {}

    def indices(self, shape: tuple[Size, ...], scope: Indices = ()) -> Indices:
        """Letters for axes, none of them in use."""
        found: list[str] = []
        for size in shape:
            found.append(self._letter(size, (*scope, *found)))
        return tuple(found)

    def _letter(self, size: Size, used: Indices) -> str:
        for letter, runs in self.sizes.items():
            if runs == size and letter not in used:
                return letter
        number = 0
        while True:
            for letter in _LETTERS:
                name = f"{letter}{number or ''}"
                if name not in self.taken and name not in self.sizes:
                    self.sizes[name] = size
                    return name
            number += 1

    def expr(self, node: Node, at: Indices, scope: Indices = ()) -> Expr:
        """An entry of a node; ``scope`` are all letters in use around it."""
        scope = tuple(dict.fromkeys((*scope, *at)))
        match node.kind:
            case "variable":
                return Subscript(Name(str(node.data)), at) if at else Name(str(node.data))
            case "size":
                return Name(str(node.data))
            case "pi":
                return Name("pi")
            case "delta" if at[0] == at[1]:
                return Number(Fraction(1))
            case "delta":
                return Name(f"[{at[0]} == {at[1]}]")
            case "add":
                return self._sum(node, at, scope)
            case "product":
                return self._product(node, at, scope)
            case "each":
                return self._each(node, at, scope)
        return self._call(node, at, scope)

    def _sum(self, node: Node, at: Indices, scope: Indices) -> Expr:
        given = terms(node)
        total: Expr | None = None
        for positive in (True, False):
            for factor, term in given:
                if (factor > 0) != positive:
                    continue
                part = _times(factor if factor > 0 else -factor, [], [], self.expr(term, at, scope))
                if total is None:
                    total = part if positive else Negative(part)
                else:
                    total = Binary("+" if positive else "-", total, part)
        assert total is not None
        return total

    def _product(self, node: Node, at: Indices, scope: Indices) -> Expr:
        coefficient, factors = parts(node)
        letters = dict(enumerate(at))
        summed: list[str] = []
        for factor, spec in factors:
            for index, size in zip(spec, factor.shape, strict=True):
                if index not in letters:
                    letters[index] = self._letter(size, (*scope, *summed))
                    summed.append(letters[index])
        inner = (*scope, *summed)
        above: list[Expr] = []
        below: list[Expr] = []
        for factor, spec in factors:
            places = tuple([letters[index] for index in spec])
            base = exponent(factor)
            if base is not None and base[1] < 0:
                below.append(self._power(base[0], -base[1], places, inner))
            else:
                above.append(self.expr(factor, places, inner))
        body = _times(coefficient, above, below, None)
        return Call(f"sum_{''.join(summed)}", (body,)) if summed else body

    def _power(self, base: Node, value: Rational, at: Indices, scope: Indices) -> Expr:
        whole = self.expr(base, at, scope)
        if value < 0:
            return Binary("/", Number(Fraction(1)), self._power(base, -value, at, scope))
        if value == 1:
            return whole
        if value == Fraction(1, 2):
            return Call("sqrt", (whole,))
        return Binary("**", whole, Number(Fraction(value)))

    def _each(self, node: Node, at: Indices, scope: Indices) -> Expr:
        name = str(node.data)
        base = exponent(node)
        if base is not None:
            return self._power(*base, at, scope)
        if name in MEANINGS:
            names = dict(zip("xys", node.args, strict=False))
            return self.expr(Reader(self.graph, names).node(meaning(name)), at, scope)
        args = [self.expr(argument, at, scope) for argument in node.args]
        if name == "power":
            return Binary("**", args[0], args[1])
        return Call(name, tuple(args))

    # -- functions of more than one entry -----------------------------------------------------

    def _call(self, node: Node, at: Indices, scope: Indices) -> Expr:
        name, axes = node.data
        argument = node.args[0]
        if name in ("inv", "det", "logdet"):
            whole = f"{name}({self._whole(argument)})"
            return Subscript(Name(whole), at) if at else Name(whole)
        if name == "cross_entropy":
            rows = self.indices(argument.shape, scope)
            logs = self._log_softmax(argument, axes, rows, (*scope, *rows))
            target = self.expr(node.args[1], rows, (*scope, *rows))
            return Negative(Call(f"sum_{''.join(rows)}", (Binary("*", target, logs),)))
        if name == "log_softmax":
            return self._log_softmax(argument, axes, at, scope)
        if name == "softmax":
            return Binary(
                "/",
                Call("exp", (self.expr(argument, at, scope),)),
                self._reduced("sum", argument, axes, at, scope, is_exp=True),
            )
        if name == "hardmax":
            return self._hardmax(argument, axes, at, scope)
        # Reductions: the axes that are left have the letters of the node.
        left = iter(at)
        places = tuple(["" if axis in axes else next(left) for axis in range(argument.rank)])
        if name == "logsumexp":
            return Call("log", (self._reduced("sum", argument, axes, places, scope, is_exp=True),))
        return self._reduced(name, argument, axes, places, scope)

    def _reduced(
        self,
        name: str,
        argument: Node,
        axes: Spec,
        at: Indices,
        scope: Indices,
        *,
        is_exp: bool = False,
    ) -> Expr:
        """A sum or an extreme over some axes, with fresh letters along them."""
        fresh = self.indices(tuple([argument.shape[axis] for axis in axes]), scope)
        renamed = dict(zip(axes, fresh, strict=True))
        places = tuple([renamed.get(axis, letter) for axis, letter in enumerate(at)])
        inner = self.expr(argument, places, (*scope, *fresh))
        return Call(f"{name}_{''.join(fresh)}", (Call("exp", (inner,)) if is_exp else inner,))

    def _hardmax(self, argument: Node, axes: Spec, at: Indices, scope: Indices) -> Expr:
        """1 where the entry is the largest, over how many are."""

        def chosen(places: Indices, around: Indices) -> Expr:
            entry = self.expr(argument, places, around)
            top = self._reduced("max", argument, axes, places, around)
            return Call("heaviside", (Binary("-", entry, top), Number(Fraction(1))))

        fresh = self.indices(tuple([argument.shape[axis] for axis in axes]), scope)
        renamed = dict(zip(axes, fresh, strict=True))
        places = tuple([renamed.get(axis, letter) for axis, letter in enumerate(at)])
        count = Call(f"sum_{''.join(fresh)}", (chosen(places, (*scope, *fresh)),))
        return Binary("/", chosen(at, scope), count)

    def _log_softmax(self, argument: Node, axes: Spec, at: Indices, scope: Indices) -> Expr:
        total = self._reduced("sum", argument, axes, at, scope, is_exp=True)
        return Binary("-", self.expr(argument, at, scope), Call("log", (total,)))

    def _whole(self, node: Node) -> str:
        """The name of a matrix that stands without indices."""
        if node.kind == "variable":
            return str(node.data)
        name = self._names.get(node)
        if name is None:
            number = len(self._names) + 1
            while f"M{number}" in self.taken:
                number += 1
            name = self._names[node] = f"M{number}"
            self.taken.add(name)
            at = self.indices(node.shape)
            expr = self.expr(node, at)
            # After what it uses itself.
            self.definitions[name] = (at, expr)
        return name


def _times(coefficient: Rational, above: list[Expr], below: list[Expr], body: Expr | None) -> Expr:
    """A product of factors over others, with a number in front."""
    value = tidy(coefficient)
    above = [factor for factor in above if factor != Number(Fraction(1))]
    factors = [*above, *([body] if body is not None else [])]
    if is_decimal(value):
        factors.insert(0, Number(abs(value)))
    elif abs(value.numerator) != 1 or not factors:
        factors.insert(0, Number(Fraction(abs(value.numerator))))
    if value < 0:
        factors[0] = Negative(factors[0])
    if value.denominator != 1 and not is_decimal(value):
        below = [Number(Fraction(value.denominator)), *below]
    found = factors[0]
    for factor in factors[1:]:
        found = Binary("*", found, factor)
    if below:
        divisor = below[0]
        for factor in below[1:]:
            divisor = Binary("*", divisor, factor)
        found = Binary("/", found, divisor)
    return found
