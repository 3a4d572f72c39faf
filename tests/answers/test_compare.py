"""--compare: who agrees with whom at which layer, and why; hand-written from the frameworks' rules.

Where a layer parts is looked up by its text; a group is written as its
frameworks joined by commas, with what they make of the layer.
"""

from __future__ import annotations

import json

import pytest
from conftest import Run

from dlcalc.answers import params, shape
from dlcalc.answers.compare import Comparison, compare_params, compare_shape
from dlcalc.answers.network import load_line
from dlcalc.errors import InputError
from dlcalc.layers.convention import COMPARED, CONVENTIONS

NAMES = [convention.name for convention in COMPARED]


def groups(comparison: Comparison) -> dict[str, dict[str, str]]:
    """For each layer that parts, its groups with what they make of it."""
    return {
        parting.node.text: {",".join(names): outcome.shown for names, outcome in parting.groups}
        for parting in comparison.partings
    }


def why(comparison: Comparison, layer: str) -> dict[str, str]:
    """The reasons of one layer's groups."""
    (parting,) = [parting for parting in comparison.partings if parting.node.text == layer]
    return {",".join(names): outcome.why for names, outcome in parting.groups}


# --- shapes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "1x6x6 maxpool:2,s3,ceil=yes",
            {"torch,onnx": "1x2x2", "keras,tf": "refuses", "caffe": "1x3x3"},
        ),
        (
            "1x6x6 maxpool:2,s3",
            {"torch,keras,tf,onnx": "1x2x2", "caffe": "1x3x3"},
        ),
        (
            "3x8x8 conv:4,k3,s2,p=same",
            {"torch": "refuses", "keras,tf,onnx": "4x4x4", "caffe": "refuses"},
        ),
        (
            "3x8 conv:4,k3,p=causal",
            {"torch,tf,onnx,caffe": "refuses", "keras": "4x8"},
        ),
        (
            "3x9x9 conv:4,k3,s2,d2",
            {"torch,tf,onnx,caffe": "4x3x3", "keras": "refuses"},
        ),
        (
            # Caffe rounds up to 5, and drops the last, which begins behind the input.
            "1x9x9 maxpool:3,p2,s3",
            {"torch": "refuses", "keras,tf,onnx,caffe": "1x4x4"},
        ),
        (
            "4x5x5 convtranspose:2,k2,s3",
            {"torch,onnx,caffe": "2x14x14", "keras,tf": "2x15x15"},
        ),
        (
            "4x5x5 globalavgpool",
            {"torch,onnx,caffe": "4x1x1", "keras,tf": "4"},
        ),
        (
            "2x3x4 dense:5",
            {"torch,keras,tf,onnx": "2x3x5", "caffe": "5"},
        ),
        (
            "9x8 lstm:4,proj=2",
            {"torch": "9x2", "keras,tf,onnx,caffe": "refuses"},
        ),
    ],
)
def test_groups_of_shapes(line: str, expected: dict[str, str]) -> None:
    comparison = compare_shape(line)
    (found,) = groups(comparison).values()
    assert found == expected
    answers = {name: shown for names, shown in found.items() for name in names.split(",")}
    assert comparison.value == {n: a for n, a in answers.items() if a != "refuses"}
    assert set(comparison.refusals) == {n for n, a in answers.items() if a == "refuses"}


def test_refusals_with_two_reasons_are_two_groups() -> None:
    reasons = why(compare_shape("3x8x8 conv:4,k3,s2,p=same"), "conv:4,k3,s2,p=same")
    assert reasons["torch"] == "padding=same needs stride 1"
    assert reasons["caffe"] == "conv takes no padding=same"


def test_equal_sizes_with_other_windows_part() -> None:
    """Keras puts the odd position of a transposed same with output_padding at the other end."""
    comparison = compare_shape("1x5x5 convtranspose:1,k3,s2,p=same,op1")
    (found,) = groups(comparison).values()
    sized = {names: shown for names, shown in found.items() if shown != "refuses"}
    assert sized == {"keras,tf": "1x10x10", "onnx": "1x10x10"}
    reasons = why(comparison, "convtranspose:1,k3,s2,p=same,op1")
    assert reasons["keras,tf"] == "the first sees -1 to 0, the last 4 to 4, of 0 to 4"
    assert reasons["onnx"] == "the first sees 0 to 0, the last 4 to 5, of 0 to 4"
    assert len(set(comparison.value.values())) == 1


