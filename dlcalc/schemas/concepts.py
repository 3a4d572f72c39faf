"""The answer of ``dlcalc concepts``."""

from __future__ import annotations

from dlcalc.schemas.form import (
    array,
    boolean,
    document,
    either,
    integer,
    number,
    record,
    text,
    word,
)

_ENTRY = {
    "slug": text(),
    "title": text(),
    "chinese": text("its Chinese term"),
    "terms": array(text(), "other words that find it"),
    "tier": integer("1 before 2"),
    "verdict": word("holds", "holds with conditions", "erratum"),
    "trained": boolean("whether its proof trains or samples"),
}

SCHEMA = document(
    "dlcalc concepts",
    either(
        record(
            {
                "concepts": array(
                    record({**_ENTRY, "notes": array(text()), "calculators": array(text())})
                )
            },
            about="of several",
        ),
        record(
            {
                **_ENTRY,
                "sources": array(record({"notes": text(), "section": text()})),
                "statement": text(),
                "statement_chinese": text(),
                "formula": text(),
                "conditions": text(),
                "contradicts": array(text(), "slugs"),
                "commands": array(text(), "lines to try"),
                "budget": number("seconds that its proof may take"),
            },
            about="of one",
        ),
    ),
)
