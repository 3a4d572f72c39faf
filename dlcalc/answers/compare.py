"""``--compare``: the same net under every framework's rules, where and why they part.

Each layer is put to all frameworks with one and the same input, so that a layer
is named only where its own rule differs, not where an earlier one's did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from dlcalc.answers import params as params_answers
from dlcalc.answers import shape as shape_answers
from dlcalc.answers.network import load, size_option
from dlcalc.answers.params_table import grouped, shown_tensors
from dlcalc.answers.shape import Batched
from dlcalc.errors import InputError, LayerError
from dlcalc.layers.axis import Axis
from dlcalc.layers.convention import COMPARED, Convention
from dlcalc.layers.pool import AvgPool, WindowPool
from dlcalc.layers.shape import Layout, Shape
from dlcalc.layers.size import Size, as_json, product, total
from dlcalc.nets.parser import Net, Node
from dlcalc.nets.trace import Step, TraceError, trace, walk
from dlcalc.result import Block, Result, Row


class Outcome(NamedTuple):
    """What one framework makes of a layer, or why it refuses it."""

    shown: str
    why: str
    refused: bool = False


class Parting(NamedTuple):
    """A layer on one input, and the frameworks grouped by what they make of it."""

    node: Node
    input: Shape
    groups: tuple[tuple[tuple[str, ...], Outcome], ...]


Ask = Callable[[Step, Convention], Outcome]


def compare_shape(
    *words: str, layout: Layout = "chw", batch: int | str | None = None, file: str | None = None
) -> Comparison:
    """The output shape under every framework's rules, and the layers where they part.

    Raises `InputError` where the notation is wrong or every framework refuses.

    >>> compare_shape("1x6x6 maxpool:2,s3,ceil=yes").value["caffe"]
    '1x3x3'
    """
    start, net = load(words, layout=layout, file=file)
    size = size_option("batch", batch)

    def answer(convention: Convention) -> Result:
        return shape_answers.answer(start, net, batch=size, convention=convention)

    def ask(step: Step, convention: Convention) -> Outcome:
        return _windows(step, convention, size)

    return Comparison(start, net, answer, ask)


def compare_params(*words: str, layout: Layout = "chw", file: str | None = None) -> Comparison:
    """The number of parameters under every framework's rules, and the layers where they part.

    Raises `InputError` where the notation is wrong or every framework refuses.

    >>> compare_params("10x50 lstm:128").value["keras"]
    '91648'
    """
    start, net = load(words, layout=layout, file=file)

    def answer(convention: Convention) -> Result:
        return params_answers.answer(start, net, convention=convention)

    return Comparison(start, net, answer, _tensors)


class Comparison(Result):
    """The frameworks side by side. Its value is the answer of each that gives one."""

    def __init__(
        self, start: Shape, net: Net, answer: Callable[[Convention], Result], ask: Ask
    ) -> None:
        self.start = start
        self.answers: dict[str, Result] = {}
        self.refusals: dict[str, InputError] = {}
        for convention in COMPARED:
            try:
                self.answers[convention.name] = answer(convention)
            except InputError as error:
                self.refusals[convention.name] = error
        if not self.answers:
            raise self.refusals[COMPARED[0].name]
        self.value: dict[str, str] = {
            name: str(result.value) for name, result in self.answers.items()
        }
        self.partings = tuple(_partings(start, net, ask))

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """What holds for every layer of a kind."""
        return list(dict.fromkeys(_stride_remarks(self.partings)))

    def terse(self) -> str:
        """A line for each framework."""
        return "\n".join(f"{c.name} {self._outcome(c.name)}" for c in COMPARED)

    def _outcome(self, name: str) -> str:
        return self.value.get(name, "refuses")

    def meets(self, expected: str) -> bool:
        """Whether every framework gives the expected answer."""
        met = [result.meets(expected) for result in self.answers.values()]
        return not self.refusals and all(met)

    def blocks(self) -> list[Block]:
        """The layers where they part, each framework with its reason; then the answers."""
        rows: list[Row] = []
        for parting in self.partings:
            rows.append(Row((parting.node.head, f"on {parting.input}"), "aside"))
            for names, outcome in parting.groups:
                cells = (f"  {', '.join(names)}", outcome.shown, outcome.why)
                rows.append(Row(cells, "wrong" if outcome.refused else ""))
        if not self.partings and not self.refusals:
            rows.append(Row(("all agree", "")))
        explained = {
            name
            for parting in self.partings
            for names, outcome in parting.groups
            for name in names
            if outcome.refused
        }
        last: dict[tuple[str, str], list[str]] = {}
        for c in COMPARED:
            refusal = self.refusals.get(c.name)
            why = _impersonal(refusal.rule, c) if refusal and c.name not in explained else ""
            last.setdefault((self._outcome(c.name), why), []).append(c.name)
        answers = [Row((", ".join(names), *cells), "answer") for cells, names in last.items()]
        return [Block("lll", rows), Block("lll", answers)]

    def table(self) -> list[dict[str, object]]:
        """A record for each framework: its answer, or why it refuses."""
        answers: list[dict[str, object]] = [
            {"like": name, "answer": answer, "refusal": None} for name, answer in self.value.items()
        ]
        refused = self.refusals.items()
        return answers + [{"like": n, "answer": None, "refusal": e.rule} for n, e in refused]

    def document(self) -> dict[str, object]:
        """``answers`` and ``refusals`` by framework, and ``partings``."""
        return {
            "answers": dict(self.value),
            "refusals": {name: error.rule for name, error in self.refusals.items()},
            "partings": [_document(parting) for parting in self.partings],
            "notes": self.notes,
        }


def _document(parting: Parting) -> dict[str, object]:
    return {
        "layer": parting.node.text,
        "input": [as_json(size) for size in parting.input.sizes],
        "groups": [
            {"like": list(names), "answer": outcome.shown, "why": outcome.why}
            for names, outcome in parting.groups
        ],
    }


def _partings(start: Shape, net: Net, ask: Ask) -> Iterator[Parting]:
    """The layers, each once for each input, of which frameworks make different things."""
    seen: set[tuple[str, Shape]] = set()
    for step in _all_steps(start, net):
        key = (step.node.text, step.input)
        if step.branches or key in seen:
            continue
        seen.add(key)
        groups: dict[Outcome, list[str]] = {}
        for convention in COMPARED:
            groups.setdefault(ask(step, convention), []).append(convention.name)
        if len(groups) > 1:
            yield Parting(
                step.node,
                step.input,
                tuple((tuple(names), outcome) for outcome, names in groups.items()),
            )


def _all_steps(start: Shape, net: Net) -> list[Step]:
    """The steps, those in branches too, under the rules of the first framework that takes all."""
    for convention in COMPARED:
        with suppress(TraceError):
            return list(walk(trace(net, start, convention)))
    return []


def _windows(step: Step, convention: Convention, batch: Size | None) -> Outcome:
    """The output of a layer and what its first and last window see."""
    layer, shape = step.node.layer, step.input
    try:
        output = layer.output_shape(shape, convention)
        axes = layer.axes(shape, convention) if layer.spatial else None
    except LayerError as error:
        return Outcome("refuses", _impersonal(error.rule, convention), True)
    parts = [_seen(shape.spatial, axes)] if axes else []
    if isinstance(layer, AvgPool) and any(map(any, layer.ends(shape.spatial, convention))):
        counted = "counts" if layer.counts_padding(convention) else "leaves out"
        parts.append(f"the divisor {counted} padding")
    return Outcome(str(Batched(output, batch)), "; ".join(parts))


def _impersonal(rule: str, convention: Convention) -> str:
    """A refusal without its framework's name, so that equal ones are one."""
    return rule.replace(f" in {convention.name}", "").replace(convention.name, "it")


