"""Training kept in a file: NumPy arrays and JSON, never pickle, and never half written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcalc.engine.operation import Array
from dlcalc.errors import InputError, abridged
from dlcalc.files import write_whole

#: Changes when a file of today could no longer be read.
FORMAT = 1
MAX_BYTES = 2_000_000_000


def save(path: str, config: Mapping[str, object], state: Mapping[str, Array]) -> None:
    """Write a file whole or not at all. Raises `InputError` if it cannot be written."""
    text = json.dumps({"format": FORMAT, **config})
    arrays: dict[str, Any] = {"config": np.array(text), **state}
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


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
