"""``dlcalc params --explain``: under which conventions a net gives a figure that is quoted.

A figure is met where the number, rounded as the figure is, would be written so. Each
convention that departs from those of ``dlcalc params`` counts as one, another input size as
two; the explanations with the fewest departures are given, all of them. A figure of n
written digits bears n departures, at most `MOST`: with more, anything is met by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from dlcalc.answers.explain_readings import (
    CALLED,
    MOST,
    Departure,
    Reading,
    Readings,
    Variant,
)
from dlcalc.answers.figure import Figure, read_figure
from dlcalc.answers.memory import check
from dlcalc.answers.network import load, load_model, named_convention
from dlcalc.answers.params import ParamsResult, Question, answer, question
from dlcalc.errors import InputError, abridged
from dlcalc.interop.graph import TOKENS, Graph
from dlcalc.layers.shape import Layout, Shape
from dlcalc.layers.size import Size
from dlcalc.nets import zoo
from dlcalc.result import Block, Result, Row

if TYPE_CHECKING:
    from dlcalc.interop.safetensors import Checkpoint

_ANOTHER_INPUT = 2
#: Sides of the images, and numbers of tokens, with which figures are usually quoted.
_SIDES = (224, 227, 256, 299)
_TOKENS = (1, 128, 512, 1024, 2048)


def explain(
    *words: str,
    figure: str,
    layout: Layout = "chw",
    file: str | None = None,
    like: str | None = None,
    dtype: str | None = None,
    include: str = "",
    exclude: str = "",
) -> ExplainResult:
    """Under which conventions a net gives a quoted figure, such as 4.1G or 25.6M params.

    ``words``, ``layout``, ``file``, ``like``, ``include`` and ``exclude`` are those of
    `params`; ``dtype`` is that of figures in bytes. Raises `InputError` where the net
    is wrong, the figure is none, a model file leaves shapes open, or nothing that the
    figure may count is a number.

    >>> explain("resnet50", figure="8.18G").value
    8178368512
    """
    read = read_figure(figure)
    check(dtype or "float32", None)
    asked = question(include=include, exclude=exclude)
    model = load_model(words, file, like)
    if model is not None:
        kept = dtype or model.dtype or "float32"
        return ExplainResult(read, _of_file(model, words, file, asked), asked, kept)
    found: list[Variant] = []
    convention = named_convention(like)
    given = " ".join(words).split()[:-1]
    built_in = "" if file else _name(words)
    for name in (built_in, *_family(built_in)):
        departures = (Departure(f"{name}: {_summary(name)}"),) if found else ()
        try:
            asked_words = (*given, name) if found else words
            start, net = load(asked_words, layout=layout, file=file)
            own = answer(start, net, asked, convention)
        except InputError:
            if found:
                # Another of the family may not take the INPUT that is given.
                continue
            raise
        found.append(Variant(name or "the net", own, departures))
        for shape, reason in _inputs(start, bool(name)):
            # Another size may be more than there are positions, or fit no dense layer.
            with suppress(InputError):
                other = answer(shape, net, asked, convention)
                found.append(Variant(name or "the net", other, (*departures, reason)))
    return ExplainResult(read, tuple(found), asked, dtype or "float32")


def _of_file(
    model: Graph | Checkpoint, words: tuple[str, ...], file: str | None, asked: Question
) -> tuple[Variant, ...]:
    """A model file as it stands, and a configuration that leaves its context open in others."""
    from dlcalc.answers.model import model_params

    def told(model: Graph | Checkpoint) -> ParamsResult:
        found = model_params(model, asked, None)
        if not isinstance(found, ParamsResult):
            raise InputError(
                f"{model.source} does not tell the layers on which its figures hang",
                mend="dlcalc params counts its parameters; --expect asks for their number.",
            )
        return found

    own = told(model)
    found = [Variant("the model", own)]
    # Standard input is read once.
    tokens = isinstance(model, Graph) and model.inputs[0].kind == TOKENS
    if tokens and "-" not in (file, *words):
        path = file or " ".join(words).split()[-1]
        for shape, reason in _inputs(own.start, True):
            with suppress(InputError):
                other = load_model((str(shape), path), None, None)
                assert other is not None
                found.append(Variant("the model", told(other), (reason,)))
    return tuple(found)


def _name(words: tuple[str, ...]) -> str:
    """The proper name of the built-in net that is asked about; empty if it is another net."""
    single = " ".join(words).split()
    named = [zoo.find(word) for word in single]
    return (named[-1] or "") if single and len(single) <= 2 and not any(named[:-1]) else ""


def _family(name: str) -> list[str]:
    """The other built-in nets of the same name but for what is behind a hyphen."""
    names, stem = zoo.names(), _stem(name)
    return [other for other in names if stem in names and _stem(other) == stem and other != name]


def _summary(name: str) -> str:
    """What a built-in net is, without who published it."""
    return re.sub(r" \([^()]* [0-9]{4}\)$", "", zoo.summary(name))


def _stem(name: str) -> str:
    return name.replace("_", "-").partition("-")[0]


class ExplainResult(Result):
    """The explanations of a figure. Its value is the exact number, of several the first."""

    tabled = "explanations"

    def __init__(
        self, figure: Figure, variants: tuple[Variant, ...], asked: Question, dtype: str
    ) -> None:
        self.figure = figure
        self.variants = variants
        self.asked = asked
        self.dtype = dtype
        if not self._all:
            raise InputError(
                f"{figure.text}: nothing that it may count is a number here",
                mend="Give every size of INPUT as a number, and a net that has parameters.",
            )
        self.value: object = self.explanations[0].value if self.explanations else "nothing"

    @cached_property
    def _all(self) -> list[Reading]:
        """Every reading within the departures that the figure bears."""
        most = min(self.figure.digits, MOST)
        readings = Readings(self.figure.kind, self.asked.counted, self.dtype)
        found = [reading for variant in self.variants for reading in readings.of(variant)]
        return [reading for reading in found if reading.weight <= most]

    @cached_property
    def explanations(self) -> list[Reading]:
        """The readings that meet the figure with the fewest departures."""
        most = min(self.figure.digits, MOST)
        met: dict[Reading, None] = {}
        for figure, departures in self._figures():
            for reading in self._all:
                if figure.meets(reading.value):
                    met[reading.departing(*departures)] = None
        least = min((reading.weight for reading in met), default=0)
        if least > most:
            return []
        return [reading for reading in met if reading.weight == least]

    def _figures(self) -> Iterator[tuple[Figure, tuple[Departure, ...]]]:
        """The figure, and what it may have been meant as."""
        figure = self.figure
        yield figure, ()
        if figure.rounded is not None:
            reason = f"the last 0 of {figure.text} is rounded, no digit of its own"
            yield figure.rounded, (Departure(reason),)
        if figure.binary is not None:
            reason = "powers of 1024 for those of 1000: MiB called MB"
            yield figure.binary, (Departure(reason),)

    @cached_property
    def nearest(self) -> Reading:
        """The reading nearest to the figure, of equal ones that with the fewest departures."""
        wanted = self.figure.value
        return min(self._all, key=lambda found: (abs(found.value - wanted), found.weight))

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """What could not be tried."""
        base = self.variants[0].result
        if self.figure.kind not in CALLED or isinstance(base.macs, int):
            return []
        if base.macs_unknown:
            return [f"MACs are not tried: {base.macs_unknown}"]
        return [f"MACs are not tried: they are {abridged(str(base.macs))} here, no number"]

    @property
    def failure(self) -> str:  # type: ignore[override]
        """That nothing gives the figure, with the nearest miss; empty if something does."""
        if self.explanations:
            return ""
        found = self.nearest
        return (
            f"nothing tried gives {self.figure.text}; the nearest is {found.value:,}, "
            f"{found.counts} of {found.net}{_off(found.value, self.figure)}."
        )

    def terse(self) -> str:
        """The exact numbers, a line each; or nothing."""
        found = dict.fromkeys(str(reading.value) for reading in self.explanations)
        return "\n".join(found) or "nothing"

    def blocks(self) -> list[Block]:
        """The figure with its room, then each explanation, what departs in it before its number."""
        figure = self.figure
        low, high = figure.value - figure.half, figure.value + figure.half
        room = f"from {_shown(low)} to {_shown(high)}" if figure.half else "exactly"
        rows = [Row(("figure", figure.text, room), "aside")]
        for reading in self.explanations:
            rows += _rows(reading, "gives", "answer")
        if not self.explanations:
            rows += _rows(self.nearest, "nearest", "wrong", _off(self.nearest.value, figure))
        return [Block("lrl", rows)]

    def document(self) -> dict[str, object]:
        """The figure, its room, and the explanations, as `--json` prints them."""
        figure = self.figure
        document: dict[str, object] = {
            "figure": figure.text,
            "least": _number(figure.value - figure.half),
            "most": _number(figure.value + figure.half),
            "explanations": [reading.document() for reading in self.explanations],
        }
        if not self.explanations:
            document["nearest"] = self.nearest.document()
        if notes := self.notes:
            document["notes"] = notes
        return document


def _inputs(start: Shape, built_in: bool) -> Iterator[tuple[Shape, Departure]]:
    """The other sizes with which figures are usually quoted."""
    sizes = start.sizes
    others: list[tuple[Size, ...]] = []
    if len(sizes) == 3 and start.spatial[0] in _SIDES:
        others = [(side, side) for side in _SIDES if (side, side) != start.spatial]
    elif len(sizes) == 1 and built_in and sizes[0] in _TOKENS:
        others = [(count,) for count in _TOKENS if count != sizes[0]]
    for sides in others:
        shape = start.with_sides(sides) if len(sizes) == 3 else start.with_sizes(sides)
        what = "token" if sides == (1,) else "tokens"
        shown = f"input {shape}" if len(sizes) == 3 else f"{shape} {what}"
        yield shape, Departure(f"{shown} in place of {start}", _ANOTHER_INPUT)


def _rows(reading: Reading, word: str, role: str, off: str = "") -> list[Row]:
    """What departs, then the number."""
    told = f"{reading.counts} of {reading.net}"
    if not reading.departures:
        told += ", as dlcalc params counts"
    told += off
    rows = [Row(("with", "", departure.reason)) for departure in reading.departures]
    return [*rows, Row((word, f"{reading.value:,}", told), role)]


def _off(value: int, figure: Figure) -> str:
    """How far a number is from the figure, in words."""
    share = abs(value - figure.value) / figure.value
    return f", {float(100 * share):.2g} % {'above' if value > figure.value else 'below'}"


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _shown(value: Fraction) -> str:
    return f"{_number(value):,}"
