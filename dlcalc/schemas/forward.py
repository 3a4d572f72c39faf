"""The answer of ``dlcalc forward``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    TENSOR,
    Schema,
    array,
    boolean,
    document,
    extended,
    findings,
    integer,
    mapping,
    nullable,
    record,
    ref,
    text,
)
from dlcalc.schemas.nets import LIKE

_TENSOR = ref("tensor")
_MOMENT: Schema = {
    "type": "object",
    "description": "one step of a cell: its gates and states by name, and their formulas",
    "properties": {
        "cell": text(),
        "example": integer(),
        "step": integer(),
        "formulas": mapping(text()),
    },
    "required": ["cell", "example", "step", "formulas"],
    "additionalProperties": _TENSOR,
}

SCHEMA = document(
    "dlcalc forward",
    record(
        {
            "like": LIKE,
            "training": boolean(),
            "flip": boolean("whether kernels were turned, as a true convolution does"),
            "input": _TENSOR,
            "output": _TENSOR,
            "layers": array(
                record(
                    {
                        "layer": text(),
                        "name": text(),
                        "shape": array(integer()),
                        "output": nullable(_TENSOR),
                        "formulas": array(text()),
                    },
                    {"summary": text("of outputs too many to be shown"), "trace": array(_MOMENT)},
                )
            ),
            "weights": record(
                {
                    "set": array(text()),
                    "file": nullable(text()),
                    "loaded": array(text()),
                    "initialised": array(text()),
                    "initialiser": text(),
                    "seed": integer(),
                },
                about="where the numbers of each tensor come from",
            ),
            "tensors": mapping(nullable(_TENSOR), "null where the net is large"),
        },
        {
            "backward": record(
                {
                    "loss": nullable(text()),
                    "value": nullable(extended()),
                    "cotangent": _TENSOR,
                    "gradients": mapping(_TENSOR),
                }
            ),
            "verification": findings({"left_out": array(text())}),
            "notes": NOTES,
        },
    ),
    {"tensor": TENSOR},
)
