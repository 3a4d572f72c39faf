"""Nets from the disk: bounded reading, and refusals that name the file."""

from __future__ import annotations

import sys
from typing import BinaryIO

from dlcalc.errors import InputError, Place, Source, abridged

#: No net is longer than this, in bytes.
MAX_BYTES = 1_000_000


def read_source(path: str, place: Place | None = None) -> Source:
    """The text of a file, named by its path; ``-`` is standard input.

    Raises `InputError` if it cannot be read, is too large or is not UTF-8 text;
    ``place`` is where the path was written.
    """
    name = abridged(path, 60)
    try:
        if path == "-":
            name = "standard input"
            data = standard_input().read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {name}: {reason}", place=place) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES:,} bytes: not a net", place=place)
    return Source(decode(data, name, place), name)


def standard_input() -> BinaryIO:
    """Standard input as bytes. Raises `InputError` if the shell has closed it."""
    # It is None where the shell closed it (<&-), which its type does not tell.
    if not sys.stdin:
        raise InputError("standard input is closed")
    return sys.stdin.buffer


def decode(data: bytes, name: str, place: Place | None = None) -> str:
    """The text of these bytes. Raises `InputError` if they are not UTF-8 or hold controls."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise InputError(
            f"{name}:{line}: byte 0x{byte:02x} is not UTF-8 text", place=place
        ) from error
    if "\0" in text:
        raise InputError(f"{name} is not a text file: it holds NUL bytes", place=place)
    return text
