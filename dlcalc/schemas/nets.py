"""What the answers about nets share: a comparison of frameworks, a verification, a line."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    SHAPE,
    Schema,
    array,
    boolean,
    integer,
    mapping,
    nullable,
    number,
    record,
    size,
    text,
    word,
)

LIKE = text("whose conventions: torch, keras, tf, onnx, onnx21 or caffe")

VERIFICATION = record(
    {
        "passed": boolean("whether all checks passed"),
        "checks": array(
            record(
                {
                    "what": text(),
                    "claimed": text(),
                    "found": text(),
                    "route": word("engine", "trace"),
                    "passed": boolean(),
                }
            ),
            "what the algebra claimed, and what the engine, or sending numbers forward, found",
        ),
        "left_out": array(text(), "what was not verified, and why"),
    },
    about="the net built in the engine and run on real arrays",
)


def comparison(answers: Schema) -> Schema:
    """The answer under ``--compare``."""
    return record(
        {
            "answers": mapping(answers, "the answer by framework"),
            "refusals": mapping(text(), "the frameworks that refuse the net, and why"),
            "partings": array(
                record(
                    {
                        "layer": text(),
                        "input": SHAPE,
                        "groups": array(
                            record({"like": array(text()), "answer": text(), "why": text()}),
                            "the frameworks that agree, what they answer, and by which formula",
                        ),
                    }
                ),
                "the layers of which frameworks make different things",
            ),
            "notes": NOTES,
        },
        about="under --compare",
    )


def versus(*, sums: bool) -> Schema:
    """The answer under ``--versus``; ``sums`` says whether it counts anything."""
    counted: dict[str, Schema] = {"parameters": size(), "macs": nullable(size())} if sums else {}
    line = record(
        {"place": text("from 1, or the name in a file"), "layer": text(), "output": SHAPE}, counted
    )
    net = record({"net": text(), "like": LIKE, "input": SHAPE, "output": SHAPE, **counted})
    ratio = nullable(number("the right one by the left one"))
    return record(
        {
            "differing": integer("how many of the layers below are not the same"),
            "left": net,
            "right": net,
            "ratios": record(dict.fromkeys(counted, ratio)),
            "layers": array(
                record(
                    {
                        "change": word("same", "changed", "replaced", "removed", "added"),
                        "differs": array(text(), "what differs, arguments by their names"),
                        "left": nullable(line),
                        "right": nullable(line),
                    }
                ),
                "those that stand beside one another, or alone",
            ),
        },
        {"notes": NOTES},
        about="under --versus",
    )
