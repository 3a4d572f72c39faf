"""Gradients as code that runs: lines of NumPy or PyTorch, and the same lines as calls.

A `Piece` is an operation with its operands. Its two texts and what it does are
made from one row of `codes` or one case below, so that running the pieces
tells of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcalc.symbolic.matrix.codes import (
    ATOM,
    CALLS,
    EACH,
    Row,
)
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.matrix_form import loose
from dlcalc.symbolic.matrix.node import (
    Factor,
    Node,
    Size,
    Spec,
    constant,
    exponent,
    parts,
    terms,
)
from dlcalc.symbolic.matrix.piece import (
    Piece,
    applied,
    as_tensor,
    binary,
    column,
    named,
    negative,
    number,
    transposed,
)
from dlcalc.symbolic.matrix.simplify import uses

_LETTERS = "ijklmnopqrstuvwxyzabcdefgh"
#: A text of fewer characters is written again rather than named.
_SHORT = 8


class Line(NamedTuple):
    """An assignment."""

    target: str
    piece: Piece


class Code:
    """Lines that assign to names; the last ones are the gradients."""

    def __init__(self, lines: Sequence[Line], sizes: Mapping[str, tuple[str, int, int]]) -> None:
        self.lines = tuple(lines)
        #: For the letter of a size: a variable, its axis of that size, its number of axes.
        self.sizes = dict(sizes)

    def text(self, language: str = "numpy") -> str:
        """Lines of NumPy, or of PyTorch."""
        is_numpy = language == "numpy"
        body = [
            f"{line.target} = {line.piece.numpy if is_numpy else line.piece.torch}"
            for line in self.lines
        ]
        whole = "\n".join(body)
        head = ["import numpy as np" if is_numpy else "import torch"]
        if "math." in whole:
            head.insert(0, "import math")
        head += [
            f"{letter} = {name}.shape[{axis}]" for letter, (name, axis, _) in self.sizes.items()
        ]
        return "\n".join([*head, *body])

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the lines assign."""
        found = dict(values)
        with np.errstate(all="ignore"):
            for line in self.lines:
                found[line.target] = line.piece.run(found)
        return found


def code_of(
    graph: Graph,
    definitions: Sequence[tuple[str, Node]],
    results: Sequence[tuple[str, Node]],
    variables: Mapping[str, Node],
) -> Code:
    """Code for named nodes; what is used more than once gets a line of its own."""
    writer = _Writer(graph, [node for _, node in (*definitions, *results)], variables)
    lines = []
    for name, node in (*definitions, *results):
        piece = writer.piece(node, whole=True)
        lines += writer.taken()
        lines.append(Line(name, piece))
    return Code(lines, writer.sizes)


