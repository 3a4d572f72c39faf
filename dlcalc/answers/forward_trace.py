"""``dlcalc forward --trace``: the gates and states of recurrent cells, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from dlcalc.answers.array_text import shown
from dlcalc.answers.forward_layers import TOLERANCE, Laid
from dlcalc.errors import InputError
from dlcalc.formulas.layers.recurrent import Line, Moment, moments
from dlcalc.formulas.layers.worked import MAX_TERMS

#: Numbers read on the way, moments shown, and hidden features written one by one.
_MOST, _MOMENTS, _HIDDEN = 5_000_000, 40, 4


def traced(layer: Laid) -> list[Moment]:
    """All steps of a recurrent layer. Raises `InputError` where they are too many to follow."""
    cost = layer.cost_of(layer.output.size)
    if cost > _MOST:
        raise InputError(
            f"--trace of {layer.step.node.text} would follow {cost:,} products; at most "
            f"{_MOST:,} are followed",
            mend="Give fewer steps or hidden features.",
        )
    return moments(layer.at)


def disagreement(layer: Laid, found: list[Moment]) -> str:
    """Where the last layer's states are not what the engine made; empty where they are."""
    word = layer.step.node.layer
    state = int(word.state)  # type: ignore[attr-defined]
    last = f"l{word.layers - 1}"  # type: ignore[attr-defined]
    for moment in found:
        if not moment.cell.startswith(last):
            continue
        first = state if moment.cell.endswith("_reverse") else 0
        for j, entry in enumerate(moment.lines[-1].entries):
            value = float(layer.output[moment.example, moment.time, first + j])
            if not entry.agrees(value, TOLERANCE):
                return (
                    f"{layer.name}: h[{j}] of {moment.cell} at step {moment.time} is {value:.9g}, "
                    f"but {entry.value:.9g} by its formula"
                )
    return ""


def texts(found: Sequence[Moment], batched: bool, digits: int) -> list[str]:
    """The steps as lines: what a cell reads, then each gate and state."""
    lines: list[str] = []
    for moment in found[:_MOMENTS]:
        where = f"example {moment.example}, " if batched else ""
        reads = ", ".join(f"{name} = {_vector(v, digits)}" for name, v in moment.reads)
        lines.append(f"{where}{moment.cell}, step {moment.time}: {reads}")
        for line in moment.lines:
            lines += [f"  {text}" for text in _line(line, digits)]
    if len(found) > _MOMENTS:
        lines.append(f"and {len(found) - _MOMENTS:,} steps more, which --json has")
    return lines


def _line(line: Line, digits: int) -> list[str]:
    """A vector entry by entry, or if it is long in names."""
    if len(line.entries) > _HIDDEN or len(line.entries[0].numbers) > MAX_TERMS:
        return [f"{line.name} = {line.formula} = {_vector(line.values, digits)}"]
    found = []
    for j, entry in enumerate(line.entries):
        name = line.name if len(line.entries) == 1 else f"{line.name}[{j}]"
        text = entry.text(lambda x: shown(x, digits))
        found.append(f"{name} = {text} = {shown(entry.value, digits)}")
    return found


def _vector(values: Sequence[float], digits: int) -> str:
    shown_ones = ", ".join(shown(value, digits) for value in values[:8])
    more = f", ... ({len(values)})" if len(values) > 8 else ""
    return shown_ones if len(values) == 1 else f"[{shown_ones}{more}]"


def documents(found: Sequence[Moment]) -> list[dict[str, object]]:
    """The steps as JSON."""
    return [
        {
            "cell": moment.cell,
            "example": moment.example,
            "step": moment.time,
            **{f"{name}_before" if name != "x" else name: v for name, v in moment.reads},
            **{line.name: line.values for line in moment.lines},
            "formulas": {line.name: line.formula for line in moment.lines},
        }
        for moment in found
    ]
