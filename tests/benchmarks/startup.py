"""Start-up of whole processes, in interleaved pairs against a peer, as ratios of medians.

    python tests/benchmarks/startup.py [RUNS]

Run it on a normal installation, where bytecode is compiled. It prints and
judges nothing: the machine is noisy, so look at it twice.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PYTHON = sys.executable
DLCALC = str(Path(PYTHON).with_name("dlcalc"))
IMPORT_CLICK = [PYTHON, "-c", "import click"]
TORCHINFO = """
import torch, torchinfo
from torch import nn
lenet = nn.Sequential(
    nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
    nn.AvgPool2d(2), nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84),
    nn.Tanh(), nn.Linear(84, 10),
)
print(torchinfo.summary(lenet, (1, 1, 32, 32), verbose=0))
"""
BASH = """
source {script}
COMP_LINE='dlcalc shape 3x32x32 conv:6,ker' COMP_POINT=31
COMP_WORDS=(dlcalc shape 3x32x32 conv : 6,ker) COMP_CWORD=5
_dlcalc; echo "${{COMPREPLY[@]}}"
"""


def milliseconds(command: list[str], stdin: Path | None = None) -> float:
    """How long one run of a command takes, from start to end."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with open(stdin or os.devnull, "rb") as source:
        started = time.perf_counter()
        subprocess.run(
            command, stdin=source, stdout=subprocess.DEVNULL, env=environment, check=True
        )
        return 1000 * (time.perf_counter() - started)


def pair(
    label: str,
    command: list[str],
    peer: list[str],
    runs: int,
    bound: str,
    stdin: Path | None = None,
) -> None:
    """Print the medians of two commands run in turn, and their ratio."""
    milliseconds(command, stdin), milliseconds(peer)
    times = [(milliseconds(command, stdin), milliseconds(peer)) for _ in range(runs)]
    ours = statistics.median(first for first, _ in times)
    theirs = statistics.median(second for _, second in times)
    ratio = statistics.median(first / second for first, second in times)
    print(f"{label:44} {ours:9.1f} ms {theirs:9.1f} ms {ratio:8.3f}   {bound}", flush=True)


def questions(folder: str) -> Path:
    """20,000 distinct lines of one layer each."""
    path = Path(folder) / "questions.txt"
    with path.open("w") as file:
        for n in range(20_000):
            file.write(f"3x{100 + n % 500}x{100 + n // 500} conv:{1 + n % 97},k{1 + n % 7},p1\n")
    return path


def main() -> None:
    """Print every pair."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    completion = Path(__file__).resolve().parents[2] / "completions" / "dlcalc.bash"
    print(f"{'':44} {'ours':>12} {'peer':>12} {'ratio':>8}   bound")
    one = [DLCALC, "shape", "3x224x224", "conv:64,k7,s2,p3", "-q"]
    pair("shape of a layer / import click", one, IMPORT_CLICK, runs, "1.35")
    resnet = [DLCALC, "params", "resnet152", "-q"]
    pair("params resnet152 / import click", resnet, IMPORT_CLICK, runs, "1.8")
    solve = [DLCALC, "shape", "28", "conv:k_,s2,p_", "--solve", "14", "-q"]
    pair("--solve of a layer / import click", solve, IMPORT_CLICK, runs, "3.5")
    step = [DLCALC, "step", "--weights", "0.5,-1,2", "--grad", "0.1,0,-0.2", "--l1", "0.01"]
    pair("a step with L1 / import click", step, IMPORT_CLICK, runs, "1.45")
    norm = [DLCALC, "norm", "batch", "[[1,2],[3,4],[5,9]]"]
    pair("a batch normalised / import click", norm, IMPORT_CLICK, runs, "1.45")
    sigmoid = [DLCALC, "activation", "sigmoid", "--at", "-2,0,3"]
    pair("activation sigmoid / import click", sigmoid, IMPORT_CLICK, runs, "1.45")
    squares = [DLCALC, "loss", "mse", "--target", "0,1", "--prediction", "0.2,0.7"]
    pair("loss mse / import click", squares, IMPORT_CLICK, runs, "1.45")
    pair("--help / import click", [DLCALC, "--help"], IMPORT_CLICK, runs, "1.35")
    bash = ["bash", "--norc", "--noprofile", "-c", BASH.format(script=completion)]
    pair("a completion in bash / import click", bash, IMPORT_CLICK, runs, "1.35")
    with tempfile.TemporaryDirectory() as folder:
        lines = questions(folder)
        stream = [DLCALC, "shape", "-"]
        pair("20,000 lines / import click", stream, IMPORT_CLICK, max(3, runs // 5), "60", lines)
    if importlib.util.find_spec("torchinfo") is None:
        print("torchinfo is not installed: its LeNet summary was not measured")
        return
    lenet = [DLCALC, "params", "lenet5"]
    pair("LeNet summary / torchinfo's", lenet, [PYTHON, "-c", TORCHINFO], max(3, runs // 5), "0.05")


if __name__ == "__main__":
    main()
