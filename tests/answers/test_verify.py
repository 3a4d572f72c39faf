"""The engine as the witness: it agrees on what is right, and notices what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import TESTS, Run

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
