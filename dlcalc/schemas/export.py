"""The answer of ``dlcalc export``."""

from __future__ import annotations

from dlcalc.interop.write.targets import TARGETS
from dlcalc.schemas.form import (
    array,
    boolean,
    document,
    integer,
    nullable,
    record,
    text,
    word,
)

_SIZES = array(integer(), "sizes without the batch, channels first")

SCHEMA = document(
    "dlcalc export",
    record(
        {
            "to": word(*TARGETS),
            "source": text("the whole source"),
            "input": _SIZES,
            "output": _SIZES,
            "parameters": integer("trained numbers that the source makes"),
            "train": boolean("whether a loop that trains is in it"),
            "weights": nullable(text("the file that the source reads its numbers from")),
        }
    ),
)
