"""Rows of characters to draw on: fine dots in Braille, marks over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

#: The bit of each dot of a Braille character, by row and column (Unicode, chapter 21.1).
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800

#: A place by fractions of width and height, (0, 0) at the lower left.
Place = tuple[float, float]


class Canvas:
    """Characters in rows and columns. In ASCII a dot is as large as a character.

    >>> canvas = Canvas(4, 1)
    >>> canvas.dots([(0, 0), (0.8, 0.8)], joined=True)
    >>> canvas.marks([(1, 1)], "o")
    >>> canvas.lines()
    ['⣀⠤⠔o']
    """

    def __init__(self, columns: int, rows: int, *, ascii: bool = False, stroke: str = "*") -> None:
        """``stroke`` is a dot in ASCII."""
        self.columns, self.rows = columns, rows
        self.across, self.down = (1, 1) if ascii else (2, 4)
        self._stroke = stroke if ascii else ""
        self._dots = [[0] * columns for _ in range(rows)]
        self._marks: dict[tuple[int, int], str] = {}

    def dots(self, places: Sequence[Place], *, joined: bool) -> None:
        """Set the dot at each place, and those between one and the next."""
        cells = [self._cell(place) for place in places]
        for x, y in straight(cells) if joined else cells:
            self._dots[y // self.down][x // self.across] |= _BITS[y % self.down][x % self.across]

    def marks(self, places: Sequence[Place], mark: str) -> None:
        """Put a character at each place."""
        for column, row in map(self.character, places):
            self._marks[row, column] = mark

    def trail(self, places: Sequence[Place], mark: str, columns: range) -> None:
        """Put a character wherever the line from place to place passes these columns."""
        for column, row in straight(list(map(self.character, places))):
            if column in columns:
                self._marks[row, column] = mark

    def character(self, place: Place) -> tuple[int, int]:
        """The column and row of the character at a place."""
        x, y = self._cell(place)
        return x // self.across, y // self.down

    def _cell(self, place: Place) -> tuple[int, int]:
        """The column and row of the dot at a place."""
        x, y = (max(0.0, min(1.0, part)) for part in place)
        wide, high = self.columns * self.across - 1, self.rows * self.down - 1
        return round(x * wide), round((1 - y) * high)

    def lines(self) -> list[str]:
        """The rows as text."""
        return [
            "".join(self._shown(row, column) for column in range(self.columns))
            for row in range(self.rows)
        ]

    def _shown(self, row: int, column: int) -> str:
        dots = self._dots[row][column]
        below = " " if not dots else self._stroke or chr(_BLANK + dots)
        return self._marks.get((row, column), below)


def straight(cells: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The cells of the straight lines from one to the next.

    >>> list(straight([(0, 0), (4, 2)]))
    [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2)]
    """
    yield from cells[:1]
    for (x, y), (to_x, to_y) in pairwise(cells):
        across, down = to_x - x, to_y - y
        steps = max(abs(across), abs(down))
        for n in range(1, steps + 1):
            # Rounded in whole numbers, halves up.
            yield (
                x + (2 * n * across + steps) // (2 * steps),
                y + (2 * n * down + steps) // (2 * steps),
            )
