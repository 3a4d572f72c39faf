"""``--versus``: two nets beside one another, layer by layer, and what differs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from dlcalc.answers import params as params_answers
from dlcalc.answers import shape as shape_answers
from dlcalc.answers.network import load, load_model, named_convention
from dlcalc.answers.params import ParamsResult, Question, question
from dlcalc.answers.params_table import grouped
from dlcalc.answers.shape import ShapeResult
from dlcalc.answers.versus_rows import GAP, Line, Record, channels_first, cost, differences, records
from dlcalc.errors import InputError, Source, abridged, display_width
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Layout, Shape, sizes_text
from dlcalc.layers.size import Size, as_json
from dlcalc.nets.align import align
from dlcalc.nets.parser import Net, is_path, parse
from dlcalc.result import Block, Result, Row

#: More equal layers than this in a row are one line.
FOLDED = 2
#: A name of a net longer than this does not head a column.
_NAME = 20

Answer = ParamsResult | ShapeResult
AnswerNet = Callable[[Shape, Net, Convention], Answer]


def versus_params(
    *words: str,
    versus: str,
    layout: Layout = "chw",
    file: str | None = None,
    like: str | None = None,
    include: str = "",
    exclude: str = "",
) -> Versus:
    """Two nets layer by layer: arguments, output, parameters, multiply-accumulates; the totals.

    ``words`` and ``file`` are the left one, ``versus`` the right one, in the notation or a
    model file; without an INPUT of its own it takes that of the left. Raises `InputError`
    as `params` does for each, and for a model file that leaves shapes open.

    >>> versus_params("3x32x32 conv:6,k5 relu", versus="conv:6,k3 relu").value
    2
    """
    asked = question(include=include, exclude=exclude)

    def answer(start: Shape, net: Net, convention: Convention) -> Answer:
        return params_answers.answer(start, net, asked, convention)

    return _versus(words, file, versus, layout, like, answer, asked)


def versus_shape(
    *words: str,
    versus: str,
    layout: Layout = "chw",
    file: str | None = None,
    like: str | None = None,
) -> Versus:
    """Two nets layer by layer: arguments and output, whatever their channels are.

    As `versus_params`, without parameters and multiply-accumulates.

    >>> versus_shape("28 maxpool:2 relu", versus="28 maxpool:2,s2 relu").terse()
    'same'
    """

    def answer(start: Shape, net: Net, convention: Convention) -> Answer:
        return shape_answers.answer(start, net, convention=convention)

    return _versus(words, file, versus, layout, like, answer, None)


def _versus(
    words: tuple[str, ...],
    file: str | None,
    versus: str,
    layout: Layout,
    like: str | None,
    answer: AnswerNet,
    asked: Question | None,
) -> Versus:
    left = _model(words, file, like, asked)
    if left is None:
        start, net = load(words, layout=layout, file=file)
        left = answer(start, net, named_convention(like))
    right = _model((versus,), None, like, asked)
    borrowed = False
    if right is None:
        network = parse(Source(versus), layout=layout)
        borrowed = network.input is None and bool(network.net)
        start, net = (left.start, network.net) if borrowed else load((versus,), layout=layout)
        right = answer(start, net, named_convention(like))
    name = " ".join([*words, *([file] if file else [])])
    return Versus(Side(name, left), Side(versus, right), borrowed)


def _model(
    words: tuple[str, ...], file: str | None, like: str | None, asked: Question | None
) -> Answer | None:
    """The answer about a model file; None if the words are in the notation."""
    model = load_model(words, file, like)
    if model is None:
        return None
    from dlcalc.answers.model import model_params, model_shape

    if asked is None:
        return model_shape(model, None, None)
    found = model_params(model, asked, None)
    if not isinstance(found, ParamsResult):
        raise InputError(
            f"{model.source} does not tell the output of every layer, by which layers are aligned",
            mend="dlcalc params counts its parameters all the same, without --versus.",
        )
    return found


class Side:
    """One of the two nets: what it was called, its answer, its layers as lines."""

    def __init__(self, name: str, answer: Answer) -> None:
        self.name = name
        self.answer = answer
        self.lines = records(answer)

    @property
    def shown(self) -> str:
        """What it was called if that is short, a file without its folder; else empty."""
        name = self.name.rpartition("/")[2] if is_path(self.name) else self.name
        return abridged(name) if display_width(name) <= _NAME else ""

    @property
    def sums(self) -> dict[str, Size | None]:
        """What is compared of the whole."""
        if not isinstance(self.answer, ParamsResult):
            return {}
        return {"parameters": self.answer.value, "macs": self.answer.macs}

    @property
    def output(self) -> tuple[Size, ...]:
        """What comes out of the net."""
        steps = self.answer.steps
        return (steps[-1].output if steps else self.answer.start).sizes

    def document(self) -> dict[str, object]:
        """The net as JSON has it."""
        return {
            "net": self.name,
            "like": self.answer.convention.name,
            "input": [as_json(size) for size in self.answer.start.sizes],
            "output": [as_json(size) for size in self.output],
            **{key: None if sum is None else as_json(sum) for key, sum in self.sums.items()},
        }


class Beside(NamedTuple):
    """A layer of the left net and one of the right, or one of them alone."""

    left: Line | None
    right: Line | None

    @property
    def differs(self) -> list[str]:
        """What differs; empty if nothing does, or if one stands alone."""
        if self.left is None or self.right is None:
            return []
        return differences(self.left.record, self.right.record)

    @property
    def change(self) -> str:
        """``same``, ``changed``, ``replaced``, or ``removed`` and ``added`` from left to right."""
        if self.left is None or self.right is None:
            return "removed" if self.left else "added"
        differs = self.differs
        return "replaced" if "layer" in differs else "changed" if differs else "same"

    @property
    def sides(self) -> list[tuple[str, Line]]:
        """The layers that are there, each under the sign of its side."""
        return [(sign, line) for sign, line in zip("-+", self, strict=True) if line is not None]


class Versus(Result):
    """Two nets beside one another. Its value is how many lines of layers differ."""

    tabled = "layers"

    def __init__(self, left: Side, right: Side, borrowed: bool = False) -> None:
        self.left = left
        self.right = right
        self.borrowed = borrowed
        ours, theirs = left.lines, right.lines
        pairs = align([line.record for line in ours], [line.record for line in theirs], cost, GAP)
        self.layers = tuple(
            Beside(None if i is None else ours[i], None if j is None else theirs[j])
            for i, j in pairs
        )
        begin = Beside(_input(left), _input(right))
        if begin.differs:
            self.layers = (begin, *self.layers)
        self.value: int = sum(layer.change != "same" for layer in self.layers)

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """How both were read; what is not compared."""
        left, right = self.left, self.right
        found = [*left.answer.notes, *right.answer.notes]
        rules = [side.answer.convention.name for side in (left, right)]
        if rules[0] != rules[1]:
            found.append(f"the left net has the rules of {rules[0]}, the right of {rules[1]}")
        if left.answer.start.layout != right.answer.start.layout:
            found.append("outputs of 3 sizes and more are compared with the channels first")
        if self.borrowed:
            found.append(f"the right net takes the INPUT of the left, {left.answer.start}")
        for side in (left, right):
            way = getattr(side.answer, "way", None)
            if way is not None and way.net is None:
                found.append(f"which layer reads which is not compared: see {way.graph.source}")
        return list(dict.fromkeys(found))

    def ratio(self, sum: str) -> float | None:
        """The right sum by the left; None where that is not a number."""
        ours, theirs = self.left.sums[sum], self.right.sums[sum]
        if not isinstance(ours, int) or not isinstance(theirs, int) or ours == 0:
            return 1.0 if ours is not None and ours == theirs else None
        return float(Fraction(theirs, ours))

    def terse(self) -> str:
        """How many layers differ, or ``same``."""
        return str(self.value or "same")

    def meets(self, expected: str) -> bool:
        """Whether so many layers differ; ``same`` is 0. Raises `ClaimError` for no number."""
        if expected.strip() == "same":
            return self.value == 0
        return super().meets(expected)

    def blocks(self) -> list[Block]:
        """The layers, equal ones folded; then the totals with their ratio."""
        return [*self._layers(), *self._totals()]

    def _layers(self) -> list[Block]:
        full = isinstance(self.left.answer, ParamsResult)
        head = ("", "", "layer", "output", *(("parameters", "MACs") if full else ()))
        rows = [Row(head, "aside")] if self.value else []
        for same, run in groupby(self.layers, lambda layer: layer.change == "same"):
            layers = list(run)
            if same and len(layers) > FOLDED:
                rows.append(Row(("=", "", f"{len(layers):,} layers the same"), "aside"))
                continue
            for layer in layers:
                rows += _rows(layer)
        return [Block("llllrr" if full else "llll", rows)]

    def _totals(self) -> list[Block]:
        left, right = self.left, self.right
        heads = [f"- {left.shown or 'left'}", f"+ {right.shown or 'right'}"]
        rows = [Row(("", *heads, "ratio" if left.sums else ""), "aside")]
        shapes = {
            "input": (left.answer.start.sizes, right.answer.start.sizes),
            "output": (left.output, right.output),
        }
        for name, (ours, theirs) in shapes.items():
            rows.append(Row((name, sizes_text(ours), sizes_text(theirs), "")))
        for name in left.sums:
            shown = [_shown(side.sums[name]) for side in (left, right)]
            ratio = self.ratio(name)
            known = "" if ratio is None else f"{ratio:.6g}"
            rows.append(Row((_LABELS.get(name, name), *shown, known)))
        rows.append(Row(("layers", *(f"{len(side.lines):,}" for side in (left, right)), "")))
        verdict = f"{self.value:,} of {len(self.layers):,} layers" if self.value else "no layer"
        return [Block("lrrr", rows), Block("ll", [Row(("differ", verdict), "answer")])]

    def table(self) -> list[dict[str, object]]:
        """A record for each line: the change, what differs, both layers."""
        names = list(self.left.sums)
        return [
            {
                "change": layer.change,
                "differs": " ".join(layer.differs),
                **_flat("left", layer.left, names),
                **_flat("right", layer.right, names),
            }
            for layer in self.layers
        ]

    def document(self) -> dict[str, object]:
        """``differing``, both nets, ``ratios`` from left to right, and ``layers``."""
        document: dict[str, object] = {
            "differing": self.value,
            "left": self.left.document(),
            "right": self.right.document(),
            "ratios": {name: self.ratio(name) for name in self.left.sums},
            "layers": [_document(layer) for layer in self.layers],
        }
        if notes := self.notes:
            document["notes"] = notes
        return document


_NUMBERS = ("output", "parameters", "MACs")
_LABELS = {"macs": "MACs"}


def _input(side: Side) -> Line:
    start = side.answer.start
    return Line(Record("input", "input", (), (), channels_first(start)), "input", "", start.sizes)


def _shown(size: Size | None) -> str:
    return "none" if size is None else grouped(size)


def _rows(layer: Beside) -> list[Row]:
    """A row for each side, and one for what differs; one for both where nothing does."""
    if layer.change == "same":
        assert layer.left is not None
        return [_row("=", layer.left, "aside")]
    rows = [_row(sign, line) for sign, line in layer.sides]
    # Numbers that differ stand below one another.
    differs = [name for name in layer.differs if name not in _NUMBERS]
    if layer.change == "changed" and differs:
        rows.append(Row(("", "", f"  {', '.join(differs)}"), "aside"))
    return rows


def _row(sign: str, line: Line, role: str = "") -> Row:
    record = line.record
    numbers = ["" if n == 0 else _shown(n) for n in (record.parameters, record.macs)]
    if record.parameters is None:
        numbers = []
    place, text = abridged(line.place, 20), abridged(line.text, 36)
    return Row((sign, place, text, sizes_text(line.output), *numbers), role)


def _document(layer: Beside) -> dict[str, object]:
    return {
        "change": layer.change,
        "differs": layer.differs,
        "left": layer.left and layer.left.document(),
        "right": layer.right and layer.right.document(),
    }


def _flat(side: str, line: Line | None, names: list[str]) -> dict[str, object]:
    """The layer of one side in columns of their own, empty where there is none."""
    found = line.document() | {"output": sizes_text(line.output)} if line else {}
    return {f"{side}_{name}": found.get(name) for name in ["place", "layer", "output", *names]}
