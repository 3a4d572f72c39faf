"""--versus: totals are those of both nets alone, equal nets are the same, one change is found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers.params import ParamsResult, params
from dlcalc.answers.shape import shape
from dlcalc.answers.versus import Versus, versus_params, versus_shape
from dlcalc.answers.versus_rows import GAP, Record, cost, records
from dlcalc.errors import InputError
from dlcalc.layers.size import total
from dlcalc.nets import zoo

DATA = Path(__file__).parents[1] / "data" / "keras_applications.json.gz"


def changes(found: Versus) -> list[tuple[str, str, str, list[str]]]:
    """What is not the same: the change, both layers by place and text, what differs."""
    return [
        (layer.change, *(f"{s.place} {s.text}" if s else "" for s in layer), layer.differs)
        for layer in found.layers
        if layer.change != "same"
    ]


@pytest.mark.parametrize("name", zoo.names())
def test_a_net_is_the_same_as_itself(name: str) -> None:
    for found in (versus_params(name, versus=name), versus_shape(name, versus=name)):
        assert found.value == 0 and found.terse() == "same"
        assert found.meets("same") and found.meets("0") and not found.meets("1")


@pytest.mark.parametrize("name", [*zoo.names(), "16x64 moe:8,active=2[dense:256 relu dense:64]"])
def test_the_layers_add_up_to_the_answer_of_params(name: str) -> None:
    answer = params(name)
    assert isinstance(answer, ParamsResult)
    lines = [line.record for line in records(answer)]
    heads = answer.auxiliary
    parameters = total(line.parameters or 0 for line in lines)
    assert parameters == answer.value + heads.parameters
    if answer.macs is not None:
        expected = answer.macs + heads.macs(answer.asked.counted)
        assert total(line.macs or 0 for line in lines) == expected


@pytest.mark.parametrize("other", ["resnet50-v1", "resnet18", "vgg16"])
def test_totals_are_those_of_both_nets_alone(other: str) -> None:
    document = versus_params("resnet50", versus=other).document()
    for side, name in (("left", "resnet50"), ("right", other)):
        alone, beside = params(name).document(), document[side]
        assert isinstance(beside, dict)
        assert (beside["parameters"], beside["macs"]) == (alone["parameters"], alone["macs"])
        assert beside["output"] == shape(name).document()["output"]
    ours, theirs = params("resnet50").value, params(other).value
    assert document["ratios"]["parameters"] == theirs / ours  # type: ignore[index, operator]


WORDS = ["conv:6,k3,p1", "conv:6,k1", "bn", "relu", "tanh", "dropout:0.1", "residual[conv:6,k1]"]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), st.data())
@settings(deadline=None)
def test_one_layer_put_in_is_found(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words)))
    more = [*words[:place], "sigmoid", *words[place:]]
    for found in (
        versus_params("6x8x8", *words, versus=" ".join(["6x8x8", *more])),
        versus_shape("6x8x8", *words, versus=" ".join(more)),
    ):
        assert changes(found) == [("added", "", f"{place + 1} sigmoid", [])]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), st.data())
@settings(deadline=None)
def test_one_layer_changed_is_found_at_its_place(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words)))
    ours = [*words[:place], "conv:6,k5,p2", *words[place:]]
    theirs = [*words[:place], "conv:6,k7,p3", *words[place:]]
    found = versus_params("6x8x8", *ours, versus=" ".join(["6x8x8", *theirs]))
    places = (f"{place + 1} conv:6,k5,p2", f"{place + 1} conv:6,k7,p3")
    differs = ["kernel", "padding", "parameters", "MACs"]
    assert changes(found) == [("changed", *places, differs)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("3x9x9 conv:6,k3", "convolution:6,k3x3,s1,p0,d1x1,bias=yes"),
        ("3x8x8 maxpool:2", "maxpool:2,s2"),
        ("3x9x9 maxpool2d:3", "maxpool:3,s3x3"),
        ("10 dense:3", "fc:3"),
        ("CxHxW conv:4,k3", "CxHxW conv2d:4,k3"),
    ],
)
def test_what_can_be_written_in_two_ways_is_the_same(left: str, right: str) -> None:
    assert versus_params(left, versus=right).value == 0


@pytest.mark.parametrize(
    ("left", "right", "differing"),
    [
        ("3x8x8 dropout:0.1", "dropout:0.2", 1),
        ("3x8x8 bn relu", "residual[bn] relu", 2),
        ("3x8x8 residual[bn relu]", "residual[bn] relu", 2),
        ("3x8x8 concat[bn | relu tanh]", "concat[bn relu | tanh]", 1),
        ("3x8x8 relu", "3x4x4 relu", 2),
        ("3x8x8 globalavgpool", "3x4x4 globalavgpool", 1),
        ("12 reshape:3x4", "reshape:4x3", 1),
    ],
)
def test_nets_that_are_not_the_same_are_never_called_so(
    left: str, right: str, differing: int
) -> None:
    assert versus_shape(left, versus=right).value == differing


def test_replaced_layers_stand_beside_one_another() -> None:
    found = versus_params("8 dense:8 relu dense:8", versus="dense:8 tanh dense:8")
    assert changes(found) == [("replaced", "2 relu", "2 tanh", ["layer"])]


def test_an_activation_is_rather_replaced_by_another() -> None:
    found = versus_params("8 dense:8 relu dropout:0.1", versus="dense:8 bn gelu")
    assert [change for change, *_ in changes(found)] == ["added", "replaced", "removed"]
    assert changes(found)[1][1:3] == ("2 relu", "3 gelu")


def test_the_stride_of_resnet50_moves_in_three_blocks() -> None:
    found = versus_params("resnet50", versus="resnet50-v1")
    strides = [c[1].split()[0] for c in changes(found) if "stride" in c[3]]
    assert strides == ["11.1.1", "11.1.4", "19.1.1", "19.1.4", "31.1.1", "31.1.4"]
    assert found.value == 12


def test_costs_are_symmetric_and_below_that_of_both_alone() -> None:
    one = Record("conv", "conv", (("out", 6),), (), (6, 8, 8), 1, 2)
    for other in (
        one._replace(output=(6, 4, 4)),
        one._replace(arguments=(("out", 7),), within=(("residual", 1),), output=()),
        one._replace(macs=3),
        one._replace(kind="bn"),
        one._replace(kind="bn", output=(6, 4, 4)),
        one._replace(kind="bn", family="normalisation", within=(("residual", 1),), output=()),
    ):
        assert 0 < cost(one, other) == cost(other, one) < 2 * GAP
    assert cost(one, one) == 0


def test_unknown_sizes_are_compared_and_have_no_ratio() -> None:
    found = versus_params("CxHxW conv:64,k3 relu", versus="conv:64,k5,p1 relu")
    assert (found.value, found.ratio("parameters")) == (1, None)
    assert versus_params("CxHxW conv:6,k3", versus="conv:6,k3").ratio("macs") == 1
    assert "the right net takes the INPUT of the left, CxHxW" in found.notes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    document = json.loads(gzip.decompress(DATA.read_bytes()))["ResNet50"]["model"]
    path = tmp_path / "model.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_model_file_beside_a_net(model: Path) -> None:
    found = versus_params(str(model), versus="resnet50-v1")
    assert found.left.sums == {
        "parameters": params(str(model)).value,
        "macs": found.right.sums["macs"],
    }
    # Keras gives its convolutions biases, and is one shape with PyTorch all the same.
    by_place = {layer.right.place: layer for layer in found.layers if layer.right and layer.left}
    assert by_place["2"].differs == ["eps", "momentum"]
    assert by_place["1"].differs == ["padding", "bias", "parameters"]
    assert any("channels first" in note for note in found.notes)
    assert any("rules of keras" in note for note in found.notes)


def test_one_planted_change_in_a_model_file_is_found(model: Path, tmp_path: Path) -> None:
    document = json.loads(model.read_text())
    layers = document["config"]["layers"]
    (planted,) = [n for n in layers if n["config"]["name"] == "conv3_block2_2_conv"]
    planted["config"]["use_bias"] = False
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    assert versus_params(str(model), versus=str(model)).value == 0
    found = versus_params(str(model), versus=str(other))
    (change,) = changes(found)
    assert change[0] == "changed" and change[1].startswith("conv3_block2_2_conv ")
    assert change[3] == ["bias", "parameters"]
    assert found.left.sums["parameters"] - found.right.sums["parameters"] == 128  # type: ignore[operator]


def test_layers_that_the_notation_cannot_write_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for kept in ("center", "scale"):
        document = json.loads(gzip.decompress(DATA.read_bytes()))["ResNet50"]["model"]
        document = json.loads(document) if isinstance(document, str) else document
        layers = document["config"]["layers"]
        (planted,) = [n for n in layers if n["config"]["name"] == "conv3_block2_2_bn"]
        planted["config"][kept] = False
        paths.append(tmp_path / f"{kept}.json")
        paths[-1].write_text(json.dumps(document))
    (change,) = changes(versus_shape(str(paths[0]), versus=str(paths[1])))
    assert change[1].startswith("conv3_block2_2_bn ") and change[3] == ["kept"]
    assert versus_shape(str(paths[0]), versus=str(paths[0])).value == 0


def test_a_file_of_tensors_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(InputError, match="does not tell the output of every layer"):
        versus_params("lenet5", versus=str(path))


def test_long_equal_runs_are_one_line_and_it_fits_80_columns(run: Run) -> None:
    out = run("params", "resnet50", "--versus", "resnet50-v1").stdout
    assert "36 layers the same" in out and "differ  12 of 175 layers" in out
    assert max(map(len, out.splitlines())) <= 80


def test_forms(run: Run) -> None:
    question = ("params", "8 dense:8 relu", "--versus", "8 dense:8 tanh")
    assert run(*question, "-q").stdout == "1\n"
    assert run(*question, "--expect", "1").returncode == 0
    assert run(*question, "--expect", "same").returncode == 1
    assert run("shape", "8 relu", "--versus", "8 relu", "-q").stdout == "same\n"
    lines = run(*question, "--csv").stdout.splitlines()
    assert lines[0].startswith("change,differs,left_place,left_layer,left_output,left_parameters")
    assert lines[2] == "replaced,layer,2,relu,8,0,0,2,tanh,8,0,0"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shape", "8 relu", "--batch", "3"), "--versus takes no --batch"),
        (("params", "8 relu", "--dtype", "float16"), "--versus takes no --dtype"),
        (("params", "8 relu", "--verify"), "--versus takes no --verify"),
        (("shape", "8 relu", "--compare"), "--versus takes no --compare"),
        (("shape", "-"), "--versus asks about two nets"),
    ],
)
def test_what_it_has_no_use_for_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    found = run(*words, "--versus", "8 tanh")
    assert found.returncode == 2 and said in found.stderr
