"""Receptive fields along a traced net: what each output sees of the input."""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.layers.axis import Axis, Chain
from dlcalc.layers.convention import TORCH, Convention
from dlcalc.layers.shape import Shape
from dlcalc.nets.trace import Step

# Down and up again this often, or seeing this much, is no net that anybody looks
# through: giving up there bounds time and memory.
_MAX_MAPS = 32
_MAX_EXTENT = 10**15


class Field(NamedTuple):
    """The chains of maps from the input, one for each spatial axis.

    ``chains`` is None where each output sees everything or outputs differ.
    ``misaligned`` says how the branches that met last look at different places.
    """

    chains: tuple[Chain, ...] | None
    misaligned: str = ""

    def then(self, axes: tuple[Axis, ...] | None) -> Field:
        """The field behind one more layer."""
        if self.chains is None or axes is None or len(axes) != len(self.chains):
            return Field(None)
        chains = tuple([c.then(a) for c, a in zip(self.chains, axes, strict=True)])
        return Field(None if any(map(_endless, chains)) else chains)


def _endless(chain: Chain) -> bool:
    last = chain.maps[-1]
    return len(chain.maps) > _MAX_MAPS or max(last.extent, last.s, last.up) > _MAX_EXTENT


def start(shape: Shape) -> Field:
    """The field of the input itself."""
    return Field((Chain(),) * len(shape.spatial))


class Seen(NamedTuple):
    """A step with the fields before and behind it, and the same for its branches."""

    step: Step
    before: Field
    field: Field
    branches: tuple[tuple[Seen, ...], ...] = ()


def follow(
    steps: tuple[Step, ...], field: Field, convention: Convention = TORCH
) -> tuple[Seen, ...]:
    """Every step with the fields around it, given the one before the first.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> from dlcalc.nets.trace import trace
    >>> network = parse(Source("3x32x32 conv:6,k5 maxpool:2"))
    >>> seen = follow(trace(network.net, network.input), start(network.input))
    >>> seen[-1].field.chains[0].receptive_field
    6
    """
    found = []
    for step in steps:
        before = field
        branches = tuple([follow(branch, before, convention) for branch in step.branches])
        if branches:
            field = _behind_branches(step, before, branches)
        else:
            field = before.then(step.node.layer.axes(step.input, convention))
        found.append(Seen(step, before, field, branches))
    return tuple(found)


def _behind_branches(step: Step, before: Field, branches: tuple[tuple[Seen, ...], ...]) -> Field:
    layer = step.node.layer
    if layer.auxiliary:
        return before
    met = [branch[-1] for branch in branches]
    if any(seen.step.output.spatial != step.output.spatial for seen in met):
        # Stretched to the others' sizes or set behind them: places differ by output.
        return Field(None)
    if layer.branches_on_each_token:
        # All features of a token together decide which experts work on it.
        return Field(None)
    fields = [seen.field for seen in met]
    return merged([*fields, before] if len(met) == 1 and layer.merges_input else fields)


def behind(steps: tuple[Step, ...], field: Field, convention: Convention = TORCH) -> Field:
    """The field behind the last of the steps."""
    seen = follow(steps, field, convention)
    return seen[-1].field if seen else field


def merged(met: list[Field]) -> Field:
    """The union of what the branches see, and whether they look at the same places."""
    joined = []
    misaligned = ""
    branches = [field.chains for field in met]
    if any(chains is None or len(chains) != len(branches[0] or ()) for chains in branches):
        return Field(None)
    for chains in zip(*(chains for chains in branches if chains is not None), strict=True):
        joined.append(_union(chains))
        misaligned = misaligned or _misalignment(chains)
    if any(chain is None for chain in joined):
        return Field(None, misaligned)
    return Field(tuple(chain for chain in joined if chain is not None), misaligned)


def _union(chains: tuple[Chain, ...]) -> Chain | None:
    first = chains[0]
    if all(chain == first for chain in chains):
        return first
    axes = [chain.maps[0] for chain in chains]
    if any(len(chain.maps) > 1 for chain in chains) or len({(a.s, a.up) for a in axes}) > 1:
        return None
    begin = max(axis.begin for axis in axes)
    extent = begin + max(axis.extent - axis.begin for axis in axes)
    low = max(axis.low for axis in axes)
    return Chain((axes[0]._replace(begin=begin, extent=extent, low=low),))


def _misalignment(chains: tuple[Chain, ...]) -> str:
    """In words, how branches look at different places; empty if they do not."""
    jumps = {chain.jump for chain in chains}
    if len(jumps) > 1:
        return f"the branches move by {' and '.join(map(str, sorted(jumps)))}"
    centres = sorted({chain.centre for chain in chains}, key=lambda pair: pair[0] / pair[1])
    if len(centres) > 1:
        shown = [str(over) if under == 1 else f"{over}/{under}" for over, under in centres]
        return f"the branches are centred at {' and '.join(shown)}"
    return ""
