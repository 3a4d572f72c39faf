"""Nodes written as vectors and matrices, in the expression language."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from fractions import Fraction

from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Transpose
from dlcalc.symbolic.matrix.chain import Chain, NoMatrixForm, contracted, divided, multiplied
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import (
    Factor,
    Node,
    Size,
    Spec,
    constant,
    exponent,
    is_decimal,
    parts,
    terms,
    tidy,
)
from dlcalc.symbolic.matrix.node import Number as Rational
from dlcalc.symbolic.matrix.read import Reader
from dlcalc.symbolic.matrix.rules import MEANINGS, meaning

_DROPPED = {("leaky_relu", Fraction(1, 100)), ("elu", Fraction(1))}


def _along_all(name: str, arg: Expr) -> Expr:
    """Along all axes at once, in functions that the language has."""
    if name == "hardmax":
        chosen = Call("heaviside", (Binary("-", arg, Call("max", (arg,))), Number(Fraction(1))))
        return divided(chosen, Call("sum", (chosen,)))
    inner = Binary("-", arg, Call("logsumexp", (arg,)))
    return inner if name == "log_softmax" else Call("exp", (inner,))


class Writer:
    """Writes nodes of a graph as expressions; ``names`` stand for nodes that have one.

    Raises `NoMatrixForm` at a node that no product of matrices is.
    """

    def __init__(self, graph: Graph, names: Mapping[Node, str] | None = None) -> None:
        self.graph = graph
        self.names = dict(names or {})
        self._known: dict[Node, Expr] = {}

    def expr(self, node: Node) -> Expr:
        """A node, by its name if it has one."""
        if node in self.names:
            return Name(self.names[node])
        return self.meaning(node)

    def meaning(self, node: Node) -> Expr:
        """A node itself, whether it has a name or not."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = self._written(node)
        return found

    def _written(self, node: Node) -> Expr:
        match node.kind:
            case "variable" | "size":
                return Name(str(node.data))
            case "pi":
                return Name("pi")
            case "delta":
                return Call("eye", (_size(node.shape[0]),))
            case "add":
                return self._sum(node)
            case "product":
                return self._product(node)
            case "each":
                return self._each(node)
        return self._call(node)

    # -- sums ---------------------------------------------------------------------------------

    def _sum(self, node: Node) -> Expr:
        given = terms(node)
        # What is added should stand before what is taken away.
        ordered = [pair for pair in given if pair[0] > 0] + [pair for pair in given if pair[0] < 0]
        nodes = [term for _, term in ordered]
        # Beside a unit matrix a row reads better with its ones.
        is_unit = any(map(_has_delta, nodes))
        written = [self.expr(term) for term in nodes] if is_unit else self._loose(nodes)
        total: Expr | None = None
        for (factor, _), term in zip(ordered, written, strict=True):
            size = _scaled(factor if factor > 0 else -factor, term)
            if total is None:
                total = _negative(size) if factor < 0 else size
            else:
                total = Binary("+" if factor > 0 else "-", total, size)
        assert total is not None
        return total

    def _loose(self, nodes: Sequence[Node]) -> list[Expr]:
        """Nodes of one shape; those that NumPy broadcasts to it stand without their ones."""
        return [self.expr(node) for node in loose(self.graph, nodes, self.names)]

    # -- functions ----------------------------------------------------------------------------

    def _each(self, node: Node) -> Expr:
        name = str(node.data)
        base = exponent(node)
        if base is not None:
            return self._power(*base)
        if name in MEANINGS:
            names = dict(zip("xys", node.args, strict=False))
            return self.expr(Reader(self.graph, names).node(meaning(name)))
        args = self._loose(node.args)
        if name == "power":
            return Binary("**", args[0], args[1])
        if len(args) == 2 and (name, constant(node.args[1])) in _DROPPED:
            args = args[:1]
        return Call(name, tuple(args))

    def _power(self, base: Node, value: Rational) -> Expr:
        if value < 0:
            return divided(Number(Fraction(1)), self._power(base, -value))
        if value == 1:
            return self.expr(base)
        if value.denominator == 2:
            whole = _sum_of_squares(base)
            if whole is not None:
                length = Call("norm", (self.expr(whole),))
                power = Number(Fraction(value * 2))
                return length if power.value == 1 else Binary("**", length, power)
        if value == Fraction(1, 2):
            return Call("sqrt", (self.expr(base),))
        return Binary("**", self.expr(base), Number(Fraction(value)))

    def _call(self, node: Node) -> Expr:
        name, axes = node.data
        args = tuple([self.expr(argument) for argument in node.args])
        rank = node.args[0].rank
        if not axes or name == "cross_entropy":
            return Call(name, args)
        if name in ("softmax", "log_softmax", "hardmax"):
            if len(axes) == 1:
                return Call(name, args, None if axes[0] == rank - 1 else axes[0])
            if len(axes) < rank:
                raise NoMatrixForm(node)
            return _along_all(name, args[0])
        if len(axes) == rank:
            return Call(name, args)
        if len(axes) > 1:
            raise NoMatrixForm(node)
        return Call(name, args, axes[0])

    # -- products -----------------------------------------------------------------------------

    def _product(self, node: Node) -> Expr:
        coefficient, factors = parts(node)
        whole = _sum_of_squares(node)
        if whole is not None and coefficient == 1:
            inner = self.expr(whole)
            if whole.rank == 1 and isinstance(inner, Name):
                return Binary("@", Transpose(inner), inner)
        scalars: list[Expr] = []
        divisors: list[Expr] = []
        chains: list[Chain] = []
        ties: list[Spec] = []
        tensors = [pair for pair in factors if pair[1] and pair[0].kind != "delta"]
        for factor, spec in factors:
            base = exponent(factor)
            below = base is not None and base[1] < 0 and factor not in self.names
            if factor.kind == "delta":
                ties.append(spec)
            elif below and base is not None:
                inner = self._power(base[0], -base[1])
                if spec:
                    chains.append(Chain.of([], [inner], spec))
                else:
                    divisors.append(inner)
            elif spec:
                symmetric = len(spec) == 2 and self.graph.is_symmetric(factor)
                chains.append(Chain.of([self.expr(factor)], [], spec, symmetric))
            else:
                scalars.append(self.expr(factor))
        if divisors:
            if len(chains) == 1 and not ties and len(factors) > len(divisors):
                mean = self._mean(tensors[0], node.rank, divisors)
                if mean is not None:
                    return _assembled(coefficient, scalars, divisors, mean)
            for place, (factor, _) in enumerate(tensors):
                mean = self._mean_of(factor, divisors)
                if mean is not None:
                    chains[place] = Chain.of([mean], [], chains[place].spec)
        body, more = contracted(node, chains, ties)
        scalars += more
        return _assembled(coefficient, scalars, divisors, body)

    def _mean_of(self, node: Node, divisors: list[Expr]) -> Expr | None:
        """A factor that is a sum over axes, as a mean; see `_mean`."""
        coefficient, factors = parts(node)
        if node in self.names or node.kind != "product" or coefficient != 1 or len(factors) != 1:
            return None
        return self._mean(factors[0], node.rank, divisors)

    def _mean(self, factor: Factor, rank: int, divisors: list[Expr]) -> Expr | None:
        """A sum over axes as a mean, if it is divided by their sizes; they are taken out then."""
        node, spec = factor
        summed = [axis for axis, index in enumerate(spec) if index >= rank]
        kept = [index for index in spec if index < rank]
        if kept != list(range(rank)) or len(set(spec)) < len(spec):
            return None
        if not summed or 1 < len(summed) < node.rank:
            return None
        left = list(divisors)
        for axis in summed:
            size = _size(node.shape[axis])
            if size not in left:
                return None
            left.remove(size)
        divisors[:] = left
        return Call("mean", (self.expr(node),), summed[0] if len(summed) < node.rank else None)


