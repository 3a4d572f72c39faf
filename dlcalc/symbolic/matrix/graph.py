"""Expressions as a graph of sums, Einstein products and functions, each node only once.

A node's axes are numbered from 0. A product of factors says for each axis of
each factor the index that runs along it; the indices 0, 1, ... are the axes of
the product itself, higher ones are summed over. An axis along which no factor
varies is one of equal entries, so ones, constants and broadcasting need no
nodes of their own. All products of numbers, vectors and matrices, transposes,
traces, diagonals and sums over axes are products in this sense.

Nodes are built by a `Graph`, which simplifies on the way: zeros, ones, deltas,
equal factors (as powers) and equal terms (as multiples) never remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

#: A length: a number, or a letter for an unknown one.
Size = int | str
Shape = tuple[Size, ...]
Number = int | Fraction
Spec = tuple[int, ...]
#: A factor of a product: a node, and the index along each of its axes.
Factor = tuple["Node", Spec]

#: Products of more factors, and sums of more terms, are not merged into others.
_MOST_MERGED = 24
#: Sums are not put over a larger common divisor: 0.01*x + y stays as it is.
_LARGEST_DIVISOR = 12


class Node:
    """A tensor of the graph; equal ones are one object. ``number`` grows from arguments to uses.

    ``kind`` says what ``data`` is:

    - ``variable``: the name; ``size``: the letter; ``pi``, ``delta``: nothing;
    - ``add``: a factor for each argument;
    - ``product``: the numeric factor, and the indices of each argument;
    - ``each``: the name of a function that works element by element;
    - ``call``: the name of any other function, and the axes it works along.
    """

    __slots__ = ("args", "data", "kind", "number", "shape")

    def __init__(
        self, kind: str, args: tuple[Node, ...], data: object, shape: Shape, number: int
    ) -> None:
        self.kind = kind
        self.args = args
        self.data = data
        self.shape = shape
        self.number = number

    def __repr__(self) -> str:
        return f"<{self.number}: {self.kind} {self.data} of {[a.number for a in self.args]}>"

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)


def parts(node: Node) -> tuple[Number, list[Factor]]:
    """A node as a numeric factor and factors; one that is no product is its own only factor."""
    if node.kind != "product":
        return 1, [(node, tuple(range(len(node.shape))))]
    coefficient, specs = node.data  # type: ignore[misc]
    return coefficient, list(zip(node.args, specs, strict=True))


def is_free(node: Node) -> bool:
    """Whether a product sums over no index."""
    rank = len(node.shape)
    return all(index < rank for spec in node.data[1] for index in spec)  # type: ignore[index]


def terms(node: Node) -> list[tuple[Number, Node]]:
    """A node as multiples of others; one that is no sum is its own only term."""
    if node.kind != "add":
        return [(1, node)]
    return list(zip(node.data, node.args, strict=True))  # type: ignore[call-overload]


def constant(node: Node) -> Number | None:
    """The number that all entries of a node are, or None."""
    if node.kind == "product" and not node.args:
        value: Number = node.data[0]  # type: ignore[index]
        return value
    return None


def exponent(node: Node) -> tuple[Node, Number] | None:
    """The base and the exponent of a power whose exponent is a number."""
    if node.kind == "each" and node.data == "power":
        value = constant(node.args[1])
        if value is not None:
            return node.args[0], value
    return None


def plain(value: Number) -> Number:
    """A number as an int if it is whole: those are faster."""
    return value.numerator if value.denominator == 1 else value


def tidy(value: Number) -> Fraction:
    """A number as it is written: a decimal in place of a quotient with a large divisor.

    Where the decimal does not end it is the nearest that a float holds.

    >>> tidy(Fraction(199, 100)), tidy(Fraction(1, 6))
    (Fraction(199, 100), Fraction(1, 6))
    """
    exact = Fraction(value)
    if exact.denominator > 1_000:
        return Fraction(repr(float(exact)))
    return exact


def is_decimal(value: Fraction) -> bool:
    """Whether a number is better written as a decimal than as a quotient."""
    return value.denominator > _LARGEST_DIVISOR and Fraction(repr(float(value))) == value


class Graph:
    """Builds nodes, each once.

    >>> g = Graph()
    >>> x = g.variable("x", ("n",))
    >>> g.add([(1, x), (2, x)]) is g.scale(3, x)
    True
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[object, ...], Node] = {}
        #: Whether a square matrix is known to equal its transpose.
        self._symmetric: dict[Node, bool] = {}

    def _node(
        self,
        kind: str,
        args: tuple[Node, ...],
        data: object,
        shape: Shape,
        order: object = None,
    ) -> Node:
        """The node, made if there is none; ``order`` stands for what may be in any order."""
        key = (kind, order or args, data if order is None else None, shape)
        found = self._nodes.get(key)
        if found is None:
            found = Node(kind, args, data, shape, len(self._nodes))
            self._nodes[key] = found
        return found

    def variable(self, name: str, shape: Shape, *, symmetric: bool = False) -> Node:
        """A letter of a shape; a square matrix may be said to equal its transpose."""
        node = self._node("variable", (), name, shape)
        if symmetric:
            self._symmetric[node] = True
        return node

    def is_symmetric(self, node: Node) -> bool:
        """Whether a matrix is known to equal its transpose."""
        known = self._symmetric.get(node)
        if known is None:
            known = self._symmetric[node] = self._found_symmetric(node)
        return known

    def _found_symmetric(self, node: Node) -> bool:
        if node.rank != 2 or node.shape[0] != node.shape[1]:
            return False
        match node.kind:
            case "delta":
                return True
            case "product":
                return self.permuted(node, (1, 0)) is node
            case "add":
                turned = [(factor, self.permuted(term, (1, 0))) for factor, term in terms(node)]
                return self.add(turned) is node
            case "each":
                return all(self.is_symmetric(argument) for argument in node.args)
            case "call":
                return node.data == ("inv", ()) and self.is_symmetric(node.args[0])
        return False

    def size(self, size: Size) -> Node:
        """A length, as a number."""
        return self.number(size) if isinstance(size, int) else self._node("size", (), size, ())

    def pi(self) -> Node:
        """The constant."""
        return self._node("pi", (), None, ())

    def number(self, value: Number, shape: Shape = ()) -> Node:
        """A tensor of equal entries."""
        return self._node("product", (), (plain(value), ()), shape)

    def delta(self, size: Size) -> Node:
        """The unit matrix."""
        return self._node("delta", (), None, (size, size))

    # -- sums ---------------------------------------------------------------------------------

    def add(self, given: Sequence[tuple[Number, Node]]) -> Node:
        """The sum of multiples of nodes of one shape."""
        shape = given[0][1].shape
        found: dict[Node, Number] = {}
        for factor, node in given:
            self._collect(factor, node, found)
        left = [(factor, node) for node, factor in found.items() if factor]
        if not left:
            return self.number(0, shape)
        if shape and all(node.kind == "product" for _, node in left):
            kept = _varied([node for _, node in left])
            if len(kept) < len(shape):
                nodes = [(factor, self.narrowed(node, kept)) for factor, node in left]
                return self.widened(self.add(nodes), kept, shape)
        common = _content([factor for factor, _ in left])
        if len(left) == 1:
            return self.scale(left[0][0], left[0][1])
        data = tuple([plain(Fraction(factor) / common) if common != 1 else factor for factor, _ in left])
        args = tuple([node for _, node in left])
        order = frozenset(zip(data, args, strict=True))
        total = self._node("add", args, data, shape, order)
        return total if common == 1 else self.scale(common, total)

    def _collect(self, factor: Number, node: Node, found: dict[Node, Number]) -> None:
        if node.kind == "add" and len(node.args) <= _MOST_MERGED:
            for inner, term in terms(node):
                self._collect(factor * inner, term, found)
            return
        if node.kind == "product":
            coefficient, specs = node.data  # type: ignore[misc]
            if coefficient != 1:
                factor *= coefficient
                node = self._unit(node, specs)
                if node.kind == "add":
                    return self._collect(factor, node, found)
        found[node] = found.get(node, 0) + factor
        return None

    def _unit(self, node: Node, specs: tuple[Spec, ...]) -> Node:
        """A product without its numeric factor; its only factor, if that is all it was."""
        if len(specs) == 1 and specs[0] == tuple(range(len(node.shape))):
            return node.args[0]
        return self._node("product", node.args, (1, specs), node.shape)

    # -- products -----------------------------------------------------------------------------

    def scale(self, factor: Number, node: Node) -> Node:
        """A multiple of a node."""
        if factor == 1:
            return node
        if not factor:
            return self.number(0, node.shape)
        if node.kind == "product":
            coefficient, specs = node.data  # type: ignore[misc]
            value = plain(factor * coefficient)
            if value == 1:
                return self._unit(node, specs)
            return self._node("product", node.args, (value, specs), node.shape)
        spec = tuple(range(len(node.shape)))
        return self._node("product", (node,), (plain(factor), (spec,)), node.shape)

    def product(
        self,
        coefficient: Number,
        factors: Sequence[Factor],
        out: Spec,
        shape: Shape,
    ) -> Node:
        """The product of factors, summed over every index that is not in ``out``.

        >>> g = Graph()
        >>> a = g.variable("A", ("n", "n"))
        >>> trace = g.product(1, [(a, (5, 5))], (), ())
        >>> trace.shape, trace.data
        ((), (1, ((0, 0),)))
        """
        work = _Product(self, coefficient, factors, out, shape)
        return work.node()

    def permuted(self, node: Node, axes: Spec) -> Node:
        """A node with its axes in another order: axis k of the result is axes[k] of the node."""
        shape = tuple([node.shape[axis] for axis in axes])
        return self.product(1, [(node, tuple(range(node.rank)))], axes, shape)

    def widened(self, node: Node, spec: Spec, shape: Shape) -> Node:
        """A node laid along some axes of a larger shape, and the same along the others."""
        if node.shape == shape and spec == tuple(range(len(shape))):
            return node
        return self.product(1, [(node, spec)], tuple(range(len(shape))), shape)

    def narrowed(self, node: Node, kept: Spec) -> Node:
        """A product without the axes that it does not vary along."""
        coefficient, factors = parts(node)
        return self.product(coefficient, factors, kept, tuple([node.shape[k] for k in kept]))

    def times(self, *nodes: Node) -> Node:
        """The product of nodes of one shape, element by element."""
        spec = tuple(range(len(nodes[0].shape)))
        return self.product(1, [(node, spec) for node in nodes], spec, nodes[0].shape)

    # -- functions ----------------------------------------------------------------------------

    def power(self, base: Node, value: Number) -> Node:
        """A node to the power of a number, element by element."""
        return self.each("power", base, self.number(value, base.shape))

    def each(self, name: str, *args: Node) -> Node:
        """A function of nodes of one shape, element by element."""
        shape = args[0].shape
        if shape:
            found = self._narrowed(name, args)
            if found is not None:
                return found
        if name == "power":
            found = self._power(*args)
            if found is not None:
                return found
        folded = _FOLDED.get((name, constant(args[0]))) if len(args) == 1 else None
        if folded is not None:
            return self.number(folded)
        if name in ("max", "min") and args[0] is args[1]:
            return args[0]
        return self._node("each", args, name, shape)

    def _narrowed(self, name: str, args: tuple[Node, ...]) -> Node | None:
        """The function of arguments without the axes that none varies along, and in one order."""
        if any(node.kind != "product" for node in args):
            return None
        kept, shape = _varied(args), args[0].shape
        if len(kept) < len(shape):
            return self.widened(
                self.each(name, *[self.narrowed(node, kept) for node in args]), kept, shape
            )
        # f(A.T) is f(A).T.
        turned = [node for node in args if node.args]
        if len(turned) > 1 or turned[0].data[0] != 1 or len(turned[0].args) > 1:  # type: ignore[index]
            return None
        order: Spec = turned[0].data[1][0]  # type: ignore[index]
        inner = turned[0].args[0]
        if sorted(order) != list(kept):
            return None
        inners = [self.number(constant(node) or 0, inner.shape) for node in args]
        inners[args.index(turned[0])] = inner
        return self.widened(self.each(name, *inners), order, shape)

    def _power(self, base: Node, power: Node) -> Node | None:
        value = constant(power)
        if value is None:
            return None
        if value == 0:
            return self.number(1, base.shape)
        if value == 1:
            return base
        known = constant(base)
        if known is not None:
            return self._known_power(known, value)
        whole = value.denominator == 1
        inner = exponent(base)
        if inner is not None and (whole or inner[0].kind == "size"):
            return self.power(inner[0], plain(inner[1] * value))
        if base.kind == "product" and (is_free(base) or () in base.data[1]):  # type: ignore[index]
            return self._power_of_product(base, value, whole)
        if value == -1:
            return self._logistic(base)
        return None

    def _known_power(self, base: Number, value: Number) -> Node | None:
        if not base and value < 0:
            return None
        if value.denominator == 1 and abs(value) <= 64:
            return self.number(Fraction(base) ** int(value))
        if value.denominator == 2 and base > 0 and abs(value) <= 64:
            from math import isqrt

            exact = Fraction(base)
            root = Fraction(isqrt(exact.numerator), isqrt(exact.denominator))
            if root * root == exact:
                return self.number(root ** int(2 * value))
        return None

    def _power_of_product(self, base: Node, value: Number, whole: bool) -> Node | None:
        """(c*x*y)**p as c**p * x**p * y**p, where that holds; each factor keeps its own axes."""
        coefficient, factors = parts(base)
        axes = tuple(range(base.rank))
        if not is_free(base):
            # A scalar before a sum, such as the 1/n of a mean.
            inner = [pair for pair in factors if pair[1]]
            factors = [pair for pair in factors if not pair[1]]
            factors.append((self.product(1, inner, axes, base.shape), axes))
        if not whole:
            # Only what is positive for sure may leave a root.
            outside = [pair for pair in factors if _is_size(pair[0])]
            inside = [pair for pair in factors if not _is_size(pair[0])]
            root = self._known_power(coefficient, value) if coefficient > 0 else None
            if root is None and not outside or not inside or (coefficient == 1 and not outside):
                return None
            rest = self.product(coefficient if root is None else 1, inside, axes, base.shape)
            factors = [*outside, (rest, axes)]
            outer = root or self.number(1)
        else:
            found = self._known_power(coefficient, value)
            if found is None:
                return None
            outer = found
        powers = [(self.power(node, value), spec) for node, spec in factors]
        return self.product(constant(outer) or 1, powers, axes, base.shape)

    def _logistic(self, base: Node) -> Node | None:
        """1/(1 + exp(u)) is sigmoid(-u)."""
        if base.kind != "add" or len(base.args) != 2 or base.data != (1, 1):
            return None
        for one, other in (base.args, base.args[::-1]):
            if constant(one) == 1 and other.kind == "each" and other.data == "exp":
                return self.each("sigmoid", self.scale(-1, other.args[0]))
        return None

    def call(self, name: str, args: tuple[Node, ...], axes: Spec, shape: Shape) -> Node:
        """A function that does not work element by element."""
        if name in ("inv", "det", "logdet"):
            coefficient, factors = parts(args[0])
            if coefficient == 1 and len(factors) == 1 and factors[0][1] == (1, 0):
                # inv(A.T) is inv(A).T, and the determinant is the same.
                inner = self.call(name, (factors[0][0],), axes, shape[::-1])
                return self.permuted(inner, (1, 0)) if name == "inv" else inner
            if name == "inv" and args[0].kind == "call" and args[0].data == ("inv", ()):
                return args[0].args[0]
            if name == "inv" and factors and all(s in ((0, 1), (0,), ()) for _, s in factors):
                diagonal = [pair for pair in factors if pair[0].kind != "delta"]
                if len(diagonal) < len(factors) and all(spec != (0, 1) for _, spec in diagonal):
                    # inv(diag(x)) is diag(1/x).
                    powers = [(self.power(node, -1), spec) for node, spec in diagonal]
                    powers.append((self.delta(shape[0]), (0, 1)))
                    return self.product(Fraction(1) / coefficient, powers, (0, 1), shape)
        if name in ("max", "min") and args[0].kind == "product":
            kept = _varied(args[:1])
            if len(kept) < args[0].rank:
                return self._extreme(name, args[0], kept, axes, shape)
        return self._node("call", args, (name, axes), shape)

    def _extreme(self, name: str, node: Node, kept: Spec, axes: Spec, shape: Shape) -> Node:
        """The largest or least along axes, some of which have equal entries only."""
        inner = self.narrowed(node, kept)
        own = tuple([kept.index(axis) for axis in axes if axis in kept])
        left = [axis for axis in kept if axis not in axes]
        if own:
            small = tuple([node.shape[axis] for axis in left])
            inner = self.call(name, (inner,), own, small)
        places = [axis for axis in range(node.rank) if axis not in axes]
        return self.widened(inner, tuple([places.index(axis) for axis in left]), shape)


