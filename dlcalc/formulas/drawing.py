"""Splits of n examples drawn: which example goes where.

Everything comes from one ``random.Random(seed)``, so that a few lines of Python give
the same indices: ``order = list(range(n)); generator.shuffle(order)``, once for each
round, and ``generator.choices(range(n), k=n)`` for a bootstrap. Indices count from 0
and stand in ascending order, but for those of a bootstrap, which stand as drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from dlcalc.formulas.split import Folds, part_sizes, stratified_fold_sizes

if TYPE_CHECKING:
    from random import Random

Parts = list[list[int]]


def classes_of(labels: Sequence[str]) -> dict[str, list[int]]:
    """The examples of each class, the classes in order of appearance."""
    found: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        found.setdefault(label, []).append(index)
    return found


def _order(n: int, generator: Random | None) -> list[int]:
    order = list(range(n))
    if generator is not None:
        generator.shuffle(order)
    return order


def _cut(order: Sequence[int], sizes: Sequence[int]) -> Parts:
    ends = list(accumulate(sizes))
    return [sorted(order[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def folds(n: int, k: int, generator: Random | None) -> Parts:
    """K folds of n examples, shuffled if there is a generator.

    >>> folds(5, 2, None)
    [[0, 1, 2], [3, 4]]
    """
    sizes = [size for count, size in Folds(n, k).runs for _ in range(count)]
    return _cut(_order(n, generator), sizes)


def hold_out(n: int, ratio: Sequence[int], generator: Random | None) -> Parts:
    """N examples in parts of a ratio.

    >>> hold_out(5, (3, 2), None)
    [[0, 1, 2], [3, 4]]
    """
    return _cut(_order(n, generator), part_sizes(n, ratio))


def stratified_folds(labels: Sequence[str], k: int, generator: Random | None) -> Parts:
    """K folds with the same share of every class.

    >>> stratified_folds("aaabbb", 3, None)
    [[0, 3], [1, 4], [2, 5]]
    """
    members = classes_of(labels)
    sizes = stratified_fold_sizes([len(own) for own in members.values()], k)
    parts: Parts = [[] for _ in range(k)]
    for own, shares in zip(members.values(), sizes, strict=True):
        dealt = [fold for fold, share in enumerate(shares) for _ in range(share)]
        if generator is not None:
            generator.shuffle(dealt)
        for index, fold in zip(own, dealt, strict=True):
            parts[fold].append(index)
    return [sorted(part) for part in parts]


def stratified_hold_out(
    labels: Sequence[str], ratio: Sequence[int], generator: Random | None
) -> Parts:
    """Parts of a ratio with the same share of every class, by the largest remainders.

    Which of equal remainders is rounded up is drawn.

    >>> stratified_hold_out("aaaabb", (1, 1), None)
    [[0, 1, 4], [2, 3, 5]]
    """
    members = {
        label: [own[i] for i in _order(len(own), generator)]
        for label, own in classes_of(labels).items()
    }
    parts: Parts = []
    for size in part_sizes(len(labels), ratio):
        left = {label: len(own) for label, own in members.items()}
        shares = proportional(left, size, generator)
        part: list[int] = []
        for label, share in shares.items():
            part += members[label][:share]
            del members[label][:share]
        parts.append(sorted(part))
    return parts


def proportional(counts: dict[str, int], size: int, generator: Random | None) -> dict[str, int]:
    """How many of each class are among ``size`` of all, by the largest remainders.

    >>> proportional({"a": 5, "b": 2}, 3, None)
    {'a': 2, 'b': 1}
    """
    total = sum(counts.values())
    shares = {label: count * size // total for label, count in counts.items()}
    labels = list(counts)
    if generator is not None:
        generator.shuffle(labels)
    labels.sort(key=lambda label: counts[label] * size % total, reverse=True)
    for label in labels[: size - sum(shares.values())]:
        shares[label] += 1
    return shares


def grouped_folds(groups: Sequence[str], k: int) -> Parts:
    """K folds, no group in two of them: the largest group first, each into the smallest fold.

    >>> grouped_folds("aaabbc", 2)
    [[0, 1, 2], [3, 4, 5]]
    """
    members = classes_of(groups)
    parts: Parts = [[] for _ in range(k)]
    for own in sorted(members.values(), key=len, reverse=True):
        min(parts, key=len).extend(own)
    return [sorted(part) for part in parts]


def grouped_hold_out(
    groups: Sequence[str], ratio: Sequence[int], generator: Random | None
) -> Parts:
    """Parts of a ratio in which the groups are counted, no group in two of them.

    >>> grouped_hold_out("aabbbc", (2, 1), None)
    [[0, 1, 2, 3, 4], [5]]
    """
    members = list(classes_of(groups).values())
    parts = hold_out(len(members), ratio, generator)
    return [sorted(index for group in part for index in members[group]) for part in parts]


def bootstrap(n: int, generator: Random) -> Parts:
    """N draws with replacement, as drawn, and what was never drawn: in the bag and out of it."""
    drawn = generator.choices(range(n), k=n)
    seen = bytearray(n)
    for index in drawn:
        seen[index] = 1
    return [drawn, [index for index in range(n) if not seen[index]]]
