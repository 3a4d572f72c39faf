"""``dlcalc shape``: what comes out of each layer, by which formula, and what it sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlcalc.answers.network import load
from dlcalc.errors import ClaimError, InputError, LayerError, abridged
from dlcalc.layers.argument import Argument
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Layout, Shape, sizes_text
from dlcalc.layers.size import Polynomial, Size, least_value, letters
from dlcalc.layers.window import WindowLayer
from dlcalc.nets import field as fields
from dlcalc.nets.field import Field
from dlcalc.nets.parser import Net, Node
from dlcalc.nets.trace import Step, TraceError, trace
from dlcalc.result import Block, Result, Row

if TYPE_CHECKING:
    from fractions import Fraction


def shape(
    *words: str,
    layout: Layout = "chw",
    batch: int | str | None = None,
    file: str | None = None,
) -> ShapeResult:
    """The shape behind every layer of a net.

    ``words`` are an INPUT and a net in the notation, in one string or in many;
    a net from ``file`` stands behind them. ``batch``, a number or a letter,
    stands before all shapes. Raises `InputError` where the notation is wrong or
    the input does not fit.

    >>> str(shape("3x32x32 conv:6,k5 maxpool:2").value)
    '6x14x14'
    """
    return answer(*load(words, layout=layout, file=file), batch=batch_size(batch))


def answer(start: Shape, net: Net, *, batch: Size | None = None) -> ShapeResult:
    """The shapes of an input through a net."""
    try:
        steps = trace(net, start)
    except TraceError as error:
        from dlcalc.nets.mend import mend

        error.worked = Failed(start, error, batch)
        error.mend = error.mend or mend(error, start, net)
        raise
    return ShapeResult(start, steps, batch)


def batch_size(batch: int | str | None) -> Size | None:
    """The size that ``--batch`` gives. Raises `InputError` if it is none."""
    if batch is None:
        return None
    try:
        value = Argument("batch", "size", "").value(str(batch))
    except LayerError as error:
        raise InputError(error.rule) from error
    assert isinstance(value, int | Polynomial)
    return value


class ShapeResult(Result):
    """The shapes along a net. Its value is the last of them."""

    def __init__(self, start: Shape, steps: tuple[Step, ...], batch: Size | None = None) -> None:
        self.start = start
        self.steps = steps
        self.batch = batch
        self.value: Batched = Batched(steps[-1].output, batch)

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How the input was read where that may surprise, and what layers remark."""
        return [*_reading(self.start, self.steps), *_remarks(self.steps)]

    def meets(self, expected: str) -> bool:
        """Whether the output is the expected shape. Raises `ClaimError` if that is none."""
        for size in "".join(expected.split()).split("x"):
            number_or_letter = size.isdigit() or (len(size) == 1 and size.isalpha())
            if not number_or_letter and not (size and set("(+-*/") & set(size)):
                raise ClaimError(f"--expect {abridged(expected)!r} is not a shape")
        return super().meets(expected)

    def blocks(self) -> list[Block]:
        """A row for each layer: its shape, its formula, what it sees."""
        field = fields.start(self.start)
        rows = [self._row("input", self.start)]
        rows += _rows(self.steps, field, self.batch)
        limits = _limits(self.start, self.steps)
        if limits:
            shown = ", ".join(f"{name} >= {least}" for name, least in limits.items())
            rows.append(Row(("where", shown), "aside"))
        rows.append(self._row("output", self.steps[-1].output)._replace(role="answer"))
        return [Block("llll", rows)]

    def _row(self, label: str, shape: Shape) -> Row:
        return Row((label, str(Batched(shape, self.batch))))

    def document(self) -> dict[str, object]:
        """``input``, ``output`` and ``layers``, as `dlcalc shape --json` prints them."""
        document: dict[str, object] = {
            "input": Batched(self.start, self.batch).json(),
            "output": self.value.json(),
            "layers": _documents(self.steps, fields.start(self.start), self.batch),
        }
        limits = _limits(self.start, self.steps)
        if limits:
            document["where"] = limits
        if self.notes:
            document["notes"] = self.notes
        return document


class Failed(ShapeResult):
    """What had been worked out before a layer refused its input."""

    def __init__(self, start: Shape, error: TraceError, batch: Size | None) -> None:
        steps = error.trail[0].steps
        self.start = start
        self.steps = steps
        self.error = error
        self.batch = batch
        self.value = Batched(steps[-1].output if steps else start, batch)

    def document(self) -> dict[str, object]:
        """``input`` and the ``layers`` before the one that failed."""
        layers = _documents(self.steps, fields.start(self.start), self.batch)
        return {"input": Batched(self.start, self.batch).json(), "layers": layers}

    def blocks(self) -> list[Block]:
        """The rows up to the layer that refused, and one for it."""
        rows = [self._row("input", self.start)]
        field = fields.start(self.start)
        for depth, level in enumerate(self.error.trail):
            rows += _rows(level.steps, field, self.batch, depth)
            field = [field, *fields.fields(level.steps, field)][-1]
            indent = "  " * depth
            if level.branch is None:
                text = _opening(level.node) + "...]" if level.node.branches else level.node.text
                rows.append(Row((indent + text, "does not fit"), "wrong"))
                break
            rows.append(Row((indent + _opening(level.node),)))
            for branch in level.finished:
                rows += _rows(branch, field, self.batch, depth + 1)
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
        return [size if isinstance(size, int) else str(size) for size in self.sizes]