def test_equal_windows_with_another_divisor_part() -> None:
    comparison = compare_shape("1x6x6 avgpool:3,s1,p1")
    (found,) = groups(comparison).values()
    assert found == {"torch,keras,tf,caffe": "1x6x6", "onnx": "1x6x6"}
    reasons = why(comparison, "avgpool:3,s1,p1")
    assert reasons["torch,keras,tf,caffe"].endswith("; the divisor counts padding")
    assert reasons["onnx"].endswith("; the divisor leaves out padding")
    assert not compare_shape("1x6x6 maxpool:3,s1,p1").partings
    assert not compare_shape("1x6x6 avgpool:3,s1").partings


def test_refusals_with_one_reason_are_one_group() -> None:
    comparison = compare_shape("1x6x6 avgpool:3,s1,p1,count_include_pad=no")
    (found,) = groups(comparison).values()
    assert found == {"torch,onnx": "1x6x6", "keras,tf,caffe": "refuses"}


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        # TensorFlow's SAME: the total is 1, 2, 2; the odd position goes to the end.
        ("1x8 conv:1,k3,s2,p=same", (0, 2), (6, 8)),
        ("1x9 conv:1,k3,s2,p=same", (-1, 1), (7, 9)),
        ("1x9 conv:1,k4,s2,p=same", (-1, 2), (7, 10)),
        ("1x9 maxpool:5,s4,p=same", (-2, 2), (6, 10)),
    ],
)
def test_same_begins_where_its_odd_position_is_not(
    line: str, first: tuple[int, int], last: tuple[int, int]
) -> None:
    n = int(line.split()[0].partition("x")[2])
    expected = (
        f"the first sees {first[0]} to {first[1]}, the last {last[0]} to {last[1]}, of 0 to {n - 1}"
    )
    assert expected in why(compare_shape(line), line.split()[1]).values()


def test_same_lower_begins_one_earlier() -> None:
    layer = "conv:1,k3,s2,p=same_lower"
    reasons = why(compare_shape(f"1x8 {layer}"), layer)
    assert reasons["onnx"] == "the first sees -1 to 1, the last 5 to 7, of 0 to 7"
    assert reasons["torch,keras,tf,caffe"] == "conv takes no padding=same_lower"


def test_every_layer_is_put_to_one_and_the_same_input() -> None:
    """Behind a pooling of which Caffe makes 3x3, only layers with rules of their own part."""
    comparison = compare_shape("1x6x6 maxpool:2,s3 conv:1,k2 relu maxpool:1,s2")
    assert comparison.value["torch"] == "1x1x1" == comparison.value["keras"]
    assert list(groups(comparison)) == ["maxpool:2,s3"]
    comparison = compare_shape("1x6x6 maxpool:2,s3 conv:1,k1 maxpool:1,s2 relu")
    assert groups(comparison) == {
        "maxpool:2,s3": {"torch,keras,tf,onnx": "1x2x2", "caffe": "1x3x3"},
        "maxpool:1,s2": {"torch,keras,tf,onnx": "1x1x1", "caffe": "1x2x2"},
    }
    assert [str(parting.input) for parting in comparison.partings] == ["1x6x6", "1x2x2"]


def test_a_layer_behind_one_that_some_refuse_is_asked_under_the_others() -> None:
    comparison = compare_shape("3x8x8 conv:4,k3,s2,p=same dense:5")
    assert [str(parting.input) for parting in comparison.partings] == ["3x8x8", "4x4x4"]
    assert groups(comparison)["dense:5"] == {"torch,keras,tf,onnx": "4x4x5", "caffe": "5"}


def test_where_each_refuses_another_layer_the_furthest_way_is_shown() -> None:
    """The first is refused by torch, the second by Keras: ONNX gets through, and both are named."""
    net = "1x9x9 conv:1,k3,s2,p=same maxpool:2,s3,ceil=yes"
    comparison = compare_shape(net)
    assert comparison.value == {"onnx": "1x2x2"}
    assert list(groups(comparison)) == net.split()[1:]
    assert groups(comparison)["maxpool:2,s3,ceil=yes"]["keras,tf"] == "refuses"


def test_nets_in_brackets() -> None:
    net = "3x8x8 residual[avgpool:3,s1,p1 | concat[conv:1,k1 | conv:2,k1 prelu]]"
    (name,) = groups(compare_shape(net))
    assert name == "avgpool:3,s1,p1"
    (name,) = groups(compare_params(net))
    assert name == "prelu"
    repeated = compare_params("3x8x8 3*[prelu residual[prelu]] 2*[conv:3,k3,p1 prelu]")
    assert [parting.node.text for parting in repeated.partings] == ["prelu"]
    halved = compare_params("3x8x8 prelu maxpool:2 prelu")
    assert [str(parting.input) for parting in halved.partings] == ["3x8x8", "3x4x4"]


