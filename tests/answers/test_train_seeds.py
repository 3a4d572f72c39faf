"""Many seeds: each as if trained alone, intervals about their mean, and nothing lost."""

from __future__ import annotations

from typing import Any

import pytest

from dlcalc.answers.train import Watch, train
from dlcalc.answers.train_result import Final
from dlcalc.answers.train_seeds import train_seeds
from dlcalc.answers.train_seeds_result import OfSeed, SeedsResult
from dlcalc.errors import InputError
from dlcalc.formulas.confidence import mean_interval, share_interval
from dlcalc.result import Finding


def test_each_seed_is_as_if_trained_alone() -> None:
    result = train_seeds("line", seeds=3, seed=5, epochs=3, optimizer="adam")
    assert [each.seed for each in result.seeds] == [5, 6, 7]
    for each in result.seeds:
        alone = train("line", seed=each.seed, epochs=3, optimizer="adam")
        assert each.final == alone.final
        assert each.findings == alone.findings
    metrics = [each.final.metric for each in result.seeds if each.final]
    mean, low, high = mean_interval(metrics)
    assert result.value == mean
    assert result.interval == (max(low, 0), high)


def test_the_document_has_every_seed() -> None:
    document: Any = train_seeds("xor", seeds=2, epochs=100).document()
    assert document["config"]["seeds"] == 2 and document["config"]["seed"] == 0
    assert [each["seed"] for each in document["seeds"]] == [0, 1]
    assert all(each["verified"] and each["epochs"] == 100 for each in document["seeds"])
    assert document["reached"]["count"] == sum(each["reached"] for each in document["seeds"])
    assert document["reached"]["method"] == "Wilson's score"
    assert document["accuracy"]["method"] == "Student's t"


def test_expectations_are_held_against_every_seed() -> None:
    result = train_seeds("blobs:8", seeds=3, epochs=1, noise=1.0, expect_accuracy=1.0)
    assert result.failure.count("expected accuracy at least 1,") == 3
    assert "Seed 2: expected" in result.failure
    assert train_seeds("and", seeds=2, expect_accuracy=1.0).failure == ""


def test_many_failures_are_counted() -> None:
    result = train_seeds("xor", seeds=5, epochs=2, expect_loss=1e-9)
    assert result.failure.count("Seed ") == 3
    assert result.failure.endswith("2 more of that kind.")


def test_who_watches_is_told_and_may_stop() -> None:
    class Impatient(Watch):
        done = 0

        def seed(self, done: int, seeds: int) -> None:
            assert seeds == 40
            self.done = done

        def asked_to_stop(self) -> bool:
            return self.done >= 2

    result = train_seeds("xor", seeds=40, watch=Impatient())
    assert result.interrupted
    assert 2 <= len(result.seeds) < 40
    rows = [row.cells for block in result.blocks() for row in block.rows]
    assert any(cells[0] == "interrupted" for cells in rows)
    assert result.document()["interrupted"] is True


@pytest.mark.parametrize(
    ("seeds", "options", "rule"),
    [
        (1, {}, "2 to 1,000, not 1"),
        (1001, {}, "2 to 1,000, not 1,001"),
        (2, {"data": "-", "target": "a"}, "can be read once"),
        (2, {"epochs": 0}, "epochs must be"),
        (2, {"expect_accuracy": 2.0}, "must be 0 to 1"),
    ],
)
def test_what_makes_no_sense(seeds: int, options: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        train_seeds("xor" if "data" not in options else "", seeds=seeds, **options)


def made(*metrics: float | None, verified: bool = True, seeds: int | None = None) -> SeedsResult:
    """A result of these metrics; None diverged."""
    found = [
        OfSeed(
            seed,
            9,
            None if metric is None else Final(0.1, metric, 100),
            [
                Finding("gradients", verified, "gradients by complex step"),
                Finding("reach", metric is not None and metric >= 0.9, "", counts=False),
            ],
            "training diverged." if metric is None else "",
        )
        for seed, metric in enumerate(metrics)
    ]
    return SeedsResult({"seeds": seeds or len(found)}, [], "accuracy", 0.9, found)


def lines(result: SeedsResult) -> list[str]:
    return [" ".join(" ".join(row.cells).split()) for b in result.blocks() for row in b.rows]


def test_what_is_shown() -> None:
    result = made(0.95, 1.0, 0.85)
    assert lines(result)[1:] == [
        "0 9 0.1 0.9500",
        "1 9 0.1 1.0000",
        "2 9 0.1 0.8500 not reached",
        "verified gradients, parameters and shapes of all 3 seeds",
        "reached 0.9 by 2 of 3 seeds 95 % interval 20.8 to 93.9 % (Wilson)",
        "interval 0.7436 to 1.0000 95 %, by Student's t",
        "accuracy 0.9333 mean of 3 seeds",
    ]
    assert result.terse() == "0.933333"
    assert result.meets("0.933") and not result.meets("0.94")
    assert share_interval(2, 3)[0] == pytest.approx(0.208, abs=5e-4)


def test_equal_ones_have_no_interval_that_would_say_too_much() -> None:
    assert lines(made(1.0, 1.0))[-1] == "accuracy 1.0000 mean of 2 seeds, all the same"


def test_what_diverged_is_not_in_the_mean_and_is_a_failure() -> None:
    result = made(1.0, None, 0.9)
    assert result.value == 0.95
    assert "diverged 1 of 3 seeds" in lines(result)
    assert lines(result)[-1].startswith("accuracy 0.9500 mean of 2 seeds")
    assert result.failure == "Seed 1: training diverged."
    nothing = made(None, None)
    assert (nothing.value, nothing.terse()) == ("diverged", "diverged")
    assert nothing.document()["accuracy"] == {
        "mean": None,
        "interval": None,
        "confidence": 0.95,
        "method": "Student's t",
        "seeds": 0,
    }


def test_a_wrong_gradient_is_named_by_its_seeds() -> None:
    assert "wrong gradients, parameters or shapes of 2 of 2 seeds, 0, 1" in lines(
        made(1.0, 0.95, verified=False)
    )
