"""``dlcalc shape --box``: the inputs behind one output, clipped at the borders."""

from __future__ import annotations

import re

from dlcalc.answers.network import load, named_convention
from dlcalc.answers.shape import traced
from dlcalc.errors import InputError, LayerError, abridged
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import MAX_AXES, Layout, Shape, sizes_text
from dlcalc.nets.box import Region, region
from dlcalc.nets.field import follow, start
from dlcalc.nets.trace import Step
from dlcalc.result import Block, Result, Row


def box(
    *words: str,
    position: str,
    layout: Layout = "chw",
    file: str | None = None,
    like: str = "torch",
) -> BoxResult:
    """The inputs that the output at a position reads; positions count from 0.

    ``words``, ``layout``, ``file`` and ``like`` are as for `dlcalc.shape`. Raises
    `InputError` for a position outside the output, and where positions cannot be followed.

    >>> box("1x9x9 conv:1,k3,p1 maxpool:2", position="0x3").value
    '0..2 x 5..8'
    """
    shape, net = load(words, layout=layout, file=file)
    convention = named_convention(like)
    steps = traced(shape, net, convention=convention)
    return BoxResult(shape, steps, _position(position, steps[-1].output), convention)


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
        self.region = self._region(position)
        if len(self.region) != len(shape.spatial):
            raise InputError("the sides of the output are not those of the input")
        self.value: str = " x ".join(map(_span, self.region))

    def _region(self, position: tuple[int, ...]) -> Region:
        try:
            return region(self.steps, position, self.convention)
        except LayerError as error:
            raise InputError(f"--box: {error.rule}", mend=error.mend) from error

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
        return len(self._region(moved)[axis] & self.region[axis])

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
        rows += [Row(("branches", text, ""), "aside") for text in self.misaligned]
        return [Block("lll", rows), Block("ll", [Row(("box", self.value), "answer")])]

    def document(self) -> dict[str, object]:
        """``position``, ``sides`` and ``misaligned``, as `dlcalc shape --box --json` prints."""
        return {
            "like": self.convention.name,
            "input": list(self.shape.sizes),
            "output": list(self.steps[-1].output.sizes),
            "position": list(self.position),
            "sides": [
                {
                    "first": min(places, default=None),
                    "last": max(places, default=None),
                    "read": len(places),
                    "shared_with_next": self._shared(axis),
                }
                for axis, places in enumerate(self.region)
            ],
            "misaligned": self.misaligned,
        }


def _span(places: frozenset[int]) -> str:
    return f"{min(places)}..{max(places)}" if places else "nothing"
