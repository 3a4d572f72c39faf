"""The answer of ``dlcalc grad``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    TENSOR,
    Schema,
    array,
    boolean,
    document,
    integer,
    mapping,
    nullable,
    number,
    record,
    ref,
    text,
)

_TENSOR = ref("tensor")
_NAMED = array(record({"symbol": text(), "expression": text()}))

STEP = record(
    {
        "symbol": text("what is derived, such as du/dx"),
        "rule": text(),
        "expression": text(),
        "shape": nullable(text()),
        "residual": nullable(number("how far a second computation of it is away")),
    },
    {"value": _TENSOR, "steps": array(ref("step"))},
)
FINDING: Schema = {
    "type": "object",
    "properties": {"name": text(), "passed": boolean(), "sentence": text()},
    "required": ["name", "passed", "sentence"],
}

SCHEMA = document(
    "dlcalc grad",
    record(
        {
            "gradient": array(
                record(
                    {"symbol": text(), "expression": text(), "shape": nullable(text())},
                    {"value": _TENSOR},
                )
            ),
            "definitions": _NAMED,
            "steps": array(ref("step")),
            "verification": array(FINDING),
        },
        {
            "expressions": array(text()),
            "net": text("the question, where it is a network"),
            "loss": text(),
            "wrt": array(text()),
            "order": integer(),
            "at": mapping(_TENSOR),
            "shapes": mapping(text(), "of vectors and matrices"),
            "kinks": array(mapping(text())),
            "pieces": mapping(text(), "the gradient by condition"),
            "matrix": array(array(text()), "the gradients as a Jacobian or Hessian"),
            "views": mapping(text(), "matrix, index, code, latex"),
            "where": _NAMED,
            "notes": NOTES,
        },
    ),
    {"step": STEP, "tensor": TENSOR},
)
