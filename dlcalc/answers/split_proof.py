"""A split a second time: its indices as sets, and everything counted."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import TYPE_CHECKING

from dlcalc.result import Finding

if TYPE_CHECKING:
    from dlcalc.answers.split import SplitResult
    from dlcalc.formulas.drawing import Parts

#: A bootstrap disagrees if its share is further from the exact one than so many standard errors.
STANDARD_ERRORS = 5


def verified(result: SplitResult) -> list[Finding]:
    """What counting the indices finds."""
    plan = result.plan
    findings = []
    if result.drawable and (plan.k or plan.ratio or plan.bootstrap):
        findings.append(_sets(result))
        findings.append(_again(result))
    elif plan.k or plan.ratio:
        findings.append(_sums(result))
    if result.drawable and plan.bootstrap:
        findings.append(_share(result))
    if plan.classes:
        findings.append(_classes(result))
    if plan.groups:
        findings.append(_groups(result))
    if plan.batch:
        findings.append(_batches(result))
    return findings


def _sets(result: SplitResult) -> Finding:
    """Whether the parts are disjoint and together all examples, and as large as said."""
    plan = result.plan
    wrong = 0
    for parts in result.rounds:
        sets = [set(part) for part in parts]
        whole = set().union(*sets)
        right = whole == set(range(plan.n)) and sum(map(len, sets)) == plan.n
        if plan.bootstrap:
            right &= len(parts[0]) == plan.n
        else:
            # Of a set of all examples none comes twice if there are n.
            right &= sum(map(len, parts)) == plan.n
            right &= [len(part) for part in parts] == result.sizes()
        wrong += not right
    rounds = "" if plan.rounds == 1 else f" in each of {plan.rounds:,} rounds"
    sentence = f"disjoint, together all {plan.n:,} examples{rounds}"
    if wrong:
        sentence = f"{wrong:,} of {plan.rounds:,} rounds are no such split of {plan.n:,} examples"
    return Finding("sets", not wrong, sentence, {"rounds": plan.rounds})


def _again(result: SplitResult) -> Finding:
    """Whether drawing once more gives the same."""
    passed = result.rounds == list(result.plan.drawn())
    sentence = f"drawn again from seed {result.plan.seed}, they are the same"
    return Finding("again", passed, sentence if passed else "drawn again, they are others")


def _sums(result: SplitResult) -> Finding:
    sizes = result.sizes()
    passed = sum(sizes) == result.plan.n and min(sizes) > 0
    if result.plan.k:
        passed = passed and max(sizes) - min(sizes) <= 1
    return Finding("sums", passed, f"the sizes add up to {sum(sizes)}", {"sum": sum(sizes)})


def _share(result: SplitResult) -> Finding:
    from dlcalc.formulas.bootstrap import Drawing

    plan, shares = result.plan, result.shares()
    error = sqrt(Drawing(plan.n, plan.n).variance / len(shares)) / plan.n
    off = abs(sum(shares) / len(shares) - result.expected_share)
    errors = off / error if error else 0.0 if off < 1e-12 else float("inf")
    sentence = f"the share out of the bag is off by {errors:.1f} standard errors"
    document = {"standard_errors": errors}
    return Finding("share", errors <= STANDARD_ERRORS, sentence, document)


def _classes(result: SplitResult) -> Finding:
    """Whether no part is a whole example or more from its share of a class."""
    plan = result.plan
    totals = Counter(plan.classes)
    worst = 0.0
    for parts in result.rounds:
        for part in parts:
            own = Counter(plan.classes[index] for index in part)
            for label, total in totals.items():
                share = total / plan.k if plan.k else total * len(part) / plan.n
                worst = max(worst, abs(own[label] - share))
    # Parts of a ratio are rounded one after the other.
    bound = 1.0 if plan.k or len(plan.ratio) == 2 else 2.0
    sentence = f"each class is shared out to {worst:.2g} of an example"
    return Finding("classes", worst < bound, sentence, {"largest": worst})


def _groups(result: SplitResult) -> Finding:
    """Whether every group is in one part alone."""
    split = max(_parts_of_groups(parts, result.plan.groups) for parts in result.rounds)
    sentence = "every group is in one part alone"
    if split > 1:
        sentence = f"a group is in {split} parts"
    return Finding("groups", split == 1, sentence, {"groups": len(set(result.plan.groups))})


def _parts_of_groups(parts: Parts, groups: tuple[str, ...]) -> int:
    """Over how many parts a group is spread at most."""
    spread = Counter(group for part in parts for group in {groups[index] for index in part})
    return max(spread.values())


def _batches(result: SplitResult) -> Finding:
    """The steps, by counting where batches begin."""
    plan = result.plan
    passed = True
    for n in result.training():
        begins = range(0, n, plan.batch)
        last = n - begins[-1]
        found = result.batches(n)
        if plan.drop_last and last < plan.batch:
            passed &= (found.steps, found.left_out) == (len(begins) - 1, last)
        else:
            passed &= (found.steps, found.last) == (len(begins), last)
    sentence = "the steps, by counting where batches begin"
    return Finding("batches", passed, sentence)
