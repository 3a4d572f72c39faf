"""The answer of ``dlcalc softmax``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    TENSOR,
    array,
    document,
    either,
    extended,
    findings,
    integer,
    mapping,
    nullable,
    number,
    record,
    ref,
    text,
)
from dlcalc.schemas.stream import ERROR, LINE

_DIGITS = array(text(), "decimals to 50 digits")
_METHOD = record(
    {
        "word": text("what says most about it: exact, rounded, underflow, overflow, nan"),
        "ulp": extended("its largest error in units of the last place"),
        "values": array(record({"value": extended(), "ulp": extended(), "word": text()})),
    }
)
_BREAK = nullable(record({"way": text(), "amount": number()}))

SCHEMA = document(
    "dlcalc softmax",
    either(
        record(
            {
                "logits": array(number()),
                "temperature": number(),
                "epsilon": number(),
                "exact": record(
                    {"softmax": _DIGITS, "log_softmax": _DIGITS, "log_sum_exp": text()}
                ),
                "types": mapping(
                    record(
                        {
                            "held": array(extended(), "the logits as the type holds them"),
                            "limits": record({"largest": number(), "smallest": number()}),
                            "room": record(
                                {"above": extended(), "below": extended(), "apart": extended()}
                            ),
                            "methods": mapping(_METHOD),
                        },
                        {"cross_entropy": array(extended())},
                    )
                ),
                "value": ref("tensor"),
            },
            {
                "target": integer("from 0"),
                "cross_entropy": text(),
                "perplexity": text(),
                "gradient": _DIGITS,
                "jacobian": array(_DIGITS),
                "breaks": array(
                    record(
                        {
                            "method": text(),
                            "type": text(),
                            "move": _BREAK,
                            "shift": _BREAK,
                            "factor": nullable(number()),
                        }
                    ),
                    "how far the logits may move before a method breaks",
                ),
                "verification": findings(),
                **LINE,
            },
        ),
        ERROR,
    ),
    {"tensor": TENSOR},
)
