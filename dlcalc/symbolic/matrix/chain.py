"""Products over indices turned into products of matrices.

The factors of a product are chains of matrices with an index at each end. Where
an index is summed over that just two chains share, they are joined, as A@B; a
third factor that is a vector along that index stands between them as diag(v).
Chains along the same indices are multiplied element by element. What is left
has only the axes of the product itself: a matrix, its rows and columns scaled
by vectors, or two vectors' outer product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from dlcalc.expr.tree import Binary, Call, Expr, Name, Number, Transpose
from dlcalc.symbolic.matrix.node import Node, Size, Spec


class NoMatrixForm(Exception):
    """A node that is no product of vectors and matrices."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.node = node


class Link(NamedTuple):
    """A factor of a chain, and whether it is known to equal its transpose."""

    expr: Expr
    is_symmetric: bool = False

    @property
    def turned(self) -> Link:
        """Its transpose."""
        return self if self.is_symmetric else Link(transposed(self.expr))


class Chain:
    """Matrices that are multiplied, and the indices at the ends.

    With one index the last factor is a vector; with none the first is one too.
    """

    __slots__ = ("links", "spec")

    def __init__(self, links: list[Link], spec: Spec) -> None:
        self.links = links
        self.spec = spec

    @classmethod
    def of(
        cls, above: list[Expr], below: list[Expr], spec: Spec, is_symmetric: bool = False
    ) -> Chain:
        """A quotient of products, element by element, as a chain of one link."""
        numerator: Expr = multiplied(above) if above else Number(Fraction(1))
        link = divided(numerator, multiplied(below)) if below else numerator
        if len(spec) == 2 and spec[0] == spec[1]:
            return cls([Link(Call("diag", (link,)))], spec[:1])
        return cls([Link(link, is_symmetric)], spec)

    def turned(self) -> Chain:
        """Its transpose."""
        return Chain([link.turned for link in reversed(self.links)], self.spec[::-1])

    def starting(self, index: int) -> Chain:
        """The chain with an index at its left end."""
        return self if self.spec[0] == index else self.turned()

    def expr(self) -> Expr:
        """The product of its matrices."""
        found = self.links[0].expr
        for link in self.links[1:]:
            found = _joined(found, link.expr)
        return found


def _joined(left: Expr, right: Expr) -> Expr:
    # A@(B@C) is (A@B)@C.
    if isinstance(right, Binary) and right.operator == "@":
        return Binary("@", _joined(left, right.left), right.right)
    return Binary("@", left, right)


def transposed(expr: Expr) -> Expr:
    """An expression's transpose."""
    return expr.operand if isinstance(expr, Transpose) else Transpose(expr)


def multiplied(factors: Iterable[Expr]) -> Expr:
    """A product element by element; reciprocals go below one line."""
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in factors:
        if isinstance(factor, Binary) and factor.operator == "/":
            below.append(factor.right)
            factor = factor.left
        if not _is_one(factor):
            above.append(factor)
    found = _times(above)
    return divided(found, _times(below)) if below else found


def _times(factors: list[Expr]) -> Expr:
    found: Expr = factors[0] if factors else Number(Fraction(1))
    for factor in factors[1:]:
        found = _timed(found, factor)
    return found


def _timed(left: Expr, right: Expr) -> Expr:
    # a*(b*c) is a*b*c, entry by entry.
    if isinstance(right, Binary) and right.operator == "*":
        return Binary("*", _timed(left, right.left), right.right)
    return Binary("*", left, right)


def divided(above: Expr, below: Expr) -> Expr:
    """A quotient."""
    return Binary("/", above, below)


def _is_one(expr: Expr) -> bool:
    return isinstance(expr, Number) and expr.value == 1


def contracted(node: Node, chains: list[Chain], ties: list[Spec]) -> tuple[Expr | None, list[Expr]]:
    """A product as one expression along its axes, None if it has none, and scalar factors."""
    work = _Contraction(node, chains, ties)
    work.contract()
    return work.assembled(), work.scalars


