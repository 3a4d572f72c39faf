"""The answer of ``dlcalc shape``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    SHAPE,
    array,
    boolean,
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
from dlcalc.schemas.nets import LIKE, VERIFICATION, comparison, versus
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

_RUN = record(
    {
        "first": integer("the least number"),
        "last": nullable(integer("the greatest; null where it goes on without end")),
        "step": integer("how far apart the numbers are"),
    }
)

SOLVED = record(
    {
        "like": LIKE,
        "input": SHAPE,
        "output": array(integer(), "the sizes that were asked for"),
        "unknowns": array(
            record(
                {
                    "name": text("the letter, or the argument written as _"),
                    "layer": nullable(text("the layer whose argument it is")),
                    "axis": nullable(integer("the argument's axis from 0, where it has several")),
                    "low": integer("the least number that was tried"),
                    "high": integer("the greatest"),
                }
            ),
            "what was open, letters first",
        ),
        "answers": array(
            record(
                {
                    "layers": array(text(), "the words that were open, with their numbers"),
                    "numbers": array(integer(), "one for each open argument"),
                    "letters": mapping(array(_RUN), "the numbers of each letter, as runs"),
                }
            ),
            "the simplest first",
        ),
        "complete": boolean("whether these are all answers within the bounds"),
        "simplest": text("the least numbers of the first answer, in the notation"),
    },
    {"verification": VERIFICATION, "notes": NOTES},
    about="under --solve",
)

_SPAN = {
    "first": nullable(integer("the first input that is read; null for none")),
    "last": nullable(integer("the last")),
    "read": integer("how many are read"),
}

_PHASES = record(
    {
        "period": integer("after how many outputs the pattern comes again"),
        "shift": integer("how many inputs it has moved then"),
        "reads": array(
            record(
                {
                    "offset": nullable(integer("the first input of the first turn")),
                    "extent": integer("how far the inputs reach"),
                    "read": integer("how many of them are read"),
                }
            ),
            "one for each output of a turn, far from borders",
        ),
    },
    about="what outputs behind a transposed convolution or an upsampling read by turns",
)

BOXED = record(
    {
        "like": LIKE,
        "input": SHAPE,
        "output": SHAPE,
        "position": array(integer(), "the position of the output along each side, from 0"),
        "sides": array(
            record(
                {
                    **_SPAN,
                    "shared_with_next": nullable(
                        integer("how many the next output reads too; null for the last output")
                    ),
                    "phases": nullable(_PHASES),
                }
            )
        ),
        "read": nullable(integer("the inputs that are read in all; null where not counted")),
        "branches": array(
            record(
                {
                    "layer": text("the layer whose branches these are"),
                    "branch": integer("the branch, from 1"),
                    "text": text("its layers; empty for the skip"),
                    "sides": array(record(_SPAN)),
                }
            ),
            "what each branch reads, where branches read different inputs",
        ),
        "misaligned": array(text(), "where branches look at different places"),
    },
    {"verification": VERIFICATION},
    about="under --box",
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
        SOLVED,
        BOXED,
        comparison(text()),
        versus(sums=False),
        ERROR,
    ),
    {"layer": LAYER},
)
