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
        "layers",
        "zoo",
        "--help",
        "shape --help",
    ],
)
def test_a_question_imports_nothing_heavy(line: str) -> None:
    assert not imported(*line.split()) & HEAVY


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
