"""The engine as the witness: it agrees on what is right, and notices what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import TESTS, Run
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from dlcalc import params, shape
from dlcalc.answers.network import load_line
from dlcalc.answers.verify import BUDGET, Verification, read_budget, verify
from dlcalc.errors import InputError
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer
from dlcalc.layers.conv import Conv
from dlcalc.layers.convention import CONVENTIONS, TORCH
from dlcalc.layers.dense import Dense
from dlcalc.layers.index import LAYERS
from dlcalc.nets.parser import Net, unroll


def verified(line: str, like: str = "torch", budget: tuple[float, float] = BUDGET) -> Verification:
    return verify(*load_line(line), CONVENTIONS[like], budget)


def lines(name: str) -> Iterator[tuple[str, str]]:
    """The lines that a framework accepts, of its recorded table, with the convention."""
    text = (TESTS / "data" / f"{name}_layers.jsonl").read_text(encoding="utf-8")
    for row in map(json.loads, text.splitlines()):
        if row["output"] is not None:
            yield row["line"], row.get("like", name)


@pytest.mark.parametrize("name", ["torch", "keras", "onnx"])
def test_algebra_and_engine_agree_on_random_layers_of_every_kind(name: str) -> None:
    wrong = {}
    for line, like in list(lines(name))[::3]:
        found = verified(line, like)
        if not found.passed or found.left_out:
            wrong[line] = found.failure or found.left_out
    assert not wrong, f"{len(wrong)}: {list(wrong.items())[:10]}"


def _numbers(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def _sides(rank: int, low: int = 1, high: int = 7) -> st.SearchStrategy[str]:
    return st.lists(_numbers(low, high), min_size=rank, max_size=rank).map("x".join)


@st.composite
def local_lines(draw: st.DrawFn) -> str:
    rank = draw(st.integers(1, 3))
    kernel, stride = draw(_sides(rank, 1, 3)), draw(_sides(rank, 1, 3))
    padding = draw(st.sampled_from(("0", "1", "0+1", "same", "valid")))
    bias = draw(st.sampled_from(("yes", "no")))
    start = f"{draw(_numbers(1, 3))}x{draw(_sides(rank))}"
    return f"{start} local:{draw(_numbers(1, 4))},k={kernel},s={stride},p={padding},bias={bias}"


@st.composite
def window_lines(draw: st.DrawFn, word: str) -> str:
    rank = draw(st.integers(1, 3))
    start = f"{draw(_numbers(1, 3))}x{draw(_sides(rank))}"
    return f"{start} {word}:{draw(_sides(rank, 1, 3))}"


@st.composite
def mixture_lines(draw: st.DrawFn, depth: int = 0) -> str:
    """Experts of several layers, other mixtures among them."""
    experts = draw(st.integers(1, 5))
    active, out = draw(st.integers(1, experts)), draw(st.integers(1, 5))
    inner = [f"dense:{out}", "tanh", "ln", "rmsnorm", "prelu:1", "residual[silu]", "dropout"]
    if depth < 2:
        inner.append(draw(mixture_lines(depth + 1)).partition(" ")[2])
    layers = draw(st.lists(st.sampled_from(inner), min_size=1, max_size=4))
    start = draw(st.sampled_from(("4", "3x4", "1x6")))
    return f"{start} moe:{experts},active={active}[{' '.join(layers)}]"


#: Kinds of layers of which no framework has recorded lines, and lines of them.
UNRECORDED: dict[str, st.SearchStrategy[str]] = {
    "local": local_lines(),
    "stochasticpool": window_lines("stochasticpool"),
    "subsample": window_lines("subsample"),
    "rbf": st.builds("{} rbf:{}".format, _numbers(1, 9), _numbers(1, 9)),
    "moe": mixture_lines(),
}


@pytest.mark.parametrize("word", UNRECORDED)
def test_algebra_and_engine_agree_on_layers_that_no_framework_has(word: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(UNRECORDED[word])
    def agree(line: str) -> None:
        try:
            params(line)
        except InputError:
            reject()
        found = verified(line)
        assert found.passed and found.checks and not found.left_out, (line, found)

    agree()


def kinds(net: Net) -> Iterator[str]:
    """The kinds of the layers of a net, those in brackets too."""
    for node, _ in unroll(net):
        yield node.layer.words[0]
        for branch in node.branches:
            yield from kinds(branch)


def test_no_kind_of_layer_is_missing_from_the_random_ones() -> None:
    recorded = {
        kind
        for name in ("torch", "keras", "onnx")
        for line, _ in list(lines(name))[::3]
        for kind in kinds(load_line(line)[1])
    }
    assert set(LAYERS) - recorded - set(UNRECORDED) == set()
    assert not recorded & set(UNRECORDED)


@pytest.mark.parametrize("word", LAYERS)
def test_every_layer_is_verified_on_its_own_example(word: str) -> None:
    line = LAYERS[word].example.replace("'", "")
    found = verified(line)
    assert found.passed, found.failure
    beyond = [text for text in found.left_out if "beyond the budget" not in text]
    assert not [text for text in beyond if "as well" not in text]


def test_unknown_sizes_are_verified_at_numbers() -> None:
    found = shape("3xHxW conv:8,k3,s2,p1", verify=True).verification
    assert found is not None and found.passed
    assert found.checks[0].what == "output shape at H = 11, W = 13"


WRONG: list[tuple[type[Layer], str, Any, str]] = [
    (Dense, "macs", lambda self, shape, output: 1, "MACs"),
    (Dense, "parameters", lambda self, shape, convention: {"weight": (4, 3)}, "tensor dense1.bias"),
    (Conv, "macs", lambda self, shape, output: 7, "MACs"),
]


@pytest.mark.parametrize(("kind", "method", "wrong", "said"), WRONG)
def test_a_wrong_algebra_is_noticed(
    monkeypatch: pytest.MonkeyPatch, kind: type[Layer], method: str, wrong: Any, said: str
) -> None:
    line = "3 dense:4" if kind is Dense else "2x6x6 conv:3,k3"
    assert verified(line).passed
    monkeypatch.setattr(kind, method, wrong)
    found = verified(line)
    assert not found.passed
    assert said in found.failure


@pytest.mark.parametrize("change", [{"a": -1}, {"extent": 5}, {"extent": 2}, {"begin": 0}])
def test_a_wrong_map_is_noticed(monkeypatch: pytest.MonkeyPatch, change: dict[str, int]) -> None:
    """The size by the engine's own, the receptive field by NaN."""
    line = "1x9x9 conv:1,k3,p1"
    right = Axis.window

    def window(**settings: int) -> Axis:
        return right(**settings)._replace(**change)

    assert verified(line).passed
    monkeypatch.setattr(Axis, "window", window)
    assert not verified(line).passed


