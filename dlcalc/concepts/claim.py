"""What a claim is: a record for people, and a proof that runs.

A proof is a small function that is handed a `Proof`, measures, and says what it
expected; the verdict is worked out from that evidence alone, never looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dlcalc.concepts.proof import Proof

HOLDS, CONDITIONS, ERRATUM = "holds", "holds with conditions", "erratum"
VERDICTS = (HOLDS, CONDITIONS, ERRATUM)
#: What a proof may come to beside these: it failed, or it took longer than its budget.
BROKEN, UNDECIDED = "not as stated", "undecided"
CHINESE = {
    HOLDS: "成立",
    CONDITIONS: "有条件成立",
    ERRATUM: "勘误",
    BROKEN: "与所述不符",
    UNDECIDED: "未定",
}


class Source(NamedTuple):
    """Where a claim stands: the number of the notes, 000 to 004, and the section."""

    notes: str
    section: str


class Claim(NamedTuple):
    """One claim of the notes.

    ``statement`` is in our own words and true as it stands, for an erratum too: it says
    what was printed and what is right. ``conditions`` says when it holds, ``contradicts``
    names claims of other notes that say otherwise, ``commands`` are lines to try.
    ``budget`` is in seconds of a processor; ``trained`` marks proofs that train or sample.
    """

    slug: str
    title: str
    chinese: str
    terms: tuple[str, ...]
    tier: int
    sources: tuple[Source, ...]
    statement: str
    statement_chinese: str
    verdict: str
    formula: str
    conditions: str
    contradicts: tuple[str, ...]
    commands: tuple[str, ...]
    budget: float
    trained: bool
    proof: Callable[[Proof], None]


#: Seconds that a proof may take unless its record says more.
QUICK, TRAINED = 2.0, 10.0
#: The attribute by which a proof carries its record.
RECORD = "claim"


def claim(
    slug: str,
    *,
    title: str,
    chinese: str,
    sources: Sequence[tuple[str, str]],
    statement: str,
    statement_chinese: str,
    verdict: str,
    tier: int = 1,
    terms: Sequence[str] = (),
    formula: str = "",
    conditions: str = "",
    contradicts: Sequence[str] = (),
    commands: Sequence[str] = (),
    budget: float = 0.0,
    trained: bool = False,
) -> Callable[[Callable[[Proof], None]], Callable[[Proof], None]]:
    """Make a function the proof of a claim.

    >>> @claim("two-and-two", title="Two and two are four", chinese="二加二得四",
    ...        sources=[("000", "arithmetic")], statement="2 + 2 is 4.",
    ...        statement_chinese="2 + 2 等于 4。", verdict=HOLDS)
    ... def two_and_two(proof):
    ...     proof.equal("2 + 2", 4, 2 + 2)
    >>> two_and_two.claim.slug
    'two-and-two'
    """

    def made(proof: Callable[[Proof], None]) -> Callable[[Proof], None]:
        record = Claim(
            slug,
            title,
            chinese,
            tuple(terms),
            tier,
            tuple([Source(*source) for source in sources]),
            " ".join(statement.split()),
            "".join(line.strip() for line in statement_chinese.splitlines()),
            verdict,
            formula,
            " ".join(conditions.split()),
            tuple(contradicts),
            tuple(commands),
            budget or (TRAINED if trained else QUICK),
            trained,
            proof,
        )
        setattr(proof, RECORD, record)
        return proof

    return made
