"""Matrix gradients: derivations inside a process, and whole processes against their floor.

    python tests/benchmarks/grad_matrix.py [RUNS]

Run it on a normal installation, where bytecode is compiled. It prints and
judges nothing: the machine is noisy, so look at it twice.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from dlcalc.expr.parse import parse
from dlcalc.symbolic.matrix.derive import Derivation
from dlcalc.symbolic.matrix.graph import Graph
from dlcalc.symbolic.matrix.node import Node
from dlcalc.symbolic.matrix.read import Reader
from dlcalc.symbolic.matrix.reverse import adjoints
from dlcalc.symbolic.matrix.shapes import letters, read_shapes

PYTHON = sys.executable
FLOOR = [PYTHON, "-c", "import numpy, click"]
ENTRY = [PYTHON, "-c", "from dlcalc.cli import main; main()", "grad"]
LINES = {
    "least squares": ["sum((X@w - y)^2)", "--wrt", "w", "--shape", "X=nxd,w=d,y=n"],
    "two layers": [
        "cross_entropy(tanh(X@W1 + b1)@W2 + b2, Y)",
        *("--wrt", "W1,b1,W2,b2"),
        *("--shape", "X=nxd,W1=dxh,b1=h,W2=hxk,b2=k,Y=nxk"),
    ],
}


def net(depth: int) -> tuple[str, str, list[str]]:
    """A net of dense layers with tanh between them: its loss, its shapes, its parameters."""
    text, shapes, names = "X", ["X=nxd"], []
    for layer in range(1, depth + 1):
        text = f"{text}@W{layer} + b{layer}"
        if layer < depth:
            text = f"tanh({text})"
        shapes += [f"W{layer}=dxd", f"b{layer}=d"]
        names += [f"W{layer}", f"b{layer}"]
    return f"cross_entropy({text}, Y)", ",".join([*shapes, "Y=nxd"]), names


def read(text: str, shape: str, wrt: list[str]) -> tuple[Graph, Node, list[Node], list[str]]:
    graph, shapes = Graph(), read_shapes(shape)
    names = {name: graph.variable(name, sizes) for name, sizes in shapes.items()}
    names |= {letter: graph.size(letter) for letter in letters(shapes)}
    output = Reader(graph, names, frozenset(wrt)).node(parse(text))
    return graph, output, [names[name] for name in wrt], list(names)


def median(function: Callable[[], object], runs: int) -> float:
    """Milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def fresh(depth: int, step: str) -> Callable[[], object]:
    """One derivation of a net on a graph that has only the expression in it."""
    text, shape, wrt = net(depth)

    def run() -> object:
        graph, output, by, names = read(text, shape, wrt)
        start = time.perf_counter()
        if step == "gradients":
            adjoints(graph, output, by)
        else:
            Derivation(graph, output, by, names).gradients()
        return time.perf_counter() - start

    return run


def inside(runs: int) -> None:
    print("layers  gradients by all parameters  with named steps, simplified   ms")
    for depth in (1, 2, 3, 6, 12, 24):
        found = []
        for step in ("gradients", "derivation"):
            run = fresh(depth, step)
            found.append(statistics.median([float(str(run())) for _ in range(runs)]) * 1e3)
        print(f"{depth:6}  {found[0]:27.3f}  {found[1]:29.3f}")


def processes(runs: int) -> None:
    for name, line in LINES.items():
        ours, floor = [], []
        for _ in range(runs):
            for command, times in ((FLOOR, floor), (ENTRY + line, ours)):
                start = time.perf_counter()
                subprocess.run(command, capture_output=True, check=True)
                times.append(time.perf_counter() - start)
        ratio = statistics.median(ours) / statistics.median(floor)
        print(
            f"{name}: {statistics.median(ours) * 1e3:.0f} ms, {ratio:.2f} times"
            f" import numpy, click ({statistics.median(floor) * 1e3:.0f} ms)"
        )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    inside(count)
    processes(count)
