"""The layers of ``dlcalc forward`` at work: what each read and made, and by which formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.formulas.layers.table import At, Rule, Values, find, unraveled
from dlcalc.formulas.layers.worked import Worked
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Layout
from dlcalc.nets.trace import Step

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array

#: Relative difference up to which two computations in double precision agree.
TOLERANCE = 1e-9
#: Numbers that formulas may read for a layer's shown outputs, and for one verification.
_AS_LIST = 200_000
_SHOWN_COST, VERIFY_COST = 300_000, 1_500_000


class Setting(NamedTuple):
    """What all layers of a net have in common."""

    convention: Convention
    layout: Layout
    training: bool
    batched: bool = False


class Laid(NamedTuple):
    """One layer at work: its name, its step, what it made, and how formulas make it."""

    name: str
    step: Step
    depth: int
    output: Array
    at: At
    rule: Rule | None

    def worked(self, place: int) -> Worked | None:
        """The output at a place in row-major order, by its formula."""
        if self.rule is None:
            return None
        return self.rule.element(unraveled(place, self.output.shape))

    @property
    def affordable(self) -> bool:
        """Whether a few formulas are worked out in no time."""
        if self.rule is None:
            return False
        return self.cost_of(self.output.size if self.rule.chained else 6) <= _SHOWN_COST

    def cost_of(self, outputs: int) -> int:
        """How many numbers the formulas of so many outputs read, about."""
        return 0 if self.rule is None else self.rule.cost * outputs


class Mark(NamedTuple):
    """A bracket or a bar between layers."""

    text: str
    depth: int


Item = Laid | Mark
Trail = Iterator[tuple[str, "Array"]]


def lay_out(
    steps: tuple[Step, ...],
    trail: Trail,
    x: Array,
    tensors: Mapping[str, Array],
    setting: Setting,
    depth: int = 0,
) -> tuple[list[Item], Array]:
    """The layers in the order in which they are written, and the output of the last.

    ``trail`` are the engine's outputs by the names of their layers, in the order in
    which they ran. What a layer reads is told by the net, not by the engine.
    """
    found: list[Item] = []
    for step in steps:
        inputs: list[Array] = [x]
        if step.branches:
            inputs = []
            found.append(Mark(f"{step.node.head}[", depth))
            for number, branch in enumerate(step.branches):
                if number:
                    found.append(Mark("|", depth))
                items, end = lay_out(branch, trail, x, tensors, setting, depth + 1)
                found += items
                inputs.append(end)
            if len(inputs) == 1:
                inputs.append(x)
        name, output = next(trail)
        own = _own(tensors, name)
        read = tuple(map(values, inputs))
        at = At(step.node.layer, read, values(output), own, *setting)
        make = find(type(step.node.layer))
        found.append(Laid(name, step, depth, output, at, make(at) if make else None))
        x = output
    return found, x


def values(array: Array) -> Values:
    """An array as formulas read it."""
    flat = array.ravel()
    # Numbers of a list are read several times faster, and take several times the memory.
    return Values(array.shape, flat.tolist() if flat.size <= _AS_LIST else flat)


def _own(tensors: Mapping[str, Array], name: str) -> dict[str, Values]:
    """The tensors of one layer by its own names for them."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): values(array)
        for key, array in tensors.items()
        if key.startswith(prefix)
    }


class Agreement(NamedTuple):
    """How the formulas of a layer agreed with the engine."""

    layer: Laid
    looked_at: int
    difference: float
    wrong: str = ""

    @property
    def whole(self) -> bool:
        """Whether every output was looked at."""
        return self.looked_at == self.layer.output.size


def agreement(layer: Laid, budget: int) -> Agreement | None:
    """Hold a layer's outputs against its formulas: all, or some spread evenly over them.

    None where there is no formula, or where even one output is beyond the budget.
    """
    rule = layer.rule
    count = int(prod(layer.output.shape))
    if rule is None or rule.cost * (count if rule.chained else 1) > budget:
        return None
    most = count if rule.chained else max(budget // rule.cost, 1)
    places = range(count) if count <= most else _spread(count, most)
    flat = layer.output.ravel()
    difference = 0.0
    for place in places:
        worked = layer.worked(place)
        assert worked is not None
        found = float(flat[place])
        if not worked.agrees(found, TOLERANCE):
            where = ", ".join(map(str, unraveled(place, layer.output.shape)[1:]))
            wrong = (
                f"{layer.name}: y[{where}] is {found:.9g}, but {worked.value:.9g} by its formula"
            )
            return Agreement(layer, len(places), difference, wrong)
        scale = max(abs(found), worked.size)
        if found == found and scale and worked.value != found:
            difference = max(difference, abs(worked.value - found) / scale)
    return Agreement(layer, len(places), difference)


def _spread(count: int, most: int) -> list[int]:
    """Places evenly apart, the first and the last among them."""
    if most == 1:
        return [0]
    return sorted({index * (count - 1) // (most - 1) for index in range(most)})
