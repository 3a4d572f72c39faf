"""What compiling a net costs, in milliseconds and in training steps of that net.

    python tests/benchmarks/compile.py [RUNS]

The reach is 5 ms or 20 steps, whichever is more. It prints and judges nothing: the
machine is noisy, so look at it twice. The first net is compiled a second time before
it is looked at, as importing the operations is no part of it.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from functools import partial

from engine import LENET, THREADS, Step

NETS = (
    ("XOR 2-4-1, batch 4", "2 dense:4 tanh dense:1", 4, "mse"),
    ("moons 2-32-32-2", "2 dense:32 relu dense:32 relu dense:2", 32, "cross_entropy"),
    ("LeNet-5, batch 64", LENET, 64, "cross_entropy"),
    ("LSTM 64, 50 steps", "50x64 lstm:64 last dense:2", 32, "cross_entropy"),
    (
        "a small convolution",
        "1x12x12 conv:8,k3 relu maxpool:2 flatten dense:10",
        32,
        "cross_entropy",
    ),
    ("4 encoders of 16x32", "16x32 4*encoder:4 last dense:2", 8, "cross_entropy"),
    ("mixture of 4 experts", "16 moe:4[dense:32 relu dense:16] dense:2", 32, "cross_entropy"),
)


def milliseconds(step: Step) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    step()
    return 1_000 * (time.perf_counter() - started)


def main() -> None:
    """Print every net."""
    os.environ |= dict.fromkeys(THREADS, "1")
    from engine import ours

    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"{'':24} {'compile':>10} {'a step':>10} {'steps':>8}   reach")
    for label, line, batch, loss in NETS:
        build = partial(ours, line, batch, "adam", loss, "float64")
        step = build()
        step()
        pairs = [(milliseconds(build), milliseconds(step)) for _ in range(runs)]
        compiled, stepped = (statistics.median(column) for column in zip(*pairs, strict=True))
        reach = max(5.0, 20 * stepped)
        met = "met" if compiled < reach else "missed"
        print(f"{label:24} {compiled:7.2f} ms {stepped:7.3f} ms {compiled / stepped:8.1f}   {met}")


if __name__ == "__main__":
    main()
