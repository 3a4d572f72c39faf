"""ONNX files themselves: what is refused, with its reason, and what of a file is never read."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

from dlcalc.errors import InputError
from dlcalc.interop.graph import Graph
from dlcalc.interop.read import read

onnx = pytest.importorskip("onnx", reason="onnx is not installed; its files cannot be made")
from onnx import TensorProto, helper  # noqa: E402


def tensor(name: str, *sizes: int) -> Any:
    """An initializer of zeros."""
    count = 1
    for size in sizes:
        count *= size
    return helper.make_tensor(name, TensorProto.FLOAT, sizes, bytes(4 * count), raw=True)


def conv(**attributes: Any) -> Any:
    return helper.make_node("Conv", ["x", "w"], ["y"], "conv", **attributes)


def small(
    nodes: list[Any] | None = None,
    *,
    sizes: tuple[Any, ...] = (1, 3, 8, 8),
    constants: list[Any] | None = None,
    opset: int = 17,
    output: str = "y",
    listed: bool = False,
) -> Any:
    """A convolution of an image, or other nodes behind an input x."""
    constants = [tensor("w", 4, 3, 3, 3)] if constants is None else constants
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)]
    if listed:
        inputs += [
            helper.make_tensor_value_info(c.name, TensorProto.FLOAT, c.dims) for c in constants
        ]
    graph = helper.make_graph(
        [conv()] if nodes is None else nodes,
        "small",
        inputs,
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(folder: Path, model: Any, name: str = "a.onnx") -> str:
    path = folder / name
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return str(path)


def graph(folder: Path, model: Any) -> Graph:
    found = read(saved(folder, model))
    assert isinstance(found, Graph)
    return found


def refusal(folder: Path, model: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(saved(folder, model))
    return f"{caught.value.rule} {caught.value.mend}"


def test_a_file_is_read(tmp_path: Path, run: Run) -> None:
    saved(tmp_path, small())
    assert run("params", "./a.onnx", "-q", cwd=tmp_path).stdout == "108\n"
    assert run("shape", "./a.onnx", "-q", cwd=tmp_path).stdout == "4x6x6\n"
    done = run("shape", "3x16x16", "./a.onnx", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "1x3x8x8, batch included, which 3x16x16 is not" in done.stderr


def test_an_input_fills_open_sizes(tmp_path: Path, run: Run) -> None:
    saved(tmp_path, small(sizes=("batch", 3, "height", None)))
    assert run("shape", "./a.onnx", "-q", cwd=tmp_path).stdout == "4 x (H - 2) x (W - 2)\n"
    assert run("shape", "3x16x9", "./a.onnx", "-q", cwd=tmp_path).stdout == "4x14x7\n"
    assert run("shape", "3xNxN", "./a.onnx", "-q", cwd=tmp_path).stdout == "4 x (N - 2) x (N - 2)\n"
    saved(tmp_path, small(sizes=(1, 3, "side", "side")))
    done = run("shape", "3x16x9", "./a.onnx", "-q", cwd=tmp_path)
    assert "gives side two sizes: 16 and 9" in done.stderr


def test_standard_input(tmp_path: Path, run: Run) -> None:
    done = run("params", "-f", "-", "-q", stdin=small().SerializeToString())
    assert (done.returncode, done.stdout) == (0, "108\n"), done.stderr


def test_initializers_among_the_inputs(tmp_path: Path) -> None:
    """As every file listed them before version 4 of the format."""
    assert len(graph(tmp_path, small(listed=True)).inputs) == 1


def test_without_onnx_it_says_how_to_install_it(tmp_path: Path, run: Run) -> None:
    (tmp_path / "onnx.py").write_text("raise ImportError('blocked')")
    saved(tmp_path, small())
    done = run("params", "./a.onnx", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{':'.join(sys.path)}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'dlcalc[onnx]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_beginning_of_a_file_is_refused(tmp_path: Path) -> None:
    whole = small().SerializeToString()
    path = tmp_path / "a.onnx"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError):
            read(str(path))


def test_damaged_bytes_are_read_or_refused(tmp_path: Path) -> None:
    """Nothing but a refusal may be raised, whatever bytes there are."""
    whole, draw, refused = small().SerializeToString(), random.Random(0), 0
    path = tmp_path / "a.onnx"
    for _ in range(1_500):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 2, 5))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            read(str(path))
        except InputError:
            refused += 1
    assert 200 < refused < 1_500


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    draw = random.Random(0)
    for size in (0, 1, 10, 1_000, 100_000):
        with pytest.raises(InputError):
            read(saved(tmp_path, draw.randbytes(size)))


def _external(place: str, *, key: str = "location") -> Any:
    weight = tensor("w", 4, 3, 3, 3)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = key, place
    return small(constants=[weight])


@pytest.mark.parametrize(
    "place", ["../w.bin", "/etc/passwd", "a/../../w.bin", "C:\\w.bin", "\\\\host\\w", "..", ""]
)
def test_weights_outside_the_folder_are_refused(place: str, tmp_path: Path) -> None:
    assert f"the data of w are said to be in {place or 'no file'}, which is" in refusal(
        tmp_path, _external(place)
    )


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "model"
    inner.mkdir()
    (tmp_path / "outside").mkdir()
    (inner / "weights").symlink_to(tmp_path / "outside")
    (inner / "own").mkdir()
    assert "weights/w.bin, which is not inside" in refusal(inner, _external("weights/w.bin"))
    assert graph(inner, _external("own/w.bin")).vertices[1].name == "conv"


def test_weights_inside_the_folder_are_not_read(tmp_path: Path) -> None:
    """They are not even there."""
    found = graph(tmp_path, _external("w.bin"))
    assert not (tmp_path / "w.bin").exists()
    assert found.vertices[1].output is not None


def test_a_shape_kept_outside_is_not_known(tmp_path: Path) -> None:
    """The flow of data is open from there on, and what is trained is counted all the same."""
    shape = helper.make_tensor("shape", TensorProto.INT64, (2,), bytes(16), raw=True)
    shape.ClearField("raw_data")
    shape.data_location = TensorProto.EXTERNAL
    entry = shape.external_data.add()
    entry.key, entry.value = "location", "w.bin"
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["z"], "reshape"),
        helper.make_node("MatMul", ["z", "w"], ["y"], "matmul"),
    ]
    found = graph(tmp_path, small(nodes, constants=[shape, tensor("w", 8, 5)]))
    assert "reshape (Reshape): its input 2, which says sizes, hangs on the data" in found.open
    assert [dict(v.tensors) for v in found.vertices if v.tensors] == [{"w": (8, 5)}]


def test_an_output_that_hangs_on_data_leaves_the_rest_open(tmp_path: Path, run: Run) -> None:
    nodes = [
        conv(),
        helper.make_node("NonZero", ["y"], ["places"], "where"),
        helper.make_node("BatchNormalization", ["places", *"abcd"], ["z"], "norm"),
    ]
    weights = [tensor("w", 4, 3, 3, 3), *(tensor(name, 4) for name in "abcd")]
    saved(tmp_path, small(nodes, constants=weights, output="z"))
    assert run("params", "./a.onnx", "-q", cwd=tmp_path).stdout == "116\n"
    done = run("shape", "./a.onnx", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "where (NonZero): how many values are not 0 hangs on the data" in done.stderr
    assert json.loads(run("params", "./a.onnx", "--json", cwd=tmp_path).stdout)["macs"] is None


def _named(kind: str, domain: str = "", **attributes: Any) -> Any:
    return small([helper.make_node(kind, ["x", "w"], ["y"], "node", domain=domain, **attributes)])


def _function() -> Any:
    model = _named("Mine", "own")
    model.functions.append(helper.make_function("own", "Mine", ["a"], ["b"], [], []))
    return model


def _twice(model: Any, field: str) -> Any:
    values = getattr(model.graph, field)
    values.append(values[0])
    return model


CYCLE = [
    helper.make_node("Add", ["x", "b"], ["a"], "first"),
    helper.make_node("Relu", ["a"], ["b"], "second"),
]
BRANCH = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "branch", [], [])
#: What is wrong with a model, the model, and a part of the refusal.
WRONG: dict[str, tuple[Any, str]] = {
    "an enormous input": (small(sizes=(1, 3, 2**62, 8)), "has the size 4,611,686,018,427,387,904"),
    "an input below 0": (small(sizes=(1, 3, -1, 8)), "has the size -1"),
    "an input of 0": (small(sizes=(1, 3, 0, 8)), "has the size 0"),
    "an enormous weight": (
        small(constants=[TensorProto(name="w", dims=[2**62, 1], data_type=1)]),
        "w has sizes that no tensor has: (4611686018427387904, 1)",
    ),
    "a weight below 0": (
        small(constants=[TensorProto(name="w", dims=[4, -3, 3, 3], data_type=1)]),
        "w has sizes that no tensor has: (4, -3, 3, 3)",
    ),
    "a weight of 40 axes": (
        small(constants=[TensorProto(name="w", dims=[1] * 40, data_type=1)]),
        "w has sizes that no tensor has",
    ),
    "a cycle": (small(CYCLE, output="b"), "first (Add): no node before it gives its input b"),
    "an output given twice": (small([conv(), conv()]), "its output y is given twice"),
    "an input given by a node": (
        small([helper.make_node("Relu", ["x"], ["x"], "node")], output="x"),
        "its output x is given twice",
    ),
    "two initializers of one name": (_twice(small(), "initializer"), "initializers have one name"),
    "two inputs of one name": (_twice(small(), "input"), "two inputs are called x"),
    "no such output": (small(output="z"), "no node gives its output z"),
    "no nodes": (small([]), "no ONNX model, or one without nodes"),
    "an old opset": (small(opset=6), "opset 6 is not supported; opsets 7 to 26 are"),
    "an opset to come": (small(opset=99), "opset 99 is not supported; opsets 7 to 26 are"),
    "a domain of its own": (_named("Mine", "com.acme"), "node (com.acme.Mine): operators outside"),
    "a function of its own": (_function(), "node (Mine): it calls a function of the model"),
    "an unknown operator": (_named("Convv"), "The nearest that is known is Conv"),
    "a quantised operator": (_named("QLinearConv"), "quantised operators are not supported"),
    "a condition": (
        _named("If", then_branch=BRANCH, else_branch=BRANCH),
        "node (If): it runs a graph of its own",
    ),
    "a loop": (_named("Loop", body=BRANCH), "node (Loop): it runs a graph of its own"),
    "a scan": (_named("Scan", body=BRANCH, num_scan_inputs=1), "node (Scan): it runs a graph"),
    "a stride of 0": (small([conv(strides=[0, 1])]), "strides must be numbers from 1"),
    "an enormous stride": (small([conv(strides=[2**62, 1])]), "strides must be numbers from 1"),
    "half a stride": (small([conv(strides=[0.5, 1.0])]), "strides must be whole numbers"),
    "three strides": (small([conv(strides=[1, 1, 1])]), "strides has 3 numbers, not 2"),
    "no groups": (small([conv(group=0)]), "group must be from 1, not 0"),
    "uneven groups": (small([conv(group=3)]), "groups=3 does not divide the 4 output channels"),
    "another kernel": (small([conv(kernel_shape=[5, 5])]), "is not that of its weight, 3"),
    "an unknown padding": (small([conv(auto_pad="SAME")]), "auto_pad is SAME, which is not known"),
    "padding twice": (
        small([conv(auto_pad="SAME_UPPER", pads=[1, 1, 1, 1])]),
        "it has pads beside auto_pad SAME_UPPER",
    ),
    "a kernel too large": (small(sizes=(1, 3, 2, 2)), "a 3x3 kernel does not fit into 2x2"),
    "a setting of 2": (
        small([helper.make_node("MaxPool", ["x"], ["y"], "p", kernel_shape=[2, 2], ceil_mode=2)]),
        "ceil_mode must be 0 or 1, not 2",
    ),
    "axes as an attribute": (
        small([helper.make_node("Squeeze", ["x"], ["y"], "s", axes=[0])]),
        "axes is an input from opset 13 on, not an attribute",
    ),
    "control characters": (
        small([helper.make_node("\x1b[31mBad", ["x"], ["y"], "\x1b[2J")]),
        "[31mBad is not an operator that is known",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_refused_by_name(what: str, tmp_path: Path) -> None:
    model, rule = WRONG[what]
    found = refusal(tmp_path, model)
    assert rule in found
    assert "\x1b" not in found
    assert "a.onnx" in found


def test_what_these_are_made_of_is_read(tmp_path: Path) -> None:
    assert not graph(tmp_path, small()).open
    assert not graph(tmp_path, small([conv(strides=[2, 1])])).open


def test_too_many_nodes_are_refused_in_time(tmp_path: Path, run: Run) -> None:
    node = helper.make_node("Relu", ["x"], ["x"]).SerializeToString()
    body = (bytes([0x0A, len(node)]) + node) * 1_000_000
    length, size = bytearray(), len(body)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    saved(tmp_path, b"\x08\x08\x3a" + bytes(length) + body)
    started = time.monotonic()
    done = run("params", "./a.onnx", cwd=tmp_path)
    # A bound against running away, far above what it takes.
    assert time.monotonic() - started < 30
    assert (done.returncode, done.stdout) == (2, "")
    assert "it has more than 500,000 fields" in done.stderr


def test_large_weights_are_left_in_the_file(tmp_path: Path) -> None:
    """A model of 400 MB, of which the file's holes take no room, is read in little memory."""
    import tracemalloc

    weight = TensorProto(name="w", dims=[10_000, 10_000], data_type=1)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "dense")
    model = small([node], sizes=(1, 10_000), constants=[weight]).SerializeToString()
    placed = tmp_path / "a.onnx"
    _with_holes(placed, model, weight.SerializeToString(), 400_000_000)
    assert placed.stat().st_size > 400_000_000
    tracemalloc.start()
    found = read(str(placed))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, Graph)
    assert found.vertices[1].node is not None
    assert found.vertices[1].node.text == "dense:10000,bias=no"
    assert most < 10_000_000


def _with_holes(path: Path, model: bytes, weight: bytes, size: int) -> None:
    """The model with so many zeros as the raw data of its weight."""
    head = b"\x4a" + _varint(size)
    graph = onnx.ModelProto.FromString(model).graph
    del graph.initializer[:]
    rest = graph.SerializeToString()
    inner = len(weight) + len(head) + size
    tensor_head = b"\x2a" + _varint(inner)
    outer = len(rest) + len(tensor_head) + inner
    opset = helper.make_opsetid("", 17).SerializeToString()
    with open(path, "wb") as file:
        file.write(b"\x08\x08\x42" + _varint(len(opset)) + opset + b"\x3a" + _varint(outer))
        file.write(rest + tensor_head + weight + head)
        file.truncate(file.tell() + size)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
