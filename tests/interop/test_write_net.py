"""The normalised notation: what is written is the same net when it is read again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcalc.answers.export import export
from dlcalc.answers.network import load
from dlcalc.answers.train import train
from dlcalc.errors import InputError
from dlcalc.interop.write.net import layer_text
from dlcalc.interop.write.targets import TARGETS
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import TORCH
from dlcalc.layers.index import LAYERS
from dlcalc.nets.parser import Net, unroll
from dlcalc.nets.word import read_word
from dlcalc.nets.zoo import names


def flat(net: Net) -> Iterator[object]:
    """The layers with their brackets, whatever they were repeated by."""
    for node, _ in unroll(net):
        yield type(node.layer), once(node.layer)
        yield [list(flat(branch)) for branch in node.branches]


#: The arguments that have one value for all axes, or one for each.
EACH = ("kernel", "stride", "padding", "dilation", "output", "size", "scale", "margin")


def once(layer: Layer) -> dict[str, object]:
    """The settings of a layer, those that are alike along all axes once."""
    found = dict(vars(layer))
    for name in EACH:
        value = found.get(name)
        if isinstance(value, tuple) and len(set(value)) == 1:
            found[name] = value[:1]
    return found


@pytest.mark.parametrize("name", names())
def test_a_built_in_net_is_the_same_when_read_again(name: str, tmp_path: Path) -> None:
    words = ("20x128", name) if name == "lstm-5x128" else (name,)
    path = tmp_path / "again.net"
    exported = export(*words, to="net", output=str(path))
    assert path.read_text(encoding="utf-8") == exported.value
    start, net = load(words)
    again, read = load((), file=str(path))
    assert again == start
    assert list(flat(read)) == list(flat(net))
    assert export(file=str(path), to="net").value == exported.value


@pytest.mark.parametrize("name", LAYERS)
def test_the_example_of_every_layer_is_the_same(name: str) -> None:
    words = tuple(LAYERS[name].example.replace("'", "").split())
    start, net = load(words)
    again, read = load(tuple(_uncommented(export(*words, to="net").value)))
    assert again == start
    assert list(flat(read)) == list(flat(net))


def _uncommented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from line.partition("#")[0].split()


@pytest.mark.parametrize(
    ("word", "short"),
    [
        ("convolution:out=6,kernel=5x5,stride=1,padding=2+2", "conv:6,k5,p2"),
        ("conv2d:6,5,1,same", "conv2d:6,k5,p=same"),
        ("conv:6,k3x2,p1+0x2,d1x2,g2,bias=no", "conv:6,k3x2,p1+0x2,d1x2,g2,bias=no"),
        ("maxpool:3,s2,ceil=no", "maxpool:k3,s2,ceil=no"),
        ("batchnorm:eps=0.00001,affine=no", "bn:affine=no"),
        ("ln:2,eps=1e-9", "ln:2,eps=1e-09"),
        ("select:0x1", "select:0x1"),
        ("reshape:6x6", "reshape:6x6"),
        ("permute:1x0", "permute:1x0"),
        ("attention:4,causal=yes", "attention:4,causal=yes"),
        ("dropout:0.5", "dropout"),
        ("swish", "silu"),
        ("rnn:3,act=sigmoid", "rnn:3,act=sigmoid"),
        ("dense:9,tied=residual1.embedding1", "dense:9,tied=residual1.embedding1"),
        ("decoder:2,memory=5x6", "decoder:2,memory=5x6"),
    ],
)
def test_short_forms(word: str, short: str) -> None:
    layer = read_word(word)
    assert isinstance(layer, Layer)
    assert layer_text(layer) == short
    again = read_word(short)
    assert isinstance(again, Layer)
    assert (type(again), once(again)) == (type(layer), once(layer))


@pytest.mark.parametrize(
    "name", ["class", "2a", "a b", "", "nn", "Tensor", "len", "a" * 61, "n\u00e9t"]
)
def test_what_is_no_name_of_a_class_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="name of a class"):
        export("4 dense:2", class_name=name)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"to": "jax"}, "no export to jax"),
        ({"like": "keras"}, "by the rules of torch"),
        ({"to": "net", "class_name": "A"}, "--class-name means nothing to --to net"),
        ({"to": "net", "train": True}, "--train means nothing to --to net"),
        ({"to": "net", "weights": "a.npz"}, "--weights means nothing to --to net"),
        ({"output": ""}, "-o needs the name of a file"),
    ],
)
def test_what_there_is_not_is_refused(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        export("4 dense:2", **settings)


def test_the_names_that_the_source_uses_are_no_names_of_classes(tmp_path: Path) -> None:
    """Whatever a module defines beside its class, in the longest form that there is."""
    path = str(tmp_path / "table.npz")
    (tmp_path / "table.csv").write_text("a,y\n1,2\n3,4\n5,7\n2,9\n", encoding="utf-8")
    train(data=str(tmp_path / "table.csv"), target="y", epochs=1, save=path)
    source = export(weights=path, train=True, class_name="Mine").value
    names = {"Mine"}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {each.id for each in targets if isinstance(each, ast.Name)}
    assert len(names) > 15
    assert names - {"Mine"} <= TARGETS["torch"].writer().NAMES


def test_a_refused_net_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(InputError, match="needs the channels"):
        export("28 conv:3,k3", output=str(path))
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_net_of_too_many_layers_is_refused() -> None:
    with pytest.raises(InputError, match="10,001 layers"):
        export("4 10001*[relu]")


def test_shapes_are_those_of_torch_rules() -> None:
    (layer,) = [node.layer for node, _ in unroll(load(("3x8x8", "conv:4,k3"))[1])]
    assert (
        str(layer.output_shape(load(("3x8x8", "relu"))[0], TORCH))
        in export("3x8x8 conv:4,k3", to="net").value
    )
