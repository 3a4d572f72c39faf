"""One Einstein product on its way to a node: simplified, then numbered in one way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcalc.symbolic.matrix.node import (
    MOST_MERGED,
    Factor,
    Node,
    Number,
    Shape,
    Size,
    Spec,
    exponent,
    is_free,
    parts,
    plain,
)

if TYPE_CHECKING:
    from dlcalc.symbolic.matrix.graph import Graph


class Product:
    """One product on its way to a node."""

    def __init__(
        self,
        graph: Graph,
        coefficient: Number,
        factors: Sequence[Factor],
        out: Spec,
        shape: Shape,
    ) -> None:
        self.graph = graph
        self.coefficient = coefficient
        self.out = out
        self.shape = shape
        self.sizes: dict[int, Size] = dict(zip(out, shape, strict=True))
        #: The smallest index that has not been used.
        self.fresh = max([*out, *[i for _, spec in factors for i in spec], -1]) + 1
        self.factors: list[Factor] = []
        for node, spec in factors:
            self._take(node, spec)

    def _take(self, node: Node, spec: Spec) -> None:
        for index, size in zip(spec, node.shape, strict=True):
            self.sizes.setdefault(index, size)
        if node.kind == "each" and len(set(spec)) < len(spec) and node.data != "power":
            # The diagonal of f(A) is f of the diagonal of A.
            kept = tuple(dict.fromkeys(spec))
            shape = tuple([node.shape[spec.index(index)] for index in kept])
            args = [self.graph.product(1, [(arg, spec)], kept, shape) for arg in node.args]
            return self._take(self.graph.each(str(node.data), *args), kept)
        if node.kind != "product":
            self.factors.append((node, spec))
            return None
        coefficient, specs = node.data
        self.coefficient *= coefficient
        rank = len(node.shape)
        if not is_free(node) or len(specs) > MOST_MERGED:
            if rank and () in specs:
                # Scalar factors stand outside of sums.
                pairs = list(zip(node.args, specs, strict=True))
                self.factors += [pair for pair in pairs if not pair[1]]
                rest = [pair for pair in pairs if pair[1]]
                node = self.graph.product(1, rest, tuple(range(rank)), node.shape)
                return self._take(node, spec)
            self.factors.append((self.graph.unit(node, specs), spec))
            return None
        for inner, axes in zip(node.args, specs, strict=True):
            assert all(axis < rank for axis in axes)
            self.factors.append((inner, tuple([spec[axis] for axis in axes])))
        return None

    def node(self) -> Node:
        graph = self.graph
        if not self.coefficient:
            return graph.number(0, self.shape)
        if len(self.factors) == 1 and self.factors[0][0].kind != "delta":
            # The commonest case by far: a multiple, a transpose, a sum over axes.
            self._open_turned()
        else:
            if any(node.kind == "delta" for node, _ in self.factors):
                self._contract_deltas()
            self._cancel_inverses()
            self._merge_powers()
        self._sum_softmax()
        self._count_unused()
        return self._narrowed() or self._canonical()

    def _open_turned(self) -> None:
        """The transpose or the trace of a sum of products is one of its own."""
        node, spec = self.factors[0]
        if node.kind != "product" or spec == self.out:
            return
        is_turned = set(spec) == set(self.out) and len(spec) == len(self.out)
        if not is_turned and len(set(spec)) == len(spec):
            return
        rank = len(spec)
        self.factors = [
            (inner, tuple([spec[i] if i < rank else self.fresh + i for i in places]))
            for inner, places in parts(node)[1]
        ]
        for inner, places in self.factors:
            self.sizes.update(zip(places, inner.shape, strict=True))

    def _contract_deltas(self) -> None:
        """Where an index of a delta is summed over, the other takes its place."""
        again = True
        while again:
            again = False
            for position, (node, spec) in enumerate(self.factors):
                if node.kind != "delta":
                    continue
                first, second = spec
                if first == second:
                    del self.factors[position]
                    again = True
                    break
                if second not in self.out or first not in self.out:
                    gone, kept = (second, first) if second not in self.out else (first, second)
                    del self.factors[position]
                    self._rename(gone, kept)
                    again = True
                    break
        # Two axes of the product tied together: the factors use the first of them.
        for node, spec in [pair for pair in self.factors if pair[0].kind == "delta"]:
            first, second = sorted(spec, key=self.out.index)
            tied = (node, (first, second))
            others = [pair for pair in self.factors if pair != (node, spec) and pair != tied]
            self.factors = others
            self._rename(second, first)
            self.factors = [pair for pair in self.factors if not _is_trivial(pair)]
            self.factors.append(tied)

    def _rename(self, gone: int, kept: int) -> None:
        self.factors = [
            (node, tuple([kept if index == gone else index for index in spec]))
            for node, spec in self.factors
        ]
        if gone not in self.out:
            self.sizes.pop(gone, None)

    def _cancel_inverses(self) -> None:
        """inv(A)@A is the unit matrix, wherever the index between them stands nowhere else."""
        for node, spec in self.factors:
            if node.kind != "call" or node.data != ("inv", ()):
                continue
            for other, places in self.factors:
                if other is not node.args[0] or len(places) != 2:
                    continue
                for mine, its in ((1, 0), (0, 1)):
                    index = spec[mine]
                    used = sum(s.count(index) for _, s in self.factors)
                    if index == places[its] and index not in self.out and used == 2:
                        self.factors.remove((node, spec))
                        self.factors.remove((other, places))
                        delta = self.graph.delta(node.shape[0])
                        self.factors.append((delta, (spec[1 - mine], places[1 - its])))
                        del self.sizes[index]
                        self._contract_deltas()
                        return self._cancel_inverses()
        return None

    def _merge_powers(self) -> None:
        """Equal factors along the same indices are one power."""
        found: dict[Factor, Number] = {}
        has_exp = False
        for node, spec in self.factors:
            base = exponent(node)
            key = (node, spec) if base is None else (base[0], spec)
            value = 1 if base is None else base[1]
            has_exp = has_exp or (node.kind == "each" and node.data == "exp")
            found[key] = 1 if node.kind == "delta" else found.get(key, 0) + value
        if has_exp and len(found) > 1:
            self._quotients(found)
        elif len(found) == len(self.factors):
            return
        factors = []
        for (node, spec), value in found.items():
            if node.kind == "delta" or value == 1:
                factors.append((node, spec))
            elif value:
                factors.append((self.graph.power(node, plain(value)), spec))
        self.factors = []
        for node, spec in factors:
            self._take(node, spec)

    def _quotients(self, found: dict[Factor, Number]) -> None:
        """exp(u)*sigmoid(-u) is sigmoid(u), and exp(u)/sum(exp(u)) is softmax(u)."""
        for (node, spec), value in list(found.items()):
            if node.kind != "each" or node.data != "exp" or value < 1:
                continue
            for (other, places), power in list(found.items()):
                is_sigmoid = other.kind == "each" and other.data == "sigmoid" and places == spec
                if (
                    is_sigmoid
                    and power >= 1
                    and other.args[0] is self.graph.scale(-1, node.args[0])
                ):
                    sigmoid = self.graph.each("sigmoid", node.args[0])
                    found[node, spec] -= 1
                    found[other, places] -= 1
                    found[sigmoid, spec] = found.get((sigmoid, spec), 0) + 1
                    break
                if power > -1 or other.kind != "product":
                    continue
                axes = _summed(other, node)
                if axes is None or _less(spec, axes) != places:
                    continue
                softmax = self.graph.call("softmax", node.args, axes, node.shape)
                found[node, spec] -= 1
                found[other, places] += 1
                found[softmax, spec] = found.get((softmax, spec), 0) + 1
                break

    def _sum_softmax(self) -> None:
        """A softmax summed over its own axes is 1."""
        for pair in self.factors:
            node, spec = pair
            if node.kind != "call" or node.data[0] != "softmax":
                continue
            own = [spec[axis] for axis in node.data[1]]
            elsewhere = [
                *self.out,
                *[i for other in self.factors if other is not pair for i in other[1]],
            ]
            if all(spec.count(i) == 1 and i not in elsewhere for i in own):
                self.factors = [other for other in self.factors if other is not pair]
                for index in own:
                    del self.sizes[index]
                return self._sum_softmax()
        return None

    def _count_unused(self) -> None:
        """A sum over an index that nothing varies along is a multiple of its length."""
        used = {index for _, spec in self.factors for index in spec}
        used.update(self.out)
        for index, size in list(self.sizes.items()):
            if index in used:
                continue
            del self.sizes[index]
            if isinstance(size, int):
                self.coefficient *= size
            else:
                self.factors.append((self.graph.size(size), ()))
                self._merge_powers()

    def _narrowed(self) -> Node | None:
        """A sum that does not vary along some axes, made without them and then widened."""
        used = {index for _, spec in self.factors for index in spec}
        if used <= set(self.out) or used >= set(self.out):
            return None
        pairs = [pair for pair in zip(self.out, self.shape, strict=True) if pair[0] in used]
        kept, sizes = (tuple(part) for part in zip(*pairs, strict=True)) if pairs else ((), ())
        graph = self.graph
        inner = graph.product(self.coefficient, self.factors, kept, sizes)
        axes = tuple([self.out.index(index) for index in kept])
        return graph.widened(inner, axes, self.shape)

    def _canonical(self) -> Node:
        """Axes numbered from 0, summed indices behind them in the order of the sorted factors."""
        graph, rank = self.graph, len(self.out)
        names = {index: axis for axis, index in enumerate(self.out)}
        factors = self.factors
        far = rank + self.fresh
        if len(factors) > 1:
            factors = sorted(
                factors,
                key=lambda pair: (pair[0].number, [names.get(i, far) for i in pair[1]]),
            )
        specs = []
        for node, spec in factors:
            if len(spec) == 2 and node.kind != "product" and graph.is_symmetric(node):
                spec = tuple(sorted(spec, key=lambda index: names.get(index, far)))
            for index in spec:
                if index not in names:
                    names[index] = len(names)
            specs.append(tuple([names[index] for index in spec]))
        coefficient = plain(self.coefficient)
        if len(specs) == 1 and coefficient == 1 and specs[0] == tuple(range(rank)):
            return factors[0][0]
        args = tuple([node for node, _ in factors])
        return graph.made("product", args, (coefficient, tuple(specs)), self.shape)


def _less(spec: Spec, axes: Spec) -> Spec:
    return tuple([index for axis, index in enumerate(spec) if axis not in axes])


def _is_trivial(pair: Factor) -> bool:
    node, spec = pair
    return node.kind == "delta" and spec[0] == spec[1]


def _summed(total: Node, node: Node) -> Spec | None:
    """The axes over which a product sums one node and does nothing else, or None."""
    coefficient, factors = parts(total)
    if coefficient != 1 or len(factors) != 1 or factors[0][0] is not node:
        return None
    spec, rank = factors[0][1], total.rank
    if len(set(spec)) < len(spec) or [i for i in spec if i < rank] != list(range(rank)):
        return None
    return tuple([axis for axis, index in enumerate(spec) if index >= rank])
