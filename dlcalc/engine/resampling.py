"""The bootstrap drawn for real: which share of the examples was never taken."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# So many examples are held at once, a byte each: they stay in the cache.
_HELD = 1 << 20


def shares_never_drawn(n: int, draws: int, repeats: int, *, batch: int = 1, seed: int = 0) -> Array:
    """The share of ``n`` examples that ``draws`` with replacement missed, for each repeat.

    The draws of one ``batch`` are distinct. NumPy's default generator (PCG64) from
    the seed.

    >>> shares_never_drawn(10, 10, 4).tolist()
    [0.3, 0.6, 0.3, 0.4]
    """
    generator = np.random.default_rng(seed)
    if batch > 1:
        return _in_batches(generator, n, draws, repeats, batch)
    shares = np.empty(repeats)
    at_once = max(1, _HELD // max(n, draws))
    # Row r of the flat marks begins at r*n.
    begins = (np.arange(at_once) * n)[:, None]
    seen = np.empty((at_once, n), bool)
    for first in range(0, repeats, at_once):
        rows = min(at_once, repeats - first)
        marks = seen[:rows]
        marks[:] = False
        for drawn in range(0, draws, _HELD):
            chosen = generator.integers(n, size=(rows, min(_HELD, draws - drawn)))
            if rows > 1:
                chosen += begins[:rows]
            marks.reshape(-1)[chosen.reshape(-1)] = True
        shares[first : first + rows] = (n - np.count_nonzero(marks, axis=1)) / n
    return shares


def _in_batches(
    generator: np.random.Generator, n: int, draws: int, repeats: int, batch: int
) -> Array:
    shares = np.empty(repeats)
    seen = np.empty(n, bool)
    for repeat in range(repeats):
        seen[:] = False
        for drawn in range(0, draws, batch):
            size = min(batch, draws - drawn)
            seen[generator.choice(n, size, replace=False, shuffle=False)] = True
        shares[repeat] = (n - np.count_nonzero(seen)) / n
    return shares
