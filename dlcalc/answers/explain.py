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
from itertools import combinations, product
from typing import NamedTuple

from dlcalc.answers.counting import Sums
from dlcalc.answers.figure import Figure, read_figure
from dlcalc.answers.memory import DTYPES, check, size_in_bytes
from dlcalc.answers.network import load, named_convention
from dlcalc.answers.params import ParamsResult, Question, answer, question
from dlcalc.errors import InputError
from dlcalc.layers.base import PARTS
from dlcalc.layers.shape import Layout, Shape
from dlcalc.layers.size import Size, as_json
from dlcalc.nets import zoo
from dlcalc.result import Block, Result, Row

#: No explanation departs further.
MOST = 3
_ANOTHER_INPUT = 2
#: Sides of the images, and numbers of tokens, with which figures are usually quoted.
_SIDES = (224, 227, 256, 299)
_TOKENS = (1, 128, 512, 1024, 2048)
#: Parts that are multiplications and additions, of which FLOPs are twice as many.
_MULTIPLIED = ("attention", "masked")
_CALLED = {"": 0, "MACs": 0, "FLOPs": 1}


class Departure(NamedTuple):
    """What is done otherwise than `dlcalc params` does, and what that weighs."""

    reason: str
    weight: int = 1


class Reading(NamedTuple):
    """A number that the net gives, what it counts, and the departures that lead to it."""

    value: int
    counts: str
    net: str
    input: Shape
    departures: tuple[Departure, ...] = ()

    @property
    def weight(self) -> int:
        """How far it departs."""
        return sum(departure.weight for departure in self.departures)

    def departing(self, *further: Departure) -> Reading:
        """The same with further departures."""
        return self._replace(departures=self.departures + further)

    def document(self) -> dict[str, object]:
        """It as JSON."""
        return {
            "value": self.value,
            "counts": self.counts,
            "net": self.net,
            "input": [as_json(size) for size in self.input.sizes],
            "departures": [departure.reason for departure in self.departures],
        }


class Variant(NamedTuple):
    """The net, or one of its family, on some input."""

    name: str
    result: ParamsResult
    departures: tuple[Departure, ...] = ()


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
    is wrong, the figure is none, or nothing that it may count is a number.

    >>> explain("resnet50", figure="8.18G").value
    8178368512
    """
    read = read_figure(figure)
    check(dtype or "float32", None)
    asked = question(include=include, exclude=exclude)
    convention = named_convention(like)
    found: list[Variant] = []
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
        return [reading for reading in self._readings() if reading.weight <= most]

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

    def _readings(self) -> Iterator[Reading]:
        for variant in self.variants:
            if self.figure.kind in ("", "parameters", "bytes"):
                yield from self._held(variant)
            if self.figure.kind in _CALLED:
                yield from self._computed(variant)

    def _held(self, variant: Variant) -> Iterator[Reading]:
        """Parameters, with and without auxiliary heads and buffers, and their bytes."""
        sums, heads = variant.result.sums, variant.result.auxiliary
        for with_heads, with_buffers in product((False, True), repeat=2):
            departures = variant.departures
            held = sums.plus(heads) if with_heads else sums
            number = held.parameters
            if with_heads:
                departures += (Departure("with the auxiliary heads, at work in training only"),)
            if with_buffers:
                number += held.buffers
                departures += (Departure("buffers counted, which are kept and not trained"),)
            empty = (with_heads and heads == Sums()) or (with_buffers and held.buffers == 0)
            if not isinstance(number, int) or not number or empty:
                continue
            if self.figure.kind == "bytes":
                yield from self._bytes(variant, number, departures)
            else:
                yield _reading(variant, number, "parameters", departures)

    def _bytes(
        self, variant: Variant, number: int, departures: tuple[Departure, ...]
    ) -> Iterator[Reading]:
        seen = {DTYPES[self.dtype]}
        for dtype in dict.fromkeys((self.dtype, *DTYPES)):
            bits = DTYPES[dtype]
            if dtype != self.dtype and bits in seen:
                continue
            seen.add(bits)
            other = () if dtype == self.dtype else (Departure(f"{bits} bits each, as {dtype}"),)
            value = size_in_bytes(number, bits)
            assert isinstance(value, int)
            counts = f"bytes of {number:,} numbers in {dtype}"
            yield _reading(variant, value, counts, departures + other)

    def _computed(self, variant: Variant) -> Iterator[Reading]:
        """MACs and FLOPs, of one pass and of three, with and without each of the parts."""
        result = variant.result
        if result.macs_unknown:
            return
        for with_heads in (False, True):
            if with_heads and result.auxiliary.products == 0:
                continue
            sums = result.sums.plus(result.auxiliary) if with_heads else result.sums
            heads = (Departure("with the auxiliary heads, at work in training only"),)
            for counted, parts in _parts(sums, self.asked.counted):
                macs = sums.macs(counted)
                once = sums.macs([part for part in counted if part not in _MULTIPLIED])
                flops = 2 * macs - (once - sums.products)
                departures = variant.departures + (heads if with_heads else ()) + parts
                yield from self._passes(variant, macs, flops, departures)

    def _passes(
        self, variant: Variant, macs: Size, flops: Size, departures: tuple[Departure, ...]
    ) -> Iterator[Reading]:
        if not isinstance(macs, int) or not isinstance(flops, int) or not macs:
            return
        training = Departure("three forward passes, the usual estimate of a training step")
        for counts, number, times in (
            ("MACs", macs, 1),
            ("FLOPs", flops, 1),
            ("MACs", macs, 3),
            ("FLOPs", flops, 3),
        ):
            found = departures + ((training,) if times == 3 else ()) + self._called(counts)
            yield _reading(variant, times * number, counts, found)

    def _called(self, counts: str) -> tuple[Departure, ...]:
        """The departure of what is counted from what the figure says it counts."""
        kind = self.figure.kind
        if counts == (kind or "MACs"):
            return ()
        twice = "FLOPs, a multiplication and an addition each, two for a MAC"
        if not kind:
            return (Departure(twice),)
        once = "MACs, one multiply and one add each"
        return (Departure(f"{twice if counts == 'FLOPs' else once}, though called {kind}"),)

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """What could not be tried."""
        base = self.variants[0].result
        if self.figure.kind not in _CALLED or isinstance(base.macs, int):
            return []
        if base.macs_unknown:
            return [f"MACs are not tried: {base.macs_unknown}"]
        return [f"MACs are not tried: they are {base.macs} here, no number"]

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


def _parts(
    sums: Sums, counted: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[Departure, ...]]]:
    """Every way to count parts otherwise: what is counted then, and the departures."""
    switches: list[tuple[Departure, frozenset[str]]] = []
    for part in PARTS:
        if sums.parts.get(part, 0) == 0:
            continue
        also = {"masked"} & set(counted) if part == "attention" and part in counted else set()
        word = "not counted" if part in counted else "counted"
        departure = Departure(f"{part} {word}: {PARTS[part]}")
        switches.append((departure, frozenset({part, *also})))
    for number in range(MOST + 1):
        for chosen in combinations(switches, number):
            switched = [part for _, parts in chosen for part in parts]
            if len(set(switched)) == len(switched):
                kept = [part for part in PARTS if (part in counted) != (part in switched)]
                yield tuple(kept), tuple(departure for departure, _ in chosen)


def _reading(
    variant: Variant, value: int, counts: str, departures: tuple[Departure, ...]
) -> Reading:
    return Reading(value, counts, variant.name, variant.result.start, departures)


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
