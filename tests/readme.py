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

from terminal import ESCAPES, on_terminal

README = Path(__file__).resolve().parent.parent / "README.md"
# What a ```console block shows went into a pipe, what a ```terminal block shows to a terminal.
# A ```sh-session block needs a shell, where a ```console block is one command of dlcalc.
_BLOCK = re.compile(
    r"```(?P<where>console|terminal|sh-session)\n\$ (?P<command>[^\n]*)\n(?P<output>.*?)```",
    re.DOTALL,
)


class Example(NamedTuple):
    """One command of the README with the output shown below it, by a pipe or a terminal."""

    command: str
    output: str
    where: str = "console"


def examples() -> list[Example]:
    """Every console block of the README."""
    text = README.read_text(encoding="utf-8")
    return [
        Example(match["command"], match["output"], match["where"])
        for match in _BLOCK.finditer(text)
    ]


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


def seen(command: str) -> str:
    """What a terminal of 80 columns shows in the end, without its colours."""
    shown = on_terminal(command.removeprefix("dlcalc "), 80, LC_ALL="C.UTF-8")
    lines = [line.rpartition("\r")[2].rstrip() for line in ESCAPES.sub("", shown).split("\n")]
    return "\n".join(lines)


def output(where: str, command: str) -> str:
    """What is to stand below a command."""
    return seen(command) if where == "terminal" else run(command)


def main() -> None:
    """Write what the commands print into their blocks."""
    text = README.read_text(encoding="utf-8")
    text = _BLOCK.sub(
        lambda m: f"```{m['where']}\n$ {m['command']}\n{output(m['where'], m['command'])}```", text
    )
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
