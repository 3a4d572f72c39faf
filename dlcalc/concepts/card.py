"""``dlcalc concepts``: the catalogue as a list, and one claim as a card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dlcalc.concepts.catalogue import Entry, entries, find, search
from dlcalc.concepts.claim import CHINESE, Claim
from dlcalc.errors import InputError, abridged, nearest
from dlcalc.result import Block, Result, Row

Language = Literal["en", "zh"]
#: The notes by number, as the catalogue cites them.
NOTES = {
    "000": "neural networks, CNN, RNN",
    "001": "deep-learning cheat sheet",
    "002": "deep-learning notes",
    "003": "basic concepts and the chain rule",
    "004": "interview summary",
}


def concepts(
    query: str = "",
    *,
    source: str = "",
    tier: int | None = None,
    verdict: str = "",
    calculator: str = "",
    language: Language = "en",
) -> Result:
    """The claims that a query finds, or the card of the one that it names.

    ``query`` is a slug, English words or a Chinese term. Raises `InputError` if nothing
    is found, with the nearest slug.

    >>> concepts("pool-28-stride1-14").value
    'pool-28-stride1-14'
    """
    query = query.strip()
    if query in entries():
        return Card(find(query), language)
    if source and source not in NOTES:
        mend = f"There are {', '.join(NOTES)}."
        raise InputError(f"there are no notes {abridged(source)}", mend=mend)
    found = list(search(query, source=source, tier=tier, verdict=verdict, calculator=calculator))
    if not found:
        close = nearest(query, entries())
        shown = f" for {abridged(query)}" if query else ""
        raise InputError(
            f"no concept is found{shown}",
            mend=f"Did you mean {close}?" if close else "dlcalc concepts lists all.",
        )
    if len(found) == 1:
        return Card(find(found[0][0]), language)
    return List(found, language)


class List(Result):
    """Several claims. Its value is their slugs."""

    tabled = "concepts"

    def __init__(self, found: Sequence[tuple[str, Entry]], language: Language) -> None:
        self.found = found
        self.language = language
        self.value: list[str] = [slug for slug, _ in found]

    def blocks(self) -> list[Block]:
        """A row for each: verdict, slug, title; how many there are."""
        rows = [
            Row((_word(entry.verdict, self.language), slug, _title(entry, self.language)))
            for slug, entry in self.found
        ]
        count = Row((f"{len(rows)} concepts",), "answer")
        return [Block("lll", rows), Block("l", [count])]

    def document(self) -> dict[str, object]:
        """``concepts``, an object for each."""
        return {"concepts": [_entry(slug, entry) for slug, entry in self.found]}

    def terse(self) -> str:
        """One slug a line."""
        return "\n".join(self.value)


class Card(Result):
    """One claim whole. Its value is its slug."""

    def __init__(self, claim: Claim, language: Language) -> None:
        self.claim = claim
        self.language = language
        self.value: str = claim.slug

    def blocks(self) -> list[Block]:
        """What it says, when, where it stands, what contradicts it, what to try."""
        claim, chinese = self.claim, self.language == "zh"
        title, other = (claim.chinese, claim.title) if chinese else (claim.title, claim.chinese)
        head = [
            Row((claim.slug, f"{title}   {other}")),
            Row((_word(claim.verdict, self.language).upper(), self._statement()), "answer"),
        ]
        if claim.formula:
            head.append(Row(("formula", claim.formula)))
        if claim.conditions:
            head.append(Row(("when", claim.conditions)))
        for source in claim.sources:
            head.append(Row(("in", f"notes {source.notes}, {source.section}"), "aside"))
        for slug in claim.contradicts:
            head.append(Row(("but see", f"{slug}: {_title(entries()[slug], self.language)}")))
        if claim.terms:
            head.append(Row(("also", ", ".join(claim.terms)), "aside"))
        tries = [*claim.commands, f"dlcalc check {claim.slug}"]
        rows = [Row(("try" if not number else "", line)) for number, line in enumerate(tries)]
        return [Block("ll", [*head, *rows])]

    def _statement(self) -> str:
        return self.claim.statement_chinese if self.language == "zh" else self.claim.statement

    def document(self) -> dict[str, object]:
        """The record as one object."""
        found: dict[str, object] = dict(self.claim._asdict())
        del found["proof"]
        found["sources"] = [source._asdict() for source in self.claim.sources]
        return found


def _entry(slug: str, entry: Entry) -> dict[str, object]:
    found: dict[str, object] = {"slug": slug, **entry._asdict()}
    del found["module"]
    return found


def _title(entry: Entry, language: Language) -> str:
    return entry.chinese if language == "zh" else entry.title


def _word(verdict: str, language: Language) -> str:
    return CHINESE[verdict] if language == "zh" else verdict
