"""The catalogue: every claim found by slug or term, its module imported only when it is run."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from dlcalc.concepts.claim import RECORD, Claim
from dlcalc.errors import InputError, abridged, nearest


class Entry(NamedTuple):
    """What the index knows of a claim, without its module."""

    module: str
    title: str
    chinese: str
    terms: tuple[str, ...]
    tier: int
    notes: tuple[str, ...]
    verdict: str
    calculators: tuple[str, ...]
    trained: bool


def claims_of(module: str) -> list[Claim]:
    """The claims of one theme module, in the order in which they stand."""
    found = import_module(f"dlcalc.concepts.themes.{module}")
    return [getattr(value, RECORD) for value in vars(found).values() if hasattr(value, RECORD)]


def entries() -> dict[str, Entry]:
    """The index: an entry for each slug, in the order of the catalogue."""
    from dlcalc.concepts.index import CLAIMS

    return CLAIMS


def find(slug: str) -> Claim:
    """The claim of a slug. Raises `InputError` with the nearest one if there is none."""
    known = entries()
    if slug not in known:
        close = nearest(slug, known)
        raise InputError(
            f"there is no concept {abridged(slug)}",
            mend=f"Did you mean {close}?" if close else "dlcalc concepts lists them.",
        )
    return next(each for each in claims_of(known[slug].module) if each.slug == slug)


def search(
    query: str = "",
    *,
    source: str = "",
    tier: int | None = None,
    verdict: str = "",
    calculator: str = "",
) -> Iterator[tuple[str, Entry]]:
    """Slugs and entries that a query finds: a slug, English words, or a Chinese term."""
    words = query.casefold().replace("-", " ").split()
    for slug, entry in entries().items():
        text = " ".join([slug.replace("-", " "), entry.title, entry.chinese, *entry.terms])
        text = text.casefold()
        if all(word in text for word in words) and (
            (not source or source in entry.notes)
            and (tier is None or entry.tier == tier)
            and (not verdict or entry.verdict == verdict)
            and (not calculator or calculator in entry.calculators)
        ):
            yield slug, entry
