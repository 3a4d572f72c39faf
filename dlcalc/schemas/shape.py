"""The answer of ``dlcalc shape``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    SHAPE,
    array,
    document,
    either,
    integer,
    mapping,
    nullable,
    record,
    ref,
    size,
    text,
)
from dlcalc.schemas.models import MODEL
from dlcalc.schemas.nets import LIKE, VERIFICATION, comparison
from dlcalc.schemas.stream import ERROR, LINE

_AXES = nullable(array(size(), "one for each spatial axis"))

LAYER = record(
    {
        "index": integer("its place from 1 among the layers beside it"),
        "layer": text("the layer in the notation"),
        "output": SHAPE,
        "formula": nullable(text("the formula of the output size with its numbers")),
        "receptive_field": _AXES,
        "jump": _AXES,
        "begin": _AXES,
    },
    {
        "name": text("the layer's name in a model file"),
        "misaligned": text("how the branches that met last look at different places"),
        "branches": array(array(ref("layer"))),
    },
)

SCHEMA = document(
    "dlcalc shape",
    either(
        record(
            {"like": LIKE, "input": SHAPE, "output": SHAPE, "layers": array(ref("layer"))},
            {
                "where": mapping(integer(), "the least value of each unknown that fits"),
                "verification": VERIFICATION,
                "notes": NOTES,
                **MODEL,
                **LINE,
            },
        ),
        comparison(text()),
        ERROR,
    ),
    {"layer": LAYER},
)
