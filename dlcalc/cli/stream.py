"""``dlcalc shape -`` and its kin: one question a line in, one answer a line out.

Lines are answered as they come, in constant memory. A line that is not usable
gives an empty line, or with --json an object with ``error``, in its place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click

from dlcalc.cli.output import Form, Unwritable, message_width, say
from dlcalc.errors import InputError
from dlcalc.files import MAX_BYTES, decode, standard_input
from dlcalc.result import Result

Answer = Callable[[str, int], Result]


def answer_lines(answer: Answer, form: Form) -> int:
    """Answer every line of standard input; the exit code is 2 if any was not usable."""
    if form.expect is not None:
        raise click.UsageError("--expect asks about one answer, and - gives one for each line.")
    if form.table:
        raise click.UsageError(f"--{form.table} is of one answer, and - gives one for each line.")
    write = _in_json if form.json else _in_text
    code = 0
    for number, data in _lines():
        try:
            line = decode(data, f"line {number}") if data is not None else _too_long(number)
            result = answer(line, number) if line.partition("#")[0].strip() else None
            answered = write(number, result, None)
            if result is not None and result.failure:
                say(f"dlcalc: line {number}: {result.failure}")
                code = code or 1
        except InputError as error:
            code = error.exit_code
            answered = write(number, None, error)
        try:
            sys.stdout.write(answered)
            sys.stdout.flush()
        except OSError as error:
            raise Unwritable(error, code) from error
    return code


def _in_text(number: int, result: Result | None, error: InputError | None) -> str:
    if error is not None:
        say(error.report("dlcalc: ", message_width()))
    return f"{result.in_one_line() if result else ''}\n"


def _in_json(number: int, result: Result | None, error: InputError | None) -> str:
    from json import dumps

    if error is not None:
        document: dict[str, object] = {"line": number, "error": error.rule}
        if error.mend:
            document["mend"] = error.mend
    elif result is not None:
        document = {"line": number, **result.document()}
    else:
        return ""
    return dumps(document, ensure_ascii=False) + "\n"


def _lines() -> Iterator[tuple[int, bytes | None]]:
    """The lines of standard input with their numbers; None for one that is too long to hold."""
    number = 0
    source = standard_input()
    while data := source.readline(MAX_BYTES + 1):
        number += 1
        if len(data) <= MAX_BYTES:
            yield number, data.rstrip(b"\r\n")
            continue
        while not data.endswith(b"\n") and (data := source.readline(MAX_BYTES)):
            pass
        yield number, None


def _too_long(number: int) -> str:
    raise InputError(f"line {number} is longer than {MAX_BYTES:,} bytes")
