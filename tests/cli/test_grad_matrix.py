"""``dlcalc grad`` with --shape, as a user's process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import Run

LINE = ["grad", "sum((X@w - y)^2)", "--wrt", "w", "--shape", "X=nxd,w=d,y=n"]


def test_the_answer_is_the_last_line(run: Run) -> None:
    done = run(*LINE)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "dL/dw = 2*X.T@(X@w - y)  d"
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stderr == ""


def test_quiet_and_json(run: Run) -> None:
    assert run(*LINE, "-q").stdout == "2*X.T@(X@w - y)\n"
    document = json.loads(run(*LINE, "--json").stdout)
    assert document["gradient"][0]["expression"] == "2*X.T@(X@w - y)"
    assert document["shapes"] == {"X": "nxd", "w": "d", "y": "n"}
    assert all(entry["passed"] for entry in document["verification"])


def test_expectations(run: Run) -> None:
    assert run(*LINE, "--expect", "2*X.T@X@w - 2*X.T@y").returncode == 0
    wrong = run(*LINE, "--expect", "X.T@(X@w - y)")
    assert wrong.returncode == 1
    assert "at a random point" in wrong.stderr


def test_options_of_matrices(run: Run) -> None:
    assert run(*LINE, "--hvp", "v", "-q").stdout == "2*X.T@X@v\n"
    assert run(*LINE, "--hessian", "-q").stdout == "2*X.T@X\n"
    quadratic = ["grad", "x.T@A@x", "--wrt", "x", "--shape", "x=n,A=nxn"]
    assert run(*quadratic, "--symmetric", "A", "-q").stdout == "2*A@x\n"


def test_printed_code_runs(run: Run) -> None:
    code = run(*LINE, "--code", "numpy", "-q").stdout
    script = "import numpy as np\nX, w, y = np.eye(2), np.ones(2), np.zeros(2)\n" + code
    script += "\nprint(dL_dw.tolist())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.stdout == "[2.0, 2.0]\n", done.stderr


@pytest.mark.parametrize("shape", ["X=nxd,w=k,y=n", "X=nxd,w=d,y=d", "X=nxn!,w=d"])
def test_refusals(run: Run, shape: str) -> None:
    done = run("grad", "sum((X@w - y)^2)", "--shape", shape)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "^" in done.stderr


def test_no_sympy_on_this_path() -> None:
    script = (
        "import sys\nfrom dlcalc.cli.run import run\n"
        f"run({[*LINE, '-q']!r})\n"
        "print(*sorted({m.split('.')[0] for m in sys.modules} & {'sympy', 'torch', 'rich'}))\n"
        "print('numpy.random' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.stdout.splitlines() == ["2*X.T@(X@w - y)", "", "False"], done.stderr


def test_lines_fit_a_terminal(run: Run) -> None:
    shape = "X=nxd,W1=dxh,b1=h,W2=hxk,b2=k,Y=nxk"
    text = "cross_entropy(tanh(X@W1 + b1)@W2 + b2, Y)"
    done = run("grad", text, "--wrt", "W1,b1,W2,b2", "--shape", shape)
    assert max(map(len, done.stdout.splitlines())) <= 80
