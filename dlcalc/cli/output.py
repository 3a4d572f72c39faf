"""Answers as text: the only door to rich, and only for eyes.

A pipe gets aligned plain text as wide as it is. A terminal gets the same text,
wrapped by column, with weight and colour for three things: the answer, what is
wrong, and asides.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO

from dlcalc.cli.columns import GAP, Columns, fitted
from dlcalc.errors import ClaimError, InputError, abridged, wrapped
from dlcalc.result import Block, Result, Row, aligned

if TYPE_CHECKING:
    from rich.table import Table

# What goes below a row of a table stands so much further in.
_BELOW = 4
_STYLES = {"answer": "bold green", "wrong": "bold red", "aside": "dim", "": ""}


class Form(NamedTuple):
    """In which form an answer is wanted."""

    json: bool = False
    quiet: bool = False
    table: str = ""
    expect: str | None = None
    color: str = "auto"


class Unwritable(Exception):
    """An answer that could not be written to the end, with the exit code it had."""

    def __init__(self, cause: OSError, code: int) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.code = code


def emit(result: Result, form: Form) -> int:
    """Print an answer and return the exit code: 1 if it is not the expected one.

    A malformed expectation is not met. Raises `Unwritable` with the exit code
    if the answer cannot be written.
    """
    verdict = " ".join(filter(None, [_verdict(result, form.expect), result.failure]))
    code = 1 if verdict else 0
    if not form.json and not form.quiet:
        for note in result.notes:
            say("\n".join(wrapped(f"dlcalc: note: {note}", message_width())))
    try:
        if form.json:
            print(result.json())
        elif form.quiet:
            print(result.terse())
        elif form.table:
            print(_table(result, form.table))
        else:
            show(_with_drawings(result), sys.stdout, form.color)
        sys.stdout.flush()
    except OSError as error:
        raise Unwritable(error, code) from error
    if verdict:
        say("\n".join(wrapped(f"dlcalc: {verdict}", message_width())))
    return code


def _table(result: Result, form: str) -> str:
    from dlcalc.cli.tables import as_csv, as_markdown

    return as_csv(result) if form == "csv" else as_markdown(result)


def _with_drawings(result: Result) -> list[Block]:
    """The blocks of an answer; where a person looks, with drawings before the last of them."""
    blocks = result.blocks()
    if not sys.stdout.isatty():
        return blocks
    from dlcalc.charts.terminal import ascii_only

    # Some terminals do not know their width; the last column of others wraps.
    width = (os.get_terminal_size(sys.stdout.fileno()).columns or 80) - 1
    drawn = [
        Block("l", [Row((line,)) for line in ["", *lines]])
        for lines in result.drawn(width, ascii=ascii_only())
    ]
    return [*blocks[:-1], *drawn, *([Block("l", [Row(("",))])] if drawn else []), *blocks[-1:]]


def _verdict(result: Result, expected: str | None) -> str:
    """Why the answer is not the expected one; empty if it is, or if none is expected."""
    if expected is None:
        return ""
    try:
        met = result.meets(expected)
    except ClaimError as error:
        return str(error)
    return "" if met else f"expected {abridged(expected)}, but it is {result.in_one_line()}."


def say(text: str) -> None:
    """Write a message to standard error; if nobody listens, the exit code still tells."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def show_worked(error: InputError, form: Form) -> None:
    """What had been worked out before an error, unless only a value was wanted."""
    if isinstance(error.worked, Result) and not (form.quiet or form.json):
        with suppress(OSError):
            show(error.worked.blocks(), sys.stderr, form.color)


def message_width() -> int | None:
    """The columns for messages where a person reads them; None elsewhere."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns - 1
    except OSError:
        return None


def show(blocks: list[Block], stream: TextIO, color: str) -> None:
    """Write rows to a stream: through rich where a person looks, else as plain text."""
    if stream.isatty() or color == "always":
        _show_rich(blocks, stream, color)
        return
    stream.write("".join(f"{line}\n" for block in blocks for line in aligned(block)))


def colored(stream: TextIO, color: str) -> bool:
    """Whether to colour: always, never, or where a person looks who did not decline."""
    if color != "auto":
        return color == "always"
    declined = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not declined


def _show_rich(blocks: list[Block], stream: TextIO, color: str) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    painted = colored(stream, color)
    console = Console(
        file=stream,
        highlight=False,
        force_terminal=painted,
        color_system="standard" if painted else None,
        # Off a terminal nothing is wrapped.
        width=None if stream.isatty() else 10_000,
    )
    for block in blocks:
        columns = fitted(block, console.width)
        if columns is None:
            # Too narrow to wrap by column without breaking a number: as in a pipe.
            for line, row in zip(aligned(block), block.rows, strict=True):
                console.print(Text(line, style=_STYLES[row.role]), soft_wrap=True)
            continue
        table = _grid(block, columns)
        for row in block.rows:
            style = _STYLES[row.role]
            table.add_row(*map(Text, columns.cells(row)), style=style)
            if remark := columns.remark(row):
                console.print(table)
                console.print(Padding(Text(remark, style=style), (0, 0, 0, _BELOW)))
                table = _grid(block, columns)
        console.print(table)


def _grid(block: Block, columns: Columns) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, GAP, 0, 0))
    for alignment, width in zip(block.columns, columns.widths, strict=False):
        table.add_column(justify="right" if alignment == "r" else "left", width=width)
    return table
