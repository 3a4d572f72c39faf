"""Losses in closed form: against PyTorch, their minimisers tried, their properties drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from mpmath import mp

from dlcalc import loss
from dlcalc.formulas.losses import distances, entropies, naive
from dlcalc.formulas.losses.base import Loss, reduced
from dlcalc.formulas.losses.minimum import mean, minimisers
from dlcalc.formulas.losses.registry import LOSSES, Settings, entry, make

TABLE = Path(__file__).resolve().parent.parent / "data" / "torch_losses.jsonl"
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
NUMBERS = some.floats(-1e3, 1e3).map(lambda x: round(x, 3))
LOGITS = some.lists(some.floats(-2e3, 2e3), min_size=2, max_size=6)


def close(ours: Any, theirs: Any, bound: float = 1e-11) -> bool:
    return bool(np.allclose(ours, theirs, rtol=bound, atol=1e-12))


def asked(case: dict[str, Any], reduction: str) -> dict[str, Any]:
    """What we answer to a question of the table."""
    question = {key: value for key, value in case.items() if key != "loss"}
    return loss(case["loss"], reduction=reduction, **question).document()


def test_torch_says_the_same() -> None:
    for row in ROWS:
        for reduction in ("mean", "sum"):
            ours = asked(row["ask"], reduction)
            assert close(ours["value"], row["torch"][reduction]), row
            assert close(ours["losses"], row["torch"]["none"]), row
            assert close(ours["gradient"], row["torch"][f"{reduction}_gradient"]), row
            assert close(ours["second"], row["torch"][f"{reduction}_second"], 1e-9), row


def test_the_table_asks_every_loss_and_every_setting() -> None:
    assert {row["ask"]["loss"] for row in ROWS} == set(LOSSES)
    for name, known in LOSSES.items():
        seen = {key for row in ROWS if row["ask"]["loss"] == name for key in row["ask"]}
        # Half and weighted ones are worked out from the others below.
        own = {"half"} | ({"weights"} if name in ("huber", "quantile", "hinge") else set())
        assert set(known.settings + known.takes) - own <= seen, name


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "quantile", "hinge"])
def test_a_weighted_mean_divides_by_the_weights(name: str) -> None:
    question = {"target": [1, -1, 1], "prediction": [0.3, 0.2, 4]}
    weights = [1.0, 0.0, 2.5]
    plain = loss(name, reduction="none", **question).document()
    found = loss(name, weights=weights, **question).document()
    assert close(found["value"], np.dot(plain["losses"], weights) / 3.5)
    assert close(found["gradient"], np.multiply(plain["gradient"], weights) / 3.5)


@pytest.mark.parametrize("name", ["mse", "contrastive"])
def test_half_is_half(name: str) -> None:
    question = {"target": [1, 0], "prediction": [0.3, 0.2]}
    whole, half = (loss(name, half=part, **question).document() for part in (False, True))
    for key in ("value", "losses", "gradient", "second"):
        assert close(np.multiply(half[key], 2), whole[key])


def test_a_wrong_row_would_be_noticed() -> None:
    row = ROWS[0]
    ours = asked(row["ask"], "mean")
    assert not close(ours["value"], row["torch"]["mean"] + 1e-6)
    assert not close(ours["gradient"], [part + 1e-6 for part in row["torch"]["mean_gradient"]])


def test_the_record_is_what_torch_says() -> None:
    pytest.importorskip("torch")
    from oracles import torch_losses

    for fresh, row in zip(torch_losses.rows(), ROWS, strict=True):
        assert fresh["ask"] == row["ask"]
        for key, said in row["torch"].items():
            assert close(fresh["torch"][key], said, 1e-12)


def test_words() -> None:
    assert [entry(word)[0] for word in ("L2", "cross-entropy", "kl_div")] == ["mse", "ce", "kl"]


# Properties.


def made(name: str, from_logits: bool = False, **settings: Any) -> Loss:
    return make(name, Settings(from_logits=from_logits, **settings))


@given(some.sampled_from(["mse", "mae", "huber", "quantile"]), NUMBERS, NUMBERS)
def test_distances_are_not_below_zero_and_zero_at_the_target(name: str, t: float, x: float) -> None:
    of = made(name)
    assert of.term((t,), (x,)).value >= 0
    assert of.term((t,), (t,)) == (0, (0,), of.term((t,), (t,)).second)


@given(some.sampled_from([-1.0, 1.0]), NUMBERS)
def test_hinge_is_not_below_zero(t: float, x: float) -> None:
    assert made("hinge").term((t,), (x,)).value >= 0


@given(LOGITS, some.data())
def test_gradient_of_cross_entropy_sums_to_nothing(x: list[float], data: Any) -> None:
    k = data.draw(some.integers(0, len(x) - 1))
    target = tuple(float(n == k) for n in range(len(x)))
    for name in ("ce", "kl"):
        term = made(name, True).term(target, tuple(x))
        assert term.value >= 0
        assert abs(math.fsum(term.gradient)) < 1e-15 * len(x)
        assert all(0 <= part <= 0.25 for part in term.second)
        assert math.isfinite(term.value)


@given(LOGITS, some.integers(-50, 50))
def test_a_shift_of_all_logits_changes_nothing(x: list[float], shift: int) -> None:
    target = (1.0,) + (0.0,) * (len(x) - 1)
    of = made("ce", True)
    one, other = (of.term(target, tuple(part + s for part in x)) for s in (0, shift))
    assert math.isclose(one.value, other.value, rel_tol=1e-12, abs_tol=1e-11)


@given(some.floats(-800, 800), some.floats(0, 1))
def test_binary_is_categorical_of_two(x: float, t: float) -> None:
    one = made("bce", True, weights=(1.0, 1.0)).term((t,), (x,))
    two = made("ce", True).term((1 - t, t), (0.0, x))
    assert math.isclose(one.value, two.value, rel_tol=1e-12, abs_tol=1e-15)
    assert math.isclose(one.gradient[0], two.gradient[1], rel_tol=1e-9, abs_tol=1e-15)


@given(some.floats(-700, 700), some.sampled_from([0.0, 1.0, 0.3]))
def test_logits_have_all_digits(x: float, t: float) -> None:
    term = made("bce", True, weights=(1.0, 1.0)).term((t,), (x,))
    with mp.workdps(700):
        p = 1 / (1 + mp.exp(-mp.mpf(x)))
        exact = -(mp.mpf(t) * mp.log(p) + (1 - mp.mpf(t)) * mp.log(1 - p))
        slope = p - mp.mpf(t)
        second = p * (1 - p)
    assert math.isclose(term.value, exact, rel_tol=1e-14)
    assert math.isclose(term.gradient[0], slope, rel_tol=1e-13, abs_tol=1e-16 * (t == 0.3))
    assert math.isclose(term.second[0], second, rel_tol=1e-13)


@given(LOGITS)
def test_log_softmax_has_all_digits(x: list[float]) -> None:
    logs, shares = entropies.log_softmax(x)
    with mp.workdps(60):
        top = max(x)
        whole = mp.log(mp.fsum(mp.exp(mp.mpf(part) - top) for part in x)) + top
        exact = [mp.mpf(part) - whole for part in x]
    for mine, theirs in zip(logs, exact):
        # x - max(x) is rounded once, by as much as the largest logit.
        bound = 4e-16 * max(1.0, *map(abs, x))
        assert math.isclose(mine, theirs, rel_tol=4e-15, abs_tol=bound)
    assert abs(math.fsum(shares) - 1) < 1e-15 * len(x)


# Minimisers.

CONVEX = {
    "mae": {},
    "huber": {"delta": 0.7},
    "quantile": {"q": 0.3},
    "hinge": {"margin": 1.5},
    "contrastive": {"margin": 2.0},
}


def drawn_targets(name: str, data: Any) -> list[float]:
    one = {"hinge": some.sampled_from([-1.0, 1.0]), "contrastive": some.sampled_from([0.0, 1.0])}
    grid = some.integers(-8, 8).map(float)
    return data.draw(some.lists(one.get(name, grid), min_size=1, max_size=9))


@pytest.mark.parametrize("name", CONVEX)
@given(data=some.data())
def test_no_constant_is_better_and_every_one_outside_is_worse(name: str, data: Any) -> None:
    of = made(name, **CONVEX[name])
    targets = drawn_targets(name, data)
    weights = data.draw(
        some.lists(some.integers(0, 4), min_size=len(targets), max_size=len(targets))
    )
    assume(any(weights))

    def total(x: float) -> float:
        return reduced([of.term((t,), (x,)) for t in targets], weights, 1.0).value

    place = minimisers(of, targets, weights)
    low = max(place.low, -100.0)
    high = min(place.high, 100.0)
    least = total((low + high) / 2)
    assert math.isclose(total(low), least, rel_tol=1e-11, abs_tol=1e-11)
    assert math.isclose(total(high), least, rel_tol=1e-11, abs_tol=1e-11)
    for x in [n / 8 for n in range(-100, 101)]:
        assert total(x) >= least - 1e-11
    for outside in (place.low - 1e-3, place.high + 1e-3):
        if math.isfinite(outside):
            assert total(outside) > least


@given(some.lists(some.integers(-50, 50).map(float), min_size=1, max_size=20))
def test_the_median_is_numpys_middle(targets: list[float]) -> None:
    place = minimisers(distances.absolute(), targets, [1.0] * len(targets))
    ordered = sorted(targets)
    half = (len(ordered) - 1) // 2
    assert (place.low, place.high) == (ordered[half], ordered[len(ordered) // 2])


@given(
    some.lists(some.integers(-50, 50).map(float), min_size=1, max_size=20),
    some.sampled_from([0.1, 0.25, 0.3, 0.5, 0.7, 0.9]),
)
def test_the_quantiles_are_those_of_the_distribution_function(
    targets: list[float], q: float
) -> None:
    """The least x with F(x) >= q to the least with F(x) > q: an interval where q*n is whole."""
    place = minimisers(distances.quantile(q), targets, [1.0] * len(targets))
    ordered, count = sorted(targets), len(targets)
    share = round(q * count, 9)
    first = ordered[math.ceil(share) - 1]
    last = ordered[math.floor(share)]
    assert (place.low, place.high) == (first, last)


def test_the_mean_minimises_squares() -> None:
    assert mean([1e15, 1.0, -1e15], [1, 1, 1]) == 1 / 3
    assert mean([1.0, 5.0], [3, 1]) == 2


def test_what_the_notes_say_of_a_sample() -> None:
    """One outlier moves the mean and leaves the median where it was."""
    sample = sorted(np.random.default_rng(3).exponential(size=2_001).tolist())
    ones = [1.0] * 2_001
    median = minimisers(distances.absolute(), sample, ones)
    assert median.low == median.high == float(np.median(sample))
    ninth = minimisers(distances.quantile(0.9), sample, ones)
    assert ninth.low == ninth.high == float(np.quantile(sample, 0.9, method="inverted_cdf"))
    spoilt = [*sample, 1e4]
    assert mean(spoilt, [1.0] * 2_002) - mean(sample, ones) > 4.9
    moved = minimisers(distances.absolute(), spoilt, [1.0] * 2_002)
    assert moved.high - median.low < 0.01


# The naive form.


def test_naive_forms_are_what_numpy_computes() -> None:
    with np.errstate(all="ignore"):
        for x in (-800.0, -40.0, -1.0, 0.5, 20.0, 36.0, 40.0, 800.0):
            p = np.float64(1) / (1 + np.exp(np.float64(-x)))
            for t in (0.0, 0.3, 1.0):
                told = float(-(t * np.log(p) + (1 - t) * np.log(1 - p)))
                assert np.isclose(naive.binary(t, 1 - t, x), told, rtol=1e-12, equal_nan=True)
        for logits in ((1000.0, 0.0), (0.0, 800.0, 1.0), (-800.0, -900.0), (1.0, 2.0, 3.0)):
            powers = np.exp(np.array(logits))
            told = float(-np.log(powers / powers.sum())[0])
            target = (1.0,) + (0.0,) * (len(logits) - 1)
            assert np.isclose(naive.categorical(target, logits), told, rtol=1e-12, equal_nan=True)
