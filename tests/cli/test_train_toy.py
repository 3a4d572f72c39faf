"""``dlcalc train-toy`` as a process: bytes, exit codes, Ctrl-C, a kill, a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run

TRAIN = [sys.executable, "-m", "dlcalc", "train-toy"]
LONG = ["spirals", "--epochs", "100000", "--lr", "0.001"]


def test_the_answer_is_the_last_line_and_repeats_byte_for_byte(run: Run) -> None:
    one, two = run("train-toy", "xor"), run("train-toy", "xor")
    assert one.returncode == 0
    assert one.stderr == ""
    assert one.stdout == two.stdout
    assert one.stdout.splitlines()[-1].split() == ["accuracy", "1.0000", "4", "of", "4"]
    assert max(map(len, one.stdout.splitlines())) <= 80


def test_as_json(run: Run) -> None:
    done = run("train-toy", "xor", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document.keys() == {"config", "history", "final", "verification"}
    assert document["final"]["accuracy"] == 1.0
    assert document["verification"]["gradients"]["passed"] is True
    assert len(document["history"]) == document["config"]["epochs"] == 300


def test_the_metric_alone_and_expectations(run: Run) -> None:
    assert run("train-toy", "xor", "-q", "--expect-accuracy", "1").stdout == "1\n"
    done = run("train-toy", "xor", "-q", "--expect-loss", "1e-9")
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert "expected loss at most 1e-09" in done.stderr
    assert run("train-toy", "xor", "-q", "--expect", "0.5").returncode == 1


@pytest.mark.parametrize("form", [[], ["--json"], ["-q"]])
def test_divergence_is_explained(run: Run, form: list[str]) -> None:
    done = run("train-toy", "xor", "--lr", "1e6", *form)
    assert done.returncode == 1
    for part in ("diverged at step 2", "layer 1, dense:8", "Gradient norms", "Try --lr"):
        assert part in done.stderr
    if form == ["--json"]:
        document = json.loads(done.stdout)
        assert document["final"] is None
        assert document["divergence"]["step"] == 2


def test_what_cannot_be_used(run: Run) -> None:
    for arguments in (
        ["xr"],
        [],
        ["xor", "dense:3"],
        ["xor", "--lr", "0"],
        ["xor", "--dtype", "x"],
    ):
        done = run("train-toy", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith("dlcalc: ")
    assert "Did you mean xor?" in run("train-toy", "xr").stderr
    assert "^^^^^^^" in run("train-toy", "xor", "dense:3").stderr


def test_the_help_lists_the_tasks_without_numpy(run: Run) -> None:
    assert "noisy-labels" in run("train-toy", "--help").stdout
    code = "import sys; from dlcalc.cli import train_toy; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def started(*arguments: str, save: Path) -> subprocess.Popen[str]:
    """A long training, once it has begun."""
    process = subprocess.Popen(
        [*TRAIN, *arguments, "--save", str(save)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 20
    while not save.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return process


def test_ctrl_c_keeps_what_was_learnt(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "a.npz"
    process = started(*LONG, save=file)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert out.splitlines()[-1].startswith("accuracy")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_killed_and_resumed_it_is_the_uninterrupted_one(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "a.npz"
    process = started(*LONG, save=file)
    time.sleep(1.6)
    process.kill()
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    from dlcalc.engine.checkpoint import load

    epoch = json.loads(str(load(str(file))[1]["progress"]))["epoch"]
    assert epoch > 0
    wanted = [*LONG[:2], str(epoch + 3), *LONG[3:], "--json"]
    resumed = run("train-toy", "--resume", str(file), "--epochs", str(epoch + 3), "--json")
    assert resumed.stdout == run("train-toy", *wanted).stdout
    assert resumed.returncode == 0


SAVED_AT_500 = """
import os, signal, sys
from dlcalc.answers import train
train._EVERY = -1.0  # The file is written behind every step.
class Watch(train.Watch):
    steps = 0
    def asked_to_stop(self):
        Watch.steps += 1
        if Watch.steps == 500:
            os.kill(os.getpid(), signal.SIGKILL)
        return False
train.train(*sys.argv[2:], save=sys.argv[1], watch=Watch(), epochs=600)
"""


@pytest.mark.parametrize("net", ["", "dense:8 bn tanh dropout:0.1 dense:1"])
def test_saved_at_step_500_killed_and_resumed(net: str, tmp_path: Path, run: Run) -> None:
    """Every array that a training keeps is that of the uninterrupted one, bit for bit."""
    from dlcalc.engine.checkpoint import load

    killed, whole = str(tmp_path / "killed.npz"), str(tmp_path / "whole.npz")
    words = ["xor", *net.split()]
    done = subprocess.run([sys.executable, "-c", SAVED_AT_500, killed, *words])
    assert done.returncode == -signal.SIGKILL
    assert json.loads(str(load(killed)[1]["progress"]))["step"] == 500
    wanted = ["train-toy", *words, "--epochs", "600", "--json"]
    uninterrupted = run(*wanted, "--save", whole)
    resumed = run("train-toy", "--resume", killed, "--save", killed, "--json")
    assert resumed.stdout == uninterrupted.stdout
    one, other = load(killed)[1], load(whole)[1]
    assert one.keys() == other.keys()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_a_terminal_sees_one_line_that_is_wiped() -> None:
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*TRAIN, "glyphs", "--samples", "400", "--epochs", "4", "-q"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    out, _ = process.communicate(timeout=60)
    os.close(theirs)
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    assert out.strip().decode().startswith(("0.", "1"))
    assert "epoch " in seen
    assert "\n" not in seen
    assert seen.endswith("\r\x1b[K")
