"""What every command answers with: one value that renders plain, terse and as JSON alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dlcalc.errors import ClaimError, abridged, display_width


class Row(NamedTuple):
    """One line of an answer. ``role`` is ``answer``, ``wrong``, ``aside`` or empty."""

    cells: tuple[str, ...]
    role: str = ""


class Block(NamedTuple):
    """Rows that share columns; ``columns`` has an l or an r for each, its alignment."""

    columns: str
    rows: list[Row]


class Finding(NamedTuple):
    """One thing that a second route verified: a sentence for people, and what JSON says of it."""

    name: str
    passed: bool
    sentence: str
    document: Mapping[str, object] = {}
    #: Whether it holds a failure, and not just what was not attained.
    counts: bool = True

    @property
    def row(self) -> Row:
        """Its line in an answer."""
        if self.passed:
            return Row(("verified", self.sentence))
        label, role = ("wrong", "wrong") if self.counts else ("not reached", "aside")
        return Row((label, self.sentence), role)

    @property
    def failure(self) -> str:
        """How it failed, as a sentence; empty if it did not."""
        if self.passed or not self.counts:
            return ""
        return f"the second computation disagrees on {self.name}: {self.sentence}."


class Result:
    """An answer. A subclass says what its value is, and works out the rest when asked.

    ``notes`` are remarks about how the question was read; they go to standard error.
    """

    value: object
    notes: Sequence[str] = ()
    #: How a second computation disagreed, as a sentence; empty if it did not.
    failure: str = ""
    #: The member of its document that is the answer's table: a list of records.
    tabled: str = ""

    def blocks(self) -> list[Block]:
        """The answer with its work shown, the value in the last row."""
        raise NotImplementedError

    def document(self) -> dict[str, object]:
        """The answer as JSON has it."""
        raise NotImplementedError

    def table(self) -> Sequence[Mapping[str, object]] | None:
        """The answer as records, for ``--csv`` and ``--markdown``; None if it is no table."""
        found = self.document().get(self.tabled)
        return found if isinstance(found, list) else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {abridged(self.terse())}>"

    def drawn(self, width: int, *, ascii: bool) -> list[list[str]]:
        """The same numbers drawn, for who looks at a terminal: lines of at most that width."""
        return []

    def terse(self) -> str:
        """The bare value, as ``-q`` prints it: numbers of a vector parted by commas."""
        return written(self.value)

    def in_one_line(self) -> str:
        """The bare value where a line is all there is: in messages, and answering a stream."""
        return ", ".join(self.terse().splitlines())

    def plain(self) -> str:
        """The answer as aligned text, as wide as it is."""
        return "\n".join(line for block in self.blocks() for line in aligned(block))

    def json(self) -> str:
        """The answer as one JSON document."""
        from json import dumps

        return dumps(self.document(), ensure_ascii=False)

    def meets(self, expected: str) -> bool:
        """Whether the value is the expected one. Raises `ClaimError` if that is no such value.

        Whole numbers and shapes compare exactly, decimals to the digits written.
        """
        return meets(self.value, expected)


def meets(value: object, expected: str) -> bool:
    """Whether a value is what was written down.

    >>> meets(0.36787944, "0.368"), meets(0.3686, "0.368"), meets(1_000, "1,000")
    (True, False, True)
    >>> meets((0.0900306, 0.2447285), "0.09,0.245"), meets((0.09, 0.24), "0.09")
    (True, False)
    """
    if isinstance(value, tuple):
        parts = expected.replace("[", "").replace("]", "").split(",")
        values = flat(value)
        return len(parts) == len(values) and all(map(meets, values, parts))
    if isinstance(value, int | float):
        return _number_meets(value, expected.strip())
    return "".join(expected.split()) == "".join(str(value).split())


def flat(value: object) -> list[object]:
    """The parts of a tuple of tuples, in order."""
    if isinstance(value, tuple):
        return [part for each in value for part in flat(each)]
    return [value]


def written(value: object) -> str:
    """A value as it can be read again: 0.5, 0.5,-1 for a vector, [[1,2],[3,4]] for a matrix.

    >>> written((0.5, -1.0)), written(((1, 2), (3, 4)))
    ('0.5,-1.0', '[[1,2],[3,4]]')
    """
    if not isinstance(value, tuple):
        return str(value)
    text = _bracketed(value)
    return text if any(isinstance(part, tuple) for part in value) else text[1:-1]


def _bracketed(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    return f"[{','.join(map(_bracketed, value))}]"


# Digits, or digits parted by commas into thousands, then a fraction and an exponent.
_NUMBER = r"[+-]?([1-9][0-9]{0,2}(,[0-9]{3})+|[0-9]+)?(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?"


def _number_meets(value: int | float, expected: str) -> bool:
    if expected in ("nan", "inf", "-inf") or value != value or value in _INFINITIES:
        return str(value) == expected
    from fractions import Fraction
    from re import fullmatch

    digits = any(character.isdigit() for character in expected)
    if len(expected) > 4_000 or not digits or not fullmatch(_NUMBER, expected):
        raise ClaimError(f"--expect {abridged(expected)}: this is not a number.")
    mantissa, _, exponent = expected.replace(",", "").lower().partition("e")
    unit = Fraction(10) ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    written = Fraction(mantissa.replace(".", "")) * unit
    if isinstance(value, int):
        return value == written
    return abs(Fraction(value) - written) <= unit / 2


_INFINITIES = (float("inf"), float("-inf"))


def aligned(block: Block, gap: str = "   ") -> list[str]:
    """The rows of a block as lines of text; the first column stands a little closer.

    >>> aligned(Block("lr", [Row(("n", "5")), Row(("limit", "12"))]))
    ['n       5', 'limit  12']
    """
    widths = [0] * len(block.columns)
    for row in block.rows:
        for column, cell in enumerate(row.cells):
            widths[column] = max(widths[column], display_width(cell))
    lines = []
    for row in block.rows:
        line = ""
        for column, cell in enumerate(row.cells):
            if not widths[column]:
                continue
            room = " " * (widths[column] - display_width(cell))
            line += (" " * 2 if column == 1 else gap if column else "") + (
                room + cell if block.columns[column] == "r" else cell + room
            )
        lines.append(line.rstrip())
    return lines
