"""One line on a terminal that says how far a training is; nothing elsewhere."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from time import monotonic
from types import FrameType

from dlcalc.answers.train import Moment, Watch
from dlcalc.charts.terminal import ascii_only

# Seconds between two drawings of the line.
_EVERY = 0.1
#: The columns of the bar, at most, and below which there is none.
_BAR, _LEAST_BAR = 20, 8


class Progress(Watch):
    """Draws the line, and takes Ctrl-C for a wish to stop; the second one is not waited for.

    To be used as a context: behind it the line is wiped and Ctrl-C is as before.
    """

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.ascii = self.shown and ascii_only()
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

    def epoch(self, now: Moment) -> None:
        """Draw the line, if it is time."""
        if self._due(now.number - 1):
            parts = (
                f"loss {now.loss:.3g}",
                f"{now.metric} {now.value:.4f}",
                f"rate {now.rate:.3g}",
            )
            self._show("epoch", now.number, now.epochs, parts)

    def seed(self, done: int, seeds: int) -> None:
        """Draw the line of several trainings, if it is time."""
        if self._due(0):
            self._show("seed", done, seeds, ())

    def _due(self, before: int) -> bool:
        now = monotonic()
        if self.first < 0:
            # A training that is resumed did the epochs before at another time.
            self.first = before
        if not self.shown or now - self.drawn < _EVERY:
            return False
        self.drawn = now
        return True

    def _show(self, unit: str, done: int, all_: int, parts: tuple[str, ...]) -> None:
        spent, count = self.drawn - self.began, done - self.first
        speed = count / spent
        often = f"{speed:.3g}/s" if speed >= 1 else f"{1 / speed:.3g} s each"
        left = f"{_duration((all_ - done) / speed)} left"
        self._write(
            line(
                [f"{unit} {done:,}/{all_:,}", *parts, often, left],
                done / all_,
                self.width,
                self.ascii,
            )
        )

    @property
    def width(self) -> int:
        """The columns that the line may take."""
        with suppress(OSError):
            # Some terminals do not know their width.
            return (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
        return 79

    def _write(self, text: str) -> None:
        if not self.shown:
            return
        with suppress(OSError):
            sys.stderr.write(f"\r\x1b[K{text[: self.width]}")
            sys.stderr.flush()


def line(parts: list[str], share: float, width: int, ascii: bool) -> str:
    """A bar that is filled by a share, and parts behind it, as far as there is room.

    Of the parts the first and the last stay the longest.

    >>> line(["epoch 5/10", "loss 0.1", "3 s left"], 0.5, 37, True)
    '[######-------]  epoch 5/10  3 s left'
    >>> line(["epoch 5/10", "loss 0.1", "3 s left"], 0.5, 42, True)
    '[####----]  epoch 5/10  loss 0.1  3 s left'
    """
    while len(parts) > 2 and len("  ".join(parts)) + 4 + _LEAST_BAR > width:
        parts = [*parts[:-2], parts[-1]]
    text = "  ".join(parts)
    room = min(_BAR, width - len(text) - 4)
    if room < _LEAST_BAR:
        return text[:width]
    return f"{bar(share, room, ascii)}  {text}"


def bar(share: float, columns: int, ascii: bool) -> str:
    """A bar of so many columns within its ends.

    >>> bar(0.5, 6, True), bar(0.25, 6, False)
    ('[###---]', '▕█▌    ▏')
    """
    if ascii:
        full = int(share * columns)
        return f"[{'#' * full}{'-' * (columns - full)}]"
    full, eighths = divmod(int(share * columns * 8), 8)
    part = " ▏▎▍▌▋▊▉"[eighths] if full < columns else ""
    return f"▕{'█' * full}{part}{' ' * (columns - full - len(part))}▏"


def _duration(seconds: float) -> str:
    """A time in words.

    >>> _duration(75), _duration(4.2), _duration(7300)
    ('1 min 15 s', '4 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600:,} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
