"""Training kept in a file: NumPy arrays and JSON, never pickle, and never half written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from dlcalc.engine.archive import read_arrays
from dlcalc.engine.operation import Array
from dlcalc.errors import InputError, abridged

#: Changes when a file of today could no longer be read.
FORMAT = 1


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
    state = read_arrays(path, "a file of --save", "train-toy --save")
    config = configuration(state)
    if config is None:
        raise InputError(
            f"{abridged(path, 60)} is not a file of --save",
            mend="Give one that train-toy --save has written.",
        )
    if config["format"] != FORMAT:
        raise InputError(f"{abridged(path, 60)} was saved by another version of dlcalc")
    return config, state


def configuration(state: dict[str, Array]) -> dict[str, Any] | None:
    """What a saved training says of itself, taken out of its state; None if it is none."""
    try:
        config = json.loads(str(state["config"][()]))
        config["format"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    del state["config"]
    return dict(config)


def _mode(target: str) -> int:
    """The rights that the file had, or those of any new file."""
    with suppress(OSError):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
