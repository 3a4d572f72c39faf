"""``dlcalc train-toy --seeds`` as a process: bytes, exit codes, and none left behind Ctrl-C."""

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
from terminal import ESCAPES, on_terminal

from dlcalc.errors import display_width

SHORT = ["train-toy", "xor", "--epochs", "150", "--seeds", "4"]


def test_the_answer_is_the_last_line_and_repeats_byte_for_byte(run: Run) -> None:
    one, two = run(*SHORT), run(*SHORT)
    assert (one.returncode, one.stderr) == (0, "")
    assert one.stdout == two.stdout
    assert one.stdout.splitlines()[-1].startswith("accuracy  1.0000   mean of 4 seeds")
    assert max(map(len, one.stdout.splitlines())) <= 80


def test_as_json_and_bare(run: Run) -> None:
    document = json.loads(run(*SHORT, "--json").stdout)
    assert document["accuracy"]["mean"] == 1.0
    assert len(document["seeds"]) == 4
    assert run(*SHORT, "-q").stdout == "1\n"


def test_it_can_be_asserted(run: Run) -> None:
    assert run(*SHORT, "--expect-accuracy", "1").returncode == 0
    done = run(*SHORT, "--expect-loss", "1e-9")
    assert done.returncode == 1
    assert "Seed 0: expected loss at most 1e-09" in done.stderr
    assert run(*SHORT, "--expect", "0.5").returncode == 1


@pytest.mark.parametrize("option", ["save", "resume", "plot"])
def test_what_is_of_one_training_is_refused(option: str, run: Run, tmp_path: Path) -> None:
    done = run(*SHORT, f"--{option}", str(tmp_path / "a.svg"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--{option} is of one training, and --seeds are many" in done.stderr
    assert not list(tmp_path.iterdir())


def test_divergence_exits_with_1(run: Run) -> None:
    done = run("train-toy", "xor", "--seeds", "2", "--lr", "1e6")
    assert done.returncode == 1
    assert "diverged  2 of 2 seeds" in done.stdout
    assert "Seed 1: training diverged at step 2" in done.stderr


def test_eighty_columns_hold_it() -> None:
    text = on_terminal(" ".join(["train-toy", "moons", "--seeds", "3"]), 80, LC_ALL="C.UTF-8")
    lines = [each.rpartition("\r")[2] for each in ESCAPES.sub("", text).split("\n")]
    assert max(map(display_width, lines)) <= 80
    assert lines[-2].startswith("accuracy")


def started() -> subprocess.Popen[str]:
    """Trainings that last, in a group of their own as a shell makes one, once they have begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dlcalc", *SHORT[:2], "--epochs", "9000000", "--seeds", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 30
    while len(group(process.pid)) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(group(process.pid)) >= 3
    return process


def group(leader: int) -> list[int]:
    """The processes of a group that are not over."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


def none_is_left(leader: int) -> bool:
    until = time.monotonic() + 10
    while group(leader) and time.monotonic() < until:
        time.sleep(0.05)
    return not group(leader)


@needs_proc
@pytest.mark.parametrize("wait", [0.0, 1.0])
def test_ctrl_c_ends_all_of_them_quietly(wait: float) -> None:
    process = started()
    time.sleep(wait)
    # A terminal sends it to the whole group.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")
    assert none_is_left(process.pid)


@needs_proc
def test_killed_it_leaves_none_at_work() -> None:
    process = started()
    process.kill()
    process.communicate(timeout=30)
    assert none_is_left(process.pid)