def _seen(spatial: tuple[Size, ...], axes: tuple[Axis, ...]) -> str:
    """What the first and the last output see, axes that are alike only once."""
    shown = []
    for n, axis in zip(spatial, axes, strict=True):
        first, size = axis.seen(0, 0), axis.size(n)
        text = f"the first sees {first[0]} to {first[1]}"
        if isinstance(n, int) and isinstance(size, int) and size > 1:
            last = axis.seen(size - 1, size - 1)
            text += f", the last {last[0]} to {last[1]}"
        shown.append(text + (f", of 0 to {n - 1}" if isinstance(n, int) else ""))
    return "; ".join(dict.fromkeys(shown))


def _tensors(step: Step, convention: Convention) -> Outcome:
    """The parameters of a layer and the tensors that hold them."""
    layer = step.node.layer
    try:
        layer.output_shape(step.input, convention)
        tensors = layer.parameters(step.input, convention)
        buffers = layer.buffers(step.input, convention)
    except LayerError as error:
        return Outcome("refuses", _impersonal(error.rule, convention), True)
    number = total([product(sizes) for sizes in tensors.values()])
    parts = shown_tensors(tensors)
    if buffers:
        kept = total([product(sizes) for sizes in buffers.values()])
        parts.append(f"buffers {grouped(kept)}")
    return Outcome(grouped(number), ", ".join(parts))


def _stride_remarks(partings: tuple[Parting, ...]) -> Iterator[str]:
    for parting in partings:
        layer = parting.node.layer
        if isinstance(layer, WindowPool) and layer.stride is None:
            names = [c.name for c in COMPARED if c.pooling_stride_one]
            yield (f"a stride left out is the kernel here; {' and '.join(names)} themselves take 1")
