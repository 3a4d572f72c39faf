"""Convolution, its transpose and local layers, held to the algebra and to frameworks."""

from __future__ import annotations

import os
import random
from itertools import product
from typing import Any

import numpy as np
import pytest
from engine.harness import Array, compiled, complex_steps, error, gradients

from dlcalc.answers.network import load_line
from dlcalc.answers.params import params
from dlcalc.answers.shape import shape
from dlcalc.engine.program import Program
from dlcalc.errors import InputError, LayerError
from dlcalc.layers.convention import CONVENTIONS, TORCH
from dlcalc.nets.field import behind, start
from dlcalc.nets.trace import trace


def drawn_line(draw: random.Random, word: str) -> str:
    """One layer with random arguments on a random input; it may not fit."""
    rank = draw.choice([1, 2, 2, 3])
    sides = [draw.randint(1, 12 if rank < 3 else 6) for _ in range(rank)]
    groups = draw.choice([1, 1, 2, 3]) if word != "local" else 1
    inputs, out = groups * draw.randint(1, 3), groups * draw.randint(1, 3)

    def each(low: int, high: int) -> str:
        return "x".join(str(draw.randint(low, high)) for _ in range(rank))

    words = [f"{word}:{out}", f"kernel={each(1, 3)}", f"stride={each(1, 3)}"]
    if word != "local":
        words += [f"dilation={each(1, 3)}", f"groups={groups}"]
    ends = [[draw.randint(0, 2) for _ in "be"] for _ in range(rank)]
    words.append("padding=" + "x".join(f"{begin}+{end}" for begin, end in ends))
    if word == "convtranspose" and draw.random() < 0.5:
        words.append(f"output_padding={each(0, 2)}")
    if draw.random() < 0.3:
        words.append("bias=no")
    return f"{inputs}x{'x'.join(map(str, sides))} {','.join(words)}"


def drawn_lines(word: str, count: int) -> list[str]:
    """Lines that fit; another DLCALC_SEED draws others."""
    draw = random.Random(f"{word} {os.environ.get('DLCALC_SEED', '')}")
    found: list[str] = []
    while len(found) < count:
        line = drawn_line(draw, word)
        try:
            shape(line)
        except InputError:
            continue
        found.append(line)
    return found


LINES = {
    "conv": drawn_lines("conv", 70),
    "convtranspose": drawn_lines("convtranspose", 70),
    "local": drawn_lines("local", 20),
}
ALL = [line for lines in LINES.values() for line in lines]


def the_layer(line: str) -> Any:
    return next(iter(load_line(line)[1])).layer


def assert_is_the_algebra(line: str, like: str, **settings: Any) -> Program:
    """The program has the sizes, tensors and multiplications that the algebra claims."""
    layout = settings.get("layout", "chw")
    program = compiled(line, like=like, **settings)
    promised = params(line, like=like, layout=layout)
    output = shape(line, like=like, layout=layout).value.sizes
    assert program.output.data.shape[1:] == output == program.forward().shape[1:]
    assert program.parameters.size == promised.value
    assert program.multiplications["weights"] == program.batch * promised.macs
    start_shape, net = load_line(line, layout=layout)
    (step,) = trace(net, start_shape, CONVENTIONS[like])
    tensors = step.node.layer.parameters(step.input, CONVENTIONS[like])
    name = step.node.layer.words[0]
    assert {f"{name}1.{key}": sizes for key, sizes in tensors.items()} == {
        key: tensor.value.shape for key, tensor in program.tensors.items()
    }
    return program


@pytest.mark.parametrize("line", ALL)
def test_sizes_tensors_and_multiplications_are_those_of_the_algebra(line: str) -> None:
    assert_is_the_algebra(line, "torch", batch=2)


def agree_to_refuse(line: str, like: str) -> bool:
    """Whether algebra and engine both refuse a line; they must not differ."""
    try:
        start_shape, net = load_line(line)
    except InputError:
        return True
    try:
        shape(line, like=like)
        fits = True
    except InputError:
        fits = False
    try:
        Program(net, start_shape.sizes, convention=CONVENTIONS[like])
        runs = True
    except LayerError:
        runs = False
    assert fits == runs, (line, like, fits)
    return not fits


