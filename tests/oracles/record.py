"""The recorded tables: what a framework said to each line drawn, one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

#: What a framework says to a line, and under ``line`` the line; no ``output``, which is
#: None then, and nothing behind it where it rejects the line.
Row = dict[str, object]

DATA = Path(__file__).resolve().parent.parent / "data"


def table(framework: str) -> Path:
    """Where the rows of a framework are."""
    return DATA / f"{framework}_layers.jsonl"


def read(framework: str) -> list[Row]:
    """The rows of a framework, as recorded."""
    return [json.loads(line) for line in table(framework).read_text(encoding="utf-8").splitlines()]


def write(framework: str, rows: list[Row], versions: str) -> None:
    """Record the rows, and print how many they are and who said them."""
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    table(framework).write_text(text, encoding="utf-8")
    refused = sum(row["output"] is None for row in rows)
    print(f"{len(rows):,} rows, {refused:,} of them rejected, {versions}")


def distinct(rows: Iterable[Row]) -> list[Row]:
    """The rows, each line once."""
    return list({row["line"]: row for row in rows}.values())


def main(framework: str, record: Callable[[], None]) -> None:
    """The command line of an oracle, which only records."""
    if sys.argv[1:] != ["--record"]:
        sys.exit(f"usage: python tests/oracles/{framework}_layers.py --record")
    record()
