"""The answer of ``dlcalc step``."""

from __future__ import annotations

from dlcalc.formulas.optimisers import RULES
from dlcalc.schemas.form import (
    Schema,
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
    text,
    word,
)
from dlcalc.schemas.stream import ERROR, LINE

_VECTOR = array(number())
_QUESTION = {
    "optimizer": text(),
    "lr": number(),
    "penalties": array(
        record(
            {
                "name": word("l1", "l2"),
                "lambda": number(),
                "convention": text("the factor before its sum"),
                "coefficient": number("of the term in the gradient"),
                "by": word("gradient", "soft threshold"),
            }
        )
    ),
    "decay": number("decoupled"),
    "n": nullable(integer("examples")),
}
_SETTINGS: dict[str, Schema] = {
    name: number() for rule in RULES.values() for name in rule.settings
} | {"clip_norm": number(), "clip_value": number()}
_TERM = record(
    {
        "w": number("before the step"),
        "data_gradient": number(),
        "clipped_gradient": number(),
        "penalty_gradient": number(),
        "new": number("after the step"),
    },
    {"kept": mapping(number(), "the optimiser's state")},
)

SCHEMA = document(
    "dlcalc step",
    either(
        record(
            {**_QUESTION, "steps": integer(), "weights": _VECTOR},
            {
                **_SETTINGS,
                "terms": array(_TERM, "of the last step, weight by weight"),
                "path": array(record({"step": integer(), "weights": _VECTOR})),
                "l1": record(
                    {"subgradient": _VECTOR, "soft_threshold": _VECTOR},
                    {
                        "subgradient_zero": array(nullable(integer("the step that reaches 0"))),
                        "soft_threshold_zero": array(nullable(integer())),
                    },
                ),
                "l2": record(
                    {
                        "factor": nullable(number("of each step")),
                        "left": nullable(number("after all steps")),
                        "half_life": nullable(number("in steps")),
                    }
                ),
                "as_printed": array(number(), "as a formula without the rate has it"),
                "verification": findings(),
                **LINE,
            },
        ),
        record(
            {
                "function": text(),
                **_QUESTION,
                "variables": array(text()),
                "path": array(
                    record(
                        {
                            "step": integer(),
                            "point": array(number()),
                            "value": nullable(extended()),
                            "gradient_norm": nullable(extended()),
                            "largest_curvature": nullable(extended()),
                        }
                    )
                ),
                "verdict": text("converges, descends, cycles, diverges, ..."),
                "why": text(),
                "tolerance": number(),
                "arrived_at_step": nullable(integer()),
                "end": nullable(array(number())),
                "value": nullable(extended()),
                "eigenvalues": nullable(array(number(), "of the Hessian at the end")),
                "largest_stable_lr": nullable(extended()),
            },
            {**_SETTINGS, "verification": findings(), **LINE},
            about="under --function",
        ),
        ERROR,
    ),
)
