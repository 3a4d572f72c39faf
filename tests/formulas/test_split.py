"""Splits: sizes as scikit-learn has them, indices that partition."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.formulas import drawing
from dlcalc.formulas.split import Batches, Folds, part_sizes, stratified_fold_sizes

DATA = Path(__file__).parent.parent / "data" / "sklearn_splits.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def counts(labels: str, part: list[int]) -> dict[str, int]:
    return {label: sum(labels[i] == label for i in part) for label in sorted(set(labels))}


def disagreement(row: dict[str, Any]) -> str:
    """How our sizes differ from those that scikit-learn gave; empty if they do not."""
    method, labels, theirs = row["method"], row.get("labels", ""), row["sizes"]
    ratio = row.get("ratio")
    if method == "kfold":
        ours: Any = [size for count, size in Folds(row["n"], row["k"]).runs for _ in range(count)]
    elif method == "holdout":
        ours = part_sizes(row["n"], ratio)
        if theirs is None:
            return "" if 0 in ours else f"{row}: refused"
    elif method == "stratified kfold":
        parts = drawing.stratified_folds(labels, row["k"], Random(1))
        ours = [counts(labels, part) for part in parts]
        if theirs is None:
            few = max(Counter(labels).values()) < row["k"]
            return "" if few else f"{row}: refused"
    elif method == "stratified holdout":
        if theirs is None:
            # scikit-learn wants two of each class; so small a class we only remark on.
            return "" if min(Counter(labels).values()) < 2 else f"{row}: refused"
        parts = drawing.stratified_hold_out(labels, ratio, Random(1))
        ours = [counts(labels, part) for part in parts]
        return (
            "" if rounded_up(labels, ours[0]) == rounded_up(labels, theirs[0]) else f"{row} {ours}"
        )
    elif method == "grouped kfold":
        if theirs is None:
            return "" if len(set(labels)) < row["k"] else f"{row}: refused"
        ours = sorted(map(len, drawing.grouped_folds(labels, row["k"])))
    else:
        ours = part_sizes(len(set(labels)), ratio)
        if theirs is None:
            return "" if 0 in ours else f"{row}: refused"
        parts = drawing.grouped_hold_out(labels, ratio, Random(1))
        found = [len({labels[i] for i in part}) for part in parts]
        if found != ours:
            return f"{row}: {found} is not {ours}"
    return "" if ours == theirs else f"{row}: {ours}"


def rounded_up(labels: str, train: dict[str, int]) -> list[int]:
    """The remainders of the classes whose share of the training part was rounded up."""
    size, n, totals = sum(train.values()), len(labels), Counter(labels)
    up = [label for label, count in train.items() if count > totals[label] * size // n]
    down = [label for label, count in train.items() if count < totals[label] * size // n]
    return sorted([totals[label] * size % n for label in up]) + [-1] * len(down)


METHODS = sorted({row["method"] for row in ROWS})


@pytest.mark.parametrize("method", METHODS)
def test_sizes_are_scikit_learns(method: str) -> None:
    rows = [row for row in ROWS if row["method"] == method]
    assert len(rows) >= 150
    assert [found for row in rows if (found := disagreement(row))] == []


def test_that_comparison_can_fail() -> None:
    row = next(row for row in ROWS if row["method"] == "kfold" and row["n"] % row["k"])
    assert disagreement({**row, "sizes": row["sizes"][::-1]})
    row = next(row for row in ROWS if row["method"] == "stratified kfold" and row["sizes"])
    assert disagreement({**row, "sizes": row["sizes"][1:] + row["sizes"][:1]})


def test_sizes_are_scikit_learns_live() -> None:
    pytest.importorskip("sklearn")
    oracle = pytest.importorskip("oracles.sklearn_splits")
    rows = [{**question, "sizes": oracle.answer(question)} for question in oracle.draws(1, 40)]
    assert [found for row in rows if (found := disagreement(row))] == []


def test_103_in_10_gives_three_of_11_and_seven_of_10() -> None:
    assert Folds(103, 10).runs == [(3, 11), (7, 10)]


def test_a_trillion_takes_no_time() -> None:
    assert Folds(10**12, 10).runs == [(10, 10**11)]
    assert part_sizes(10**12 + 1, (7, 3)) == [7 * 10**11, 3 * 10**11 + 1]


labelled = st.text("abc", min_size=4, max_size=60)
ratios = st.lists(st.integers(1, 9), min_size=2, max_size=4)


def partitions(parts: list[list[int]], n: int) -> bool:
    return sorted(index for part in parts for index in part) == list(range(n))


@given(st.integers(1, 200), st.integers(1, 20), st.integers())
def test_folds_partition(n: int, k: int, seed: int) -> None:
    k = min(n, k)
    parts = drawing.folds(n, k, Random(seed))
    assert partitions(parts, n)
    assert [len(part) for part in parts] == [s for c, s in Folds(n, k).runs for _ in range(c)]
    assert parts == drawing.folds(n, k, Random(seed))


@given(st.integers(1, 200), ratios, st.integers())
def test_hold_outs_partition(n: int, ratio: list[int], seed: int) -> None:
    parts = drawing.hold_out(n, ratio, Random(seed))
    assert partitions(parts, n)
    assert [len(part) for part in parts] == part_sizes(n, ratio)


@given(labelled, st.integers(2, 5), ratios, st.integers())
def test_stratified_and_grouped_splits_partition(
    labels: str, k: int, ratio: list[int], seed: int
) -> None:
    n, groups = len(labels), set(labels)
    for parts in (
        drawing.stratified_folds(labels, k, Random(seed)),
        drawing.stratified_hold_out(labels, ratio, Random(seed)),
    ):
        assert partitions(parts, n)
    for parts in (
        drawing.grouped_folds(labels, k),
        drawing.grouped_hold_out(labels, ratio, Random(seed)),
    ):
        assert partitions(parts, n)
        owners = [group for part in parts for group in {labels[i] for i in part}]
        assert sorted(owners) == sorted(groups)


@given(labelled, st.integers(2, 5))
def test_stratified_folds_share_out_each_class(labels: str, k: int) -> None:
    members = drawing.classes_of(labels)
    sizes = stratified_fold_sizes([len(own) for own in members.values()], k)
    for own, shares in zip(members.values(), sizes):
        assert sum(shares) == len(own)
        assert max(shares) - min(shares) <= 1
    totals = [sum(fold) for fold in zip(*sizes)]
    assert max(totals) - min(totals) <= 1


def test_a_bootstrap_is_n_draws_and_the_rest() -> None:
    drawn, out = drawing.bootstrap(1000, Random(0))
    assert len(drawn) == 1000
    assert set(drawn) | set(out) == set(range(1000))
    assert not set(drawn) & set(out)


def test_the_generator_is_as_documented() -> None:
    order = list(range(7))
    Random(5).shuffle(order)
    assert drawing.hold_out(7, (4, 3), Random(5)) == [sorted(order[:4]), sorted(order[4:])]
    assert drawing.bootstrap(9, Random(5))[0] == Random(5).choices(range(9), k=9)


@given(st.integers(0, 10**6), st.integers(1, 2000))
def test_batches_cover_the_epoch(n: int, batch: int) -> None:
    begins = range(0, n, batch)
    assert Batches.of(n, batch).steps == len(begins)
    dropped = Batches.of(n, batch, drop_last=True)
    assert dropped.steps * batch + dropped.left_out == n
    if n:
        assert Batches.of(n, batch).last == n - begins[-1]


def test_16_steps_the_last_of_40() -> None:
    assert Batches.of(1000, 64) == (16, 40, 0)
