"""Every claim: its verdict follows from its evidence, and its proof can fail."""

from __future__ import annotations

import re
import shlex

import pytest

from dlcalc.cli.group import COMMANDS
from dlcalc.concepts.card import NOTES, Card, concepts
from dlcalc.concepts.catalogue import entries, find
from dlcalc.concepts.claim import CONDITIONS, VERDICTS
from dlcalc.concepts.proof import Proof
from dlcalc.concepts.run import judge

SLUGS = list(entries())
#: Tests run beside one another on few cores: no budget is to fail for that.
SCALE = 6.0


@pytest.mark.parametrize("slug", SLUGS)
def test_the_verdict_stands_and_the_proof_can_fail(slug: str) -> None:
    judged = judge(slug, scale=SCALE)
    assert judged.stands, (judged.verdict, judged.reason, judged.evidence)
    proof = Proof()
    find(slug).proof(proof)
    subjects = list(dict.fromkeys(proof.subjects))
    assert subjects, "a proof needs a subject that can be broken"
    for name in subjects:
        broken = judge(slug, broken=name, scale=SCALE)
        assert not broken.stands, f"{name}: nothing changes if it is wrong"


@pytest.mark.parametrize("slug", SLUGS)
def test_the_record_is_whole(slug: str) -> None:
    claim = find(slug)
    assert claim.verdict in VERDICTS
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.slug)
    assert claim.tier in (1, 2)
    assert claim.sources and all(source.notes in NOTES for source in claim.sources)
    for chinese in (claim.chinese, claim.statement_chinese):
        assert re.search("[\u4e00-\u9fff]", chinese)
    assert len(claim.statement) < 500
    assert claim.statement.endswith(".")
    assert bool(claim.conditions) == (claim.verdict == CONDITIONS)
    assert all(slug in entries() for slug in claim.contradicts)
    assert claim.commands
    for line in claim.commands:
        words = shlex.split(line)
        assert words[0] == "dlcalc" and words[1] in COMMANDS, line


@pytest.mark.parametrize("slug", SLUGS)
def test_a_claim_is_found_by_its_terms(slug: str) -> None:
    claim = find(slug)
    for term in (claim.chinese, *claim.terms, slug):
        found = concepts(term)
        slugs = [found.value] if isinstance(found, Card) else found.value
        assert slug in slugs  # type: ignore[operator]
