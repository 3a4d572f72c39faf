"""What stands around a field of characters: axes, their numbers, names."""

from __future__ import annotations

from collections.abc import Iterable

from dlcalc.charts.canvas import Canvas
from dlcalc.charts.scale import Scale
from dlcalc.errors import display_width, wrapped

#: Below this there is no room for axes and a field.
LEAST_WIDTH, LEAST_HEIGHT = 24, 4


def framed(canvas: Canvas, x: Scale, y: Scale, margin: int, *, ascii: bool) -> list[str]:
    """The field with its axes; ``margin`` columns hold the numbers of y."""
    side, tick, corner, floor, mark = "|++-+" if ascii else "│┤└─┬"
    labels = {canvas.character((0, y.place(t.value)))[1]: t.label for t in y.ticks}
    lines = []
    for row, line in enumerate(canvas.lines()):
        label = labels.get(row, "")
        lines.append(f"{label:>{margin}} {tick if label else side}{line}".rstrip())
    below = [floor] * canvas.columns
    numbers = ""
    room = margin + 2 + canvas.columns
    for each in x.ticks:
        column = canvas.character((x.place(each.value), 0))[0]
        start = margin + 2 + column - len(each.label) // 2
        start = max(0, min(start, room - len(each.label)))
        if numbers and start < len(numbers) + 2:
            continue
        below[column] = mark
        numbers += " " * (start - len(numbers)) + each.label
    return [*lines, " " * (margin + 1) + corner + "".join(below), numbers]


def side_by_side(parts: Iterable[str], width: int) -> list[str]:
    """Short texts in lines of at most that width.

    >>> side_by_side(["loss", "", "** training", "o held out"], 20)
    ['loss   ** training', 'o held out']
    """
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and display_width(lines[-1]) + 3 + display_width(part) <= width:
            lines[-1] += "   " + part
        else:
            lines += wrapped(part, width)
    return lines


def centred(text: str, begin: int, width: int) -> str:
    """A text in the middle of what is behind a margin, cut if it is too long."""
    room = width - begin
    while display_width(text) > room:
        text = text[:-1]
    return " " * (begin + (room - display_width(text)) // 2) + text
