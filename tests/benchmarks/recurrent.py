"""A training step of an LSTM, forward and backward, against torch's, as ratios of medians.

    python tests/benchmarks/recurrent.py [RUNS]

64 hidden features on 64, 50 steps, 32 examples, one thread, in turn in one
process. Like the other benchmarks it prints and judges nothing: the machine is
noisy, so look at it twice.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TIME, INPUTS, HIDDEN, BATCH = 50, 64, 64, 32
#: The most that a step may take of torch's time, where that is promised.
BOUNDS = {("lstm", "float32"): "2.0", ("lstm", "float64"): "0.8"}

Step = Callable[[], object]


def ours(word: str, dtype: str) -> Step:
    """From a fixed cotangent to the gradients of the weights and of the input."""
    import numpy as np

    from dlcalc.answers.network import load_line
    from dlcalc.engine.program import Program

    start, net = load_line(f"{TIME}x{INPUTS} {word}:{HIDDEN}")
    program = Program(net, start.sizes, batch=BATCH, dtype=dtype, training=True)
    draw = np.random.default_rng(0)
    program.parameters[...] = draw.uniform(-1, 1, program.parameters.shape) / HIDDEN**0.5
    program.input.data[...] = draw.normal(size=program.input.data.shape)
    cotangent = draw.normal(size=program.output.data.shape).astype(dtype)

    def step() -> None:
        program.forward()
        program.output.cotangent[...] = cotangent
        program.backward()

    return step


def theirs(word: str, dtype: str) -> Step:
    """The same step of torch's layer."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    kind = getattr(torch.nn, word.upper())
    layer = kind(INPUTS, HIDDEN, batch_first=True, dtype=getattr(torch, dtype))
    x = torch.randn(BATCH, TIME, INPUTS, dtype=getattr(torch, dtype), requires_grad=True)
    cotangent = torch.randn(BATCH, TIME, HIDDEN, dtype=getattr(torch, dtype))

    def step() -> None:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x)[0].backward(cotangent)

    return step


def milliseconds(step: Step) -> float:
    """How long one step takes."""
    started = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Print every pair."""
    # NumPy and torch read these once, when they are imported: so they are imported below.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 101
    print(f"{'':24} {'ours':>12} {'torch':>12} {'ratio':>8}   bound")
    for word in ("lstm", "gru", "rnn"):
        for dtype in ("float32", "float64"):
            first, second = ours(word, dtype), theirs(word, dtype)
            for _ in range(5):
                first(), second()
            times = [(milliseconds(first), milliseconds(second)) for _ in range(runs)]
            mine = statistics.median(pair[0] for pair in times)
            peer = statistics.median(pair[1] for pair in times)
            ratio = statistics.median(pair[0] / pair[1] for pair in times)
            bound = BOUNDS.get((word, dtype), "")
            print(
                f"{word + ' ' + dtype:24} {mine:9.2f} ms {peer:9.2f} ms {ratio:8.3f}   {bound}",
                flush=True,
            )


if __name__ == "__main__":
    main()
