"""The answer of ``dlcalc layers``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    array,
    boolean,
    document,
    either,
    nullable,
    record,
    ref,
    text,
)

LAYER = record(
    {
        "name": text(),
        "words": array(text(), "its name and others that mean it"),
        "summary": text(),
        "branches": boolean("whether it holds nets"),
        "arguments": array(
            record(
                {
                    "name": text(),
                    "short": nullable(text("the letter before its value")),
                    "kind": text(),
                    "default": nullable(text()),
                    "required": boolean(),
                    "help": text(),
                }
            )
        ),
        "example": text(),
    }
)

SCHEMA = document(
    "dlcalc layers",
    either(LAYER, record({"layers": array(ref("layer"))}, about="of all")),
    {"layer": LAYER},
)
