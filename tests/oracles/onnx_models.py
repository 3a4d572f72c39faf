"""Exported and handmade ONNX models as plain values, with what onnx says of each tensor.

python tests/oracles/onnx_models.py --record

The models are exported by PyTorch, with numbers of their own in every tensor, so that the
exporter takes no two for one; their weights are not recorded.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import onnx
import torch
from onnx import shape_inference
from oracles.onnx_nets import NETS, Export
from oracles.onnx_plain import written
from oracles.record import DATA

from dlcalc.interop.onnx.proto import model_of

TABLE = DATA / "onnx_models.json.gz"


def exported(name: str) -> tuple[onnx.ModelProto, int]:
    """A net as PyTorch exports it, and how many numbers of it are trained."""
    export = NETS[name]
    torch.manual_seed(0)
    net = export.make().eval()
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        _export(net, export, path)
        return onnx.load(path), sum(p.numel() for p in net.parameters())


def _export(net: torch.nn.Module, export: Export, path: Path) -> None:
    if export.dynamo:
        # It reports its progress on both streams.
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            program = torch.onnx.export(
                net, export.inputs, dynamo=True, opset_version=export.opset, input_names=["x"]
            )
        onnx.save(program.model_proto, path)
        return
    modes = torch.onnx.TrainingMode
    torch.onnx.export(
        net,
        export.inputs,
        str(path),
        dynamo=False,
        opset_version=export.opset,
        training=modes.PRESERVE if export.kept else modes.EVAL,
        do_constant_folding=export.fold,
        input_names=["x"],
        dynamic_axes={"x": dict(export.open)} if export.open else None,
    )


def inferred(proto: onnx.ModelProto) -> dict[str, list[int | str]]:
    """The shapes that onnx infers: of each output of a node, where all its sizes are told."""
    known = shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    found = {}
    for info in (*known.graph.value_info, *known.graph.output):
        if info.type.tensor_type.HasField("shape"):
            dims = info.type.tensor_type.shape.dim
            found[info.name] = [
                d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims
            ]
    return found


def said(name: str) -> dict[str, Any]:
    """A model as plain values, the shapes that onnx infers, and how many numbers PyTorch trains."""
    proto, trained = exported(name)
    return {
        "model": written(model_of(proto, None, _refuse)),
        "shapes": inferred(proto),
        "parameters": trained,
    }


def _refuse(rule: str, mend: str = "") -> Any:
    raise ValueError(rule)


def main() -> None:
    """Record all of them; the file is the same for the same models."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/onnx_models.py --record")
    found = {name: said(name) for name in NETS}
    text = json.dumps(found, separators=(",", ":"))
    TABLE.write_bytes(gzip.compress(text.encode(), mtime=0))
    shapes = sum(len(model["shapes"]) for model in found.values())
    print(f"{len(found)} models, {shapes:,} shapes, onnx {onnx.__version__}")


if __name__ == "__main__":
    main()
