"""The operands that arithmetic is compared on, drawn the same wherever that is done."""

from __future__ import annotations

import random

#: Random operations of each kind.
COUNT = 100_000
#: How any nan is written down: two of them may differ in their bits.
NAN = 0x7FC0

INFINITE, NO_NUMBER = float("inf"), float("nan")
#: Logits that are not all finite, and two that are.
ODD = [
    [INFINITE, 0.0],
    [INFINITE, INFINITE],
    [-INFINITE, 0.0],
    [-INFINITE, -INFINITE],
    [INFINITE, -INFINITE],
    [-INFINITE, 0.0, 1.0],
    [NO_NUMBER, 0.0],
    [NO_NUMBER, INFINITE],
    [INFINITE],
    [-INFINITE],
    [NO_NUMBER],
    [5.0],
    [1000.0, 1001.0, 1002.0],
]


def pairs(seed: int = 0) -> tuple[list[int], list[int]]:
    """Two operands of 16 random bits for each operation: every binade, nan and infinity too."""
    generator = random.Random(seed)
    drawn = [generator.getrandbits(16) for _ in range(2 * COUNT)]
    first, second = drawn[::2], drawn[1::2]
    # Half of the pairs have nearly the same exponent, or sums would hardly ever be rounded.
    for index in range(0, COUNT, 2):
        near = (first[index] >> 7 & 0xFF) + generator.randrange(-9, 10)
        second[index] = second[index] & 0x807F | min(max(near, 0), 255) << 7
    return first, second
