"""Reverse mode: from the derivative by a node to those by its arguments.

The derivative of an output by a node, its adjoint, has the axes of the output
first and those of the node behind them; for a scalar output they are the
node's alone. Indices of the output are negative here, so that they never meet
those of a node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction

from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import (
    Factor,
    Node,
    Number,
    Shape,
    Spec,
    is_free,
    parts,
    terms,
)
from dlcalc.symbolic.matrix.read import slope
from dlcalc.symbolic.matrix.rules import title

#: A rule's name, and for arguments what this use of them adds to their adjoints.
Found = tuple[str, list[tuple[Node, Node]]]


class Pass:
    """One output, on the way back from it."""

    def __init__(self, graph: Graph, output: Node, share: Fraction | None = None) -> None:
        self.graph = graph
        #: The share of the slope on the right at kinks; None is PyTorch's choice.
        self.share = share
        self.front: Spec = tuple(range(-output.rank, 0))
        self.sizes = output.shape

    def product(
        self, factors: Sequence[Factor], out: Spec, shape: Shape, coefficient: Number = 1
    ) -> Node:
        """A product whose axes are those of the output, then ``out``."""
        return self.graph.product(
            coefficient,
            factors,
            (*self.front, *out),
            (*self.sizes, *shape),
        )

    def spec(self, out: Spec) -> Spec:
        """The indices of an adjoint whose node has the indices ``out``."""
        return (*self.front, *out)


def adjoints(graph: Graph, output: Node, wrt: Sequence[Node]) -> list[Node]:
    """The derivatives of an output by nodes.

    >>> g = Graph()
    >>> x = g.variable("x", ("n",))
    >>> square = g.product(1, [(x, (0,)), (x, (0,))], (), ())
    >>> adjoints(g, square, [x])[0] is g.scale(2, x)
    True
    """
    alive = between(output, set(wrt))
    work, seed = seeded(graph, output)
    given: dict[Node, list[Node]] = {output: [seed]}
    found: dict[Node, Node] = {}
    # Arguments have smaller numbers than their uses: this is a reverse topological order.
    for node in sorted(alive, key=lambda n: -n.number):
        uses = given.get(node)
        if uses is None:
            continue
        value = uses[0] if len(uses) == 1 else graph.add([(1, part) for part in uses])
        found[node] = value
        for argument, part in contributions(work, node, value, alive)[1]:
            given.setdefault(argument, []).append(part)
    return [found.get(node) or graph.number(0, (*output.shape, *node.shape)) for node in wrt]


def seeded(graph: Graph, output: Node, share: Fraction | None = None) -> tuple[Pass, Node]:
    """A way back from an output, and the derivative of the output by itself."""
    work = Pass(graph, output, share)
    axes = tuple(range(output.rank))
    deltas = [
        (graph.delta(size), (front, axis))
        for front, axis, size in zip(work.front, axes, output.shape, strict=True)
    ]
    return work, work.product(deltas, axes, output.shape)


def contributions(work: Pass, node: Node, adjoint: Node, alive: AbstractSet[Node]) -> Found:
    """A node's rule, and what it adds to the adjoints of those arguments that are alive."""
    if not node.args:
        return "variable", []
    return _RULES[node.kind](work, node, adjoint, alive)


def between(output: Node, targets: AbstractSet[Node]) -> set[Node]:
    """The nodes of an output that depend on one of the targets."""
    depends: dict[Node, bool] = {}
    stack = [output]
    while stack:
        node = stack[-1]
        waiting = [argument for argument in node.args if argument not in depends]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        depends[node] = node in targets or any(depends[argument] for argument in node.args)
    return {node for node, does in depends.items() if does}


def _add(work: Pass, node: Node, adjoint: Node, alive: AbstractSet[Node]) -> Found:
    scale = work.graph.scale
    return "sum", [(term, scale(factor, adjoint)) for factor, term in terms(node) if term in alive]


def _product(work: Pass, node: Node, adjoint: Node, alive: AbstractSet[Node]) -> Found:
    coefficient, factors = parts(node)
    own = (adjoint, work.spec(tuple(range(node.rank))))
    found = []
    for position, (factor, spec) in enumerate(factors):
        if factor not in alive:
            continue
        others = [own, *factors[:position], *factors[position + 1 :]]
        out: list[int] = []
        fresh = max([*spec, *[i for _, s in factors for i in s], 0]) + 1
        for index, size in zip(spec, factor.shape, strict=True):
            if index in out:
                # A diagonal: only equal indices count.
                others.append((work.graph.delta(size), (index, fresh)))
                index, fresh = fresh, fresh + 1
            out.append(index)
        found.append((factor, work.product(others, tuple(out), factor.shape, coefficient)))
    return _title(node, factors), found


def _title(node: Node, factors: list[Factor]) -> str:
    """What people call a product of this kind."""
    if is_free(node):
        if len(factors) > 1:
            return "product"
        return "multiple" if node.data[0] != 1 else "broadcasting"
    specs = [spec for _, spec in factors if spec]
    if len(specs) > 1:
        return "matrix product"
    return "trace" if len(set(specs[0])) < len(specs[0]) else "sum over entries"


