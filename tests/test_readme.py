"""Everything the README shows is run, in every shell that is here."""

from __future__ import annotations

import doctest
import shutil
from importlib.util import find_spec

import pytest
import readme

EXAMPLES = readme.examples()


def test_the_readme_opens_with_five_commands_and_their_output() -> None:
    opening = readme.README.read_text(encoding="utf-8").partition("\n## ")[0]
    assert opening.count("```console") == 5
    assert all(example.output.strip() for example in EXAMPLES[:5])


def skip_without_tools(command: str) -> None:
    """Pipelines need what they run besides dlcalc."""
    missing = [tool for tool in ("jq", "xargs") if tool in command and not shutil.which(tool)]
    if ".onnx" in command and not find_spec("onnx"):
        missing.append("onnx")
    if missing:
        pytest.skip(f"{missing[0]} is not installed")


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.command for example in EXAMPLES])
def test_a_command_prints_what_is_shown(example: readme.Example) -> None:
    skip_without_tools(example.command)
    assert readme.output(example.where, example.command) == example.output


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_all_commands_mean_the_same_in_other_shells(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for example in EXAMPLES:
        if ".onnx" in example.command and not find_spec("onnx"):
            continue
        # Loops are the shell's own language; pipelines are every shell's.
        if example.where != "terminal" and not example.command.startswith("for "):
            assert readme.run(example.command, shell) == example.output


def test_the_comparison_can_fail() -> None:
    example = EXAMPLES[0]
    assert readme.run(example.command.replace("k5", "k4")) != example.output


def test_the_python_examples_run() -> None:
    results = doctest.testfile(str(readme.README), module_relative=False)
    assert results.attempted >= 4
    assert results.failed == 0
