"""Learning rates over time.

Time counts from 0 in whatever the caller steps by, batches or epochs. All but
`ReduceOnPlateau` are closed forms: they need no state, and may be asked for any time.
"""

from __future__ import annotations

import math

from dlcalc.errors import InputError

#: What a schedule must remember to go on as if never stopped.
State = dict[str, float]


class Schedule:
    """The constant rate: the base of all."""

    def __init__(self, rate: float) -> None:
        _check("rate", rate, 0 <= rate < math.inf, "at least 0")
        self.base = rate

    def rate(self, time: int) -> float:
        """The rate at a time.

        >>> Schedule(0.1).rate(1_000)
        0.1
        """
        return self.base

    def observe(self, value: float) -> None:
        """Be told a loss after each epoch; only some listen."""

    @property
    def state(self) -> State:
        """What must be saved; empty for a closed form."""
        return {}

    def restore(self, state: State) -> None:
        """Take up what was saved. Raises `InputError` if it is another schedule's."""
        if set(state) != set(self.state):
            raise InputError("the saved state is that of another schedule")


class Steps(Schedule):
    """rate * factor^(time // every): torch.optim.lr_scheduler.StepLR."""

    def __init__(self, rate: float, every: int, factor: float = 0.1) -> None:
        super().__init__(rate)
        _check("every", every, every >= 1, "at least 1")
        _check("factor", factor, 0 <= factor < math.inf, "at least 0")
        self.every, self.factor = every, factor

    def rate(self, time: int) -> float:
        return self.base * self.factor ** (time // self.every)


class Cosine(Schedule):
    """least + (rate - least) * (1 + cos(pi * time / total)) / 2, and least behind total.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
    without the restarts; torch.optim.lr_scheduler.CosineAnnealingLR, which rises again
    behind total.
    """

    def __init__(self, rate: float, total: int, least: float = 0.0) -> None:
        super().__init__(rate)
        _check("total", total, total >= 1, "at least 1")
        _check("least", least, 0 <= least <= rate, f"from 0 to the rate {rate:g}")
        self.total, self.least = total, least

    def rate(self, time: int) -> float:
        share = (1 + math.cos(math.pi * min(time, self.total) / self.total)) / 2
        return self.least + (self.base - self.least) * share


class WarmUp(Schedule):
    """A rise in equal steps to the first rate of another schedule, which follows.

    At times 0 to length - 1 the rate is (time + 1) / (length + 1) of it, so that no step
    is lost to a rate of 0. Goyal et al., "Accurate, Large Minibatch SGD", 2017; LinearLR
    with start_factor=1/(length + 1) and total_iters=length, then the other by
    SequentialLR, in torch.optim.lr_scheduler.
    """

    def __init__(self, length: int, then: Schedule) -> None:
        super().__init__(then.base)
        _check("warm-up", length, length >= 0, "at least 0")
        self.length, self.then = length, then

    def rate(self, time: int) -> float:
        if time >= self.length:
            return self.then.rate(time - self.length)
        return self.then.rate(0) * (time + 1) / (self.length + 1)

    def observe(self, value: float) -> None:
        self.then.observe(value)

    @property
    def state(self) -> State:
        return self.then.state

    def restore(self, state: State) -> None:
        self.then.restore(state)


class ReduceOnPlateau(Schedule):
    """rate * factor each time that more than ``patience`` values in a row were no better.

    Better is below best * (1 - threshold). After a reduction the count rests for
    ``cooldown`` values; a change of less than 1e-8 is not made. The rules of
    torch.optim.lr_scheduler.ReduceLROnPlateau with its defaults: a negative best, which
    losses seldom have, counts any value a little above it as better still.
    """

    def __init__(
        self,
        rate: float,
        factor: float = 0.1,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        cooldown: int = 0,
        least: float = 0.0,
    ) -> None:
        super().__init__(rate)
        _check("factor", factor, 0 <= factor < 1, "at least 0 and below 1")
        _check("patience", patience, patience >= 0, "at least 0")
        _check("threshold", threshold, 0 <= threshold < 1, "at least 0 and below 1")
        _check("cooldown", cooldown, cooldown >= 0, "at least 0")
        _check("least", least, 0 <= least < math.inf, "at least 0")
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.least = cooldown, least
        self._now, self._best = rate, math.inf
        self._waited = self._resting = 0

    def rate(self, time: int) -> float:
        """The rate now, whatever the time."""
        return self._now

    def observe(self, value: float) -> None:
        """Count a loss; NaN is never better."""
        self._waited += 1
        if value < self._best * (1 - self.threshold):
            self._best, self._waited = value, 0
        if self._resting:
            self._resting -= 1
            self._waited = 0
        if self._waited > self.patience:
            reduced = max(self._now * self.factor, self.least)
            if self._now - reduced > 1e-8:
                self._now = reduced
            self._resting, self._waited = self.cooldown, 0

    @property
    def state(self) -> State:
        return {
            "rate": self._now,
            "best": self._best,
            "waited": self._waited,
            "resting": self._resting,
        }

    def restore(self, state: State) -> None:
        super().restore(state)
        self._now, self._best = float(state["rate"]), float(state["best"])
        self._waited, self._resting = int(state["waited"]), int(state["resting"])


def _check(name: str, value: float, holds: bool, rule: str) -> None:
    if not holds:
        raise InputError(f"{name} of a schedule must be {rule}, not {value:g}")
