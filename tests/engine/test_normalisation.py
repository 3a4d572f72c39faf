"""Normalisation and dropout against PyTorch, complex steps and what they are for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.harness import compiled, complex_steps, error, gradients
from engine.torch_twin import assert_is_torch

from dlcalc.errors import LayerError
from dlcalc.layers.convention import CONVENTIONS
from dlcalc.layers.shape import Shape

LINES = [
    "4 bn",
    "4x5 bn",
    "4x5x3 bn",
    "4x2x3x2 bn:track=no",
    "4x5x3 bn:affine=no",
    "4x5x3 bn:eps=0.1",
    "4x5 instancenorm",
    "4x5x3 instancenorm:affine=yes",
    "4x5x3 instancenorm:affine=yes,track=yes",
    "4x2x3x2 instancenorm:track=yes",
    "6 gn:2",
    "6x3 gn:3",
    "6x5x4 gn:2",
    "6x5x3 gn:1,affine=no",
    "6x2x6 gn:6",
    "5 ln",
    "3x5 ln",
    "3x5 ln:bias=no",
    "3x5 ln:affine=no",
    "4x5x3 ln:2",
    "4x5x3 ln:3",
    "5 rmsnorm",
    "4x5x3 rmsnorm:2",
    "4x5x3 rmsnorm:affine=no",
    "7x5x3 lrn",
    "7x5 lrn:4,alpha=0.3,beta=1.5,k=2",
    "3x5 lrn:9,alpha=2",
    "6x2x2x3 lrn:2,alpha=1",
    "6x2 lrn:1,alpha=1",
]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("line", LINES)
def test_gradients_are_those_of_complex_steps(line: str, training: bool) -> None:
    for layout in ("chw", "hwc"):
        _, by_parameters, by_input = gradients(compiled(line, layout=layout, training=training))
        exact = complex_steps(line, layout=layout, training=training)
        assert error(by_parameters, exact[0]) < 1e-12
        assert error(by_input, exact[1]) < 1e-12


@pytest.mark.parametrize("like", CONVENTIONS)
@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize("line", [*LINES, "6x1x1 instancenorm:track=yes"])
def test_tensors_are_those_of_the_algebra(line: str, layout: Any, like: str) -> None:
    program = compiled(line, like=like, layout=layout)
    layer = program.trail[0][1].layer
    shape, name = Shape(program.input.data.shape[1:], layout), program.trail[0][0]
    convention = CONVENTIONS[like]
    trained = {f"{name}.{key}": s for key, s in layer.parameters(shape, convention).items()}
    kept = {f"{name}.{key}": s for key, s in layer.buffers(shape, convention).items()}
    assert {key: t.value.shape for key, t in program.tensors.items()} == trained
    assert {key: s.shape for key, s in program.statistics.items()} == kept
    assert program.output.data.shape == program.input.data.shape


def module(torch: Any, layer: Any, sizes: tuple[int, ...]) -> Any:
    """PyTorch's layer."""
    word, rank, nn = layer.words[0], len(sizes) - 1, torch.nn
    if word == "lrn":
        return nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
    if word == "gn":
        return nn.GroupNorm(layer.groups, sizes[0], layer.eps, layer.affine)
    if word == "ln":
        return nn.LayerNorm(sizes[-layer.last :], layer.eps, layer.affine, layer.bias)
    if word == "rmsnorm":
        return nn.RMSNorm(sizes[-layer.last :], layer.eps, layer.affine)
    settings = (sizes[0], layer.eps, layer.momentum, layer.affine, layer.track)
    name = "BatchNorm" if word == "bn" else "InstanceNorm"
    return getattr(nn, f"{name}{max(rank, 1)}d")(*settings)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("layout", ["chw", "hwc"])
@pytest.mark.parametrize("line", LINES)
def test_each_is_that_of_torch(line: str, layout: Any, training: bool) -> None:
    torch = pytest.importorskip("torch")
    sizes, _, word = line.partition(" ")
    of_axes = word.startswith(("ln", "rmsnorm"))
    moved = layout == "hwc" and sizes.count("x") > 1 and not of_axes
    if moved:
        channels, _, sides = sizes.partition("x")
        line = f"{sides}x{channels} {word}"
    program = compiled(line, layout=layout if moved else "chw", training=training)
    shape = tuple(map(int, sizes.split("x")))
    twin = module(torch, program.trail[0][1].layer, shape).double().train(training)
    draw = np.random.default_rng(3)
    for name, statistic in program.statistics.items():
        if "batches" not in name:
            statistic[...] = draw.uniform(0.5, 2, statistic.shape)
            getattr(twin, name.partition(".")[2])[...] = torch.tensor(statistic)

    def function(x: Any, *tensors: Any) -> Any:
        names = ("weight", "bias")[: len(tensors)]
        given = x.moveaxis(-1, 1) if moved else x
        y = torch.func.functional_call(twin, dict(zip(names, tensors)), (given,))
        return y.moveaxis(1, -1) if moved else y

    assert_is_torch(program, function)
    for name, statistic in program.statistics.items():
        assert error(statistic, getattr(twin, name.partition(".")[2]).numpy()) < 1e-12, name


