"""Pooling and LeNet's own layers: values by hand, every framework's windows, and gradients."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, differences, error, gradients

from dlcalc.answers.network import load_line
from dlcalc.answers.params import answer as params_answer
from dlcalc.answers.shape import answer as shape_answer
from dlcalc.engine.operation import Array
from dlcalc.engine.program import Program
from dlcalc.errors import InputError, LayerError
from dlcalc.layers.convention import CONVENTIONS

SMOOTH = [
    ("2x7 avgpool:3,s2,p1", "torch"),
    ("2x6x5 avgpool:3x2,s2x1,p=1x0,ceil=yes", "torch"),
    ("2x6x5 avgpool:3,s2,p1,count_include_pad=no", "torch"),
    ("2x4x5x4 avgpool:2x3x2,s1x2x2", "torch"),
    ("2x5x6 avgpool:3,s2,p=same", "keras"),
    ("2x5x6 avgpool:3,s2,p2", "keras"),
    ("2x7x6 avgpool:2,d2,s1,p=same", "tf"),
    ("2x7x6 avgpool:3,s2,d2,p=2+1,ceil=yes", "onnx"),
    ("2x7x6 avgpool:3,s2", "caffe"),
    ("2x7x9 adaptiveavgpool:3", "torch"),
    ("2x3x4 adaptiveavgpool:5x2", "torch"),
    ("2x3x4 globalavgpool flatten dense:2", "torch"),
    ("2x3x4 globalavgpool dense:2", "keras"),
    ("2x7x6 lppool:3,s2", "torch"),
    ("2x7x6 lppool:3,s2,ceil=yes,norm=4", "torch"),
    ("2x7x6 lppool:3,s2,ceil=yes,norm=4", "onnx"),
    ("2x7x6 subsample:2x3 tanh", "torch"),
    ("2x7 subsample:3", "torch"),
    ("5 dense:4 rbf:3", "torch"),
    ("12 avgpool:3,s2", "torch"),
]
KINKED = [
    ("2x7 maxpool:3,s2,p1", "torch"),
    ("2x6x5 maxpool:3x2,s2x1,p=1x0,ceil=yes", "torch"),
    ("2x9x8 maxpool:3,s1,d2", "torch"),
    ("2x5x4x4 maxpool:2", "torch"),
    ("2x6x6 maxpool:2,s3", "torch"),
    ("2x7x7 maxpool:3,s2,p1", "caffe"),
    ("2x5x6 maxpool:3,s2,p=same", "keras"),
    ("2x5x6 maxpool:3,s2,p1", "keras"),
    ("2x5x6 maxpool:3,s2,p=same_lower", "onnx"),
    ("2x7x9 adaptivemaxpool:3", "torch"),
    ("2x3x4 adaptivemaxpool:5x2", "torch"),
    ("2x3x4 globalmaxpool", "torch"),
    ("2x3x4 globalmaxpool dense:2", "tf"),
    ("2x7x6 lppool:3,s2,norm=3", "onnx"),
    ("2x7x6 lppool:3,s2,norm=1,ceil=yes", "onnx"),
    ("2x7x6 relu stochasticpool:3,s2", "torch"),
    ("2x6x6 relu stochasticpool:2,ceil=yes", "caffe"),
    ("9 maxpool:3,s2", "torch"),
]


def turned(line: str, layout: str) -> str:
    """The same line with its channels last, if the layout has them there."""
    sizes, _, net = line.partition(" ")
    channels, *sides = sizes.split("x")
    return f"{'x'.join([*sides, channels])} {net}" if layout == "hwc" else line


@pytest.mark.parametrize(("line", "like"), SMOOTH)
@pytest.mark.parametrize("layout", ["chw", "hwc"])
def test_gradients_are_those_of_complex_steps(line: str, like: str, layout: str) -> None:
    line = turned(line, layout)
    _, by_parameters, by_input = gradients(compiled(line, like=like, layout=layout, batch=2))
    exact = complex_steps(line, like=like, layout=layout, batch=2)
    assert error(by_parameters, exact[0]) < 1e-12
    assert error(by_input, exact[1]) < 1e-12


@pytest.mark.parametrize(("line", "like"), KINKED)
@pytest.mark.parametrize("layout", ["chw", "hwc"])
def test_gradients_are_those_of_differences(line: str, like: str, layout: str) -> None:
    program = compiled(turned(line, layout), like=like, layout=layout, batch=2)
    cotangent, _, by_input = gradients(program)
    assert error(by_input, differences(program, program.input.data, cotangent)) < 1e-7


# --- shapes and parameters --------------------------------------------------------


def recorded() -> list[tuple[str, str]]:
    """Lines of one pooling layer, as PyTorch, Keras and ONNX were asked, and Caffe's own."""
    data, lines = Path(__file__).parents[1] / "data", []
    for name in ("torch", "keras", "onnx"):
        for text in (data / f"{name}_layers.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(text)
            words = row["line"].split()
            if len(words) == 2 and "pool" in words[1].partition(":")[0] and row["output"]:
                lines.append((row["line"], row.get("like", name)))
    others = {"torch": "caffe", "keras": "tf"}
    return lines + [(line, others[like]) for line, like in lines if like in others]


def test_shapes_are_the_algebras() -> None:
    checked = dict.fromkeys(CONVENTIONS, 0)
    for line, like in recorded():
        start, net = load_line(line)
        try:
            shape = shape_answer(start, net, convention=CONVENTIONS[like]).value
        except InputError:
            continue
        program = Program(net, start.sizes, convention=CONVENTIONS[like], backwards=False)
        assert program.output.data.shape == (1, *shape.sizes), (line, like)
        assert program.multiplications == {}
        checked[like] += 1
    assert min(checked.values()) > 20, checked


@pytest.mark.parametrize("line", ["2x7x6 subsample:2x3", "84 rbf:10", "1x9 subsample:3"])
def test_parameters_are_the_algebras(line: str) -> None:
    program, (start, net) = compiled(line), load_line(line)
    answer = params_answer(start, net)
    assert program.output.data.shape[1:] == shape_answer(start, net).value.sizes
    assert program.parameters.size == answer.value
    assert sum(kept.size for kept in program.statistics.values()) == answer.buffers


# --- values by hand ---------------------------------------------------------------


def of(line: str, values: Any, like: str = "torch", **settings: Any) -> list[Any]:
    """The output for one example."""
    program = compiled(line, like=like, batch=1, **settings)
    program.input.data[0] = values
    return program.forward()[0].tolist()  # type: ignore[no-any-return]


def test_divisors() -> None:
    ones, line = np.ones((1, 4)), "1x4 avgpool:3,s2,p1,ceil=yes"
    assert of(line, ones) == [[2 / 3, 1, 1 / 2]]
    assert of(f"{line},count_include_pad=no", ones) == [[1, 1, 1]]
    assert of(line, ones, "onnx") == [[1, 1, 1]]
    assert of(f"{line},count_include_pad=yes", ones, "onnx") == [[2 / 3, 1, 1 / 2]]
    assert of("1x5 avgpool:3,s2,p=same", np.ones((1, 5)), "keras") == [[1, 1, 1]]
    same = "1x5 avgpool:3,s2,p=same,count_include_pad=yes"
    assert of(same, np.ones((1, 5)), "onnx") == [[2 / 3, 1, 2 / 3]]
    # TensorFlow dilates a window with zeros around its input, which count.
    assert of("1x4 avgpool:2,s1,d2,p=same", ones, "tf") == [[1 / 2, 1, 1, 1 / 2]]


def test_padding_is_no_value_unless_a_layer_adds_it() -> None:
    below, line = -np.ones((1, 4)), "1x4 maxpool:3,s2,p1"
    assert of(line, below) == [[-1, -1]]
    assert of(line, below, "tf") == [[-1, -1]]
    assert of(line, below, "keras") == [[0, -1]]
    assert of("1x4 maxpool:3,s2,p=same", below, "keras") == [[-1, -1]]


def test_windows_that_see_nothing() -> None:
    """pooling_layer.cpp: a sum over nothing by (hend - hstart)*(wend - wstart)."""
    six, seen = np.ones((1, 6, 6)), compiled("1x6x6 maxpool:2,s3", like="caffe", batch=1)
    seen.input.data[0] = six
    lowest = np.finfo(float).min
    assert seen.forward()[0, 0].tolist() == [[1, 1, lowest]] * 2 + [[lowest] * 3]
    means = np.array(of("1x6x6 avgpool:2,s3", six, "caffe"))[0]
    assert means[:2, :2].tolist() == [[1, 1]] * 2
    assert np.isnan(means[2]).all()
    assert np.isnan(means[:, 2]).all()
    assert of("1x3x3 avgpool:2,s5", np.ones((1, 3, 3)), "caffe") == [[[1, 0], [0, 0]]]
    assert of("1x6 maxpool:2,s3,ceil=yes", np.ones((1, 6)), "onnx21") == [[1, 1, lowest]]
    assert of("1x6 avgpool:2,s3,ceil=yes", np.ones((1, 6)), "onnx21") == [[1, 1, 0]]
    for name in ("maxpool", "avgpool"):
        program = compiled(f"1x6x6 {name}:2,s3", like="caffe", batch=1)
        assert np.isfinite(gradients(program)[2]).all()


def test_the_first_of_equal_maxima_has_the_gradient() -> None:
    for line, like in (
        ("1x3x3 maxpool:3", "torch"),
        ("1x3x3 globalmaxpool", "torch"),
        ("1x3x3 adaptivemaxpool:1", "torch"),
    ):
        program = compiled(line, like=like, batch=1)
        # Column by column the first would be the one below.
        program.input.data[0, 0] = [[0, 0, 5], [5, 0, 5], [0, 5, 0]]
        assert gradients(program)[2][0, 0].astype(bool).tolist() == [
            [False, False, True],
            [False] * 3,
            [False] * 3,
        ]


def test_an_infinite_cotangent_goes_to_the_maximum_alone() -> None:
    program = compiled("1x4 maxpool:2,s1", batch=1)
    program.input.data[0, 0] = [1, 2, 3, 0]
    program.forward()
    program.output.cotangent[0, 0] = [np.inf, 1, 2]
    program.backward()
    assert program.input.cotangent[0, 0].tolist() == [0, np.inf, 3, 0]


def test_values_that_are_no_numbers_pass_through() -> None:
    for line in ("1x4 maxpool:2", "1x4 avgpool:2", "1x4 lppool:2", "1x4 stochasticpool:2"):
        for training in (False, True):
            found = of(line, [[0, np.nan, 1, 0]], training=training)
            assert np.isnan(found).tolist() == [[True, False]], line


def test_norms() -> None:
    assert of("1x4 lppool:2", [[3, 4, 0, 0]]) == [[5, 0]]
    # PyTorch takes the mean of a window that hangs over times the size of a whole one.
    assert of("1x3 lppool:2,ceil=yes,norm=1", [[1, 2, 3]]) == [[3, 6]]
    assert of("1x3 lppool:2,ceil=yes,norm=1", [[1, -2, 3]], "onnx") == [[3, 3]]
    assert of("1x2 lppool:2,norm=1", [[1, -2]]) == [[-1]]
    program = compiled("1x4 lppool:2", batch=1)
    program.input.data[0] = [[3, 4, 0, 0]]
    program.forward()
    program.output.cotangent[...] = 1
    program.backward()
    assert np.allclose(program.input.cotangent[0], [[0.6, 0.8, 0, 0]])


def test_subsampling_by_hand() -> None:
    program = compiled("1x5 subsample:2", batch=1)
    program.parameters[...] = [3, 10]
    program.input.data[0, 0] = [1, 2, 3, 4, 99]
    assert program.forward().tolist() == [[[3 * 3 + 10, 3 * 7 + 10]]]


def test_prototypes_are_fixed() -> None:
    first, second = compiled("6 rbf:4", seed=0), compiled("6 rbf:4", seed=1, batch=1)
    prototypes = first.statistics["rbf1.weight"]
    assert set(prototypes.flat) == {-1, 1}
    assert np.array_equal(prototypes, second.statistics["rbf1.weight"])
    second.input.data[0] = prototypes[2]
    distances = second.forward()[0]
    assert distances.tolist() == [4 * np.sum(prototypes[2] != row) for row in prototypes]


# --- drawing ----------------------------------------------------------------------


def test_values_are_drawn_in_proportion() -> None:
    program = compiled("1x2x2 stochasticpool:2", batch=20_000, training=True)
    program.input.data[...] = [[[1, 0], [2, 5]]]
    values, counts = np.unique(program.forward(), return_counts=True)
    assert values.tolist() == [1, 2, 5]
    # Five standard deviations: sqrt(p*(1 - p)/n) is at most 0.0035.
    assert np.abs(counts / 20_000 - [1 / 8, 2 / 8, 5 / 8]).max() < 0.018


@pytest.mark.parametrize("layout", ["chw", "hwc"])
def test_the_value_drawn_has_the_gradient(layout: str) -> None:
    program = compiled("6x6x6 relu stochasticpool:2", training=True, layout=layout)
    # The ReLU hides where a cotangent goes: look at the pooling's own input.
    inner = program.trail[0][2]
    program.forward()
    program.output.cotangent[...] = 1
    program.backward()
    given = inner.cotangent
    assert 0 < np.count_nonzero(program.output.data) < program.output.data.size
    assert given.sum() == np.count_nonzero(program.output.data)
    assert (inner.data[given > 0] > 0).all()
    assert np.isclose((given * inner.data).sum(), program.output.data.sum())


def test_drawing_is_the_seeds() -> None:
    found = [
        compiled("1x8x8 relu stochasticpool:2", training=True).forward().copy() for _ in range(2)
    ]
    assert np.array_equal(*found)


def test_expected_values_by_hand() -> None:
    line = "1x4 stochasticpool:2"
    assert of(line, [[1, 3, 0, 0]]) == [[10 / 4, 0]]
    assert of(line, [[0, 0, 0, 4]], training=True) == [[0, 4]]


@pytest.mark.parametrize("training", [False, True])
def test_no_value_below_zero_can_be_drawn(training: bool) -> None:
    program = compiled("1x4 stochasticpool:2", training=training)
    with pytest.raises(LayerError, match="below 0"):
        program.forward()


# --- running ----------------------------------------------------------------------


@pytest.mark.parametrize(("line", "like"), SMOOTH + KINKED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_runs_twice_alike_in_both_types(line: str, like: str, dtype: type) -> None:
    program = compiled(line, like=like, dtype=dtype)
    first = [program.forward().copy(), *gradients(program)[1:]]
    # What was there before is written over.
    program.gradient.fill(np.nan)
    program.input.cotangent.fill(np.nan)
    for _, _, value in program.trail:
        value.cotangent.fill(np.nan)
    second = [program.forward().copy(), *gradients(program)[1:]]
    assert program.output.data.dtype == dtype == first[2].dtype
    for one, other in zip(first, second):
        assert np.array_equal(one, other)
    exact = compiled(line, like=like)
    assert error(program.output.data, exact.forward()) < 1e-5
    assert error(first[2], gradients(exact)[2]) < 1e-4
    forward_only = compiled(line, like=like, dtype=dtype, backwards=False)
    assert np.array_equal(forward_only.forward(), first[0])


@pytest.mark.parametrize(
    ("line", "like", "message"),
    [
        ("1x2x2 maxpool:3", "torch", "does not fit into 2x2"),
        ("1x2 subsample:3", "torch", "does not fit into 2"),
        ("1x4 maxpool:3,s2,p=same", "torch", "padding=same"),
        ("2x3 rbf:2", "torch", "needs features"),
        ("1x2x2x2x2 maxpool:2", "torch", "spatial axes"),
    ],
)
def test_refusals(line: str, like: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        compiled(line, like=like)


# --- other witnesses --------------------------------------------------------------

TORCH = [
    ("3x9x8 maxpool:3,s2,p1", "max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    (
        "3x9x8 maxpool:3x2,s2,p1,ceil=yes",
        "max_pool2d",
        {"kernel_size": (3, 2), "stride": 2, "padding": 1, "ceil_mode": True},
    ),
    ("3x9x8 maxpool:2,s1,d3", "max_pool2d", {"kernel_size": 2, "stride": 1, "dilation": 3}),
    ("3x5x4x6 maxpool:2", "max_pool3d", {"kernel_size": 2}),
    ("3x9 maxpool:3,s2", "max_pool1d", {"kernel_size": 3, "stride": 2}),
    (
        "3x9x8 avgpool:3,s2,p1,ceil=yes",
        "avg_pool2d",
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    ),
    (
        "3x9x8 avgpool:3,s2,p1,ceil=yes,count_include_pad=no",
        "avg_pool2d",
        {
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
            "ceil_mode": True,
            "count_include_pad": False,
        },
    ),
    (
        "3x5x4x6 avgpool:2,s1,p1",
        "avg_pool3d",
        {"kernel_size": 2, "stride": 1, "padding": 1},
    ),
    ("3x9x8 lppool:3", "lp_pool2d", {"norm_type": 2.0, "kernel_size": 3}),
    (
        "3x9x8 lppool:3,s2,norm=4,ceil=yes",
        "lp_pool2d",
        {"norm_type": 4.0, "kernel_size": 3, "stride": 2, "ceil_mode": True},
    ),
    (
        "3x9x8 lppool:3,s2,norm=1,ceil=yes",
        "lp_pool2d",
        {"norm_type": 1.0, "kernel_size": 3, "stride": 2, "ceil_mode": True},
    ),
    ("3x9x8 sigmoid lppool:2,norm=2.5", "lp_pool2d", {"norm_type": 2.5, "kernel_size": 2}),
    ("3x9x8 adaptiveavgpool:4x3", "adaptive_avg_pool2d", {"output_size": (4, 3)}),
    ("3x5x2 adaptiveavgpool:7", "adaptive_avg_pool2d", {"output_size": 7}),
    ("3x9x8 adaptivemaxpool:4x3", "adaptive_max_pool2d", {"output_size": (4, 3)}),
    ("3x5x2 adaptivemaxpool:7", "adaptive_max_pool2d", {"output_size": 7}),
    ("3x9x8 globalavgpool", "adaptive_avg_pool2d", {"output_size": 1}),
    ("3x9x8 globalmaxpool", "adaptive_max_pool2d", {"output_size": 1}),
]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("line", "name", "settings"), TORCH)
def test_values_and_gradients_are_torchs(
    line: str, name: str, settings: dict[str, Any], ties: bool
) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(line)
    if ties:
        # Few different values; none is 0, where PyTorch has no gradient of a norm.
        np.copyto(program.input.data, np.floor(program.input.data * 2) + 0.5)
    cotangent, _, by_input = gradients(program)
    x = torch.tensor(program.input.data, requires_grad=True)
    y = getattr(torch.nn.functional, name)(x.sigmoid() if "sigmoid" in line else x, **settings)
    y.backward(torch.tensor(cotangent))
    assert error(program.output.data, y.detach().numpy()) < 1e-12
    assert error(by_input, x.grad.numpy()) < 1e-12


@pytest.mark.parametrize(
    ("line", "name", "settings"),
    [
        ("9x8x3 maxpool:3,s2,p=same", "MaxPooling2D", {"pool_size": 3, "strides": 2}),
        ("9x7x3 avgpool:3,s2,p=same", "AveragePooling2D", {"pool_size": 3, "strides": 2}),
        ("8x3 avgpool:4,s3,p=same", "AveragePooling1D", {"pool_size": 4, "strides": 3}),
    ],
)
def test_values_are_keras(line: str, name: str, settings: dict[str, Any]) -> None:
    """Only where SAME pads both ends alike: else Keras on PyTorch repeats the last value."""
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")  # Read at the first import of Keras.
    layers = pytest.importorskip("keras").layers
    program = compiled(line, like="keras", layout="hwc")
    layer = getattr(layers, name)(**settings, padding="same", dtype="float64")
    y = layer(program.input.data).detach().cpu().numpy()
    assert error(program.forward(), y) < 1e-10


ONNX = [
    ("MaxPool", "maxpool", {"kernel_shape": [3], "strides": [2], "pads": [1, 2]}),
    ("MaxPool", "maxpool", {"kernel_shape": [3], "strides": [2], "dilations": [2]}),
    ("MaxPool", "maxpool", {"kernel_shape": [3], "strides": [2], "auto_pad": "SAME_LOWER"}),
    ("AveragePool", "avgpool", {"kernel_shape": [3], "strides": [2], "pads": [1, 2]}),
    ("AveragePool", "avgpool", {"kernel_shape": [2], "strides": [2], "dilations": [3]}),
    ("AveragePool", "avgpool", {"kernel_shape": [4], "strides": [3], "auto_pad": "SAME_UPPER"}),
    ("LpPool", "lppool", {"kernel_shape": [3], "strides": [2], "p": 3}),
    ("LpPool", "lppool", {"kernel_shape": [2], "strides": [2], "p": 1}),
]


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(
    ("op", "word", "settings", "counted"),
    # Means alone have a divisor, which may count the padding.
    [
        (*each, counted)
        for each in ONNX
        for counted in (False, True)
        if not counted or each[0] == "AveragePool"
    ],
)
def test_values_are_onnxruntimes(
    op: str, word: str, settings: dict[str, Any], counted: bool, ceil: bool
) -> None:
    keys = {"kernel_shape": "k", "strides": "s", "dilations": "d"}
    options = [f"{key}{settings[name][0]}" for name, key in keys.items() if name in settings]
    if "pads" in settings:
        options.append("p={}+{}".format(*settings["pads"]))
    if "auto_pad" in settings:
        options.append(f"p={settings['auto_pad'].lower()}")
    if "p" in settings:
        options.append(f"norm={settings['p']}")
    settings = {**settings, "ceil_mode": int(ceil)}
    options += ["ceil=yes"] * ceil + ["count_include_pad=yes"] * counted
    if counted:
        settings["count_include_pad"] = 1
    program = compiled(f"3x10 {word}:{','.join(options)}", like="onnx", dtype=np.float32)
    expected = _by_onnxruntime(op, program.input.data, settings)
    assert error(program.forward(), expected) < 1e-6


def _by_onnxruntime(op: str, x: Array, settings: dict[str, Any]) -> Array:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    real = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, ["x"], ["y"], **settings)],
        "pooling",
        [onnx.helper.make_tensor_value_info("x", real, x.shape)],
        [onnx.helper.make_tensor_value_info("y", real, None)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 22)])
    model.ir_version = 10
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]  # type: ignore[no-any-return]
