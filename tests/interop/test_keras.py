"""Keras's own applications: every layer's name, output and numbers, as Keras summarises them.

tests/oracles/keras_applications.py recorded the table: model.to_json() of keras.applications
(weights=None, Keras 3.15) with, for each of model.layers, its name, output shape without the
batch and count_params().
"""

from __future__ import annotations

import gzip
import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from dlcalc.answers.counting import count
from dlcalc.errors import InputError
from dlcalc.interop.json_model import from_document
from dlcalc.interop.json_text import load
from dlcalc.interop.read import read
from dlcalc.interop.reduce import Unreduced, reduced

DATA = Path(__file__).parents[1] / "data" / "keras_applications.json.gz"
MODELS: dict[str, Any] = json.loads(gzip.decompress(DATA.read_bytes()))


@pytest.mark.parametrize("name", MODELS)
def test_an_application_is_what_keras_says(name: str) -> None:
    graph = from_document(MODELS[name]["model"], f"{name}.json", None)
    numbers = {
        layer.name: sum(prod(s) for s in [*layer.tensors.values(), *layer.buffers.values()])  # type: ignore[arg-type]
        for layer in count(graph.steps(), graph.convention)
    }
    for layer, shape, parameters in MODELS[name]["rows"]:
        own = [
            v
            for v in graph.vertices
            if v.name == layer or v.name.startswith((f"{layer}.", f"{layer}/"))
        ]
        assert sum(numbers.get(v.name, 0) for v in own) == parameters, layer
        assert own[-1].output is not None
        assert list(own[-1].output.sizes) == shape, layer
    if name == "NASNetMobile":
        # Its cells read the two cells before them, so that its branches do not simply meet.
        with pytest.raises(Unreduced, match="is read in more than one branch"):
            reduced(graph)
    else:
        assert reduced(graph)


def test_depth_and_pickles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nest more than 200 deep"):
        load(b"[" * 100_000 + b"]" * 100_000, "deep.json")
    pickle = tmp_path / "model.pt"
    pickle.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match="is a pickle"):
        read(str(pickle))
