"""A line on the terminal that tells how many claims have been judged."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from types import TracebackType

from dlcalc.concepts.run import Judgement


class Judging:
    """Writes to standard error where it is a terminal, and wipes its line at the end."""

    def __init__(self) -> None:
        self.count = 0
        self.shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Judging:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write("")

    def done(self, judgement: Judgement) -> None:
        """Be told of a claim that has been judged."""
        self.count += 1
        self._write(f"{self.count} judged   {judgement.slug}")

    def _write(self, text: str) -> None:
        if not self.shown:
            return
        with suppress(OSError):
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            sys.stderr.write(f"\r\x1b[K{text[: width - 1]}")
            sys.stderr.flush()
