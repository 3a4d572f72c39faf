"""``dlcalc check``: claims run, and their verdicts with the evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dlcalc.concepts.catalogue import entries, find
from dlcalc.concepts.claim import UNDECIDED
from dlcalc.concepts.proof import CLAIM, INSIDE, OUTSIDE, PRINTED, RIGHT, Evidence
from dlcalc.concepts.run import Judgement, judge_all
from dlcalc.errors import InputError
from dlcalc.result import Block, Result, Row

_LABELS = {
    CLAIM: "found",
    INSIDE: "inside",
    OUTSIDE: "outside",
    PRINTED: "as printed",
    RIGHT: "right",
}


def check(
    *slugs: str,
    full: bool = False,
    seed: int = 0,
    processes: int = 0,
    scale: float = 1.0,
    done: Callable[[Judgement], None] | None = None,
) -> CheckResult:
    """Run claims and compare their verdicts with the catalogue's.

    Without ``slugs`` all deterministic ones, and with ``full`` the trained ones too.
    ``seed`` varies every experiment, ``processes`` is how many run at once (0: one for
    each core). Raises `InputError` for a slug that is not there.

    >>> check("conv-32-5-28").value
    'all 1 as in the catalogue'
    """
    if seed < 0:
        raise InputError(f"--seed must be at least 0, not {seed}")
    for slug in slugs:
        find(slug)
    chosen = list(dict.fromkeys(slugs)) or [
        slug for slug, entry in entries().items() if full or not entry.trained
    ]
    few = len(chosen) < 4 and not processes
    judged = judge_all(chosen, seed, processes=1 if few else processes, scale=scale, done=done)
    return CheckResult(judged, seed)


class CheckResult(Result):
    """Judgements of claims. Its value says how many verdicts stand."""

    tabled = "claims"

    def __init__(self, judged: Sequence[Judgement], seed: int) -> None:
        self.judged = judged
        self.seed = seed
        other = [each for each in judged if not each.stands]
        count = len(judged)
        self.value: str = (
            f"{len(other)} of {count} not as in the catalogue"
            if other
            else f"all {count} as in the catalogue"
        )
        self.failure = " ".join(
            f"{each.slug}: {each.verdict}, the catalogue says {each.expected}"
            + (f" ({each.reason})." if each.reason else ".")
            for each in other[:5]
        )

    def blocks(self) -> list[Block]:
        """Of few claims all the evidence, of many a line each; how many stand."""
        few = len(self.judged) <= 3
        found = []
        if not few:
            found.append(Block("llr", [self._line(each) for each in self.judged]))
        for each in self.judged:
            if few or not each.stands:
                found += _evidence(each)
        return [*found, Block("l", [Row((self._summary(),), "answer")])]

    def _line(self, each: Judgement) -> Row:
        role = "" if each.stands else "wrong"
        return Row((each.verdict, each.slug, f"{each.seconds:.2f} s"), role)

    def _summary(self) -> str:
        count = len(self.judged)
        undecided = sum(each.verdict == UNDECIDED for each in self.judged)
        other = sum(not each.stands for each in self.judged) - undecided
        if not other and not undecided:
            return f"{count} checked: " + ("the verdict stands" if count == 1 else "all stand")
        parts = [f"{other} not as in the catalogue"] * bool(other)
        parts += [f"{undecided} undecided"] * bool(undecided)
        return f"{count} checked: {', '.join(parts)}"

    def document(self) -> dict[str, object]:
        """``seed`` and ``claims``, an object for each with its evidence."""
        return {
            "seed": self.seed,
            "passed": not any(not each.stands for each in self.judged),
            "claims": [
                {
                    "slug": each.slug,
                    "verdict": each.verdict,
                    "expected": each.expected,
                    "stands": each.stands,
                    "seconds": round(each.seconds, 3),
                    "reason": each.reason or None,
                    "evidence": [one.document() for one in each.evidence],
                }
                for each in self.judged
            ],
        }


def _evidence(judged: Judgement) -> list[Block]:
    claim = find(judged.slug)
    head = Row((judged.verdict.upper(), claim.slug, claim.title, claim.chinese))
    rows = []
    label = ""
    for each in judged.evidence:
        own = _LABELS[each.part]
        shown = "" if own == label else own
        label = own
        rows.append(Row((f"  {shown}", *_told(each)), "" if each.passed else "wrong"))
    end = [Row((f"  {claim.statement}",), "aside")]
    if judged.reason:
        end.insert(0, Row((f"  {judged.reason}",), "wrong"))
    end += [Row((f"  try  {line}",), "aside") for line in claim.commands[:2]]
    return [Block("llll", [head]), Block("lll", rows), Block("l", end)]


def _told(each: Evidence) -> tuple[str, str]:
    """A measurement in words: what it came to, and beside what bound."""
    if each.expected in ("so", "not so", "refused"):
        return each.quantity, each.measured
    text = f"{each.quantity} = {each.measured}"
    expected = "" if each.expected == each.measured else each.expected
    if expected.startswith("not "):
        return f"{text}, {expected}", ""
    if not each.passed:
        return text, f"expected {each.expected}"
    if each.interval:
        low, high = each.interval
        expected += f", 95 % interval {low:.4g} to {high:.4g}"
    return text, expected
