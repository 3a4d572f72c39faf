"""``dlcalc train-toy --seeds``: the same training from many seeds, and how far they agree."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

from dlcalc.answers.train import Watch, check_expectations, heading, missed, train
from dlcalc.answers.train_asked import Asked, Options
from dlcalc.answers.train_seeds_result import OfSeed, SeedsResult
from dlcalc.errors import InputError

MOST = 1_000


def train_seeds(
    *words: str,
    seeds: int = 20,
    expect_accuracy: float | None = None,
    expect_loss: float | None = None,
    watch: Watch | None = None,
    **options: Unpack[Options],
) -> SeedsResult:
    """Train a net on a task from so many seeds, in processes: data, numbers to start from, order.

    The first seed is that of the options, or 0. The answer is the mean of the metric with
    its 95 % confidence interval by Student's t, and how many seeds reach what is known of
    the task with that of Wilson's score. Expectations are held against every seed.
    Otherwise as `dlcalc.answers.train.train`. Raises `InputError`.

    >>> train_seeds("and", seeds=2, epochs=100).reached
    2
    """
    if not 2 <= seeds <= MOST:
        raise InputError(f"--seeds must be 2 to {MOST:,}, not {seeds:,}")
    if options.get("data") == "-":
        raise InputError(
            "standard input can be read once, but --seeds reads the data for every seed",
            mend="Give a file.",
        )
    asked = Asked(" ".join(words).split(), options, None)
    problem, toy, aim, settings = asked.training()
    check_expectations(aim, expect_accuracy, expect_loss)
    watch = watch or Watch()
    from dlcalc.answers.workers import in_processes

    numbers = range(settings.seed, settings.seed + seeds)
    found = in_processes(
        partial(_one, words, dict(options)),
        numbers,
        told=partial(_tell, watch, seeds),
        asked_to_stop=watch.asked_to_stop,
    )
    done = [each for each in found if each is not None]
    if not done:
        raise KeyboardInterrupt
    failures = []
    for each in done:
        told = missed(each.final, expect_accuracy, expect_loss)
        failures += [f"Seed {each.seed}: {sentence}" for sentence in told]
    return SeedsResult(
        {**asked.config(problem, toy, aim, settings), "seeds": seeds},
        heading(problem, toy, settings, aim),
        aim.metric,
        problem.reach,
        done,
        tuple(failures),
    )


def _tell(watch: Watch, seeds: int, done: int) -> None:
    watch.seed(done, seeds)


def _one(words: tuple[str, ...], options: dict[str, Any], seed: int) -> OfSeed:
    """One training, without what is only for its own answer."""
    result = train(*words, **{**options, "seed": seed})
    return OfSeed(seed, len(result.history), result.final, result.findings, result.failure)
