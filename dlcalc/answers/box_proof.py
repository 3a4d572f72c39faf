"""``--box --verify``: inputs set to NaN in the engine, to see which turn the output NaN."""

from __future__ import annotations

from itertools import product
from math import prod
from time import monotonic
from typing import TYPE_CHECKING

from dlcalc.answers.counting import count, sums
from dlcalc.answers.verify import (
    Check,
    Unrunnable,
    Verification,
    affordable,
    numbered,
    program_of,
    read_budget,
)
from dlcalc.errors import InputError
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.nets.box import Region
from dlcalc.nets.parser import Net
from dlcalc.nets.trace import trace

if TYPE_CHECKING:
    from dlcalc.engine.program import Program

# Inputs among which those that are read are told apart.
_MAX_INPUTS = 1_000_000

Place = tuple[int, ...]


def prove(
    start: Shape,
    net: Net,
    convention: Convention,
    output: Place,
    boxes: tuple[Region, ...],
    budget: str = "",
) -> Verification:
    """Each input of the boxes alone must turn the output NaN, all others together must not.

    What there is no time for within the budget is left out, and said to be.
    """
    bounds = read_budget(budget)
    until = monotonic() + bounds[1]
    chosen = numbered(start, net, convention)
    if isinstance(chosen, str):
        return Verification((), (chosen,))
    shape = chosen[0]
    sides = [n for n in shape.spatial if isinstance(n, int)]
    if prod(sides) > _MAX_INPUTS:
        return Verification((), (f"more than {_MAX_INPUTS:,} inputs",))
    try:
        layers = count(trace(net, shape, convention), convention)
        if not affordable(layers, bounds):
            return Verification((), ("the net is beyond the budget of the verification",))
        program = program_of(net, shape, convention, sums(layers).parameters)
    except Unrunnable as error:
        return Verification((), (str(error),))
    except InputError as error:
        return Verification((), (error.rule,))
    read = _ordered(boxes)
    held = set(read)
    others = [place for place in product(*map(range, sides)) if place not in held]
    outside = [_outside(program, output, others)] if others else []
    tried, silent = _inside(program, output, read, until)
    what = f"{tried:,} inputs turn it NaN, each alone"
    checks = [Check(what, "all", silent or "all")] if tried else []
    checks += outside
    rest = len(read) - tried if not silent else 0
    left = (f"{rest:,} of {len(read):,} inputs in the box, beyond the budget",) if rest else ()
    return Verification(tuple(checks), left)


def _ordered(boxes: tuple[Region, ...]) -> list[Place]:
    """The inputs of the boxes, each once, the corners first."""
    corners = [p for box in boxes if all(box) for p in product(*[(min(a), max(a)) for a in box])]
    inner = [place for box in boxes for place in product(*map(sorted, box))]
    return list(dict.fromkeys([*corners, *inner]))


def _outside(program: Program, output: Place, others: list[Place]) -> Check:
    """That none of the inputs that are not read turns the output NaN; else one that does."""
    from dlcalc.engine.witness import turns_nan

    what = f"the other {len(others):,} do not"
    if not turns_nan(program, output, others):
        return Check(what, "none", "none")
    while len(others) > 1:
        half = others[: len(others) // 2]
        others = half if turns_nan(program, output, half) else others[len(half) :]
    return Check(what, "none", f"{sizes_text(others[0])} does")


def _inside(program: Program, output: Place, read: list[Place], until: float) -> tuple[int, str]:
    """How many inputs were tried before the time was up, and the first that did nothing."""
    from dlcalc.engine.witness import turns_nan

    for index, place in enumerate(read):
        if monotonic() > until:
            return index, ""
        if not turns_nan(program, output, [place]):
            return index + 1, f"{sizes_text(place)} does not"
    return len(read), ""
