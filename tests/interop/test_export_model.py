"""Model files as source: what is a net of the notation is written, anything else refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlcalc.answers.export import export
from dlcalc.answers.shape import shape
from dlcalc.errors import InputError
from dlcalc.interop.write.names import RESERVED, attribute
from dlcalc.nets.zoo import names
from tests.interop.test_export_weights import space

MODELS = Path(__file__).resolve().parent.parent / "data" / "models"

SEQUENTIAL = """\
from collections import OrderedDict
from torch import nn

model = nn.Sequential(OrderedDict([
    ("x", nn.Conv2d(1, 4, 3, padding=1)),
    ("class", nn.BatchNorm2d(4)),
    ("pool", nn.AvgPool2d(2, padding=1, count_include_pad=False)),
    ("flat", nn.Flatten()),
    ("head", nn.Sequential(nn.Linear(64, 8), nn.GELU(), nn.Linear(8, 3))),
]))
"""


def test_torch_source_is_written_as_a_class_that_computes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(SEQUENTIAL, encoding="utf-8")
    source = export("1x6x6", str(path)).value
    for name in ("layer_x", "layer_class", "pool", "head_0", "head_2"):
        assert f"self.{name} = nn." in source
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    theirs: dict[str, Any] = {}
    exec(SEQUENTIAL, theirs)
    model = theirs["model"].eval()
    made = space(source)["Net"]().eval()
    pairs = zip(made.state_dict().values(), model.state_dict().values(), strict=True)
    for own, other in pairs:
        own.copy_(other)
    x = torch.randn(5, 1, 6, 6)
    with torch.no_grad():
        assert torch.allclose(made(x), model(x), atol=1e-6)


def keras(tmp_path: Path, *layers: dict[str, Any], sizes: tuple[int, ...] = (6,)) -> str:
    """A file of ``model.to_json()`` of a sequential model."""
    first = {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, *sizes]}}
    named = [
        {"class_name": kind, "config": {"name": f"{kind.lower()}_{number}", **config}}
        for number, layer in enumerate(layers)
        for kind, config in layer.items()
    ]
    model = {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *named]}}
    (tmp_path / "model.json").write_text(json.dumps(model), encoding="utf-8")
    return str(tmp_path / "model.json")


DENSE: dict[str, Any] = {"Dense": {"units": 4, "activation": "relu"}}


def test_dense_layers_of_keras_are_the_same_in_torch(tmp_path: Path) -> None:
    source = export(keras(tmp_path, DENSE, {"Dense": {"units": 2}})).value
    assert "self.dense_0 = nn.Linear(6, 4)" in source
    assert "self.dense_1 = nn.Linear(4, 2)" in source
    assert "F.relu" in source


@pytest.mark.parametrize(
    ("layers", "sizes", "rule"),
    [
        ([{"GRU": {"units": 3, "activation": "relu"}}], (6, 2), "are shown as the usual ones"),
        ([{"RepeatVector": {"n": 3}}], (6,), "the notation has no layer that repeats"),
    ],
)
def test_what_the_notation_has_not_is_refused(
    layers: list[dict[str, Any]], sizes: tuple[int, ...], rule: str, tmp_path: Path
) -> None:
    path = keras(tmp_path, *layers, sizes=sizes)
    with pytest.raises(InputError, match=rule):
        export(path)


def test_the_notation_of_a_keras_model_is_the_same_net(tmp_path: Path) -> None:
    text = export(str(MODELS / "digits.json"), to="net").value
    assert "Read it with --layout hwc --like keras." in text
    path = tmp_path / "digits.net"
    path.write_text(text, encoding="utf-8")
    ours = shape(file=str(path), layout="hwc", like="keras").document()
    theirs = shape(str(MODELS / "digits.json")).document()
    assert ours["output"] == theirs["output"]
    outputs = [[layer["output"] for layer in one["layers"]] for one in (ours, theirs)]  # type: ignore[attr-defined]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("file", "to", "rule"),
    [
        ("config.json", "torch", "not all of its arithmetic"),
        ("config.json", "net", "cannot be written in the notation: .*tied=transformer.wte"),
        ("head.safetensors", "torch", "holds tensors and no layers"),
        ("printed.txt", "torch", "has a forward of its own"),
    ],
)
def test_what_is_no_net_is_refused(file: str, to: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        export(str(MODELS / file), to=to)


def test_a_layer_that_the_notation_cannot_write_is_refused(tmp_path: Path) -> None:
    config = {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "vocab_size": 32,
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "sliding_window": 4,
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match=r"window=4\): the notation has no such layer"):
        export(str(tmp_path / "config.json"), to="net")


def test_a_model_file_takes_neither_other_rules_nor_numbers() -> None:
    digits = str(MODELS / "digits.json")
    with pytest.raises(InputError, match="rules of torch do not apply"):
        export(digits, to="net", like="torch")
    with pytest.raises(InputError, match="--weights is for nets in the notation"):
        export(digits, weights="some.npz")


def test_no_attribute_hides_what_a_module_has() -> None:
    torch = pytest.importorskip("torch")
    own = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert own <= RESERVED
    assert not {attribute(name, ()) for name in [*own, "_call", "class", "1", "x", "é"]} & own


def test_an_attribute_is_given_once() -> None:
    assert attribute("a.b", {"a_b", "a_b_"}) == "a_b__"


@pytest.mark.parametrize("name", names())
def test_no_layer_of_a_built_in_net_has_a_reserved_name(name: str) -> None:
    try:
        source = export(name).value
    except InputError:
        return
    assert "self.layer_" not in source
