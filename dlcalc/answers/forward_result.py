"""What ``dlcalc forward`` answers: every layer's numbers and formulas, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from re import findall, split
from typing import TYPE_CHECKING, Any, NamedTuple

from dlcalc.answers.array_text import DIGITS, ROOM, full, lines, literal, shown, summary
from dlcalc.answers.forward_layers import TOLERANCE, Item, Laid, Mark
from dlcalc.answers.forward_trace import documents, texts
from dlcalc.answers.forward_weights import NAMED, Origin
from dlcalc.answers.verified import documented
from dlcalc.errors import ClaimError, InputError, abridged
from dlcalc.formulas.layers.worked import Worked
from dlcalc.layers.shape import sizes_text
from dlcalc.numbers import parse
from dlcalc.result import Block, Finding, Result, Row, meets

if TYPE_CHECKING:
    from dlcalc.answers.forward_backward import Backward
    from dlcalc.answers.forward_data import Reading
    from dlcalc.engine.operation import Array
    from dlcalc.formulas.layers.recurrent import Moment

#: Outputs of a layer whose formulas are all shown; of larger ones the first.
_ALL = 6
#: Numbers that a JSON document holds of all layers before the last.
_IN_JSON = 2_000_000
# Columns of a terminal that an answer fills, and of its labels.
_WIDTH, _LABEL = 76, 26


class Extra(NamedTuple):
    """What an answer holds besides the layers."""

    origin: Origin
    #: All tensors by name, as they were used.
    tensors: dict[str, Array]
    findings: tuple[Finding, ...]
    left_out: tuple[str, ...]
    backward: Backward | None
    traces: dict[str, list[Moment]]
    settings: dict[str, object]
    notes: tuple[str, ...]


class ForwardResult(Result):
    """Numbers on their way through a net. Its value is the output, as nested lists."""

    def __init__(
        self,
        read: Reading,
        x: Array,
        items: list[Item],
        output: Array,
        extra: Extra,
        digits: int = DIGITS,
    ) -> None:
        self.read, self.x, self.items, self.extra, self.digits = read, x, items, extra, digits
        self.output = _in_frame(output, x, read)
        self.value: Any = self.output.tolist()
        self.notes = extra.notes
        self._formulas = {
            item.name: _formulas(item, read.batched) for item in items if isinstance(item, Laid)
        }
        wrong = [text for texts in self._formulas.values() for text in texts.wrong]
        self._broken = [Finding("a formula", False, text) for text in wrong]
        findings = (*self._broken, *extra.findings)
        self.failure = " ".join([f.failure for f in findings if f.failure])

    def terse(self) -> str:
        """The output in all its digits, as it can be given back as DATA."""
        return literal(self.output.shape, self.output.ravel())

    def meets(self, expected: str) -> bool:
        """Whether the output is the expected one, each number to the digits written."""
        try:
            found = parse(expected, "--expect") if "[" in expected else None
        except InputError as error:
            raise ClaimError(f"--expect {abridged(expected)}: {error.rule}.") from error
        texts = findall(r"[^\s,\[\]]+", expected)
        sizes = found.sizes if found else (len(texts),)
        if sizes != self.output.shape:
            return False
        return all(
            meets(float(x), text) for x, text in zip(self.output.ravel(), texts, strict=True)
        )

    def blocks(self) -> list[Block]:
        """The input, each layer's numbers and formulas, gradients, findings, the output."""
        x = _examples(self.x, self.read)
        room = _WIDTH - max(map(len, [label for item in self.items for label in _labels(item)]))
        rows = _labelled(["input"], x.shape, self._lines(x, room))
        for item in self.items:
            if isinstance(item, Mark):
                rows += [Row((label, "")) for label in _labels(item)]
            else:
                rows += self._layer(item, room)
        end = [finding.row for finding in (*self._broken, *self.extra.findings)]
        end += [Row(("unverified", text), "aside") for text in self.extra.left_out]
        end.append(Row(("output", self._answer()), "answer"))
        between = [part for part in (self._weights(), self._gradients()) if part]
        if not between:
            return [Block("ll", rows + end)]
        return [Block("ll", part) for part in (rows, *between, end)]

    def _weights(self) -> list[Row]:
        """Where the tensors came from, and those that were drawn, if they are small."""
        rows = [Row(("weights", text), "aside") for text in self.extra.origin.rows()]
        drawn = self.extra.origin.drawn
        for name in drawn if len(drawn) <= NAMED else ():
            array = self._array(f"  {name}", self.extra.tensors[name])
            rows += [row._replace(role="aside") for row in array]
        return rows

    def _array(self, label: str, array: Array) -> list[Row]:
        room = max(_WIDTH - len(label), ROOM // 2)
        return _labelled([label], array.shape, self._lines(array, room))

    def _answer(self) -> str:
        if self.output.size > 64:
            return summary(self.output.shape, self.output.ravel(), self.digits)
        text = literal(self.output.shape, self.output.ravel(), self.digits)
        # Long ones must be able to wrap on a terminal.
        return text if len(text) <= ROOM else text.replace(",", ", ")

    def _lines(self, array: Array, room: int) -> list[str]:
        return lines(array.shape, array.ravel(), self.digits, room)

    def _layer(self, item: Laid, room: int) -> list[Row]:
        output, formulas = _examples(item.output, self.read), self._formulas[item.name]
        own = formulas.texts(self.digits)
        content = [] if formulas.whole and output.ndim == 1 else self._lines(output, room)
        if item.name in self.extra.traces:
            own = texts(self.extra.traces[item.name], self.read.batched, self.digits)
        return _labelled(_labels(item), output.shape, content + own)

    def _gradients(self) -> list[Row]:
        back = self.extra.backward
        if back is None:
            return []
        rows = [Row(("loss", self._loss(back)))]
        of = {"d output": back.cotangent, **{f"d {name}": g for name, g in back.gradients.items()}}
        for label, array in of.items():
            own = label in ("d output", "d input")
            part = _examples(array, self.read) if own else array
            rows += self._array(label, part)
        return rows

    def _loss(self, back: Backward) -> str:
        name = back.loss or "sum(cotangent*output)"
        value = shown(back.value, self.digits)
        text = back.formula.text(self._show) if back.formula is not None else ""
        return f"{name}: {text} = {value}" if text else f"{name} = {value}"

    def _show(self, x: float) -> str:
        return shown(x, self.digits)

    def document(self) -> dict[str, object]:
        """``input``, ``layers`` with all their numbers, ``output``, and what else was asked for."""
        held = sum(item.output.size for item in self.items if isinstance(item, Laid))
        document: dict[str, object] = {
            **self.extra.settings,
            "input": _nested(_examples(self.x, self.read)),
            "output": _nested(self.output),
            "layers": [
                self._document(item, held <= _IN_JSON)
                for item in self.items
                if isinstance(item, Laid)
            ],
            "weights": self.extra.origin.document(),
            "tensors": self._tensors(),
        }
        if self.extra.backward is not None:
            document["backward"] = _backward_document(self.extra.backward, self.read)
        findings = (*self._broken, *self.extra.findings)
        if findings or self.extra.left_out:
            told = [f._replace(document={"found": f.sentence, **f.document}) for f in findings]
            document["verification"] = {
                **documented(told),
                "left_out": list(self.extra.left_out),
            }
        if self.notes:
            document["notes"] = list(self.notes)
        return document

    def _tensors(self) -> dict[str, object]:
        """All tensors by name; those of large nets are left out."""
        tensors = self.extra.tensors
        held = sum(array.size for array in tensors.values())
        return {
            name: _nested(array) if held <= _IN_JSON else None for name, array in tensors.items()
        }

    def _document(self, item: Laid, whole: bool) -> dict[str, object]:
        output = _examples(item.output, self.read)
        formulas = self._formulas[item.name].texts(None)
        document: dict[str, object] = {
            "layer": item.step.node.text,
            "name": item.name,
            "shape": list(output.shape),
            "output": _nested(output) if whole else None,
            "formulas": formulas,
        }
        if not whole:
            document["summary"] = summary(output.shape, output.ravel())
        if item.name in self.extra.traces:
            document["trace"] = documents(self.extra.traces[item.name])
        return document


def _labels(item: Item) -> list[str]:
    """The label of a layer or a bracket, broken behind commas if it is long."""
    text = item.text if isinstance(item, Mark) else item.step.node.text
    indent = "  " * item.depth
    if isinstance(item, Laid) and item.closes:
        text = "]"
    found = [indent]
    for piece in split(r"(?<=,)", text):
        if found[-1].strip() and len(found[-1] + piece) > _LABEL:
            found.append(f"{indent}  ")
        found[-1] += piece
    return found


def _labelled(labels: list[str], sizes: Sequence[object], content: list[str]) -> list[Row]:
    """Lines beside a label, the sizes of an array of several axes below it."""
    names = list(labels)
    if len(sizes) > 1 and not content[0].startswith(f"{_sizes(sizes)}, "):
        indent = " " * (len(labels[0]) - len(labels[0].lstrip()))
        names.append(f"{indent}{_sizes(sizes)}")
    height = max(len(names), len(content))
    names += [""] * (height - len(names))
    content = content + [""] * (height - len(content))
    return [Row((name, text)) for name, text in zip(names, content, strict=True)]


def _backward_document(back: Backward, read: Reading) -> dict[str, object]:
    return {
        "loss": back.loss or None,
        "value": _finite(back.value),
        "cotangent": _nested(_examples(back.cotangent, read)),
        "gradients": {
            name: _nested(_examples(array, read) if name == "input" else array)
            for name, array in back.gradients.items()
        },
    }


class _Formulas(NamedTuple):
    """The formulas of a layer's first outputs, by index; ``whole`` if these are all."""

    outputs: list[tuple[str, Worked, float]]
    whole: bool
    wrong: list[str]

    def texts(self, digits: int | None) -> list[str]:
        """Lines such as ``y[0] = max(-1, 0) = 0``, with what was worked out before it."""

        def show(x: float) -> str:
            return full(x) if digits is None else shown(x, digits)

        found: list[str] = []
        for name, worked, value in self.outputs:
            for part, before in worked.parts:
                found.append(_equation(part, before.text(show), show(before.value)))
            found.append(_equation(name, worked.text(show), show(value)))
        return list(dict.fromkeys(found))


def _equation(name: str, text: str, value: str) -> str:
    return f"{name} = {value}" if text == value else f"{name} = {text} = {value}"


def _formulas(item: Laid, batched: bool) -> _Formulas:
    """The formulas of all outputs if they are few, else of the first."""
    if item.rule is None or not item.affordable or not item.output.size:
        return _Formulas([], False, [])
    count = item.output.size if item.output.size <= _ALL else 1
    found, wrong = [], []
    flat = item.output.ravel()
    for place in range(count):
        worked = item.worked(place)
        if worked is None:
            continue
        name = _index(place, item.output.shape, batched)
        if not worked.agrees(float(flat[place]), TOLERANCE):
            wrong.append(
                f"{item.name}: {name} is {flat[place]:.9g}, but {worked.value:.9g} by its formula"
            )
        if worked.template:
            found.append((name, worked, float(flat[place])))
    return _Formulas(found, len(found) == item.output.size, wrong)


def _index(place: int, sizes: tuple[int, ...], batched: bool) -> str:
    from dlcalc.formulas.layers.table import unraveled

    index = unraveled(place, sizes)
    return f"y[{', '.join(map(str, index if batched else index[1:]))}]"


def _examples(array: Array, read: Reading) -> Array:
    """An array with the axis of its examples, if DATA had one."""
    found: Array = array if read.batched else array[0]
    return found


def _in_frame(output: Array, x: Array, read: Reading) -> Array:
    """The output without the axis that the numbers were given beside their own."""
    found = _examples(output, read)
    if read.added is None or output.ndim != x.ndim:
        return found
    axis = found.ndim - 1 if read.added == -1 else int(read.batched)
    return found.squeeze(axis) if found.shape[axis] == 1 else found


def _sizes(sizes: Sequence[object]) -> str:
    return sizes_text(tuple(sizes))  # type: ignore[arg-type]


def _nested(array: Array) -> object:
    """An array as nested lists; what is not finite as a text, for JSON has no number for it."""
    from numpy import isfinite

    return array.tolist() if isfinite(array).all() else _texts(array.tolist())


def _texts(value: Any) -> Any:
    return [_texts(part) for part in value] if isinstance(value, list) else _finite(value)


def _finite(x: float) -> float | str:
    return x if x - x == 0 else full(x)
