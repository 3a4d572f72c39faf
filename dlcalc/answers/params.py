"""``dlcalc params``: the parameters by tensor, buffers apart, and multiply-accumulates."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from dlcalc.answers.network import load
from dlcalc.answers.remarks import remarks
from dlcalc.answers.shape import answer as shape_of
from dlcalc.errors import LayerError, ShapeError
from dlcalc.layers.base import Tensors
from dlcalc.layers.shape import Layout, Shape, sizes_text
from dlcalc.layers.size import Size, as_json, product, total
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import Step
from dlcalc.result import Block, Result, Row

#: What a MAC is here, and what is in: the popular counters disagree with one another.
MACS_CONVENTION = (
    "one multiply and one add each, of convolutions and dense layers for one example; "
    "bias, normalisation, activation and pooling not counted"
)


def params(*words: str, layout: Layout = "chw", file: str | None = None) -> ParamsResult:
    """How many parameters a net has, tensor by tensor, and its multiply-accumulates.

    ``words`` are an INPUT and a net in the notation, in one string or in many;
    a built-in net brings its usual input, and a net from ``file`` stands behind
    them. Raises `InputError` where the notation is wrong, the input does not
    fit or its channels are left out.

    >>> params("3x32x32 conv:6,k5").value
    456
    """
    return answer(*load(words, layout=layout, file=file))


def answer(start: Shape, net: Net) -> ParamsResult:
    """The parameters of a net with this input."""
    steps = shape_of(start, net).steps
    return ParamsResult(start, steps, _counted(steps, ""))


class Counted(NamedTuple):
    """One layer with its tensors by their full names, and the sums with all its branches."""

    step: Step
    tensors: Tensors
    buffers: Tensors
    parameters: Size
    buffered: Size
    macs: Size
    branches: tuple[tuple[Counted, ...], ...]


class ParamsResult(Result):
    """Parameters along a net. Its value is their number."""

    def __init__(self, start: Shape, steps: tuple[Step, ...], layers: tuple[Counted, ...]) -> None:
        self.start = start
        self.steps = steps
        self.layers = layers
        self.value: Size = total(layer.parameters for layer in layers)
        self.buffers = total(layer.buffered for layer in layers)
        self.macs = total(layer.macs for layer in layers)

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How the input was read where that may surprise, and what layers remark."""
        return remarks(self.start, self.steps)

    def meets(self, expected: str) -> bool:
        """Whether the number is the expected one. Raises `ClaimError` if that is none."""
        if isinstance(self.value, int):
            return super().meets(expected)
        from dlcalc.answers.claims import claimed, surely_equal

        return surely_equal(self.value, claimed(expected.strip()))

    def blocks(self) -> list[Block]:
        """A row for each layer that has tensors, then the sums."""
        table = [Row(("layer", "output", "parameters", "MACs", ""), "aside")]
        table += _rows(self.layers)
        totals = []
        if self.buffers != 0:
            totals.append(Row(("buffers", grouped(self.buffers), "kept, not trained")))
        remark = "bias, normalisation, activation not counted"
        totals.append(Row(("MACs", grouped(self.macs), remark)))
        totals.append(Row(("parameters", grouped(self.value)), "answer"))
        return [Block("llrrl", table), Block("lrl", totals)]

    def document(self) -> dict[str, object]:
        """The sums and ``layers``, as `dlcalc params --json` prints them."""
        document: dict[str, object] = {
            "parameters": as_json(self.value),
            "trainable": as_json(self.value),
            "buffers": as_json(self.buffers),
            "macs": as_json(self.macs),
            "macs_convention": MACS_CONVENTION,
            "layers": _documents(self.layers),
        }
        if notes := self.notes:
            document["notes"] = notes
        return document


def grouped(size: Size) -> str:
    """A number with its thousands parted, for eyes; a polynomial as it is.

    >>> grouped(138357544)
    '138,357,544'
    """
    return f"{size:,}" if isinstance(size, int) else str(size)


def _counted(steps: tuple[Step, ...], prefix: str) -> tuple[Counted, ...]:
    ordinals: Counter[str] = Counter()
    return tuple(_count(step, prefix, ordinals) for step in steps)


def _count(step: Step, prefix: str, ordinals: Counter[str]) -> Counted:
    """The layer with its tensors, named by kind and ordinal within its brackets."""
    layer = step.node.layer
    kind = layer.words[0]
    ordinals[kind] += 1
    name = f"{prefix}{kind}{ordinals[kind]}."
    inner: Counter[str] = Counter()
    branches = tuple(
        tuple(_count(inside, name, inner) for inside in branch) for branch in step.branches
    )
    flat = [counted for branch in branches for counted in branch]
    try:
        tensors = {name + key: sizes for key, sizes in layer.parameters(step.input).items()}
        buffers = {name + key: sizes for key, sizes in layer.buffers(step.input).items()}
        macs = layer.macs(step.input, step.output)
        return Counted(
            step,
            tensors,
            buffers,
            _numbers(tensors) + total(counted.parameters for counted in flat),
            _numbers(buffers) + total(counted.buffered for counted in flat),
            macs + total(counted.macs for counted in flat),
            branches,
        )
    except LayerError as error:
        raise ShapeError(
            f"{step.node.text}: {error.rule}", place=step.place, mend=error.mend
        ) from error


def _numbers(tensors: Tensors) -> Size:
    return total(product(sizes) for sizes in tensors.values())


def _rows(layers: tuple[Counted, ...], depth: int = 0) -> list[Row]:
    rows: list[Row] = []
    indent = "  " * depth
    for layer in layers:
        node = layer.step.node
        output = str(layer.step.output)
        if layer.branches:
            rows.append(Row((f"{indent}{node.head}[",)))
            for number, branch in enumerate(layer.branches):
                if number:
                    rows.append(Row((f"{indent}|",)))
                rows += _rows(branch, depth + 1)
            sums = (grouped(layer.parameters), grouped(layer.macs))
            rows.append(Row((f"{indent}]", output, *sums), "aside"))
        elif layer.tensors or layer.buffers:
            macs = grouped(layer.macs) if layer.macs != 0 else ""
            cells = (indent + node.text, output, grouped(layer.parameters), macs, _tensors(layer))
            rows.append(Row(cells))
    return rows


def _tensors(layer: Counted) -> str:
    shown = []
    for name, sizes in layer.tensors.items():
        short = name.rpartition(".")[2]
        number = grouped(product(sizes))
        shape = f" {sizes_text(sizes)}" if len(sizes) > 1 else ""
        shown.append(f"{short}{shape} {number}")
    return ", ".join(shown)


def _documents(layers: tuple[Counted, ...]) -> list[dict[str, object]]:
    documents = []
    for layer in layers:
        document: dict[str, object] = {
            "layer": layer.step.node.text,
            "output": [as_json(size) for size in layer.step.output.sizes],
            "parameters": as_json(layer.parameters),
            "tensors": _shapes(layer.tensors),
            "buffers": _shapes(layer.buffers),
            "macs": as_json(layer.macs),
        }
        if layer.branches:
            document["branches"] = [_documents(branch) for branch in layer.branches]
        documents.append(document)
    return documents


def _shapes(tensors: Tensors) -> dict[str, list[int | str]]:
    return {name: [as_json(size) for size in sizes] for name, sizes in tensors.items()}
