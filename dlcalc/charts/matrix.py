"""Which classes were taken for which, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from dlcalc.errors import display_width, wrapped

#: So many mistakes are listed where the table has no room.
LISTED = 10


def confusion(
    counts: Sequence[Sequence[int]],
    names: Sequence[str] = (),
    *,
    width: int = 72,
) -> list[str]:
    r"""How many examples of each class (a row) were taken for which (a column).

    What never happened is a point. Where the table has no room, the most frequent
    mistakes are listed. All is ASCII but for the names.

    >>> print("\n".join(confusion([[48, 0], [3, 49]], ["pear", "plum"])))
             taken for
             pear  plum
    is pear    48     .
    is plum     3    49
    """
    known = list(names) or [str(cls) for cls in range(len(counts))]
    cells = [[f"{count:,}" if count else "." for count in row] for row in counts]
    columns = [
        max(map(display_width, [name, *(row[column] for row in cells)]))
        for column, name in enumerate(known)
    ]
    margin = max(map(display_width, known), default=0) + 3
    if margin + sum(columns) + 2 * len(columns) > width:
        return _mistakes(counts, known, width)
    lines = [" " * (margin + 2) + "taken for"]
    for label, row in [("", known), *zip((f"is {name}" for name in known), cells, strict=True)]:
        line = label + " " * (margin - display_width(label))
        for column, cell in enumerate(row):
            line += " " * (2 + columns[column] - display_width(cell)) + cell
        lines.append(line)
    return lines if display_width(lines[0]) <= width else []


def _mistakes(counts: Sequence[Sequence[int]], names: Sequence[str], width: int) -> list[str]:
    """The most frequent mistakes, one a line."""
    found = [
        (count, is_, as_)
        for is_, row in enumerate(counts)
        for as_, count in enumerate(row)
        if count and is_ != as_
    ]
    found.sort(key=lambda each: (-each[0], each[1:]))
    if not found:
        return wrapped(f"All of {len(names)} classes were taken for what they are.", width)
    lines = [f"{_often(count)} {names[is_]} taken for {names[as_]}" for count, is_, as_ in found]
    if len(found) > LISTED:
        rest = sum(count for count, *_ in found[LISTED:])
        lines[LISTED:] = [f"{_often(rest)} another mistake"]
    return [part for line in lines for part in wrapped(line, width)]


def _often(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
