"""The README's console blocks: what they run and what they should print.

Run as a script it writes the output it sees into the README:

    python tests/readme.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)


class Example(NamedTuple):
    """One command of the README with the output shown below it."""

    command: str
    output: str


def examples() -> list[Example]:
    """Every console block of the README."""
    text = README.read_text(encoding="utf-8")
    return [Example(match["command"], match["output"]) for match in _BLOCK.finditer(text)]


def run(command: str, shell: str = "bash") -> str:
    """What a command prints, on both streams together, in the shell asked for."""
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [shell, "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        encoding="utf-8",
        timeout=60,
    )
    return done.stdout


def main() -> None:
    """Write what the commands print into their blocks."""
    text = README.read_text(encoding="utf-8")
    text = _BLOCK.sub(lambda m: f"```console\n$ {m['command']}\n{run(m['command'])}```", text)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