def test_statistics_move_with_every_batch_and_serve_evaluation() -> None:
    trained = compiled("2x3 bn", training=True)
    first = trained.forward().copy()
    once = trained.statistics["bn1.running_mean"].copy()
    assert (trained.forward() == first).all()
    mean = trained.input.data.mean((0, 2))
    assert error(once, 0.1 * mean) < 1e-12
    assert error(trained.statistics["bn1.running_mean"], 0.19 * mean) < 1e-12
    assert trained.statistics["bn1.num_batches_tracked"] == 2
    evaluated = compiled("2x3 bn")
    for _ in range(2):
        assert error(evaluated.forward(), evaluated.input.data / np.sqrt(1 + 1e-5)) > 0.1
    assert evaluated.statistics["bn1.num_batches_tracked"] == 0


def test_caffe_keeps_sums_and_their_scale() -> None:
    program = compiled("2x4 bn:affine=no,momentum=0.2", like="caffe", training=True)
    means, variances = [], []
    for seed in range(3):
        program.input.data[...] = np.random.default_rng(seed).normal(size=(3, 2, 4))
        program.forward()
        means.append(program.input.data.mean((0, 2)))
        variances.append(program.input.data.var((0, 2), ddof=1))
    shares = np.array([0.64, 0.8, 1])
    assert program.statistics["bn1.scale_factor"].tolist() == pytest.approx([shares.sum()])
    evaluated = compiled("2x4 bn:affine=no,momentum=0.2", like="caffe")
    for name, statistic in evaluated.statistics.items():
        statistic[...] = program.statistics[name]
    mean, variance = (np.average(kept, 0, shares)[:, None] for kept in (means, variances))
    expected = (evaluated.input.data - mean) / np.sqrt(variance + 1e-5)
    assert error(evaluated.forward(), expected) < 1e-12


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("4 bn", {"batch": 1, "training": True}),
        ("4x1 bn:track=no", {"batch": 1}),
        ("4x1 instancenorm:track=yes", {"training": True}),
    ],
)
def test_one_value_has_no_variance(line: str, settings: dict[str, Any]) -> None:
    with pytest.raises(LayerError, match="no variance"):
        compiled(line, **settings)


def test_values_by_hand() -> None:
    program = compiled("2 ln:eps=0", batch=1)
    program.parameters[...] = [2, 3, 10, 20]
    program.input.data[...] = [[5, 9]]
    assert program.forward().tolist() == [[-2 + 10, 3 + 20]]
    program = compiled("2 rmsnorm:affine=no,eps=0", batch=1)
    program.input.data[...] = [[1, 7]]
    assert error(program.forward(), np.array([[0.2, 1.4]])) < 1e-15


@pytest.mark.parametrize("line", ["6x4 bn", "6x4 gn:2", "6x4 ln", "6x4 rmsnorm", "6x4 lrn"])
@pytest.mark.parametrize("training", [False, True])
def test_single_precision(line: str, training: bool) -> None:
    single = compiled(line, training=training, dtype=np.float32)
    double = compiled(line, training=training)
    for found, expected in zip(gradients(single)[1:], gradients(double)[1:]):
        assert found.dtype == np.float32
        assert error(found, expected) < 1e-5
    assert error(single.output.data, double.output.data) < 1e-5


@pytest.mark.parametrize(
    ("line", "layout", "alike"),
    [
        ("50x40 dropout:0.3", "chw", ()),
        ("50x4 dropout1d:0.3", "chw", (2,)),
        ("50x4x3 dropout2d:0.3", "chw", (2, 3)),
        ("4x3x50 dropout2d:0.3", "hwc", (1, 2)),
        ("50x2x2x3 dropout3d:0.3", "chw", (2, 3, 4)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dropout_drops_and_scales(line: str, layout: Any, alike: Any, dtype: type) -> None:
    settings = {"layout": layout, "batch": 20, "dtype": dtype}
    settings["backwards"] = dtype is not np.complex128
    program = compiled(line, training=True, **settings)
    program.input.data[...] = 2
    y = program.forward().copy()
    assert np.allclose(np.unique(y), [0, 2 / 0.7])
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.05)
    if alike:
        assert (np.ptp(y.real, alike) == 0).all()
    if program.backwards:
        program.output.cotangent[...] = 2
        program.backward()
        assert (program.input.cotangent == y).all()
    assert (program.forward() != y).any()
    # The same seed drops the same, whatever the type; while evaluating nothing is done.
    assert (
        (compiled(line, training=True, **settings | {"dtype": float}).forward() == 0) == (y == 0)
    ).all()
    assert compiled(line, layout=layout).forward_calls == []


def test_dropout_of_all_and_of_nothing() -> None:
    assert (compiled("5 dropout:1", training=True).forward() == 0).all()
    assert compiled("5 dropout:0", training=True).forward_calls == []
