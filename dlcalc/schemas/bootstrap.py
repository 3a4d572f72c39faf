"""The answer of ``dlcalc bootstrap``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    array,
    document,
    either,
    findings,
    integer,
    number,
    record,
    text,
)

_ROW = record(
    {
        "n": integer(),
        "draws": integer(),
        "share": number("of the examples that are never drawn"),
        "limit": number("of that share as n grows"),
        "below": number("how far the share is below the limit"),
        "leading": number("the leading term of that difference"),
        "distinct": number("examples that are drawn, on average"),
        "variance": number("of their number"),
    },
    {
        "batch": integer(),
        "exact": text("the share as a fraction, or why it is not written out"),
        "simulated": record(
            {
                "repeats": integer(),
                "mean": number(),
                "deviation": number(),
                "interval": array(number(), "95 %, of the mean"),
            }
        ),
    },
)

SCHEMA = document(
    "dlcalc bootstrap",
    either(
        record(
            {"rows": array(_ROW), "limit": number("1/e"), "in_bag": number("1 - 1/e")},
            {"derivation": array(text()), "seed": integer(), "verification": findings()},
        ),
        record(
            {"within": text(), "n": integer(), "below": number()},
            {"verification": findings()},
            about="under --within",
        ),
        record(
            {"train": number(), "out_of_bag": number(), ".632": number()},
            {
                "no_information": number(),
                "overfitting": number(),
                "weight": number(),
                ".632+": number(),
                "verification": findings(),
            },
            about="under --errors",
        ),
    ),
)
