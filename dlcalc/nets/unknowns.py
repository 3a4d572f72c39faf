"""What a net and its input leave open: letters, and arguments written as ``_``.

Sizes move one way with each argument of a window: a larger kernel makes less
of them, a larger padding more. That direction is what lets a search leave out
whole ranges of values at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dlcalc.errors import InputError, abridged, nearest
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import MAX_SIZE, Shape
from dlcalc.layers.size import Polynomial, Size, evaluate, letters
from dlcalc.layers.transposed import ConvTranspose
from dlcalc.nets.parser import Group, Net, Node
from dlcalc.nets.word import Hole, filled, holes, read_word

#: The greatest value that is tried for an argument if no other bound is given.
GREATEST = {
    "kernel": 11,
    "stride": 4,
    "padding": 5,
    "dilation": 3,
    "output_padding": 3,
    "scale": 8,
    "factor": 8,
    "margin": 16,
}
#: That for every other argument, unless the output is larger.
_USUAL = 1_024

# Whether sizes grow (1) or shrink (-1) with an argument; 0 if they do not change.
_DIRECTIONS = {
    "kernel": -1,
    "stride": -1,
    "padding": 1,
    "dilation": -1,
    "output_padding": 1,
    "scale": 1,
    "size": 1,
    "output": 1,
    "out": 1,
    "margin": -1,
    "groups": 0,
}


class Unknown(NamedTuple):
    """A letter, or a ``_`` in the word of a layer, with the bounds of its value.

    ``name`` is the letter, or the word with a ``?`` in the place of this ``_``
    and the number of the layer. ``direction`` is None where sizes may go both
    ways. ``node`` and ``hole`` are those of a ``_``.
    """

    name: str
    argument: str
    low: int
    high: int
    direction: int | None = 1
    node: Node | None = None
    hole: Hole | None = None


class Bounds(NamedTuple):
    """Bounds by the name of an argument or letter, as ``--within`` gives them."""

    given: Mapping[str, tuple[int, int]] = {}
    #: The largest size of the output that is asked for.
    output: int = 1

    def of(self, argument: str, low: int) -> tuple[int, int]:
        """The least and the greatest value that are tried."""
        if argument in self.given:
            least, most = self.given[argument]
            return max(least, low), most
        if len(argument) == 1:
            return low, MAX_SIZE
        return low, GREATEST.get(argument, max(_USUAL, self.output))


def unknowns(start: Shape, net: Net, bounds: Bounds | None = None) -> tuple[Unknown, ...]:
    """Everything that is open, in the order in which it is written, letters first.

    Raises `InputError` for a bound of what is not open, or of no value.
    """
    bounds = bounds or Bounds()
    names = {name for size in start.sizes for name in letters(size)} | set(_net_letters(net))
    found = [Unknown(name, name, *bounds.of(name, 1)) for name in sorted(names)]
    for number, node in enumerate(open_nodes(net), start=1):
        for hole in holes(node.head):
            name = f"{number}:{node.head[: hole.place]}?{node.head[hole.place + 1 :]}"
            argument = hole.argument.name
            low, high = bounds.of(argument, hole.argument.low)
            direction = _direction(node.layer, argument)
            found.append(Unknown(name, argument, low, high, direction, node, hole))
    _check_bounds(found, bounds)
    return tuple(found)


def _check_bounds(found: list[Unknown], bounds: Bounds) -> None:
    known = [unknown.argument for unknown in found]
    for name, (low, high) in bounds.given.items():
        if name not in known:
            close = nearest(name, known)
            raise InputError(
                f"{abridged(name)} is not an unknown of this question",
                mend=f"Did you mean {close}?"
                if close
                else f"Unknown here: {', '.join(dict.fromkeys(known)) or 'nothing'}.",
            )
        if low > high:
            raise InputError(f"{name} from {low:,} to {high:,} leaves no value")
    for unknown in found:
        if unknown.low > unknown.high:
            raise InputError(f"{unknown.argument} is at least {unknown.low}, not {unknown.high}")


def _direction(layer: Layer, argument: str) -> int | None:
    direction = _DIRECTIONS.get(argument)
    if not isinstance(layer, ConvTranspose) or argument not in (
        "kernel",
        "stride",
        "padding",
        "dilation",
    ):
        return direction
    # Cut to a rule, a transposed kernel's size may go both ways.
    ruled = isinstance(layer.padding, str) and argument in ("kernel", "dilation")
    return None if ruled or direction is None else -direction


def open_nodes(net: Net) -> Iterator[Node]:
    """The layers with a ``_``, each once, those in brackets too."""
    for item in net:
        if isinstance(item, Group):
            yield from open_nodes(item.body)
            continue
        if holes(item.head):
            yield item
        for branch in item.branches:
            yield from open_nodes(branch)


def _net_letters(net: Net) -> Iterator[str]:
    for item in net:
        if isinstance(item, Group):
            yield from _net_letters(item.body)
            continue
        for size in _sizes(item.layer):
            yield from letters(size)
        for branch in item.branches:
            yield from _net_letters(branch)


def _sizes(layer: Layer) -> Iterator[Polynomial]:
    for value in layer.__dict__.values():
        for size in value if isinstance(value, tuple) else (value,):
            if isinstance(size, Polynomial):
                yield size


def fill_shape(shape: Shape, values: Mapping[str, int]) -> Shape:
    """The shape with numbers for the letters that have one."""
    return Shape(tuple(_number(size, values) for size in shape.sizes), shape.layout, shape.kind)


def fill(net: Net, values: Mapping[int, tuple[int, ...]], sizes: Mapping[str, int]) -> Net:
    """The net with numbers in its holes, by the id of the node, and for its letters.

    Raises `LayerError` if a layer refuses its numbers.
    """
    items: list[Node | Group] = []
    for item in net:
        if isinstance(item, Group):
            body = fill(item.body, values, sizes)
            items.append(item if body is item.body else item._replace(body=body))
            continue
        node = _filled(item, values.get(id(item)), sizes)
        branches = tuple([fill(branch, values, sizes) for branch in item.branches])
        if any(new is not old for new, old in zip(branches, item.branches, strict=True)):
            node = node._replace(branches=branches)
        items.append(node)
    same = all(new is old for new, old in zip(items, net, strict=True))
    return net if same else tuple(items)


def _filled(node: Node, numbers: tuple[int, ...] | None, sizes: Mapping[str, int]) -> Node:
    if numbers is not None:
        head = filled(node.head, numbers)
        layer = read_word(head)
        node = node._replace(layer=layer, text=head + node.text[len(node.head) :])
    if sizes and any(letters(size) & sizes.keys() for size in _sizes(node.layer)):
        node = node._replace(layer=_numbered(node.layer, sizes))
    return node


def _numbered(layer: Layer, sizes: Mapping[str, int]) -> Layer:
    """The layer with numbers for its letters."""

    def number(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(map(number, value))
        return _number(value, sizes) if isinstance(value, Polynomial) else value

    values = {a.name: number(getattr(layer, a.name)) for a in layer.arguments}
    return type(layer)(rank=layer.rank, **values)


def _number(size: Size, values: Mapping[str, int]) -> Size:
    if isinstance(size, int) or not letters(size) <= values.keys():
        return size
    return evaluate(size, values)


class Question(NamedTuple):
    """An input and a net that leave something open."""

    start: Shape
    net: Net
    unknowns: tuple[Unknown, ...]

    @property
    def holes(self) -> tuple[Unknown, ...]:
        """The unknowns that are arguments."""
        return tuple([unknown for unknown in self.unknowns if unknown.hole is not None])

    @property
    def letters(self) -> tuple[Unknown, ...]:
        """The unknowns that are letters."""
        return tuple([unknown for unknown in self.unknowns if unknown.hole is None])

    def filled(self, values: Mapping[str, int]) -> tuple[Shape, Net]:
        """The input and the net with these numbers; a letter without one stays.

        Raises `LayerError` if a layer refuses its numbers.
        """
        numbers: dict[int, tuple[int, ...]] = {}
        for unknown in self.holes:
            key = id(unknown.node)
            numbers[key] = (*numbers.get(key, ()), values[unknown.name])
        sizes = {u.name: values[u.name] for u in self.letters if u.name in values}
        return fill_shape(self.start, sizes), fill(self.net, numbers, sizes)