class _Contraction:
    def __init__(self, node: Node, chains: list[Chain], ties: list[Spec]) -> None:
        self.node = node
        self.rank = node.rank
        self.chains = chains
        self.ties = ties
        self.scalars: list[Expr] = []

    def contract(self) -> None:
        """Sum over every index that is not an axis of the product."""
        if any(len(set(chain.spec)) < len(chain.spec) for chain in self.chains):
            raise NoMatrixForm(self.node)
        self._merge()
        while True:
            inner = [i for chain in self.chains for i in chain.spec if i >= self.rank]
            if not inner:
                return
            degree = {index: self._at(index) for index in dict.fromkeys(inner)}
            for index, chains in degree.items():
                if self._join(index, chains):
                    break
            else:
                if not any(self._sum_over(index, chains) for index, chains in degree.items()):
                    raise NoMatrixForm(self.node)
            self._merge()

    def _at(self, index: int) -> list[Chain]:
        return [chain for chain in self.chains if index in chain.spec]

    def _merge(self) -> None:
        """Chains along the same indices, multiplied element by element."""
        groups: dict[frozenset[int], list[Chain]] = {}
        for chain in self.chains:
            groups.setdefault(frozenset(chain.spec), []).append(chain)
        found: list[Chain] = []
        for indices, group in groups.items():
            if not indices:
                self.scalars += [chain.expr() for chain in group]
            elif len(group) == 1:
                found += group
            else:
                found.append(self._elementwise(group))
        self.scalars += [chain.expr() for chain in found if not chain.spec]
        self.chains = [chain for chain in found if chain.spec]

    def _elementwise(self, group: list[Chain]) -> Chain:
        if len(group) == 2 and self._is_dot(group):
            first, second = group
            ways = [first.turned().links + second.links, second.turned().links + first.links]
            return Chain(min(ways, key=_transposes), ())
        if len(group) == 2 and self._is_trace(group):
            first, second = group
            joined = Chain(first.links + second.starting(first.spec[1]).links, ())
            return Chain([Link(Call("tr", (joined.expr(),)))], ())
        spec = _most_common([chain.spec for chain in group], self.rank)
        links = []
        # Matrix products first: A@B*C takes no brackets. Of vectors y*(X@w) is read more easily.
        for chain in sorted(group, key=_is_elementwise) if len(spec) == 2 else group:
            if chain.spec != spec:
                if chain.spec != spec[::-1]:
                    raise NoMatrixForm(self.node)
                chain = chain.turned()
            links.append(chain.expr())
        return Chain([Link(multiplied(links))], spec)

    def _is_dot(self, group: list[Chain]) -> bool:
        """Whether two vectors, one of them a matrix times a vector, are summed over."""
        index = group[0].spec[0]
        if len(group[0].spec) != 1 or index < self.rank or self._at_groups(index, group):
            return False
        return any(len(chain.links) > 1 for chain in group)

    def _is_trace(self, group: list[Chain]) -> bool:
        """Whether two matrices, one of them turned, are summed over all entries."""
        first, second = (chain.spec for chain in group)
        if len(first) != 2 or min(first) < self.rank:
            return False
        shared = all(len(self._at_groups(index, group)) == 0 for index in first)
        is_long = any(len(chain.links) > 1 for chain in group)
        return shared and (second == first[::-1] or is_long)

    def _at_groups(self, index: int, group: list[Chain]) -> list[Chain]:
        return [chain for chain in self._at(index) if chain not in group]

    def _join(self, index: int, chains: list[Chain]) -> bool:
        """Join the two chains that share an index, with a vector along it between them."""
        if any(len(chain.spec) > 2 for chain in chains):
            return False
        vectors = [chain for chain in chains if len(chain.spec) == 1]
        matrices = [chain for chain in chains if len(chain.spec) == 2]
        if len(matrices) > 2 or len(chains) < 2:
            return False
        if len(matrices) == 2:
            left, right = matrices[0].starting(index).turned(), matrices[1].starting(index)
            between = [Link(Call("diag", (vector.expr(),)), True) for vector in vectors]
            # The axes of the product come in their order.
            if _before(right.spec[1], left.spec[0], self.rank):
                left, right = right.turned(), left.turned()
            new = Chain([*left.links, *between, *right.links], (left.spec[0], right.spec[1]))
            if new.spec[0] == new.spec[1]:
                new = Chain([Link(Call("diag", (new.expr(),)))], new.spec[:1])
        else:
            left, right = matrices[0].starting(index).turned(), vectors[0]
            new = Chain([*left.links, *right.links], left.spec[:1])
        self._replace(chains, new)
        return True

    def _sum_over(self, index: int, chains: list[Chain]) -> bool:
        """Sum the only chain with an index over it, and over others that only it has."""
        if len(chains) > 1:
            return False
        chain = chains[0]
        alone = [i for i in chain.spec if i >= self.rank and len(self._at(i)) == 1]
        if len(alone) == len(chain.spec):
            new = Chain([Link(_total(chain))], ())
        else:
            axis = chain.spec.index(index)
            kept = chain.spec[:axis] + chain.spec[axis + 1 :]
            new = Chain([Link(Call("sum", (chain.expr(),), axis))], kept)
        self._replace(chains, new)
        return True

    def _replace(self, gone: list[Chain], new: Chain) -> None:
        place = min(self.chains.index(chain) for chain in gone)
        self.chains.insert(place, new)
        self.chains = [chain for chain in self.chains if chain not in gone]

    # -- the axes of the product --------------------------------------------------------------

    def assembled(self) -> Expr | None:
        """What is left, along the axes of the product."""
        shape = self.node.shape
        if not self.rank:
            return None
        if self.ties:
            return self._tied()
        if not self.chains:
            return Call("ones", tuple([_size(size) for size in shape]))
        if self.rank <= 2 and any(len(chain.spec) > 2 for chain in self.chains):
            raise NoMatrixForm(self.node)
        if self.rank == 1:
            (chain,) = self.chains
            return chain.expr()
        if self.rank == 2:
            return self._matrix()
        return self._aligned()

    def _tied(self) -> Expr:
        if self.rank != 2 or len(self.ties) > 1:
            raise NoMatrixForm(self.node)
        if not self.chains:
            return Call("eye", (_size(self.node.shape[0]),))
        if [chain.spec for chain in self.chains] != [self.ties[0][:1]]:
            raise NoMatrixForm(self.node)
        return Call("diag", (self.chains[0].expr(),))

    def _matrix(self) -> Expr:
        rows = [chain for chain in self.chains if chain.spec == (0,)]
        columns = [chain for chain in self.chains if chain.spec == (1,)]
        matrices = [chain for chain in self.chains if len(chain.spec) == 2]
        if not matrices:
            ones = [Call("ones", (_size(size),)) for size in self.node.shape]
            row = rows[0].expr() if rows else ones[0]
            column = columns[0].expr() if columns else ones[1]
            return Call("outer", (row, column))
        matrix = matrices[0].starting(0)
        links = matrix.links
        if rows and columns:
            outer = Call("outer", (rows[0].expr(), columns[0].expr()))
            return multiplied([matrix.expr(), outer])
        if rows:
            links = [Link(Call("diag", (rows[0].expr(),)), True), *links]
        found = Chain(links, (0, 1)).expr()
        return multiplied([found, columns[0].expr()]) if columns else found

    def _aligned(self) -> Expr:
        """More than two axes: only what NumPy broadcasts by itself."""
        whole = tuple(range(self.rank))
        full = [chain for chain in self.chains if chain.spec == whole]
        for chain in self.chains:
            if chain.spec == whole[::-1] and len(self.chains) == 1:
                return chain.turned().expr()
        if not full or any(c.spec != whole[self.rank - len(c.spec) :] for c in self.chains):
            raise NoMatrixForm(self.node)
        others = [chain for chain in self.chains if chain not in full]
        return multiplied([chain.expr() for chain in full + others])


def _is_elementwise(chain: Chain) -> bool:
    first = chain.links[0].expr
    return len(chain.links) == 1 and not (isinstance(first, Binary) and first.operator == "@")


def _transposes(links: list[Link]) -> int:
    return sum(isinstance(link.expr, Transpose) for link in links)


def _total(chain: Chain) -> Expr:
    """The sum of all entries."""
    whole = chain.expr()
    if isinstance(whole, Call) and whole.function == "diag" and len(chain.spec) == 1:
        return Call("tr", whole.arguments)
    return Call("sum", (whole,))


def _before(first: int, second: int, rank: int) -> bool:
    """Whether two ends of a chain should change places."""
    if first < rank and second < rank:
        return first < second
    return False


def _most_common(specs: Sequence[Spec], rank: int) -> Spec:
    """The order of indices that most factors have; of a tie that of the product's axes."""
    ranked = sorted(specs, key=lambda spec: (-specs.count(spec), list(spec) != sorted(spec)))
    return ranked[0]


def _size(size: Size) -> Expr:
    return Number(Fraction(size)) if isinstance(size, int) else Name(size)
