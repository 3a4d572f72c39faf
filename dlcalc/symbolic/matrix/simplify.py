"""Gradients as people would write them: the same sums and products, in a better order.

What a graph does by itself (`graph`) is done already. Here matrix products that
are used only once are merged into longer ones, unit matrices are multiplied
out, and common factors taken out of sums: A@x + A.T@x is (A + A.T)@x.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import (
    Factor,
    Node,
    Number,
    Size,
    Spec,
    exponent,
    is_free,
    parts,
    terms,
)

_LONGEST_CHAIN = 8
#: Sums of more terms are left as they are: pairs of terms are compared.
_MOST_TERMS = 12
_ROUNDS = 4


def simplified(graph: Graph, roots: Sequence[Node]) -> list[Node]:
    """The nodes, simplified together; what they share stays shared."""
    found = list(roots)
    for _ in range(_ROUNDS):
        work = _Simplifier(graph, found)
        new = [work.node(root) for root in found]
        if new == found:
            break
        found = new
    return found


def uses(roots: Iterable[Node]) -> Counter[Node]:
    """How often each node below some roots is an argument or a root."""
    counts: Counter[Node] = Counter()
    stack = list(roots)
    while stack:
        node = stack.pop()
        counts[node] += 1
        if counts[node] == 1:
            stack += node.args
    return counts


def tree_size(root: Node) -> int:
    """How many nodes a node has below it and itself, those used twice counted twice."""
    known: dict[Node, int] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [argument for argument in node.args if argument not in known]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        known[node] = 1 + sum(known[argument] for argument in node.args)
    return known[root]


def rewritten(graph: Graph, root: Node, given: Mapping[Node, Node]) -> Node:
    """A node in which some nodes are replaced by others."""
    if root in given:
        return given[root]
    known: dict[Node, Node] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        for argument in node.args:
            if argument not in known:
                # Not by a copy of what is given: it may be much larger than the node.
                new = given.get(argument)
                if new is None:
                    stack.append(argument)
                else:
                    known[argument] = new
        if stack[-1] is node:
            stack.pop()
            if node not in known:
                known[node] = rebuilt(graph, node, [known[argument] for argument in node.args])
    return known[root]


def rebuilt(graph: Graph, node: Node, args: Sequence[Node]) -> Node:
    """A node of the same kind with other arguments."""
    if all(new is old for new, old in zip(args, node.args, strict=True)):
        return node
    match node.kind:
        case "add":
            factors: tuple[Number, ...] = node.data
            return graph.add(list(zip(factors, args, strict=True)))
        case "product":
            coefficient, specs = node.data
            pairs = list(zip(args, specs, strict=True))
            return graph.product(coefficient, pairs, tuple(range(node.rank)), node.shape)
        case "each":
            return graph.each(str(node.data), *args)
        case "call":
            name, axes = node.data
            return graph.call(name, tuple(args), axes, node.shape)
    return node


class _Simplifier:
    def __init__(self, graph: Graph, roots: Sequence[Node]) -> None:
        self.graph = graph
        self.uses = uses(roots)
        self._known: dict[Node, Node] = {}

    def node(self, root: Node) -> Node:
        known = self._known
        stack = [root]
        while stack:
            node = stack[-1]
            waiting = [argument for argument in node.args if argument not in known]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if node not in known:
                known[node] = self._rebuilt(node)
        return known[root]

    def _rebuilt(self, node: Node) -> Node:
        args = [self._known[argument] for argument in node.args]
        if node.kind == "product":
            coefficient, specs = node.data
            flat = [
                self._flattened(node, old, new, spec)
                for old, new, spec in zip(node.args, args, specs, strict=True)
            ]
            return self._expanded(_rejoined(self.graph, coefficient, flat, node))
        new = rebuilt(self.graph, node, args)
        return self._collected(new) if node.kind == "add" else new

    # -- longer chains ------------------------------------------------------------------------

    def _flattened(self, node: Node, old: Node, new: Node, spec: Spec) -> list[Factor]:
        """The factors of a factor that is a matrix product, if it can join its product."""
        whole: list[Factor] = [(new, spec)]
        if new.kind != "product" or is_free(new) or not new.rank or self.uses[old] > 1:
            return whole
        coefficient, inner = parts(new)
        _, outer = parts(node)
        if coefficient != 1 or len(inner) + len(outer) - 1 > _LONGEST_CHAIN:
            return whole
        # No index may be shared by more than two: then it is no chain.
        within = Counter([*range(new.rank), *[i for _, s in inner for i in s]])
        around = Counter([*range(node.rank), *[i for _, s in outer for i in s]])
        if max(within.values()) > 2 or any(around[index] != 2 for index in spec):
            return whole
        if len(set(spec)) < len(spec):
            return whole
        return [(factor, (*spec, *places) if places else ()) for factor, places in _deferred(inner)]

    # -- multiplied out -----------------------------------------------------------------------

    def _expanded(self, node: Node) -> Node:
        """A product over a sum with unit matrices or ones in it, multiplied out."""
        coefficient, factors = parts(node)
        if node.kind != "product":
            return node
        for position, (factor, spec) in enumerate(factors):
            if factor.kind != "add" or len(factor.args) > _MOST_TERMS:
                continue
            others = factors[:position] + factors[position + 1 :]
            shared = {index for _, places in others for index in places}
            if shared & set(spec):
                is_better = self._is_better(node, factor, spec, others)
                is_shorter = False
            else:
                # A sum of terms, some of which do not vary along what is summed over.
                summed = {axis for axis, index in enumerate(spec) if index >= node.rank}
                is_shorter = any(summed - _varied(term) for term in factor.args)
                is_better = False
            if not is_better and not is_shorter:
                continue
            axes = tuple(range(node.rank))
            parts_ = [
                (value, self.graph.product(coefficient, [(term, spec), *others], axes, node.shape))
                for value, term in terms(factor)
            ]
            found = self._collected(self.graph.add(parts_))
            if is_better or tree_size(found) < tree_size(node):
                return found
        return node

    def _is_better(self, node: Node, factor: Node, spec: Spec, others: list[Factor]) -> bool:
        """Whether a product over a sum is easier to read when it is multiplied out."""
        if any(map(_is_awkward, factor.args)):
            return True
        if any(_cancels(term, spec, others) for term in factor.args):
            return True
        is_contracted = node.rank == 2 and any(index >= 2 for index in spec)
        return is_contracted and any(map(_is_outer, factor.args))

    # -- common factors -----------------------------------------------------------------------

    def _collected(self, node: Node) -> Node:
        """A sum with common factors taken out of its terms."""
        coefficient, factors = parts(node)
        if node.kind == "product" and len(factors) == 1 and factors[0][0].kind == "add":
            inner = self._collected(factors[0][0])
            return _rejoined(self.graph, coefficient, [[(inner, factors[0][1])]], node)
        if node.kind != "add" or len(node.args) > _MOST_TERMS:
            return node
        shorter = self._multiplied(node)
        if shorter is not None:
            return self._collected(shorter)
        given = terms(node)
        for first in range(len(given)):
            for second in range(first + 1, len(given)):
                joined = self._joined(given[first], given[second])
                if joined is not None:
                    rest = [pair for k, pair in enumerate(given) if k not in (first, second)]
                    return self._collected(self.graph.add([(1, joined), *rest]))
        return node

    def _multiplied(self, node: Node) -> Node | None:
        """A sum of products of sums, multiplied out, if that is shorter: y*(1 - s) - s*(1 - y)."""
        graph, axes = self.graph, tuple(range(node.rank))
        found: list[tuple[Number, Node]] = []
        for value, term in terms(node):
            coefficient, factors = parts(term)
            inner = [pair for pair in factors if pair[0].kind == "add"]
            if not inner or term.kind != "product" or not is_free(term):
                found.append((value, term))
                continue
            others = [pair for pair in factors if pair is not inner[0]]
            for weight, part in terms(inner[0][0]):
                pairs = [(part, inner[0][1]), *others]
                product = graph.product(coefficient, pairs, axes, node.shape)
                found.append((weight * value, product))
        if len(found) == len(node.args) or len(found) > _MOST_TERMS:
            return None
        total = graph.add(found)
        # What was taken out as a number is back in the terms.
        length = max([len(part.args) for part in (total, *total.args) if part.kind == "add"] or [1])
        return total if length <= len(node.args) and tree_size(total) < tree_size(node) else None

    def _joined(self, first: tuple[Number, Node], second: tuple[Number, Node]) -> Node | None:
        """Two terms as one product with a sum in it, or None if nothing is common."""
        left, right = parts(first[1])[1], parts(second[1])[1]
        if first[1].kind != "product" or second[1].kind != "product":
            return None
        rank = first[1].rank
        for factor, spec in sorted(left, key=lambda pair: -len(pair[1])):
            for other, places in right:
                if other is not factor or factor.kind == "delta":
                    continue
                names = _renaming(places, spec, rank)
                if names is None:
                    continue
                found = self._factored((factor, spec), places, names, first, second)
                if found is not None:
                    return found
        return None

    def _factored(
        self,
        common: Factor,
        places: Spec,
        names: dict[int, int],
        first: tuple[Number, Node],
        second: tuple[Number, Node],
    ) -> Node | None:
        graph, rank = self.graph, first[1].rank
        left = list(parts(first[1])[1])
        left.remove(common)
        right = list(parts(second[1])[1])
        right.remove((common[0], places))
        free = 1 + max([rank, *[i for _, s in [common, *left, *right] for i in s]])
        moved = []
        for node, spec in right:
            moved.append((node, tuple([names.get(i, i if i < rank else i + free) for i in spec])))
        outside = {*range(rank), *common[1]}
        open_left = {i for _, spec in left for i in spec} & outside
        open_right = {i for _, spec in moved for i in spec} & outside
        if not left or not moved or open_left != open_right or len(open_left) > 2:
            return None
        kept = tuple(sorted(open_left))
        sizes: dict[int, Size] = {}
        for node, spec in [*left, common, *moved]:
            sizes.update(zip(spec, node.shape, strict=True))
        shape = tuple([sizes[index] for index in kept])
        pieces = [graph.product(1, left, kept, shape), graph.product(1, moved, kept, shape)]
        if common[1] and any(map(_is_awkward, pieces)):
            return None
        if rank == 2 and any(index >= 2 for index in common[1]) and any(map(_is_outer, pieces)):
            return None
        pairs = list(zip((first[0], second[0]), pieces, strict=True))
        # A + A.T, not A.T + A.
        pairs.sort(key=lambda pair: _is_turned(pair[1]))
        total = self._collected(graph.add(pairs))
        axes = tuple(range(rank))
        return graph.product(1, [common, (total, kept)], axes, first[1].shape)


def _deferred(inner: list[Factor]) -> list[Factor]:
    """Inner indices, marked as such by being negative."""
    return [(factor, tuple([-1 - index for index in spec])) for factor, spec in inner]


def _rejoined(graph: Graph, coefficient: Number, groups: list[list[Factor]], node: Node) -> Node:
    """A product whose factors may be groups: those of an inner product, its indices apart."""
    factors: list[Factor] = []
    fresh = 1 + max([node.rank, *[i for group in groups for _, spec in group for i in spec]])
    for group in groups:
        highest = 0
        for factor, spec in group:
            if not any(index < 0 for index in spec):
                factors.append((factor, spec))
                continue
            outer = [index for index in spec if index >= 0]
            inner = [-1 - index for index in spec if index < 0]
            renamed = [outer[i] if i < len(outer) else fresh + i for i in inner]
            highest = max([highest, *inner])
            factors.append((factor, tuple(renamed)))
        fresh += highest + 1
    return graph.product(coefficient, factors, tuple(range(node.rank)), node.shape)


def _is_awkward(node: Node) -> bool:
    """Whether a term has a unit matrix in it, or ones that NumPy does not broadcast by itself."""
    if node.kind == "delta":
        return True
    if node.kind != "product":
        return False
    if any(argument.kind == "delta" for argument in node.args):
        return True
    varied = _varied(node)
    return bool(varied) and not set(range(min(varied), node.rank)) <= varied


def _cancels(term: Node, spec: Spec, others: list[Factor]) -> bool:
    """Whether a term is divided by one of the factors that it is multiplied by."""
    for factor, places in parts(term)[1]:
        base = exponent(factor)
        if base is not None and base[1] < 0 and all(axis < len(spec) for axis in places):
            at = tuple([spec[axis] for axis in places])
            if at and (base[0], at) in others:
                return True
    return False


def _is_outer(node: Node) -> bool:
    """Whether a term is the outer product of two vectors: no factors lead from axis 0 to 1."""
    if node.kind != "product" or len(_varied(node)) < 2:
        return False
    reached = {0}
    specs: tuple[Spec, ...] = node.data[1]
    for _ in specs:
        reached |= {index for spec in specs if reached & set(spec) for index in spec}
    return 1 not in reached


def _varied(node: Node) -> set[int]:
    """The axes that a node varies along."""
    if node.kind != "product":
        return set(range(node.rank))
    used = {index for spec in node.data[1] for index in spec}
    return used & set(range(node.rank))


def _is_turned(node: Node) -> bool:
    factors = parts(node)[1]
    return len(factors) == 1 and factors[0][1] == (1, 0)


def _renaming(places: Spec, spec: Spec, rank: int) -> dict[int, int] | None:
    """Names for the summed indices of one factor that make it run along those of another."""
    names: dict[int, int] = {}
    for mine, its in zip(places, spec, strict=True):
        if (mine < rank or its < rank) and mine != its:
            return None
        if names.setdefault(mine, its) != its:
            return None
    return names if len(set(names.values())) == len(names) else None
