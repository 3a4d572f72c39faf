"""How steps are told: the rule with its penalties, the terms of a step, the steps of a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcalc.formulas.update import Step, filled, shown
from dlcalc.result import Block, Row

if TYPE_CHECKING:
    from dlcalc.answers.step import Question, Strength

#: At most so many weights are told of a step, and so many steps of a path.
SHOWN_WEIGHTS, SHOWN_STEPS = 12, 10
#: Of a path at most so many weights have a column.
_COLUMNS = 6


def heading(question: Question) -> list[Row]:
    """The optimiser, the rate, the penalties by their conventions, the rule."""
    rule, settings, rate, penalty, clip = question.how
    rows = []
    if rule.name != "sgd":
        told = ", ".join(
            f"{name} {shown(value)}" for name, value in settings.items() if name != "weight_decay"
        )
        rows.append(Row((rule.name, f"as torch.optim.{rule.twin}{told and ': '}{told}")))
    if question.default_rate:
        twin = rule.twin.partition("(")[0]
        rows.append(Row(("lr", f"{shown(rate)}, the default of torch.optim.{twin}")))
    if penalty.decay:
        told = f"{shown(penalty.decay)}, decoupled: w shrinks by lr*decay of itself before the step"
        rows.append(Row(("decay", told)))
    for each in question.penalties:
        rows.append(Row(("penalty", _penalty(each, penalty.proximal))))
        if question.n is not None or each.factor not in ("lambda", "lambda/2"):
            rows.append(Row(("same step", _same_step(each, question.n)), "aside"))
    if clip.value < float("inf"):
        rows.append(
            Row(("clipped", f"each gradient to -{shown(clip.value)} .. {shown(clip.value)}"))
        )
    if clip.norm < float("inf"):
        rows.append(Row(("clipped", f"the gradient to a norm of {shown(clip.norm)} at most")))
    lines = rule_lines(question)
    rows += [Row(("rule" if number == 0 else "", line)) for number, line in enumerate(lines)]
    if penalty.proximal:
        rows.append(Row(("", "soft(w, t) = sign(w)*max(abs(w) - t, 0)"), "aside"))
    return rows


def _penalty(each: Strength, proximal: bool) -> str:
    body = "sum(abs(w))" if each.name == "l1" else "sum(w**2)"
    factor = each.convention.factor.format(each.name)
    if each.name == "l1" and proximal:
        then = f"its soft threshold is lr*{each.convention.of_l1}"
    else:
        then = f"its gradient is {each.gradient}"
    return f"{factor}*{body}, the convention {each.factor}; {then}"


def _same_step(each: Strength, n: int | None) -> str:
    """The lambdas that give this very step under the other conventions."""
    by_l1 = each.coefficient * (1 if each.name == "l1" else 0.5)
    lambdas = {"lambda": by_l1, "lambda/2": 2 * by_l1}
    if n is not None:
        lambdas |= {"lambda/n": by_l1 * n, "lambda/2n": 2 * by_l1 * n}
    others = [
        f"{shown(strength)} by {factor}"
        for factor, strength in lambdas.items()
        if factor != each.factor
    ]
    return f"--{each.name} {', '.join(others)}"


def rule_lines(question: Question) -> list[str]:
    """The rule as Python: in one line for plain descent, line by line for the others."""
    rule, settings, _, penalty, _ = question.how
    gradients = [
        each.gradient for each in question.penalties if not (each.name == "l1" and penalty.proximal)
    ]
    total = " + ".join(["grad", *gradients])
    soft = next(
        (f"lr*{each.convention.of_l1}" for each in question.penalties if each.name == "l1"), ""
    )
    if rule.name == "sgd":
        base = "(1 - lr*decay)*w" if penalty.decay else "w"
        line = f"{base} - lr*({total})" if gradients else f"{base} - lr*grad"
        return [f"soft({line}, {soft})" if penalty.proximal else line]
    lines = [f"grad = {total}"] if gradients else []
    if penalty.decay:
        lines.append("w = (1 - lr*decay)*w")
    lines += rule.lines(settings)
    return [*lines, f"w = soft(w, {soft})"] if penalty.proximal else lines


def numbers_of(question: Question, step: Step, index: int) -> dict[str, float]:
    """What the names in a rule stand for, at one weight of a step."""
    rule, settings, rate, penalty, _ = question.how
    w = step.before[index]
    found: dict[str, float] = {
        "w": w,
        "sgn": (w > 0) - (w < 0),
        "grad": step.clipped[index],
        "lr": rate,
        "decay": penalty.decay,
        "t": step.number,
        "n": question.n or 1,
        **{each.name: each.strength for each in question.penalties},
        **settings,
    }
    if rule.name != "sgd":
        found |= {
            "w": step.shrunk[index],
            "grad": step.clipped[index] + step.penalty[index],
            **step.kept[index],
        }
    return found


def with_numbers(question: Question, step: Step, index: int) -> str:
    """The line that moves a weight, with its numbers in it, and what comes out."""
    lines = [line.removeprefix("w = ") for line in rule_lines(question)]
    moved = step.after[index]
    if question.how.rule.name != "sgd" and question.how.penalty.proximal:
        # The rule itself, and the soft threshold around it.
        lines[-1] = lines[-1].replace("soft(w,", f"soft({lines[-2]},")
    text = lines[-1].replace("sign(w)", "sgn")
    return f"{filled(text, numbers_of(question, step, index))} = {shown(moved)}"


def terms(question: Question, step: Step) -> list[Block]:
    """The terms of one step, a row a weight."""
    rule, settings = question.how.rule, question.how.settings
    plain = rule.name == "sgd"
    penalised = any(step.penalty) or bool(question.penalties and not question.how.penalty.proximal)
    clipped = step.clipped != step.data
    kept = () if plain else rule.keeps(settings)
    head = ["w", "data gradient"]
    head += ["clipped"] if clipped else []
    head += ["penalty gradient"] if penalised else []
    head += [*kept, "new weight"]
    rows = [Row(tuple(head))]
    for index, w in enumerate(step.before[:SHOWN_WEIGHTS]):
        cells = [shown(w), shown(step.data[index])]
        cells += [shown(step.clipped[index])] if clipped else []
        cells += [shown(step.penalty[index])] if penalised else []
        cells += [shown(step.kept[index][name]) for name in kept]
        cells.append(with_numbers(question, step, index) if plain else shown(step.after[index]))
        rows.append(Row(tuple(cells)))
    blocks = [Block("r" * (len(head) - 1) + ("l" if plain else "r"), rows)]
    more = len(step.before) - SHOWN_WEIGHTS
    if more > 0:
        blocks.append(Block("l", [Row((f"... and {more:,} more; -q prints all",), "aside")]))
    if not plain:
        which = "w" if len(step.before) == 1 else "w[1]"
        blocks.append(Block("ll", [Row((which, with_numbers(question, step, 0)))]))
    return blocks


def path(question: Question, steps: Sequence[Step], names: Sequence[str] = ()) -> Block:
    """The weights along a path; of a lone weight its gradient and what is kept of it too."""
    first = steps[0].before
    alone = len(first) == 1
    kept = question.how.rule.keeps(question.how.settings) if alone else ()
    columns = list(names) or (["w"] if alone else [f"w[{i}]" for i in range(1, len(first) + 1)])
    columns = columns[:_COLUMNS]
    head = ["step", *(["gradient", *kept] if alone else []), *columns]
    if len(first) > _COLUMNS:
        head.append("...")
    rows = [Row(tuple(head))]
    for step in steps:
        cells = [f"{step.number:,}"]
        if alone:
            cells.append(shown(step.clipped[0] + step.penalty[0]))
            cells += [shown(step.kept[0][name]) for name in kept]
        cells += [shown(w) for w in step.after[: len(columns)]]
        rows.append(Row(tuple([*cells, "..."][: len(head)])))
    return Block("r" * len(head), rows)


def chosen(count: int) -> set[int]:
    """The numbers of the steps that are told of so many: the first, the last, some between.

    >>> sorted(chosen(100))
    [1, 12, 23, 34, 45, 56, 67, 78, 89, 100]
    """
    if count <= SHOWN_STEPS:
        return set(range(1, count + 1))
    gaps = SHOWN_STEPS - 1
    return {1 + place * (count - 1) // gaps for place in range(SHOWN_STEPS)}


def in_one_line(values: Sequence[float]) -> str:
    """A vector for eyes, cut if it is long."""
    if len(values) <= SHOWN_WEIGHTS:
        return ",".join(map(shown, values))
    return f"{','.join(map(shown, values[:6]))},...,{shown(values[-1])}   {len(values):,} numbers"
