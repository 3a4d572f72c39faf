"""Model files read by whole processes, against parsing them alone, as ratios of medians.

    python tests/benchmarks/interop.py [RUNS]

The peer imports click, and parses the same JSON, or loads the same ONNX model with
onnx (left out where that is not installed). It prints and judges nothing: the
machine is noisy, so look at it twice.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from startup import DLCALC, PYTHON, pair

PARSE = "import sys, click, json; json.loads(open(sys.argv[1], 'rb').read())"
# The header of a safetensors file, whose data stays unread.
PARSE_HEAD = """
import sys, click, json
with open(sys.argv[1], "rb") as file:
    json.loads(file.read(int.from_bytes(file.read(8), "little")))
"""

LOAD_ONNX = "import sys, click, onnx; onnx.load(sys.argv[1])"


def _layer(name: str, kind: str, before: list[str], **config: object) -> dict[str, Any]:
    calls = [[[source, 0, 0, {}] for source in before]] if before else []
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": calls,
    }


def keras_model(layers: int = 400) -> bytes:
    """Blocks of convolution, norm, activation and addition behind an input, as Keras saves them."""
    found = [_layer("image", "InputLayer", [], batch_shape=[None, 32, 32, 16])]
    last = "image"
    while len(found) < layers:
        names = [f"{part}{len(found)}" for part in ("conv", "norm", "act", "add")]
        found += [
            _layer(names[0], "Conv2D", [last], filters=16, kernel_size=[3, 3], padding="same"),
            _layer(names[1], "BatchNormalization", [names[0]], axis=-1, epsilon=0.001),
            _layer(names[2], "ReLU", [names[1]]),
            _layer(names[3], "Add", [last, names[2]]),
        ]
        last = names[3]
    config = {
        "layers": found[:layers],
        "input_layers": [["image", 0, 0]],
        "output_layers": [[found[layers - 1]["name"], 0, 0]],
    }
    return json.dumps({"class_name": "Functional", "config": config}).encode()


def tensors(count: int = 10_000) -> bytes:
    """A safetensors file of so many matrices, one number each."""
    header = {
        f"model.layers.{n // 10}.part{n % 10}.weight": {
            "dtype": "F32",
            "shape": [1, 1],
            "data_offsets": [4 * n, 4 * n + 4],
        }
        for n in range(count)
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4 * count)


def onnx_model(layers: int = 400, channels: int = 256) -> bytes:
    """Convolutions and activations behind an input, with their weights: 470 MB."""
    from onnx import TensorProto, helper

    nodes, weights, last = [], [], "x"
    sizes = (channels, channels, 3, 3)
    data = bytes(4 * channels * channels * 9)
    for number in range(layers // 2):
        conv, act = f"conv{number}", f"act{number}"
        weights.append(helper.make_tensor(f"w{number}", TensorProto.FLOAT, sizes, data, raw=True))
        nodes.append(
            helper.make_node("Conv", [last, f"w{number}"], [conv], conv, auto_pad="SAME_UPPER")
        )
        nodes.append(helper.make_node("Relu", [conv], [act], act))
        last = act
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, channels, 32, 32))]
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "benchmark", inputs, outputs, weights)
    imports = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return bytes(model.SerializeToString())


def main() -> None:
    """Print every pair."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    print(f"{'':44} {'ours':>12} {'peer':>12} {'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        model, weights = Path(folder) / "model.json", Path(folder) / "model.safetensors"
        model.write_bytes(keras_model())
        weights.write_bytes(tensors())
        for label, command, path, parse in (
            ("params of 400 layers / click, json", "params", model, PARSE),
            ("shape of 400 layers / click, json", "shape", model, PARSE),
            ("10,000 tensors / click, json", "params", weights, PARSE_HEAD),
        ):
            peer = [PYTHON, "-c", parse, str(path)]
            pair(label, [DLCALC, command, str(path), "-q"], peer, runs, "")
        if find_spec("onnx"):
            exported = Path(folder) / "model.onnx"
            exported.write_bytes(onnx_model())
            peer = [PYTHON, "-c", LOAD_ONNX, str(exported)]
            label = "ONNX of 400 nodes, 470 MB / onnx.load"
            pair(label, [DLCALC, "params", str(exported), "-q"], peer, runs, "")


if __name__ == "__main__":
    main()
