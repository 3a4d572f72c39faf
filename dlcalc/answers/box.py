"""``dlcalc shape --box``: the inputs behind one output, clipped at the borders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from dlcalc.answers.network import load, named_convention
from dlcalc.answers.shape import traced
from dlcalc.errors import InputError, LayerError, abridged
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import MAX_AXES, Layout, Shape, sizes_text
from dlcalc.nets.box import Branch, Region, apart, around, boxes, counted, region
from dlcalc.nets.field import follow, start
from dlcalc.nets.parser import Net
from dlcalc.nets.phase import Phases, phases
from dlcalc.nets.trace import Step
from dlcalc.result import Block, Result, Row

if TYPE_CHECKING:
    from dlcalc.answers.verify import Verification

# Branches and phases that a table shows; JSON has them all.
_SHOWN = 16


def box(
    *words: str,
    position: str,
    layout: Layout = "chw",
    file: str | None = None,
    like: str = "torch",
    verify: bool = False,
    verify_budget: str = "",
) -> BoxResult:
    """The inputs that the output at a position reads; positions count from 0.

    ``words``, ``layout``, ``file`` and ``like`` are as for `dlcalc.shape`; ``verify``
    sets inputs to NaN in the engine and sees which turn the output NaN. Raises
    `InputError` for a position outside the output, and where positions cannot be followed.

    >>> box("1x9x9 conv:1,k3,p1 maxpool:2", position="0x3").value
    '0..2 x 5..8'
    """
    shape, net = load(words, layout=layout, file=file)
    convention = named_convention(like)
    steps = traced(shape, net, convention=convention)
    result = BoxResult(shape, steps, _position(position, steps[-1].output), convention)
    if verify:
        result.verify(net, verify_budget)
    return result


def _position(text: str, output: Shape) -> tuple[int, ...]:
    """The position that a text names, one number for each side of the output."""
    sides = output.spatial
    if not sides or (len(output.sizes) == 1 and not output.bare):
        raise InputError(f"--box needs an output with sides, but it is {output}")
    if output.symbolic:
        raise InputError("--box needs known sizes", mend="Give numbers for the letters of INPUT.")
    parts = text.split("x", MAX_AXES)
    if len(parts) != len(sides) or not all(re.fullmatch("[0-9]{1,13}", part) for part in parts):
        raise InputError(
            f"--box {abridged(text)}: this is not a position in {sizes_text(sides)}",
            mend=f"Give {len(sides)} numbers joined by x, counted from 0.",
        )
    place = tuple(map(int, parts))
    if any(isinstance(n, int) and i >= n for i, n in zip(place, sides, strict=True)):
        last = sizes_text(tuple(n - 1 for n in sides))
        raise InputError(
            f"--box {text} is outside the output, whose sides are {sizes_text(sides)}",
            mend=f"Positions count from 0: the last is {last}.",
        )
    return place


class BoxResult(Result):
    """The box behind one output. Its value is the first and last input along each side."""

    def __init__(
        self,
        shape: Shape,
        steps: tuple[Step, ...],
        position: tuple[int, ...],
        convention: Convention,
    ) -> None:
        self.shape = shape
        self.steps = steps
        self.position = position
        self.convention = convention
        self.verification: Verification | None = None
        try:
            self.boxes = boxes(steps, position, convention)
        except LayerError as error:
            raise InputError(f"--box: {error.rule}", mend=error.mend) from error
        self.region = around(self.boxes)
        if len(self.region) != len(shape.spatial):
            raise InputError("the sides of the output are not those of the input")
        self.value: str = _box(self.region)

    @property
    def failure(self) -> str:  # type: ignore[override]
        """How the engine disagreed; empty if it did not, or was not asked."""
        return self.verification.failure if self.verification else ""

    def verify(self, net: Net, budget: str = "") -> None:
        """Set inputs to NaN in the engine, and see which of them turn the output NaN."""
        from dlcalc.answers.box_proof import prove

        self.verification = prove(
            self.shape, net, self.convention, self.position, self.boxes, budget
        )

    @property
    def branches(self) -> list[list[Branch]]:
        """What each branch reads, wherever branches read different inputs."""
        return apart(self.steps, self.position, self.convention)

    @property
    def phases(self) -> list[Phases | None]:
        """For each side what outputs read by turns; None where all read alike."""
        sides = range(len(self.region))
        return [phases(self.steps, axis, self.convention) for axis in sides]

    @property
    def misaligned(self) -> list[str]:
        """Where branches look at different places, in the words of the layer that joins them."""
        seen = follow(self.steps, start(self.shape), self.convention)
        return [
            f"{item.step.node.head}: {item.field.misaligned}"
            for item in seen
            if item.branches and item.field.misaligned
        ]

    def _shared(self, axis: int) -> int | None:
        """How many positions the next output along a side reads too; None for the last."""
        side = self.steps[-1].output.spatial[axis]
        place = self.position[axis] + 1
        if not isinstance(side, int) or place >= side:
            return None
        moved = (*self.position[:axis], place, *self.position[axis + 1 :])
        return len(region(self.steps, moved, self.convention)[axis] & self.region[axis])

    def blocks(self) -> list[Block]:
        """A row for each side: the inputs, their centre, what the next output shares."""
        rows = [Row(("output", "x".join(map(str, self.position)), "counted from 0"))]
        for axis, places in enumerate(self.region):
            shared = self._shared(axis)
            told = [] if shared is None else [f"the next output reads {shared:,} of them"]
            if places:
                middle = (min(places) + max(places)) / 2
                told.insert(0, f"{len(places):,} of {self.shape.spatial[axis]}, centre {middle:g}")
            rows.append(Row((f"side {axis + 1}", _span(places), "; ".join(told))))
        rows += self._holes()
        rows += self._phase_rows()
        rows += self._branch_rows()
        rows += [Row(("branches", text, ""), "aside") for text in self.misaligned]
        last = [] if self.verification is None else self.verification.rows()
        return [Block("lll", rows), Block("ll", [*last, Row(("box", self.value), "answer")])]

    def _holes(self) -> Iterator[Row]:
        """That the box is not read in full, where it is not."""
        read, whole = counted(self.boxes), _volume(self.region)
        if read is not None and read < whole:
            yield Row(("read", f"{read:,} of {whole:,}", "of the inputs in the box"))

    def _phase_rows(self) -> Iterator[Row]:
        """What outputs read by turns; once for all sides where they are alike."""
        found = self.phases
        alike = len(set(found)) == 1
        for axis, own in enumerate(found[:1] if alike else found):
            if own is None:
                continue
            side = "" if alike else f"side {axis + 1}, "
            for phase, places in list(enumerate(own.reads))[:_SHOWN]:
                yield Row((f"{side}phase {phase}", *_phase_text(own, phase, places)))
            if own.period > _SHOWN:
                more = f"and {own.period - _SHOWN:,} more; --json has them"
                yield Row(("", more, ""), "aside")

    def _branch_rows(self) -> Iterator[Row]:
        rows = [
            Row((f"{own.step.node.head}[{own.place + 1}]", _box(own.region), _short(own.text)))
            for merge in self.branches
            for own in merge
        ]
        yield from rows[:_SHOWN]
        if len(rows) > _SHOWN:
            yield Row(("", f"and {len(rows) - _SHOWN:,} more; --json has them", ""), "aside")

    def document(self) -> dict[str, object]:
        """``position``, ``sides`` and ``branches``, as `dlcalc shape --box --json` prints."""
        document: dict[str, object] = {
            "like": self.convention.name,
            "input": list(self.shape.sizes),
            "output": list(self.steps[-1].output.sizes),
            "position": list(self.position),
            "sides": [
                {
                    **_span_json(places),
                    "shared_with_next": self._shared(axis),
                    "phases": _phases_json(own),
                }
                for axis, (places, own) in enumerate(zip(self.region, self.phases, strict=True))
            ],
            "read": counted(self.boxes),
            "branches": [
                {
                    "layer": own.step.node.head,
                    "branch": own.place + 1,
                    "text": own.text,
                    "sides": [_span_json(places) for places in own.region],
                }
                for merge in self.branches
                for own in merge
            ],
            "misaligned": self.misaligned,
        }
        if self.verification is not None:
            document["verification"] = self.verification.document()
        return document


def _phases_json(found: Phases | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "period": found.period,
        "shift": found.shift,
        "reads": [
            {
                "offset": min(places, default=None),
                "extent": max(places) - min(places) + 1 if places else 0,
                "read": len(places),
            }
            for places in found.reads
        ],
    }


def _phase_text(found: Phases, phase: int, places: tuple[int, ...]) -> tuple[str, str]:
    """The extent and offset of a phase, and the inputs of its outputs in q."""
    output = f"output {_multiple(found.period, phase)}"
    if not places:
        return "extent 0", f"{output} reads nothing"
    first, last = min(places), max(places)
    extent = last - first + 1
    reads = _multiple(found.shift, first)
    if extent > 1:
        reads += f" to {_multiple(found.shift, last)}"
    only = f", {len(places):,} of them" if len(places) < extent else ""
    return f"extent {extent:,}, offset {first:,}", f"{output} reads {reads}{only}"


def _multiple(factor: int, more: int) -> str:
    """``2q + 1``, without a factor of 1 and without adding 0."""
    text = "q" if factor == 1 else f"{factor}q"
    return text + (f" {'+' if more > 0 else '-'} {abs(more)}" if more else "")


def _short(text: str) -> str:
    """A branch by its first layers; the skip has none."""
    if len(text) <= 32:
        return text or "skip"
    return f"{text[:32].rpartition(' ')[0] or text[:32]} .."


def _volume(found: Region) -> int:
    return prod(map(len, found))


def _box(found: Region) -> str:
    return " x ".join(map(_span, found))


def _span_json(places: frozenset[int]) -> dict[str, object]:
    return {
        "first": min(places, default=None),
        "last": max(places, default=None),
        "read": len(places),
    }


def _span(places: frozenset[int]) -> str:
    return f"{min(places)}..{max(places)}" if places else "nothing"
