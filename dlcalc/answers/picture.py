"""Drawings written as SVG files, which need nothing else to be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlcalc.errors import InputError, abridged
from dlcalc.files import refuse_unwritable, write_whole

if TYPE_CHECKING:
    from dlcalc.charts.svg import Part


def refuse_undrawable(path: str) -> None:
    """Raise `InputError` if no picture can be written there."""
    if not path.lower().endswith(".svg"):
        raise InputError(
            f"pictures are SVG, and {abridged(path)} does not end in .svg",
            mend=f"Such as --svg {abridged(path.rpartition('.')[0] or 'picture')}.svg.",
        )
    refuse_unwritable(path)


def write_picture(path: str, title: str, parts: Iterable[Part]) -> None:
    """Write drawings one below the other, whole or not at all. Raises `InputError`."""
    from dlcalc.charts.svg import document

    text = document(title, parts)
    write_whole(path, lambda file: file.write(text.encode()))
