"""ONNX models, node by node against onnx's own shape inference, and in numbers against PyTorch.

tests/oracles/onnx_models.py recorded the table: the models as plain values, with the shape
that onnx infers for each output of each node, and how many numbers PyTorch trains.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from oracles.onnx_plain import read as plain

from dlcalc.answers.model import ModelParams, Way, model_params
from dlcalc.answers.params import PLAIN, params
from dlcalc.answers.versus import Side, Versus
from dlcalc.interop.onnx.model import Given, Model, Op
from dlcalc.interop.onnx.read import followed, graph_of
from dlcalc.interop.onnx.walk import Walk
from dlcalc.layers.size import Polynomial
from dlcalc.nets import zoo

DATA = Path(__file__).parents[1] / "data" / "onnx_models.json.gz"
MODELS: dict[str, Any] = json.loads(gzip.decompress(DATA.read_bytes()))
#: Multiply-accumulates that the zoo's nets have, too.
IN_ZOO = "resnet18 resnet50 vgg11 alexnet googlenet inception_v3 mobilenet_v2 densenet121 vit_b_16"
#: Nets that are at the same time whole in the notation: every branch meets again.
REDUCED = "resnet18 resnet50 vgg11 mobilenet_v3_small regnet_y_400mf vit_b_16 encoder lstm gru"


@cache
def model(name: str) -> Model:
    return plain(MODELS[name]["model"])


def differing(walk: Walk, shapes: dict[str, list[int | str | None]]) -> list[str]:
    """The outputs of nodes that have another shape than onnx says; names match any number."""
    found = []
    for op in walk.model.ops:
        for output in op.outputs:
            if output in shapes and not _agree(walk, output, shapes[output]):
                found.append(output)
    return found


def _agree(walk: Walk, output: str, said: list[int | str | None]) -> bool:
    if output not in walk.values:
        return False
    ours = walk.values[output].shape
    pairs = zip(ours, said, strict=False)
    return len(ours) == len(said) and all(n == m or not isinstance(m, int) for n, m in pairs)


def parameters(name: str) -> ModelParams:
    return ModelParams(Way(graph_of(model(name), name, None)), PLAIN)


@pytest.mark.parametrize("name", MODELS)
def test_every_node_has_the_shape_that_onnx_infers(name: str) -> None:
    walk, graph = followed(model(name), name, None)
    shapes = MODELS[name]["shapes"]
    assert not graph.open
    assert differing(walk, shapes) == []
    compared = [output for op in walk.model.ops for output in op.outputs if output in shapes]
    assert len(compared) >= (0.6 if name == "unet_13" else 0.9) * len(walk.model.ops)


def test_at_least_twelve_models_are_compared_whole() -> None:
    whole = 0
    for name in MODELS:
        outputs = {output for op in model(name).ops for output in op.outputs if output}
        whole += outputs <= set(MODELS[name]["shapes"])
    assert len(MODELS) >= 36
    assert whole >= 28


#: In these the exporter has put normalisation into weights.
FOLDED = "resnet50_folded resnet18_dynamo densenet121_dynamo unet_dynamo".split()


@pytest.mark.parametrize("name", [name for name in MODELS if name not in FOLDED])
def test_as_many_parameters_as_pytorch_trains(name: str) -> None:
    assert parameters(name).value == MODELS[name]["parameters"]


def test_folded_norms_leave_their_shift_alone() -> None:
    """Each channel's scale is in the weight, mean and shift in a bias: 26,560 channels."""
    assert parameters("resnet50_folded").value == 25_557_032 - 2 * 26_560 + 26_560
    assert parameters("resnet18_dynamo").value == 11_689_512 - 2 * 4_800 + 4_800


@pytest.mark.parametrize("name", IN_ZOO.split())
def test_as_many_macs_as_the_zoo(name: str) -> None:
    assert parameters(name).macs == params(name).macs
    assert name in zoo.names()


def test_a_batch_of_any_size_is_left_out() -> None:
    """2, 3 and a letter give the counts of one example, also where attention mixes its axes."""
    assert parameters("vit_b_16_batch").macs == parameters("vit_b_16").macs
    assert parameters("vit_b_16_dynamo").macs == parameters("vit_b_16").macs
    assert parameters("encoder_time_first").macs == parameters("encoder").macs
    assert str(graph_of(model("resnet50"), "a", None).inputs[0].output) == "3x224x224"


@pytest.mark.parametrize("name", REDUCED.split())
def test_a_net_of_branches_is_reduced(name: str) -> None:
    assert Way(graph_of(model(name), name, None)).net is not None


def test_a_changed_node_is_noticed() -> None:
    """A stride and a perm that are other than recorded give other shapes than recorded."""
    first = model("resnet18").ops[0]
    assert first.kind == "Conv"
    changed = first._replace(attributes={**first.attributes, "pads": (3, 3, 4, 4)})
    walk, _ = followed(_with(model("resnet18"), {0: changed}), "a", None)
    assert len(differing(walk, MODELS["resnet18"]["shapes"])) >= 1


def _with(old: Model, ops: dict[int, Op]) -> Model:
    return old._replace(ops=tuple([ops.get(i, op) for i, op in enumerate(old.ops)]))


def test_numbers_beside_layers_are_told_of() -> None:
    """An exporter may keep constants where ConvNeXt has its trained scales."""
    notes = graph_of(model("convnext_tiny"), "a", None).notes
    assert any(
        "6,624 of the parameters are read beside layers, such as features" in n for n in notes
    )
    assert not graph_of(model("resnet18"), "a", None).notes


