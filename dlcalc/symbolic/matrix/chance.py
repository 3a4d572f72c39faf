"""Random numbers for points and directions, the same for the same seed on every machine.

NumPy's own generators cost as much at start-up as all that is done with them here.
"""

from __future__ import annotations

from math import prod

import numpy as np

from dlcalc.symbolic.matrix.evaluate import Array

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


class Random:
    """SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.

    >>> float(Random(0).uniform(0.0, 1.0, ()).round(6))
    0.883311
    """

    def __init__(self, seed: int) -> None:
        self._count = seed << 32

    def uniform(self, low: float, high: float, shape: tuple[int, ...] | list[int]) -> Array:
        """Numbers from low to high."""
        count = prod(shape)
        with np.errstate(over="ignore"):
            x = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(self._count)) * _STEP
            x = (x ^ (x >> np.uint64(30))) * _FIRST
            x = (x ^ (x >> np.uint64(27))) * _SECOND
            x ^= x >> np.uint64(31)
        self._count += count
        unit = (x >> np.uint64(11)).astype(float) * _UNIT
        return np.asarray(low + (high - low) * unit).reshape(shape)

    def normal(self, scale: float, shape: tuple[int, ...] | list[int]) -> Array:
        """Numbers around 0, normally distributed (Box and Muller, 1958)."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(0.0, 1.0, shape)))
        return np.asarray(scale * radius * np.cos(self.uniform(0.0, 2 * np.pi, shape)))

    def below(self, bound: int) -> int:
        """A whole number from 0 on."""
        return int(self.uniform(0.0, bound, ()))
