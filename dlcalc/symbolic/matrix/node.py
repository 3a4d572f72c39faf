"""Nodes of the graph of matrix expressions, and questions about them.

A node's axes are numbered from 0. A product of factors says for each axis of
each factor the index that runs along it; the indices 0, 1, ... are the axes of
the product itself, higher ones are summed over. An axis along which no factor
varies is one of equal entries, so ones, constants and broadcasting need no
nodes of their own. All products of numbers, vectors and matrices, transposes,
traces, diagonals and sums over axes are products in this sense.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

#: A length: a number, or a letter for an unknown one.
Size = int | str
Shape = tuple[Size, ...]
Number = int | Fraction
Spec = tuple[int, ...]
#: A factor of a product: a node, and the index along each of its axes.
Factor = tuple["Node", Spec]

#: Products of more factors, and sums of more terms, are not merged into others.
MOST_MERGED = 24
#: Sums are not put over a larger common divisor: 0.01*x + y stays as it is.
LARGEST_DIVISOR = 12


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
        self, kind: str, args: tuple[Node, ...], data: Any, shape: Shape, number: int
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
    coefficient, specs = node.data
    return coefficient, list(zip(node.args, specs, strict=True))


def is_free(node: Node) -> bool:
    """Whether a product sums over no index."""
    rank = len(node.shape)
    return all(index < rank for spec in node.data[1] for index in spec)


def terms(node: Node) -> list[tuple[Number, Node]]:
    """A node as multiples of others; one that is no sum is its own only term."""
    if node.kind != "add":
        return [(1, node)]
    return list(zip(node.data, node.args, strict=True))


def constant(node: Node) -> Number | None:
    """The number that all entries of a node are, or None."""
    if node.kind == "product" and not node.args:
        value: Number = node.data[0]
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
    return value.denominator > LARGEST_DIVISOR and Fraction(repr(float(value))) == value


def is_size(node: Node) -> bool:
    """Whether a node is a length, or a power of one: positive for sure."""
    base = exponent(node)
    return node.kind == "size" or (base is not None and base[0].kind == "size")


def varied(products: Sequence[Node]) -> Spec:
    """The axes along which at least one of some products of one shape varies."""
    used = {i for node in products for spec in node.data[1] for i in spec}
    return tuple([axis for axis in range(products[0].rank) if axis in used])
