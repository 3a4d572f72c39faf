"""Processes at work: in order, told of, stopped, and none left behind."""

from __future__ import annotations

import math
import multiprocessing
import operator
import os
import signal
import time
from collections.abc import Iterator

import pytest

from dlcalc.answers.workers import cores, in_processes
from dlcalc.engine.tasks.task import find
from dlcalc.errors import InputError

# What is run stands in modules that a new process can import.


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def test_answers_are_in_the_order_of_the_items() -> None:
    # The first takes longest, so that the others are ready before it.
    assert in_processes(time.sleep, [0.5, 0.0, 0.1], most=3) == [None] * 3
    assert in_processes(operator.neg, list(range(20)), most=3) == [-n for n in range(20)]


def test_all_are_told_of() -> None:
    told: list[int] = []
    in_processes(math.sqrt, [1, 4, 9], told=told.append, most=2)
    assert told[-1] == 3 and told == sorted(told)


def test_they_are_processes_of_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    assert in_processes(os.getenv, ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]) == ["1", "1"]
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"


def test_an_exception_is_raised_here() -> None:
    with pytest.raises(ValueError):
        in_processes(math.sqrt, [1, -1, 4, 9], most=2)
    with pytest.raises(InputError, match="there is no task xr") as caught:
        in_processes(find, ["xr"])
    assert caught.value.mend == "Did you mean xor?"


def test_who_is_asked_to_stop_ends_what_is_at_work() -> None:
    began = time.monotonic()
    stopped = in_processes(
        time.sleep, [0, 60, 60], most=3, asked_to_stop=lambda: time.monotonic() - began > 1.5
    )
    assert len(stopped) == 3
    assert time.monotonic() - began < 20


def test_a_process_that_is_killed_is_said() -> None:
    with pytest.raises(InputError, match="at work on 9 was ended from outside"):
        in_processes(signal.raise_signal, [int(signal.SIGKILL)], most=1)


def test_ctrl_c_is_not_for_them() -> None:
    assert in_processes(signal.raise_signal, [int(signal.SIGINT)], most=1) == [None]
    # It was blocked while they started, and is as before here.
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_there_is_a_core() -> None:
    assert cores() >= 1
