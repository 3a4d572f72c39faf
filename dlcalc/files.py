"""The disk and standard input: bounded reading, writing at once, refusals that name the file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO

from dlcalc.errors import InputError, Place, Source, abridged

#: No text that is a question (a net, a line) is longer than this, in bytes.
MAX_BYTES = 1_000_000
#: No model file that is read from both its ends comes through a pipe if it is longer, in bytes.
MAX_PIPED = 64_000_000


# Who may not touch the disk at the moment, as a word for messages; empty for everyone else.
_closed_for = ""


@contextmanager
def closed(who: str) -> Iterator[None]:
    """Let nothing inside read or write files: what ``who`` asks for is not trusted."""
    global _closed_for
    before, _closed_for = _closed_for, who
    try:
        yield
    finally:
        _closed_for = before


def check_open(path: str, place: Place | None = None) -> None:
    """Raise `InputError` if files are closed."""
    if _closed_for:
        rule = f"{abridged(path, 60)} is a file, which {_closed_for} may not read or write"
        raise InputError(rule, place=place)


def read_source(path: str, place: Place | None = None) -> Source:
    """The text of a file, named by its path; ``-`` is standard input.

    Raises `InputError` if it cannot be read, is too large or is not UTF-8 text;
    ``place`` is where the path was written.
    """
    data, name = read_bytes(path, MAX_BYTES, place)
    return Source(decode(data, name, place), name)


def read_bytes(path: str, limit: int, place: Place | None = None) -> tuple[bytes, str]:
    """What a file holds, and its name for people; ``-`` is standard input.

    Raises `InputError` if it cannot be read or holds more than ``limit`` bytes.
    """
    name = "standard input" if path == "-" else abridged(path, 60)
    check_open(path, place)
    try:
        if path == "-":
            data = standard_input().read(limit + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {name}: {reason}", place=place) from error
    if len(data) > limit:
        raise InputError(f"{name} is larger than {limit:,} bytes", place=place)
    return data, name


@contextmanager
def opened(path: str, place: Place | None = None) -> Iterator[tuple[BinaryIO, int | None, str]]:
    """A file to be read in parts, its whole size, and its name for people.

    ``-`` is standard input, whose size is None. Raises `InputError` if it cannot be opened
    or read; ``place`` is where its path was written.
    """
    name = "standard input" if path == "-" else abridged(path, 60)
    check_open(path, place)
    try:
        if path == "-":
            yield standard_input(), None, name
        else:
            with open(path, "rb") as file:
                yield file, os.fstat(file.fileno()).st_size, name
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {name}: {reason}", place=place) from error


def buffered_input() -> BytesIO:
    """Standard input as a file in which one may seek. Raises `InputError` beyond `MAX_PIPED`."""
    return BytesIO(read_bytes("-", MAX_PIPED)[0])


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


def write_whole(path: str, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file, which is there whole or as it was before.

    Raises `InputError` if it cannot be written.
    """
    from tempfile import mkstemp

    check_open(path)
    target, written = os.path.abspath(path), ""
    try:
        # In the same directory, so that the exchange is one step of the file system.
        handle, written = mkstemp(
            prefix=f".{os.path.basename(target)[:80]}.", dir=os.path.dirname(target)
        )
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(written, _mode(target))
        os.replace(written, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(written)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def refuse_unwritable(path: str) -> None:
    """Raise `InputError` if a file cannot be written there: before the work, not behind it."""
    from errno import EISDIR
    from tempfile import TemporaryFile

    check_open(path)
    target = os.path.abspath(path)
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        with TemporaryFile(dir=os.path.dirname(target)):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: str, error: OSError) -> InputError:
    return InputError(f"cannot write {abridged(path, 60)}: {error.strerror or error}")


def _mode(target: str) -> int:
    """The rights that the file had, or those of any new file."""
    with suppress(OSError):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
