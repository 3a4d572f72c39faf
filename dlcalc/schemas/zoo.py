"""The answer of ``dlcalc zoo``."""

from __future__ import annotations

from dlcalc.schemas.form import array, document, either, record, ref, text

NET = record({"name": text(), "summary": text(), "input": text(), "net": text("in the notation")})

SCHEMA = document(
    "dlcalc zoo",
    either(NET, record({"nets": array(ref("net"))}, about="of all")),
    {"net": NET},
)
