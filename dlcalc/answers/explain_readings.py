"""Every number that a net gives, under each convention by which figures are quoted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

from dlcalc.answers.counting import Sums
from dlcalc.answers.memory import DTYPES, size_in_bytes
from dlcalc.answers.params import ParamsResult
from dlcalc.layers.base import PARTS
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, as_json

#: No explanation departs further.
MOST = 3
#: Parts that are multiplications and additions, of which FLOPs are twice as many.
_MULTIPLIED = ("attention", "masked")
#: Kinds that are computed rather than held; where none is said both are tried.
CALLED = ("", "MACs", "FLOPs")


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


class Readings(NamedTuple):
    """What a figure of some kind may count: ``counted`` parts, and bytes in ``dtype``, depart not.

    ``kind`` is MACs, FLOPs, parameters, bytes, or empty for all but bytes.
    """

    kind: str
    counted: tuple[str, ...]
    dtype: str

    def of(self, variant: Variant) -> Iterator[Reading]:
        """All of them."""
        if self.kind in ("", "parameters", "bytes"):
            yield from self._held(variant)
        if self.kind in CALLED:
            yield from self._computed(variant)

    def _held(self, variant: Variant) -> Iterator[Reading]:
        """Parameters, with and without auxiliary heads and buffers, and their bytes."""
        sums, heads = variant.result.sums, variant.result.auxiliary
        for with_heads, with_buffers, at_work in product((False, True), repeat=3):
            departures = variant.departures
            held = sums.plus(heads) if with_heads else sums
            number = held.parameters
            if with_heads:
                departures += (Departure("the auxiliary heads too, at work in training only"),)
            if with_buffers:
                number += held.buffers
                departures += (Departure("buffers counted, which are kept and not trained"),)
            if at_work:
                number -= held.idle
                departures += (Departure("only the experts that one token meets"),)
            empty = (
                (with_heads and heads.parameters == 0)
                or (with_buffers and held.buffers == 0)
                or (at_work and held.idle == 0)
            )
            if not isinstance(number, int) or not number or empty:
                continue
            if self.kind == "bytes":
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
            heads = (Departure("the auxiliary heads too, at work in training only"),)
            for counted, parts in _parts(sums, self.counted):
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
        kind = self.kind
        if counts == (kind or "MACs"):
            return ()
        twice = "FLOPs, a multiplication and an addition each, two for a MAC"
        if not kind:
            return (Departure(twice),)
        once = "MACs, one multiply and one add each"
        return (Departure(f"{twice if counts == 'FLOPs' else once}, though called {kind}"),)


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
