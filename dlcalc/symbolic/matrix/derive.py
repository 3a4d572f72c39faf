"""A derivation: an expression in steps, the adjoint of every step, and the gradients.

Every step between the variables and the output has a name, z1, z2, ..., and
the derivative of the output by it is delta1, delta2, ... Each is written in
terms of its neighbours alone; put into one another they give the gradients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import Node, constant, is_free
from dlcalc.symbolic.matrix.reverse import between, contributions, seeded
from dlcalc.symbolic.matrix.simplify import rebuilt, rewritten, simplified, tree_size

#: A step of a tree with no more nodes is written again rather than named.
_SHORT = 3


class Step(NamedTuple):
    """A part of the expression: the variable that names it, itself, itself in named parts."""

    symbol: Node
    node: Node
    meaning: Node


class Slope(NamedTuple):
    """The derivative of the output by a step or a variable, in terms of steps and slopes.

    ``symbol`` is the variable that stands for it in other slopes; that of a variable of
    the expression, which is in no other, has none.
    """

    symbol: Node | None
    by: Node
    node: Node
    meaning: Node
    rules: tuple[str, ...]


class Derivation:
    """The gradients of one output by several variables.

    >>> g = Graph()
    >>> x = g.variable("x", ("n",))
    >>> found = Derivation(g, g.each("exp", g.each("tanh", x)), [x], ["x"])
    >>> [step.symbol.data for step in found.steps], [slope.rules for slope in found.slopes]
    (['z1'], [('exp',), ('tanh',)])
    """

    def __init__(
        self,
        graph: Graph,
        output: Node,
        wrt: Sequence[Node],
        taken: Iterable[str],
        share: Fraction | None = None,
        prefixes: tuple[str, str] = ("z", "delta"),
        labels: Mapping[Node, tuple[str, str]] | None = None,
    ) -> None:
        """``taken`` are names that no step may have; ``share`` is for kinks.

        ``prefixes`` begin the names of steps and of slopes. With ``labels``, names of nodes
        and of the slopes by them, only those nodes are steps.
        """
        self._share = share
        self.graph = graph
        self.output = output
        self.wrt = tuple(dict.fromkeys(wrt))
        used = set(taken)
        self._names = [_prefix(wish, used) for wish in prefixes]
        #: What the variables that name steps and slopes stand for, in the order of making.
        self.meanings: dict[Node, Node] = {}
        self._symbols: dict[Node, Node] = {}
        self.steps: list[Step] = []
        self.slopes: list[Slope] = []
        self._slope_names: list[str] = []
        self._forward(labels)
        self._back()

    def _forward(self, labels: Mapping[Node, tuple[str, str]] | None) -> None:
        graph, output = self.graph, self.output
        inner = between(output, set(self.wrt)) - {output, *self.wrt}
        for node in sorted(inner, key=lambda node: node.number):
            is_inner = _is_view(node) if labels is None else node not in labels
            if is_inner:
                self._symbols[node] = self._opened(node)
                continue
            number = len(self.steps) + 1
            names = (f"{self._names[0]}{number}", f"{self._names[1]}{number}")
            names = names if labels is None else labels[node]
            self._slope_names.append(names[1])
            symbol = graph.variable(names[0], node.shape)
            self.steps.append(Step(symbol, node, self._opened(node)))
            self._symbols[node] = symbol
            self.meanings[symbol] = self.steps[-1].meaning
        #: The output in terms of the last steps.
        self.body = output if output in self.wrt else self._opened(output)

    def _opened(self, node: Node) -> Node:
        """A node whose arguments stand by their names."""
        args = [self._symbols.get(argument, argument) for argument in node.args]
        return rebuilt(self.graph, node, args)

    def _back(self) -> None:
        graph = self.graph
        # Where a rule makes a step anew it is recognised: the sigmoid(z1) of a slope is z2.
        recognised = {step.meaning: step.symbol for step in self.steps if step.meaning.args}
        ends = {*self.wrt, *[step.symbol for step in self.steps]}
        given: dict[Node, list[tuple[str, Node]]] = {}
        work, seed = seeded(graph, self.output, self._share)

        def spread(node: Node, adjoint: Node, title: str = "") -> None:
            own, found = contributions(work, node, adjoint, between(node, ends))
            for argument, part in found:
                if argument not in ends:
                    # A transpose or a multiple, which has no name of its own.
                    spread(argument, part, title or own)
                    continue
                part = rewritten(graph, part, recognised)
                given.setdefault(argument, []).append((title or own, part))

        if self.output in self.wrt:
            given[self.output] = [("variable", seed)]
        else:
            spread(self.body, seed)
        for name, step in reversed(list(zip(self._slope_names, self.steps, strict=True))):
            if step.symbol not in given:
                continue
            value, rules = self._total(given[step.symbol])
            symbol = graph.variable(name, value.shape)
            self.slopes.append(Slope(symbol, step.symbol, step.node, value, rules))
            self.meanings[symbol] = value
            # A number, or another slope as it is, needs no second name.
            is_plain = value.kind == "variable" or constant(value) is not None
            spread(step.meaning, value if is_plain else symbol)
        for node in self.wrt:
            zero = graph.number(0, (*self.output.shape, *node.shape))
            value, rules = self._total(given.get(node, [("constant", zero)]))
            self.slopes.append(Slope(None, node, node, value, rules))

    def _total(self, given: list[tuple[str, Node]]) -> tuple[Node, tuple[str, ...]]:
        value = self.graph.add([(1, part) for _, part in given])
        return simplified(self.graph, [value])[0], tuple(dict.fromkeys(t for t, _ in given))

    def expanded(self, nodes: Sequence[Node], kept: Iterable[Node] = ()) -> list[Node]:
        """Nodes with names replaced by what they stand for, save those that are kept."""
        whole: dict[Node, Node] = {symbol: symbol for symbol in kept}
        for symbol, meaning in self.meanings.items():
            if symbol not in whole:
                whole[symbol] = rewritten(self.graph, meaning, whole)
        return [rewritten(self.graph, node, whole) for node in nodes]

    def gradients(self) -> list[Node]:
        """The gradients in the expression's own letters, simplified together."""
        found = [slope.meaning for slope in self.slopes if slope.symbol is None]
        return simplified(self.graph, self.expanded(found))


