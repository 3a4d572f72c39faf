"""Long lines of written Python: parted, and still the same."""

from __future__ import annotations

import ast

import pytest

from dlcalc.interop.write.lines import WIDTH, fitted

LONG = ", ".join(f"argument{number}" for number in range(12))


@pytest.mark.parametrize(
    "line",
    [
        f"x = f({LONG})(y)",
        f"x = f(y)([{LONG}])",
        f"x = [{LONG}]",
        f"x = f({LONG})[0]",
        f'state[f"{{layer}}.{"part" * 12}.{{kind}}"] = found.pop(f"{{layer}}.other.{{kind}}")',
        f"state[key] = [{LONG}]",
    ],
)
def test_a_parted_line_is_the_same_python(line: str) -> None:
    assert len(line) > WIDTH
    parts = fitted(line)
    assert len(parts) > 1 and max(map(len, parts)) <= WIDTH
    assert ast.dump(ast.parse("\n".join(parts))) == ast.dump(ast.parse(line))


def test_what_has_no_brackets_to_open_is_left() -> None:
    assert fitted(f"x = {'y' * 100}") == [f"x = {'y' * 100}"]
    assert fitted(f"x[{'y' * 100}]") == [f"x[{'y' * 100}]"]
