"""Update rules in pure Python: against torch.optim, the engine, and their own printed lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import updates as oracle

from dlcalc.answers.step_verify import engine_path
from dlcalc.errors import InputError
from dlcalc.formulas.optimisers import RULES, find
from dlcalc.formulas.penalties import Penalty
from dlcalc.formulas.update import Clip, Update, filled, shown, steps

WORDS = [word for word, _, _ in oracle.TWINS]


def made(word: str, *, lr: float | None = None, **penalty: Any) -> Update:
    rule, settings = find(word)
    penalty.setdefault("decay", settings.get("weight_decay", 0.0))
    return Update(rule, settings, rule.rate if lr is None else lr, Penalty(**penalty))


def after(weights: list[float], gradients: list[list[float]], how: Update) -> list[float]:
    path = steps(weights, lambda number, at: gradients[number - 1], how)
    found = weights
    for _ in gradients:
        found = next(path).after
    return found


def assert_close(ours: list[float], theirs: list[float], bound: float = 1e-12) -> None:
    size = max(1.0, *map(abs, theirs))
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= bound * size


@pytest.mark.parametrize("row", oracle.read(), ids=lambda row: f"{row['word']} {row['l2']}")
def test_steps_are_those_of_torch(row: dict[str, Any]) -> None:
    how = made(row["word"], lr=row["lr"], l2=row["l2"])
    assert_close(after(row["weights"], row["gradients"], how), row["after"])


def test_the_recorded_steps_are_those_of_the_torch_that_is_here() -> None:
    pytest.importorskip("torch")
    for row in oracle.read():
        assert_close(oracle.answered(row), row["after"])
    assert [row["weights"] for row in oracle.read()] == [row["weights"] for row in oracle.draws()]


def test_another_rule_would_be_seen() -> None:
    row = next(row for row in oracle.read() if row["word"] == "nesterov:momentum=0.8")
    how = made("momentum:momentum=0.8", lr=row["lr"], l2=row["l2"])
    with pytest.raises(AssertionError):
        assert_close(after(row["weights"], row["gradients"], how), row["after"])


FLOATS = st.floats(-100, 100).map(lambda value: round(value, 6))


@given(
    st.sampled_from(WORDS),
    st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=4),
    st.integers(1, 12),
    st.sampled_from([0.0, 1e-3, 0.1, 1.0]),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([0.0, 0.3]),
    st.booleans(),
)
def test_steps_are_those_of_the_engine(
    word: str,
    pairs: list[tuple[float, float]],
    count: int,
    rate: float,
    l1: float,
    l2: float,
    proximal: bool,
) -> None:
    """The engine's optimisers arrange their rules for few array calls, so rounding differs."""
    how = made(word, lr=rate, l1=l1, l2=l2, proximal=proximal and l1 > 0)
    weights, gradient = [w for w, _ in pairs], [g for _, g in pairs]
    # Far apart, signs of nearly nothing decide: a subgradient is not continuous there.
    path = steps(weights, lambda number, at: gradient, how)
    taken = [next(path) for _ in range(count)]
    if l1 and any(0 < abs(w) < 1e-9 for step in taken for w in step.after):
        return
    theirs, largest = engine_path(weights, lambda number, at: gradient, how, count)
    size = max(1.0, largest)
    assert max(abs(a - b) for a, b in zip(taken[-1].after, theirs, strict=True)) <= 1e-12 * size


@pytest.mark.parametrize("word", WORDS)
def test_the_printed_lines_are_the_rule(word: str) -> None:
    """Each line is Python: run in order they make the same steps."""
    how = made(word, lr=0.05, decay=0.0)
    names: dict[str, Any] = {**how.rule.begin(how.settings), **how.settings}
    names |= {"w": 0.7, "lr": 0.05, "sqrt": math.sqrt, "max": max}
    path = steps([0.7], lambda number, at: [(-0.3) ** number], how)
    for number in range(1, 8):
        names |= {"t": number, "grad": (-0.3) ** number}
        for line in how.rule.lines(how.settings):
            exec(line, {}, names)
        assert names["w"] == pytest.approx(next(path).after[0], rel=1e-13)


@pytest.mark.parametrize("word", WORDS)
def test_a_gradient_of_nothing_moves_nothing(word: str) -> None:
    how = made(word, decay=0.0)
    if "eps" in how.settings:
        how.settings["eps"] = 0.0
    assert after([1.5], [[0.0]] * 3, how) == [1.5]


def test_the_names_are_those_of_the_engine() -> None:
    from dlcalc.engine.optimisers import find as engines

    for name, rule in RULES.items():
        kind = engines(name)
        ours = {key: setting.default for key, setting in rule.settings.items()}
        assert ours == {setting.name: setting.default for setting in kind.settings}
        assert rule.rate == kind.rate


@pytest.mark.parametrize(
    ("word", "rule", "mend"),
    [
        ("adm", "adm is not an optimiser", "Did you mean adam?"),
        ("", "an empty word is not an optimiser", "There are sgd"),
        ("adam:beta=0.5", "adam has no setting beta", "Did you mean beta"),
        ("sgd:eps=1", "sgd has no setting eps", "It has none."),
        ("adam:beta1=1", "beta1 of adam must be at least 0 and below 1, not 1", "0.9"),
        ("adam:beta1=nan", "beta1 of adam must be at least 0", "0.9"),
        ("adam:eps=inf", "eps of adam must be at least 0", "1e-08"),
        ("adam:beta1", "beta1 of adam has no value", "adam:beta1=0.5"),
        ("adam:beta1=x", "beta1 of adam must be a number, not x", ""),
    ],
)
def test_refusals(word: str, rule: str, mend: str) -> None:
    with pytest.raises(InputError) as refused:
        find(word)
    assert rule in refused.value.rule and mend in refused.value.mend


def test_clipping() -> None:
    assert Clip(norm=5.0).bounded([30.0, 40.0]) == [3.0, 4.0]
    assert Clip(value=5.0).bounded([3.0, -400.0]) == [3.0, -5.0]
    assert Clip(norm=50.0, value=1e9).bounded([30.0, 40.0]) == [30.0, 40.0]
    assert Clip().bounded([1e200, 1e200]) == [1e200, 1e200]
    assert Clip(norm=1.0).bounded([1e200, 0.0]) == [1.0, 0.0]


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: float(f"{value:.4g}"))


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(1e-3, 10))
def test_a_filled_formula_evaluates_to_the_formula(a: float, b: float, c: float, d: float) -> None:
    names = {"a": a, "b": b, "c": c, "d": float(f"{d:.4g}")}
    for formula in (
        "a - b*(c + d*a)",
        "(1 - d*a)*b - c",
        "a**2 + b**3 - c*a",
        "a/d + b - c",
        "a - b - c",
        "b*a - c/d**2",
        "d*(a - b)/d - c*(b)",
    ):
        expected = eval(formula, {}, names)
        text = filled(formula, names)
        assert eval(text) == pytest.approx(expected, rel=1e-9, abs=1e-9), text


def test_numbers_for_eyes() -> None:
    assert [shown(v) for v in (0.0, -0.0, 1e16, 123456.789, -0.1, 1e-300)] == [
        "0",
        "0",
        "1e+16",
        "123457",
        "-0.1",
        "1e-300",
    ]
    assert shown(math.inf) == "inf"
    assert np.isclose(float(shown(math.pi)), math.pi, rtol=1e-5)
