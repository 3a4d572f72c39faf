"""The answer of ``dlcalc schema``."""

from __future__ import annotations

from dlcalc.schemas.form import DRAFT, array, document, either, record, text

SCHEMA = document(
    "dlcalc schema",
    either(
        record({"schemas": array(text("a command"))}, about="without COMMAND"),
        {
            "type": "object",
            "description": "a JSON Schema",
            "properties": {"$schema": {"const": DRAFT}, "title": text()},
            "required": ["$schema", "title"],
        },
    ),
)
