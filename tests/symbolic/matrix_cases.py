"""The table of matrix derivatives, read once for all tests that use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parent.parent / "data" / "matrix_gradients.txt"


class Case(NamedTuple):
    """An expression, the shapes of its letters, what to derive by, and what comes out."""

    expr: str
    shape: str
    wrt: tuple[str, ...]
    options: dict[str, Any]
    #: The derivatives as text; empty where only numbers are compared.
    expected: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a test calls it."""
        return f"{self.expr} by {','.join(self.wrt)} {' '.join(self.options)}".strip()


def cases() -> list[Case]:
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        expr, shape, wrt, words, expected = (cell.strip() for cell in line.split("|"))
        options: dict[str, Any] = {}
        for word in words.split():
            name, equals, value = word.partition("=")
            options[name] = value if equals else True
        answers = tuple(text.strip() for text in expected.split(";"))
        found.append(Case(expr, shape, tuple(wrt.split(",")), options, answers))
    return found
