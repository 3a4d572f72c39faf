"""The box behind an output against the engine: one input is NaN, see which outputs are."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcalc.answers.network import load_line
from dlcalc.engine.witness import random_program
from dlcalc.errors import InputError
from dlcalc.layers.axis import Axis
from dlcalc.layers.convention import TORCH
from dlcalc.nets.box import region
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