class _Writer:
    def __init__(self, graph: Graph, roots: Iterable[Node], variables: Mapping[str, Node]) -> None:
        self.graph = graph
        self.uses = uses(roots)
        self.variables = variables
        self.sizes: dict[str, tuple[str, int, int]] = {}
        self._named: dict[Node, str] = {}
        self._waiting: list[Line] = []

    def taken(self) -> list[Line]:
        """The lines that have come up since the last time."""
        found, self._waiting = self._waiting, []
        return found

    def piece(self, node: Node, *, whole: bool = False, twice: bool = False) -> Piece:
        """A node as a part of a line, or the name of the line that it has.

        One that a line takes ``twice`` gets a name, the ``whole`` of a line does not.
        """
        if node in self._named:
            return named(self._named[node])
        found = self._piece(node)
        is_short = not node.args or len(found.numpy) < _SHORT
        if whole or is_short or (self.uses[node] < 2 and not twice):
            return found
        number = len(self._named) + 1
        while f"t{number}" in self.variables:
            number += 1
        name = self._named[node] = f"t{number}"
        self._waiting.append(Line(name, found))
        return named(name)

    def _pieces(self, row: Row, nodes: Sequence[Node]) -> list[Piece]:
        """Operands of a row; those that its text has more than once get names."""
        return [
            self.piece(node, twice=row.numpy.count(f"{{{k}}}") + row.numpy.count(f"{{{c}}}") > 1)
            for k, (c, node) in enumerate(zip("ABC", nodes, strict=False))
        ]

    def _piece(self, node: Node) -> Piece:
        match node.kind:
            case "variable":
                return named(str(node.data))
            case "size":
                return self._size(str(node.data))
            case "pi":
                return Piece("np.pi", "torch.pi", ATOM, lambda values: np.pi)
            case "delta":
                return self._filled(CALLS["eye"], node.shape[:1])
            case "add":
                return self._sum(node)
            case "product":
                return self._product(node)
            case "each":
                return self._each(node)
        name, axes = node.data
        args = self._pieces(CALLS[name], node.args)
        if name in ("max", "min", "logsumexp", "softmax", "log_softmax", "hardmax"):
            axis = axes[0] if len(axes) == 1 else tuple(axes)
            return applied(CALLS[name], args, axis)
        return applied(CALLS[name], args)

    def _size(self, size: Size) -> Piece:
        if isinstance(size, int):
            return number(size)
        if size not in self.sizes and not size.isdigit():
            for name, node in self.variables.items():
                if node.kind == "variable" and size in node.shape:
                    self.sizes[size] = (name, node.shape.index(size), node.rank)
                    break
        return named(size)

    def _filled(self, row: Row, shape: Sequence[Size]) -> Piece:
        return applied(row, [self._size(size) for size in shape])

    def _sum(self, node: Node) -> Piece:
        given = terms(node)
        ordered = [pair for pair in given if pair[0] > 0] + [pair for pair in given if pair[0] < 0]
        nodes = loose(self.graph, [term for _, term in ordered])
        total: Piece | None = None
        for (factor, _), term in zip(ordered, nodes, strict=True):
            size = self._scaled(abs(factor), self.piece(term))
            if total is None:
                total = negative(size) if factor < 0 else size
            else:
                total = binary("+" if factor > 0 else "-", total, size)
        assert total is not None
        return total

    def _scaled(self, factor: Any, piece: Piece) -> Piece:
        return piece if factor == 1 else binary("*", number(factor), piece)

    def _each(self, node: Node) -> Piece:
        name = str(node.data)
        base = exponent(node)
        if base is not None:
            inner, value = self.piece(base[0]), base[1]
            if value == -1:
                return binary("/", number(1), inner)
            if value.denominator == 2 and value.numerator == 1:
                if not base[0].rank and _only_numbers(base[0]):
                    # torch.sqrt takes tensors, and this is a number.
                    return binary("**", inner, number(value))
                return applied(EACH["sqrt"], [inner])
            return binary("**", inner, number(value))
        nodes = loose(self.graph, node.args)
        if name == "power":
            return binary("**", *map(self.piece, nodes))
        args = self._pieces(EACH[name], nodes)
        if not node.rank and all(map(_only_numbers, node.args)):
            args = [as_tensor(arg) for arg in args]
        return applied(EACH[name], args)

    # -- products -----------------------------------------------------------------------------

    def _product(self, node: Node) -> Piece:
        coefficient, factors = parts(node)
        lead = [number(coefficient)] if coefficient != 1 else []
        below: list[Piece] = []
        tensors: list[Factor] = []
        for factor, spec in factors:
            base = exponent(factor)
            if spec:
                tensors.append((factor, spec))
            elif base is not None and base[1] < 0:
                power = self.graph.power(base[0], -base[1])
                below.append(self.piece(power))
            else:
                lead.append(self.piece(factor))
        body = self._body(node, tensors)
        pieces = [*lead, *([body] if body is not None else [])]
        if not pieces:
            pieces = [number(1)]
        found = pieces[0]
        for piece in pieces[1:]:
            found = binary("*", found, piece)
        for piece in below:
            found = binary("/", found, piece)
        return found

    def _body(self, node: Node, tensors: list[Factor]) -> Piece | None:
        """The part of a product that is not scalar."""
        if not tensors:
            return self._filled(CALLS["ones"], node.shape) if node.rank else None
        groups: dict[Spec, list[Node]] = {}
        for factor, spec in tensors:
            groups.setdefault(spec, []).append(factor)
        pieces = [(self._elementwise(nodes), spec) for spec, nodes in groups.items()]
        used = {index for spec in groups for index in spec}
        unused = [axis for axis in range(node.rank) if axis not in used]
        found = None
        if not unused and not any(len(set(spec)) < len(spec) for spec in groups):
            found = self._broadcast(node.rank, pieces)
        if found is None and len(pieces) == 1 and not unused:
            found = self._alone(node.rank, *pieces[0])
        if found is None and len(pieces) == 2:
            found = self._matmul(node.rank, pieces)
        return found or self._einsum(node, pieces, unused)

    def _elementwise(self, nodes: list[Node]) -> Piece:
        """The product of nodes along the same indices."""
        found: Piece | None = None
        for node in nodes:
            base = exponent(node)
            if found is not None and base is not None and base[1] < 0:
                found = binary("/", found, self.piece(self.graph.power(base[0], -base[1])))
            else:
                piece = self.piece(node)
                found = piece if found is None else binary("*", found, piece)
        assert found is not None
        return found

    def _broadcast(self, rank: int, pieces: Sequence[tuple[Piece, Spec]]) -> Piece | None:
        """Factors that NumPy multiplies as they are, or with a new last axis."""
        whole = tuple(range(rank))
        found: Piece | None = None
        for piece, spec in pieces:
            if rank == 2 and spec == (0,):
                piece = column(piece)
            elif spec != whole[rank - len(spec) :]:
                return None
            found = piece if found is None else binary("*", found, piece)
        return found

    def _alone(self, rank: int, piece: Piece, spec: Spec) -> Piece | None:
        """A transpose, a sum, a trace or a diagonal."""
        if spec == (1, 0) and rank == 2:
            return transposed(piece)
        if spec == (0, 0):
            return applied(CALLS["tr" if rank == 0 else "diagonal"], [piece])
        kept = [index for index in spec if index < rank]
        if len(set(spec)) < len(spec) or kept != list(range(rank)):
            return None
        axes = tuple([axis for axis, index in enumerate(spec) if index >= rank])
        if not rank:
            return applied(CALLS["total"], [piece])
        return applied(CALLS["sum"], [piece], axes[0] if len(axes) == 1 else axes)

    def _matmul(self, rank: int, pieces: Sequence[tuple[Piece, Spec]]) -> Piece | None:
        for (a, left), (b, right) in (pieces, pieces[::-1]):
            shared = [index for index in left if index in right]
            if len(shared) != 1 or shared[0] < rank or max(len(left), len(right)) > 2:
                continue
            if len(set(left)) < len(left) or len(set(right)) < len(right):
                continue
            outer = [index for index in (*left, *right) if index != shared[0]]
            if outer != list(range(rank)):
                continue
            if len(left) == 2 and left[0] == shared[0]:
                a = transposed(a)
            if len(right) == 2 and right[1] == shared[0]:
                b = transposed(b)
            return binary("@", a, b)
        return None

    def _einsum(self, node: Node, pieces: Sequence[tuple[Piece, Spec]], unused: list[int]) -> Piece:
        letter = dict(enumerate(_LETTERS))
        specs = ["".join(letter[i] for i in spec) for _, spec in pieces]
        args = [piece for piece, _ in pieces]
        for axis in unused:
            specs.append(letter[axis])
            args.append(self._filled(CALLS["ones"], [node.shape[axis]]))
        text = ",".join(specs) + "->" + "".join(letter[axis] for axis in range(node.rank))
        many = len(args) > 2
        numpy = ", ".join([f'"{text}"', *[arg.numpy for arg in args]])
        torch = ", ".join([f'"{text}"', *[arg.torch for arg in args]])
        return Piece(
            f"np.einsum({numpy}{', optimize=True' if many else ''})",
            f"torch.einsum({torch})",
            ATOM,
            lambda v: np.einsum(text, *[arg.run(v) for arg in args], optimize=many),
        )


def _only_numbers(node: Node) -> bool:
    """Whether a node is a Python number in the code: made of numbers and sizes alone."""
    if node.kind in ("size", "pi") or constant(node) is not None:
        return not node.rank
    if node.kind not in ("add", "product", "each"):
        return False
    return not node.rank and all(map(_only_numbers, node.args))
