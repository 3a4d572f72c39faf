"""Gradients of numbers: whole processes against their peers, and one derivation alone.

    python tests/benchmarks/grad.py [RUNS]

Run it on a normal installation, where bytecode is compiled. It prints and judges
nothing: the machine is noisy, so look at it twice.
"""

from __future__ import annotations

import statistics
import sys
import time

from startup import DLCALC, IMPORT_CLICK, PYTHON, pair

IMPORTS = [PYTHON, "-c", "import sympy, click"]
SYMPY = """
from sympy import symbols, exp, diff, simplify
w, x, b, t = symbols("w x b t")
print(simplify(diff((1/(1 + exp(-w*x - b)) - t)**2, w)))
"""
NEURON = "sigmoid(w*x + b)"
LOSS = "mse(sigmoid(w*x + b), t)"


def main() -> None:
    """Print every pair, then what a derivation takes inside a process."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    print(f"{'':44} {'ours':>12} {'peer':>12} {'ratio':>8}   bound")
    neuron = [DLCALC, "grad", NEURON, "--wrt", "w"]
    pair("a neuron / import sympy, click", neuron, IMPORTS, runs, "1.6")
    pair("a neuron / import click", neuron, IMPORT_CLICK, runs, "")
    loss = [DLCALC, "grad", LOSS, "--wrt", "w"]
    pair("a loss / SymPy's, simplified", loss, [PYTHON, "-c", SYMPY], runs, "")
    hessian = [DLCALC, "grad", LOSS, "--wrt", "w,b", "--hessian"]
    pair("its Hessian / import sympy, click", hessian, IMPORTS, runs, "1.6")
    asked = [*neuron, "--expect", "x*exp(-w*x - b)/(1 + exp(-w*x - b))^2"]
    pair("a claim SymPy decides / import sympy, click", asked, IMPORTS, runs, "")
    pair("--verify / import sympy, click", [*neuron, "--verify"], IMPORTS, runs, "")

    from dlcalc.answers.grad import grad

    for text in (NEURON, LOSS):
        grad(text, wrt="w")
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            grad(text, wrt="w")
            times.append(time.perf_counter() - started)
        print(f"{text:44} {1000 * statistics.median(times):9.2f} ms in the process, verified")


if __name__ == "__main__":
    main()