def test_brackets_that_refuse_say_why() -> None:
    """Keras drops the axes of 1 that the product stretches."""
    comparison = compare_shape("3x8x8 multiply[globalavgpool]")
    assert set(comparison.refusals) == {"keras", "tf"}
    assert "the branches give" in comparison.plain()


def test_every_answer_is_that_of_its_own_convention() -> None:
    line = "3x16x16 conv:4,k3,p1 bn prelu maxpool:2,s3 avgpool:2,s1 convtranspose:2,k2,s3 dense:5"
    start, net = load_line(line)
    shapes, numbers = compare_shape(line), compare_params(line)
    for name in NAMES:
        convention = CONVENTIONS[name]
        try:
            expected = str(shape.answer(start, net, convention=convention).value)
        except InputError as error:
            assert shapes.refusals[name].rule == error.rule == numbers.refusals[name].rule
            continue
        assert shapes.value[name] == expected
        assert numbers.value[name] == str(params.answer(start, net, convention=convention).value)
    assert len(set(shapes.value.values())) > 1 < len(set(numbers.value.values()))


# --- parameters -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("10x50 lstm:128", {"torch,onnx": "92,160", "keras,tf,caffe": "91,648"}),
        ("10x50 rnn:8", {"torch,onnx": "480", "keras,tf": "472", "caffe": "refuses"}),
        ("10x128 gru:64", {"torch,keras,tf,onnx": "37,248", "caffe": "37,056"}),
        ("3x8x8 prelu", {"torch": "1", "keras,tf": "192", "onnx,caffe": "3"}),
        ("3x8x8 dense:10", {"torch,keras,tf,onnx": "90", "caffe": "1,930"}),
        # Equal numbers of parameters, but other buffers: 2 statistics of 3, and one more.
        ("3x8x8 bn", {"torch,caffe": "6", "keras,tf,onnx": "6"}),
        ("9x8 lstm:4,proj=2", {"torch": "200", "keras,tf,onnx,caffe": "refuses"}),
    ],
)
def test_groups_of_parameters(line: str, expected: dict[str, str]) -> None:
    comparison = compare_params(line)
    (found,) = groups(comparison).values()
    assert found == expected
    answers = {name: shown for names, shown in found.items() for name in names.split(",")}
    for name in NAMES:
        assert answers[name].replace(",", "") == comparison.value.get(name, "refuses")


def test_reasons_of_parameters_name_tensors() -> None:
    reasons = why(compare_params("10x50 lstm:128"), "lstm:128")
    assert reasons["keras,tf,caffe"] == (
        "weight_ih_l0 512x50 25,600, weight_hh_l0 512x128 65,536, bias_l0 512"
    )
    assert "bias_ih_l0 512, bias_hh_l0 512" in reasons["torch,onnx"]
    assert why(compare_params("3x8x8 bn"), "bn") == {
        "torch,caffe": "weight 3, bias 3, buffers 7",
        "keras,tf,onnx": "weight 3, bias 3, buffers 6",
    }


def test_a_tied_layer_is_compared_with_the_whole_net() -> None:
    """Caffe flattens before both: 8x32 is not 8x8, so it refuses the tie, and says where."""
    comparison = compare_params("4x8 dense:8 dense:8,tied=dense1")
    assert comparison.value["torch"] == "80" and "caffe" in comparison.refusals
    assert "dense:8,tied=dense1: the weight of dense1 is 8x32" in comparison.plain()


# --- all agree, unknown sizes, the batch, the forms --------------------------------


def test_all_agree() -> None:
    comparison = compare_shape("3x32x32 conv:6,k5 relu maxpool:2,s2 flatten dense:10")
    assert comparison.partings == () and comparison.notes == []
    assert comparison.plain().split("\n") == ["all agree", ", ".join(NAMES) + "  10"]
    assert comparison.terse() == "\n".join(f"{name} 10" for name in NAMES)
    assert comparison.meets("10") and not comparison.meets("11")
    numbers = compare_params("3x32x32 conv:6,k5 relu")
    assert numbers.meets("456") and not numbers.meets("457")
    assert compare_params("10 dense:1000").meets("11,000")


