"""Schedules against torch.optim.lr_scheduler and by hand; early stopping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dlcalc.engine.schedules import Cosine, ReduceOnPlateau, Schedule, Steps, WarmUp
from dlcalc.engine.stopping import EarlyStopping
from dlcalc.errors import InputError


def torch_rates(make: Any, count: int, losses: Any = None) -> list[float]:
    """The rates of a torch scheduler, from a base of 0.1."""
    torch = pytest.importorskip("torch")
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler, found = make(torch.optim.lr_scheduler, optimiser), []
    for time in range(count):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step(*([] if losses is None else [losses[time]]))
    return found


def rates(schedule: Schedule, count: int) -> list[float]:
    return [schedule.rate(time) for time in range(count)]


def warmed(module: Any, optimiser: Any) -> Any:
    rise = module.LinearLR(optimiser, start_factor=1 / 6, total_iters=5)
    fall = module.CosineAnnealingLR(optimiser, 20, 0.01)
    return module.SequentialLR(optimiser, [rise, fall], milestones=[5])


@pytest.mark.parametrize(
    ("ours", "theirs", "count"),
    [
        (Schedule(0.1), lambda m, o: m.ConstantLR(o, 1.0), 10),
        (Steps(0.1, 7, 0.5), lambda m, o: m.StepLR(o, 7, 0.5), 40),
        (Cosine(0.1, 30), lambda m, o: m.CosineAnnealingLR(o, 30), 31),
        (Cosine(0.1, 30, 0.02), lambda m, o: m.CosineAnnealingLR(o, 30, 0.02), 31),
        (WarmUp(5, Cosine(0.1, 20, 0.01)), warmed, 26),
    ],
)
def test_rates_are_those_of_torch(ours: Schedule, theirs: Any, count: int) -> None:
    assert rates(ours, count) == pytest.approx(torch_rates(theirs, count), rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("settings", [{}, {"cooldown": 3, "least": 0.004}, {"threshold": 0.2}])
def test_plateaus_are_those_of_torch(settings: dict[str, Any]) -> None:
    draw = np.random.default_rng(3)
    losses = (np.exp(-np.arange(120) / 15) + 0.3 * draw.random(120)).tolist()
    losses[40] = math.nan
    other = {"min_lr" if key == "least" else key: value for key, value in settings.items()}
    theirs = torch_rates(
        lambda m, o: m.ReduceLROnPlateau(o, factor=0.5, patience=4, **other), 120, losses
    )
    schedule, ours = ReduceOnPlateau(0.1, 0.5, 4, **settings), []
    for time, loss in enumerate(losses):
        ours.append(schedule.rate(time))
        schedule.observe(loss)
    assert ours == theirs and len(set(ours)) > 3


def test_rates_by_hand() -> None:
    assert rates(Steps(1.0, 2, 0.5), 6) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert rates(Cosine(1.0, 2, 0.5), 5) == pytest.approx([1, 0.75, 0.5, 0.5, 0.5])
    assert rates(WarmUp(3, Schedule(1.0)), 5) == [0.25, 0.5, 0.75, 1, 1]
    assert rates(WarmUp(0, Steps(1.0, 1, 0.5)), 3) == [1, 0.5, 0.25]
    schedule, found = ReduceOnPlateau(1.0, 0.5, 1), []
    for loss in (3, 2, 2, 2, 2, 1, 1, 1, 1):
        schedule.observe(loss)
        found.append(schedule.rate(0))
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_a_warm_up_before_a_plateau_listens() -> None:
    schedule = WarmUp(2, ReduceOnPlateau(1.0, 0.5, 0))
    for loss in (1.0, 2.0):
        schedule.observe(loss)
    assert rates(schedule, 4) == pytest.approx([0.5 / 3, 1 / 3, 0.5, 0.5])


def test_a_plateau_goes_on_as_if_never_stopped() -> None:
    losses = np.random.default_rng(0).random(60).tolist()
    whole, first, second = (WarmUp(2, ReduceOnPlateau(1.0, 0.7, 3, cooldown=2)) for _ in "abc")
    for loss in losses[:25]:
        whole.observe(loss)
        first.observe(loss)
    second.restore(dict(first.state))
    for loss in losses[25:]:
        whole.observe(loss)
        second.observe(loss)
        assert second.rate(9) == whole.rate(9)
    assert second.state == whole.state
    with pytest.raises(InputError, match="another schedule"):
        second.restore({})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Schedule(-1),
        lambda: Schedule(math.nan),
        lambda: Steps(1, 0),
        lambda: Cosine(1, 0),
        lambda: Cosine(1, 5, 2),
        lambda: WarmUp(-1, Schedule(1)),
        lambda: ReduceOnPlateau(1, 1.0),
        lambda: EarlyStopping({}, 0),
        lambda: EarlyStopping({}, margin=-1),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(InputError, match="must be"):
        make()


def test_stopping_keeps_the_best_and_puts_it_back() -> None:
    parameters, statistics = np.zeros(2), np.zeros(3)
    stopping = EarlyStopping({"p": parameters, "s": statistics}, 3, margin=0.1)
    # 0.95 is better than 1 by less than the margin; NaN is never better.
    for time, loss in enumerate([2.0, 1.0, 0.95, math.nan]):
        parameters[...] = statistics[...] = time
        assert not stopping.observe(loss, time)
    parameters[...] = statistics[...] = 4
    assert stopping.observe(3.0, 4)
    stopping.restore_best()
    assert (stopping.best, stopping.best_time) == (1.0, 1)
    assert parameters.tolist() == [1, 1] and statistics.tolist() == [1, 1, 1]


def test_larger_may_be_better() -> None:
    stopping = EarlyStopping({}, 2, larger=True)
    assert [stopping.observe(v, t) for t, v in enumerate([0.1, 0.5, 0.4, 0.6, 0.2, 0.6])] == [
        False
    ] * 5 + [True]
    assert stopping.best_time == 3


def test_stopping_goes_on_as_if_never_stopped() -> None:
    first = EarlyStopping({"p": np.ones(2)}, 3)
    for time, loss in enumerate([2.0, 1.0, 1.5]):
        first.observe(loss, time)
    weights = np.full(2, 7.0)
    second = EarlyStopping({"p": weights}, 3)
    second.restore({name: array.copy() for name, array in first.state.items()})
    assert not second.observe(1.2, 3) and second.observe(1.2, 4)
    second.restore_best()
    assert weights.tolist() == [1, 1] and second.best == 1.0
    with pytest.raises(InputError, match="another net"):
        second.restore({"best": np.array(1.0)})
