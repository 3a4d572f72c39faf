"""Recurrent layers: a step by hand, gradients by complex steps, PyTorch's and Keras's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine.harness import Array, compiled, complex_steps, error, gradients

from dlcalc.answers.network import load_line
from dlcalc.engine.operations.recurrent import resets_after
from dlcalc.engine.program import Program
from dlcalc.errors import LayerError
from dlcalc.layers.convention import CONVENTIONS
from dlcalc.layers.shape import Shape

NETS = [
    "4x3 rnn:2",
    "4x3 rnn:2,bias=no,layers=2",
    "3x2 rnn:3,biases=1,bidirectional=yes",
    "4x3 rnn:2,act=sigmoid",
    "3x2 rnn:3,act=sigmoid,layers=2,bidirectional=yes",
    "4x3 lstm:2",
    "1x3 lstm:2,bidirectional=yes",
    "3x2 lstm:3,layers=2,bidirectional=yes",
    "3x2 lstm:3,bias=no",
    "3x2 lstm:3,biases=1",
    "3x2 lstm:3,proj=2,layers=2,bidirectional=yes",
    "4x3 gru:2",
    "3x2 gru:3,bias=no",
    "3x2 gru:2,layers=2,bidirectional=yes",
    "3x2 gru:3,reset_after=no",
    "3x2 gru:3,reset_after=no,biases=1",
    "3x2 gru:2,reset_after=no,layers=2,bidirectional=yes",
    "3x2 gru:2,reset_after=no,bias=no",
    "3x2 dense:3 gru:3 dense:2 lstm:2 residual[rnn:2]",
]
LINES = [(line, "torch") for line in NETS if "[" not in line] + [
    (line, like)
    for like in CONVENTIONS
    for line in (
        "4x3 lstm:2,layers=2",
        "4x3 gru:2",
        "4x3 gru:2,biases=1",
        "4x3 gru:2,reset_after=yes",
        "4x3 gru:2,reset_after=no,bidirectional=yes",
        "4x3 gru:2,bias=no",
    )
]


def logistic(z: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-z))
    return found


@pytest.mark.parametrize("line", NETS)
def test_gradients_are_those_of_complex_steps(line: str) -> None:
    _, by_parameters, by_input = gradients(compiled(line))
    exact = complex_steps(line)
    assert error(by_parameters, exact[0]) < 1e-13
    assert error(by_input, exact[1]) < 1e-13


@pytest.mark.parametrize(("line", "like"), LINES)
def test_the_algebra_says_the_same(line: str, like: str) -> None:
    program, (shape, net) = compiled(line, like=like), load_line(line)
    expected: dict[str, tuple[int, ...]] = {}
    macs: dict[str, Any] = {"weights": 0, "gates": 0}
    for (name, _, value), step in zip(program.trail, net, strict=True):
        layer = step.layer
        for key, sizes in layer.parameters(shape, CONVENTIONS[like]).items():
            expected[f"{name}.{key}"] = sizes
        output = layer.output_shape(shape, CONVENTIONS[like])
        assert value.data.shape == (3, *output.sizes)
        macs["weights"] += layer.macs(shape, output)
        macs["gates"] += layer.parts(shape, output).get("gates", 0)
        shape = Shape(output.sizes)
    assert {name: tensor.value.shape for name, tensor in program.tensors.items()} == expected
    assert list(program.tensors) == list(expected)
    assert {key: n // 3 for key, n in program.multiplications.items()} == {
        key: n for key, n in macs.items() if n
    }


def test_one_step_of_an_lstm_by_hand() -> None:
    """Weights 1/2, no bias, x = 1 then -1: all four sums are (x + h)/2."""
    program = compiled("2x1 lstm:1,bias=no", batch=1)
    program.parameters[...] = 0.5
    program.input.data[...] = [[[1], [-1]]]
    first, second = program.forward()[0, :, 0]
    # sigmoid(0.5) = 0.622459, tanh(0.5) = 0.462117: c = 0.287649, h = 0.622459*tanh(c).
    assert abs(first - 0.174270) < 1e-6
    # The sum is (-1 + 0.174270)/2 = -0.412865: c = 0.398225*0.287649 - 0.398225*0.390903.
    assert abs(second - -0.016365) < 1e-6


def test_gates_are_in_the_order_of_torch() -> None:
    """With all else 0, a bias of 40 opens a gate and one of -40 shuts it."""
    program = compiled("2x1 lstm:1,biases=1", batch=1)
    program.parameters[...] = 0
    program.tensors["lstm1.bias_l0"].value[...] = [40, 40, 40, 40]
    # Open gates add 1 at each step: tanh(1), then tanh(2).
    assert np.allclose(program.forward()[0, :, 0], np.tanh([1, 2]))
    program.tensors["lstm1.bias_l0"].value[1] = -40
    assert np.allclose(program.forward()[0, :, 0], np.tanh([1, 1]))
    program.tensors["lstm1.bias_l0"].value[2] = 0
    assert np.allclose(program.forward(), 0)


def test_the_update_gate_keeps_the_state() -> None:
    program = compiled("3x1 gru:1,biases=1,reset_after=no", batch=1)
    program.parameters[...] = 0
    program.tensors["gru1.bias_l0"].value[...] = [0, 40, 40]
    assert np.allclose(program.forward(), 0)
    program.tensors["gru1.bias_l0"].value[1] = 0
    assert np.allclose(program.forward()[0, :, 0], [1 / 2, 3 / 4, 7 / 8])


@pytest.mark.parametrize(
    ("line", "like", "after"),
    [
        ("4x3 gru:2", "torch", True),
        ("4x3 gru:2", "keras", True),
        ("4x3 gru:2", "onnx", False),
        ("4x3 gru:2", "caffe", False),
        ("4x3 gru:2,biases=1", "torch", False),
        ("4x3 gru:2,biases=1", "keras", False),
        ("4x3 gru:2,bias=no", "keras", True),
        ("4x3 gru:2,reset_after=no", "torch", False),
        ("4x3 gru:2,reset_after=yes", "onnx", True),
    ],
)
def test_where_the_reset_gate_acts(line: str, like: str, after: bool) -> None:
    assert resets_after(load_line(line)[1][0].layer, CONVENTIONS[like]) is after
    explicit = f"{line},reset_after={'yes' if after else 'no'}" if "reset" not in line else line
    ours = compiled(line, like=like)
    said = compiled(explicit, like=like)
    assert ours.parameters.size == said.parameters.size
    assert np.array_equal(ours.forward(), said.forward())


@pytest.mark.parametrize(
    ("after", "bias"),
    [
        *((after, bias) for after in (False, True) for bias in (",bias=no", ",biases=2")),
        (False, ",biases=1"),
    ],
)
def test_a_gru_as_its_formulas_say(after: bool, bias: str) -> None:
    program = compiled(f"5x4 gru:3,reset_after={'yes' if after else 'no'}{bias}")
    tensors = {key.split(".")[1]: tensor.value for key, tensor in program.tensors.items()}
    (w_r, w_z, w_n), (u_r, u_z, u_n) = (
        np.split(tensors[f"weight_{side}_l0"], 3) for side in ("ih", "hh")
    )
    none = np.zeros(9)
    b_r, b_z, b_n = np.split(tensors.get("bias_l0", tensors.get("bias_ih_l0", none)), 3)
    c_r, c_z, c_n = np.split(tensors.get("bias_hh_l0", none), 3)
    h = np.zeros((3, 3))
    output = program.forward()
    for step in range(5):
        x = program.input.data[:, step]
        r = 1 / (1 + np.exp(-(x @ w_r.T + b_r + h @ u_r.T + c_r)))
        z = 1 / (1 + np.exp(-(x @ w_z.T + b_z + h @ u_z.T + c_z)))
        state = r * (h @ u_n.T + c_n) if after else (r * h) @ u_n.T + c_n
        h = (1 - z) * np.tanh(x @ w_n.T + b_n + state) + z * h
        assert error(output[:, step], h) < 1e-13


@pytest.mark.parametrize(("act", "curve"), [("tanh", np.tanh), ("sigmoid", logistic)])
def test_a_plain_cell_as_its_formula_says(act: str, curve: Callable[[Array], Array]) -> None:
    program = compiled(f"5x4 rnn:3,act={act}")
    w, u, b, c = (tensor.value for tensor in program.tensors.values())
    h = np.zeros((3, 3))
    output = program.forward()
    for step in range(5):
        h = curve(program.input.data[:, step] @ w.T + b + h @ u.T + c)
        assert error(output[:, step], h) < 1e-13


def test_equal_to_the_sigmoid_cell_of_keras() -> None:
    torch = pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    program = compiled("5x4 rnn:3,act=sigmoid", like="keras")
    layer = keras.layers.SimpleRNN(3, activation="sigmoid", return_sequences=True, dtype="float64")
    layer.build((3, 5, 4))
    w, u, b = (tensor.value for tensor in program.tensors.values())
    layer.set_weights([w.T, u.T, b])
    x = torch.tensor(program.input.data, requires_grad=True)
    y = layer(x)
    cotangent, _, by_input = gradients(program)
    y.backward(torch.from_numpy(cotangent))
    # keras.ops.matmul gives float32 for float64 on this backend.
    assert error(program.output.data, y.detach().numpy()) < 1e-6
    assert error(by_input, x.grad.numpy()) < 1e-6


def test_before_and_after_are_not_the_same() -> None:
    after, before = compiled("4x3 gru:2"), compiled("4x3 gru:2,reset_after=no,biases=2")
    assert error(after.forward(), before.forward()) > 1e-3


@pytest.mark.parametrize("line", ["4x3 rnn:2", "4x3 lstm:2,proj=1", "4x3 gru:2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_stay_and_runs_repeat(line: str, dtype: type) -> None:
    program = compiled(line, dtype=dtype)
    _, first, by_input = gradients(program)
    assert first.dtype == dtype == program.output.data.dtype == by_input.dtype
    output = program.output.data.copy()
    _, second, again = gradients(program)
    assert np.array_equal(first, second)
    assert np.array_equal(by_input, again)
    assert np.array_equal(output, program.output.data)
    assert error(first, gradients(compiled(line))[1]) < 1e-4


def test_a_gate_at_its_end_neither_overflows_nor_warns() -> None:
    program = compiled("4x3 lstm:2 gru:2")
    program.parameters[...] *= 1e6
    with np.errstate(over="raise", invalid="raise"):
        assert all(np.isfinite(part).all() for part in gradients(program))


def test_dropout_acts_between_layers_while_training() -> None:
    line = "4x3 lstm:50,layers=2,dropout=0.5"
    plain = compiled("4x3 lstm:50,layers=2").forward().copy()
    assert np.array_equal(compiled(line).forward(), plain)
    program = compiled(line, training=True)
    first = program.forward().copy()
    assert not np.allclose(first, plain)
    assert not np.allclose(first, program.forward())
    # The last layer's output is not dropped, and a single layer has nothing between.
    assert np.all(first != 0)
    single = "4x3 lstm:50,dropout=0.5"
    assert np.array_equal(compiled(single, training=True).forward(), compiled(single).forward())


@pytest.mark.parametrize("share", [0.3, 1])
def test_gradients_go_through_what_was_dropped(share: float) -> None:
    line = f"4x2 gru:3,layers=2,bidirectional=yes,dropout={share}"
    program = compiled(line, training=True, seed=2)

    def forward() -> Array:
        program.generator = np.random.default_rng(5)
        return program.forward()

    forward()
    cotangent = np.random.default_rng(1).normal(size=program.output.data.shape)
    program.output.cotangent[...] = cotangent
    found = program.backward().copy()
    direction = np.random.default_rng(2).normal(size=found.shape)
    kept, values = program.parameters.copy(), []
    for step in (1e-6, -1e-6):
        program.parameters[...] = kept + step * direction
        values.append(float(np.sum(forward() * cotangent)))
    expected = (values[0] - values[1]) / 2e-6
    assert abs(found @ direction - expected) < 1e-7 * abs(expected)


def test_dropout_keeps_the_mean() -> None:
    from dlcalc.engine.operation import Site, Value
    from dlcalc.engine.operations.recurrent import _dropped

    program = compiled("1x1 rnn:1", training=True)
    program.forward_calls.clear()
    _, node, _ = program.trail[0]
    site = Site(program, node, "", (program.input,))
    y = _dropped(site, Value(np.ones((100, 100)), None), 0.25, [])
    program.forward()
    assert set(np.unique(y.data)) == {0, 1 / 0.75}
    assert abs(float(np.mean(y.data)) - 1) < 0.03


@pytest.mark.parametrize(
    ("line", "like", "says"),
    [
        ("4x3 rnn:2", "caffe", "output layer of its own"),
        ("4x3 lstm:2,proj=1", "keras", "takes no proj"),
        ("4 lstm:2", "torch", "reads TIMExFEATURES, but gets 4"),
        ("3x4x5 gru:2", "torch", "but gets 3x4x5"),
    ],
)
def test_refusals(line: str, like: str, says: str) -> None:
    with pytest.raises(LayerError, match=says):
        compiled(line, like=like)


TORCH_CASES = [
    (word, options)
    for word in ("rnn", "lstm", "gru")
    for options in (
        {},
        {"bias": False},
        {"num_layers": 2, "bidirectional": True},
        *([{"proj_size": 3, "num_layers": 2, "bidirectional": True}] if word == "lstm" else []),
    )
]
OPTIONS = {"num_layers": "layers", "proj_size": "proj", "bias": "bias", "bidirectional": ""}


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("word", "options"), TORCH_CASES)
def test_equal_to_torch(word: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    said = "".join(
        f",{OPTIONS[key] or key}={'yes' if value is True else 'no' if value is False else value}"
        for key, value in options.items()
    )
    program = compiled(f"7x6 {word}:5{said}", batch=4)
    layer = getattr(torch.nn, word.upper())(6, 5, batch_first=True, dtype=torch.float64, **options)
    theirs = dict(layer.named_parameters())
    assert [f"{word}1.{name}" for name in theirs] == list(program.tensors)
    with torch.no_grad():
        for name, tensor in theirs.items():
            tensor.copy_(torch.from_numpy(program.tensors[f"{word}1.{name}"].value))
    x = torch.tensor(program.input.data, requires_grad=True)
    y, _ = layer(x)
    cotangent, _, by_input = gradients(program)
    y.backward(torch.from_numpy(cotangent))
    assert error(program.output.data, y.detach().numpy()) < 1e-10
    assert error(by_input, x.grad.numpy()) < 1e-10
    for name, tensor in theirs.items():
        assert error(program.tensors[f"{word}1.{name}"].gradient, tensor.grad.numpy()) < 1e-10


def keras_weights(program: Program, suffix: str = "") -> list[Array]:
    """Those of a GRU as Keras has them: transposed, in the order z, r, n, one matrix of biases."""

    def swapped(value: Array) -> Array:
        r, z, n = np.split(value, 3)
        return np.concatenate([z, r, n])

    def tensor(name: str) -> Array:
        return swapped(program.tensors[f"gru1.{name}_l0{suffix}"].value)

    found = [tensor("weight_ih").T, tensor("weight_hh").T]
    names = [key.split(".")[1] for key in program.tensors if key.endswith(f"_l0{suffix}")]
    if f"bias_l0{suffix}" in names:
        found.append(tensor("bias"))
    elif f"bias_ih_l0{suffix}" in names:
        found.append(np.stack([tensor("bias_ih"), tensor("bias_hh")]))
    return found


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ("", {}),
        (",reset_after=no", {"reset_after": False}),
        (",biases=1", {"reset_after": False}),
        (",bias=no", {"use_bias": False}),
    ],
)
def test_equal_to_the_gru_of_keras(said: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    program = compiled(f"5x4 gru:3{said}", like="keras")
    layer = keras.layers.GRU(3, return_sequences=True, dtype="float64", **options)
    layer.build((3, 5, 4))
    layer.set_weights(keras_weights(program))
    x = torch.tensor(program.input.data, requires_grad=True)
    y = layer(x)
    cotangent, _, by_input = gradients(program)
    y.backward(torch.from_numpy(cotangent))
    # keras.ops.matmul gives float32 for float64 on this backend, and only the loop of Keras for
    # resetting before uses it: `test_a_gru_as_its_formulas_say` holds that one to float64.
    bound = 1e-10 if options.get("reset_after", True) else 1e-6
    assert error(program.output.data, y.detach().numpy()) < bound
    assert error(by_input, x.grad.numpy()) < bound
