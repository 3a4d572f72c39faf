"""Alignments: what they cost is the least there is, by trying all; they keep every item."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcalc.errors import InputError
from dlcalc.nets import align as module
from dlcalc.nets.align import align, total_cost

ITEMS = st.lists(st.integers(0, 4), max_size=7)
#: For 5 items; the last entry is what one alone costs.
COSTS = st.lists(st.integers(1, 12), min_size=26, max_size=26)


def least(left: list[int], right: list[int], costs: list[int]) -> int:
    """The least cost, by the recursion over what may be done with the first items."""

    @cache
    def found(i: int, j: int) -> int:
        if i == len(left) or j == len(right):
            return costs[25] * (len(left) - i + len(right) - j)
        both = 0 if left[i] == right[j] else costs[5 * left[i] + right[j]]
        return min(
            both + found(i + 1, j + 1), costs[25] + found(i + 1, j), costs[25] + found(i, j + 1)
        )

    return found(0, 0)


@given(ITEMS, ITEMS, COSTS)
def test_no_alignment_is_cheaper(left: list[int], right: list[int], costs: list[int]) -> None:
    def cost(one: int, other: int) -> int:
        return 0 if one == other else costs[5 * one + other]

    pairs = align(left, right, cost, costs[25])
    assert total_cost(pairs, left, right, cost, costs[25]) == least(left, right, costs)
    assert [i for i, _ in pairs if i is not None] == list(range(len(left)))
    assert [j for _, j in pairs if j is not None] == list(range(len(right)))
    assert (None, None) not in pairs


def test_a_dearer_one_would_be_seen() -> None:
    costs = [5] * 25 + [1]
    alone = [(0, None), (None, 0)]
    assert total_cost(alone, [1], [1], lambda a, b: 0, 1) > least([1], [1], costs)


def test_what_is_too_long_is_refused_and_equal_ends_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 6)
    left = [*range(10), 20, 21, 22, *range(10)]
    right = [*range(10), 30, 31, *range(10)]
    assert len(align(left, right, lambda a, b: 1, 3)) == 23
    with pytest.raises(InputError, match="3 layers against 3 that differ"):
        align(left, [*range(10), 30, 31, 32, *range(10)], lambda a, b: 1, 3)
