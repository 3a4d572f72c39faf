"""What the rules of several layers come to together: refusals, remarks, bounds, forms."""

from __future__ import annotations

import pytest

from dlcalc import params, shape
from dlcalc.errors import InputError


def refusal(line: str, like: str = "torch") -> InputError:
    with pytest.raises(InputError) as caught:
        shape(line, like=like)
    return caught.value


@pytest.mark.parametrize(
    ("line", "like", "rule", "mend"),
    [
        ("5x8 moe:4[attention:2]", "torch", "an expert works on each token alone", "before or"),
        ("5x8 moe:4[residual[lstm:8]]", "torch", "which lstm does not", "Put lstm before"),
        ("5x8 moe:4[ln:2 dense:4]", "torch", "which ln does not", "Put ln before"),
        ("5x8 moe:4[prelu:5]", "torch", "which prelu does not", "Put prelu before"),
        ("5x8 moe:4[prelu]", "keras", "which prelu does not", "Put prelu before"),
        ("8x8 aux[conv:4,k9] relu", "torch", "does not fit into 8", "an auxiliary head"),
        ("64 conv:4,k1 conv:4,k70", "torch", "does not fit", "at least 70"),
        (
            "128 embedding:9,4 dense:9,tied=embedding7",
            "torch",
            "no layer embedding7",
            "embedding1?",
        ),
        ("20x8 lstm:8,bidirectional", "torch", "bidirectional needs a value", "bidirectional=yes"),
        ("20x8 lstm:8,layers", "torch", "layers needs a value", "layers=2"),
        ("64x8x8 globalavgpool conv:4,k1", "keras", "gets 64 features", "reshape:64x1x1"),
        ("10 rnn:4", "caffe", "", ""),
        ("10x8 rnn:4", "caffe", "an output layer of its own", "Its lstm does not."),
        ("2000 gpt2", "torch", "1024 rows, but the sequence has 2000", "at most 1024 steps"),
        ("3 " + "embedding:5,5 " * 8, "torch", "9 axes; at most 8", ""),
        ("3x8x8 maxpool:2,p=same", "torch", "no padding=same in torch", "--like keras"),
        ("3x8x8 conv:4,k3,p=same_lower", "keras", "same_lower in keras", "--like onnx"),
        ("3x8x8 view:3x64", "torch", "view is not a layer", "reshape"),
        ("3x8 transpose:1x0", "torch", "transpose is not a layer", "permute"),
        ("5x5 '1000*[lstm:8,layers=1000]'".replace("'", ""), "torch", "1,000,000 layers", ""),
        ("28 maxpool:2 flatten", "torch", "flatten needs the channels", "1x28x28"),
    ],
)
def test_refusals_name_the_rule_and_a_mend(line: str, like: str, rule: str, mend: str) -> None:
    error = refusal(line, like)
    assert rule in error.rule
    assert mend in error.mend


@pytest.mark.parametrize(
    ("line", "like", "note"),
    [
        ("8x8 gru:4", "caffe", "caffe has no gru: the usual rule answers"),
        ("3x8x8 local:4,k3", "keras", "keras has no local"),
        ("3x8x8 conv:4,k3,p1", "keras", "keras pads by numbers in a layer of its own"),
        ("1x6x6 maxpool:2,s3", "caffe", "keeps a last window that begins behind the input"),
        ("16x5x5 dense:10", "caffe", "caffe flattens 16x5x5"),
        ("8x8 gru:4,reset_after=no", "torch", "torch has no gru that resets before"),
        ("8x8 lstm:4,dropout=0.5", "torch", "there is only one"),
    ],
)
def test_remarks_say_what_may_surprise(line: str, like: str, note: str) -> None:
    assert any(note in found for found in shape(line, like=like).notes)


def test_remarks_are_silent_where_nothing_surprises() -> None:
    assert shape("8x8 gru:4 local:3,k3", like="torch").notes == []


def test_a_tie_is_looked_for_from_its_own_brackets_outwards() -> None:
    inner = "residual[dense:16,bias=no relu dense:16,bias=no,tied=dense1]"
    assert params(f"16 dense:16,bias=no 3*[{inner}]").value == 4 * 256
    assert params("16 dense:16,bias=no residual[dense:16,bias=no,tied=dense1]").value == 256


def test_same_with_a_stride_on_an_unknown_size_has_a_true_formula() -> None:
    document = shape("3xHxW conv:8,k3,s2,p=same", like="keras").document()
    (layer,) = document["layers"]  # type: ignore[misc]
    assert layer["formula"] == "-(-H//2) = (H + 1)//2; -(-W//2) = (W + 1)//2"
    assert layer["begin"] is None


def test_limits_reach_through_a_crop_to_a_size() -> None:
    document = shape("64xHxW conv:8,k3,s2 crop:size=56").document()
    assert document["where"] == {"H": 113, "W": 113}
    assert str(shape("64x113x113 conv:8,k3,s2 crop:size=56").value) == "8x56x56"
    assert "cannot be cut" in refusal("64x112x112 conv:8,k3,s2 crop:size=56").rule


def test_fields_behind_branches_that_stretch_or_only_train() -> None:
    layers = shape("8x9x9 multiply[globalavgpool conv:8,k1] conv:4,k3").document()["layers"]
    assert [layer["receptive_field"] for layer in layers] == [None, None]  # type: ignore[union-attr]
    layers = shape("8x9x9 conv:4,k3 aux[conv:4,k5] conv:4,k3").document()["layers"]
    assert [layer["receptive_field"] for layer in layers] == [[3, 3], [3, 3], [5, 5]]  # type: ignore[union-attr]
