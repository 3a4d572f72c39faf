"""Keras's applications in JSON, with what Keras says of each of their layers.

python tests/oracles/keras_applications.py --record

It needs Keras on JAX: on PyTorch Keras refuses NASNet's padding.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from oracles.record import DATA

TABLE = DATA / "keras_applications.json.gz"
#: One or two of each family.
NAMES = (
    "VGG16 ResNet50 ResNet50V2 MobileNet MobileNetV2 DenseNet121 InceptionV3 Xception "
    "EfficientNetB0 EfficientNetV2B0 ConvNeXtTiny NASNetMobile"
).split()


def said(name: str) -> dict[str, Any]:
    """A model as it is saved, and of each layer its name, its output and its numbers."""
    model = getattr(keras.applications, name)(weights=None)
    rows = [[layer.name, _output(layer), layer.count_params()] for layer in model.layers]
    return {"model": json.loads(model.to_json()), "rows": rows}


def _output(layer: Any) -> list[int]:
    """The sizes of the first output without the batch."""
    found = layer.output[0] if isinstance(layer.output, list) else layer.output
    return list(found.shape[1:])


def main() -> None:
    """Record all of them; the file is the same for the same models."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/keras_applications.py --record")
    found = {name: said(name) for name in NAMES}
    text = json.dumps(found, separators=(",", ":"))
    TABLE.write_bytes(gzip.compress(text.encode(), mtime=0))
    layers = sum(len(model["rows"]) for model in found.values())
    print(f"{len(found)} models, {layers:,} layers, Keras {keras.__version__}")


if __name__ == "__main__":
    main()
