"""Examples parted into those trained on and those held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlcalc.engine.tasks.task import Array, generator
from dlcalc.errors import InputError


class Split(NamedTuple):
    """The numbers of the examples trained on and of those held out, in random order."""

    training: Array
    held_out: Array


def split(targets: Array, part: float, seed: int = 0) -> Split:
    """Hold out a part of the examples, drawn from the seed; the same part of every class.

    Targets of one axis of whole numbers are classes: each gives its share, rounded
    so that all together are right (largest remainders). Raises `InputError` if a
    side would be empty.

    >>> [part.size for part in split(np.array([0, 0, 0, 0, 1, 1]), 1 / 3)]
    [4, 2]
    """
    count = len(targets)
    if not 0 <= part < 1:
        raise InputError(f"the part held out must be at least 0 and below 1, not {part:g}")
    held = round(part * count)
    if part and not 0 < held < count:
        side = "none is held out" if held == 0 else "none is left to train on"
        raise InputError(f"of {count:,} examples {part:g} is {held:,}: {side}")
    draw = generator(seed, "split")
    order = draw.permutation(count)
    if targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer):
        chosen = _shares(order, targets[order], held, part)
    else:
        chosen = np.arange(count) < held
    return Split(order[~chosen], order[chosen])


def _shares(order: Array, classes: Array, held: int, part: float) -> Array:
    """Which of the examples in this order to hold out: the first of each class."""
    kinds, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
    exact = counts * part
    shares = np.floor(exact).astype(int)
    # Ties go to the class that comes first in the random order, not always to class 0.
    first = [np.flatnonzero(inverse == kind)[0] for kind in range(kinds.size)]
    # A class would rather be missing where it is tested than where it is learnt.
    last = shares + 1 == counts
    behind = np.lexsort((first, -(exact - shares).round(9), last))
    shares[behind[: held - int(shares.sum())]] += 1
    chosen = np.zeros(order.size, bool)
    for kind, share in enumerate(shares):
        chosen[np.flatnonzero(inverse == kind)[:share]] = True
    return chosen
