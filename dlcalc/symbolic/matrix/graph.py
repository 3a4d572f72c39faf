"""Expressions as a graph of sums, Einstein products and functions, each node only once.

Nodes are built by a `Graph`, which simplifies on the way: zeros, ones, deltas,
equal factors (as powers) and equal terms (as multiples) never remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from dlcalc.symbolic.matrix.node import (
    LARGEST_DIVISOR,
    MOST_MERGED,
    Factor,
    Node,
    Number,
    Shape,
    Size,
    Spec,
    constant,
    exponent,
    is_free,
    is_size,
    parts,
    plain,
    terms,
    varied,
)
from dlcalc.symbolic.matrix.product import Product


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

    def made(
        self,
        kind: str,
        args: tuple[Node, ...],
        data: Any,
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
        node = self.made("variable", (), name, shape)
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
        return self.number(size) if isinstance(size, int) else self.made("size", (), size, ())

    def pi(self) -> Node:
        """The constant."""
        return self.made("pi", (), None, ())

    def number(self, value: Number, shape: Shape = ()) -> Node:
        """A tensor of equal entries."""
        return self.made("product", (), (plain(value), ()), shape)

    def delta(self, size: Size) -> Node:
        """The unit matrix."""
        return self.made("delta", (), None, (size, size))

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
            kept = varied([node for _, node in left])
            if len(kept) < len(shape):
                nodes = [(factor, self.narrowed(node, kept)) for factor, node in left]
                return self.widened(self.add(nodes), kept, shape)
        common = _content([factor for factor, _ in left])
        if len(left) == 1:
            return self.scale(left[0][0], left[0][1])
        data = tuple(
            [plain(Fraction(factor) / common) if common != 1 else factor for factor, _ in left]
        )
        args = tuple([node for _, node in left])
        order = frozenset(zip(data, args, strict=True))
        total = self.made("add", args, data, shape, order)
        return total if common == 1 else self.scale(common, total)

    def _collect(self, factor: Number, node: Node, found: dict[Node, Number]) -> None:
        if node.kind == "add" and len(node.args) <= MOST_MERGED:
            for inner, term in terms(node):
                self._collect(factor * inner, term, found)
            return None
        if node.kind == "product":
            coefficient, specs = node.data
            if coefficient != 1:
                factor *= coefficient
                node = self.unit(node, specs)
                if node.kind == "add":
                    return self._collect(factor, node, found)
        found[node] = found.get(node, 0) + factor
        return None

    def unit(self, node: Node, specs: tuple[Spec, ...]) -> Node:
        """A product without its numeric factor; its only factor, if that is all it was."""
        if len(specs) == 1 and specs[0] == tuple(range(len(node.shape))):
            return node.args[0]
        return self.made("product", node.args, (1, specs), node.shape)

    # -- products -----------------------------------------------------------------------------

    def scale(self, factor: Number, node: Node) -> Node:
        """A multiple of a node."""
        if factor == 1:
            return node
        if not factor:
            return self.number(0, node.shape)
        if node.kind == "product":
            coefficient, specs = node.data
            value = plain(factor * coefficient)
            if value == 1:
                return self.unit(node, specs)
            return self.made("product", node.args, (value, specs), node.shape)
        spec = tuple(range(len(node.shape)))
        return self.made("product", (node,), (plain(factor), (spec,)), node.shape)

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
        work = Product(self, coefficient, factors, out, shape)
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
        return self.made("each", args, name, shape)

    def _narrowed(self, name: str, args: tuple[Node, ...]) -> Node | None:
        """The function of arguments without the axes that none varies along, and in one order."""
        if any(node.kind != "product" for node in args):
            return None
        kept, shape = varied(args), args[0].shape
        if len(kept) < len(shape):
            return self.widened(
                self.each(name, *[self.narrowed(node, kept) for node in args]), kept, shape
            )
        # f(A.T) is f(A).T.
        turned = [node for node in args if node.args]
        if len(turned) > 1 or turned[0].data[0] != 1 or len(turned[0].args) > 1:
            return None
        order: Spec = turned[0].data[1][0]
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
        if base.kind == "product" and (is_free(base) or () in base.data[1]):
            return self._power_of_product(base, value, whole)
        if value == -1:
            return self._logistic(base)
        return None

    def _known_power(self, base: Number, value: Number) -> Node | None:
        if not base and value < 0:
            return None
        if value.denominator == 1 and -64 <= value <= 64:
            return self.number(Fraction(base) ** int(value))
        if value.denominator == 2 and base > 0 and -64 <= value <= 64:
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
            outside = [pair for pair in factors if is_size(pair[0])]
            inside = [pair for pair in factors if not is_size(pair[0])]
            root = self._known_power(coefficient, value) if coefficient > 0 else None
            if (root is None and not outside) or not inside or (coefficient == 1 and not outside):
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
            kept = varied(args[:1])
            if len(kept) < args[0].rank:
                return self._extreme(name, args[0], kept, axes, shape)
        return self.made("call", args, (name, axes), shape)

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
        for name in [
            "log1p",
            "expm1",
            "abs",
            "sign",
            "sin",
            "tan",
            "sinh",
            "tanh",
            "relu",
            "selu",
            "gelu",
            "silu",
            "softsign",
            "hardtanh",
            "erf",
        ]
    },
    ("cos", 0): 1,
    ("cosh", 0): 1,
    ("sigmoid", 0): Fraction(1, 2),
}


def _content(factors: list[Number]) -> Number:
    """The largest number that divides all factors; negative if all of them are."""
    above, below = 0, 1
    for factor in factors:
        above = gcd(above, factor.numerator)
        below = lcm(below, factor.denominator)
    sign = -1 if all(factor < 0 for factor in factors) else 1
    if below > LARGEST_DIVISOR:
        return sign
    return Fraction(sign * above, below) if below != 1 else sign * above