#: What elementary functions are at the numbers where that is exact.
_FOLDED: dict[tuple[str, Number | None], Number] = {
    ("exp", 0): 1,
    ("log", 1): 0,
    **{
        (name, 0): 0
        for name in (
            "log1p expm1 abs sign sin tan sinh tanh relu selu gelu silu softsign hardtanh erf"
        ).split()
    },
    ("cos", 0): 1,
    ("cosh", 0): 1,
    ("sigmoid", 0): Fraction(1, 2),
}


def _is_size(node: Node) -> bool:
    """Whether a node is a length, or a power of one: positive for sure."""
    base = exponent(node)
    return node.kind == "size" or (base is not None and base[0].kind == "size")


def _varied(products: Sequence[Node]) -> Spec:
    """The axes along which at least one of some products of one shape varies."""
    used = {i for node in products for spec in node.data[1] for i in spec}  # type: ignore[index]
    return tuple([axis for axis in range(products[0].rank) if axis in used])


def _content(factors: list[Number]) -> Number:
    """The largest number that divides all factors; negative if all of them are."""
    above, below = 0, 1
    for factor in factors:
        above = gcd(above, factor.numerator)
        below = lcm(below, factor.denominator)
    sign = -1 if all(factor < 0 for factor in factors) else 1
    if below > _LARGEST_DIVISOR:
        return sign
    return Fraction(sign * above, below) if below != 1 else sign * above