def _has_delta(node: Node) -> bool:
    return node.kind == "delta" or any(argument.kind == "delta" for argument in node.args)


def loose(graph: Graph, nodes: Sequence[Node], kept: Container[Node] = ()) -> list[Node]:
    """Nodes of one shape; those that NumPy broadcasts to it without their leading axes."""
    narrow = [node if node in kept else _narrow(graph, node) for node in nodes]
    if not any(node is same for node, same in zip(nodes, narrow, strict=True)):
        narrow[0] = nodes[0]
    return narrow


def _narrow(graph: Graph, node: Node) -> Node:
    """A node without the leading axes that it does not vary along."""
    if node.kind != "product":
        return node
    used = {index for spec in node.data[1] for index in spec}
    first = min([axis for axis in range(node.rank) if axis in used], default=node.rank)
    return graph.narrowed(node, tuple(range(first, node.rank))) if first else node


def _sum_of_squares(node: Node) -> Node | None:
    """Of what a node is the sum of all squares, or None."""
    if node.kind != "product" or node.rank or len(node.args) != 1:
        return None
    coefficient, specs = node.data
    base = exponent(node.args[0])
    if coefficient != 1 or base is None or base[1] != 2 or len(set(specs[0])) < len(specs[0]):
        return None
    return base[0] if base[0].rank else None


