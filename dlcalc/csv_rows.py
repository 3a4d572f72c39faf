"""A CSV file as rows of cells, bounded, and its columns by name or by number.

What is in doubt is refused by its line: a row of another length, a column that
does not exist.
"""

from __future__ import annotations

import csv
import re
from io import StringIO

from dlcalc.errors import InputError, abridged, nearest

MAX_BYTES = 50_000_000
MAX_COLUMNS = 10_000
MAX_CELLS = 5_000_000

#: What is a number in a cell.
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
#: What stands in a cell for a value that is missing.
MISSING = frozenset({"", "?", "-", "na", "n/a", "#n/a", "nan", "null", "none"})


class Rows:
    r"""The rows of a text, all of one length; ``name`` is the file's, for messages.

    Raises `InputError`.

    >>> rows = Rows("size,sort\n1.5,pear\n", "fruit.csv")
    >>> rows.cells, rows.has_header("sort")
    ([['size', 'sort'], ['1.5', 'pear']], True)
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        #: Each row, and the line on which it begins.
        self.cells: list[list[str]] = []
        self.lines: list[int] = []
        lines = StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))
        reader = csv.reader(lines, strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells) or len(cells) > 1:
                    self._append([cell.strip() for cell in cells], line)
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"{self.name}:{line}: {error}") from error
        if not self.cells:
            raise InputError(f"{self.name} is empty")
        first = self.cells[0]
        if len(first) == 1 and (mark := next((m for m in ";\t|" if m in first[0]), "")):
            raise self.error(0, f"the columns are parted by {mark!r}", "Part them by commas.")

    def _append(self, cells: list[str], line: int) -> None:
        self.cells.append(cells)
        self.lines.append(line)
        width = len(self.cells[0])
        if len(cells) != width:
            raise self.error(-1, f"{_so_many(len(cells))}, but line {self.lines[0]} has {width:,}")
        if width > MAX_COLUMNS:
            raise self.error(-1, f"{width:,} columns; at most {MAX_COLUMNS:,} are taken")
        if width * len(self.cells) > MAX_CELLS:
            raise self.error(-1, f"more than {MAX_CELLS:,} values")

    def error(self, row: int, rule: str, mend: str = "") -> InputError:
        """A refusal at a row."""
        return InputError(f"{self.name}:{self.lines[row]}: {rule}", mend=mend)

    def missing(self, row: int, column: str, cell: str) -> InputError:
        """A refusal of a value that is missing."""
        return self.error(
            row,
            f"{abridged(column)} is missing" + (f": {cell!r}" if cell else ""),
            "Leave the row out, or fill the value in.",
        )

    def has_header(self, wanted: str) -> bool:
        """Whether the first row holds names, ``wanted`` being a column asked for.

        A row with a number in it is an example, so that a word in it is found to be
        wrong. Names are the wanted one, or stand over numbers, or never come again.
        """
        first, below = self.cells[0], self.cells[1:]
        if any(NUMBER.fullmatch(cell) for cell in first):
            return False
        if wanted in first:
            return True
        # Most are enough: a bad cell among the numbers must not hide the header.
        over_numbers = any(
            sum(NUMBER.fullmatch(row[index]) is not None for row in below) * 2 > len(below)
            for index in range(len(first))
        )
        seen = any(row[index] == cell for row in below for index, cell in enumerate(first))
        return over_numbers or not seen

    def take_header(self, header: bool) -> list[str]:
        """The names of the columns; a first row that holds them is one no longer."""
        first = self.cells[0]
        names = [
            (first[index] if header else "") or f"column {index}" for index in range(len(first))
        ]
        if header:
            del self.cells[0], self.lines[0]
        if not self.cells:
            raise InputError(f"{self.name} has a header and no rows")
        return names

    def find(self, wanted: str, names: list[str], header: bool) -> int:
        """The number of a column by name or by number from 0."""
        if header and wanted in names:
            if names.count(wanted) > 1:
                raise InputError(
                    f"{self.name} has {names.count(wanted)} columns {abridged(wanted)}",
                    mend="Give the column's number, counted from 0.",
                )
            return names.index(wanted)
        if re.fullmatch(r"-?[0-9]{1,6}", wanted, re.ASCII):
            index = int(wanted)
            if -len(names) <= index < len(names):
                return index % len(names)
            raise InputError(
                f"{self.name} has {_so_many(len(names))}, and none of number {index}",
                mend=f"They count from 0 to {len(names) - 1}.",
            )
        guess = nearest(wanted, names) if header else ""
        mend = f"Did you mean {guess}?" if guess else "Give the column's number, counted from 0."
        rule = f"has no column {abridged(wanted)}" if header else "has no header"
        raise InputError(f"{self.name} {rule}", mend=mend)


def labels(text: str, name: str, wanted: str) -> list[str]:
    r"""One column of a CSV text as words. Raises `InputError`, also where one is missing.

    >>> labels("size,sort\n1.5,pear\n0.5,plum\n", "fruit.csv", "sort")
    ['pear', 'plum']
    """
    rows = Rows(text, name)
    header = rows.has_header(wanted)
    names = rows.take_header(header)
    column = rows.find(wanted, names, header)
    for row, cells in enumerate(rows.cells):
        if cells[column].lower() in MISSING:
            raise rows.missing(row, names[column], cells[column])
    return [cells[column] for cells in rows.cells]


def _so_many(count: int) -> str:
    return f"{count:,} column{'' if count == 1 else 's'}"