@pytest.mark.parametrize("like", CONVENTIONS)
@pytest.mark.parametrize("word", ["conv", "convtranspose", "local"])
def test_conventions_agree_with_the_algebra(word: str, like: str) -> None:
    draw = random.Random(f"{word} {like} {os.environ.get('DLCALC_SEED', '')}")
    ran = 0
    for _ in range(120):
        k, s, d, op, n = (draw.randint(low, high) for low, high in RANGES)
        padding = draw.choice(PADDINGS)
        line = f"2x{n}x{n + 1} {word}:2,k{k},s{s},p={padding}"
        if word != "local":
            line += f",d{d}"
        if word == "convtranspose":
            line += draw.choice(["", f",op{op}", f",output={draw.randint(1, 20)}"])
        if agree_to_refuse(line, like):
            continue
        ran += 1
        assert_is_the_algebra(line, like, batch=1)
    assert ran > 5


RANGES = [(1, 5), (1, 4), (1, 3), (0, 3), (1, 9)]
PADDINGS = ["0", "1", "0+1", "2x1", "valid", "same", "same_upper", "same_lower", "causal"]


def test_refuses_what_it_cannot_run() -> None:
    lines = ["2x4x4 conv3d:2,k2", "3x4x4 conv:2,k2,g2", "2x4 conv:2,k5", "1x4 conv:2,k1x1"]
    lines += ["1x4 convtranspose:1,k1,p2", "2x3x3 local:1,k4", "2x4 conv:2,k2,p1x1"]
    for line in lines:
        assert agree_to_refuse(line, "torch"), line
    assert agree_to_refuse("1x4x4 conv:1,k3,p=causal", "keras")
    assert agree_to_refuse("1x4x4 conv:1,k3,p=0+1", "caffe")
    for line in ("4 conv:2,k1", "2x4 conv:C,k1", "2x4 conv:2,k1,g=G"):
        # What the algebra can say of letters and of one side alone cannot be run.
        with pytest.raises(LayerError):
            compiled(line)


def test_values_by_hand() -> None:
    program = compiled("1x4 conv:1,k2,s2,p=1+0", batch=1)
    program.parameters[...] = [10, 1, 0.5]
    program.input.data[...] = [[[1, 2, 3, 4]]]
    assert program.forward().tolist() == [[[0 + 1 + 0.5, 20 + 3 + 0.5]]]
    program = compiled("1x2 convtranspose:1,k3,s2,p=1+0,op1", batch=1)
    program.parameters[...] = [1, 10, 100, 0.5]
    program.input.data[...] = [[[1, 2]]]
    # The windows 1 10 100 and 2 20 200 overlap in one position; one is cut, one added.
    assert program.forward().tolist() == [[[10.5, 102.5, 20.5, 200.5, 0.5]]]
    program = compiled("1x3 local:1,k2", batch=1)
    program.parameters[...] = [1, 2, 3, 4, 0.5, 0.25]
    program.input.data[...] = [[[1, 10, 100]]]
    assert program.forward().tolist() == [[[21.5, 430.25]]]


STEPS = [
    ("2x5x4 conv:3,k3x2,s2x1,p=1+0x0+2,d1x2", "torch"),
    ("4x6 conv:6,k3,g2,p=causal", "keras"),
    ("2x3x4x3 conv:2,k2,p1", "torch"),
    ("2x4x5 conv:2,k3,s2,p=same", "tf"),
    ("2x4x5 conv:2,k4,s3,p=same_lower,bias=no", "onnx"),
    ("4x3x4 convtranspose:2,k3x2,s2,p1x0,op1,g2", "torch"),
    ("2x4 convtranspose:2,k2,s3,p=same", "keras"),
    ("2x4 convtranspose:2,k3,s2,output=6,p=same_lower", "onnx"),
    ("2x4x3 local:2,k2,s2x1,p1", "torch"),
    ("1x8x8 conv:2,k3 tanh convtranspose:2,k2,s2 tanh local:1,k3,s3 conv:3,k1", "torch"),
]


