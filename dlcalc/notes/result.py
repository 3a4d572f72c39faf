"""What checking notes came to: by line, as text and as JSON; and the notes brought up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dlcalc.notes.check import MALFORMED, OK, UNDECIDED, WRONG, Verdict
from dlcalc.result import Block, Result, Row


class Notes(NamedTuple):
    """One file's verdicts and its text; ``changed`` is that brought up to date by --update."""

    name: str
    verdicts: tuple[Verdict, ...]
    text: str = ""
    changed: str | None = None


class NotesResult(Result):
    """The verdicts of all files. Its value says how many claims are right."""

    def __init__(self, files: Sequence[Notes], *, require: bool = False) -> None:
        self.files = files
        verdicts = [verdict for each in files for verdict in each.verdicts]
        right = sum(verdict.verdict == OK for verdict in verdicts)
        self.value: str = f"{right} of {len(verdicts)} claims right"
        empty = [each.name for each in files if not each.verdicts]
        self.notes = [f"{name} holds no claims" for name in empty]
        failures = []
        if right < len(verdicts):
            failures.append(f"{len(verdicts) - right} of {len(verdicts)} claims are not right.")
        if require and empty:
            failures.append(f"{', '.join(empty)}: no claims, and --require-claims asks for some.")
        self.failure = " ".join(failures)

    def blocks(self) -> list[Block]:
        """What is not right, by line, and a count of each file."""
        rows = []
        for each in self.files:
            for verdict in each.verdicts:
                if verdict.verdict != OK:
                    place = f"{each.name}:{verdict.line}"
                    claim = " ".join(verdict.claim.split())
                    rows.append(Row((f"{place}: {verdict.verdict}: {claim}",), "wrong"))
                    if verdict.why:
                        rows.append(Row((f"    {verdict.why}",)))
            rows += _difference(each)
        rows += [Row((f"{each.name}: {_count(each.verdicts)}",), "answer") for each in self.files]
        return [Block("l", rows)]

    def table(self) -> list[dict[str, object]]:
        """A record for each claim of each file."""
        files: Any = self.document()["files"]
        return [{"file": each["file"], **claim} for each in files for claim in each["claims"]]

    def document(self) -> dict[str, object]:
        """``files``, each with its claims."""
        return {
            "files": [
                {
                    "file": each.name,
                    "claims": [
                        {
                            "line": verdict.line,
                            "claim": verdict.claim,
                            "verdict": verdict.verdict,
                            "value": verdict.value or None,
                            "why": verdict.why or None,
                        }
                        for verdict in each.verdicts
                    ],
                }
                for each in self.files
            ]
        }


def _count(verdicts: Sequence[Verdict]) -> str:
    """12 claims, 11 right, 1 wrong."""
    found = [f"{len(verdicts):,} claim" + "s" * (len(verdicts) != 1)]
    for kind, word in ((OK, "right"), (WRONG, WRONG), (UNDECIDED, UNDECIDED), (MALFORMED,) * 2):
        count = sum(verdict.verdict == kind for verdict in verdicts)
        if count or kind == OK:
            found.append(f"{count:,} {word}")
    return ", ".join(found)


def _difference(notes: Notes) -> list[Row]:
    """What --update changed, as a difference."""
    if notes.changed is None:
        return []
    from difflib import unified_diff

    before = notes.text.splitlines()
    lines = unified_diff(before, notes.changed.splitlines(), notes.name, notes.name, lineterm="")
    return [Row((line,), "aside") for line in lines]


def updated(text: str, verdicts: Sequence[Verdict]) -> str:
    """The text with transcripts as they are printed and claimed values as they are found.

    Only what a plain equality claims is changed, and only where the claim is wrong. The
    lines keep their indentation and their ends.
    """
    lines = text.splitlines(keepends=True)
    for verdict in sorted(verdicts, key=lambda each: each.line, reverse=True):
        if verdict.verdict != WRONG:
            continue
        if verdict.printed is not None and verdict.written is not None:
            _print_anew(lines, verdict)
        elif " == " in verdict.claim and verdict.value:
            place = verdict.line - 1
            head, sign, tail = lines[place].rpartition(" == ")
            claimed = verdict.claim.rpartition(" == ")[2]
            if sign and tail.startswith(claimed):
                lines[place] = f"{head}{sign}{verdict.value}{tail[len(claimed) :]}"
    return "".join(lines)


def _print_anew(lines: list[str], verdict: Verdict) -> None:
    """Put what is printed below its command."""
    assert verdict.written is not None and verdict.printed is not None
    first, last = verdict.line, verdict.written.last
    command = lines[first - 1]
    indent = command[: command.index("$")]
    end = command[len(command.rstrip("\r\n")) :] or "\n"
    lines[first:last] = [f"{indent}{line}{end}" for line in verdict.printed.splitlines()]
