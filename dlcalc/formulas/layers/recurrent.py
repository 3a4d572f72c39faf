"""Recurrent cells, step by step and gate by gate.

Gates lie in the tensors in torch's order, whatever the convention: i, f, g, o and
r, z, n (torch/nn/modules/rnn.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import tanh
from typing import Any, NamedTuple

from dlcalc.formulas.layers.activation import sigmoid
from dlcalc.formulas.layers.table import At, Index, Rule, Values, rule
from dlcalc.formulas.layers.worked import Worked, total, weighted
from dlcalc.layers.convention import Convention

Vector = list[float]


class Line(NamedTuple):
    """One vector of a step: its name, its formula in names, each of its numbers worked out."""

    name: str
    formula: str
    entries: tuple[Worked, ...]

    @property
    def values(self) -> Vector:
        """The numbers themselves."""
        return [entry.value for entry in self.entries]


class Moment(NamedTuple):
    """One step of one cell: which cell, which step, what it reads, what it makes of it."""

    cell: str
    example: int
    time: int
    reads: tuple[tuple[str, Vector], ...]
    lines: tuple[Line, ...]

    @property
    def state(self) -> Vector:
        """What it gives on."""
        return self.lines[-1].values

    def named(self, name: str) -> Vector:
        """One of its vectors by name."""
        return next(line.values for line in self.lines if line.name == name)


class _Cell(NamedTuple):
    """The tensors of one direction of one layer, and how many hidden features it has."""

    name: str
    tensors: Mapping[str, Values]
    hidden: int
    #: The reset gate acts after the product with the state.
    after: bool = False
    #: What a plain cell's state goes through.
    curve: str = "tanh"

    def product(self, tensor: str, gate: int, j: int, x: Vector) -> list[tuple[float, float]]:
        """The products of one row of a gate."""
        row = gate * self.hidden + j
        weight = self.tensors[tensor]
        return [(weight.at(row, i), value) for i, value in enumerate(x)]

    def biases(self, gate: int, j: int, *names: str) -> Vector:
        """The biases of one row of a gate, those that there are."""
        row = gate * self.hidden + j
        return [self.tensors[name].at(row) for name in names if name in self.tensors]

    def gate(self, letter: str, gate: int, curve: str, x: Vector, h: Vector) -> Line:
        """One gate: a curve of W x + U h + b."""
        entries = []
        for j in range(self.hidden):
            pairs = self.product("weight_ih", gate, j, x) + self.product("weight_hh", gate, j, h)
            entries.append(_curved(curve, _plus(weighted(pairs), self.biases(gate, j, *_BIASES))))
        inside = self._sum(letter)
        formula = f"tanh({inside})" if curve == "tanh" else f"1/(1 + exp(-({inside})))"
        return Line(letter, formula, tuple(entries))

    def _sum(self, letter: str) -> str:
        bias = f" + b_{letter}" if any(name in self.tensors for name in _BIASES) else ""
        return f"W_{letter} @ x + U_{letter} @ h{bias}"


_BIASES = ("bias", "bias_ih", "bias_hh")


def _plus(worked: Worked, biases: Vector) -> Worked:
    return worked._replace(
        value=worked.value + total(biases),
        template=worked.template + " + {}" * len(biases),
        numbers=(*worked.numbers, *biases),
        size=worked.size + total(map(abs, biases)),
    )


def _curved(curve: str, inside: Worked) -> Worked:
    if curve == "sigmoid":
        value, template = sigmoid(inside.value), f"1/(1 + exp(-({inside.template})))"
    else:
        value, template = tanh(inside.value), f"tanh({inside.template})"
    # The slope of both is at most 1: what rounding moves inside it moves at most as far outside.
    # A sigmoid may be computed as (1 + tanh(z/2))/2, which rounds as 1 does.
    return inside._replace(value=value, template=template, size=max(inside.size, 1.0))


def _combined(name: str, formula: str, template: str, *vectors: Vector) -> Line:
    """A vector whose entries come from those of others, by a formula of two products.

    The first factor of each is a gate, which rounds as 1 does.
    """
    entries = []
    for numbers in zip(*vectors, strict=True):
        a, b, c, d = numbers
        value = a * b + c * d
        entries.append(Worked(value, template, numbers, abs(b) + abs(d)))
    return Line(name, formula, tuple(entries))


def _rnn(cell: _Cell, x: Vector, h: Vector, c: Vector) -> tuple[Line, ...]:
    return (cell.gate("h", 0, cell.curve, x, h),)


def _lstm(cell: _Cell, x: Vector, h: Vector, c: Vector) -> tuple[Line, ...]:
    i, f, o = (cell.gate(g, k, "sigmoid", x, h) for g, k in (("i", 0), ("f", 1), ("o", 3)))
    g = cell.gate("g", 2, "tanh", x, h)
    new = _combined("c", "f*c + i*g", "{}*{} + {}*{}", f.values, c, i.values, g.values)
    shown = [
        Worked(o_j * tanh(c_j), "{}*tanh({})", (o_j, c_j), abs(tanh(c_j)) + o_j * entry.size)
        for o_j, c_j, entry in zip(o.values, new.values, new.entries, strict=True)
    ]
    projection = cell.tensors.get("weight_hr")
    if projection is None:
        return i, f, g, o, new, Line("h", "o*tanh(c)", tuple(shown))
    inner = Line("s", "o*tanh(c)", tuple(shown))
    rows = [
        weighted([(projection.at(p, j), s) for j, s in enumerate(inner.values)])
        for p in range(projection.sizes[0])
    ]
    rows = [row._replace(size=row.size + max(e.size for e in shown)) for row in rows]
    return i, f, g, o, new, inner, Line("h", "P @ s", tuple(rows))


def _gru(cell: _Cell, x: Vector, h: Vector, c: Vector) -> tuple[Line, ...]:
    r, z = cell.gate("r", 0, "sigmoid", x, h), cell.gate("z", 1, "sigmoid", x, h)
    n = _candidate_after(cell, x, h, r.values) if cell.after else _candidate(cell, x, h, r.values)
    entries = [
        Worked(
            (1 - z_j) * n_j + z_j * h_j, "(1 - {})*{} + {}*{}", (z_j, n_j, z_j, h_j), 1 + abs(h_j)
        )
        for z_j, n_j, h_j in zip(z.values, n.values, h, strict=True)
    ]
    return r, z, n, Line("h", "(1 - z)*n + z*h", tuple(entries))


def _candidate(cell: _Cell, x: Vector, h: Vector, r: Vector) -> Line:
    """Reset before the product with the state."""
    reset = [r_j * h_j for r_j, h_j in zip(r, h, strict=True)]
    line = cell.gate("n", 2, "tanh", x, reset)
    return line._replace(formula=line.formula.replace("@ h", "@ (r*h)"))


def _candidate_after(cell: _Cell, x: Vector, h: Vector, r: Vector) -> Line:
    """Reset after the product with the state: its own bias is inside."""
    entries = []
    for j, r_j in enumerate(r):
        outer = _plus(weighted(cell.product("weight_ih", 2, j, x)), cell.biases(2, j, "bias_ih"))
        inner = _plus(weighted(cell.product("weight_hh", 2, j, h)), cell.biases(2, j, "bias_hh"))
        both = Worked(
            outer.value + r_j * inner.value,
            f"{outer.template} + {{}}*({inner.template})",
            (*outer.numbers, r_j, *inner.numbers),
            outer.size + inner.size,
        )
        entries.append(_curved("tanh", both))
    b, c = (" + b_n", " + c_n") if "bias_ih" in cell.tensors else ("", "")
    return Line("n", f"tanh(W_n @ x{b} + r*(U_n @ h{c}))", tuple(entries))


_CELLS = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


def moments(at: At) -> list[Moment]:
    """Every step of every cell, layer by layer, direction by direction, example by example."""
    layer = at.layer
    cells = _CELLS[layer.words[0]]
    after = layer.words[0] == "gru" and resets_after(layer, at.convention)
    found = []
    for example in range(at.batch):
        time, features = at.x.sizes[1:]
        sequence = [[at.x.at(example, t, i) for i in range(features)] for t in range(time)]
        for level in range(layer.layers):
            sides: list[list[Vector]] = []
            for suffix in ("", "_reverse")[: layer.directions]:
                name = f"l{level}{suffix}"
                own = _own(at.tensors, f"_{name}")
                curve = getattr(layer, "act", "tanh")
                cell = _Cell(name, own, int(layer.out), after, curve)
                order = range(time) if not suffix else range(time - 1, -1, -1)
                h = _start(at, f"h0_{name}", example, int(layer.state))
                c = _start(at, f"c0_{name}", example, int(layer.out))
                states: dict[int, Vector] = {}
                for t in order:
                    reads = [("x", sequence[t]), ("h", h)]
                    if layer.words[0] == "lstm":
                        reads.append(("c", c))
                    lines = cells(cell, sequence[t], h, c)
                    moment = Moment(name, example, t, tuple(reads), lines)
                    found.append(moment)
                    h = states[t] = moment.state
                    if layer.words[0] == "lstm":
                        c = moment.named("c")
                sides.append([states[t] for t in range(time)])
            sequence = [[v for side in sides for v in side[t]] for t in range(time)]
    return found


def _own(tensors: Mapping[str, Values], suffix: str) -> dict[str, Values]:
    """The tensors of one cell, without what tells it from others."""
    names = ("weight_ih", "weight_hh", "weight_hr", *_BIASES)
    return {name: tensors[name + suffix] for name in names if name + suffix in tensors}


def _start(at: At, name: str, example: int, size: int) -> Vector:
    """The state before the first step: zeros, unless one was given."""
    given = at.tensors.get(name)
    return [0.0] * size if given is None else [given.at(example, j) for j in range(size)]


def resets_after(layer: Any, convention: Convention) -> bool:
    """Whether the reset gate acts after the product with the state."""
    if layer.reset_after is not None:
        return bool(layer.reset_after)
    vectors = layer.biases or convention.gru_biases
    return vectors == 2 and (convention.gru_resets_after or convention.recurrent_biases == 1)


@rule("rnn", "lstm", "gru")
def recurrent(at: At) -> Rule | None:
    """Each step of the last layer, both directions side by side."""
    layer = at.layer
    if layer.dropout and at.training and layer.layers > 1:
        return None
    state, last = int(layer.state), layer.layers - 1
    outputs: dict[tuple[int, int, int], Line] = {}

    def element(index: Index) -> Worked:
        if not outputs:
            for moment in moments(at):
                if moment.cell.startswith(f"l{last}"):
                    side = int(moment.cell.endswith("_reverse"))
                    outputs[moment.example, moment.time, side] = moment.lines[-1]
        example, time, feature = index
        side, j = divmod(feature, state)
        return outputs[example, time, side].entries[j]

    rows = layer.gates
    width = at.x.sizes[2] + state * (1 + 2 * last * layer.directions)
    return Rule(element, layer.directions * rows * width, chained=True)
