"""The house: imports point one way, downwards, and heavy packages have their doors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dlcalc

HOUSE = Path(dlcalc.__file__).parent

#: From the top to the ground: each row may import only rows below it, and itself.
ROWS = [
    "cli",
    "notes",
    "concepts",
    "answers",
    "schemas",
    "interop",
    "symbolic",
    "engine",
    "formulas",
    "nets",
    "layers",
    "expr",
    "charts",
    "numbers",
    "csv_rows",
    "result",
    "files",
    "errors",
]
#: The packages that only some rows may import at the top of a module.
DOORS = {"numpy": {"engine", "symbolic"}, "sympy": {"symbolic"}, "rich": set(), "click": {"cli"}}


def room(path: Path) -> str:
    """The row that a file belongs to."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def arrows(source: str) -> Iterator[str]:
    """The rows that a module's text imports from, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "dlcalc":
                names = [f"dlcalc.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("dlcalc."):
                yield name.split(".")[1]


def top_imports(source: str) -> set[str]:
    """The packages that a module's text imports when it is imported itself."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
    return found


def upward(row: str, source: str) -> list[str]:
    """The imports of a module of this row that point upwards."""
    allowed = set(ROWS[ROWS.index(row) :]) | {"__version__"}
    return [target for target in arrows(source) if target not in allowed]


def modules() -> list[Path]:
    return [path for path in HOUSE.rglob("*.py") if path.parent != HOUSE or room(path) in ROWS]


def test_imports_point_downwards() -> None:
    wrong = {
        str(path.relative_to(HOUSE)): found
        for path in modules()
        if (found := upward(room(path), path.read_text(encoding="utf-8")))
    }
    assert not wrong


def test_an_upward_import_would_be_seen() -> None:
    assert upward("layers", "from dlcalc.nets.parser import parse") == ["nets"]
    assert upward("result", "def f():\n    import dlcalc.cli.output") == ["cli"]
    assert upward("cli", "from dlcalc.layers import conv") == []


def test_heavy_packages_have_their_doors() -> None:
    for path in modules():
        found = top_imports(path.read_text(encoding="utf-8"))
        for package, rows in DOORS.items():
            assert package not in found or room(path) in rows, f"{path}: {package}"


def test_rich_is_imported_in_one_place() -> None:
    users = [path.name for path in modules() if "from rich" in path.read_text(encoding="utf-8")]
    assert users == ["output.py"]


def test_no_module_is_too_long() -> None:
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in modules()
        if path.name != "index.py"
    }
    assert {name: length for name, length in lengths.items() if length > 420} == {}


def test_untrusted_text_is_never_evaluated() -> None:
    banned = {"eval", "exec", "compile", "sympify", "parse_expr", "__import__"}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                plain = isinstance(node.func, ast.Name) or name in ("sympify", "parse_expr")
                assert not (plain and name in banned), f"{path}:{node.lineno}: {name}"
