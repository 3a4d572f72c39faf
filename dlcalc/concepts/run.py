"""Claims judged: one in this process within its time, or many in several processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dlcalc.concepts.catalogue import find
from dlcalc.concepts.claim import BROKEN, UNDECIDED
from dlcalc.concepts.proof import Evidence, Proof

#: No claim may take longer, whatever its budget says.
LONGEST = 60.0


class Judgement(NamedTuple):
    """What became of one claim: its verdict, the catalogue's, the evidence, how long it took."""

    slug: str
    verdict: str
    expected: str
    evidence: tuple[Evidence, ...]
    seconds: float
    reason: str = ""

    @property
    def stands(self) -> bool:
        """Whether the catalogue's verdict is the one that the evidence comes to."""
        return self.verdict == self.expected


class OutOfTime(BaseException):
    """The budget is used up; no ``except Exception`` of a proof may swallow it."""


class Limit:
    """Interrupts what runs inside after some seconds of processor time, where the system can.

    Processor time, for a machine that is busy with other work is no reason to give up; by
    the clock it may take ten times as long. `over` stays true whatever became of the
    interruption: an import or a bare ``except`` may turn it into something else.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.over = seconds, False
        #: The handlers, and what was left of the timers, of a limit around this one.
        self._before: list[Any] = []
        self._left: list[float] = []

    def __enter__(self) -> Limit:
        main = threading.current_thread() is threading.main_thread()
        if main and hasattr(signal, "setitimer"):
            self._before = [signal.signal(number, self._stop) for _, number in _CLOCKS]
            for (clock, _), times in zip(_CLOCKS, (1, 10), strict=True):
                self._left.append(signal.setitimer(clock, self.seconds * times)[0])
        return self

    def __exit__(self, *error: object) -> None:
        if self._before:
            for (clock, number), handler, left in zip(
                _CLOCKS, self._before, self._left, strict=True
            ):
                signal.setitimer(clock, 0)
                signal.signal(number, handler)
                signal.setitimer(clock, left)

    def _stop(self, number: int, frame: Any) -> None:
        self.over = True
        raise OutOfTime


#: Processor time first, then the clock; a system without these timers has neither.
_CLOCKS = (
    ((signal.ITIMER_PROF, signal.SIGPROF), (signal.ITIMER_REAL, signal.SIGALRM))
    if hasattr(signal, "setitimer")
    else ()
)


def judge(slug: str, seed: int = 0, *, broken: str = "", scale: float = 1.0) -> Judgement:
    """Run the proof of a claim; ``broken`` puts the planted error in the place of a subject.

    ``scale`` stretches the budget, for a machine that is busy. What a proof raises
    counts against the claim: it is not as stated, and the reason says why.
    """
    _alone()
    record = find(slug)
    proof = Proof(seed, broken)
    started = time.monotonic()
    reason, verdict = "", UNDECIDED
    limit = Limit(min(record.budget * scale, LONGEST))
    try:
        with limit:
            record.proof(proof)
        verdict = proof.verdict
    except OutOfTime:
        pass
    except Exception as error:
        verdict, reason = BROKEN, f"{type(error).__name__}: {error}"
    if limit.over:
        verdict, reason = UNDECIDED, f"it took longer than {limit.seconds:g} s"
    seconds = time.monotonic() - started
    return Judgement(slug, verdict, record.verdict, tuple(proof.evidence), seconds, reason)


def judge_all(
    slugs: Sequence[str],
    seed: int = 0,
    *,
    processes: int = 0,
    scale: float = 1.0,
    done: Callable[[Judgement], None] | None = None,
) -> list[Judgement]:
    """Judge many claims, in processes if there are several; the order is that of the slugs."""
    processes = processes or os.cpu_count() or 1
    if processes == 1 or len(slugs) < 2:
        return [_told(judge(slug, seed, scale=scale), done) for slug in slugs]
    from functools import partial
    from multiprocessing import get_context

    found: dict[str, Judgement] = {}
    context = get_context("spawn")
    # Leaving the pool, by Ctrl-C too, ends its processes.
    with context.Pool(min(processes, len(slugs)), initializer=_quietly) as pool:
        for judgement in pool.imap_unordered(partial(judge, seed=seed, scale=scale), slugs):
            found[judgement.slug] = _told(judgement, done)
    return [found[slug] for slug in slugs]


def _told(judgement: Judgement, done: Callable[[Judgement], None] | None) -> Judgement:
    if done is not None:
        done(judgement)
    return judgement


def _quietly() -> None:
    """A worker leaves Ctrl-C to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _alone() -> None:
    """One thread for sums as small as those of proofs: more would only spend their time."""
    if "numpy" in sys.modules:
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
