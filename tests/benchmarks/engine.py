"""Full training steps of the engine against PyTorch's, one thread each, as ratios of medians.

    python tests/benchmarks/engine.py [RUNS]

Needs torch. Forward, loss, backward and the optimiser's step, in turn in one
process. It prints and judges nothing: the machine is noisy, so look at it twice.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Step = Callable[[], object]
LENET = (
    "1x32x32 conv:6,k5 relu maxpool:2 conv:16,k5 relu maxpool:2 conv:120,k5 relu "
    "flatten dense:84 relu dense:10"
)


def ours(line: str, batch: int, optimiser: str, loss: str, dtype: str) -> Step:
    """A training step of the engine on random numbers."""
    import numpy as np

    from dlcalc.answers.network import load_line
    from dlcalc.engine.losses import Criterion
    from dlcalc.engine.optimisers import make
    from dlcalc.engine.program import Program

    start, net = load_line(line)
    sizes = tuple(size for size in start.sizes if isinstance(size, int))
    settings: Any = {"training": True, "input_cotangent": False}
    program = Program(net, sizes, batch=batch, dtype=dtype, **settings)
    draw = np.random.default_rng(0)
    program.parameters[...] = draw.normal(size=program.parameters.size) / 10
    program.input.data[...] = draw.normal(size=program.input.data.shape)
    criterion = Criterion(loss, program.output)
    outputs = program.output.data.shape
    criterion.set_target(np.zeros(outputs if loss == "mse" else outputs[:1], int))
    update = make(optimiser, program.parameters)

    def step() -> None:
        program.forward()
        criterion.forward()
        criterion.backward()
        program.backward()
        update.step(program.gradient, 0.01)

    return step


def theirs(model: Any, sizes: tuple[int, ...], adam: bool, dtype: str) -> Step:
    """The same of PyTorch; its loss is by the last size: one number, or classes."""
    import torch
    from torch import nn

    kind = getattr(torch, dtype)
    model = model.to(kind)
    x = torch.randn(*sizes, dtype=kind)
    optimiser = (torch.optim.Adam if adam else torch.optim.SGD)(model.parameters(), 0.01)
    single = model(x).shape[1] == 1
    target = torch.zeros(len(x), 1, dtype=kind) if single else torch.zeros(len(x), dtype=torch.long)
    loss = nn.functional.mse_loss if single else nn.functional.cross_entropy

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(model(x), target).backward()
        optimiser.step()

    return step


def microseconds(step: Step, times: int) -> float:
    """One step, on average over a run of them."""
    started = time.perf_counter()
    for _ in range(times):
        step()
    return 1e6 * (time.perf_counter() - started) / times


def pair(label: str, mine: Step, other: Step, times: int, runs: int, bound: str) -> None:
    """Print the medians of both, run in turn, and their ratio."""
    microseconds(mine, 3), microseconds(other, 3)
    found = [(microseconds(mine, times), microseconds(other, times)) for _ in range(runs)]
    ratio = statistics.median(a / b for a, b in found)
    medians = [statistics.median(column) for column in zip(*found, strict=True)]
    print(
        f"{label:24} {medians[0]:10.1f} us {medians[1]:10.1f} us {ratio:8.3f}   {bound}", flush=True
    )


def lenet() -> Any:
    """LeNet-5 with ReLU and max pooling."""
    from torch import nn

    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 120, 5), nn.ReLU()],
        *[nn.Flatten(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)],
    )


def main() -> None:
    """Print every pair."""
    os.environ |= dict.fromkeys(THREADS, "1")
    import torch
    from torch import nn

    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    torch.set_num_threads(1)
    print(f"{'a training step':24} {'ours':>13} {'torch':>13} {'ratio':>8}   bound")
    mine = ours("2 dense:4 tanh dense:1", 4, "gd", "mse", "float32")
    xor = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    pair("XOR 2-4-1, batch 4", mine, theirs(xor, (4, 2), False, "float32"), 2_000, runs, "0.08")
    line = "2 dense:32 relu dense:32 relu dense:2"
    mine = ours(line, 32, "adam", "cross_entropy", "float32")
    moons = [nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)]
    other = theirs(nn.Sequential(*moons), (32, 2), True, "float32")
    pair("moons 2-32-32-2, Adam", mine, other, 500, runs, "0.2")
    for dtype, bound in (("float32", "1.2"), ("float64", "0.9")):
        mine = ours(LENET, 64, "gd", "cross_entropy", dtype)
        other = theirs(lenet(), (64, 1, 32, 32), False, dtype)
        pair(f"LeNet-5, batch 64, {dtype}", mine, other, 10, runs, bound)


if __name__ == "__main__":
    main()
