"""A loss at work on a prediction: a table of losses, and what they write into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dlcalc.engine.operation import Array, Call, Value, bound
from dlcalc.errors import InputError, nearest


class Entry(NamedTuple):
    """One row of the table.

    ``target`` says what a target is: "numbers", one for each of the prediction;
    "classes", integers without the class axis; "signs" of -1 and 1; "pairs",
    one number of 0 or 1 for two examples that stand one behind the other.
    """

    build: Callable[[Criterion], None]
    target: str
    smooth: bool


LOSSES: dict[str, Entry] = {}
#: The losses that take label smoothing and class weights.
CROSSED = ("binary_cross_entropy", "cross_entropy")


def loss(
    name: str, target: str, smooth: bool
) -> Callable[[Callable[[Criterion], None]], Callable[[Criterion], None]]:
    """Enter a function into the table: it appends the calls of its value and its cotangent."""

    def entered(build: Callable[[Criterion], None]) -> Callable[[Criterion], None]:
        LOSSES[name] = Entry(build, target, smooth)
        return build

    return entered


class Criterion:
    """A loss at work on a prediction: write a target, call `forward`, then `backward`.

    ``value`` is an array of no axes. `backward` overwrites the prediction's
    cotangent. ``smoothing`` moves so much of each target to all classes alike;
    ``weights`` has a factor for each class (two for `binary_cross_entropy`: of
    the targets 0 and 1). ``delta`` is huber's, ``q`` the quantile, ``margin``
    that of hinges and of `contrastive`; classes lie along ``axis``.

    >>> import dlcalc.engine.losses, numpy as np
    >>> prediction = Value(np.array([[1.0, 3.0]]), np.zeros((1, 2)))
    >>> loss = Criterion("mse", prediction)
    >>> loss.set_target([[1.0, 1.0]])
    >>> float(loss.forward()), loss.backward().tolist()
    (2.0, [[0.0, 2.0]])
    """

    def __init__(
        self,
        name: str,
        prediction: Value,
        *,
        smoothing: float = 0.0,
        weights: tuple[float, ...] | None = None,
        delta: float = 1.0,
        q: float = 0.5,
        margin: float = 1.0,
        axis: int = -1,
    ) -> None:
        self.entry = _found(name)
        self.smoothing, self.weights = smoothing, weights
        self.delta, self.q, self.margin = delta, q, margin
        data, cotangent = prediction
        if self.entry.target == "classes":
            data = np.moveaxis(data, axis, -1)
            cotangent = None if cotangent is None else np.moveaxis(cotangent, axis, -1)
        self.x, self.dx = data, cotangent
        self.real = data.real.dtype
        self.value = np.zeros((), data.dtype)
        self._forward: list[Call] = []
        self._backward: list[Call] = []
        self._check(name)
        self.target = self._target()
        self.entry.build(self)

    def _check(self, name: str) -> None:
        bounds = {
            "smoothing": 0 <= self.smoothing <= 1,
            "q": 0 < self.q < 1,
            "delta": self.delta > 0,
            "margin": self.margin > 0,
        }
        for setting, fits in bounds.items():
            if not fits:
                raise InputError(f"{setting} of {name} cannot be {getattr(self, setting):g}")
        if (self.smoothing or self.weights is not None) and name not in CROSSED:
            raise InputError(f"{name} takes neither smoothing nor class weights")
        if self.weights is not None:
            classes = 2 if name == "binary_cross_entropy" else self.x.shape[-1]
            if len(self.weights) != classes or min(self.weights) < 0:
                raise InputError(f"{name} needs {classes} class weights, none below 0")
        if self.entry.target == "pairs" and (self.x.ndim != 2 or len(self.x) % 2):
            raise InputError(f"{name} needs an even batch of features, the pairs one by one")

    def _target(self) -> Array:
        kind = self.entry.target
        if kind == "classes":
            return np.zeros(self.x.shape[:-1], np.intp)
        return np.zeros(len(self.x) // 2 if kind == "pairs" else self.x.shape, self.real)

    def set_target(self, target: Any) -> None:
        """Write a target, having looked at it. Raises `InputError` for one that does not fit."""
        given, kind = np.asarray(target), self.entry.target
        if given.shape != self.target.shape:
            raise InputError(f"the target has sizes {given.shape}, not {self.target.shape}")
        if kind == "classes" and given.size:
            low, high = given.min(), given.max()
            if low < 0 or high >= self.x.shape[-1] or np.any(given != np.floor(given)):
                raise InputError(f"classes are whole numbers from 0 to {self.x.shape[-1] - 1}")
        if kind == "signs" and not np.all(np.abs(given) == 1):
            raise InputError("the target of a hinge is -1 or 1")
        if kind == "pairs" and not np.all((given == 0) | (given == 1)):
            raise InputError("a pair is 1 where both belong together, else 0")
        self.target[...] = given

    def forward(self) -> Array:
        """The value, an array of no axes."""
        for call in self._forward:
            call()
        return self.value

    def backward(self) -> Array:
        """The prediction's cotangent; `forward` must have run."""
        for call in self._backward:
            call()
        found: Array = self.dx
        return found

    def array(self, *sizes: int, dtype: Any = None) -> Array:
        """An array to work in."""
        return np.zeros(sizes, self.x.dtype if dtype is None else dtype)

    def then(self, function: Callable[..., object], *arguments: Any, **settings: Any) -> None:
        """Append a forward call."""
        self._forward.append(bound(function, *arguments, **settings))

    def back(self, function: Callable[..., object], *arguments: Any, **settings: Any) -> None:
        """Append a backward call, if someone asks for the cotangent."""
        if self.dx is not None:
            self._backward.append(bound(function, *arguments, **settings))

    def mean(self, terms: Array, count: int) -> None:
        """The value as the sum of terms by a count: one product with as many shares."""
        shares = np.full(terms.size, 1 / count, terms.dtype)
        self.then(np.dot, terms.reshape(-1), shares, self.value)


def _found(name: str) -> Entry:
    if name in LOSSES:
        return LOSSES[name]
    close = nearest(name, LOSSES)
    mend = f"Did you mean {close}?" if close else f"There are {', '.join(LOSSES)}."
    raise InputError(f"there is no loss {name}", mend=mend)
