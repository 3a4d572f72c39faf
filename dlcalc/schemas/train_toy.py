"""The answer of ``dlcalc train-toy``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    Schema,
    array,
    boolean,
    document,
    either,
    extended,
    findings,
    integer,
    nullable,
    number,
    record,
    text,
)

_METRICS = {"accuracy": nullable(extended()), "rmse": nullable(extended())}
_SETTING: Schema = {"type": ["string", "number", "boolean", "null", "array"]}
CONFIG: Schema = {
    "type": "object",
    "description": "every setting of the training by its option's name",
    "properties": {"net": text(), "input": text(), "parameters": integer(), "seed": integer()},
    "required": ["net", "input", "parameters"],
    "additionalProperties": _SETTING,
}
_LOSS = {"loss": nullable(extended())}
_INTERVAL = nullable(array(number()))


def _over_seeds(required: dict[str, Schema]) -> Schema:
    return record(
        {**required, "interval": _INTERVAL, "confidence": number(), "method": text()},
    )


_MEAN = _over_seeds({"mean": nullable(number()), "seeds": integer()})

SCHEMA = document(
    "dlcalc train-toy",
    either(
        record(
            {
                "config": CONFIG,
                "history": array(
                    record(
                        {"epoch": integer(), **_LOSS},
                        {**_METRICS, "validation_loss": nullable(extended())},
                    )
                ),
                "final": nullable(
                    record(
                        _LOSS,
                        {
                            **_METRICS,
                            "training_loss": nullable(extended()),
                            "training_accuracy": nullable(extended()),
                            "training_rmse": nullable(extended()),
                        },
                    )
                ),
                "verification": findings(),
            },
            {
                "divergence": record(
                    {
                        "step": integer(),
                        "epoch": integer(),
                        "what": text(),
                        "where": text(),
                        "norms": array(extended(), "of the gradient in the steps before"),
                        "advice": text(),
                    }
                ),
                "interrupted": boolean(),
                "notes": NOTES,
            },
        ),
        record(
            {
                "config": CONFIG,
                "seeds": array(
                    record(
                        {"seed": integer(), "epochs": integer(), "verified": boolean()},
                        {**_LOSS, **_METRICS, "diverged": text(), "reached": boolean()},
                    )
                ),
            },
            {
                "accuracy": _MEAN,
                "rmse": _MEAN,
                "reached": _over_seeds({"reach": number(), "count": integer(), "seeds": integer()}),
                "interrupted": boolean(),
            },
            about="under --seeds",
        ),
    ),
)
