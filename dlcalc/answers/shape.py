"""``dlcalc shape``: what comes out of each layer, by which formula, and what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlcalc.answers.net_result import NetResult
from dlcalc.answers.network import load, load_model, named_convention, size_option
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Layout, Shape, sizes_text
from dlcalc.layers.size import Polynomial, Size, as_json, least_value, letters
from dlcalc.nets.field import Field, Seen, follow
from dlcalc.nets.field import start as start_field
from dlcalc.nets.parser import Net, Node
from dlcalc.nets.trace import Step, TraceError, trace, walk
from dlcalc.result import Block, Row

if TYPE_CHECKING:
    from fractions import Fraction


def shape(
    *words: str,
    layout: Layout = "chw",
    batch: int | str | None = None,
    file: str | None = None,
    like: str | None = None,
    verify: bool = False,
    verify_budget: str = "",
) -> ShapeResult:
    """The shape behind every layer of a net.

    ``words`` are an INPUT and a net in the notation, in one string or in many;
    a net from ``file`` stands behind them; or they are a model file, behind an
    INPUT if it leaves its own open. ``batch``, a number or a letter, stands before
    all shapes; ``like`` names the framework whose rules hold, torch or that of the
    file; ``verify`` runs the net in the engine as well, within ``verify_budget``
    such as 2GB,20s. Raises `InputError` where the notation is wrong or the input
    does not fit.

    >>> str(shape("3x32x32 conv:6,k5 maxpool:2").value)
    '6x14x14'
    """
    model = load_model(words, file, like)
    if model is not None:
        from dlcalc.answers.model import model_shape

        return model_shape(model, size_option("batch", batch), verify_budget if verify else None)
    start, net = load(words, layout=layout, file=file)
    convention = named_convention(like)
    result = answer(start, net, batch=size_option("batch", batch), convention=convention)
    if verify:
        result.verify(net, verify_budget)
    return result


def answer(
    start: Shape, net: Net, *, batch: Size | None = None, convention: Convention = TORCH
) -> ShapeResult:
    """The shapes of an input through a net."""
    steps = traced(start, net, batch=batch, convention=convention)
    if any(step.node.layer.ties(step.input, convention) for step in walk(steps)):
        from dlcalc.answers.counting import count

        count(steps, convention)
    return ShapeResult(start, steps, batch, convention)


def traced(
    start: Shape, net: Net, *, batch: Size | None = None, convention: Convention = TORCH
) -> tuple[Step, ...]:
    """The steps of an input through a net; a refusal carries what was worked out, and a mend."""
    try:
        return trace(net, start, convention)
    except TraceError as error:
        from dlcalc.nets.mend import mend

        error.worked = Failed(start, error, batch, convention)
        error.mend = error.mend or mend(error, start, net, convention)
        raise


class ShapeResult(NetResult):
    """The shapes along a net. Its value is the last of them."""

    tabled = "layers"

    def __init__(
        self,
        start: Shape,
        steps: tuple[Step, ...],
        batch: Size | None = None,
        convention: Convention = TORCH,
    ) -> None:
        super().__init__(start, steps, convention)
        self.batch = batch
        #: Whether layers have names of their own, which then stand in a column before them.
        self.named = any(step.node.name for step in walk(steps))
        self.value: Batched = Batched(steps[-1].output if steps else start, batch)

    def meets(self, expected: str) -> bool:
        """Whether the output is the expected shape. Raises `ClaimError` if that is none."""
        from dlcalc.answers.claims import claimed_sizes, surely_equal

        sizes = claimed_sizes(expected)
        return len(sizes) == len(self.value.sizes) and all(
            map(surely_equal, self.value.sizes, sizes)
        )

    def blocks(self) -> list[Block]:
        """A row for each layer: its shape, its formula, what it sees."""
        rows = [*self._inputs(), *self._rows(self._seen())]
        limits = self._limits()
        if limits:
            shown = ", ".join(f"{name} >= {least}" for name, least in limits.items())
            rows.append(Row((*self._label("where"), shown), "aside"))
        output = Row((*self._label("output"), str(self.value)), "answer")
        columns = "lllll" if self.named else "llll"
        if self.verification is None:
            return [Block(columns, [*rows, output])]
        output = Row(("output", str(self.value)), "answer")
        return [Block(columns, rows), Block("ll", [*self.verification.rows(), output])]

    def document(self) -> dict[str, object]:
        """``input``, ``output`` and ``layers``, as `dlcalc shape --json` prints them."""
        document: dict[str, object] = {
            "like": self.convention.name,
            "input": Batched(self.start, self.batch).json(),
            "output": self.value.json(),
            "layers": self._documents(self._seen()),
        }
        limits = self._limits()
        if limits:
            document["where"] = limits
        if self.verification is not None:
            document["verification"] = self.verification.document()
        if notes := self.notes:
            document["notes"] = notes
        return document

    def _seen(self) -> tuple[Seen, ...]:
        return follow(self.steps, start_field(self.start), self.convention)

    def _inputs(self) -> list[Row]:
        return [Row((*self._label("input"), self._shape(self.start)))]

    def _label(self, text: str, indent: str = "", node: Node | None = None) -> tuple[str, ...]:
        """What a row begins with: the layer, in a file with names behind its name."""
        if not self.named:
            return (indent + text,)
        return (indent + (node.name if node else ""), text) if node else (indent + text, "")

    def _rows(self, seen: tuple[Seen, ...], depth: int = 0) -> list[Row]:
        rows: list[Row] = []
        indent = "  " * depth
        for item in seen:
            step = item.step
            label = step.node.text
            if item.branches:
                rows.append(Row(self._label(step.node.head + "[", indent)))
                for number, branch in enumerate(item.branches):
                    if number:
                        rows.append(Row(self._label("|", indent)))
                    rows += self._rows(branch, depth + 1)
                label = "]"
            # With unknown sizes the shape itself is the formula.
            symbolic = step.input.symbolic or step.output.symbolic
            formula = "" if symbolic else self._formula(step)
            start = self._label(label, indent, step.node)
            rows.append(Row((*start, self._shape(step.output), formula, _sees(item))))
        return rows

    def _shape(self, shape: Shape) -> str:
        return str(Batched(shape, self.batch))

    def _formula(self, step: Step) -> str:
        layer = step.node.layer
        if step.branches:
            return layer.merge_formula(tuple(branch[-1].output for branch in step.branches))
        return layer.formula(step.input, self.convention)

    def _documents(self, seen: tuple[Seen, ...]) -> list[dict[str, object]]:
        documents = []
        for index, item in enumerate(seen, start=1):
            step, chains = item.step, item.field.chains
            document: dict[str, object] = {
                "index": index,
                **({"name": step.node.name} if self.named else {}),
                "layer": step.node.text,
                "output": Batched(step.output, self.batch).json(),
                "formula": self._formula(step) or None,
                "receptive_field": None if chains is None else [c.receptive_field for c in chains],
                "jump": None if chains is None else [_number(c.jump) for c in chains],
                "begin": None if chains is None else [c.begin for c in chains],
            }
            if item.field.misaligned:
                document["misaligned"] = item.field.misaligned
            if item.branches:
                document["branches"] = [self._documents(branch) for branch in item.branches]
            documents.append(document)
        return documents

    def _limits(self) -> dict[str, int]:
        """For each unknown size its least value for which every window fits.

        Where a size hangs on two letters, it stands for itself with its least value.
        """
        needed: dict[Size, int] = {}
        for step in walk(self.steps):
            if step.branches or not step.input.symbolic:
                continue
            lows = step.node.layer.lows(step.input, self.convention)
            for size, low in zip(step.input.spatial, lows, strict=False):
                needed[size] = max(needed.get(size, 1), low)
        least: dict[str, int] = {}
        for size, low in needed.items():
            if isinstance(size, Polynomial):
                value = least_value(size, low)
                name = str(size) if value is None else next(iter(letters(size)))
                least[name] = max(least.get(name, 1), low if value is None else value)
        return {name: value for name, value in sorted(least.items()) if value > 1}


class Failed(ShapeResult):
    """What had been worked out before a layer refused its input."""

    def __init__(
        self, start: Shape, error: TraceError, batch: Size | None, convention: Convention
    ) -> None:
        super().__init__(start, error.trail[0].steps, batch, convention)
        self.error = error

    def document(self) -> dict[str, object]:
        """``input`` and the ``layers`` before the one that failed."""
        start = Batched(self.start, self.batch).json()
        return {"input": start, "layers": self._documents(self._seen())}

    def blocks(self) -> list[Block]:
        """The rows up to the layer that refused, and one for it."""
        rows = self._inputs()
        field = start_field(self.start)
        for depth, level in enumerate(self.error.trail):
            seen = follow(level.steps, field, self.convention)
            rows += self._rows(seen, depth)
            field = seen[-1].field if seen else field
            indent = "  " * depth
            if level.branch is None:
                text = level.node.head + "[...]" if level.node.branches else level.node.text
                rows.append(Row((indent + text, "does not fit"), "wrong"))
                break
            rows.append(Row((indent + level.node.head + "[",)))
            for branch in level.finished:
                rows += self._rows(follow(branch, field, self.convention), depth + 1)
                rows.append(Row((indent + "|",)))
        return [Block("llll", rows)]


class Batched:
    """A shape with the batch before it, if there is one."""

    def __init__(self, shape: Shape, batch: Size | None) -> None:
        self.shape = shape
        self.sizes = shape.sizes if batch is None else (batch, *shape.sizes)

    def __str__(self) -> str:
        return sizes_text(self.sizes)

    def __eq__(self, other: object) -> bool:
        return self.sizes == (other.sizes if isinstance(other, Batched) else other)

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __repr__(self) -> str:
        return str(self)

    def json(self) -> list[int | str]:
        """The sizes, those that are unknown as strings."""
        return [as_json(size) for size in self.sizes]


def _sees(item: Seen) -> str:
    """What each output sees, where that has changed, and how branches are misaligned."""
    shown = _shown_field(item.field)
    if shown == _shown_field(item.before):
        shown = ""
    if shown and all(size == 1 for size in item.step.output.spatial):
        # A lone output has no neighbour that could look elsewhere.
        shown = shown.partition(",")[0]
    misaligned = item.field.misaligned and f"misaligned: {item.field.misaligned}"
    return "; ".join(filter(None, [shown, misaligned]))


def _shown_field(field: Field) -> str:
    """A receptive field in words: ``sees 6x6, every 2``; empty where it is not known."""
    if not field.chains:
        return ""
    extents = [chain.receptive_field for chain in field.chains]
    if None in extents:
        return ""
    jumps = [chain.jump for chain in field.chains]
    phased = any(axis.up > 1 for chain in field.chains for axis in chain.maps)
    shown = f"sees {'up to ' if phased else ''}{'x'.join(map(str, extents))}"
    if all(jump == 1 for jump in jumps):
        return shown
    every = jumps[:1] if len(set(jumps)) == 1 else jumps
    return f"{shown}, every {'x'.join(map(str, every))}"


def _number(jump: int | Fraction) -> int | float:
    return jump if isinstance(jump, int) else float(jump)