class _Product:
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
            inner = [self.graph.product(1, [(arg, spec)], kept, shape) for arg in node.args]
            return self._take(self.graph.each(str(node.data), *inner), kept)
        if node.kind != "product":
            self.factors.append((node, spec))
            return None
        coefficient, specs = node.data  # type: ignore[misc]
        self.coefficient *= coefficient
        rank = len(node.shape)
        if not is_free(node) or len(specs) > _MOST_MERGED:
            if rank and () in specs:
                # Scalar factors stand outside of sums.
                pairs = list(zip(node.args, specs, strict=True))
                self.factors += [pair for pair in pairs if not pair[1]]
                rest = [pair for pair in pairs if pair[1]]
                node = self.graph.product(1, rest, tuple(range(rank)), node.shape)
                return self._take(node, spec)
            self.factors.append((self.graph._unit(node, specs), spec))
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
        """A transposed sum of products is the sum of transposed products."""
        node, spec = self.factors[0]
        if node.kind != "product" or spec == self.out or set(spec) != set(self.out):
            return
        if len(spec) != len(self.out):
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
                if other.kind == "each" and other.data == "sigmoid" and places == spec:
                    if power >= 1 and other.args[0] is self.graph.scale(-1, node.args[0]):
                        sigmoid = self.graph.each("sigmoid", node.args[0])
                        found[node, spec] -= 1
                        found[other, places] -= 1
                        found[sigmoid, spec] = found.get((sigmoid, spec), 0) + 1
                        break
                if power > -1 or other.kind != "product":
                    continue
                axes = _summed(other, node)
                if axes is None or tuple([i for k, i in enumerate(spec) if k not in axes]) != places:
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
            if node.kind != "call" or node.data[0] != "softmax":  # type: ignore[index]
                continue
            own = [spec[axis] for axis in node.data[1]]  # type: ignore[index]
            elsewhere = [*self.out, *[i for other in self.factors if other is not pair for i in other[1]]]
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
        inner = graph.product(self.coefficient, self.factors, kept, sizes)  # type: ignore[arg-type]
        axes = tuple([self.out.index(index) for index in kept])  # type: ignore[arg-type]
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
        return graph._node("product", args, (coefficient, tuple(specs)), self.shape)


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
