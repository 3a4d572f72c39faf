"""An ONNX file to plain values. Its weights stay unread, in the file and beside it.

The format: onnx/onnx.proto. Models whose weights are in files of their own say
where these are; nobody opens them, but a place outside the folder is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from dlcalc.errors import InputError, abridged
from dlcalc.files import buffered_input, check_open
from dlcalc.interop.onnx.model import BOOL, FLOAT, INT64, Constant, Given, Model, Op
from dlcalc.interop.onnx.wire import SMALL, Refuse, skeleton
from dlcalc.layers.shape import MAX_AXES, MAX_SIZE

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

#: Opsets of the standard's own operators that are known: below 7 they broadcast otherwise.
OPSETS = (7, 26)
MAX_NODES = 100_000
_STANDARD = ("", "ai.onnx")
_INT32, _DOUBLE = 6, 11
# Of numbers with a fraction only settings are of interest, not weights, but where all are alike.
_FEW = 16
# Operators whose nodes hold graphs: what comes out of them hangs on the data.
_CONTROL = {"If", "Loop", "Scan", "SequenceMap"}


def load(path: str, name: str) -> Model:
    """The model in a file.

    Raises `InputError` if it cannot be read, is none, or if the onnx package is missing.
    """

    def refuse(rule: str, mend: str = "") -> NoReturn:
        raise InputError(f"{name}: {rule}", mend=mend)

    try:
        from google.protobuf.message import DecodeError
        from onnx import ModelProto
    except ImportError as error:
        raise InputError(
            f"{name} is an ONNX model, and the onnx package is not installed",
            mend="Install it with pip install 'dlcalc[onnx]'.",
        ) from error
    data = _skeleton(path, refuse)
    try:
        proto = ModelProto.FromString(data)
    except DecodeError:
        refuse("it is no ONNX model, but another protobuf or damaged")
    _check_names(proto, refuse)
    return model_of(proto, None if path == "-" else os.path.dirname(os.path.abspath(path)), refuse)


def _skeleton(path: str, refuse: Refuse) -> bytes:
    check_open(path)
    if path == "-":
        return _skimmed(buffered_input(), refuse)
    try:
        with open(path, "rb") as file:
            return _skimmed(file, refuse)
    except OSError as error:
        refuse(f"it cannot be read: {error.strerror or error}")


def _skimmed(file: BinaryIO, refuse: Refuse) -> bytes:
    size = file.seek(0, 2)
    file.seek(0)
    return skeleton(file, size, refuse)


def model_of(proto: ModelProto, folder: str | None, refuse: Refuse) -> Model:
    """The plain values of a model, which is in ``folder``; ``refuse`` is called for the rest."""
    graph = proto.graph
    if not graph.node:
        refuse("it is no ONNX model, or one without nodes")
    if len(graph.node) > MAX_NODES:
        refuse(f"it has {len(graph.node):,} nodes; at most {MAX_NODES:,} are taken")
    if graph.sparse_initializer:
        refuse("its sparse initializers are not supported")
    opset = next((o.version for o in proto.opset_import if o.domain in _STANDARD), 0)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        refuse(
            f"opset {opset} is not supported; opsets {OPSETS[0]} to {OPSETS[1]} are",
            "onnx.version_converter brings a model to another opset.",
        )
    constants = {tensor.name: _constant(tensor, folder, refuse) for tensor in graph.initializer}
    if len(constants) < len(graph.initializer):
        refuse("two of its initializers have one name")
    functions = {function.name for function in proto.functions}
    return Model(
        opset,
        tuple(_ops(graph, functions, folder, refuse)),
        constants,
        # Before version 4 of the format, initializers were listed among the inputs as well.
        tuple([_given(info, refuse) for info in graph.input if info.name not in constants]),
        tuple([info.name for info in graph.output]),
    )


def _check_names(proto: ModelProto, refuse: Refuse) -> None:
    """Refuse names that are no text: protobuf gives their bytes as they are."""
    graph = proto.graph
    tensors = (*graph.initializer, *(a.t for node in graph.node for a in node.attribute))
    for named in (*graph.node, *tensors, *graph.input, *graph.output, *proto.functions):
        _check_text(named.name, refuse)
    for node in graph.node:
        for text in (node.op_type, node.domain, *node.input, *node.output):
            _check_text(text, refuse)
        for attribute in node.attribute:
            _check_text(attribute.name, refuse)
    for info in graph.input:
        for dimension in info.type.tensor_type.shape.dim:
            _check_text(dimension.dim_param, refuse)
    for tensor in tensors:
        for entry in tensor.external_data:
            _check_text(entry.key, refuse)
            _check_text(entry.value, refuse)


def _check_text(text: object, refuse: Refuse) -> None:
    if not isinstance(text, str):
        refuse("it is damaged: a name in it is not UTF-8 text")


def _ops(
    graph: GraphProto, functions: set[str], folder: str | None, refuse: Refuse
) -> Iterable[Op]:
    for number, node in enumerate(graph.node, 1):
        name = node.name or next(filter(None, node.output), "") or f"node {number}"
        _check_op(node, name, functions, refuse)
        attributes = {a.name: _attribute(a, folder, refuse) for a in node.attribute}
        yield Op(name, node.op_type, tuple(node.input), tuple(node.output), attributes)


def _check_op(node: NodeProto, name: str, functions: set[str], refuse: Refuse) -> None:
    """Refuse functions, operators of other domains and graphs within a node, by their names."""
    shown, kind = abridged(name, 60), abridged(node.op_type, 40)
    if node.domain not in _STANDARD:
        if node.op_type in functions:
            refuse(
                f"{shown} ({kind}): it calls a function of the model, which is not supported",
                "onnx.inliner.inline_local_functions writes out the functions of a model.",
            )
        full = abridged(f"{node.domain}.{node.op_type}", 60)
        refuse(f"{shown} ({full}): operators outside the standard are not supported")
    graphs = any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute)
    if graphs or node.op_type in _CONTROL:
        refuse(
            f"{shown} ({kind}): it runs a graph of its own, which may hang on the data, and is "
            "not supported",
            "Export the model by tracing, without loops and conditions.",
        )


def _attribute(attribute: AttributeProto, folder: str | None, refuse: Refuse) -> Any:
    """The value of an attribute; None for the kinds that no operator here has."""
    kind = attribute.type
    if kind == attribute.FLOAT:
        return attribute.f
    if kind == attribute.INT:
        return attribute.i
    if kind == attribute.STRING:
        return attribute.s.decode("utf-8", "replace")
    if kind == attribute.TENSOR:
        return _constant(attribute.t, folder, refuse)
    if kind == attribute.FLOATS:
        return tuple(attribute.floats)
    if kind == attribute.INTS:
        return tuple(attribute.ints)
    if kind == attribute.STRINGS:
        return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
    return None


def _constant(tensor: TensorProto, folder: str | None, refuse: Refuse) -> Constant:
    shape = tuple(tensor.dims)
    shown = abridged(tensor.name, 60) or "a constant"
    if len(shape) > MAX_AXES or not all(0 <= size <= MAX_SIZE for size in shape):
        refuse(f"{shown} has sizes that no tensor has: {abridged(str(shape[:9]))}")
    if tensor.data_location == tensor.EXTERNAL:
        _check_external(tensor, shown, folder, refuse)
        return Constant(tensor.name, shape, tensor.data_type)
    return Constant(tensor.name, shape, tensor.data_type, _values(tensor, shape))


def _check_external(tensor: TensorProto, shown: str, folder: str | None, refuse: Refuse) -> None:
    """Refuse weights outside the model's folder, though nobody opens them here."""
    place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    parts = place.replace("\\", "/").split("/")
    outside = not parts[0] or ".." in parts or ":" in parts[0] or "\0" in place
    if not outside and folder is not None:
        # A link within the folder may lead out of it.
        root = os.path.realpath(folder)
        target = os.path.realpath(os.path.join(root, place))
        outside = os.path.commonpath([root, target]) != root
    if outside:
        refuse(
            f"the data of {shown} are said to be in {abridged(place, 60) or 'no file'}, which is "
            "not inside the model's folder"
        )


