"""The same function of many things at once, in processes that end with the one that asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dlcalc.errors import InputError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Item = TypeVar("Item")
Answer = TypeVar("Answer")
#: What tells the libraries behind NumPy how many threads to take: the processes have the cores.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Seconds between two looks at whether to stop.
_EVERY = 0.1


def in_processes(
    function: Callable[[Item], Answer],
    items: Sequence[Item],
    *,
    told: Callable[[int], None] = lambda done: None,
    asked_to_stop: Callable[[], bool] = lambda: False,
    most: int | None = None,
) -> list[Answer | None]:
    """What a function gives for each item, in the order of the items; None where it was not done.

    The function is one of a module, and takes and gives what can be pickled. It runs
    in one process for each core, or at most ``most``, with one thread for NumPy each.
    ``told`` hears how many are done; who is ``asked_to_stop`` ends the others. An exception
    of the function is raised here, behind it no process is left.

    >>> in_processes(abs, [-1, 2, -3], most=1)
    [1, 2, 3]
    """
    pool = _Pool(function, items, min(most or cores(), len(items)))
    try:
        while pool.busy and not asked_to_stop():
            if pool.take():
                told(pool.done)
    finally:
        pool.end()
    return pool.answers


def cores() -> int:
    """How many processes this one may keep at work."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Pool(Generic[Item, Answer]):
    """Processes, each at one item, and the pipes to them."""

    def __init__(
        self, function: Callable[[Item], Answer], items: Sequence[Item], count: int
    ) -> None:
        # Not forked: a fork of a process with threads may hang.
        from multiprocessing import get_context

        self.items = items
        self.answers: list[Answer | None] = [None] * len(items)
        self.done = 0
        self.rest = iter(range(len(items)))
        self.processes: list[BaseProcess] = []
        #: The item that is worked on behind each pipe.
        self.busy: dict[Connection, int] = {}
        context = get_context("spawn")
        try:
            with _as_workers_should_be():
                for _ in range(count):
                    ours, theirs = context.Pipe()
                    process = context.Process(target=_work, args=(function, theirs), daemon=True)
                    process.start()
                    theirs.close()
                    self.processes.append(process)
                    self._hand_out(ours)
        except BaseException:
            self.end()
            raise

    def _hand_out(self, pipe: Connection) -> None:
        index = next(self.rest, None)
        if index is None:
            pipe.close()
            return
        with suppress(OSError):
            # Who has died is found by the end of its pipe.
            pipe.send(self.items[index])
        self.busy[pipe] = index

    def take(self) -> bool:
        """Take what is ready, and hand out more; whether anything was."""
        from multiprocessing.connection import wait

        ready = wait(list(self.busy), _EVERY)
        for pipe, index in [(p, n) for p, n in self.busy.items() if p in ready]:
            del self.busy[pipe]
            try:
                reply: tuple[bool, Any] = pipe.recv()
            except (EOFError, OSError) as error:
                raise InputError(
                    f"the process at work on {self.items[index]} was ended from outside",
                    mend="It may have been out of memory.",
                ) from error
            well, answer = reply
            if not well:
                raise answer
            self.answers[index] = answer
            self.done += 1
            self._hand_out(pipe)
        return bool(ready)

    def end(self) -> None:
        """End all processes, and wait until they have."""
        for pipe in self.busy:
            pipe.close()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()


@contextmanager
def _as_workers_should_be() -> Iterator[None]:
    """What processes that are started now inherit: one thread each, and no Ctrl-C."""
    before = {name: os.environ.get(name) for name in _THREADS}
    # Ctrl-C goes to every process of a terminal, but is for the one that asked to hear.
    blocked = getattr(signal, "pthread_sigmask", None)
    if blocked:
        from multiprocessing.resource_tracker import ensure_running

        # Its start, which the first process would bring about, unblocks the signal again.
        ensure_running()
        mask = blocked(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if blocked:
            blocked(signal.SIG_SETMASK, mask)


def _work(function: Callable[[Any], Any], pipe: Connection) -> None:
    """What a process does: answer items until there are no more, or nobody who asks."""
    from threading import Thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            item = pipe.recv()
            try:
                answer = (True, function(item))
            except Exception as error:
                answer = (False, error)
            pipe.send(answer)


def _end_with_parent() -> None:
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
