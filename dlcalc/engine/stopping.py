"""Early stopping, and the best numbers kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dlcalc.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]


class EarlyStopping:
    """Stop after ``patience`` values in a row that were no better than the best.

    Better is by more than ``margin``; smaller values are better, or larger ones if
    ``larger``. NaN is never better. ``arrays`` are what makes the net what it is: its
    parameters, and the running statistics of its norms; they are copied at each best.
    Prechelt, "Early Stopping - But When?", 1998; counted as keras.callbacks.EarlyStopping.

    >>> weights = np.zeros(2)
    >>> stopping = EarlyStopping({"parameters": weights}, patience=2)
    >>> for time, loss in enumerate([1.0, 0.5, 0.6, 0.7, 0.8]):
    ...     weights += 1
    ...     if stopping.observe(loss, time):
    ...         break
    >>> stopping.restore_best()
    >>> time, stopping.best, stopping.best_time, weights.tolist()
    (3, 0.5, 1, [2.0, 2.0])
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        patience: int = 10,
        *,
        margin: float = 0.0,
        larger: bool = False,
    ) -> None:
        if patience < 1:
            raise InputError(f"the patience of early stopping must be at least 1, not {patience}")
        if not 0 <= margin < math.inf:
            raise InputError(f"the margin of early stopping must be at least 0, not {margin:g}")
        self.patience, self.margin, self.larger = patience, margin, larger
        self.best = -math.inf if larger else math.inf
        #: When the best was seen; -1 before the first.
        self.best_time = -1
        self.waited = 0
        self._arrays = dict(arrays)
        self._copies = {name: array.copy() for name, array in arrays.items()}

    def observe(self, value: float, time: int) -> bool:
        """Take in a value and its time; say whether to stop."""
        if value > self.best + self.margin if self.larger else value < self.best - self.margin:
            self.best, self.best_time, self.waited = value, time, 0
            for name, array in self._arrays.items():
                np.copyto(self._copies[name], array)
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore_best(self) -> None:
        """Put the best back; before the first that is what it was made with."""
        for name, array in self._arrays.items():
            np.copyto(array, self._copies[name])

    @property
    def state(self) -> dict[str, Array]:
        """All that must be saved to go on as if never stopped; the arrays are those at work."""
        counts = np.array([self.best_time, self.waited], np.int64)
        copies = {f"best.{name}": copy for name, copy in self._copies.items()}
        return {"best": np.array(self.best), "counts": counts, **copies}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take up what was saved. Raises `InputError` if it is another net's."""
        own = self.state
        if {n: (a.shape, a.dtype) for n, a in state.items()} != {
            n: (a.shape, a.dtype) for n, a in own.items()
        }:
            raise InputError("the saved state of early stopping is that of another net")
        self.best = float(state["best"])
        self.best_time, self.waited = (int(count) for count in state["counts"])
        for name, copy in self._copies.items():
            copy[...] = state[f"best.{name}"]
