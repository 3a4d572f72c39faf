"""A model in JSON: which kind it is, told by the fields on its outermost level."""

from __future__ import annotations

from typing import Any

from dlcalc.errors import InputError
from dlcalc.files import read_bytes
from dlcalc.interop.graph import Graph
from dlcalc.interop.json_text import MAX_BYTES, load
from dlcalc.layers.shape import Shape


def read(path: str, name: str, given: Shape | None) -> Graph:
    """The graph that a JSON file describes. Raises `InputError` if it describes none."""
    data, name = read_bytes(path, MAX_BYTES)
    return from_document(load(data, name), name, given)


def from_document(document: Any, name: str, given: Shape | None) -> Graph:
    """The graph of a JSON document."""
    if isinstance(document, dict) and {"class_name", "config"} <= document.keys():
        from dlcalc.interop import keras

        return keras.from_document(document, name, given)
    raise InputError(
        f"{name} is JSON, but no model: it has no class_name and config, as model.to_json() writes",
        mend="Keras writes one: open('model.json', 'w').write(model.to_json()).",
    )
