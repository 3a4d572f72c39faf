"""Arrays out of an ``.npz`` file that may be hostile: never pickle, bounded before it is read."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy

from dlcalc.engine.operation import Array
from dlcalc.errors import InputError, abridged
from dlcalc.files import check_open

MAX_BYTES = 2_000_000_000
#: No net has so many tensors.
MAX_MEMBERS = 100_000
_BROKEN = (ValueError, KeyError, TypeError, EOFError, SyntaxError, RecursionError)
_UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


def read_arrays(
    path: str, kind: str = "an .npz file", writer: str = "numpy.savez"
) -> dict[str, Array]:
    """The arrays of a file by their names; ``kind`` and ``writer`` say in messages what it is.

    A small file may say that it holds a large one: sizes are looked at before
    anything is unpacked, and each array must be as long as its header says.
    Raises `InputError` for a file that cannot be read or is none of NumPy's.
    """
    name = abridged(path, 60)
    check_open(path)
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise InputError(f"{name} holds more than {MAX_BYTES:,} bytes")
            if len(members) > MAX_MEMBERS:
                raise InputError(f"{name} holds more than {MAX_MEMBERS:,} arrays")
            found: dict[str, Array] = {}
            for member in members:
                key = member.filename.removesuffix(".npy")
                if key in found:
                    raise InputError(f"{name} holds {abridged(key)} twice")
                found[key] = _array(archive.read(member), f"{abridged(key)} in {name}")
            return found
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or 'it is not a file'}") from error
    except (*_BROKEN, *_UNREADABLE, MemoryError) as error:
        mend = f"Give one that {writer} has written."
        raise InputError(f"{name} is not {kind}", mend=mend) from error


def _array(data: bytes, name: str) -> Array:
    """The array of an ``.npy`` file, whose header must agree with its length."""
    file = io.BytesIO(data)
    version = npy.read_magic(file)
    read: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, column_major, kind = read(file)
    if kind.hasobject:
        raise InputError(f"{name} holds Python objects, which are never read")
    if math.prod(shape) * kind.itemsize != len(data) - file.tell():
        raise InputError(f"{name} is not as long as its header says")
    flat = (
        np.frombuffer(data, kind, math.prod(shape), file.tell())
        if len(data) > file.tell()
        else np.zeros(0, kind)
    )
    return flat.reshape(shape, order="F" if column_major else "C").copy(order="C")