def test_none_agree_on_what_is_expected_where_one_refuses_or_differs() -> None:
    comparison = compare_shape("3x8x8 conv:4,k3,s2,p=same")
    assert not comparison.meets("4x4x4")
    assert not compare_shape("1x6x6 maxpool:2,s3").meets("1x2x2")
    assert compare_shape("1x6x6 avgpool:3,s1,p1").meets("1x6x6")


@pytest.mark.parametrize("expected", ["8 x (H + 1)//2 x (W + 1)//2", "8x(1+H)//2x(W-1)//2+1"])
def test_unknown_sizes_are_expected_as_without_compare(expected: str) -> None:
    net = "3xHxW conv:8,k3,s2,p1"
    assert shape.shape(net).meets(expected)
    assert compare_shape(net).meets(expected)


def test_unknown_sizes() -> None:
    comparison = compare_shape("3xHxW conv:8,k3,s2,p=same")
    assert groups(comparison)["conv:8,k3,s2,p=same"]["keras,tf,onnx"] == (
        "8 x (H + 1)//2 x (W + 1)//2"
    )
    comparison = compare_shape("1xHxW avgpool:3,s1,p1")
    assert why(comparison, "avgpool:3,s1,p1")["onnx"] == (
        "the first sees -1 to 1; the divisor leaves out padding"
    )
    numbers = compare_params("CxHxW prelu")
    assert groups(numbers)["prelu"] == {"torch": "1", "keras,tf": "C*H*W", "onnx,caffe": "C"}
    assert compare_shape("CxHxW conv:8,k3").partings == ()


@pytest.mark.parametrize(("batch", "shown"), [(64, "64x5"), ("N", "Nx5")])
def test_the_batch_stands_before_every_shape(batch: int | str, shown: str) -> None:
    comparison = compare_shape("2x3x4 dense:5", batch=batch)
    assert comparison.value["caffe"] == shown
    assert groups(comparison)["dense:5"]["caffe"] == shown


def test_the_note_on_a_stride_left_out() -> None:
    note = "a stride left out is the kernel here; onnx and caffe themselves take 1"
    assert compare_shape("1x8x8 maxpool:3 relu maxpool:3,ceil=yes").notes == [note]
    assert compare_shape("1x8x8 maxpool:3,s3").notes == []
    assert compare_shape("1x9x9 maxpool:3").notes == []


def test_the_document() -> None:
    document = json.loads(compare_shape("3xHx8 conv:4,k3,s2,p=same").json())
    assert document["answers"] == dict.fromkeys(["keras", "tf", "onnx"], "4 x (H + 1)//2 x 4")
    assert set(document["refusals"]) == {"torch", "caffe"}
    (parting,) = document["partings"]
    assert parting["layer"] == "conv:4,k3,s2,p=same"
    assert parting["input"] == [3, "H", 8]
    assert [group["like"] for group in parting["groups"]] == [
        ["torch"],
        ["keras", "tf", "onnx"],
        ["caffe"],
    ]
    assert {"like", "answer", "why"} == set(parting["groups"][0])


def test_what_every_framework_refuses_is_refused() -> None:
    for compare in (compare_shape, compare_params):
        with pytest.raises(InputError, match="does not fit into 2x2"):
            compare("1x2x2 conv:1,k9")
        with pytest.raises(InputError, match="is not a layer"):
            compare("1x2x2 cnov:1,k9")
    with pytest.raises(InputError, match="batch must be"):
        compare_shape("1x2x2 relu", batch=0)


def test_on_the_command_line(run: Run) -> None:
    done = run("shape", "1x6x6", "maxpool:2,s3,ceil=yes", "--compare")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "maxpool:2,s3,ceil=yes  on 1x6x6",
        "  torch, onnx          1x2x2      the first sees 0 to 1, the last 3 to 4, of 0 to 5",
        "  keras, tf            refuses    pooling cannot round up",
        "  caffe                1x3x3      the first sees 0 to 1, the last 6 to 7, of 0 to 5",
        "torch, onnx  1x2x2",
        "keras, tf    refuses",
        "caffe        1x3x3",
    ]
    quiet = run("shape", "1x6x6", "maxpool:2,s3,ceil=yes", "--compare", "-q")
    assert quiet.stdout.split("\n")[1:3] == ["keras refuses", "tf refuses"]
    assert run("params", "8 dense:8", "--compare", "--expect", "72").returncode == 0
    done = run("params", "10x50 lstm:128", "--compare", "--expect", "91648", "-q")
    assert done.returncode == 1
    assert "expected 91648, but it is torch 92160" in done.stderr
    done = run("shape", "1x2x2", "conv:1,k9", "--compare")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not fit into 2x2" in done.stderr
