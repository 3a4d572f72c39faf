"""Start-up is a feature: what a question must not import, said by module, not by clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numpy", "sympy", "rich", "json", "decimal", "fractions", "difflib", "asyncio"}

_SCRIPT = """
import sys
from dlcalc.cli.run import run
code = run(sys.argv[1:])
sys.stderr.write(" ".join(sys.modules))
sys.exit(code)
"""


def imported(*arguments: str, before: str = "") -> set[str]:
    """The modules that a run of the command has imported."""
    done = subprocess.run(
        [sys.executable, "-c", before + _SCRIPT, *arguments], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "line",
    [
        "shape 3x224x224 conv:64,k7,s2,p3 --quiet",
        "shape 3x32x32 conv:6,k5 tanh avgpool:2",
        "shape 3xHxW resnet50",
        "params resnet152 --quiet",
        "params lenet5",
        "export lenet5",
        "bootstrap 10 100 1000",
        "bootstrap 1e18 --quiet",
        "split 103 --kfold 10",
        "split 103 --kfold 10 --quiet",
        "step --weights 0.5,-1,2 --grad 0.1,0,-0.2 --lr 0.1 --l1 0.01",
        "step --weights 2 --grad 0.5 --lr 0.1 --l2 1 --n 10 --as-printed --quiet",
        "step --weights 1 --grad 0.5 --optimizer adam --steps 5",
        "norm zscore 1,2,3,4,5",
        "norm batch [[1,2],[3,4],[5,9]] --backward ones --quiet",
        "activation sigmoid --at -2,0,3",
        "activation gelu --quiet",
        "activation --compare sigmoid,tanh,relu",
        "loss mse --target 0,1 --prediction 0.2,0.7",
        "loss ce --from-logits --target 2 --prediction 1,2,3",
        "loss mse --target 0 --through sigmoid",
        "layers",
        "zoo",
        "--help",
        "shape --help",
    ],
)
def test_a_question_imports_nothing_heavy(line: str) -> None:
    assert not imported(*line.split()) & HEAVY


def test_fifty_digits_need_decimal_alone() -> None:
    assert imported("softmax", "1000,1001,1002") & HEAVY == {"decimal"}


def test_a_gradient_of_numbers_imports_no_package_but_click() -> None:
    modules = imported("grad", "sigmoid(w*x + b)", "--wrt", "w")
    assert not modules & {"numpy", "sympy", "mpmath", "rich", "json", "difflib", "asyncio"}
    assert "dlcalc.engine" not in modules


def test_a_question_imports_only_the_families_that_occur() -> None:
    modules = imported("shape", "3x32x32", "conv:6,k5", "--quiet")
    assert "dlcalc.layers.conv" in modules
    assert "dlcalc.layers.pool" not in modules
    assert "dlcalc.answers.params" not in modules
    assert "dlcalc.nets.mend" not in modules


def test_the_package_itself_imports_nothing() -> None:
    script = "import sys, dlcalc; print(*[m for m in sys.modules if m.startswith('dlcalc')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.stdout.split() == ["dlcalc"]


def test_the_guard_can_fail() -> None:
    assert imported("zoo", before="import json, difflib\n") & HEAVY == {"json", "difflib"}


# What a training in a pipe has no use for.
BESIDE_THE_ENGINE = {"sympy", "rich"}


def test_the_engine_imports_neither_sympy_nor_rich() -> None:
    modules = imported("train-toy", "xor", "--epochs", "2", "--quiet")
    assert "dlcalc.engine.program" in modules
    assert not modules & BESIDE_THE_ENGINE


def test_nor_does_any_of_its_modules() -> None:
    """Every module of the engine, those of operations that no net has used yet too."""
    script = (
        "import dlcalc.engine, pkgutil, importlib, sys\n"
        "for found in pkgutil.walk_packages(dlcalc.engine.__path__, 'dlcalc.engine.'):\n"
        "    importlib.import_module(found.name)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    modules = set(done.stdout.split())
    assert {"dlcalc.engine.operations.pool", "dlcalc.engine.cells.lstm"} <= modules, done.stderr
    assert not modules & BESIDE_THE_ENGINE


def test_this_guard_can_fail_too() -> None:
    modules = imported("train-toy", "xor", "--epochs", "2", "-q", before="import sympy, rich\n")
    assert modules & BESIDE_THE_ENGINE == BESIDE_THE_ENGINE
