"""What a net asks of the letters in its input, and the letters that meet it.

A net with letters is traced once; where it would need to know a size, it
states a condition instead: a window fits, branches agree, the output is the one
asked for. A condition on one letter is solved exactly, for all sizes at once:
sizes grow with their letter, so those of one output are an interval, and
branches agree or part with a period.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise
from math import lcm
from typing import NamedTuple

from dlcalc.errors import LayerError
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.merge import Concat, Multiply
from dlcalc.layers.rearrange import Reshape
from dlcalc.layers.resample import PixelUnshuffle
from dlcalc.layers.shape import MAX_SIZE, Shape, check_sizes
from dlcalc.layers.size import Floor, Polynomial, Size, bisected, evaluate, letters, product
from dlcalc.nets.parser import Net, Node, unroll
from dlcalc.nets.trace import trace

# Values of one letter that are looked at one by one.
_MAX_VALUES = 100_000


class Run(NamedTuple):
    """The numbers from ``first`` to ``last``, every ``step``-th of them."""

    first: int
    last: int
    step: int = 1

    def __contains__(self, number: object) -> bool:
        return (
            isinstance(number, int)
            and self.first <= number <= self.last
            and (number - self.first) % self.step == 0
        )

    @property
    def endless(self) -> bool:
        """Whether they go on to the largest size there is."""
        return self.last + self.step > MAX_SIZE


Runs = tuple[Run, ...]


class Condition(NamedTuple):
    """``left`` is ``right``, or at least ``right`` with ``least``."""

    left: Size
    right: Size
    least: bool = False

    @property
    def letters(self) -> set[str]:
        """The letters that it binds."""
        return letters(self.left) | letters(self.right)

    def holds(self, values: dict[str, int]) -> bool:
        """Whether it holds at these numbers."""
        left, right = evaluate(self.left, values), evaluate(self.right, values)
        return left >= right if self.least else left == right


class Undecided(Exception):
    """Something hangs on the letters that is no condition on sizes."""


def conditions(
    start: Shape, net: Net, convention: Convention
) -> tuple[Shape, tuple[Condition, ...]]:
    """The output in the letters of the input, and what must hold of them, in order.

    Raises `TraceError` where no letters can help, `Undecided` where that cannot be told.
    """
    found: list[Condition] = []
    return _through(net, start, convention, found), tuple(found)


def _through(net: Net, shape: Shape, convention: Convention, found: list[Condition]) -> Shape:
    for node, _ in unroll(net):
        layer = node.layer
        if not shape.symbolic and not any(_symbolic(node)):
            shape = trace((node,), shape, convention)[-1].output
            continue
        try:
            if node.branches:
                shape = _merged(node, shape, convention, found)
            else:
                for size, low in zip(shape.spatial, layer.lows(shape, convention), strict=False):
                    if isinstance(size, Polynomial) and low > 1:
                        found.append(Condition(size, low, least=True))
                shape = _rearranged(layer, shape, found) or layer.output_shape(shape, convention)
            check_sizes(shape)
        except LayerError as error:
            raise Undecided(error.rule) from error
    return shape


def _rearranged(layer: Layer, shape: Shape, found: list[Condition]) -> Shape | None:
    """The shape behind a layer that asks for divisible sizes; None if it is none or refuses."""
    if isinstance(layer, PixelUnshuffle) and len(shape.sizes) == 3 and shape.channels is not None:
        parts = tuple([_divided(n, layer.factor, found) for n in shape.spatial])
        return shape.with_spatial(shape.channels * layer.factor**2, parts)
    if not isinstance(layer, Reshape) or shape.bare:
        return None
    values = product(shape.sizes)
    given = product(size for size in layer.sizes if size != -1)
    if not isinstance(given, int):
        return None
    if -1 not in layer.sizes:
        found.append(Condition(values, given))
        return shape.with_sizes(layer.sizes)
    left = _divided(values, given, found)
    return shape.with_sizes(tuple(left if size == -1 else size for size in layer.sizes))


def _divided(size: Size, divisor: int, found: list[Condition]) -> Size:
    """The quotient, on the condition that there is no remainder."""
    part = size // divisor
    if part * divisor != size:
        found.append(Condition(size, part * divisor))
    return part


def _symbolic(node: Node) -> Iterable[bool]:
    """For every value of the layers in it whether it is a letter."""
    for value in node.layer.__dict__.values():
        yield isinstance(value, Polynomial) or (
            isinstance(value, tuple) and any(isinstance(size, Polynomial) for size in value)
        )
    for branch in node.branches:
        for inside, _ in unroll(branch):
            yield from _symbolic(inside)


def _merged(node: Node, shape: Shape, convention: Convention, found: list[Condition]) -> Shape:
    layer = node.layer
    if layer.branches_on_each_token:
        return trace((node,), shape, convention)[-1].output
    outputs = [_through(branch, shape, convention, found) for branch in node.branches]
    if len(outputs) == 1:
        outputs.append(shape)
    if layer.auxiliary:
        return layer.merge(tuple(outputs))
    first, *others = outputs
    agreed = [first]
    for other in others:
        if len(other.sizes) != len(first.sizes) or other.kind != first.kind:
            return layer.merge(tuple(outputs))
        sizes = list(other.sizes)
        for axis, (left, right) in enumerate(zip(first.sizes, other.sizes, strict=True)):
            if left == right or axis == _joined(layer, first):
                continue
            if isinstance(left, int) and isinstance(right, int):
                continue
            if isinstance(layer, Multiply):
                if 1 in (left, right):
                    continue
                raise Undecided("a size of 1 would be stretched")
            found.append(Condition(left, right))
            sizes[axis] = left
        agreed.append(Shape(tuple(sizes), other.layout, other.kind))
    return layer.merge(tuple(agreed))


def _joined(layer: object, shape: Shape) -> int | None:
    """The axis along which branches are put side by side."""
    if not isinstance(layer, Concat):
        return None
    if layer.axis is not None:
        return layer.axis
    if shape.kind == "side":
        return None
    return len(shape.sizes) - 1 if shape.layout == "hwc" else 0


def groups(found: Iterable[Condition], names: Iterable[str]) -> list[tuple[set[str], list[int]]]:
    """The letters that hang together, each with the places of the conditions on them."""
    parts: list[tuple[set[str], list[int]]] = [({name}, []) for name in names]
    for place, condition in enumerate(found):
        own = condition.letters
        joined = [part for part in parts if part[0] & own]
        if not joined:
            continue
        parts = [part for part in parts if not part[0] & own]
        bound: set[str] = set().union(*(part[0] for part in joined))
        places = sorted({p for part in joined for p in part[1]} | {place})
        parts.append((bound, places))
    return sorted(parts, key=lambda part: min(part[0]))


def numbers(name: str, found: Iterable[Condition], low: int, high: int) -> Runs:
    """The values of a letter from low to high that meet conditions on it alone.

    Raises `Undecided` where they are too many to be looked at one by one.

    >>> from dlcalc.layers.size import letter
    >>> numbers("H", [Condition((letter("H") + 3)//4, 56)], 1, 10**12)
    (Run(first=221, last=224, step=1),)
    """
    parted = []
    for condition in found:
        # In the order of the layers: a size surely grows with its letter only where
        # the windows before it fit.
        if isinstance(condition.left, int):
            condition = Condition(condition.right, condition.left)
        left, right = condition.left, condition.right
        if not isinstance(right, int):
            parted.append(condition)
            continue
        low = _first(left, name, right, low, high)
        if not condition.least:
            high = min(high, _first(left, name, right + 1, low, high) - 1)
        if low > high:
            return ()
    if not parted:
        return (Run(low, high),)
    return _agreeing(name, parted, low, high)


def _first(size: Size, name: str, bound: int, low: int, high: int) -> int:
    """The first value from low to high with which the size is at least the bound; else high + 1."""
    if low > high or evaluate(size, {name: low}) >= bound:
        return low
    if evaluate(size, {name: high}) < bound:
        return high + 1
    # Doubling steps first: most answers are small.
    step = 1
    while low + step < high and evaluate(size, {name: low + step}) < bound:
        low += step
        step *= 2
    return bisected(size, name, bound, low, min(high, low + step))


def _agreeing(name: str, parted: list[Condition], low: int, high: int) -> Runs:
    """The values from low to high with which all these pairs of sizes are equal."""

    def holds(value: int) -> bool:
        return all(condition.holds({name: value}) for condition in parted)

    if high - low < _MAX_VALUES:
        return runs(value for value in range(low, high + 1) if holds(value))
    sizes = [size for condition in parted for size in (condition.left, condition.right)]
    period = lcm(*(_period(size) for size in sizes))
    if 3 * period > _MAX_VALUES or any(_degree(size) > 1 for size in sizes):
        raise Undecided("branches agree with a period too long to be looked through")
    # Every period-th value adds the same to a size of the first degree. So two sizes that
    # are equal twice along such values always are; else they are once at most.
    always = []
    once = []
    for value in range(low, low + period):
        steps = [_meeting(condition, name, value, period) for condition in parted]
        if all(step is None for step in steps):
            always.append(value)
            continue
        (step, *others) = {step for step in steps if step is not None}
        met = value + step * period
        if not others and step >= 0 and met <= high and holds(met):
            once.append(met)
    every = [Run(value, high - (high - value) % period, period) for value in always]
    if len(always) == period:
        every = [Run(low, high)]
    elif len(always) > 1 and len({b - a for a, b in pairwise(always)}) == 1:
        step = always[1] - always[0]
        if step * len(always) == period:
            every = [Run(always[0], high - (high - always[0]) % step, step)]
    return (*runs(once), *every)


def _meeting(condition: Condition, name: str, value: int, period: int) -> int | None:
    """After how many periods both sizes are equal; None if always, -1 if never."""

    def apart(at: int) -> int:
        values = {name: at}
        return evaluate(condition.left, values) - evaluate(condition.right, values)

    here, slope = apart(value), apart(value + period) - apart(value)
    if slope == 0:
        return None if here == 0 else -1
    return -here // slope if here % slope == 0 and -here // slope >= 0 else -1


def _period(size: Size) -> int:
    """How far the letter must move for every quotient to move by a whole number."""
    if isinstance(size, int):
        return 1
    found = 1
    for monomial in size.terms:
        for atom, _ in monomial:
            if isinstance(atom, Floor):
                found = lcm(found, atom.divisor * _period(atom.numerator))
    return found


def _degree(size: Size) -> int:
    if isinstance(size, int):
        return 0
    degrees = [0]
    for monomial in size.terms:
        parts = [
            power * (_degree(atom.numerator) if isinstance(atom, Floor) else 1)
            for atom, power in monomial
        ]
        degrees.append(sum(parts))
    return max(degrees)


def runs(values: Iterable[int]) -> Runs:
    """Rising numbers as the fewest runs of equal steps that reading from the left finds.

    >>> runs([5, 6, 7, 16, 32, 48, 50])
    (Run(first=5, last=7, step=1), Run(first=16, last=48, step=16), Run(first=50, last=50, step=1))
    """
    ordered = list(values)
    gaps = [(b - a, i) for i, (a, b) in enumerate(pairwise(ordered))]
    found: list[Run] = []
    taken = -1
    for gap, group in groupby(gaps, key=lambda pair: pair[0]):
        places = [place for _, place in group]
        first, last = max(places[0], taken + 1), places[-1] + 1
        if last - first < 2 and not (gap == 1 and last > first):
            continue
        found += [Run(ordered[i], ordered[i]) for i in range(taken + 1, first)]
        found.append(Run(ordered[first], ordered[last], gap))
        taken = last
    return (*found, *(Run(value, value) for value in ordered[taken + 1 :]))
