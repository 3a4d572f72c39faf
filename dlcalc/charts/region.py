"""Which class a plane's points are taken for, and the examples on it, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dlcalc.charts.canvas import Canvas
from dlcalc.charts.frame import LEAST_HEIGHT, LEAST_WIDTH, centred, framed, side_by_side
from dlcalc.charts.scale import Scale, scale
from dlcalc.errors import wrapped

#: An example shows its class by one of these, and a class's region one of those.
MARKS = "0123456789abcdefghijklmnopqrstuvwxyz"
FILLS, ASCII_FILLS = " ░·:'~-", " .:'~-,"


class Example(NamedTuple):
    """A point and the class it belongs to, counted from 0."""

    x: float
    y: float
    cls: int


class Plane(NamedTuple):
    """The class at each point of a grid: rows from the top, each from left to right.

    ``x`` and ``y`` are the grid's ends, the lower one first. Its outermost points stand on them.
    """

    classes: Sequence[Sequence[int]]
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, right: float, up: float) -> int:
        """The class at the grid's point nearest to a place in parts of its width and height.

        >>> Plane([[0, 1], [2, 3]], (0, 1), (0, 1)).at(0.9, 0.1)
        3
        """
        row = self.classes[round((1 - up) * (len(self.classes) - 1))]
        return row[round(right * (len(row) - 1))]


class Ground(NamedTuple):
    """The axes of a plane, the examples that can be drawn on it, and how many cannot."""

    x: Scale
    y: Scale
    examples: list[Example]
    left_out: int

    @property
    def remark(self) -> str:
        """What was left out, as a sentence; empty if nothing was."""
        if not self.left_out:
            return ""
        count = self.left_out + len(self.examples)
        return f"Left out: {self.left_out:,} of {count:,} examples, outside of the plane."


def ground(plane: Plane, examples: Sequence[Example], most: tuple[int, int] = (6, 5)) -> Ground:
    """The axes with about so many ticks, and the examples on them."""
    x = scale(plane.x, most=most[0], exact=True)
    y = scale(plane.y, most=most[1], exact=True)
    inside = [each for each in examples if x.holds(each.x) and y.holds(each.y)]
    return Ground(x, y, inside, len(examples) - len(inside))


def mark(cls: int) -> str:
    """The character of a class."""
    return MARKS[cls % len(MARKS)]


def named(names: Sequence[str]) -> list[str]:
    """Marks with the names of their classes, where the names say more.

    >>> named(["0", "1"]), named(["pear", "plum"])
    ([], ['0 pear', '1 plum'])
    """
    plain = all(name == mark(cls) for cls, name in enumerate(names))
    return [] if plain else [f"{mark(cls)} {name}" for cls, name in enumerate(names)]


def regions(
    plane: Plane,
    examples: Sequence[Example] = (),
    names: Sequence[str] = (),
    *,
    width: int = 72,
    height: int = 20,
    x_label: str = "",
    y_label: str = "",
    ascii: bool = False,
) -> list[str]:
    r"""The regions of a plane by light characters, examples by the marks of their classes.

    Of examples in one place the first is shown.

    >>> halves = Plane([[0, 1]], (0, 1), (0, 1))
    >>> print("\n".join(regions(halves, [Example(0.2, 0.5, 0)], width=24, height=4)))
    1.0 ┤          ░░░░░░░░░
        │          ░░░░░░░░░
    0.5 ┤   0      ░░░░░░░░░
    0.0 ┤          ░░░░░░░░░
        └┬────────┬────────┬
        0.0      0.5     1.0
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return []
    on = ground(plane, examples, (max(3, width // 12), max(2, height // 3)))
    margin = max((len(tick.label) for tick in on.y.ticks), default=0)
    canvas = Canvas(width - margin - 2, height, ascii=ascii)
    fills = ASCII_FILLS if ascii else FILLS
    for row in range(canvas.rows):
        for column in range(canvas.columns):
            place = (column / (canvas.columns - 1), 1 - row / (canvas.rows - 1))
            canvas.marks([place], fills[plane.at(*place) % len(fills)])
    for each in reversed(on.examples):
        canvas.marks([(on.x.place(each.x), on.y.place(each.y))], mark(each.cls))
    return [
        *side_by_side([y_label, *named(names)], width),
        *framed(canvas, on.x, on.y, margin, ascii=ascii),
        *([centred(x_label, margin + 2, width)] if x_label else []),
        *(wrapped(on.remark, width) if on.remark else []),
    ]
