"""Claims judged: within their time, in their order, whatever a proof does."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from dlcalc.concepts import run
from dlcalc.concepts.catalogue import entries, find
from dlcalc.concepts.check import check
from dlcalc.concepts.claim import BROKEN, HOLDS, UNDECIDED, Claim
from dlcalc.concepts.proof import Proof
from dlcalc.errors import InputError

SLUGS = list(entries())


@pytest.fixture
def proving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Proof], None]], None]:
    """Put another proof, with a budget of 0.2 s, in the place of every claim's."""

    def put(proof: Callable[[Proof], None]) -> None:
        claim: Claim = find(SLUGS[0])._replace(proof=proof, budget=0.2, verdict=HOLDS)
        monkeypatch.setattr(run, "find", lambda slug: claim)

    return put


def test_over_its_budget_is_undecided_and_never_passed(
    proving: Callable[[Callable[[Proof], None]], None],
) -> None:
    def slow(proof: Proof) -> None:
        proof.equal("x", 1, 1)
        try:
            time.sleep(30)
        except Exception:
            pass

    proving(slow)
    judged = run.judge(SLUGS[0])
    assert judged.verdict == UNDECIDED and not judged.stands
    assert judged.seconds < 5


def test_processor_time_counts_and_not_how_busy_the_machine_is(
    proving: Callable[[Callable[[Proof], None]], None],
) -> None:
    def waiting(proof: Proof) -> None:
        time.sleep(0.5)
        proof.equal("x", 1, 1)

    def busy(proof: Proof) -> None:
        end = time.process_time() + 30
        while time.process_time() < end:
            pass

    proving(waiting)
    assert run.judge(SLUGS[0]).verdict == HOLDS
    proving(busy)
    assert run.judge(SLUGS[0]).verdict == UNDECIDED


def test_an_interruption_that_a_proof_turns_into_something_else_is_undecided(
    proving: Callable[[Callable[[Proof], None]], None],
) -> None:
    def as_an_import(proof: Proof) -> None:
        try:
            time.sleep(30)
        except BaseException:
            raise ImportError("NumPy was not imported whole") from None

    def swallowed(proof: Proof) -> None:
        proof.equal("x", 1, 1)
        try:
            time.sleep(30)
        except BaseException:
            pass

    for proof in (as_an_import, swallowed):
        proving(proof)
        judged = run.judge(SLUGS[0])
        assert judged.verdict == UNDECIDED
        assert "longer than 0.2 s" in judged.reason


def test_a_limit_within_a_limit_leaves_the_outer_one_standing() -> None:
    with pytest.raises(run.OutOfTime), run.Limit(0.1) as outer:
        with run.Limit(5):
            pass
        time.sleep(30)
    assert outer.over


def test_what_a_proof_raises_counts_against_it(
    proving: Callable[[Callable[[Proof], None]], None],
) -> None:
    def wrong(proof: Proof) -> None:
        raise ZeroDivisionError("division by zero")

    proving(wrong)
    judged = run.judge(SLUGS[0])
    assert judged.verdict == BROKEN
    assert "division by zero" in judged.reason


def test_processes_give_the_same_in_the_same_order() -> None:
    some = SLUGS[:3]
    alone = check(*some, processes=1)
    together = check(*some, processes=2)
    assert [each.slug for each in together.judged] == some
    assert [each.evidence for each in together.judged] == [each.evidence for each in alone.judged]


def test_a_verdict_that_does_not_stand_is_a_failure() -> None:
    judged = [each._replace(verdict=BROKEN) for each in check(SLUGS[0]).judged]
    from dlcalc.concepts.check import CheckResult

    result = CheckResult(judged, 0)
    assert SLUGS[0] in result.failure
    assert result.document()["passed"] is False
    assert "1 not as in the catalogue" in result.plain()


@pytest.mark.parametrize("slugs", [("nothing",), (SLUGS[0], "pool-28")])
def test_an_unknown_slug_is_refused(slugs: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="there is no concept"):
        check(*slugs)
