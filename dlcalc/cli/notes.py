"""Notes checked on the command line: commands run in this process, each within its time."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dlcalc.concepts.run import Limit
from dlcalc.concepts.run import OutOfTime as Interrupted
from dlcalc.errors import InputError
from dlcalc.files import closed, decode, read_bytes, write_whole
from dlcalc.notes.check import OutOfTime, Run, Tools, check
from dlcalc.notes.markdown import MAX_BYTES
from dlcalc.notes.result import Notes, NotesResult, updated

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: A claim may take so many seconds, and a file so many.
EACH, ALL = 10.0, 600.0


def check_notes(
    paths: Sequence[str], *, fail_fast: bool, update: bool, require: bool
) -> NotesResult:
    """Check files; with ``update`` write them anew where they are wrong. Raises `InputError`."""
    found = []
    for path in paths:
        data, name = read_bytes(path, MAX_BYTES)
        text = decode(data, name)
        verdicts = tuple(check(text, TOOLS, fail_fast=fail_fast))
        changed = None
        if update:
            if path == "-":
                raise InputError("--update writes files, and standard input is none")
            changed = updated(text, verdicts)
            if changed != text:
                data = changed.encode("utf-8")
                write_whole(path, lambda file, data=data: file.write(data))  # type: ignore[misc]
        shown = name if path == "-" else path
        found.append(Notes(shown, verdicts, text, changed))
        if fail_fast and any(verdict.verdict != "ok" for verdict in verdicts):
            break
    return NotesResult(found, require=require)


def _run(words: Sequence[str]) -> Run:
    """Run a command of dlcalc in this process, without files and within its time."""
    from dlcalc.cli.run import run

    try:
        with _captured() as (output, errors, both), closed("notes"), Limit(EACH):
            code = run(list(words))
            sys.stdout.flush()
            sys.stderr.flush()
    except Interrupted:
        raise OutOfTime from None
    return Run(code, _text(output), _text(errors), _text(both))


class _Copied(io.BytesIO):
    """A stream whose bytes go to another one too."""

    def __init__(self, other: io.BytesIO) -> None:
        super().__init__()
        self.other = other

    def write(self, data: ReadableBuffer) -> int:
        self.other.write(data)
        return super().write(data)


@contextmanager
def _captured() -> Iterator[tuple[io.BytesIO, io.BytesIO, io.BytesIO]]:
    """Streams that are no terminal in the place of this process's own, and both as one."""
    kept = sys.stdin, sys.stdout, sys.stderr
    both = io.BytesIO()
    output, errors = _Copied(both), _Copied(both)
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    sys.stdout = io.TextIOWrapper(output, encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(errors, encoding="utf-8", write_through=True)
    try:
        yield output, errors, both
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.detach()
        sys.stdin, sys.stdout, sys.stderr = kept


def _text(stream: io.BytesIO) -> str:
    return stream.getvalue().decode("utf-8", "replace")


def _formula(words: Sequence[str]) -> str:
    """The formula of an answer's last part that has one."""
    found = _run([*words, "--json"])
    try:
        document: Any = json.loads(found.output)
    except ValueError:
        return ""
    layers = document.get("layers", [document]) if isinstance(document, dict) else []
    formulas = [layer.get("formula") for layer in layers if isinstance(layer, dict)]
    shown = [formula for formula in formulas if isinstance(formula, str) and formula]
    return shown[-1] if shown else ""


def _value(expression: str, variable: str) -> Callable[[float], float]:
    """An expression of one variable, worked out at numbers."""
    from dlcalc.expr.parse import parse
    from dlcalc.expr.tree import variables
    from dlcalc.formulas.dual import Function, Undefined

    expr = parse(expression)
    others = [name for name in variables(expr) if name != variable]
    if others:
        raise InputError(f"{others[0]} has no value: only {variable} moves")
    function = Function(expr, [variable])

    def value(number: float) -> float:
        try:
            return function.gradient([number])[0]
        except Undefined:
            return float("nan")

    return value


TOOLS = Tools(_run, _formula, _value)
