"""What the tests share: a path to their own helpers, and the command as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# The gate draws the same examples every time; everywhere else each run draws its own.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")

TESTS = Path(__file__).resolve().parent
# What the comparison with PyTorch shares can be imported only where PyTorch is.
collect_ignore = [] if find_spec("torch") else ["symbolic/torch_expression.py"]
sys.path.insert(0, str(TESTS))

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Run:
    """The command as a user's process: arguments in, streams and exit code out."""

    def run_command(
        *arguments: str,
        stdin: str | bytes = b"",
        cwd: Path | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [sys.executable, "-m", "dlcalc", *arguments],
            input=data,
            capture_output=True,
            cwd=cwd,
            env={**os.environ, **environment},
            timeout=60,
        )
        return subprocess.CompletedProcess(
            arguments, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    return run_command
