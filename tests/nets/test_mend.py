"""What is proposed for a net that does not fit has to mend it."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcalc.answers import shape
from dlcalc.errors import InputError, LayerError, Source
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import TORCH
from dlcalc.nets.mend import least_input
from dlcalc.nets.parser import parse
from dlcalc.nets.trace import TraceError

LEAST = re.compile(r"if the input is at least ([0-9x]+)")
PADDING = re.compile(r"with p=?([0-9x+]+) at this layer")


@st.composite
def words(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["conv", "conv", "maxpool", "avgpool", "convtranspose", "block"]))
    k, s = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    p = draw(st.integers(0, k // 2))
    match kind:
        case "conv":
            d = draw(st.integers(1, 3))
            tall = draw(st.integers(1, 6))
            return f"conv:2,k{k}x{tall},s{s},p={p}+{draw(st.integers(0, 2))},d{d}"
        case "convtranspose":
            return f"convtranspose:2,k{k + 2},s{s},p1"
        case "block":
            return f"residual[conv:2,k{k},s{s} | maxpool:{k},s{s}] relu"
        case _:
            ceil = draw(st.sampled_from(["", ",ceil=yes"]))
            dilation = draw(st.sampled_from(["", ",d2"])) if kind == "maxpool" else ""
            return f"{kind}:{k},s{s},p{p}{dilation}{ceil}"


NETS = st.lists(words(), min_size=1, max_size=4)
SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def failure(sides: tuple[int, ...], net: list[str]) -> TraceError | None:
    """The error of a net that does not fit, None if it fits."""
    text = " ".join(["2x" + "x".join(map(str, sides)), *net])
    try:
        shape.shape(text)
    except TraceError as error:
        return error
    return None


def misfit(sides: tuple[int, ...], net: list[str]) -> TraceError:
    error = failure(sides, net)
    assume(error is not None and error.misfit is not None)
    assert error is not None
    return error


@settings(deadline=None, max_examples=120)
@given(NETS, SIDES)
def test_the_least_input_works_and_no_side_can_be_less(
    net: list[str], sides: tuple[int, int]
) -> None:
    found = LEAST.search(misfit(sides, net).mend)
    assert found is not None
    least = tuple(map(int, found[1].split("x")))
    assert failure(least, net) is None
    for axis, (before, side) in enumerate(zip(sides, least, strict=True)):
        assert side >= before
        if side > before:
            assert failure((*least[:axis], side - 1, *least[axis + 1 :]), net) is not None


def padded(layer: Layer, padding: str) -> Layer:
    """The layer with another padding, read as the notation reads it."""
    values = {argument.name: getattr(layer, argument.name) for argument in layer.arguments}
    (argument,) = [argument for argument in layer.arguments if argument.name == "padding"]
    return type(layer)(rank=layer.rank, **{**values, "padding": argument.value(padding)})


def assert_padding_mends(error: TraceError) -> None:
    found = PADDING.search(error.mend)
    if found is not None:
        level = error.trail[-1]
        padded(level.node.layer, found[1]).output_shape(level.input, TORCH)


@settings(deadline=None, max_examples=120)
@given(NETS, SIDES)
def test_the_padding_makes_the_layer_fit(net: list[str], sides: tuple[int, int]) -> None:
    assert_padding_mends(misfit(sides, net))


@pytest.mark.parametrize("net", ["1x4x4 maxpool:3,d3", "1x2x9 maxpool:2,d5", "1x1 maxpool:2,d2"])
def test_a_padding_that_pooling_refuses_is_not_proposed(net: str) -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape(net)
    try:
        assert_padding_mends(caught.value)
    except LayerError as refusal:
        pytest.fail(f"{caught.value.mend} But: {refusal.rule}.")


@pytest.mark.parametrize(
    ("net", "mend"),
    [
        ("3x8x8 conv:4,k9", "It fits if the input is at least 9x9, or with p1 at this layer."),
        (
            "3x8x20 conv:4,k9",
            "It fits if the input is at least 9x20, or with p=1x0 at this layer.",
        ),
        (
            "3x8x8 conv:4,k9,p=0+0x1",
            "It fits if the input is at least 9x8, or with p1 at this layer.",
        ),
        (
            "3x16x16 2*[conv:8,k3 maxpool:2] conv:8,k3,p=1+0x0 conv:8,k3",
            "It fits if the input is at least 22x26.",
        ),
        ("20 conv:k5 maxpool:2 conv:k9", "It fits if the input is at least 22, or with p1"),
        ("3x8x8 maxpool:4,s1 flatten dense:2 relu conv:4,k9", ""),
    ],
)
def test_mend(net: str, mend: str) -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape(net)
    if mend:
        assert caught.value.mend.startswith(mend)
    else:
        assert "It fits" not in caught.value.mend


def test_no_input_is_proposed_that_the_notation_refuses() -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape("1x1x1 conv:1,k1000000000000 maxpool:2")
    found = LEAST.search(caught.value.mend)
    if found is not None:
        assert parse(Source(f"1x{found[1]} relu")).input is not None


def test_pooling_to_a_fixed_size_is_not_enlarged_in_vain() -> None:
    # No input helps: the pooling makes 7x7 of every one.
    error = failure((14, 14), ["adaptiveavgpool:7", "conv:4,k9"])
    assert error is not None
    assert "at least" not in error.mend
    assert "with p1 at this layer" in error.mend


def test_least_input_is_none_without_a_misfit() -> None:
    network = parse(Source("3x8x8 residual[conv:4,k1]"))
    error = failure((8, 8), ["residual[conv:4,k1]"])
    assert error is not None and network.input is not None
    assert least_input(error, network.input, network.net) is None
    assert "at least" not in error.mend


@pytest.mark.parametrize(
    "line",
    [
        "64x56x56 residual[conv:128,k3,s2,p1]",
        "64x57x57 residual[conv:128,k3,s2,p1]",
        "64x9 residual[conv:32,k3,p1]",
        "64 residual[dense:32]",
        "64 residual[dense:32 | dense:16]",
    ],
)
def test_a_layer_behind_the_skip_is_proposed_that_matches(line: str) -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape(line)
    layer = re.findall(r"'residual\[main \| (.*)\]'", caught.value.mend)[0]
    skip = f" {layer}]" if "|" in line else f" | {layer}]"
    main = line.replace("residual[", "").rstrip("]").partition("|")[0]
    assert shape.shape(line[:-1] + skip).terse() == shape.shape(main).terse()


@pytest.mark.parametrize("line", ["3x8x8 residual[conv:3,k3]", "3x8x8 residual[flatten]"])
def test_no_layer_behind_the_skip_is_proposed_where_none_matches(line: str) -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape(line)
    assert caught.value.mend == "What is added must have one shape."


def test_at_least_is_said_only_where_larger_inputs_fit() -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape("2x2x7 maxpool:2,s3 concat[conv:1,k7,s2,p0 | maxpool:7]")
    assert "It fits if the input is 20x20" in caught.value.mend


def test_branches_that_always_differ_are_not_said_to_hang_on_the_letters() -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape("1xHxW concat[conv:1,k301 | conv:1,k302]")
    assert "which differ" in caught.value.rule


@pytest.mark.parametrize("start", ["HxWx3", "28x32x3", "32x32x1"])
def test_channels_written_last_are_noticed(start: str) -> None:
    assert "--layout hwc" in shape.shape(f"{start} conv:6,k1").notes[0]


@pytest.mark.parametrize("start", ["512x3x3", "3x32x32", "CxHx3", "3x64x3"])
def test_channels_written_first_are_not_doubted(start: str) -> None:
    assert shape.shape(f"{start} conv:6,k1").notes == []


@pytest.mark.parametrize("line", ["2x1x1x1 avgpool3d:k4,p2", "2x1x1x1 avgpool:k4"])
def test_average_pooling_in_3d_says_that_padding_does_not_count(line: str) -> None:
    with pytest.raises(TraceError) as caught:
        shape.shape(line)
    reason = "into 1x1x1: in 3-D torch takes no mean of a window larger than the input"
    assert reason in caught.value.rule
    assert "It fits if the input is at least 4x4x4." in caught.value.mend


def test_a_window_behind_a_flatten_is_no_obstacle_to_the_mend_before_it() -> None:
    with pytest.raises(InputError, match="a 2x2 kernel does not fit into 1x11"):
        shape.shape("3x1x11 maxpool:2,dilation=1 flatten conv:8,k3")