@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize(("line", "like"), STEPS)
@pytest.mark.parametrize("batch", [1, 6])
def test_gradients_are_those_of_complex_steps(
    line: str, like: str, batch: int, layout: str
) -> None:
    if layout == "hwc" and batch == 6:
        channels, *sides = line.split()[0].split("x")
        line = line.replace(line.split()[0], "x".join([*sides, channels]))
    elif layout == "hwc":
        return
    settings: dict[str, Any] = {"like": like, "layout": layout, "batch": batch}
    if "tanh" in line:
        pytest.importorskip("dlcalc.engine.operations.activation")
    _, by_parameters, by_input = gradients(compiled(line, **settings))
    exact = complex_steps(line, **settings)
    assert error(by_parameters, exact[0]) < 1e-12
    assert error(by_input, exact[1]) < 1e-12


def torch_values(layer: Any, x: Any, tensors: dict[str, Any]) -> Any:
    """PyTorch's functional form of a convolution or its transpose, on leaves that ask gradients."""
    import torch.nn.functional as f

    rank = x.ndim - 2
    ends = layer.padding * rank if len(layer.padding) == 1 else layer.padding
    weight, bias = tensors["weight"], tensors.get("bias")
    rest = {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    if layer.words[0] == "conv":
        x = f.pad(x, [n for pair in reversed(ends) for n in pair])
        return getattr(f, f"conv{rank}d")(x, weight, bias, **rest)
    # PyTorch cuts both ends alike: run on nothing cut, then cut what the line cuts.
    function = getattr(f, f"conv_transpose{rank}d")
    if all(begin == end for begin, end in ends):
        padding = [begin for begin, _ in ends]
        more = layer.output_padding or 0
        return function(x, weight, bias, padding=padding, output_padding=more, **rest)
    full = function(x, weight, None, **rest)
    more = (layer.output_padding or (0,)) * rank
    cuts = [[-begin, op - end] for (begin, end), op in zip(ends, more[:rank])]
    y = f.pad(full, [n for pair in reversed(cuts) for n in pair])
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


@pytest.mark.parametrize("batch", [1, 11])
@pytest.mark.parametrize("line", LINES["conv"] + LINES["convtranspose"])
def test_outputs_and_gradients_are_those_of_torch(line: str, batch: int) -> None:
    torch = pytest.importorskip("torch")
    # With so little to do threads only wait for one another.
    torch.set_num_threads(1)
    program = compiled(line, batch=batch)
    cotangent, _, by_input = gradients(program)
    x = torch.tensor(program.input.data, requires_grad=True)
    tensors = {
        name.partition(".")[2]: torch.tensor(tensor.value, requires_grad=True)
        for name, tensor in program.tensors.items()
    }
    y = torch_values(the_layer(line), x, tensors)
    y.backward(torch.tensor(cotangent))
    assert error(program.output.data, y.detach().numpy()) < 1e-10
    assert error(by_input, x.grad.numpy()) < 1e-10
    for name, tensor in program.tensors.items():
        assert error(tensor.gradient, tensors[name.partition(".")[2]].grad.numpy()) < 1e-10


@pytest.mark.parametrize("line", LINES["conv"][:15] + LINES["convtranspose"][:15])
def test_layouts_do_the_same(line: str) -> None:
    program = compiled(line)
    _, gradient, by_input = gradients(program)
    first, *rest = line.split()
    channels, *sides = first.split("x")
    turned = compiled(" ".join(["x".join([*sides, channels]), *rest]), layout="hwc")
    turned.input.data[...] = np.moveaxis(program.input.data, 1, -1)
    assert turned.parameters.tolist() == program.parameters.tolist()
    turned.forward()
    assert np.array_equal(np.moveaxis(turned.output.data, -1, 1), program.output.data)
    cotangent = np.random.default_rng(1).normal(size=program.output.data.shape)
    turned.output.cotangent[...] = np.moveaxis(cotangent, 1, -1)
    assert error(turned.backward(), gradient) < 1e-13
    assert error(np.moveaxis(turned.input.cotangent, -1, 1), by_input) < 1e-13


@pytest.mark.parametrize("line", LINES["local"])
def test_local_is_a_sum_at_every_position(line: str) -> None:
    program, layer = compiled(line), the_layer(line)
    weight = program.tensors["local1.weight"].value
    y = program.forward()
    ends = [(0, 0), (0, 0), *layer.padding]
    x = np.pad(program.input.data, ends)
    bias = program.tensors["local1.bias"].value if layer.bias else np.zeros(y.shape[1:])
    for place in np.ndindex(*y.shape[2:]):
        window = tuple(
            slice(i * s, i * s + k) for i, s, k in zip(place, layer.stride, layer.kernel)
        )
        seen = x[(slice(None), slice(None), *window)]
        kernel = weight[place].reshape(layer.out, -1)
        expected = seen.reshape(len(seen), -1) @ kernel.T
        found = y[(slice(None), slice(None), *place)]
        assert error(found, expected + bias[(slice(None), *place)]) < 1e-13


def test_local_with_one_weight_everywhere_is_a_convolution() -> None:
    shared, apart = compiled("2x6x5 conv:3,k3x2,s2x1,p1"), compiled("2x6x5 local:3,k3x2,s2x1,p1")
    apart.tensors["local1.weight"].value[...] = shared.tensors["conv1.weight"].value
    bias = shared.tensors["conv1.bias"].value
    apart.tensors["local1.bias"].value[...] = bias[:, None, None]
    apart.input.data[...] = shared.input.data
    assert error(apart.forward(), shared.forward()) < 1e-14
    _, _, by_input = gradients(shared)
    assert error(gradients(apart)[2], by_input) < 1e-14
    summed = apart.tensors["local1.weight"].gradient.sum((0, 1))
    assert error(summed, shared.tensors["conv1.weight"].gradient) < 1e-13


KERAS = [
    ("5x3 conv:4,k3,s2,p=same", "keras"),
    ("6x3 conv:4,k4,s3,p=same", "keras"),
    ("7x5x3 conv:4,k2x5,s2x3,p=same", "keras"),
    ("7x5x3 conv:4,k3,d2,p=same", "keras"),
    ("9x3 conv:4,k3,d2,p=causal", "keras"),
    ("9x3 conv:4,k3,s2,p=causal", "keras"),
    ("4x5x2 convtranspose:3,k3,s2,p=same", "keras"),
    ("4x5x2 convtranspose:3,k2,s3,p=same", "keras"),
    ("4x5x2 convtranspose:3,k5,s2", "keras"),
    ("4x5x2 convtranspose:3,k2,s3", "keras"),
    ("4x2 convtranspose:3,k4,s2,p=same", "keras"),
    ("4x2 convtranspose:3,k3,s2,p=same,op1", "keras"),
    ("4x2 convtranspose:3,k3,s2,op1", "keras"),
]


@pytest.mark.parametrize(("line", "like"), KERAS)
def test_outputs_are_those_of_keras(line: str, like: str) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layer, program = the_layer(line), compiled(line, like=like, layout="hwc")
    rank = program.input.data.ndim - 2
    transposed = layer.words[0] == "convtranspose"
    kind = getattr(keras.layers, f"Conv{rank}D{'Transpose' if transposed else ''}")
    padding = layer.padding if isinstance(layer.padding, str) else "valid"
    rest: dict[str, Any] = {"strides": layer.stride * rank, "dilation_rate": layer.dilation * rank}
    rest = {key: sizes[:rank] for key, sizes in rest.items()}
    if layer.output_padding if transposed else None:
        rest["output_padding"] = layer.output_padding[0]
    kernel = (layer.kernel * rank)[:rank]
    made = kind(layer.out, kernel, padding=padding, dtype="float64", **rest)
    made.build(program.input.data.shape)
    weight = next(t.value for key, t in program.tensors.items() if key.endswith("weight"))
    bias = next(t.value for key, t in program.tensors.items() if key.endswith("bias"))
    # Keras has the kernel's axes first, then input and output channels, or output and input.
    kernel_first = np.moveaxis(weight, (0, 1), (-1, -2))
    made.set_weights([kernel_first, bias])
    expected = keras.ops.convert_to_numpy(made(program.input.data))
    assert error(program.forward(), expected) < 1e-10


ONNX = [
    ("2x5x4 conv:2,k3,s2,p=same_upper", {"auto_pad": "SAME_UPPER"}),
    ("2x5x4 conv:2,k3x2,s2,p=same_lower", {"auto_pad": "SAME_LOWER"}),
    ("2x5x4 conv:2,k4,s1,p=same_lower", {"auto_pad": "SAME_LOWER"}),
    ("2x3x4 convtranspose:2,k3,s2,p=same_upper", {"auto_pad": "SAME_UPPER"}),
    ("2x3x4 convtranspose:2,k3,s2,p=same_lower", {"auto_pad": "SAME_LOWER"}),
    ("2x3x4 convtranspose:2,k3,s3,p=same_upper", {"auto_pad": "SAME_UPPER"}),
    ("2x3x4 convtranspose:2,k4,s2,output=5x7", {"output_shape": [5, 7]}),
    ("2x3x4 convtranspose:2,k3,s2,output=6x8,p=same", {"auto_pad": "SAME_UPPER"}),
    ("2x3x4 convtranspose:2,k3,s2,p=1+0,op1", {"pads": [1, 1, 0, 0], "output_padding": [1, 1]}),
]


@pytest.mark.parametrize(("line", "attributes"), ONNX)
def test_outputs_are_those_of_onnxruntime(line: str, attributes: dict[str, Any]) -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    layer, program = the_layer(line), compiled(line, like="onnx", dtype=np.float32)
    operator = "ConvTranspose" if layer.words[0] == "convtranspose" else "Conv"
    helper = onnx.helper
    attributes = {"strides": list(layer.stride * 2), **attributes}
    weights = [
        onnx.numpy_helper.from_array(tensor.value.copy(), key[-4:])
        for key, tensor in program.tensors.items()
    ]
    node = helper.make_node(operator, ["x", *[t.name for t in weights]], ["y"], **attributes)
    named = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)
        for name, sizes in (("x", program.input.data.shape), ("y", None))
    ]
    graph = helper.make_graph([node], "g", named[:1], named[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, {"x": program.input.data})
    assert program.forward().shape == expected.shape
    assert error(program.output.data, expected) < 1e-5


FIELDS = [
    ("1x15 conv:2,k3 conv:2,k2", "torch"),
    ("1x17 conv:2,k3,s2,p1 conv:1,k3,p1 conv:1,k2,s2", "torch"),
    ("1x17 conv:2,k3,d3,p2 conv:1,k2", "torch"),
    ("1x16 conv:1,k4,s3,p=same conv:1,k3,p=same", "tf"),
    ("1x16 conv:1,k4,s3,p=same_lower", "onnx"),
    ("1x12 conv:1,k3,d2,p=causal conv:1,k2,p=causal", "keras"),
    ("1x6 convtranspose:2,k3,s2,p1,op1", "torch"),
    ("1x6 convtranspose:2,k2,s3", "torch"),
    ("1x6 convtranspose:2,k3,d2,p1", "torch"),
    ("1x5 convtranspose:2,k4,s2,p1 conv:1,k3,s2", "torch"),
    ("1x9 conv:2,k3,s2 convtranspose:1,k3,s2", "torch"),
    ("1x5 convtranspose:1,k3,s2,p=same conv:1,k3,p=same", "keras"),
    ("1x5 convtranspose:1,k3,s2,p=same,op1", "keras"),
    ("1x5 convtranspose:1,k4,s3,p=same_lower", "onnx"),
    ("1x14 local:1,k3,s2 local:1,k2,p1", "torch"),
]


def reached(program: Program) -> Array:
    """Whether each output of a net on one sequence sees each input: (outputs, inputs)."""
    rows = []
    for position in range(program.input.data.shape[-1]):
        program.input.data[...] = 1
        program.input.data[..., position] = np.nan
        rows.append(np.isnan(program.forward()).any((0, 1)))
    return np.array(rows).T


@pytest.mark.parametrize(("line", "like"), FIELDS)
def test_nan_reaches_what_the_axis_says(line: str, like: str) -> None:
    """Nothing sees beyond its field; whoever has all of it inside the input sees both its ends."""
    seen = reached(compiled(line, like=like, batch=2))
    start_shape, net = load_line(line)
    steps = trace(net, start_shape, CONVENTIONS[like])
    chains = behind(steps, start(start_shape), CONVENTIONS[like]).chains
    assert chains is not None
    inside = 0
    for output, inputs in enumerate(seen):
        first, last = chains[0].seen(output)
        places = np.flatnonzero(inputs)
        assert all(first <= place <= last for place in places), (output, places, first, last)
        if 0 <= first <= last < len(inputs):
            assert (places[0], places[-1]) == (first, last)
            inside += 1
    assert inside


def test_dilation_leaves_gaps() -> None:
    seen = reached(compiled("1x9 conv:1,k3,d3", batch=1))
    assert [np.flatnonzero(row).tolist() for row in seen] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    seen = reached(compiled("1x3 convtranspose:1,k2,s2,d2,op1", batch=1))
    places = [np.flatnonzero(row).tolist() for row in seen]
    assert places == [[0], [], [0, 1], [], [1, 2], [], [2], []]


def test_nan_reaches_boxes_in_the_plane() -> None:
    line = "1x9x8 conv:2,k3x2,s2x1,p1 convtranspose:1,k2x3,s2"
    program = compiled(line, batch=1)
    start_shape, net = load_line(line)
    field = behind(trace(net, start_shape, TORCH), start(start_shape), TORCH)
    assert field.chains is not None
    rows, columns = field.chains
    for place in product(range(9), range(8)):
        program.input.data[...] = 1
        program.input.data[(..., *place)] = np.nan
        seen = np.isnan(program.forward())[0, 0]
        for i, j in np.ndindex(*seen.shape):
            (top, bottom), (left, right) = rows.seen(i), columns.seen(j)
            assert seen[i, j] == (top <= place[0] <= bottom and left <= place[1] <= right)


@pytest.mark.parametrize("line", ALL[::8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_stay_and_steps_repeat(line: str, dtype: type) -> None:
    program = compiled(line, dtype=dtype, batch=11)
    first = [array.copy() for array in gradients(program)[1:]] + [program.output.data.copy()]
    # What earlier steps left behind must not count, nor what others left in the cotangents.
    program.output.data.fill(7)
    program.input.cotangent.fill(7)
    program.gradient.fill(7)
    again = [*gradients(program)[1:], program.output.data]
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert {a.dtype for a in again} == {np.dtype(dtype)}
    program.backward()
    assert np.array_equal(program.gradient, again[0])


def test_what_no_window_holds_has_no_gradient() -> None:
    program = compiled("1x8 conv:1,k2,s3", batch=1)
    program.input.cotangent.fill(7)
    found = gradients(program)[2][0, 0] != 0
    assert found.tolist() == [True, True, False, True, True, False, True, True]


@pytest.mark.parametrize("line", LINES["conv"][:10] + LINES["convtranspose"][:10])
def test_the_order_of_memory_changes_nothing(line: str) -> None:
    """Few examples are laid out by rows, many by examples: each alone comes to the same."""
    many = compiled(line, batch=12)
    one = compiled(line, batch=1)
    many.forward()
    for example in range(0, 12, 5):
        one.input.data[...] = many.input.data[example]
        assert error(one.forward()[0], many.output.data[example]) < 1e-13
