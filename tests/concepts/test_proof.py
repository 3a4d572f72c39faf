"""Evidence, and the verdicts that follow from it."""

from __future__ import annotations

import math

import pytest

from dlcalc.concepts.claim import BROKEN, CONDITIONS, ERRATUM, HOLDS
from dlcalc.concepts.proof import INSIDE, OUTSIDE, RIGHT, Proof, interval
from dlcalc.errors import InputError


def test_verdicts_follow_from_evidence() -> None:
    proof = Proof()
    assert proof.verdict == BROKEN
    proof.near("pi", 3.14159, math.pi, 1e-5)
    assert proof.verdict == HOLDS
    proof.equal("in", 1, 1, INSIDE)
    assert proof.verdict == BROKEN
    proof.fails("out", False, part=OUTSIDE)
    assert proof.verdict == CONDITIONS
    proof.differs("printed", 14, 27)
    assert proof.verdict == BROKEN
    proof.equal("right", 27, 27, RIGHT)
    assert proof.verdict == ERRATUM
    proof.equal("no", 1, 2)
    assert proof.verdict == BROKEN


@pytest.mark.parametrize(
    ("measure", "passed"),
    [
        (lambda p: p.near("x", 1.0, math.nan), False),
        (lambda p: p.near("x", 1.0, 1.1), False),
        (lambda p: p.at_most("x", 1.0, math.nan), False),
        (lambda p: p.at_most("x", 1.0, 1.0), True),
        (lambda p: p.at_least("x", 1.0, 0.9), False),
        (lambda p: p.differs("x", 1.0, 1.0), False),
        (lambda p: p.differs("x", 1.0, math.nan), True),
        (lambda p: p.fails("x", True), False),
        (lambda p: p.holds("x", True), True),
        (lambda p: p.equal("x", (1, 2), (1, 3)), False),
    ],
)
def test_each_way_to_measure_can_fail(measure: object, passed: bool) -> None:
    proof = Proof()
    measure(proof)  # type: ignore[operator]
    assert proof.evidence[0].passed is passed


def test_a_refusal_is_evidence() -> None:
    def refuse() -> None:
        raise InputError("no")

    proof = Proof()
    proof.refused("x", refuse)
    proof.refused("x", lambda: 5)
    assert [each.passed for each in proof.evidence] == [True, False]


def test_a_subject_can_be_broken() -> None:
    assert Proof().subject("the + 1", 1, 0) == 1
    assert Proof(broken="the + 1").subject("the + 1", 1, 0) == 0
    proof = Proof(broken="another")
    assert proof.subject("the + 1", 1, 0) == 1
    assert proof.subjects == ["the + 1"]


def test_an_unknown_part_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        Proof().equal("x", 1, 1, "nowhere")


def test_an_interval_is_that_of_the_mean() -> None:
    low, high = interval([1.0, 2.0, 3.0])
    assert low == pytest.approx(2 - 1.96 / math.sqrt(3))
    assert high == pytest.approx(2 + 1.96 / math.sqrt(3))
    assert interval([5.0]) == (5.0, 5.0)
