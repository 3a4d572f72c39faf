"""Expressions of the language as nodes of the graph; shapes are unified as NumPy does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from dlcalc.errors import InputError, abridged
from dlcalc.expr.functions import FUNCTIONS
from dlcalc.expr.tree import Binary, Call, Expr, Name, Negative, Number, Subscript, Transpose
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import Factor, Node, Shape, Size, Spec, constant
from dlcalc.symbolic.matrix.rules import derivative
from dlcalc.symbolic.matrix.shapes import shown
from dlcalc.symbolic.scalar.rules import DEFAULTS

#: Functions along an axis that keep it.
_KEEPING = frozenset(("softmax", "log_softmax", "hardmax"))


class Reader:
    """Reads expressions into one graph.

    ``names`` are the nodes that names stand for. In the targets of `cross_entropy`
    the variables ``by``, by which is derived, keep it from being taken for granted
    that the targets sum to 1.
    """

    def __init__(
        self, graph: Graph, names: Mapping[str, Node], by: frozenset[str] = frozenset()
    ) -> None:
        self.graph = graph
        self.names = names
        self.by = by
        #: Variables that are targets of cross_entropy, and so sum to 1 along the last axis.
        self.targets: set[str] = set()
        #: Variables that are targets of bce, usually between 0 and 1.
        self.odds: set[str] = set()
        self._known: dict[Expr, Node] = {}

    def node(self, expr: Expr) -> Node:
        """The node that an expression is. Raises `InputError` at what does not fit."""
        found = self._known.get(expr)
        if found is None:
            found = self._known[expr] = self._node(expr)
        return found

    def _node(self, expr: Expr) -> Node:
        match expr:
            case Number(value):
                return self.graph.number(value)
            case Name("pi"):
                return self.graph.pi()
            case Name(name):
                return self.names[name]
            case Negative(operand):
                return self.graph.scale(-1, self.node(operand))
            case Binary(operator, left, right):
                return self._binary(expr, operator, left, right)
            case Transpose(operand):
                node = self.node(operand)
                return self.graph.permuted(node, tuple(reversed(range(node.rank))))
            case Call(function, arguments, axis):
                return self._call(expr, function, arguments, axis)
            case Subscript():
                raise InputError(
                    f"{abridged(str(expr))}: entries of vectors and matrices are not derived here",
                    place=expr.place,
                    mend="Derive by the whole letter, and read the entry off.",
                )
        raise TypeError(expr)

    # -- arithmetic ---------------------------------------------------------------------------

    def _binary(self, expr: Expr, operator: str, left: Expr, right: Expr) -> Node:
        graph = self.graph
        first, second = self.node(left), self.node(right)
        if operator == "@":
            return self._matrix_product(expr, (left, first), (right, second))
        if operator == "*":
            return self._product(expr, (left, first), (right, second))
        if operator == "/":
            inverse = graph.power(second, -1)
            return self._product(expr, (left, first), (right, inverse))
        first, second = self._aligned(expr, (left, first), (right, second))
        if operator == "**":
            return graph.each("power", first, second)
        return graph.add([(1, first), (1 if operator == "+" else -1, second)])

    def _product(self, expr: Expr, left: tuple[Expr, Node], right: tuple[Expr, Node]) -> Node:
        shape, specs = self._broadcast(expr, left, right)
        factors = [(left[1], specs[0]), (right[1], specs[1])]
        return self.graph.product(1, factors, tuple(range(len(shape))), shape)

    def _aligned(self, expr: Expr, *operands: tuple[Expr, Node]) -> list[Node]:
        """Operands widened to the shape that NumPy broadcasts them to."""
        if len({node.shape for _, node in operands}) == 1:
            return [node for _, node in operands]
        shape, specs = self._broadcast(expr, *operands)
        return [
            self.graph.widened(node, spec, shape)
            for (_, node), spec in zip(operands, specs, strict=True)
        ]

    def _broadcast(self, expr: Expr, *operands: tuple[Expr, Node]) -> tuple[Shape, list[Spec]]:
        """The common shape, and the index along each axis of each operand."""
        rank = max(node.rank for _, node in operands)
        shape: list[Size] = [1] * rank
        owners: list[Expr | None] = [None] * rank
        for operand, node in operands:
            for axis, size in enumerate(node.shape, rank - node.rank):
                if shape[axis] == 1 and size != 1:
                    shape[axis], owners[axis] = size, operand
                elif size not in (1, shape[axis]):
                    raise self._clash(expr, operands)
        specs: list[Spec] = []
        fresh = rank
        for _, node in operands:
            spec = []
            for axis, size in enumerate(node.shape, rank - node.rank):
                if size == shape[axis]:
                    spec.append(axis)
                else:
                    # One entry for all: an index of its own, summed over that entry.
                    spec.append(fresh)
                    fresh += 1
            specs.append(tuple(spec))
        return tuple(shape), specs

    def _clash(self, expr: Expr, operands: tuple[tuple[Expr, Node], ...]) -> InputError:
        sizes = " and ".join(
            f"{abridged(str(operand), 24)} is {_said(node)}" for operand, node in operands
        )
        ranks = [node.rank for _, node in operands]
        mend = "Shapes are aligned at their last axes, as NumPy does it."
        if sorted(ranks) == [1, 2]:
            vector, matrix = sorted(operands, key=lambda pair: pair[1].rank)
            if vector[1].shape[0] == matrix[1].shape[0]:
                size = matrix[1].shape[1]
                mend = f"For one number a row write outer({vector[0]}, ones({size}))."
        return InputError(
            f"{abridged(str(expr))}: the shapes do not fit, {sizes}", place=expr.place, mend=mend
        )

    def _matrix_product(
        self, expr: Expr, left: tuple[Expr, Node], right: tuple[Expr, Node]
    ) -> Node:
        first, second = left[1], right[1]
        for operand, node in (left, right):
            if not node.rank:
                name = abridged(str(operand))
                is_letter = isinstance(operand, Name) and operand.name in self.names
                advice = f"Give {name} a shape with --shape, or w" if is_letter else "W"
                raise InputError(
                    f"@ multiplies matrices and vectors, and {name} is a number",
                    place=expr.place,
                    mend=f"{advice}rite * for a product with a number.",
                )
        inner, outer = first.shape[-1], second.shape[-2 if second.rank > 1 else 0]
        if inner != outer:
            raise InputError(
                f"{abridged(str(expr))}: {abridged(str(left[0]), 24)} is {_said(first)} and"
                f" {abridged(str(right[0]), 24)} is {_said(second)}; {inner} is not {outer}",
                place=expr.place,
                mend="The last axis of the left side meets the first of the right side.",
            )
        if max(first.rank, second.rank) > 2:
            return self._batched(expr, left, right)
        # Indices: i of the left, j of the right, k between them.
        i, j, k = 0, 1, 2
        specs = [(i, k) if first.rank == 2 else (k,), (k, j) if second.rank == 2 else (k,)]
        out = tuple([i] * (first.rank == 2) + [j] * (second.rank == 2))
        shape = first.shape[:-1] + (second.shape[1:] if second.rank == 2 else ())
        return self.graph.product(1, [(first, specs[0]), (second, specs[1])], out, shape)

    def _batched(self, expr: Expr, left: tuple[Expr, Node], right: tuple[Expr, Node]) -> Node:
        """A product of stacks of matrices of one shape."""
        first, second = left[1], right[1]
        if first.rank != second.rank or first.shape[:-2] != second.shape[:-2]:
            raise self._clash(expr, (left, right))
        rank = first.rank
        stack = tuple(range(rank - 2))
        factors = [(first, (*stack, rank, rank + 2)), (second, (*stack, rank + 2, rank + 1))]
        shape = (*first.shape[:-1], second.shape[-1])
        return self.graph.product(1, factors, (*stack, rank, rank + 1), shape)

    # -- functions ----------------------------------------------------------------------------

    def _call(
        self, expr: Expr, function: str, arguments: tuple[Expr, ...], axis: int | None
    ) -> Node:
        if function in ("eye", "ones"):
            return self._filled(function, arguments)
        operands = [(argument, self.node(argument)) for argument in arguments]
        if function in DEFAULTS and len(operands) == 1:
            default = Number(Fraction(DEFAULTS[function]))
            operands.append((default, self.node(default)))
        is_jump = function == "heaviside"
        if is_jump and constant(operands[1][1]) is None:
            rule = "the second argument of heaviside, its value at 0, is a number"
            raise InputError(rule, place=expr.place)
        if function == "sqrt":
            return self.graph.power(operands[0][1], Fraction(1, 2))
        if FUNCTIONS[function].kind == "each":
            name = "leaky_relu" if function == "prelu" else function
            return self.graph.each(name, *self._aligned(expr, *operands))
        if function in ("max", "min") and len(operands) == 2:
            return self.graph.each(function, *self._aligned(expr, *operands))
        if function in ("sum", "mean", "logsumexp", "max", "min") or function in _KEEPING:
            return self._reduction(expr, function, operands[0][1], axis)
        if function in _LOSSES:
            return self._loss(expr, function, operands)
        return _MATRIX[function](self, expr, *[node for _, node in operands])

    def _filled(self, function: str, arguments: tuple[Expr, ...]) -> Node:
        shape = tuple([self._size(function, argument) for argument in arguments])
        if function == "eye":
            return self.graph.delta(shape[0])
        return self.graph.number(1, shape)

    def _size(self, function: str, expr: Expr) -> Size:
        match expr:
            case Number(value) if str(value) in self.names:
                return str(value)
            case Number(value) if value.denominator == 1 and value > 0:
                return int(value)
            case Name(name) if name in self.names and self.names[name].kind == "size":
                return name
        raise InputError(
            f"{function} takes sizes, and {abridged(str(expr))} is none",
            place=expr.place,
            mend="A size is a whole number, or a letter that occurs in --shape.",
        )

    def _axes(self, expr: Expr, node: Node, axis: int | None, last: bool) -> Spec:
        rank = node.rank
        if axis is None:
            return (rank - 1,) if last and rank else tuple(range(rank))
        if not -rank <= axis < rank:
            rule = f"{abridged(str(expr))}: there is no axis {axis} in {_said(node)}"
            raise InputError(rule, place=expr.place, mend="Axes count from 0; -1 is the last.")
        return (axis % rank,)

    def _reduction(self, expr: Expr, function: str, node: Node, axis: int | None) -> Node:
        graph = self.graph
        axes = self._axes(expr, node, axis, function in _KEEPING)
        if function in _KEEPING:
            if not node.rank:
                raise InputError(f"{function} is of a vector or matrix", place=expr.place)
            return graph.call(function, (node,), axes, node.shape)
        kept = tuple([k for k in range(node.rank) if k not in axes])
        shape = tuple([node.shape[k] for k in kept])
        if function in ("sum", "mean"):
            factors: list[Factor] = [(node, tuple(range(node.rank)))]
            if function == "mean":
                factors += [(self._one_by(node.shape[k]), ()) for k in axes]
            return graph.product(1, factors, kept, shape)
        if not axes:
            return node
        return graph.call(function, (node,), axes, shape)

    def _one_by(self, size: Size) -> Node:
        return self.graph.power(self.graph.size(size), -1)

    def _loss(self, expr: Expr, function: str, operands: list[tuple[Expr, Node]]) -> Node:
        graph = self.graph
        if function == "cross_entropy":
            return self._cross_entropy(expr, *operands)
        if function == "huber" and len(operands) == 2:
            threshold = Fraction(DEFAULTS["huber"])
            operands = [*operands, (Number(threshold), graph.number(threshold))]
        if function == "bce" and isinstance(operands[1][0], Name):
            self.odds.add(operands[1][0].name)
        aligned = self._aligned(expr, *operands)
        if function in ("mse", "mae"):
            difference = graph.add([(1, aligned[0]), (-1, aligned[1])])
            is_square = function == "mse"
            each = graph.power(difference, 2) if is_square else graph.each("abs", difference)
        else:
            each = graph.each(function, *aligned)
        return self._reduction(expr, "mean", each, None)

    def _cross_entropy(
        self, expr: Expr, logits: tuple[Expr, Node], targets: tuple[Expr, Node]
    ) -> Node:
        graph = self.graph
        if logits[1].shape != targets[1].shape or not logits[1].rank:
            raise self._clash(expr, (logits, targets))
        node, target = logits[1], targets[1]
        axes = (node.rank - 1,)
        if isinstance(targets[0], Name) and targets[0].name not in self.by:
            self.targets.add(targets[0].name)
            return graph.call("cross_entropy", (node, target), axes, ())
        spec = tuple(range(node.rank))
        logs = graph.call("log_softmax", (node,), axes, node.shape)
        return graph.product(-1, [(target, spec), (logs, spec)], (), ())

    # -- matrices -----------------------------------------------------------------------------

    def norm(self, expr: Expr, node: Node) -> Node:
        """The root of the sum of squares."""
        square = self.graph.power(node, 2)
        total = self.graph.product(1, [(square, tuple(range(node.rank)))], (), ())
        return self.graph.power(total, Fraction(1, 2))

    def norm1(self, expr: Expr, node: Node) -> Node:
        """The sum of absolute values."""
        absolute = self.graph.each("abs", node)
        return self.graph.product(1, [(absolute, tuple(range(node.rank)))], (), ())

    def dot(self, expr: Expr, first: Node, second: Node) -> Node:
        """The product of two vectors."""
        self._expect(expr, "vectors", 1, first, second)
        if first.shape != second.shape:
            raise InputError(
                f"{abridged(str(expr))}: {first.shape[0]} is not {second.shape[0]}, the vectors"
                f" are {_said(first)} and {_said(second)}",
                place=expr.place,
            )
        return self.graph.product(1, [(first, (0,)), (second, (0,))], (), ())

    def outer(self, expr: Expr, first: Node, second: Node) -> Node:
        """The matrix of all products of two vectors' entries."""
        self._expect(expr, "vectors", 1, first, second)
        shape = first.shape + second.shape
        return self.graph.product(1, [(first, (0,)), (second, (1,))], (0, 1), shape)

    def tr(self, expr: Expr, node: Node) -> Node:
        """The sum of the diagonal."""
        self._square(expr, node)
        return self.graph.product(1, [(node, (0, 0))], (), ())

    def diag(self, expr: Expr, node: Node) -> Node:
        """The diagonal of a matrix, or the matrix of a diagonal, as NumPy has it."""
        if node.rank == 1:
            delta = self.graph.delta(node.shape[0])
            shape = node.shape * 2
            return self.graph.product(1, [(delta, (0, 1)), (node, (0,))], (0, 1), shape)
        self._square(expr, node)
        return self.graph.product(1, [(node, (0, 0))], (0,), node.shape[:1])

    def inv(self, expr: Expr, node: Node) -> Node:
        """The inverse of a square matrix."""
        self._square(expr, node)
        return self.graph.call("inv", (node,), (), node.shape)

    def det(self, expr: Expr, node: Node) -> Node:
        """The determinant of a square matrix."""
        self._square(expr, node)
        return self.graph.call("det", (node,), (), ())

    def logdet(self, expr: Expr, node: Node) -> Node:
        """The logarithm of the determinant's absolute value."""
        self._square(expr, node)
        return self.graph.call("logdet", (node,), (), ())

    def _expect(self, expr: Expr, what: str, rank: int, *nodes: Node) -> None:
        for node in nodes:
            if node.rank != rank:
                rule = f"{abridged(str(expr))} takes {what}, and here is {_said(node)}"
                raise InputError(rule, place=expr.place)

    def _square(self, expr: Expr, node: Node) -> None:
        if node.rank != 2 or node.shape[0] != node.shape[1]:
            rule = f"{abridged(str(expr))} takes a square matrix, and here is {_said(node)}"
            raise InputError(rule, place=expr.place)


_LOSSES = frozenset(("cross_entropy", "bce", "mse", "mae", "huber"))
_MATRIX: dict[str, Callable[..., Node]] = {
    "norm": Reader.norm,
    "norm1": Reader.norm1,
    "dot": Reader.dot,
    "outer": Reader.outer,
    "tr": Reader.tr,
    "diag": Reader.diag,
    "inv": Reader.inv,
    "det": Reader.det,
    "logdet": Reader.logdet,
}


def _said(node: Node) -> str:
    return shown(node.shape) if node.rank else "a number"


def slope(
    graph: Graph, name: str, args: tuple[Node, ...], argument: int, share: Fraction | None = None
) -> Node:
    """The derivative of an elementwise function by one of its arguments.

    ``share`` is that of the slope on the right at a kink, by default PyTorch's choice.
    """
    names = dict(zip("xys", args, strict=False))
    if share is not None:
        names["h"] = graph.number(share)
    shape = args[0].shape
    found = Reader(graph, names).node(derivative(name, argument, share is not None))
    # A constant derivative is one number; it holds for every entry.
    return found if found.shape == shape else graph.widened(found, (), shape)
