"""What the recipes of the toy tasks reach over many seeds, against what is claimed of them.

    python tests/benchmarks/reach.py [SEEDS [TASK...]]

For every task: the mean of its metric with its 95 % interval, the worst seed, how many seeds
attain the reach, the distance of mean and reach in standard errors of the mean, and the
seconds that a training takes, gradient check included.
"""

from __future__ import annotations

import sys
from math import inf, sqrt
from statistics import stdev
from time import perf_counter

from dlcalc.answers.train_seeds import train_seeds
from dlcalc.engine.tasks.index import TASKS

#: Sizes beside the usual ones that people ask for.
MORE = ("parity:6", "blobs:8", "spirals:3", "spirals:8", "recall:40", "glyphs:20")


def row(task: str, seeds: int) -> str:
    """The line of a task."""
    began = perf_counter()
    result = train_seeds(task, seeds=seeds)
    spent = (perf_counter() - began) / seeds
    assert isinstance(result.value, float) and result.reach is not None
    low, high = result.interval
    error = stdev(result.trained) / sqrt(seeds)
    worst = (max if result.metric == "rmse" else min)(result.trained)
    margin = abs(result.value - result.reach) / error if error else inf
    cells = (
        f"{task:18}{result.metric:10}{result.reach:<7g}",
        f"{result.value:8.4f}{low:9.4f}{high:8.4f}{worst:9.4f}",
        f"{result.reached:6} of {seeds}{margin:9.1f}{spent:8.2f}",
    )
    return "".join(cells) + (f"  {result.failure}" if result.failure else "")


def main() -> None:
    """Print the table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(
        f"{'task':18}{'metric':10}{'reach':<7}    mean    95 % interval    worst     reached",
        end="",
    )
    print("   errors seconds")
    for task in sys.argv[2:] or (*TASKS, *MORE):
        print(row(task, seeds), flush=True)


if __name__ == "__main__":
    main()