def _size(size: Size) -> Expr:
    return Number(Fraction(size)) if isinstance(size, int) else Name(size)


def _assembled(
    coefficient: Rational, scalars: list[Expr], divisors: list[Expr], body: Expr | None
) -> Expr:
    """A number, scalar factors, what they are divided by, and a vector or matrix."""
    value = tidy(coefficient)
    if body is None and not scalars and not divisors:
        return Number(value) if value >= 0 else Negative(Number(-value))
    front = [factor for factor in scalars if not _is_product(factor)]
    back = [factor for factor in scalars if _is_product(factor)]
    lead = multiplied(front) if front else None
    if is_decimal(value):
        number: Expr = Number(abs(value))
        lead = number if lead is None else _leading(number, lead)
    elif abs(value.numerator) != 1 or (lead is None and body is None and not back):
        number = Number(Fraction(abs(value.numerator)))
        lead = number if lead is None else _leading(number, lead)
    whole = body
    if lead is not None:
        whole = lead if body is None else _leading(lead, body)
    if whole is None:
        whole, back = back[0], back[1:]
    for factor in back:
        whole = Binary("*", whole, factor)
    if value.denominator != 1 and not is_decimal(value):
        divisors = [Number(Fraction(value.denominator)), *divisors]
    if divisors and isinstance(whole, Binary) and whole.operator == "/":
        whole = divided(whole.left, multiplied([whole.right, *divisors]))
    elif divisors:
        whole = divided(whole, multiplied(divisors))
    return _negative(whole) if value < 0 else whole


def _is_product(expr: Expr) -> bool:
    return isinstance(expr, Binary) and expr.operator in "@*/"


def _leading(factor: Expr, body: Expr) -> Expr:
    """A scalar times an expression, put before the first of its factors: 2*X.T@r."""
    if isinstance(body, Binary) and body.operator in ("@", "*", "/"):
        if body.left == Number(Fraction(1)):
            return Binary(body.operator, factor, body.right)
        return Binary(body.operator, _leading(factor, body.left), body.right)
    if isinstance(factor, Binary) and factor.operator in ("*", "/"):
        return Binary("*", factor, body)
    return Binary("*", factor, body)


def _scaled(factor: Rational, body: Expr) -> Expr:
    if factor == 1:
        return body
    if isinstance(body, Number):
        return Number(body.value * factor)
    return _assembled(factor, [], [], body)


def _negative(body: Expr) -> Expr:
    """Minus an expression, at the first of its factors."""
    if isinstance(body, Binary) and body.operator in ("@", "*", "/"):
        return Binary(body.operator, _negative(body.left), body.right)
    if isinstance(body, Negative):
        return body.operand
    return Negative(body)
