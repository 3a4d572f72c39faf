"""One line on a terminal that says how far a training is; nothing elsewhere."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from time import monotonic
from types import FrameType

from dlcalc.answers.train import Watch

# Seconds between two drawings of the line.
_EVERY = 0.1


class Progress(Watch):
    """Draws the line, and takes Ctrl-C for a wish to stop; the second one is not waited for.

    To be used as a context: behind it the line is wiped and Ctrl-C is as before.
    """

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.began = self.drawn = monotonic()
        self.first = -1
        self.stop = self.listens = False

    def __enter__(self) -> Progress:
        self.began = self.drawn = monotonic()
        # Who runs it in the background may have Ctrl-C ignored, and keeps that.
        self.listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.listens:
            signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *error: object) -> None:
        if self.listens:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._write("")

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.stop:
            raise KeyboardInterrupt
        self.stop = True

    def asked_to_stop(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self.stop

    def epoch(self, number: int, epochs: int, loss: float, metric: tuple[str, float]) -> None:
        """Draw the line, if it is time."""
        now = monotonic()
        if self.first < 0:
            # A training that is resumed did the epochs before at another time.
            self.first = number - 1
        if not self.shown or now - self.drawn < _EVERY:
            return
        self.drawn = now
        left = (now - self.began) / (number - self.first) * (epochs - number)
        name, value = metric
        self._write(
            f"epoch {number:,} of {epochs:,}   loss {loss:.4g}   {name} {value:.4g}"
            f"   {_duration(left)} left"
        )

    def _write(self, text: str) -> None:
        if not self.shown:
            return
        with suppress(OSError):
            # Some terminals do not know their width.
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            sys.stderr.write(f"\r\x1b[K{text[: width - 1]}")
            sys.stderr.flush()


def _duration(seconds: float) -> str:
    """A time in words.

    >>> _duration(75), _duration(4.2)
    ('1 min 15 s', '4 s')
    """
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
