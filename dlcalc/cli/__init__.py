"""The command line: words in, answers out, and an exit code that scripts can rely on."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command that the process was started with, and leave with its exit code."""
    try:
        from dlcalc.cli.run import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
