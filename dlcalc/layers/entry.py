"""What the index tells of one layer."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One layer of the index. ``arguments`` are (name, short form, kind)."""

    module: str
    class_name: str
    words: tuple[str, ...]
    pinned: bool
    branched: bool
    arguments: tuple[tuple[str, str, str], ...]
    summary: str
    example: str
