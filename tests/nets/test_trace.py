"""Shapes through nets: every step, and errors that lead to the layer."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType

import pytest

from dlcalc.answers import params, shape
from dlcalc.errors import InputError, Source
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import parse
from dlcalc.nets.trace import Step, TraceError, trace


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the body takes longer."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    late_error = None
    try:
        yield
    except TimeoutError as error:
        late_error = str(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if late_error:
        pytest.fail(late_error, pytrace=False)


def traced(net: str) -> tuple[Step, ...]:
    network = parse(Source(net), files=False)
    assert network.input is not None
    return trace(network.net, network.input)


def refused(net: str) -> TraceError:
    with pytest.raises(TraceError) as caught:
        shape.shape(net)
    return caught.value


def marked(error: InputError) -> str:
    assert error.place is not None
    text, start, end = error.place
    return text.text[start:end]


def test_each_step_goes_in_where_the_last_came_out() -> None:
    steps = traced("3x32x32 conv:6,k5 2*[relu conv:6,k3] maxpool:2 flatten dense:10")
    assert [str(step.output) for step in steps] == [
        *("6x28x28", "6x28x28", "6x26x26", "6x26x26", "6x24x24"),
        *("6x12x12", "864", "10"),
    ]
    assert all(a.output == b.input for a, b in pairwise(steps))


def test_branches_start_from_the_input_of_their_layer() -> None:
    (step,) = traced("3x8x8 concat[conv:4,k3,p1 relu | identity | conv:5,k1]")
    assert step.output == Shape((12, 8, 8))
    assert [branch[0].input for branch in step.branches] == [Shape((3, 8, 8))] * 3
    assert [len(branch) for branch in step.branches] == [2, 1, 1]


@pytest.mark.parametrize(
    ("net", "headline", "word"),
    [
        ("3x8x8 conv:4,k9", "layer 1, conv:4,k9: a 9x9 kernel does not fit into 8x8", "conv:4,k9"),
        (
            "3x8x8 2*[conv:4,k3 relu] conv:7,k5",
            "layer 5, conv:7,k5: a 5x5 kernel does not fit into 4x4",
            "conv:7,k5",
        ),
        (
            "3x8x8 relu residual[relu | conv:3,k1 concat[relu | maxpool:9]]",
            "layer 2, branch 2, layer 2, branch 2, layer 1, maxpool:9: a 9x9 kernel does not fit",
            "maxpool:9",
        ),
        (
            "3x8x8 residual[conv:4,k1]",
            "layer 1, residual: the branches give 4x8x8 and 3x8x8",
            "residual[conv:4,k1]",
        ),
        ("3x8x8 maxpool:3,d2 conv:1,k3,p1,d4", "with dilation 4 covers 9x9 and", "conv:1,k3,p1,d4"),
        ("3x8x8 relu 2*resnet18", "", "resnet18"),
    ],
)
def test_an_error_leads_to_the_layer(net: str, headline: str, word: str) -> None:
    if not headline:
        net = net.replace("3x8x8", "784")
    error = refused(net)
    assert headline in error.headline()
    assert marked(error) == word
    assert word in error.report()


def test_what_was_worked_out_goes_with_the_error() -> None:
    error = refused("3x8x8 conv:4,k3 concat[relu | conv:5,k3 | conv:6,k9]")
    assert isinstance(error.worked, shape.Failed)
    worked = error.worked.plain()
    lines = [line.split() for line in worked.splitlines()]
    assert lines[:2] == [["input", "3x8x8"], [*"conv:4,k3 4x6x6".split(), *lines[1][2:]]]
    assert lines[-1] == ["conv:6,k9", "does", "not", "fit"]
    assert any(line[:2] == ["conv:5,k3", "5x4x4"] for line in lines)


def test_what_was_worked_out_is_a_result_in_full() -> None:
    worked = refused("3x8x8 conv:4,k9").worked
    assert isinstance(worked, shape.Failed)
    assert list(worked.notes) == []


def test_a_failed_merge_takes_one_row_whatever_its_text() -> None:
    worked = refused("3x8x8 residual[\n  conv:4,k3\n  relu\n]").worked
    assert isinstance(worked, shape.Failed)
    rows = sum(len(block.rows) for block in worked.blocks())
    assert len(worked.plain().splitlines()) == rows


@pytest.mark.parametrize(
    "net",
    [
        "1xHxH residual[conv:1,k3]",
        "CxHxW conv:4,k9,s2 residual[relu|conv:4,k3]",
        "3xHxH residual[maxpool:2 convtranspose:3,k2,s2]",
        "1xHxW concat[conv:1,k5x3 | conv:1,k3x5]",
    ],
)
def test_the_example_for_unequal_branches_is_one_where_both_fit(net: str) -> None:
    mend = refused(net).mend
    for letter, value in re.findall(r"([A-Z]) = ([0-9]+)", mend):
        net = net.replace(letter, value)
    assert "do not match" in refused(net.replace("C", "3")).rule


# --- the work stays bounded --------------------------------------------------------


def answered(net: str) -> str:
    """Everything that two commands print of a net, or the report of the refusal."""
    try:
        result = shape.shape(net)
        return result.plain() + result.json() + params.params(net).plain()
    except InputError as error:
        return error.report()


@pytest.mark.parametrize(
    "net",
    [
        pytest.param("3x8x8 5000*[residual[relu]]", id="many branches"),
        pytest.param("1x1x1 20000*[conv:1,k3,s2,p1]", id="a jump of 6,000 digits"),
        pytest.param("1xHxH 15000*[maxpool:2]", id="a divisor of 4,500 digits"),
        pytest.param("1xHxH 15000*[convtranspose:1,k2,s2]", id="a coefficient of 4,500 digits"),
        pytest.param("1x8x8 1500*[convtranspose:1,k2,s2 maxpool:2]", id="a chain of many maps"),
        pytest.param("1xHxH 8*[convtranspose:1,k3,s3 maxpool:2]", id="nested quotients"),
        pytest.param("x".join("C" * 200) + " flatten", id="a power of 200"),
        pytest.param("x".join("1" * 2_000) + " flatten", id="a shape of 2,000 axes"),
        pytest.param("3x8x8 5000*[relu dropout:0.5]", id="many layers"),
    ],
)
def test_an_answer_takes_bounded_time(net: str) -> None:
    with within(5):
        assert answered(net)


def test_an_error_does_not_repeat_a_shape_without_bounds() -> None:
    with pytest.raises(InputError) as caught:
        shape.shape("x".join("1" * 2_000) + " conv:4,k3")
    assert max(map(len, caught.value.report().splitlines())) < 500
