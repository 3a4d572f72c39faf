"""A model in JSON: which kind it is, told by the fields on its outermost level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlcalc.errors import InputError
from dlcalc.files import read_bytes
from dlcalc.interop.graph import Graph
from dlcalc.interop.json_text import MAX_BYTES, load
from dlcalc.layers.shape import Shape

if TYPE_CHECKING:
    from dlcalc.interop.safetensors import Checkpoint


def read(path: str, name: str, given: Shape | None) -> Graph | Checkpoint:
    """The graph that a JSON file describes. Raises `InputError` if it describes none."""
    data, name = read_bytes(path, MAX_BYTES)
    document = load(data, name)
    if isinstance(document, dict) and "weight_map" in document:
        from dlcalc.interop import safetensors

        safetensors.refuse_input(name, given)
        return safetensors.from_document(document, name, path)
    return from_document(document, name, given)


def from_document(document: Any, name: str, given: Shape | None) -> Graph:
    """The graph of a JSON document."""
    if isinstance(document, dict) and {"class_name", "config"} <= document.keys():
        from dlcalc.interop.keras.model import from_document as keras_model

        return keras_model(document, name, given)
    if isinstance(document, dict) and "model_type" in document:
        from dlcalc.interop.huggingface import read as huggingface

        return huggingface.from_document(document, name, given)
    raise InputError(
        f"{name} is JSON, but no model: it has neither a class_name with its config, as "
        "model.to_json() of Keras writes, nor the model_type of a Hugging Face config.json",
        mend="Keras writes one: open('model.json', 'w').write(model.to_json()).",
    )
