"""The phases of outputs behind transposed convolutions and upsamplings.

Such layers read by turns: the output at position o reads a pattern that hangs on
o mod a period, and moves on by whole inputs from one turn to the next.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import NamedTuple

from dlcalc.layers.convention import TORCH, Convention
from dlcalc.nets.box import dilations, read
from dlcalc.nets.trace import Step

#: Phases of one side that are listed; beyond them there are too many to be told.
MAX_PHASES = 1_024
# Pairs of an output and an input that are followed for all phases of one layer.
_MAX_READ = 1_000_000


class Phases(NamedTuple):
    """What outputs q*period + r read, far from borders: input q*shift + each of ``reads[r]``."""

    period: int
    shift: int
    reads: tuple[tuple[int, ...], ...]


def phases(steps: tuple[Step, ...], axis: int, convention: Convention = TORCH) -> Phases | None:
    """The phases along one axis; None where all outputs read alike, or not by turns.

    >>> from dlcalc.errors import Source
    >>> from dlcalc.nets.parser import parse
    >>> from dlcalc.nets.trace import trace
    >>> network = parse(Source("1x9 convtranspose:1,k3,s2,p1"))
    >>> phases(trace(network.net, network.input), 0)
    Phases(period=2, shift=1, reads=((0,), (0, 1)))
    """
    found = _periodic(steps, axis, Fraction(1), convention)
    if found is None:
        return None
    scale, period = found
    if not 1 < period <= MAX_PHASES:
        return None
    reads = []
    for phase in range(period):
        places = _unclipped(steps, axis, frozenset({phase}), convention, _MAX_READ // period)
        if places is None:
            return None
        reads.append(tuple(sorted(places)))
    return Phases(period, int(scale * period), tuple(reads))


def _periodic(
    steps: tuple[Step, ...], axis: int, scale: Fraction, convention: Convention
) -> tuple[Fraction, int] | None:
    """Inputs that one output moves on by, and after how many outputs all is whole again."""
    period = scale.denominator
    for step in reversed(steps):
        sides = step.input.spatial
        if len(sides) <= axis or len(step.output.spatial) != len(sides):
            return None
        if step.branches:
            if step.node.layer.auxiliary:
                continue
            ends = [branch[-1].output for branch in step.branches]
            if step.node.layer.merges_input and len(ends) == 1:
                ends.append(step.input)
            if any(end.spatial != step.output.spatial for end in ends):
                return None
            parts = [_periodic(inner, axis, scale, convention) for inner in step.branches]
            if len(parts) == 1 and step.node.layer.merges_input:
                parts.append((scale, period))
            known = [part for part in parts if part is not None]
            if len(known) < len(parts) or len({part[0] for part in known}) > 1:
                return None
            scale = known[0][0]
            period = lcm(period, *(part[1] for part in known))
            continue
        axes = step.node.layer.axes(step.input, convention)
        if axes is None or len(axes) != len(sides):
            return None
        scale *= Fraction(axes[axis].s, axes[axis].up)
        period = lcm(period, scale.denominator)
        if period > MAX_PHASES:
            return None
    return scale, period


def _unclipped(
    steps: tuple[Step, ...],
    axis: int,
    places: frozenset[int],
    convention: Convention,
    most: int,
) -> frozenset[int] | None:
    """What outputs read where there are no borders; None beyond a number of pairs."""
    for step in reversed(steps):
        layer = step.node.layer
        if layer.auxiliary:
            continue
        if step.branches:
            parts = [_unclipped(inner, axis, places, convention, most) for inner in step.branches]
            if len(parts) == 1 and layer.merges_input:
                parts.append(places)
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            places = frozenset().union(*known)
            continue
        own = (layer.axes(step.input, convention) or ())[axis]
        dilation, spread = dilations(step, convention)[axis]
        if len(places) * own.extent > most:
            return None
        places = frozenset(
            place for output in places for place in read(own, output, dilation, spread)
        )
    return places
