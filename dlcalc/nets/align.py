"""Two sequences laid beside one another at the least cost.

Needleman and Wunsch, "A general method applicable to the search for similarities in
the amino acid sequence of two proteins", 1970; what both begin and end with is paired first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from dlcalc.errors import InputError

T = TypeVar("T", bound=Hashable)
#: Positions in both sequences that stand beside one another; None where one stands alone.
Pair = tuple[int | None, int | None]

#: What differs may be no more than this times this many items, which takes seconds.
MAX_CELLS = 4_000_000

_PAIRED, _LEFT, _RIGHT = 0, 1, 2


def align(
    left: Sequence[T], right: Sequence[T], cost: Callable[[T, T], int], gap: int
) -> list[Pair]:
    """The pairs of the cheapest alignment, in order; of equally cheap ones the earliest pairing.

    ``cost`` is 0 for equal items and positive for others, ``gap`` that of an item alone.
    Raises `InputError` if what differs is longer than can be aligned.

    >>> align("kitten", "kiten", lambda a, b: 5 * (a != b), 2)
    [(0, 0), (1, 1), (2, 2), (3, None), (4, 3), (5, 4)]
    """
    # An equal first pair is in one of the cheapest alignments, for it costs nothing and
    # whatever stood beside one of the two can stand alone instead of the other.
    start = 0
    shorter = min(len(left), len(right))
    while start < shorter and left[start] == right[start]:
        start += 1
    end = 0
    while end < shorter - start and left[-1 - end] == right[-1 - end]:
        end += 1
    stop = len(left) - end
    middle = _middle(left[start:stop], right[start : len(right) - end], cost, gap)
    found: list[Pair] = [(i, i) for i in range(start)]
    found += [
        (None if i is None else i + start, None if j is None else j + start) for i, j in middle
    ]
    return found + [(stop + i, len(right) - end + i) for i in range(end)]


def total_cost(
    pairs: Sequence[Pair],
    left: Sequence[T],
    right: Sequence[T],
    cost: Callable[[T, T], int],
    gap: int,
) -> int:
    """What an alignment costs.

    >>> total_cost([(0, 0), (1, None)], "ab", "a", lambda a, b: 5 * (a != b), 2)
    2
    """
    return sum(gap if i is None or j is None else cost(left[i], right[j]) for i, j in pairs)


def _numbered(items: Sequence[T]) -> tuple[list[T], list[int]]:
    """The different items, and for each item the number of its like among them."""
    numbers: dict[T, int] = {}
    places = [numbers.setdefault(item, len(numbers)) for item in items]
    return list(numbers), places


def _middle(
    left: Sequence[T], right: Sequence[T], cost: Callable[[T, T], int], gap: int
) -> list[Pair]:
    if len(left) * len(right) > MAX_CELLS:
        raise InputError(
            f"{len(left):,} layers against {len(right):,} that differ are too many to be aligned: "
            f"their product may be at most {MAX_CELLS:,}"
        )
    kinds, others = _numbered(left), _numbered(right)
    costs = [[cost(one, other) for other in others[0]] for one in kinds[0]]
    # below[j] is the least cost of left[i + 1:] beside right[j:].
    below = [gap * (len(right) - j) for j in range(len(right) + 1)]
    moves: list[bytearray] = []
    for number in reversed(kinds[1]):
        row, own = bytearray(len(right)), costs[number]
        here = below[-1] + gap
        ahead = [here]
        for j in range(len(right) - 1, -1, -1):
            best, move = below[j + 1] + own[others[1][j]], _PAIRED
            if below[j] + gap < best:
                best, move = below[j] + gap, _LEFT
            if here + gap < best:
                best, move = here + gap, _RIGHT
            row[j] = move
            here = best
            ahead.append(best)
        below = ahead[::-1]
        moves.append(row)
    return _walked(moves[::-1], len(left), len(right))


def _walked(moves: list[bytearray], rows: int, columns: int) -> list[Pair]:
    found: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        move = moves[i][j]
        found.append((None if move == _RIGHT else i, None if move == _LEFT else j))
        i += move != _RIGHT
        j += move != _LEFT
    found += [(k, None) for k in range(i, rows)]
    return found + [(None, k) for k in range(j, columns)]
