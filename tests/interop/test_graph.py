"""Graphs of layers: shapes on the way, and the nets that they are."""

from __future__ import annotations

import pytest

from dlcalc.errors import InputError, Source
from dlcalc.interop.graph import Builder
from dlcalc.interop.reduce import Unreduced, reduced
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import parse, unroll
from dlcalc.nets.trace import trace


def builder() -> Builder:
    return Builder("a.json", "test model", TORCH, "chw")


def text(net: object) -> str:
    return " ".join(node.text for node, _ in unroll(net))  # type: ignore[arg-type]


def test_branches_that_part_and_meet_are_a_net_in_the_notation() -> None:
    b = builder()
    x = b.input("image", "input", Shape((3, 8, 8)))
    stem = b.add("stem", "Conv", "conv:4,k3,p1", x)
    left = b.add("left", "Conv", "conv:4,k3,p1", stem)
    left = b.add("act", "ReLU", "relu", left)
    added = b.merge("add", "Add", "residual", (stem, left))
    right = b.add("right", "Conv", "conv:6,k1", added)
    joined = b.merge("join", "Concat", "concat", (added, right))
    graph = b.graph([b.add("head", "Pool", "globalavgpool", joined)])
    net = reduced(graph)
    expected = "conv:4,k3,p1 residual[conv:4,k3,p1 relu] concat[identity | conv:6,k1] globalavgpool"
    assert text(net) == expected
    again = parse(Source(f"3x8x8 {expected}"))
    assert again.input is not None
    written, read = trace(again.net, again.input), trace(net, Shape((3, 8, 8)))
    assert [step.output for step in written] == [step.output for step in read]
    assert [step.node.name for step in read] == ["stem", "add", "join", "head"]
    assert [str(step.output) for step in graph.steps()] == [
        "4x8x8", "4x8x8", "4x8x8", "4x8x8", "6x8x8", "10x8x8", "10x1x1"
    ]  # fmt: skip


def test_three_are_added_by_twos() -> None:
    b = builder()
    x = b.input("image", "input", Shape((3, 8, 8)))
    parts = [b.add(name, "Conv", "conv:3,k3,p1", x) for name in "ab"]
    graph = b.graph([b.merge("sum", "Add", "residual", (*parts, x))])
    assert text(reduced(graph)) == "residual[residual[conv:3,k3,p1 | conv:3,k3,p1]]"


def test_ways_that_cross_are_no_net() -> None:
    b = builder()
    x = b.input("image", "input", Shape((3, 8, 8)))
    left, right = (b.add(name, "Conv", "conv:3,k3,p1", x) for name in ("left", "right"))
    both = b.merge("both", "Add", "residual", (left, right))
    graph = b.graph([b.merge("cross", "Add", "residual", (both, left))])
    with pytest.raises(Unreduced, match="left is read in more than one branch"):
        reduced(graph)
    assert len(graph.steps()) == 4


def test_what_the_output_does_not_need_is_no_part_of_a_net() -> None:
    b = builder()
    x = b.input("image", "input", Shape((3, 8, 8)))
    main = b.add("main", "Conv", "conv:3,k3,p1", x)
    b.add("aside", "Conv", "conv:3,k3,p1", x)
    with pytest.raises(Unreduced, match="does not depend on aside"):
        reduced(b.graph([main]))


def test_nesting_beyond_what_the_parser_takes_is_listed_one_by_one() -> None:
    b = builder()
    ways = [b.input("image", "input", Shape((3, 8, 8)))]
    ways += [b.add(f"down{i}", "Conv", "conv:3,k1", ways[-1]) for i in range(1)]
    for i in range(110):
        ways.append(b.add(f"way{i}", "ReLU", "relu", ways[-1]))
    end = ways[-1]
    for i, way in enumerate(reversed(ways[:-1])):
        end = b.merge(f"up{i}", "Add", "residual", (end, way))
    with pytest.raises(Unreduced, match="nest more than 100 deep"):
        reduced(b.graph([end]))


def test_a_layer_that_does_not_fit_is_named() -> None:
    b = builder()
    x = b.input("image", "input", Shape((3, 8, 8)))
    with pytest.raises(InputError) as caught:
        b.add("block1", "Conv2D", "conv:4,k9", x)
    assert str(caught.value) == ("a.json: block1 (Conv2D): a 9x9 kernel does not fit into 8x8")
    with pytest.raises(InputError, match="two layers have this name"):
        b.input("image", "input", Shape((3, 8, 8)))
