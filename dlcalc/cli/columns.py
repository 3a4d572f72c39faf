"""How wide the columns of a table are on a terminal, and where their cells go on in the next line.

Words stay whole. Where a terminal is too narrow for them, a layer goes on behind a
comma of its arguments; then the last column, which remarks on a row, goes below it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dlcalc.errors import display_width
from dlcalc.result import Block, Row

#: Columns between the columns.
GAP = 2


class Columns(NamedTuple):
    """The widths of the columns; with ``below`` the block's last one is not among them."""

    widths: list[int]
    below: bool = False

    def cells(self, row: Row) -> list[str]:
        """The cells of a row that stand beside one another, broken to their widths."""
        return [broken(cell, width) for cell, width in zip(row.cells, self.widths, strict=False)]

    def remark(self, row: Row) -> str:
        """What goes below a row; empty if nothing does."""
        found = row.cells[len(self.widths) :] if self.below else ()
        return found[0].strip() if found else ""


def fitted(block: Block, room: int) -> Columns | None:
    """The columns of a block on a terminal of that width.

    None if even below one another they would break a word, and for a lone column, which
    is a text of its own: the terminal wraps it, and it can be copied whole.
    """
    for below in (False, True):
        rest = block
        if below:
            if len(block.columns) < 4 or block.columns[-1] != "l":
                continue
            head = [Row(row.cells[: len(block.columns) - 1], row.role) for row in block.rows]
            rest = Block(block.columns[:-1], head)
        for breaking in (False, True):
            widths = _widths(rest, room, breaking)
            if widths is not None:
                return Columns(widths, below)
    return None


def _widths(block: Block, room: int, breaking: bool) -> list[int] | None:
    """The widths within which no word is broken; with ``breaking`` arguments may be parted."""
    columns = range(len(block.columns))
    if len(columns) == 1:
        return None
    cells = [[row.cells[c] for row in block.rows if c < len(row.cells)] for c in columns]
    widths = [max(map(display_width, column), default=0) for column in cells]
    least = [
        max((_longest_word(broken(cell, 0) if breaking else cell) for cell in column), default=0)
        for column in cells
    ]
    while sum(widths) + GAP * len(widths) > room:
        widest = max(columns, key=lambda c: widths[c] - least[c])
        if widths[widest] == least[widest]:
            return None
        widths[widest] -= 1
    return widths


def broken(label: str, width: int) -> str:
    """A label broken behind commas into lines of that width, later ones a little further in."""
    if display_width(label) <= width or "," not in label:
        return label
    further = " " * (len(label) - len(label.lstrip()) + 2)
    lines = [""]
    for piece in re.split("(?<=,)(?=[a-z])", label):
        if lines[-1].strip() and display_width(lines[-1] + piece) > width:
            lines.append(further)
        lines[-1] += piece
    return "\n".join(lines)


def _longest_word(cell: str) -> int:
    """The width that no word of a cell exceeds, the first with its indentation."""
    return max(map(_longest_of_line, cell.splitlines() or [""]))


def _longest_of_line(line: str) -> int:
    indent = len(line) - len(line.lstrip())
    words = line.split() or [""]
    return max(indent + display_width(words[0]), *map(display_width, words))