def shared(derivation: Derivation, roots: Sequence[Node], *, errors: bool = False) -> list[Node]:
    """The names of steps and slopes that some nodes use more than once, in the order of making.

    What is short is not among them. With ``errors`` the slopes by the arguments of functions
    are, however often they are used: those that back-propagation calls errors.
    """
    counts: Counter[Node] = Counter()
    stack = list(roots)
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node in derivation.meanings:
            counts[node] += 1
            node = derivation.meanings[node]
        if node not in seen:
            seen.add(node)
            stack += node.args
            if node in derivation.meanings:
                stack.append(node)
    users = [*[step.meaning for step in derivation.steps], derivation.body]
    inner = {node for user in users if user.kind in ("each", "call") for node in user.args}
    arguments = {slope.symbol for slope in derivation.slopes if slope.by in inner}
    found = [
        symbol
        for symbol, meaning in derivation.meanings.items()
        if counts[symbol] > (0 if errors and symbol in arguments else 1)
        and any(argument.rank for argument in meaning.args)
    ]
    wholes = derivation.expanded([derivation.meanings[symbol] for symbol in found])
    return [
        symbol for symbol, whole in zip(found, wholes, strict=True) if tree_size(whole) > _SHORT
    ]


def _is_view(node: Node) -> bool:
    """Whether a node is just a multiple, a transpose or a broadcast of another."""
    return node.kind == "product" and len(node.args) == 1 and is_free(node)


def _prefix(wish: str, used: set[str]) -> str:
    """A prefix behind which no number makes a name that is in use."""
    prefix = wish
    while any(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in used):
        prefix += "_"
    return prefix
