"""The README's cookbook beyond its pipelines: the Makefile, the workflow, the hook; each runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import readme

COOKBOOK = readme.README.read_text("utf-8").partition("\n## Cookbook\n")[2].partition("\n## ")[0]
RIGHT = "```dlcalc\nshape 28 maxpool:2 == 14\n```\n"
WRONG = RIGHT.replace("14", "15")


def block(language: str, number: int = 0) -> str:
    """A fenced block of the cookbook."""
    return re.findall(rf"```{language}\n(.*?)```", COOKBOOK, re.DOTALL)[number]


def shell(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A script run in a folder, with this installation's dlcalc."""
    scripts = str(Path(sys.executable).parent)
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **more, "PATH": path},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_makefile(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(block("make"), encoding="utf-8")
    notes = tmp_path / "notes.md"
    notes.write_text(RIGHT, encoding="utf-8")
    done = shell("make", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "notes.md" in done.stdout and "61706" in done.stdout
    assert (tmp_path / "notes.checked").exists()
    # What has not changed is not checked again; what has and is wrong ends the build.
    assert "dlcalc check" not in shell("make", tmp_path).stdout
    (tmp_path / "notes.checked").unlink()
    notes.write_text(WRONG, encoding="utf-8")
    assert shell("make", tmp_path).returncode != 0
    assert not (tmp_path / "notes.checked").exists()


def steps() -> list[str]:
    """What the steps of the workflow run."""
    found = []
    for step in re.split(r"^- ", block("yaml"), flags=re.MULTILINE)[1:]:
        inline = re.search(r"^  run: ([^|\n].*)$", step, re.MULTILINE)
        several = re.search(r"^  run: \|\n((?:    .*\n)+)", step, re.MULTILINE)
        assert inline or several, step
        found.append(inline[1] if inline else textwrap.dedent(several[1]))  # type: ignore[index]
    return found


def test_the_workflow(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(RIGHT, encoding="utf-8")
    summary = tmp_path / "summary.md"
    assert len(steps()) == 2
    for step in steps():
        done = shell(step, tmp_path, GITHUB_STEP_SUMMARY=str(summary))
        assert done.returncode == 0, (step, done.stderr)
    assert "61706" not in summary.read_text("utf-8") and "| dense1" in summary.read_text("utf-8")
    (tmp_path / "notes.md").write_text(WRONG, encoding="utf-8")
    assert shell(steps()[0], tmp_path).returncode == 1


def test_the_hook(tmp_path: Path) -> None:
    hooks = (readme.README.parent / ".pre-commit-hooks.yaml").read_text("utf-8")
    named = re.search(r"- id: (\S+)", block("yaml", 1))
    assert named and f"- id: {named[1]}\n" in hooks
    entry = re.search(r"entry: (.*)", hooks)
    assert entry
    for name, text, code in (("right.md", RIGHT, 0), ("wrong.md", WRONG, 1)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert shell(shlex.join([*entry[1].split(), name]), tmp_path).returncode == code
