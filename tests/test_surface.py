"""The Python surface: every command's function, loaded when used, typed and documented."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import dlcalc

FUNCTIONS = [name for name in dlcalc._HOMES if not name.endswith("Error")]
SOURCE = Path(dlcalc.__file__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_typed_and_has_an_example(name: str) -> None:
    found = getattr(dlcalc, name)
    signature = inspect.signature(found)
    given = [parameter.annotation for parameter in signature.parameters.values()]
    assert inspect.Parameter.empty not in [*given, signature.return_annotation]
    example = rf"^ *>>> .*\b{name}\("
    assert re.search(example, found.__doc__ or "", re.M), f"{name} shows no example of itself"


def test_a_checker_is_told_what_is_loaded() -> None:
    """The imports that a type checker sees are the table by which names are loaded."""
    told = {
        name.name: node.module
        for node in ast.walk(ast.parse(SOURCE.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlcalc")
        for name in node.names
    }
    assert told == dlcalc._HOMES


def test_names_are_loaded_and_others_refused() -> None:
    from dlcalc import forward, grad, params, shape, train

    assert all(map(callable, (forward, grad, params, shape, train)))
    with pytest.raises(AttributeError, match="no attribute 'shap'"):
        dlcalc.shap  # noqa: B018


def test_the_readme_names_every_function() -> None:
    readme = (SOURCE.parents[1] / "README.md").read_text("utf-8")
    surface = readme[readme.index("\nIn Python") : readme.index("\n## Cookbook")]
    assert [name for name in FUNCTIONS if f"`{name}`" not in surface] == []


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_a_user_of_the_surface_is_checked(tmp_path: Path) -> None:
    """What is right passes; a name that is none and a wrong argument are seen."""
    lines = {
        "import dlcalc": True,
        "a: int = dlcalc.grad('x^2').value": False,
        "b: str = str(dlcalc.shape('1x2x2 conv:1,k1').value)": True,
        "dlcalc.shap('1x2x2 conv:1,k1')": False,
        "dlcalc.box('1x9x9 maxpool:2', position=3)": False,
        "dlcalc.solve('28 conv:k_', output='14').document()": True,
    }
    (tmp_path / "use.py").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "use.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(SOURCE.parents[1]), "PATH": ""},
        capture_output=True,
        text=True,
    )
    errors = [line for line in done.stdout.splitlines() if re.match("use.py:[0-9]+: error:", line)]
    wrong = {int(line.split(":")[1]) for line in errors}
    assert wrong == {n for n, right in enumerate(lines.values(), 1) if not right}, done.stdout
