"""Training kept in a file: NumPy arrays and JSON, never pickle, and never half written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcalc.engine.archive import read_arrays
from dlcalc.engine.operation import Array
from dlcalc.errors import InputError, abridged
from dlcalc.files import write_whole

#: Changes when a file of today could no longer be read.
FORMAT = 1


def save(path: str, config: Mapping[str, object], state: Mapping[str, Array]) -> None:
    """Write a file whole or not at all. Raises `InputError` if it cannot be written."""
    text = json.dumps({"format": FORMAT, **config})
    arrays: dict[str, Any] = {"config": np.array(text), **state}
    write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


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
