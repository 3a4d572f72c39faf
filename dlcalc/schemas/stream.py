"""Answers to standard input, line by line."""

from __future__ import annotations

from dlcalc.schemas.form import Schema, integer, record, text

#: The member that each answer to a line has beside its own.
LINE = {"line": integer("under -: the line of standard input, from 1")}

ERROR: Schema = record(
    {"line": integer("the line of standard input, from 1"), "error": text("the rule it breaks")},
    {"mend": text("what would mend it")},
    about="under -: a line that is refused",
)