def _values(tensor: TensorProto, shape: Sequence[int]) -> tuple[float, ...] | None:
    """The numbers of a small tensor, of the types that shapes and settings have."""
    from array import array
    from math import prod
    from sys import byteorder

    count = prod(shape)
    fields = {
        INT64: (tensor.int64_data, "q"),
        _INT32: (tensor.int32_data, "i"),
        BOOL: (tensor.int32_data, "b"),
        FLOAT: (tensor.float_data, "f"),
        _DOUBLE: (tensor.double_data, "d"),
    }
    if tensor.data_type not in fields:
        return None
    if count > SMALL // 8:
        return None
    listed, code = fields[tensor.data_type]
    found: tuple[float, ...] = tuple(listed)
    if tensor.raw_data:
        numbers = array(code)
        if len(tensor.raw_data) != count * numbers.itemsize:
            return None
        numbers.frombytes(tensor.raw_data)
        if byteorder == "big":
            numbers.byteswap()
        found = tuple(numbers)
    fraction = tensor.data_type in (FLOAT, _DOUBLE)
    if len(found) != count or (fraction and count > _FEW and len(set(found)) > 1):
        return None
    return found


def _given(info: ValueInfoProto, refuse: Refuse) -> Given:
    shown = abridged(info.name, 60)
    if info.type.WhichOneof("value") != "tensor_type":
        refuse(f"its input {shown} is no tensor")
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        refuse(f"its input {shown} has no shape")
    if len(tensor.shape.dim) > MAX_AXES:
        axes = len(tensor.shape.dim)
        refuse(f"its input {shown} has {axes} axes; at most {MAX_AXES} are taken")
    sizes: list[int | str | None] = []
    for dimension in tensor.shape.dim:
        if not dimension.HasField("dim_value"):
            sizes.append(dimension.dim_param or None)
        elif 1 <= dimension.dim_value <= MAX_SIZE:
            sizes.append(dimension.dim_value)
        else:
            refuse(
                f"its input {shown} has the size {dimension.dim_value:,}",
                f"Sizes are from 1 to {MAX_SIZE:,}; one that is not known has a name or none.",
            )
    return Given(info.name, tuple(sizes), tensor.elem_type)
