"""Small ONNX models made by hand: one or a few nodes each, in every opset whose rules differ.

python tests/oracles/onnx_handmade.py --record

Each is run by onnxruntime on zeros: the shape of what comes out is
recorded beside the model, as plain values, and the one that onnx infers.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from oracles.onnx_models import inferred
from oracles.onnx_plain import written
from oracles.record import DATA

from dlcalc.interop.onnx.proto import model_of

TABLE = DATA / "onnx_handmade.json.gz"
#: A node behind the one before: its operator, constants that it reads too, its attributes. A
#: constant is the sizes of weights, or whole numbers as {"ints": ...}; "x" is the model's input.
Node = tuple[str, list[Any], dict[str, Any]]
#: The opset, the input's sizes (the batch first), the nodes.
Case = tuple[int, tuple[int, ...], list[Node]]


def _windows() -> Iterator[Case]:
    autos = ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
    for auto, stride, dilation, side in product(autos, (1, 2, 3), (1, 2), (7, 10)):
        pads = {"pads": [1, 0, 2, 1]} if auto == "NOTSET" else {}
        settings = {"auto_pad": auto, "strides": [stride, 1], "dilations": [dilation, 1], **pads}
        shape = (2, 4, side, side + 1)
        yield 11, shape, [("Conv", [(6, 2, 3, 2), (6,)], {"group": 2, **settings})]
        settings |= {"kernel_shape": [3, 2]}
        if auto == "NOTSET" or dilation == 1:
            yield 12, shape, [("MaxPool", [], settings)]
        if dilation == 1:
            del settings["dilations"]
            yield 11, shape, [("AveragePool", [], {"count_include_pad": 1, **settings})]
    for opset, op, (n, k, s, pads), ceil in product(
        (10, 19, 22), ("MaxPool", "AveragePool"), _rounded(), (0, 1)
    ):
        settings = {"kernel_shape": [k], "strides": [s], "pads": pads, "ceil_mode": ceil}
        yield opset, (1, 3, n), [(op, [], settings)]
    for opset in (11, 18, 22):
        yield opset, (2, 3, 9, 8), [("LpPool", [], {"kernel_shape": [3, 2], "p": 1})]
        for op in ("GlobalAveragePool", "GlobalMaxPool"):
            yield opset, (2, 3, 9, 8), [(op, [], {}), ("Flatten", [], {})]
    yield 19, (1, 3, 11), [("AveragePool", [], {"kernel_shape": [3], "dilations": [2]})]


def _rounded() -> Iterator[tuple[int, int, int, list[int]]]:
    return product((5, 6, 7, 8), (2, 3), (1, 2, 3), ([0, 0], [1, 1], [0, 1]))


def _transposed() -> Iterator[Case]:
    weights = [(4, 3, 3, 2), (6,)]
    for auto, stride in product(("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"), (1, 2, 3)):
        settings = {"auto_pad": auto, "strides": [stride, 2], "group": 2}
        yield 11, (1, 4, 5, 6), [("ConvTranspose", weights, settings)]
    for more in ([0, 0], [1, 1]):
        settings = {"strides": [2, 2], "pads": [1, 0, 0, 1], "output_padding": more, "group": 2}
        yield 11, (1, 4, 5, 6), [("ConvTranspose", weights, {**settings, "dilations": [2, 1]})]
    for size in ([10, 12], [11, 13]):
        settings = {"strides": [2, 2], "output_shape": size, "group": 2}
        yield 11, (1, 4, 5, 6), [("ConvTranspose", weights, settings)]


def _rearranging() -> Iterator[Case]:
    for axis in (0, 1, 2, 3, -1):
        yield 13, (2, 3, 4, 5), [("Flatten", [], {"axis": axis})]
    for wanted in ([0, -1], [2, 60], [0, 0, -1], [2, 3, 2, -1], [-1, 5], [6, 20], [0, 3, 20]):
        yield 14, (2, 3, 4, 5), [("Reshape", [{"ints": wanted}], {})]
    for perm in ([0, 2, 1, 3], [1, 0, 2, 3], [0, 3, 2, 1], [3, 2, 1, 0]):
        yield 13, (2, 3, 4, 5), [("Transpose", [], {"perm": perm})]
    yield 13, (2, 3, 4, 5), [("Transpose", [], {})]
    for opset in (11, 13):
        axes = {"axes": [0, 3]} if opset == 11 else {}
        more = [] if opset == 11 else [{"ints": [0, 3]}]
        yield opset, (2, 3), [("Unsqueeze", more, axes), ("Squeeze", more, axes)]
        axes = {"split": [1, 3], "axis": 1} if opset == 11 else {"axis": 1}
        more = [] if opset == 11 else [{"ints": [1, 3]}]
        yield opset, (2, 4, 5), [("Split:2", more, axes)]
    yield 18, (2, 7, 5), [("Split:3", [], {"axis": 1, "num_outputs": 3})]
    yield 11, (2, 1, 5, 1), [("Squeeze", [], {})]
    cuts = [([1], [9], [1], [2]), ([-3, 0], [-1, 2], [1, 2], [1, 1]), ([4], [-99], [2], [-2])]
    for begin, end, axes_, steps in cuts:
        ints = [{"ints": given} for given in (begin, end, axes_, steps)]
        yield 13, (2, 4, 5), [("Slice", ints, {})]
    yield 9, (2, 4, 5), [("Slice", [], {"starts": [1, 0], "ends": [3, 2], "axes": [1, 2]})]
    for axis, rows in ((1, [0, 2]), (2, [1]), (-1, [-1, 0, 3])):
        yield 13, (2, 4, 5), [("Gather", [{"ints": rows}], {"axis": axis})]
    yield 13, (2, 1, 5), [("Expand", [{"ints": [2, 4, 5]}], {})]
    yield 13, (2, 3, 5), [("Tile", [{"ints": [1, 2, 3]}], {})]
    yield 13, (2, 3, 5), [("Concat", ["x"], {"axis": 1}), ("Concat", [(2, 6, 2)], {"axis": 2})]
    for opset, mode in product((10, 13, 18), ("constant", "reflect")):
        pads = [0, 0, 1, 2, 0, 0, 2, 0]
        given = {"pads": pads} if opset == 10 else {}
        more = [] if opset == 10 else [{"ints": pads}]
        yield opset, (2, 3, 5, 6), [("Pad", more, {"mode": mode, **given})]
    yield 13, (2, 3, 5), [("Pad", [{"ints": [0, 1, 0, 0, 0, -2]}], {})]
    for mode in ("DCR", "CRD"):
        yield 13, (2, 8, 3, 5), [("DepthToSpace", [], {"blocksize": 2, "mode": mode})]
    yield 13, (2, 3, 4, 6), [("SpaceToDepth", [], {"blocksize": 2})]


def _scaled() -> Iterator[Case]:
    yield 9, (2, 3, 5, 6), [("Upsample", [{"floats": [1, 1, 2, 3]}], {"mode": "nearest"})]
    for opset, mode in product((11, 13, 18, 19), ("nearest", "linear")):
        for scales in ([1, 1, 2, 3], [1, 1, 0.6, 1.7]):
            more = [{"floats": []}, {"floats": scales}]
            yield opset, (2, 3, 5, 6), [("Resize", more, {"mode": mode})]
        more = [{"floats": []}, {"floats": []}, {"ints": [2, 3, 9, 12]}]
        yield opset, (2, 3, 5, 6), [("Resize", more, {"mode": mode})]
    yield 10, (2, 3, 5, 6), [("Resize", [{"floats": [1, 1, 2, 2]}], {"mode": "nearest"})]


def _matrices() -> Iterator[Case]:
    yield 11, (3, 8), [("Gemm", [(5, 8), (5,)], {"transB": 1})]
    yield 11, (3, 8), [("Gemm", [(8, 5), (1, 5)], {"alpha": 0.5, "beta": 2.0})]
    yield 13, (3, 8), [("Gemm", [(8, 5)], {}), ("Relu", [], {}), ("Softmax", [], {})]
    yield 13, (3, 4, 8), [("MatMul", [(8, 5)], {}), ("Add", [(5,)], {})]
    yield 13, (3, 4, 8), [("MatMul", [(8, 5)], {}), ("Add", [(4, 5)], {})]
    yield 13, (3, 4, 8), [("Transpose", [], {"perm": [0, 2, 1]}), ("MatMul", ["x"], {})]
    yield 13, (3, 4, 8), [("MatMul", [(3, 8, 2)], {})]
    yield 13, (3, 4, 8), [("Add", ["x"], {}), ("Mul", ["x"], {}), ("Sub", [(8,)], {})]
    yield 13, (3, 4, 8), [("Einsum", ["x"], {"equation": "bij,bkj->bik"})]
    for opset in (11, 13):
        yield opset, (3, 4, 8), [("Softmax", [], {"axis": 1})]
    for keep, axes in product((0, 1), ([2, 3], [1], [-1])):
        yield 13, (2, 3, 4, 5), [("ReduceMean", [], {"axes": axes, "keepdims": keep})]
        yield 18, (2, 3, 4, 5), [("ReduceMean", [{"ints": axes}], {"keepdims": keep})]
        yield 13, (2, 3, 4, 5), [("ReduceSum", [{"ints": axes}], {"keepdims": keep})]


def _norms() -> Iterator[Case]:
    shape = (2, 6, 5, 4)
    for opset in (9, 14, 15):
        yield opset, shape, [("BatchNormalization", [(6,)] * 4, {"epsilon": 0.001})]
    yield 11, shape, [("InstanceNormalization", [(6,), (6,)], {})]
    yield 18, shape, [("GroupNormalization", [(3,), (3,)], {"num_groups": 3})]
    yield 21, shape, [("GroupNormalization", [(6,), (6,)], {"num_groups": 3})]
    yield 17, shape, [("LayerNormalization", [(4,), (4,)], {})]
    yield 17, shape, [("LayerNormalization", [(5, 4)], {"axis": 2})]
    yield 23, shape, [("RMSNormalization", [(4,)], {})]
    yield 13, shape, [("LRN", [], {"size": 3})]
    for op in ("Relu", "Sigmoid", "Tanh", "Elu", "Selu", "LeakyRelu", "HardSigmoid", "Softplus"):
        yield 13, shape, [(op, [], {})]
    for slopes in ((6, 1, 1), (1,), (6, 5, 4)):
        yield 16, shape, [("PRelu", [slopes], {})]
    yield 9, shape, [("Clip", [], {"min": 0.0, "max": 6.0}), ("Dropout", [], {"ratio": 0.3})]
    yield 13, shape, [("Clip", [{"float": 0.0}, {"float": 6.0}], {}), ("Dropout", [], {})]


def _recurrent() -> Iterator[Case]:
    for (op, gates), direction, layout in product(
        (("LSTM", 4), ("GRU", 3), ("RNN", 1)), ("forward", "reverse", "bidirectional"), (0, 1)
    ):
        ways = 2 if direction == "bidirectional" else 1
        weights = [(ways, gates * 3, 4), (ways, gates * 3, 3), (ways, 2 * gates * 3)]
        settings = {"hidden_size": 3, "direction": direction, "layout": layout}
        yield 14, (7, 2, 4), [(f"{op}:2", weights, settings)]
    weights = [(1, 12, 4), (1, 12, 3), (1, 24)]
    turned = [("LSTM", weights, {"hidden_size": 3}), ("Squeeze", [{"ints": [1]}], {})]
    yield 13, (7, 2, 4), turned


def cases() -> list[Case]:
    """All of them."""
    makers = (_windows, _transposed, _rearranging, _scaled, _matrices, _norms, _recurrent)
    return [case for maker in makers for case in maker()]


def made(case: Case) -> onnx.ModelProto:
    """The model of a case; its output is that of the last node."""
    opset, shape, chain = case
    nodes, constants, before, counted = [], [], "x", 0
    outputs = [before]
    for number, (op, given, attributes) in enumerate(chain):
        kind, _, count = op.partition(":")
        names = []
        for constant in given:
            names.append("x" if constant == "x" else f"w{counted}")
            if constant != "x":
                constants.append(_tensor(constant, f"w{counted}"))
                counted += 1
        outputs = [f"y{number}" + (f"_{i}" if i else "") for i in range(int(count or 1))]
        nodes.append(helper.make_node(kind, [before, *names], outputs, f"n{number}", **attributes))
        before = outputs[0]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    out = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "handmade", [x], out, constants)
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def _tensor(given: Any, name: str) -> onnx.TensorProto:
    if isinstance(given, tuple):
        return numpy_helper.from_array(np.zeros(given, np.float32), name)
    ((kind, numbers),) = given.items()
    return numpy_helper.from_array(
        np.array(numbers, np.int64 if kind == "ints" else np.float32), name
    )


def said(case: Case) -> dict[str, Any]:
    """A case as plain values, with the shapes that onnx infers and those that onnxruntime makes."""
    proto = made(case)
    infers = inferred(proto)
    names = [output.name for output in proto.graph.output]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    shapes: list[list[int]] | None
    try:
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        found = session.run(None, {"x": np.zeros(case[1], np.float32)})
        shapes = [list(value.shape) for value in found]
    except Exception:  # onnxruntime has not every operator, and says so in many ways.
        shapes = None
    return {
        "model": written(model_of(proto, None, _refuse)),
        "shapes": infers,
        "made": None if shapes is None else dict(zip(names, shapes, strict=True)),
    }


def _refuse(rule: str, mend: str = "") -> Any:
    raise ValueError(rule)


def example() -> onnx.ModelProto:
    """The model that the README reads: padding by word, and a pooling that rounds up."""
    names = ("conv.weight", "conv.bias", "digits.weight", "digits.bias")
    shapes = ((4, 3, 3, 3), (4,), (10, 4), (10,))
    same = {"strides": [2, 2], "auto_pad": "SAME_UPPER"}
    upward = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}
    nodes = [
        helper.make_node("Conv", ["image", *names[:2]], ["a"], "conv", **same),
        helper.make_node("Clip", ["a", "zero", "six"], ["b"], "clip"),
        helper.make_node("MaxPool", ["b"], ["c"], "pool", **upward),
        helper.make_node("GlobalAveragePool", ["c"], ["d"], "mean"),
        helper.make_node("Flatten", ["d"], ["e"], "flat"),
        helper.make_node("Gemm", ["e", *names[2:]], ["classes"], "digits", transB=1),
    ]
    weights = [_tensor(shape, name) for name, shape in zip(names, shapes, strict=True)]
    bounds = [("zero", 0.0), ("six", 6.0)]
    weights += [numpy_helper.from_array(np.array(n, np.float32), name) for name, n in bounds]
    graph = helper.make_graph(
        nodes,
        "edges",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 30, 30])],
        [helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    """Record all of them; the file is the same for the same models."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/onnx_handmade.py --record")
    found = [said(case) for case in cases()]
    text = json.dumps(found, separators=(",", ":"))
    TABLE.write_bytes(gzip.compress(text.encode(), mtime=0))
    onnx.save(example(), DATA / "models" / "edges.onnx")
    run = sum(row["made"] is not None for row in found)
    print(f"{len(found)} models, {run} of them run, onnx {onnx.__version__}")


if __name__ == "__main__":
    main()
