"""The layers of ``dlcalc forward`` at work: what each read and made, and by which formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from dlcalc.formulas.layers.table import At, Rule, Values, find, unraveled
from dlcalc.formulas.layers.worked import Worked
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Layout
from dlcalc.nets.parser import Node
from dlcalc.nets.trace import Step

if TYPE_CHECKING:
    from dlcalc.engine.operation import Array

#: Relative difference up to which two computations in double precision agree.
TOLERANCE = 1e-9
#: Numbers that formulas may read for a layer's shown outputs, and for one verification.
_AS_LIST, _FEW = 200_000, 6
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
    #: Whether its branches have been laid out before it.
    closes: bool = False

    def worked(self, place: int) -> Worked | None:
        """The output at a place in row-major order, by its formula."""
        if self.rule is None:
            return None
        return self.rule.element(unraveled(place, self.output.shape))

    @property
    def affordable(self) -> bool:
        """Whether a few formulas are worked out in no time."""
        return self.rule is not None and self.cost_of(_FEW) <= _SHOWN_COST

    @property
    def cost(self) -> int:
        """How many numbers the formulas of all outputs read, about."""
        return self.cost_of(self.output.size)

    def cost_of(self, outputs: int) -> int:
        """How many numbers the formulas of so many outputs read, about."""
        if self.rule is None:
            return 0
        every = int(self.output.size)
        return self.rule.cost_of(every if self.rule.chained else min(outputs, every))


class Mark(NamedTuple):
    """A bracket or a bar between layers."""

    text: str
    depth: int


class Ran(NamedTuple):
    """One layer as the engine ran it: its name, itself, its output."""

    name: str
    node: Node
    output: Array


Item = Laid | Mark


def lay_out(
    steps: tuple[Step, ...],
    trail: list[Ran],
    x: Array,
    tensors: Mapping[str, Array],
    setting: Setting,
    depth: int = 0,
) -> tuple[list[Item], Array]:
    """The layers in the order in which they are written, and the output of the last.

    ``trail`` are the layers that the engine ran, the first of them last; those that are
    laid out are taken off. What a layer reads is told by the net, not by the engine.
    """
    found: list[Item] = []
    for step in steps:
        inputs: list[Array] = [x]
        # What exists several times, as experts do, has no one output each.
        once = step.node.layer.copies() == 1
        if step.branches and once:
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
        while trail[-1].node is not step.node:
            trail.pop()
        name, _, output = trail.pop()
        own = _own(tensors, name)
        read = tuple(map(values, inputs))
        at = At(step.node.layer, read, values(output), own, *setting)
        make = find(type(step.node.layer))
        rule = make(at) if make else None
        found.append(Laid(name, step, depth, output, at, rule, once and bool(step.branches)))
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
    rule, count = layer.rule, int(layer.output.size)
    if rule is None or layer.cost_of(1) > budget:
        return None
    # Outputs that lie apart may each need a mean of their own.
    most = max((budget - rule.shared * min(rule.groups, count)) // rule.cost, 1)
    if rule.chained or layer.cost <= budget:
        most = count
    elif layer.cost_of(most) > budget:
        most = max(budget // (rule.cost + rule.shared), 1)
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
