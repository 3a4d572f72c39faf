"""Answers as tables for other programs and pages: CSV, and tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dlcalc.errors import display_width
from dlcalc.result import Result

Record = Mapping[str, object]
#: Members in which a record holds further records, or branches of them, which stand below it.
_BELOW = ("branches", "steps")
#: Members that are sizes, to be written as the notation writes them: 6x28x28.
_SIZES = {"input", "output", "shape", "receptive_field", "jump", "begin"}


def as_csv(result: Result) -> str:
    """The table of an answer as RFC 4180 has it, but with the line ends of a Unix text."""
    import csv
    from io import StringIO

    written = StringIO()
    csv.writer(written, lineterminator="\n").writerows(_lines(result))
    return written.getvalue().rstrip("\n")


def as_markdown(result: Result) -> str:
    """The table of an answer as GitHub's Markdown has it; columns of numbers stand right."""
    head, *body = [[cell.replace("|", "\\|") for cell in line] for line in _lines(result)]
    body = [[" ".join(cell.split()) for cell in line] for line in body]
    right = [_are_numbers([line[column] for line in body]) for column in range(len(head))]
    widths = [max(3, *map(display_width, column)) for column in zip(head, *body, strict=True)]
    rule = [
        "-" * (width - 1) + ":" if numbers else "-" * width
        for width, numbers in zip(widths, right, strict=True)
    ]
    return "\n".join(
        "| " + " | ".join(map(_padded, line, widths, right)) + " |" for line in [head, rule, *body]
    )


def _padded(cell: str, width: int, right: bool) -> str:
    room = " " * (width - display_width(cell))
    return room + cell if right else cell + room


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers, and nothing but."""
    try:
        return bool([float(cell) for cell in cells if cell])
    except ValueError:
        return False


def _lines(result: Result) -> list[list[str]]:
    """The names of the columns, and a line of cells for each record."""
    records = list(_flat(result.table() or ()))
    columns = [
        name
        for name in dict.fromkeys(name for record in records for name in record)
        if not any(_is_table(record.get(name)) for record in records)
    ]
    return [columns, *([cell(record.get(name), name) for name in columns] for record in records)]


def _flat(records: Sequence[Record], place: str = "") -> Iterator[Record]:
    """Records with those below them; where there are such, each with its ``place``: 3.1.2."""
    deep = bool(place) or any(_below(record) for record in records)
    for number, record in enumerate(records, start=1):
        below = _below(record)
        hidden = {"index", *(name for name in _BELOW if below)} if deep else set()
        own = {name: value for name, value in record.items() if name not in hidden}
        yield {"place": f"{place}{number}", **own} if deep else own
        for where, part in below:
            yield from _flat(part, f"{place}{number}.{where}")


def _below(record: Record) -> list[tuple[str, Sequence[Record]]]:
    """The lists of records that a record holds, each with its place: of branches 1., 2., ..."""
    found: list[tuple[str, Sequence[Record]]] = []
    for name in _BELOW:
        value = record.get(name)
        if _is_table(value):
            found.append(("", value))  # type: ignore[arg-type]
        elif isinstance(value, list):
            found += [(f"{n}.", part) for n, part in enumerate(value, start=1)]
    return found


def _is_table(value: object) -> bool:
    """Whether a value is records itself, which have no room in a cell."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def cell(value: object, name: str = "") -> str:
    """A value in one cell: sizes as 6x28x28, words by commas, tensors as JSON, none as nothing.

    >>> cell([6, 28, 28], "output"), cell(None), cell(["a", "b"]), cell([0.5, 1.0])
    ('6x28x28', '', 'a, b', '[0.5, 1.0]')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = [f"{key} {cell(part, 'shape')}".rstrip() for key, part in value.items()]
        return "; ".join(parts)
    if isinstance(value, list | tuple):
        whole = all(isinstance(part, int | str) for part in value)
        if whole and name in _SIZES:
            plain = all(str(part).isalnum() for part in value)
            return ("x" if plain else " x ").join(map(str, value))
        if whole and any(isinstance(part, str) for part in value):
            return ", ".join(map(str, value))
        from json import dumps

        return dumps(value, ensure_ascii=False)
    return str(value)
