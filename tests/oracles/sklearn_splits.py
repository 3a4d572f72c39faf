"""scikit-learn as the witness of split sizes.

    python tests/oracles/sklearn_splits.py --record     writes tests/data/sklearn_splits.jsonl

Which example goes where is drawn by other generators, so only sizes are compared: of
folds and parts, and within them of classes. A hold-out is asked for by whole numbers
rounded as scikit-learn rounds a share, since a share such as 0.07 is no exact number
in floats (of 100 examples it gives 8). Of classes with equal remainders scikit-learn
draws which one is rounded up; then the sizes are compared in order of size.
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn import __version__
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    train_test_split,
)

DATA = Path(__file__).resolve().parent.parent / "data" / "sklearn_splits.jsonl"


def draws(seed: int, count: int) -> list[dict[str, object]]:
    """Random questions."""
    draw = random.Random(seed)
    found: list[dict[str, object]] = [{"method": "kfold", "n": 103, "k": 10}]
    for _ in range(count):
        n, k = draw.randrange(2, 300), draw.randrange(2, 12)
        found.append({"method": "kfold", "n": max(n, k), "k": k})
        found.append({"method": "holdout", "n": n, "ratio": [draw.randrange(1, 10) for _ in "ab"]})
        labels = "".join(draw.choices("abcde"[: draw.randrange(1, 6)], k=draw.randrange(20, 80)))
        found.append({"method": "stratified kfold", "labels": labels, "k": draw.randrange(2, 5)})
        found.append({"method": "stratified holdout", "labels": labels, "ratio": [7, 3]})
        found.append({"method": "grouped kfold", "labels": labels, "k": draw.randrange(2, 5)})
        found.append({"method": "grouped holdout", "labels": labels, "ratio": [2, 1]})
    return found


def answer(question: dict[str, object]) -> object:
    """The sizes, or None where scikit-learn refuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _answer(question)
    except ValueError:
        return None


def _answer(question: dict) -> object:
    method = question["method"]
    labels = np.array(list(question.get("labels", "")))
    n = question.get("n", len(labels))
    x = np.zeros(n)
    if method == "kfold":
        return [len(test) for _, test in KFold(question["k"]).split(x)]
    if method == "holdout":
        first, second = question["ratio"]
        train, test = train_test_split(x, test_size=-(-n * second // (first + second)))
        return [len(train), len(test)]
    if method == "stratified kfold":
        folds = StratifiedKFold(question["k"]).split(x, labels)
        return [_counts(labels, test) for _, test in folds]
    if method == "stratified holdout":
        test = -(-n * 3 // 10)
        split = StratifiedShuffleSplit(1, test_size=test, random_state=0)
        train, test = next(split.split(x, labels))
        return [_counts(labels, train), _counts(labels, test)]
    if method == "grouped kfold":
        folds = GroupKFold(question["k"]).split(x, groups=labels)
        return sorted(len(test) for _, test in folds)
    groups = len(set(labels.tolist()))
    split = GroupShuffleSplit(1, test_size=-(-groups // 3), random_state=0)
    train, test = next(split.split(x, groups=labels))
    return [len(set(labels[part].tolist())) for part in (train, test)]


def _counts(labels: np.ndarray, part: np.ndarray) -> dict[str, int]:
    return {label: int((labels[part] == label).sum()) for label in sorted(set(labels.tolist()))}


def main() -> None:
    """Write the table."""
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/sklearn_splits.py --record")
    rows = [{**question, "sizes": answer(question)} for question in draws(0, 150)]
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    DATA.write_text(text, encoding="utf-8")
    refused = sum(row["sizes"] is None for row in rows)
    print(f"{len(rows):,} rows, {refused:,} of them rejected, scikit-learn {__version__}")


if __name__ == "__main__":
    main()
