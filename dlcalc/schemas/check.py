"""The answer of ``dlcalc check``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    array,
    boolean,
    document,
    either,
    integer,
    nullable,
    number,
    record,
    text,
    word,
)

_CLAIMED = ("holds", "holds with conditions", "erratum")

SCHEMA = document(
    "dlcalc check",
    either(
        record(
            {
                "seed": integer(),
                "passed": boolean("whether every verdict is the catalogue's"),
                "claims": array(
                    record(
                        {
                            "slug": text(),
                            "verdict": word(*_CLAIMED, "not as stated", "undecided"),
                            "expected": word(*_CLAIMED),
                            "stands": boolean(),
                            "seconds": number(),
                            "reason": nullable(text()),
                            "evidence": array(
                                record(
                                    {
                                        "part": word(
                                            "claim", "inside", "outside", "printed", "right"
                                        ),
                                        "quantity": text(),
                                        "expected": text(),
                                        "measured": text(),
                                        "passed": boolean(),
                                        "interval": nullable(
                                            array(number(), "95 %, over seeds; it decides nothing")
                                        ),
                                    }
                                )
                            ),
                        }
                    )
                ),
            },
            about="of concepts",
        ),
        record(
            {
                "files": array(
                    record(
                        {
                            "file": text(),
                            "claims": array(
                                record(
                                    {
                                        "line": integer("from 1"),
                                        "claim": text(),
                                        "verdict": word("ok", "wrong", "undecided", "malformed"),
                                        "value": nullable(text("what is right")),
                                        "why": nullable(text()),
                                    }
                                )
                            ),
                        }
                    )
                )
            },
            about="of notes",
        ),
    ),
)
