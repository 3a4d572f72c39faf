"""The answer of ``dlcalc export``."""

from __future__ import annotations

from dlcalc.interop.targets import TARGETS
from dlcalc.schemas.form import array, document, integer, record, text, word

_SIZES = array(integer(), "sizes without the batch, channels first")

SCHEMA = document(
    "dlcalc export",
    record(
        {
            "to": word(*TARGETS),
            "source": text("the whole source"),
            "input": _SIZES,
            "output": _SIZES,
            "parameters": integer("trained numbers that the source makes"),
        }
    ),
)
