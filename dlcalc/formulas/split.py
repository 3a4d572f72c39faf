"""Splits of n examples: how large the parts are, in closed form, for n of any size.

The odd examples go where scikit-learn puts them: k-fold gives its first folds one
more, a hold-out rounds the training part down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Folds(NamedTuple):
    """n examples in k folds: the first ``larger`` of them have one more than ``size``.

    >>> Folds(103, 10).larger, Folds(103, 10).size
    (3, 10)
    """

    n: int
    k: int

    @property
    def size(self) -> int:
        """The size of the smaller folds."""
        return self.n // self.k

    @property
    def larger(self) -> int:
        """How many folds have one more."""
        return self.n % self.k

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Folds of one size after another: how many, and of which size.

        >>> Folds(103, 10).runs, Folds(100, 10).runs
        ([(3, 11), (7, 10)], [(10, 10)])
        """
        both = [(self.larger, self.size + 1), (self.k - self.larger, self.size)]
        return [(count, size) for count, size in both if count]


def part_sizes(n: int, ratio: Sequence[int]) -> list[int]:
    """The sizes of parts in a ratio; each part ends at its share of n, rounded down.

    Of two parts the first is therefore rounded down and the second up.

    >>> part_sizes(1000, (7, 3)), part_sizes(101, (7, 3)), part_sizes(101, (8, 1, 1))
    ([700, 300], [70, 31], [80, 10, 11])
    """
    total, share, sizes = sum(ratio), 0, []
    for part in ratio:
        sizes.append(n * (share + part) // total - n * share // total)
        share += part
    return sizes


def stratified_fold_sizes(counts: Sequence[int], k: int) -> list[list[int]]:
    """For each class how many of its examples each of k folds tests.

    The classes stand one behind the other, and the folds take their places in turn; so
    every fold has its share of every class, and all have nearly the same size.

    >>> stratified_fold_sizes((5, 4), 3)
    [[2, 2, 1], [1, 1, 2]]
    """
    found, begin = [], 0
    for count in counts:
        end = begin + count
        # Of the places begin to end - 1 those that leave the remainder f.
        found.append([(end - f + k - 1) // k - (begin - f + k - 1) // k for f in range(k)])
        begin = end
    return found


class Batches(NamedTuple):
    """An epoch over n examples in batches.

    >>> Batches.of(1000, 64), Batches.of(1000, 64, drop_last=True)
    (Batches(steps=16, last=40, left_out=0), Batches(steps=15, last=64, left_out=40))
    """

    steps: int
    last: int
    left_out: int = 0

    @classmethod
    def of(cls, n: int, batch: int, *, drop_last: bool = False) -> Batches:
        """The steps of an epoch; ``drop_last`` leaves out what does not fill a batch."""
        whole, rest = divmod(n, batch)
        if rest == 0 or drop_last:
            return cls(whole, batch if whole else 0, rest)
        return cls(whole + 1, rest)
