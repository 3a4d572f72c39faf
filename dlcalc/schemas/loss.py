"""The answer of ``dlcalc loss``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    FINDINGS,
    array,
    document,
    either,
    extended,
    nullable,
    number,
    record,
    text,
    word,
)

_ROW = either(extended(), array(extended()))
MINIMISER = record(
    {"name": text("what it is called"), "loss": extended("the loss there")},
    {
        "low": extended("the least constant that minimises the loss"),
        "high": extended("the greatest"),
        "shares": array(number(), "of each class"),
    },
)
_LOSS = {"loss": text("its name"), "formula": text()}

SCHEMA = document(
    "dlcalc loss",
    either(
        record(
            {
                **_LOSS,
                "reduction": word("mean", "sum", "none"),
                "value": nullable(extended()),
                "losses": array(extended(), "one for each example"),
                "gradient": array(_ROW),
                "second": array(_ROW),
                "divisor": number(),
                "minimiser": MINIMISER,
            },
            {
                "naive": nullable(extended("through the probability in float64")),
                "verification": FINDINGS,
            },
        ),
        record({**_LOSS, "minimiser": MINIMISER}, about="of targets without predictions"),
        record(
            {
                **_LOSS,
                "through": text("the activation between z and the prediction"),
                "points": array(
                    record(
                        {
                            "z": number(),
                            "target": number(),
                            "prediction": number(),
                            "slope": number("of the activation"),
                            "by_prediction": extended(),
                            "reaches": number("what of the gradient reaches z"),
                        },
                        {"bce": number("what of cross-entropy's would")},
                    )
                ),
            },
            {"verification": FINDINGS},
            about="under --through",
        ),
    ),
)
