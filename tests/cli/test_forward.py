"""``dlcalc forward`` as a process: streams, exit codes, a pipe, a terminal."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

NEURON = ["1,2,3", "dense:1", "--set", "dense1.weight=0.5,-1,2", "--set", "dense1.bias=0.1"]


def test_the_answer_is_the_last_line_and_notes_are_apart(run: Run) -> None:
    done = run("forward", "[[1,3],[5,7]]", "maxpool:2")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].split() == ["output", "[[7]]"]
    assert done.stderr == "dlcalc: note: the 2x2 numbers are read as 1 channel of 2x2: 1x2x2\n"
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_bare_output_can_be_given_back(run: Run) -> None:
    first = run("forward", *NEURON, "-q")
    assert first.stdout == "4.6\n"
    matrix = run("forward", "-", "relu", "-q", stdin="[[1,-2],[0.1,4]]")
    assert matrix.stdout == "[[1,0],[0.1,4]]\n"
    assert run("forward", matrix.stdout.strip(), "relu", "-q").stdout == matrix.stdout
    table = run("forward", "-", "relu", "-q", stdin="a,b\n1,-2\n")
    assert table.stdout == "[[1,0]]\n"


def test_negative_numbers_are_operands(run: Run) -> None:
    assert run("forward", "-1,2", "relu", "-q").stdout == "0,2\n"
    assert run("forward", "-.5", "relu", "--set", "x=1").returncode == 2


def test_expectations(run: Run) -> None:
    assert run("forward", *NEURON, "-q", "--expect", "4.6").returncode == 0
    wrong = run("forward", *NEURON, "-q", "--expect", "4.8")
    assert (wrong.returncode, wrong.stdout) == (1, "4.6\n")
    assert "expected 4.8, but it is 4.6" in wrong.stderr
    assert run("forward", *NEURON, "-q", "--expect", "x").returncode == 1


def test_as_json(run: Run) -> None:
    done = run("forward", *NEURON, "--json", "--backward", "sum", "--verify")
    document = json.loads(done.stdout)
    assert document.keys() == {
        *("like", "training", "flip", "input", "output", "layers", "weights", "tensors"),
        *("backward", "verification"),
    }
    assert document["layers"][0]["formulas"] == ["y[0] = 0.5*1 + -1*2 + 2*3 + 0.1 = 4.6"]
    assert document["backward"]["gradients"]["dense1.weight"] == [[1, 2, 3]]
    assert document["verification"]["passed"] is True
    assert document["verification"]["gradients"]["method"] == "complex step"


BAD = {
    "no net": ["1,2"],
    "ragged": ["[[1,2],[3]]", "relu"],
    "deep": ["[" * 5_000, "relu"],
    "no numbers": ["[[1,a]]", "relu"],
    "no file": ["./none.csv", "relu"],
    "endless": ["/dev/zero", "relu"],
    "an unknown layer": ["1,2", "denze:2"],
    "a kernel too large": ["[[1,2],[3,4]]", "conv:1,k3"],
    "a sequence that is none": ["[[[1]]]", "lstm:2"],
    "a tensor that is not there": ["1,2", "dense:1", "--set", "dense2.weight=1"],
    "a value that is none": ["1,2", "dense:1", "--set", "dense1.weight=a"],
    "a value without end": ["1,2", "dense:1", "--set", "dense1.weight=" + "9," * 10_000],
    "weights that are none": ["1,2", "dense:1", "--weights", "/dev/null"],
    "weights that are missing": ["1,2", "dense:1", "--weights", "none.npz"],
    "no loss": ["1,2", "dense:1", "--backward", "zzz", "--target", "1"],
    "a target that is none": ["1,2", "dense:1", "--backward", "mse", "--target", "a"],
    "negative values drawn": ["-1,-2", "1x2 stochasticpool:2"],
    "a word that is none": ["7", "embedding:4,2"],
    "nan for a word": ["nan", "embedding:4,2"],
    "too large": ["1", "dense:999999999"],
    "two streams": ["-", "-"],
    "a lone option": ["1,2", "relu", "--frobnicate"],
    "an infinite seed": ["1,2", "dense:2", "--seed", "-1"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used(run: Run, arguments: list[str]) -> None:
    done = run("forward", *arguments, LC_ALL="C")
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("dlcalc: ") == 1
    assert len(done.stderr) < 10_000


def test_a_disagreement_exits_with_one() -> None:
    script = (
        "import sys\nfrom dlcalc.formulas.layers import worked\n"
        "from dlcalc.engine.program import Program\nrun = Program.forward\n"
        "def spoilt(self):\n    run(self); self.output.data[...] += 1e-3; return self.output.data\n"
        "Program.forward = spoilt\nfrom dlcalc.cli.run import run as main\n"
        "sys.exit(main(['forward', '1,2', 'dense:2']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "the second computation disagrees on a formula: dense1: y[0] is" in done.stderr
    assert "wrong" in done.stdout


def test_a_hostile_archive(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"dense1.weight": np.array([[{}, 1]], object)})
    done = run("forward", "1,2", "dense:1", "--weights", str(tmp_path / "a.npz"))
    assert done.returncode == 2
    assert "Python objects, which are never read" in done.stderr


QUESTIONS = [
    "'[[7,5,4,2],[2,0,0,0],[1,7,5,8]]' conv:1,k2",
    "1,2,3 gru:2,bias=no --trace",
    "1,2,3,4,5,6,7,8 dense:12 softmax --backward cross-entropy --target 2 --verify",
    "'[[1,2],[3,4]]' conv:8,kernel=1x1,stride=1x1,padding=0x0,dilation=1x1 'residual[conv:8,k1]'",
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_it_unbroken(question: str, columns: int) -> None:
    from cli.test_terminal import in_a_pipe, words
    from terminal import ESCAPES, on_terminal

    line = " ".join(shlex.split(f"forward {question}"))
    if " | " in line or "residual" in line:
        line = line.replace("residual[conv:8,k1]", "residual[relu]")
    shown = ESCAPES.sub("", on_terminal(line, columns))
    if columns == 80:
        assert max(len(text.rstrip()) for text in shown.splitlines()) <= 80
    assert set(words(in_a_pipe(line))) <= set(words(shown))


def test_a_question_imports_numpy_and_nothing_else_that_is_heavy() -> None:
    from test_startup import HEAVY, imported

    numpy_alone = set(
        subprocess.run(
            [sys.executable, "-c", "import sys, numpy, numpy.random; print(*sys.modules)"],
            capture_output=True,
            encoding="utf-8",
        ).stdout.split()
    )
    found = imported("forward", "1,2", "dense:2", "tanh", "--backward", "sum")
    assert "numpy" in found
    assert found & HEAVY <= numpy_alone & HEAVY


def test_help_has_examples_that_run(run: Run) -> None:
    text = run("forward", "--help").stdout
    examples = [line.strip() for line in text.splitlines() if line.strip().startswith("dlcalc ")]
    assert len(examples) >= 6
    for example in examples:
        words = shlex.split(example)[1:]
        if "sine.npz" not in words:
            assert run(*words).returncode == 0, example
    assert max(map(len, text.splitlines())) <= 80
