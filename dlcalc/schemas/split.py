"""The answer of ``dlcalc split``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    array,
    document,
    findings,
    integer,
    mapping,
    nullable,
    number,
    record,
    text,
    word,
)

_INDICES = array(integer("from 0"))

SCHEMA = document(
    "dlcalc split",
    record(
        {"n": integer(), "seed": integer()},
        {
            "method": word("kfold", "holdout", "bootstrap"),
            "k": integer(),
            "ratio": array(number()),
            "sizes": array(integer()),
            "classes": {"type": ["object", "array"], "description": "sizes by class"},
            "expected_share": number("that a bootstrap leaves out"),
            "share": number("that these left out"),
            "batches": array(
                record(
                    {
                        "train": integer(),
                        "steps": integer("of an epoch"),
                        "last": integer("the size of the last batch"),
                        "left_out": integer(),
                    }
                )
            ),
            "epochs": integer(),
            "rounds": nullable(array(mapping(_INDICES, "the indices of each part"))),
            "verification": findings(),
            "notes": NOTES,
            "error": text(),
        },
    ),
)
