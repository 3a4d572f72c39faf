"""The answer of ``dlcalc norm``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    TENSOR,
    array,
    boolean,
    document,
    findings,
    integer,
    mapping,
    nullable,
    number,
    record,
    ref,
    text,
    word,
)

_METHODS = ("zscore", "minmax", "batch", "layer", "instance", "group", "rms")
_VECTOR = array(number())

SCHEMA = document(
    "dlcalc norm",
    record(
        {
            "method": word(*_METHODS),
            "sizes": array(integer()),
            "over": text("which values share their statistics"),
            "values_in_a_mean": integer(),
            "groups": array(text(), "the names of those that do"),
            "eps": nullable(number()),
            "statistics": mapping(_VECTOR, "mean, var, std, min, max: a number for each group"),
            "given": boolean("whether the statistics were given"),
            "divisor": _VECTOR,
            "constant": array(text(), "groups of equal values"),
            "inverse": boolean(),
            "output": ref("tensor"),
        },
        {
            "ddof": integer(),
            "gamma": _VECTOR,
            "beta": _VECTOR,
            "running": array(
                record(
                    {
                        "batch": integer(),
                        "label": text(),
                        "mean": number(),
                        "variance": number(),
                        "unbiased": number(),
                        "running_mean": number(),
                        "running_variance": number(),
                    }
                )
            ),
            "gradient": record(
                {
                    "x": ref("tensor"),
                    "gamma": nullable(_VECTOR),
                    "beta": nullable(_VECTOR),
                }
            ),
            "verification": findings(),
        },
    ),
    {"tensor": TENSOR},
)
