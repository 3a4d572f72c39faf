"""Normalisation layers: their tensors, notes and refusals, against PyTorch where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dlcalc.errors import LayerError
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import CAFFE, CONVENTIONS, KERAS, ONNX, TORCH
from dlcalc.layers.normalisation import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    RmsNorm,
)
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import letter

C, H = letter("C"), letter("H")

AGAINST_TORCH = [
    (LayerNorm(), lambda nn: nn.LayerNorm(768), (197, 768)),
    (LayerNorm(axes=2), lambda nn: nn.LayerNorm((7, 5)), (3, 7, 5)),
    (LayerNorm(axes=3), lambda nn: nn.LayerNorm((3, 7, 5)), (3, 7, 5)),
    (LayerNorm(bias=False), lambda nn: nn.LayerNorm(8, bias=False), (4, 8)),
    (LayerNorm(affine=False), lambda nn: nn.LayerNorm(8, elementwise_affine=False), (8,)),
    (RmsNorm(), lambda nn: nn.RMSNorm(16), (5, 16)),
    (RmsNorm(axes=2), lambda nn: nn.RMSNorm((5, 16)), (5, 16)),
    (RmsNorm(affine=False), lambda nn: nn.RMSNorm(16, elementwise_affine=False), (5, 16)),
    (GroupNorm(groups=4), lambda nn: nn.GroupNorm(4, 8), (8,)),
    (GroupNorm(groups=4), lambda nn: nn.GroupNorm(4, 8), (8, 5)),
    (GroupNorm(groups=1), lambda nn: nn.GroupNorm(1, 8), (8, 3, 5, 2)),
    (GroupNorm(groups=2, affine=False), lambda nn: nn.GroupNorm(2, 8, affine=False), (8, 3, 5)),
    (InstanceNorm(), lambda nn: nn.InstanceNorm2d(8), (8, 3, 5)),
    (InstanceNorm(affine=True), lambda nn: nn.InstanceNorm1d(8, affine=True), (8, 3)),
    (
        InstanceNorm(affine=True, track=True),
        lambda nn: nn.InstanceNorm3d(8, affine=True, track_running_stats=True),
        (8, 3, 1, 2),
    ),
    (BatchNorm(), lambda nn: nn.BatchNorm2d(8), (8, 3, 5)),
    (BatchNorm(track=False), lambda nn: nn.BatchNorm1d(8, track_running_stats=False), (8,)),
    (LocalResponseNorm(), lambda nn: nn.LocalResponseNorm(5), (8, 3, 5)),
]


@pytest.mark.parametrize(("layer", "module", "sizes"), AGAINST_TORCH)
def test_shape_and_tensors_are_those_of_torch(
    layer: Layer, module: Callable[[Any], Any], sizes: tuple[int, ...]
) -> None:
    torch = pytest.importorskip("torch")
    built = module(torch.nn)
    shape = Shape(sizes)
    assert layer.output_shape(shape, TORCH).sizes == tuple(built(torch.zeros(2, *sizes)).shape[1:])
    parameters = {name: tuple(tensor.shape) for name, tensor in built.named_parameters()}
    buffers = {name: tuple(tensor.shape) for name, tensor in built.named_buffers()}
    assert layer.parameters(shape, TORCH) == parameters
    assert layer.buffers(shape, TORCH) == buffers


def test_instance_norm_of_one_value_is_refused_as_in_torch() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        torch.nn.InstanceNorm2d(8)(torch.zeros(2, 8, 1, 1))
    with pytest.raises(LayerError, match="one value has no variance"):
        InstanceNorm().output_shape(Shape((8, 1, 1)), TORCH)
    assert InstanceNorm().output_shape(Shape((8, 1, 1)), KERAS).sizes == (8, 1, 1)
    assert InstanceNorm(track=True).output_shape(Shape((8, 1, 1)), TORCH).sizes == (8, 1, 1)
    assert InstanceNorm().output_shape(Shape((8, H, 1)), TORCH).sizes == (8, H, 1)


@pytest.mark.parametrize("layer", [BatchNorm(), InstanceNorm(track=True)])
def test_statistics_are_the_conventions(layer: Layer) -> None:
    shape = Shape((8, 3, 5))
    statistics = {"running_mean": (8,), "running_var": (8,)}
    assert layer.buffers(shape, TORCH) == {**statistics, "num_batches_tracked": ()}
    assert layer.buffers(shape, CAFFE) == {**statistics, "scale_factor": (1,)}
    assert layer.buffers(shape, KERAS) == layer.buffers(shape, ONNX) == statistics


@pytest.mark.parametrize(
    "layer",
    [
        BatchNorm(),
        LayerNorm(),
        RmsNorm(axes=3),
        GroupNorm(groups=2),
        InstanceNorm(affine=True),
        LocalResponseNorm(),
    ],
)
def test_each_value_is_normalised_once(layer: Layer) -> None:
    shape = Shape((8, 3, H))
    for convention in CONVENTIONS.values():
        assert layer.output_shape(shape, convention) == shape
    assert layer.parts(shape, shape) == {"normalisation": 24 * H}
    assert layer.macs(shape, shape) == 0


@pytest.mark.parametrize(
    ("layer", "sizes", "rule", "mend"),
    [
        (
            GroupNorm(groups=3),
            (64, 8, 8),
            "gn has 3 groups, but 64 channels do not divide by 3",
            "Such as gn:2, gn:4, gn:8, gn:16.",
        ),
        (GroupNorm(groups=2), (7,), "gn has 2 groups, but 7 channels", "Such as gn:7."),
        (GroupNorm(groups=2), (1,), "gn has 2 groups, but 1 channels", "Such as gn:1."),
        (GroupNorm(groups=2), (C, H), "whether gn:2 divides the C channels", "gn:1 takes all"),
        (
            LayerNorm(axes=3),
            (128, 768),
            "ln:3 normalises the last 3 axes, but 128x768 has 2",
            "Write ln for the last axis, or ln:2 for all 2.",
        ),
        (RmsNorm(axes=2), (768,), "rmsnorm:2 normalises", "Write rmsnorm for the last axis."),
        (InstanceNorm(), (8,), "at least one spatial axis", "Give it channels"),
        (InstanceNorm(rank=1), (8, 3, 3), "instancenorm1d needs CxL", "Write instancenorm"),
        (LocalResponseNorm(), (8,), "at least one spatial axis", "Give it channels"),
    ],
)
def test_refusal(layer: Layer, sizes: tuple[int, ...], rule: str, mend: str) -> None:
    with pytest.raises(LayerError) as caught:
        layer.output_shape(Shape(sizes), TORCH)
    assert rule in caught.value.rule
    assert mend in caught.value.mend


def test_groups_may_be_letters() -> None:
    assert GroupNorm(groups=2).output_shape(Shape((6 * C, H)), TORCH).sizes == (6 * C, H)
    assert GroupNorm(groups=C).output_shape(Shape((C, H)), TORCH).sizes == (C, H)


def test_the_last_axis_alone_is_remarked_where_it_may_not_be_meant() -> None:
    image = Shape((64, 7, 5))
    assert LayerNorm().note(image, TORCH) == (
        "ln normalises the last axis of 64x7x5 alone; ln:3 normalises all 3 axes together"
    )
    assert "rmsnorm:3" in RmsNorm().note(image, TORCH)
    assert LayerNorm(axes=3).note(image, TORCH) == ""
    assert LayerNorm().note(Shape((197, 768)), TORCH) == ""
    assert LayerNorm().note(Shape((7, 5, 64), "hwc"), TORCH) == ""


def test_a_side_has_no_channels_to_train() -> None:
    for layer in (BatchNorm(), LayerNorm(), GroupNorm(groups=2), InstanceNorm(affine=True)):
        side = Shape((32,), kind="side")
        assert layer.output_shape(side, TORCH) == side
        with pytest.raises(LayerError, match="needs the channels"):
            layer.parameters(side, TORCH)


def test_the_number_of_axes_does_not_hide_the_map() -> None:
    layer = LayerNorm(axes=2)
    assert layer == LayerNorm(axes=2) != LayerNorm()
    assert layer.axes(Shape((5,)), TORCH) is not None
