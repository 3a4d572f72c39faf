"""What answers about model files have beside those about nets, and checkpoints instead."""

from __future__ import annotations

from dlcalc.schemas.form import (
    NOTES,
    SHAPE,
    Schema,
    array,
    boolean,
    either,
    integer,
    mapping,
    nullable,
    number,
    record,
    size,
    text,
)
from dlcalc.schemas.nets import LIKE

#: Members that the answer about a model file has, and that about a net has not.
MODEL: dict[str, Schema] = {
    "file": text("the model file"),
    "format": text("what kind of file it is"),
    "reduced": boolean("whether it is a net in the notation; if not, layers stand one by one"),
    "standins": array(text(), "layers that are shown by their shapes and parameters alone"),
}
#: The same of params alone.
PER_TOKEN: dict[str, Schema] = {
    "macs_per_token": record(
        {
            "context": integer("how many tokens there are"),
            "macs": either(integer(), number("their average")),
        }
    )
}

CHECKPOINT = record(
    {
        "parameters": nullable(integer("numbers in all tensors, kept ones too")),
        "bytes": nullable(integer("of the tensors, without the header")),
        "dtypes": mapping(
            record({"numbers": integer(), "bytes": integer()}), "the sums of each type"
        ),
        "metadata": mapping(text(), "what the files say of themselves"),
        "tensors": mapping(
            record({"dtype": text(), "shape": array(integer()), "bytes": integer()}),
            "every tensor by its name",
        ),
    },
    {
        "files": mapping(boolean(), "the files that an index names: whether each is there"),
        "missing": array(text(), "those that are not"),
        "notes": NOTES,
    },
    about="tensors without the layers that use them",
)

OPEN = record(
    {
        "file": text("the model file"),
        "format": text("what kind of file it is"),
        "like": LIKE,
        "parameters": size(),
        "buffers": size("numbers that are kept and not trained"),
        "macs": {"type": "null"},
        "open": text("why the file does not say what goes where"),
        "layers": array(
            record(
                {
                    "name": text("the layer's name in the file"),
                    "kind": text("its class there"),
                    "layer": nullable(text("the layer in the notation")),
                    "output": nullable(SHAPE),
                    "parameters": size(),
                    "tensors": mapping(SHAPE),
                    "buffers": mapping(SHAPE),
                }
            )
        ),
        "notes": NOTES,
    },
    about="a model whose file leaves open what goes where",
)
