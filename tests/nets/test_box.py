"""The box behind an output against the engine: one input is NaN, see which outputs are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers.box import box
from dlcalc.answers.network import load_line
from dlcalc.cli.run import run as run_here
from dlcalc.engine.witness import random_program
from dlcalc.errors import InputError
from dlcalc.layers.axis import Axis
from dlcalc.layers.convention import TORCH
from dlcalc.nets.box import boxes, counted, region
from dlcalc.nets.phase import phases
from dlcalc.nets.trace import trace


@st.composite
def words(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["conv", "maxpool", "deconv", "upsample", "crop", "block"]))
    k, s, d = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    p = draw(st.integers(0, k // 2))
    match kind:
        case "conv":
            return f"conv:2,k{k},s{s},p={p}+{draw(st.integers(0, 2))},d{d}"
        case "maxpool":
            return f"maxpool:{k},s{s},p{p}{draw(st.sampled_from(['', ',ceil=yes']))}"
        case "deconv":
            return f"convtranspose:2,k{k + 1},s{s},p1,d{d}"
        case "upsample":
            return f"upsample:{s}"
        case "crop":
            return "crop:1+0"
        case _:
            merge = draw(st.sampled_from(["residual", "concat"]))
            return f"{merge}[conv:2,k3,p1,d1 | conv:2,k3,p2,d2] conv:2,k1"


def read_by_nan(line: str, output: int) -> set[int]:
    """The inputs that turn the output NaN, each alone."""
    start, net = load_line(line)
    sizes = tuple(n for n in start.sizes if isinstance(n, int))
    program = random_program(net, sizes, layout="chw", convention=TORCH, capacity=1)
    found = set()
    for place in range(sizes[1]):
        program.input.data[...] = 0.5
        program.input.data[..., place] = np.nan
        with np.errstate(invalid="ignore"):
            if np.isnan(program.forward()[0, :, output]).any():
                found.add(place)
    return found


@settings(deadline=None, max_examples=80)
@given(st.lists(words(), min_size=1, max_size=3), st.integers(3, 12), st.data())
def test_the_region_is_what_nan_finds(net: list[str], n: int, draw: st.DataObject) -> None:
    line = f"2x{n} {' '.join(net)}"
    try:
        steps = trace(load_line(line)[1], load_line(line)[0])
    except InputError:
        return
    side = steps[-1].output.spatial[0]
    assert isinstance(side, int)
    output = draw.draw(st.integers(0, side - 1))
    assert set(region(steps, (output,))[0]) == read_by_nan(line, output)


def test_a_planted_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "2x9 conv:2,k3,p1"
    start, net = load_line(line)
    assert set(region(trace(net, start), (4,))[0]) == read_by_nan(line, 4)
    seen = Axis.seen
    monkeypatch.setattr(
        Axis, "seen", lambda self, a, b: (seen(self, a, b)[0], seen(self, a, b)[1] + 1)
    )
    assert set(region(trace(net, start), (4,))[0]) != read_by_nan(line, 4)


def test_the_box_as_a_user_meets_it(run: Run) -> None:
    done = run("shape", "1x9x9", "conv:1,k3,p1", "maxpool:2", "--box", "0x3")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "box  0..2 x 5..8")
    for position in ("0x4", "9", "-1x0", "axb"):
        bad = run("shape", "1x9x9", "conv:1,k3,p1", "maxpool:2", "--box", position)
        assert (bad.returncode, bad.stdout) == (2, ""), bad.stderr
    assert run("shape", "1xHx9", "conv:1,k3", "--box", "0x0").returncode == 2
    assert run("shape", "1x9x9", "flatten", "--box", "0").returncode == 2


PLANES = [
    "2x7x8 conv:2,k3x2,p1x0,s2 maxpool:2,s1",
    "2x5x6 convtranspose:2,k3x4,s2x3,p1 conv:2,k2",
    "2x9x9 concat[conv:2,k3x1,p1x0 | conv:2,k1x3,p=0x1]",
    "2x9x9 residual[conv:2,k3,p1 relu conv:2,k3,p2,d2] conv:2,k2,d3",
    "2x9x9 residual[conv:2,k3,p1 concat[conv:1,k1 | conv:1,k2,p=0+1]] avgpool:2",
    "2x6x6 upsample:2 conv:2,k3,p1",
    "8x4x4 pixelshuffle:2 conv:2,k3,p1",
    "2x8x8 adaptiveavgpool:4 conv:2,k2",
    "2x6x6 gn:1 conv:2,k2",
]


@pytest.mark.parametrize("line", PLANES)
def test_the_boxes_of_images_are_what_nan_finds(line: str) -> None:
    start, net = load_line(line)
    steps = trace(net, start)
    ends = [n for n in steps[-1].output.spatial if isinstance(n, int)]
    sides = [n for n in start.spatial if isinstance(n, int)]
    sizes = tuple(n for n in start.sizes if isinstance(n, int))
    program = random_program(net, sizes, layout="chw", convention=TORCH, capacity=1_000)
    for output in {(0, 0), (ends[0] // 2, ends[1] // 2), (ends[0] - 1, ends[1] - 1)}:
        parts = boxes(steps, output)
        held = {place for part in parts for place in product(*part)}
        found = set()
        for place in product(*map(range, sides)):
            program.input.data[...] = 0.5
            program.input.data[..., place[0], place[1]] = np.nan
            with np.errstate(invalid="ignore"):
                if np.isnan(program.forward()[0, :, output[0], output[1]]).any():
                    found.add(place)
        assert held == found
        assert counted(parts) == len(found)


@pytest.mark.parametrize("line", PLANES)
def test_verification_agrees_and_says_how_much_it_tried(line: str) -> None:
    result = box(line, position="1x1", verify=True)
    assert result.verification is not None and not result.failure
    (first, *_), read = result.verification.checks, counted(result.boxes)
    assert first.what.startswith(f"{read:,} inputs turn it NaN")
    assert result.verification.left_out == ()


@pytest.mark.parametrize("shift", [-1, 1])
def test_verification_notices_a_planted_error(
    shift: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["shape", "2x9x9", "conv:2,k3,p1", "--box", "4x4", "--verify"]
    assert run_here(words) == 0
    seen = Axis.seen
    monkeypatch.setattr(
        Axis, "seen", lambda self, a, b: (seen(self, a, b)[0], seen(self, a, b)[1] + shift)
    )
    assert run_here(words) == 1
    assert "does" in capsys.readouterr().err


def test_what_there_is_no_time_for_is_said() -> None:
    result = box("2x30x30 conv:2,k9", position="3x3", verify=True, verify_budget="2GB,0.001s")
    assert result.verification is not None
    assert any("beyond the budget" in text for text in result.verification.left_out)


@pytest.mark.parametrize(
    "line",
    ["1x9x9 adaptiveavgpool:4", "2x9x9 ln", "1x9x9 upsample:2,linear=yes", "2x9x9 dense:4"],
)
def test_layers_that_are_not_followed_are_refused(line: str) -> None:
    with pytest.raises(InputError, match="not followed"):
        box(line, position="0x0")


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_phases_are_the_regions_far_from_borders(k: int, s: int, d: int, more: bool) -> None:
    net = f"convtranspose:1,k{k},s{s},d{d}" + (" conv:1,k3,s3 upsample:2" if more else "")
    start, parsed = load_line(f"1x60 {net}")
    steps = trace(parsed, start)
    found = phases(steps, 0)
    (side,) = [n for n in steps[-1].output.spatial if isinstance(n, int)]
    middle = range(side // 3, 2 * side // 3)
    if found is None:
        assert s == 1 and not more
        return
    for output in middle:
        turn, phase = divmod(output, found.period)
        moved = {turn * found.shift + place for place in found.reads[phase]}
        assert set(region(steps, (output,))[0]) == moved


def test_phases_and_branches_as_a_user_meets_them(run: Run) -> None:
    done = run("shape", "1x8x8", "convtranspose:1,k=1x4,s=2x3", "--box", "3x4")
    assert "output 2q + 1 reads nothing" in done.stdout
    assert "side 2, phase 0  extent 2, offset -1   output 3q reads q - 1 to q" in done.stdout
    done = run("shape", "1x9x9", "concat[conv:1,k3x1,p1x0 | conv:1,k1x3,p=0x1]", "--box", "3x3")
    assert "concat[1]  2..4 x 3..3" in done.stdout and "5 of 9" in done.stdout
    assert "phase" not in done.stdout


def test_without_channels_the_box_is_said_to_be_unverified(run: Run) -> None:
    done = run("shape", "28", "conv:k3", "--box", "3", "--verify")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "box         3..5")
    assert "unverified  " in done.stdout and "by the engine" not in done.stdout
