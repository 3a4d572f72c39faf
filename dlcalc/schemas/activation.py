"""The answer of ``dlcalc activation``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    FINDINGS,
    array,
    boolean,
    document,
    either,
    extended,
    integer,
    nullable,
    number,
    record,
    ref,
    text,
    word,
)

_BOUND = nullable(number("null is infinity"))
INTERVAL = record({"low": _BOUND, "high": _BOUND, "low_in": boolean(), "high_in": boolean()})
_INTERVAL = ref("interval")
_SLOPE = nullable(extended())

FACTS = record(
    {
        "activation": text("its word in the notation"),
        "formula": text(),
        "derivative": text(),
        "range": _INTERVAL,
        "largest_slope": number(),
        "largest_slope_at": array(_INTERVAL),
        "largest_slope_approached_at": array(extended()),
        "epsilon": number("a slope below it counts as flat"),
        "flat": array(_INTERVAL),
        "flat_share": number("of a standard normal input"),
        "monotone": boolean(),
        "falling": array(_INTERVAL),
        "constant": array(_INTERVAL),
        "zero_centred": boolean(),
        "mean": number("of a standard normal input"),
        "deviation": number("of a standard normal input"),
        "mean_square": number("of a standard normal input"),
        "analytic": boolean(),
        "kinks": array(
            record(
                {
                    "at": number(),
                    "derivatives": array(extended(), "from the left and from the right"),
                    "derivative_taken": number(),
                    "second_derivatives": array(extended()),
                    "second_derivative_taken": number(),
                }
            )
        ),
        "depth": integer("layers that a gradient passes"),
        "left": extended("the most of a gradient that is left behind them"),
        "left_normal": extended("of one whose inputs are standard normal"),
        "mean_square_slope": number(),
        "gain": nullable(number("that keeps the mean square of a signal")),
        "gain_torch": nullable(number("that PyTorch advises")),
    },
    {
        "points": array(
            record({"x": extended(), "value": _SLOPE, "derivative": _SLOPE}, {"second": _SLOPE})
        ),
        "verification": FINDINGS,
    },
)

SCHEMA = document(
    "dlcalc activation",
    either(
        FACTS,
        record(
            {
                "activations": array(ref("facts")),
                "crossings": array(
                    record(
                        {
                            "first": text(),
                            "second": text(),
                            "of": word("value", "derivative"),
                            "at": array(number()),
                        }
                    )
                ),
            },
            about="under --compare",
        ),
    ),
    {"facts": FACTS, "interval": INTERVAL},
)
