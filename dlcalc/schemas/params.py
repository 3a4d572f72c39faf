"""The answer of ``dlcalc params``."""

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
    number,
    record,
    ref,
    size,
    text,
)
from dlcalc.schemas.models import CHECKPOINT, MODEL, OPEN, PER_TOKEN
from dlcalc.schemas.nets import LIKE, VERIFICATION, comparison, versus
from dlcalc.schemas.stream import ERROR, LINE

_TENSORS = mapping(SHAPE, "the sizes of each tensor by its name")

LAYER = record(
    {
        "layer": text("the layer in the notation"),
        "name": text("by kind and ordinal, as its tensors are named"),
        "output": SHAPE,
        "parameters": size(),
        "tensors": _TENSORS,
        "buffers": _TENSORS,
        "macs": nullable(size()),
    },
    {
        "tied": mapping(text(), "the tensors that are another layer's"),
        "sharing": record({"unshared": size()}, {"fully_connected": size()}),
        "branches": array(array(ref("layer"))),
    },
)
MEMORY = record(
    {
        "dtype": text(),
        "batch": size(),
        "optimizer": nullable(text()),
        "parameters": size(),
        "buffers": size(),
        "inference_activations": nullable(size("the most that is alive at once")),
        "inference": nullable(size()),
    },
    {
        "auxiliary": size(),
        "gradients": size(),
        "optimizer_state": size(),
        "master_copy": size(),
        "activations": size(),
        "training": size(),
    },
    about="bytes, as --dtype, --batch and --optimizer ask for",
)
READING = record(
    {
        "value": integer("the exact number"),
        "counts": text("MACs, FLOPs, parameters, or bytes of what"),
        "net": text("the net or the one of its family"),
        "input": SHAPE,
        "departures": array(text("what is done otherwise than dlcalc params does")),
    }
)

SCHEMA = document(
    "dlcalc params",
    either(
        record(
            {
                "like": LIKE,
                "parameters": size("without auxiliary heads"),
                "trainable": size("with auxiliary heads"),
                "buffers": size("numbers that are kept and not trained"),
                "macs": nullable(size("multiply-accumulates of one example")),
                "macs_convention": text("what a MAC is here, and what is counted"),
                "macs_parts": mapping(size(), "what the parts would add, counted or not"),
                "layers": array(ref("layer")),
            },
            {
                "connections": size(),
                "auxiliary": record({"parameters": size(), "buffers": size(), "macs": size()}),
                "active": size("parameters that one token meets"),
                "kv_cache_per_token": record({"values": size(), "bytes": size(), "dtype": text()}),
                "memory": MEMORY,
                "verification": VERIFICATION,
                "notes": NOTES,
                **MODEL,
                **PER_TOKEN,
                **LINE,
            },
        ),
        CHECKPOINT,
        OPEN,
        comparison(text()),
        record(
            {
                "figure": text("as it was quoted"),
                "least": number("the least that would be written so"),
                "most": number("the most that would be written so"),
                "explanations": array(READING, "those with the fewest departures"),
            },
            {"nearest": READING, "notes": NOTES},
        ),
        versus(sums=True),
        ERROR,
    ),
    {"layer": LAYER},
)
