"""Gradients as code that runs: lines of NumPy or PyTorch, and the same lines as calls.

A `Piece` is an operation with its operands. Its two texts and what it does are
made from one row of `functions` or one case below, so that running the pieces
tells of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from dlcalc.symbolic.matrix.codes import (
    ATOM,
    CALLS,
    EACH,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
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
    is_decimal,
    parts,
    terms,
    tidy,
)
from dlcalc.symbolic.matrix.simplify import uses

_LETTERS = "ijklmnopqrstuvwxyzabcdefgh"
#: A text of fewer characters is written again rather than named.
_SHORT = 8


class Piece(NamedTuple):
    """A part of a line: its texts, how tightly it binds, and what it does to values by name."""

    numpy: str
    torch: str
    level: int
    run: Callable[[Mapping[str, Any]], Any]

    def inside(self, level: int) -> tuple[str, str]:
        """Its texts as operands of something that binds so tightly."""
        if self.level >= level:
            return self.numpy, self.torch
        return f"({self.numpy})", f"({self.torch})"


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
            return _name(self._named[node])
        found = self._piece(node)
        is_short = not node.args or len(found.numpy) < _SHORT
        if whole or is_short or (self.uses[node] < 2 and not twice):
            return found
        number = len(self._named) + 1
        while f"t{number}" in self.variables:
            number += 1
        name = self._named[node] = f"t{number}"
        self._waiting.append(Line(name, found))
        return _name(name)

    def _pieces(self, row: Row, nodes: Sequence[Node]) -> list[Piece]:
        """Operands of a row; those that its text has more than once get names."""
        return [
            self.piece(node, twice=row.numpy.count(f"{{{k}}}") + row.numpy.count(f"{{{c}}}") > 1)
            for k, (c, node) in enumerate(zip("ABC", nodes, strict=False))
        ]

    def _piece(self, node: Node) -> Piece:
        match node.kind:
            case "variable":
                return _name(str(node.data))
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
            return _applied(CALLS[name], args, axis)
        return _applied(CALLS[name], args)

    def _size(self, size: Size) -> Piece:
        if isinstance(size, int):
            return _number(size)
        if size not in self.sizes:
            for name, node in self.variables.items():
                if node.kind == "variable" and size in node.shape:
                    self.sizes[size] = (name, node.shape.index(size), node.rank)
                    break
        return _name(size)

    def _filled(self, row: Row, shape: Sequence[Size]) -> Piece:
        return _applied(row, [self._size(size) for size in shape])

    def _sum(self, node: Node) -> Piece:
        given = terms(node)
        ordered = [pair for pair in given if pair[0] > 0] + [pair for pair in given if pair[0] < 0]
        nodes = loose(self.graph, [term for _, term in ordered])
        total: Piece | None = None
        for (factor, _), term in zip(ordered, nodes, strict=True):
            size = self._scaled(abs(factor), self.piece(term))
            if total is None:
                total = _negative(size) if factor < 0 else size
            else:
                total = _binary("+" if factor > 0 else "-", total, size)
        assert total is not None
        return total

    def _scaled(self, factor: Any, piece: Piece) -> Piece:
        return piece if factor == 1 else _binary("*", _number(factor), piece)

    def _each(self, node: Node) -> Piece:
        name = str(node.data)
        base = exponent(node)
        if base is not None:
            inner, value = self.piece(base[0]), base[1]
            if value == -1:
                return _binary("/", _number(1), inner)
            if value.denominator == 2 and value.numerator == 1:
                if not base[0].rank and _only_numbers(base[0]):
                    # torch.sqrt takes tensors, and this is a number.
                    return _binary("**", inner, _number(value))
                return _applied(EACH["sqrt"], [inner])
            return _binary("**", inner, _number(value))
        nodes = loose(self.graph, node.args)
        if name == "power":
            return _binary("**", *map(self.piece, nodes))
        args = self._pieces(EACH[name], nodes)
        if not node.rank and all(map(_only_numbers, node.args)):
            args = [_as_tensor(arg) for arg in args]
        return _applied(EACH[name], args)

    # -- products -----------------------------------------------------------------------------

    def _product(self, node: Node) -> Piece:
        coefficient, factors = parts(node)
        lead = [_number(coefficient)] if coefficient != 1 else []
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
            pieces = [_number(1)]
        found = pieces[0]
        for piece in pieces[1:]:
            found = _binary("*", found, piece)
        for piece in below:
            found = _binary("/", found, piece)
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
                found = _binary("/", found, self.piece(self.graph.power(base[0], -base[1])))
            else:
                piece = self.piece(node)
                found = piece if found is None else _binary("*", found, piece)
        assert found is not None
        return found

    def _broadcast(self, rank: int, pieces: Sequence[tuple[Piece, Spec]]) -> Piece | None:
        """Factors that NumPy multiplies as they are, or with a new last axis."""
        whole = tuple(range(rank))
        found: Piece | None = None
        for piece, spec in pieces:
            if rank == 2 and spec == (0,):
                piece = _column(piece)
            elif spec != whole[rank - len(spec) :]:
                return None
            found = piece if found is None else _binary("*", found, piece)
        return found

    def _alone(self, rank: int, piece: Piece, spec: Spec) -> Piece | None:
        """A transpose, a sum, a trace or a diagonal."""
        if spec == (1, 0) and rank == 2:
            return _transposed(piece)
        if spec == (0, 0):
            return _applied(CALLS["tr" if rank == 0 else "diagonal"], [piece])
        kept = [index for index in spec if index < rank]
        if len(set(spec)) < len(spec) or kept != list(range(rank)):
            return None
        axes = tuple([axis for axis, index in enumerate(spec) if index >= rank])
        if not rank:
            return _applied(CALLS["total"], [piece])
        return _applied(CALLS["sum"], [piece], axes[0] if len(axes) == 1 else axes)

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
                a = _transposed(a)
            if len(right) == 2 and right[1] == shared[0]:
                b = _transposed(b)
            return _binary("@", a, b)
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


def _name(name: str) -> Piece:
    return Piece(name, name, ATOM, lambda values: values[name])


def _number(value: Any) -> Piece:
    exact = tidy(value)
    number = float(exact)
    if exact.denominator == 1:
        text, level = str(exact.numerator), ATOM if exact >= 0 else SIGN
    elif is_decimal(exact):
        text, level = repr(number), ATOM if exact >= 0 else SIGN
    else:
        text, level = f"{exact.numerator}/{exact.denominator}", PRODUCT
        if Fraction(repr(number)) == exact:
            text, level = repr(number), ATOM if exact >= 0 else SIGN
    return Piece(text, text, level, lambda values: number)


_RUN: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "@": np.matmul,
    "**": lambda x, y: np.asarray(x, float) ** y,
}
_LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT, "**": POWER}


def _binary(sign: str, left: Piece, right: Piece) -> Piece:
    level, run = _LEVELS[sign], _RUN[sign]
    first = left.inside(level + (sign == "**"))
    second = right.inside(SIGN if sign == "**" else level + 1)
    gap = "" if sign == "**" else " "
    texts = [f"{a}{gap}{sign}{gap}{b}" for a, b in zip(first, second, strict=True)]
    return Piece(texts[0], texts[1], level, lambda v: run(left.run(v), right.run(v)))


def _negative(piece: Piece) -> Piece:
    numpy, torch = piece.inside(SIGN)
    return Piece(f"-{numpy}", f"-{torch}", SIGN, lambda v: -piece.run(v))


def _transposed(piece: Piece) -> Piece:
    numpy, torch = piece.inside(ATOM)
    return Piece(f"{numpy}.T", f"{torch}.T", ATOM, lambda v: np.transpose(piece.run(v)))


def _column(piece: Piece) -> Piece:
    numpy, torch = piece.inside(ATOM)
    run = piece.run
    return Piece(f"{numpy}[:, None]", f"{torch}[:, None]", ATOM, lambda v: run(v)[:, None])


def _as_tensor(piece: Piece) -> Piece:
    """A Python number as something that PyTorch's functions take."""
    return piece._replace(torch=f"torch.tensor({piece.torch})", level=ATOM)


def _applied(row: Row, args: Sequence[Piece], axis: Any = None) -> Piece:
    """A row of the table at its operands, bare for {0} and as an atom for {A}."""
    texts = []
    for kind, template in enumerate((row.numpy, row.torch)):
        names = {key: arg.inside(ATOM)[kind] for key, arg in zip("ABC", args, strict=False)}
        plain = [arg[kind] for arg in args]
        texts.append(template.format(*plain, **names, axis=axis, all=", ".join(map(str, plain))))
    function = row.run
    if axis is not None:
        return Piece(
            texts[0], texts[1], row.level, lambda v: function(*[a.run(v) for a in args], axis)
        )
    return Piece(texts[0], texts[1], row.level, lambda v: function(*[a.run(v) for a in args]))
