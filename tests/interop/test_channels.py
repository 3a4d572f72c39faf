"""Nets with their channels last, turned: the engine computes the same of both, and Keras too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcalc.answers.export import export
from dlcalc.answers.network import load
from dlcalc.engine.program import Program
from dlcalc.errors import InputError, NotationError
from dlcalc.interop.channels import channels_first
from dlcalc.layers.convention import CONVENTIONS, KERAS, TORCH
from dlcalc.nets.trace import trace
from tests.interop.test_export_weights import space

MODELS = Path(__file__).resolve().parent.parent / "data" / "models"

#: Nets as Keras has them, with their channels last.
NETS = (
    "9x8x3 conv:4,k3 relu maxpool:2 flatten dense:5",
    "9x8x3 conv:4,k3,s2,p=same bn relu conv:6,k3x2,s2x1,p=same flatten dense:2",
    "9x8x3 maxpool:3,s2,p=same avgpool:3,s2,p=same flatten",
    "9x8x3 avgpool:2,s1,p=same conv:3,k3,p=same,g3 globalavgpool dense:4 softmax",
    "9x8x3 globalmaxpool dense:4",
    "6x6x4 residual[conv:4,k3,p=same bn relu conv:4,k3,p=same] relu globalavgpool",
    "6x6x4 concat[conv:2,k1|conv:3,k3,p=same relu|maxpool:3,s1,p=same] conv:2,k1 flatten",
    "6x6x4 concat[conv:2,k1|dense:3] flatten dense:2",
    "6x6x4 multiply[conv:4,k1 sigmoid] softmax flatten",
    "6x6x4 residual[dense:4 ln] relu conv:2,k2 ln flatten",
    "6x6x4 reshape:36x4 conv1d:5,k3 relu maxpool1d:2 lstm:3 last dense:2",
    "12x4 lstm:5,biases=1 conv1d:3,k3,p=same relu globalavgpool",
    "12x4 gru:3,reset_after=no gru:2 last",
    "12x4 conv1d:6,k3,s2,p=same bn relu permute:1x0 dense:3 flatten",
    "5x4x4x2 conv3d:3,k2 relu maxpool3d:2 flatten dense:2",
    "4x4x6 convtranspose:2,k2,s2 upsample:2 crop:1 pad:1 flatten",
    "4x4x6 convtranspose:2,k3,s2,p=same flatten",
    "4x6x5 conv:3,k2 dense:4",
    "4x6x5 conv:3,k2 softmax",
    "6x5 dense:3 softmax",
    "6x5 conv1d:3,k2",
    "4x4x6 dropout:0.5 tanh dense:3 relu dropout:0.1 flatten",
    "7 dense:4 relu dense:2",
)


def outputs(net: Any, sizes: Any, data: Any, layout: Any, convention: Any) -> Any:
    """What the engine makes of the data, with numbers that hang on nothing but their place."""
    program = Program(net, sizes, batch=2, layout=layout, convention=convention)
    draw = np.random.default_rng(5)
    program.parameters[:] = draw.normal(size=program.parameters.size)
    for array in program.statistics.values():
        array[...] = draw.uniform(0.5, 1.5, size=array.shape)
    program.input.data[...] = data
    return program.forward().copy()


def same_by_engine(words: str, like: str) -> bool:
    start, net = load((words,), layout="hwc")
    steps = trace(net, start, KERAS)
    turned_start, turned_net = channels_first(start, steps, KERAS, CONVENTIONS[like])
    data = np.random.default_rng(3).normal(size=(2, *start.sizes))
    theirs = outputs(net, start.sizes, data, "hwc", KERAS)
    if turned_start.sizes != start.sizes:
        data = np.moveaxis(data, -1, 1)
    ours = outputs(turned_net, turned_start.sizes, data, "chw", CONVENTIONS[like])
    if ours.ndim > 2 and ours.shape != theirs.shape:
        ours = np.moveaxis(ours, 1, -1)
    return ours.shape == theirs.shape and bool(np.allclose(ours, theirs, rtol=1e-9, atol=1e-12))


@pytest.mark.parametrize("like", ["torch", "keras"])
@pytest.mark.parametrize("net", NETS)
def test_the_engine_computes_the_same_of_both(net: str, like: str) -> None:
    assert same_by_engine(net, like)


def test_the_comparison_can_fail() -> None:
    """Without the permute before a flatten the numbers are others."""
    start, net = load(("9x8x3 conv:4,k3 flatten",), layout="hwc")
    _, turned_net = channels_first(start, trace(net, start, KERAS), KERAS, TORCH)
    assert [node.text for node in turned_net] == ["conv:4,k3", "permute:1x2x0", "flatten"]  # type: ignore[union-attr]
    data = np.random.default_rng(3).normal(size=(2, 9, 8, 3))
    theirs = outputs(net, start.sizes, data, "hwc", KERAS)
    without = (turned_net[0], turned_net[2])
    ours = outputs(without, (3, 9, 8), np.moveaxis(data, -1, 1), "chw", TORCH)
    assert ours.shape == theirs.shape and not np.allclose(ours, theirs)


def test_nothing_is_turned_twice() -> None:
    """Between layers that read the channels alike there is no permute."""
    start, net = load(("9x8x3 conv:4,k3 bn relu maxpool:2 conv:4,k1 globalavgpool",), layout="hwc")
    _, turned_net = channels_first(start, trace(net, start, KERAS), KERAS, KERAS)
    assert [node.text for node in turned_net] == [node.text for node in net]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("net", "rule"),
    [
        ("6x6x4 concat:axis=0[conv:2,k1|conv:2,k1] flatten", "concat:axis=0.*is not written"),
        ("6x6x4 local:2,k3 flatten", "local.*is not written"),
        ("6x6x4 aux[flatten dense:2] flatten dense:2", "aux.*is not written"),
    ],
)
def test_what_would_be_another_layer_is_refused(net: str, rule: str) -> None:
    start, parsed = load((net,), layout="hwc")
    with pytest.raises(NotationError, match=rule):
        channels_first(start, trace(parsed, start, KERAS), KERAS, TORCH)


def test_a_model_file_is_exported_to_both_frameworks(tmp_path: Path) -> None:
    torch_source = export(str(MODELS / "digits.json")).value
    assert "self.conv = nn.Conv2d(1, 8, 5" in torch_source
    assert "x.permute(0, 2, 3, 1)  # 14x14x8" in torch_source
    keras_source = export(str(MODELS / "digits.json"), to="keras").value
    assert 'name="digits")' in keras_source and "Permute" not in keras_source
    document = json.loads((MODELS / "digits.json").read_bytes())
    document["config"]["layers"][1]["config"]["strides"] = [2, 2]
    document["config"]["layers"][1]["config"]["activation"] = "softmax"
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    assert "F.pad(x, (1, 2, 1, 2))" in export(str(path)).value
    document["config"]["layers"][1]["class_name"] = "LocallyConnected2D"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError):
        export(str(path))


def keras() -> Any:
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", reason="Keras is not installed")


def test_keras_itself_computes_the_same(tmp_path: Path) -> None:
    """Its own model, the same model exported to PyTorch, and exported to Keras again."""
    k = keras()
    import torch

    inputs = k.Input((12, 11, 3))
    x = k.layers.Conv2D(8, 3, strides=2, padding="same", name="1conv")(inputs)
    x = k.layers.BatchNormalization()(x)
    x = k.layers.ReLU()(x)
    branch = k.layers.Conv2D(8, 3, padding="same", activation="tanh")(x)
    x = k.layers.Add()([x, branch])
    x = k.layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = k.layers.AveragePooling2D(2, strides=1, padding="same")(x)
    x = k.layers.Flatten()(x)
    model = k.Model(inputs, k.layers.Dense(4, activation="softmax")(x))
    draw = np.random.default_rng(2)
    model.set_weights(
        [draw.uniform(0.1, 1, size=w.shape) - 0.4 * (w.ndim > 1) for w in model.get_weights()]
    )
    path = tmp_path / "model.json"
    path.write_text(model.to_json())
    data = draw.normal(size=(5, 12, 11, 3)).astype("float32")
    wanted = model.predict(data, verbose=0)
    again = space(export(str(path), to="keras").value)["build_model"]()
    again.set_weights(model.get_weights())
    assert np.allclose(again.predict(data, verbose=0), wanted, atol=1e-6)
    made = space(export(str(path)).value)["Net"]().eval()
    own = [t for name, t in made.state_dict().items() if "num_batches" not in name]
    for tensor, array in zip(own, model.get_weights(), strict=True):
        turned = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim, (0,))
        tensor.copy_(torch.tensor(array.transpose(turned)))
    with torch.no_grad():
        found = made(torch.tensor(data).movedim(-1, 1)).numpy()
    assert np.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["VGG16", "ResNet50", "ResNet50V2", "DenseNet121", "MobileNet"])
def test_applications_of_keras_are_exported(name: str, tmp_path: Path) -> None:
    k = keras()
    import torch

    model = getattr(k.applications, name)(weights=None)
    path = tmp_path / "model.json"
    path.write_text(model.to_json())
    source = export(str(path)).value
    with torch.device("meta"):
        made = space(source)["Net"]().eval()
        assert tuple(made(torch.zeros(1, 3, 224, 224)).shape) == (1, 1000)
    assert sum(p.numel() for p in made.parameters()) == sum(
        int(np.prod(w.shape)) for w in model.trainable_weights
    )