def _rows(steps: tuple[Step, ...], field: Field, batch: Size | None, depth: int = 0) -> list[Row]:
    rows: list[Row] = []
    indent = "  " * depth
    for step in steps:
        before, field = field, fields.after(step, field)
        label = step.node.text
        if step.branches:
            rows.append(Row((indent + _opening(step.node),)))
            for number, branch in enumerate(step.branches):
                if number:
                    rows.append(Row((indent + "|",)))
                rows += _rows(branch, before, batch, depth + 1)
            label = "]"
        shape = str(Batched(step.output, batch))
        remarks = [_seen(before, field), field.misaligned and f"misaligned: {field.misaligned}"]
        seen = "; ".join(filter(None, remarks))
        rows.append(Row((indent + label, shape, _shown_formula(step), seen)))
    return rows


def _opening(node: Node) -> str:
    return node.text.partition("[")[0] + "["


def _formula(step: Step) -> str:
    if step.branches:
        return step.node.layer.merge_formula(tuple(b[-1].output for b in step.branches))
    return step.node.layer.formula(step.input, TORCH)


def _shown_formula(step: Step) -> str:
    # With unknown sizes the shape itself is the formula.
    return "" if step.input.symbolic or step.output.symbolic else _formula(step)


def _seen(before: Field, field: Field) -> str:
    """What each output sees, where that has changed: ``sees 6x6, every 2``."""
    if not field.chains or before.chains == field.chains:
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


def _documents(
    steps: tuple[Step, ...], field: Field, batch: Size | None
) -> list[dict[str, object]]:
    documents = []
    for index, step in enumerate(steps, start=1):
        before, field = field, fields.after(step, field)
        chains = field.chains
        document: dict[str, object] = {
            "index": index,
            "layer": step.node.text,
            "output": Batched(step.output, batch).json(),
            "formula": _formula(step) or None,
            "receptive_field": None if chains is None else [c.receptive_field for c in chains],
            "jump": None if chains is None else [_number(c.jump) for c in chains],
            "begin": None if chains is None else [c.begin for c in chains],
        }
        if field.misaligned:
            document["misaligned"] = field.misaligned
        if step.branches:
            document["branches"] = [_documents(b, before, batch) for b in step.branches]
        documents.append(document)
    return documents


def _number(jump: int | Fraction) -> int | float:
    return jump if isinstance(jump, int) else float(jump)


def _walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, those in branches too."""
    for step in steps:
        for branch in step.branches:
            yield from _walk(branch)
        yield step


def _limits(start: Shape, steps: tuple[Step, ...]) -> dict[str, int]:
    """For each unknown size its least value for which every window fits.

    Where a size hangs on two letters, it stands for itself with its least value.
    """
    needed: dict[Size, int] = {}
    for step in _walk(steps):
        axes = None if step.branches else step.node.layer.axes(step.input, TORCH)
        if axes is not None and step.input.symbolic:
            for size, axis in zip(step.input.spatial, axes, strict=True):
                needed[size] = max(needed.get(size, 1), axis.low)
    least: dict[str, int] = {}
    for size, low in needed.items():
        if isinstance(size, Polynomial):
            value = least_value(size, low)
            name = next(iter(letters(size))) if value is not None else str(size)
            least[name] = max(least.get(name, 1), low if value is None else value)
    return {name: value for name, value in sorted(least.items()) if value > 1}


def _reading(start: Shape, steps: tuple[Step, ...]) -> list[str]:
    if len(start.sizes) != 2 or start.symbolic:
        return []
    for step in steps:
        layer = step.node.layer
        if len(step.input.sizes) != 2:
            return []
        if isinstance(layer, WindowLayer) and step.input == start:
            channels, length = start.channels, start.spatial[0]
            if layer.rank == 1:
                return []
            return [
                f"{start} is read as {channels} channels of length {length}; write "
                f"{layer.words[0]}1d to say so, or 1x{start} for one image"
            ]
    return []


def _remarks(steps: tuple[Step, ...]) -> list[str]:
    remarks: list[str] = []
    for step in steps:
        for branch in step.branches:
            remarks += _remarks(branch)
        remark = step.node.layer.note(step.input)
        if remark:
            remarks.append(f"{step.node.text}: {remark}")
    return list(dict.fromkeys(remarks))