def _each(work: Pass, node: Node, adjoint: Node, alive: AbstractSet[Node]) -> Found:
    name: str = node.data
    axes = tuple(range(node.rank))
    found = []
    for position, argument in enumerate(node.args):
        if argument in alive:
            local = slope(work.graph, name, node.args, position, work.share)
            factors = [(adjoint, work.spec(axes)), (local, axes)]
            found.append((argument, work.product(factors, axes, node.shape)))
    return title(name), found


def _call(work: Pass, node: Node, adjoint: Node, alive: AbstractSet[Node]) -> Found:
    name, axes = node.data
    found = CALLS[name](work, node, axes, adjoint)
    return name, [(a, part()) for a, part in zip(node.args, found, strict=True) if a in alive]


#: For each argument of a call, what builds its adjoint.
_Builders = list[Callable[[], Node]]


def _kept(rank: int, axes: Spec) -> Spec:
    return tuple([axis for axis in range(rank) if axis not in axes])


def _less_its_mean(work: Pass, node: Node, axes: Spec, adjoint: Node, weights: Node) -> Node:
    """The adjoint less its sum with weights along some axes, the same for all entries there."""
    spec = tuple(range(node.rank))
    kept = _kept(node.rank, axes)
    whole = work.spec(spec)
    shape = tuple([node.shape[axis] for axis in kept])
    total = work.product([(adjoint, whole), (weights, spec)], kept, shape)
    wide = work.product([(total, work.spec(kept))], spec, node.shape)
    return work.graph.add([(1, adjoint), (-1, wide)])


def _softmax(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    def build() -> Node:
        spec = tuple(range(node.rank))
        inner = _less_its_mean(work, node, axes, adjoint, node)
        return work.product([(node, spec), (inner, work.spec(spec))], spec, node.shape)

    return [build]


def _log_softmax(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    def build() -> Node:
        spec, kept = tuple(range(node.rank)), _kept(node.rank, axes)
        softmax = work.graph.call("softmax", node.args, axes, node.shape)
        shape = tuple([node.shape[axis] for axis in kept])
        total = work.product([(adjoint, work.spec(spec))], kept, shape)
        part = work.product([(softmax, spec), (total, work.spec(kept))], spec, node.shape)
        return work.graph.add([(1, adjoint), (-1, part)])

    return [build]


def _logsumexp(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    def build() -> Node:
        argument = node.args[0]
        softmax = work.graph.call("softmax", node.args, axes, argument.shape)
        spec, kept = tuple(range(argument.rank)), _kept(argument.rank, axes)
        factors = [(adjoint, work.spec(kept)), (softmax, spec)]
        return work.product(factors, spec, argument.shape)

    return [build]


def _extreme(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    """The largest or least entry has all of the slope; where several are, equal shares."""

    def build() -> Node:
        graph, argument = work.graph, node.args[0]
        spec, kept = tuple(range(argument.rank)), _kept(argument.rank, axes)
        upright = argument if node.data[0] == "max" else graph.scale(-1, argument)
        chosen = graph.call("hardmax", (upright,), axes, argument.shape)
        factors = [(adjoint, work.spec(kept)), (chosen, spec)]
        return work.product(factors, spec, argument.shape)

    return [build]


def _hardmax(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    """Constant, save where another entry becomes the largest."""
    return [lambda: work.graph.number(0, (*work.sizes, *node.shape))]


def _inv(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    """Of B = inv(A): dB = -B@dA@B."""

    def build() -> Node:
        i, j, k, m = 0, 1, 2, 3
        factors = [(adjoint, work.spec((i, j))), (node, (i, k)), (node, (m, j))]
        return work.product(factors, (k, m), node.shape, -1)

    return [build]


def _logdet(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    def build() -> Node:
        argument = node.args[0]
        inverse = work.graph.call("inv", (argument,), (), argument.shape)
        factors = [(adjoint, work.spec(())), (inverse, (1, 0))]
        return work.product(factors, (0, 1), argument.shape)

    return [build]


def _det(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    def build() -> Node:
        argument = node.args[0]
        inverse = work.graph.call("inv", (argument,), (), argument.shape)
        factors = [(adjoint, work.spec(())), (node, ()), (inverse, (1, 0))]
        return work.product(factors, (0, 1), argument.shape)

    return [build]


def _cross_entropy(work: Pass, node: Node, axes: Spec, adjoint: Node) -> _Builders:
    """Of targets that sum to 1; by the targets themselves it is never derived."""
    logits, targets = node.args

    def build() -> Node:
        softmax = work.graph.call("softmax", (logits,), axes, logits.shape)
        error = work.graph.add([(1, softmax), (-1, targets)])
        spec = tuple(range(logits.rank))
        return work.product([(adjoint, work.spec(())), (error, spec)], spec, logits.shape)

    def refuse() -> Node:
        raise AssertionError("targets that are derived by are not taken to sum to 1")

    return [build, refuse]


#: The rules of functions that do not work element by element.
CALLS: dict[str, Callable[[Pass, Node, Spec, Node], _Builders]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "max": _extreme,
    "min": _extreme,
    "hardmax": _hardmax,
    "inv": _inv,
    "det": _det,
    "logdet": _logdet,
    "cross_entropy": _cross_entropy,
}
_RULES: dict[str, Callable[[Pass, Node, Node, AbstractSet[Node]], Found]] = {
    "add": _add,
    "product": _product,
    "each": _each,
    "call": _call,
}
