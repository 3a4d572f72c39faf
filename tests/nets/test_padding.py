"""The least padding that makes a layer fit, against trying one after another."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlcalc.answers.network import load_line
from dlcalc.errors import LayerError
from dlcalc.layers.base import DoesNotFit, Layer
from dlcalc.layers.convention import CONVENTIONS, Convention
from dlcalc.layers.window import Ends
from dlcalc.nets import padding
from dlcalc.nets.padding import least_padding, with_padding
from dlcalc.nets.parser import Node

LIKE = st.sampled_from(["torch", "keras", "onnx", "caffe"]).map(CONVENTIONS.__getitem__)


def fits(line: str, ends: tuple[tuple[int, int], ...], convention: Convention) -> bool:
    start, (node,) = load_line(line)
    assert isinstance(node, Node)
    try:
        with_padding(node.layer, ends).output_shape(start, convention)
    except LayerError:
        return False
    return True


@pytest.mark.parametrize("layer", ["lppool:3", "stochasticpool:3"])
def test_a_layer_that_takes_no_numbers_as_padding_gets_none(layer: str) -> None:
    start, (node,) = load_line(f"1x2x2 {layer}")
    assert isinstance(node, Node)
    assert least_padding(node.layer, start) is None


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["conv:1,k{}x{},p={}+{}x0,d{}", "maxpool:{}x{},p={}+{}x0,d{}"]),
    st.tuples(*[st.integers(1, 7)] * 2, *[st.integers(0, 1)] * 2, st.integers(1, 2)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    LIKE,
)
def test_it_is_the_least_of_all(
    word: str, numbers: tuple[int, ...], sides: tuple[int, int], convention: Convention
) -> None:
    line = f"1x{sides[0]}x{sides[1]} {word.format(*numbers)}"
    start, (node,) = load_line(line)
    assert isinstance(node, Node)
    try:
        node.layer.output_shape(start, convention)
        refused: LayerError | None = None
    except LayerError as error:
        refused = error
    assume(isinstance(refused, DoesNotFit))
    begin, end = numbers[2:4]
    every = [
        ((begin + a, end + a), (b, b))
        for a, b in sorted(product(range(8), repeat=2), key=lambda more: (sum(more), more))
    ]
    wanted = next((ends for ends in every if fits(line, ends, convention)), None)
    assert least_padding(node.layer, start, convention, seconds=30) == wanted


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("1x1 conv:1,k1000000000000", ((500_000_000_000, 500_000_000_000),)),
        ("1x4x4 maxpool:3,d3", None),
        ("1x1 maxpool:2,d2", ((1, 1),)),
        ("6x2x9 subsample:3", None),
        ("2x1x1x1 avgpool3d:k4,p2", None),
        ("1xHx3 conv:1,k5", ((0, 0), (1, 1))),
    ],
)
def test_it_is_found_in_few_steps_or_not_at_all(
    line: str, ends: tuple[tuple[int, int], ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, (node,) = load_line(line)
    assert isinstance(node, Node)
    tried = []

    def counting(layer: Layer, ends: Ends) -> Layer:
        tried.append(ends)
        return with_padding(layer, ends)

    monkeypatch.setattr(padding, "with_padding", counting)
    assert least_padding(node.layer, start, seconds=60.0) == ends
    assert len(tried) < 2_000
