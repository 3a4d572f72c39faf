"""Training kept in a file: NumPy arrays and JSON, never pickle, and never half written."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array
from dlcalc.errors import InputError, abridged

#: Changes when a file of today could no longer be read.
FORMAT = 1
MAX_BYTES = 2_000_000_000


def save(path: str, config: Mapping[str, object], state: Mapping[str, Array]) -> None:
    """Write a file whole or not at all. Raises `InputError` if it cannot be written."""
    target = os.path.abspath(path)
    written = ""
    try:
        # In the same directory, so that the exchange is one step of the file system.
        handle, written = tempfile.mkstemp(
            prefix=f".{os.path.basename(target)[:80]}.", dir=os.path.dirname(target)
        )
        with os.fdopen(handle, "wb") as file:
            text = json.dumps({"format": FORMAT, **config})
            arrays: dict[str, Any] = {"config": np.array(text), **state}
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(written, _mode(target))
        os.replace(written, target)
    except OSError as error:
        with suppress(OSError):
            os.unlink(written)
        raise InputError(f"cannot write {abridged(path, 60)}: {error.strerror or error}") from error
    except BaseException:
        with suppress(OSError):
            os.unlink(written)
        raise


def load(path: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Configuration and state of a file. Raises `InputError` if it is no such file."""
    name = abridged(path, 60)
    try:
        with open(path, "rb") as file:
            _refuse_large(file, name)
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                state = {key: archive[key] for key in archive.files}
        config = json.loads(str(state.pop("config")))
        if config["format"] != FORMAT:
            raise InputError(f"{name} was saved by another version of dlcalc")
    except OSError as error:
        reason = error.strerror or "it is not a file of --save"
        raise InputError(f"cannot read {name}: {reason}") from error
    except (ValueError, KeyError, TypeError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{name} is not a file of --save", mend="Give one that train-toy --save has written."
        ) from error
    return config, state


def _refuse_large(file: Any, name: str) -> None:
    """A small file may say that it holds a large one."""
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise InputError(f"{name} holds more than {MAX_BYTES:,} bytes")


def _mode(target: str) -> int:
    """The rights that the file had, or those of any new file."""
    with suppress(OSError):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
