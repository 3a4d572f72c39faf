"""How a split is shown."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from dlcalc.answers.verified import documented
from dlcalc.errors import abridged
from dlcalc.formulas.split import part_sizes
from dlcalc.result import Block, Row, written

if TYPE_CHECKING:
    from dlcalc.answers.split import Plan, SplitResult

#: So many classes, rounds or parts are shown; JSON has all.
_SHOWN = 20


def blocks(result: SplitResult) -> list[Block]:
    """The work, what was verified, the answer."""
    plan = result.plan
    if plan.k:
        found = _folds(result)
    elif plan.ratio:
        found = _parts(result)
    elif plan.bootstrap:
        found = _bootstrap(result)
    else:
        found = []
    if plan.classes:
        found.append(_classes(result))
    rows = []
    if plan.batch:
        rows += _batches(result)
    if plan.rounds > 1 and not plan.bootstrap:
        rows.append(Row(("repeated", f"{plan.rounds:,} times, drawn anew, seed {plan.seed}")))
    rows += [finding.row for finding in result.findings]
    return [*found, Block("ll", [*rows, _answer(result)])]


def _answer(result: SplitResult) -> Row:
    plan = result.plan
    if plan.k:
        runs = [f"{count} of {size:,}" for size, count in _counted(result.sizes())]
        return Row(("folds", " and ".join(runs)), "answer")
    if plan.ratio:
        return Row(("sizes", written(result.value)), "answer")
    if plan.bootstrap:
        return Row(("out of bag", f"{result.value:.7g}"), "answer")
    return Row(("steps", f"{result.value}"), "answer")


def _counted(sizes: list[int]) -> list[tuple[int, int]]:
    """The different sizes, the largest first, and how often each comes."""
    return [(size, len(list(run))) for size, run in groupby(sorted(sizes, reverse=True))]


def _folds(result: SplitResult) -> list[Block]:
    plan, sizes = result.plan, result.sizes()
    batched = bool(plan.batch)
    titles = ("fold", "test", "train", *(("steps", "last") if batched else ()))
    rows, first = [], 1
    for size, run in groupby(sizes):
        count = len(list(run))
        label = f"{first}" if count == 1 else f"{first} to {first + count - 1}"
        cells = [label, f"{size:,}", f"{plan.n - size:,}"]
        if batched:
            batches = result.batches(plan.n - size)
            cells += [f"{batches.steps:,}", f"{batches.last:,}"]
        rows.append(Row(tuple(cells)))
        first += count
    if len(rows) > _SHOWN:
        rows = [*rows[:_SHOWN], Row(("...", "", ""))]
    table = Block("l" + "r" * (len(titles) - 1), [Row(titles, "aside"), *rows])
    return [Block("l", [Row((_said(plan),))]), table]


def _said(plan: Plan) -> str:
    """How the folds come to their sizes, in a sentence."""
    if plan.groups:
        groups = len(set(plan.groups))
        return f"{groups} groups, the largest first, each into the fold that is smallest so far"
    whole, rest = divmod(plan.n, plan.k)
    if plan.classes:
        return "each class is dealt out over the folds in turn"
    if rest == 0:
        return f"{plan.n} = {plan.k}*{whole}: all folds are equal"
    first = "the first fold has" if rest == 1 else f"the first {rest} folds have"
    return f"{plan.n} = {plan.k}*{whole} + {rest}: {first} one more"


def _parts(result: SplitResult) -> list[Block]:
    plan, sizes = result.plan, result.sizes()
    total = sum(plan.ratio)
    rows: list[Row] = []
    share = begin = 0
    unit = len(set(plan.groups)) if plan.groups else plan.n
    for name, part, size in zip(plan.names, plan.ratio, sizes, strict=True):
        share += part
        own = part_sizes(unit, plan.ratio)[len(rows)]
        end = f"{unit}*{share}//{total}" if share < total else f"{unit}"
        formula = end + (f" - {begin}" if begin else "") + f" = {own}"
        shown = f"{size:,}"
        rows.append(Row((name, shown, formula + (" groups" if plan.groups else ""))))
        begin += own
    block = [Block("lrl", rows)]
    if any(unit * part % total for part in plan.ratio):
        said = "where a part ends is rounded down, so what is over goes to the last part"
        if len(plan.ratio) == 2:
            said = f"{plan.names[0]} is rounded down and {plan.names[1]} up, as in scikit-learn"
        block.append(Block("l", [Row((said,), "aside")]))
    return block


def _bootstrap(result: SplitResult) -> list[Block]:
    plan = result.plan
    titles = ("round", "draws", "distinct", "out of bag", "share")
    rows = [Row(titles, "aside")]
    if result.drawable:
        for number, (_, out) in enumerate(result.rounds[:_SHOWN], 1):
            share = f"{len(out) / plan.n:.7f}"
            cells = (f"{number}", f"{plan.n:,}", f"{plan.n - len(out):,}", f"{len(out):,}", share)
            rows.append(Row(cells))
        if plan.rounds > _SHOWN:
            rows.append(Row(("...", "", "", "", "")))
    from dlcalc.formulas.bootstrap import Drawing

    each = Drawing(plan.n, plan.n)
    expected = (f"{each.distinct:,.1f}", f"{plan.n * each.share:,.1f}", f"{each.share:.7f}")
    rows.append(Row(("expected", f"{plan.n:,}", *expected)))
    return [Block("lrrrr", rows), Block("ll", [Row(("expected share", each.formula))])]


def _classes(result: SplitResult) -> Block:
    """How each class is shared out."""
    plan = result.plan
    rows = [Row(("class", "examples", "in each part"), "aside")]
    counts = plan.class_counts()
    for label, shares in list(class_sizes(result).items())[:_SHOWN]:
        if plan.k:
            found = " and ".join(f"{count} of {size:,}" for size, count in _counted(shares))
        else:
            found = ", ".join(f"{size:,}" for size in shares)
        rows.append(Row((abridged(label), f"{counts[label]:,}", found)))
    if len(counts) > _SHOWN:
        rows.append(Row(("...", f"{len(counts) - _SHOWN:,} more", "")))
    return Block("lrl", rows)


def class_sizes(result: SplitResult) -> dict[str, list[int]]:
    """How many examples of each class are in each part of the first round."""
    plan = result.plan
    found = {label: [0] * len(result.rounds[0]) for label in plan.class_counts()}
    for number, part in enumerate(result.rounds[0]):
        for index in part:
            found[plan.classes[index]][number] += 1
    return found


def _batches(result: SplitResult) -> list[Row]:
    """The arithmetic of an epoch."""
    plan = result.plan
    rows = []
    for n in dict.fromkeys(result.training()):
        batches = result.batches(n)
        rest = n % plan.batch
        formula = f"{n}//{plan.batch} = {batches.steps}"
        said = "every batch is full"
        if rest and plan.drop_last:
            said = f"{rest} are left out"
        elif rest:
            # Rounding up, as Python writes it.
            formula = f"-(-{n}//{plan.batch}) = {batches.steps}"
            said = f"the last of {n} - {batches.steps - 1}*{plan.batch} = {batches.last}"
        name = "an epoch" if len(set(result.training())) == 1 else f"train {n}"
        rows.append(Row((name, f"{formula} steps, {said}")))
        if plan.epochs > 1:
            steps = plan.epochs * batches.steps
            rows.append(Row((f"{plan.epochs} epochs", f"{plan.epochs}*{batches.steps} = {steps}")))
    return rows


def document(result: SplitResult) -> dict[str, object]:
    """Sizes, and the indices of each part if they are few enough."""
    plan = result.plan
    found: dict[str, object] = {"n": plan.n, "seed": plan.seed}
    if plan.bootstrap:
        found |= {"method": "bootstrap", "expected_share": result.expected_share}
        found["share"] = result.value
    elif plan.k:
        found |= {"method": "kfold", "k": plan.k, "sizes": result.sizes()}
    elif plan.ratio:
        found |= {"method": "holdout", "ratio": list(plan.ratio), "sizes": result.sizes()}
    if plan.classes:
        found["classes"] = class_sizes(result)
    if plan.batch:
        training = result.training()
        found["batches"] = [
            {"train": n, **result.batches(n)._asdict()} for n in dict.fromkeys(training)
        ]
        found["epochs"] = plan.epochs
    if plan.k or plan.ratio or plan.bootstrap:
        names = plan.names
        found["rounds"] = (
            [dict(zip(names, parts, strict=True)) for parts in result.rounds]
            if result.drawable
            else None
        )
    if result.findings:
        found["verification"] = documented(result.findings)
    if result.notes:
        found["notes"] = list(result.notes)
    return found