def test_a_net_beyond_the_budget_is_verified_layer_by_layer() -> None:
    found = verified("3x224x224 conv:64,k3,p1 relu conv:64,k3,p1", budget=(4e7, 1.0))
    assert found.passed
    assert "3 distinct layers" in found.checks[0].what
    assert "as a whole" in found.left_out[0]


@pytest.mark.parametrize(
    ("line", "why"),
    [("28 conv:k5", "needs the channels"), ("CxHxW reshape:3x3x3", "no numbers were found")],
)
def test_what_cannot_be_verified_is_said(line: str, why: str) -> None:
    found = verified(line)
    assert not found.checks
    assert why in found.left_out[0]


def test_budgets_are_read() -> None:
    assert read_budget("") == BUDGET
    assert read_budget("1GB,3s") == (1e9, 3.0)
    for text in ("1", "1GB", "GB,s", "1e9GB,3s", "-1GB,2s"):
        with pytest.raises(InputError, match="is not a budget"):
            read_budget(text)


def test_the_command_says_so_and_exits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("params", "lenet5", "--verify")
    assert done.returncode == 0
    assert "verified  by the engine: output shape, 61,706 parameters in 10 tensors" in done.stdout
    assert "416,520 MACs" in done.stdout and "sees" not in done.stderr
    document = json.loads(run("shape", "3x9x9", "conv:4,k3", "--verify", "--json").stdout)
    assert document["verification"]["passed"] is True
    quiet = run("shape", "3x9x9", "conv:4,k3", "--verify", "-q")
    assert (quiet.returncode, quiet.stdout) == (0, "4x7x7\n")
    assert run("shape", "3", "dense:2", "--verify", "--verify-budget", "much").returncode == 2


def test_a_disagreement_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dense, "macs", lambda self, shape, output: 1)
    result = params("3 dense:4", verify=True)
    assert "the engine disagrees on" in result.failure
    assert "wrong" in result.plain()
    from dlcalc.cli.output import Form, emit

    assert emit(result, Form(quiet=True)) == 1
    assert TORCH.name == "torch"
