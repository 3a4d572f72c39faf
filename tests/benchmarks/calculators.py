"""The calculators' start-up against ``import click``, and simulation against bare NumPy.

    python tests/benchmarks/calculators.py [RUNS]

Like startup.py it prints ratios of interleaved medians and judges nothing.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
from startup import DLCALC, IMPORT_CLICK, pair

from dlcalc.engine.resampling import shares_never_drawn

QUESTIONS = (
    "softmax 1000,1001,1002",
    "softmax 0,-1000 --target 1",
    "softmax 1,2,3 --find",
    "bootstrap 10 100 1000",
    "bootstrap 1e18 -q",
    "split 103 --kfold 10",
    "split 103 --kfold 10 -q",
)


def seconds(work: object, *arguments: int) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    work(*arguments)  # type: ignore[operator]
    return time.perf_counter() - started


def bare(n: int, repeats: int) -> None:
    """The draws alone."""
    np.random.default_rng(0).integers(n, size=n * repeats)


def main() -> None:
    """Print every pair."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    for question in QUESTIONS:
        pair(f"{question} / import click", [DLCALC, *question.split()], IMPORT_CLICK, runs, "1.45")
    for n, repeats in ((10, 100_000), (100, 20_000), (1000, 10_000), (100_000, 100)):
        seconds(bare, n, repeats), seconds(shares_never_drawn, n, n, repeats)
        times = [
            (seconds(shares_never_drawn, n, n, repeats), seconds(bare, n, repeats))
            for _ in range(runs)
        ]
        ratio = statistics.median(ours / theirs for ours, theirs in times)
        print(f"{f'simulating {repeats:,} times {n:,} / its draws':44} {ratio:36.3f}   4")


if __name__ == "__main__":
    main()