def test_open_sizes_are_letters() -> None:
    walk, _ = followed(model("resnet50"), "a", None)
    assert isinstance(walk.examples, Polynomial)


HANDMADE: list[dict[str, Any]] = json.loads(
    gzip.decompress((DATA.parent / "onnx_handmade.json.gz").read_bytes())
)


def others(row: dict[str, Any]) -> list[str]:
    """The outputs of a handmade model that have another shape than onnx or onnxruntime says."""
    walk, _ = followed(plain(row["model"]), "handmade", None)
    made = {} if _rounds_otherwise(walk.model) else row["made"] or {}
    return differing(walk, row["shapes"]) + differing(walk, made)


def _rounds_otherwise(model: Model) -> bool:
    """Whether it is pooling of before opset 22, which onnxruntime rounds up by a later rule."""
    op = model.ops[0]
    return model.opset < 22 and bool(op.attributes.get("ceil_mode"))


def test_handmade_models_are_as_onnx_says_and_onnxruntime_does() -> None:
    """Each way to pad, to round up, to reshape, to join, in each opset whose rules differ."""
    assert [row["model"] for row in HANDMADE if others(row)] == []
    assert len(HANDMADE) > 1_100
    assert sum(row["made"] is not None for row in HANDMADE) > 1_100


def test_a_handmade_model_that_says_otherwise_is_noticed() -> None:
    row = next(row for row in HANDMADE if row["model"]["ops"][0][1] == "Conv")
    ((name, shape),) = row["shapes"].items()
    assert others({**row, "shapes": {name: [*shape[:-1], shape[-1] + 1]}}) == [name]
    assert others({**row, "made": {name: shape[:-1]}}) == [name]


def test_rounding_up_hangs_on_the_opset() -> None:
    """5 wide, 2 by 2 with padding 1 on both ends: 4 up to opset 21, 3 from 22 on."""
    attributes = {"kernel_shape": (2,), "strides": (2,), "pads": (1, 1), "ceil_mode": 1}
    op = Op("pool", "MaxPool", ("x",), ("y",), attributes)
    sizes = [
        followed(Model(opset, (op,), {}, (Given("x", (1, 3, 5), 1),), ("y",)), "a", None)[0]
        for opset in (21, 22)
    ]
    assert [walk.values["y"].shape for walk in sizes] == [(1, 3, 4), (1, 3, 3)]


def test_the_engine_is_a_witness() -> None:
    """A second route: each handmade model that is a net runs, multiplications counted."""
    witnessed = 0
    for row in HANDMADE:
        graph = graph_of(plain(row["model"]), "handmade", None)
        layers = [vertex for vertex in graph.vertices if vertex.node is not None]
        if not layers or graph.standins or Way(graph).net is None:
            continue
        found = model_params(graph, PLAIN, "2GB,20s")
        assert isinstance(found, ModelParams)
        assert not found.failure, row["model"]
        witnessed += 1
    assert witnessed > 1_000


def versus_zoo(changed: Model) -> list[tuple[str, list[str]]]:
    """The layers that differ from the zoo's ResNet-50."""
    ours = ModelParams(Way(graph_of(changed, "a.onnx", None)), PLAIN)
    found = Versus(Side("a.onnx", ours), Side("resnet50", params("resnet50")))
    return [(pair.left.place, pair.differs) for pair in found.layers if pair.left and pair.differs]


def test_a_changed_layer_is_found_beside_the_zoo() -> None:
    """Of 175 layers the one convolution that an export has in another way, and its output."""
    old = model("resnet50")
    assert [place for place, _ in versus_zoo(old)] == ["/avgpool/GlobalAveragePool"]
    number = next(i for i, op in enumerate(old.ops) if op.name == "/layer1/layer1.0/conv2/Conv")
    op = old.ops[number]
    attributes = {**op.attributes, "dilations": (2, 2), "pads": (2, 2, 2, 2)}
    found = versus_zoo(_with(old, {number: op._replace(attributes=attributes)}))
    assert found[0] == ("/layer1/layer1.0/conv2/Conv", ["padding", "dilation"])
    assert len(found) == 2


LIVE = "resnet18 mobilenet_v3_small unet lstm_both_ways encoder_time_first sequence_cnn swin_t"


@pytest.mark.parametrize("name", LIVE.split())
def test_live(name: str) -> None:
    """Exported anew where PyTorch and ONNX are installed."""
    pytest.importorskip("onnx", reason="onnx is not installed; the record is compared")
    pytest.importorskip(
        "torchvision", reason="torchvision is not installed; the record is compared"
    )
    from oracles.onnx_models import said

    live = said(name)
    walk, graph = followed(plain(json.loads(json.dumps(live["model"]))), name, None)
    assert differing(walk, live["shapes"]) == []
    assert ModelParams(Way(graph), PLAIN).value == live["parameters"]


def test_handmade_live() -> None:
    pytest.importorskip("onnx", reason="onnx is not installed; the record is compared")
    pytest.importorskip("onnxruntime", reason="it is not installed; the record is compared")
    from oracles.onnx_handmade import cases, said

    rows = [json.loads(json.dumps(said(case))) for case in cases()[::7]]
    assert [row["model"] for row in rows if others(row)] == []
