"""The notation's parser: text to a tree of layers, every node with its place.

    INPUT = size { "x" size }            size = INT, or one letter other than x
    net   = item { item }                separated by white space; # comments in files
    item  = [ INT "*" ] ( layer | "[" net "]" )
    layer = NAME [ ":" arg { "," arg } ] [ "[" net { "|" net } "]" ]

Words are read in `dlcalc.nets.word`. Untrusted text is bounded here: brackets
may nest 100 deep, and a net may unroll to 100,000 layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from dlcalc.errors import InputError, NotationError, Place, Source, abridged
from dlcalc.files import read_source
from dlcalc.layers import registry
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import MAX_AXES, MAX_SIZE, Layout, Shape
from dlcalc.layers.size import Size, letter
from dlcalc.nets import zoo
from dlcalc.nets.word import WordError, meant_layer, read_word

MAX_DEPTH = 100
MAX_LAYERS = 100_000


class Node(NamedTuple):
    """One layer as it was written, with its branches; ``name`` is the one in its model file."""

    layer: Layer
    text: str
    place: Place
    branches: tuple[Net, ...] = ()
    name: str = ""

    @property
    def head(self) -> str:
        """The text before the brackets."""
        return self.text.partition("[")[0]


class Group(NamedTuple):
    """A part in brackets that is repeated, or a net that was named.

    ``place`` is that of the name of a built-in net, whose own text the reader
    has not written; otherwise None.
    """

    body: Net
    times: int = 1
    place: Place | None = None
    input: Shape | None = None


Net = tuple[Node | Group, ...]


class Network(NamedTuple):
    """A net and the input that was written before it, or that a named net usually has."""

    input: Shape | None
    net: Net
    source: Source


def unroll(net: Net, place: Place | None = None) -> Iterator[tuple[Node, Place]]:
    """The layers of a net in their order, each with the place that a reader knows."""
    for item in net:
        if isinstance(item, Node):
            yield item, place or item.place
        else:
            for _ in range(item.times):
                yield from unroll(item.body, place or item.place)


def parse(source: Source, *, layout: Layout = "chw", files: bool = True) -> Network:
    """The network that a text describes: an INPUT, if it begins with one, and a net.

    A source with a name is a file, in which # starts a comment and no further
    file is read. Raises `NotationError` at the first word that is wrong, and
    `InputError` for a file that cannot be read.

    >>> network = parse(Source("3x32x32 conv:6,k5 2*[relu conv:6,k3]"))
    >>> network.input, [node.text for node, _ in unroll(network.net)]
    (Shape(3x32x32), ['conv:6,k5', 'relu', 'conv:6,k3', 'relu', 'conv:6,k3'])
    """
    return _Parser(source, layout, files).network()


class _Token:
    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end


_TOKEN = re.compile(
    r"\s+|(?P<repeat>[0-9]+\*)|(?P<mark>[\[\]|])|(?P<word>[^\s\[\]|#]+)|(?P<comment>#[^\n]*)"
)
_INPUT = re.compile(r"(?:[0-9]+|[A-Za-wyz])(?:x(?:[0-9]+|[A-Za-wyz]))*")
# What was meant as an INPUT but is none: it begins like a number.
_LIKE_INPUT = r"(?s)[-+(]?[0-9].*"


class _Parser:
    def __init__(self, source: Source, layout: Layout, files: bool) -> None:
        self.source = source
        self.layout = layout
        self.files = files
        self.tokens = self._tokens()
        self.position = 0

    def network(self) -> Network:
        shape = self._input()
        net, _ = self._net(0)
        token = self._peek()
        if token.kind != "end":
            raise self._error(f"{token.text} closes or parts nothing", token)
        return Network(shape if shape is not None else _usual_input(net), net, self.source)

    def _tokens(self) -> list[_Token]:
        tokens = []
        for match in _TOKEN.finditer(self.source.text):
            kind = match.lastgroup
            if kind is None:
                continue
            token = _Token(kind, match[0], match.start(), match.end())
            if kind != "comment":
                tokens.append(token)
            elif not self.source.name:
                raise self._error("# starts a comment only in a file", token)
        return tokens

    def _peek(self) -> _Token:
        if self.position < len(self.tokens):
            return self.tokens[self.position]
        length = len(self.source.text)
        return _Token("end", "", length, length)

    def _input(self) -> Shape | None:
        token = self._peek()
        product = re.match(r"[0-9]+(\*[0-9]+)+(?=\s|$)", self.source.text[token.start :][:100])
        if product:
            end = token.start + product.end()
            raise self._not_an_input(_Token("word", product[0], token.start, end))
        if token.kind != "word":
            return None
        if not _INPUT.fullmatch(token.text):
            if re.fullmatch(_LIKE_INPUT, token.text) and not is_path(token.text):
                raise self._not_an_input(token)
            return None
        self.position += 1
        if token.text.count("x") >= MAX_AXES:
            raise self._error(f"INPUT may have at most {MAX_AXES} axes", token)
        sizes: list[Size] = []
        start = token.start
        for word in token.text.split("x"):
            sizes.append(self._size(word, start))
            start += len(word) + 1
        return Shape(tuple(sizes), self.layout, "whole" if len(sizes) > 1 else "open")

    def _not_an_input(self, token: _Token) -> InputError:
        return self._error(
            f"{abridged(token.text)} is not an INPUT",
            token,
            "Join its sizes by x, as in 3x32x32; a size is a whole number or one letter.",
        )

    def _size(self, word: str, start: int) -> Size:
        if not word.isdigit():
            return letter(word)
        place = _Token("word", word, start, start + len(word))
        if len(word) > len(str(MAX_SIZE)) or int(word) > MAX_SIZE:
            raise self._error(f"a size may be at most {MAX_SIZE:,}", place)
        if int(word) == 0:
            raise self._error("a size must be at least 1, not 0", place)
        return int(word)

    def _net(self, depth: int) -> tuple[Net, int]:
        """The items up to a bracket, a bar or the end, and how many layers they unroll to."""
        items: list[Node | Group] = []
        count = 0
        while True:
            token = self._peek()
            if token.kind == "end" or token.text in ("]", "|"):
                return tuple(items), count
            item, layers = self._item(depth)
            items.append(item)
            count += layers
            if count > MAX_LAYERS:
                raise self._error(
                    f"with {abridged(token.text)} the net has {count:,} layers; at most "
                    f"{MAX_LAYERS:,} are taken",
                    token,
                )

    def _item(self, depth: int) -> tuple[Node | Group, int]:
        first = self._peek()
        times = self._times(first) if first.kind == "repeat" else None
        token = self._peek()
        item: Node | Group
        if token.text == "[":
            item, layers = self._bracket(token, depth)
        elif token.kind == "word":
            item, layers = self._layer(token, depth)
        else:
            raise self._nothing_to_repeat(first)
        if times is None:
            return item, layers
        return Group((item,), times, None, _usual_input((item,))), layers * times

    def _times(self, token: _Token) -> int:
        self.position += 1
        digits = token.text[:-1]
        if self._peek().start != token.end:
            raise self._nothing_to_repeat(token)
        if len(digits) > len(str(MAX_LAYERS)):
            raise self._error(f"a net may have at most {MAX_LAYERS:,} layers", token)
        if int(digits) == 0:
            raise self._error("a layer repeats at least once, not 0 times", token)
        return int(digits)

    def _nothing_to_repeat(self, token: _Token) -> InputError:
        return self._error(
            f"{abridged(token.text)} stands before nothing to repeat",
            token,
            "Write it right before a layer or a bracket, as in '3*[conv:64,k3,p1 relu]'.",
        )

    def _bracket(self, opening: _Token, depth: int) -> tuple[Group, int]:
        branches, layers = self._branches(opening, depth)
        if len(branches) > 1:
            raise self._error(
                "a bracket without a name before it cannot hold branches",
                opening,
                "Write 'residual[a | b]' to add them or 'concat[a | b]' to put them side by side.",
            )
        return Group(branches[0], input=_usual_input(branches[0])), layers

    def _branches(self, opening: _Token, depth: int) -> tuple[tuple[Net, ...], int]:
        if depth >= MAX_DEPTH:
            raise self._error(f"brackets nest more than {MAX_DEPTH} deep", opening)
        branches: list[Net] = []
        count = 0
        token = opening
        while token.text != "]":
            self.position += 1
            net, layers = self._net(depth + 1)
            token = self._peek()
            if token.kind == "end":
                raise self._error("this bracket is never closed", opening, "Add a ].")
            if not net:
                raise self._error(
                    "there is no layer in this bracket or branch",
                    token,
                    "Write identity for a branch that does nothing.",
                )
            branches.append(net)
            count += layers
        self.position += 1
        return tuple(branches), count

    def _layer(self, token: _Token, depth: int) -> tuple[Node | Group, int]:
        self.position += 1
        group = self._named(token)
        if group is not None:
            return group, count(group.body)
        try:
            layer = read_word(token.text)
        except WordError as error:
            start = token.start + error.start
            end = token.start + error.end
            raise self._error(error.rule, _Token("word", "", start, end), error.mend) from error
        opening = self._peek()
        least, most = layer.branches
        if opening.text != "[" or opening.start != token.end:
            if least:
                raise self._error(
                    f"{token.text} needs branches in brackets right behind it", token, layer.hint()
                )
            node = Node(layer, token.text, Place(self.source, token.start, token.end))
            return node, layer.depth()
        if not most:
            raise self._error(f"{abridged(token.text)} takes no branches", opening)
        branches, layers = self._branches(opening, depth)
        end = self.tokens[self.position - 1].end
        if not least <= len(branches) <= most:
            taken = f"at least {least}" if len(branches) < least else f"at most {most}"
            raise self._error(
                f"{token.text} takes {taken} branches, not {len(branches)}",
                _Token("word", "", token.start, end),
                layer.hint(),
            )
        text = self.source.text[token.start : end]
        return Node(layer, text, Place(self.source, token.start, end), branches), layers + 1

    def _named(self, token: _Token) -> Group | None:
        """The net that a word names: a path, or a built-in net; None for a layer."""
        place = Place(self.source, token.start, token.end)
        if is_path(token.text):
            if not self.files or self.source.name:
                raise self._error(
                    f"{abridged(token.text)} is a path, and no file is read from here", token
                )
            try:
                network = parse_file(token.text, layout=self.layout, place=place)
            except InputError as error:
                error.mend = error.mend or meant_layer(token.text)
                raise
            return Group(network.net, 1, None, network.input)
        if registry.find(token.text) is not None:
            return None
        name = zoo.find(token.text)
        if name is None:
            return None
        network = built_in(name, self.layout)
        return Group(network.net, 1, place, network.input)

    def _error(self, rule: str, token: _Token, mend: str = "") -> InputError:
        place = Place(self.source, token.start, token.end)
        return NotationError(rule, place=place, mend=mend)


def is_path(word: str) -> bool:
    """Whether a word is read as the path of a file: it holds . or /, and no colon.

    >>> is_path("net.txt"), is_path("conv:6,k5"), is_path("3.5x3")
    (True, False, False)
    """
    # A number with a point, such as 3.5x3, is a wrong INPUT rather than a file.
    pointed = "." in word and word.strip("0123456789.x") != ""
    return ":" not in word and ("/" in word or pointed)


def _usual_input(net: Net) -> Shape | None:
    """The input that a net begins with if its first item was named."""
    return net[0].input if net and isinstance(net[0], Group) else None


def parse_file(path: str, *, layout: Layout = "chw", place: Place | None = None) -> Network:
    """The network in a file; ``place`` is where its path was written.

    Raises `InputError` if it cannot be read or holds no layer.
    """
    network = parse(read_source(path, place), layout=layout)
    if not network.net:
        raise InputError(f"{network.source.name} holds no layer", place=place)
    return network


@lru_cache(maxsize=256)
def built_in(name: str, layout: Layout = "chw") -> Network:
    """A net of the zoo by its proper name, with its usual input in the layout asked for."""
    network = parse(Source(zoo.text(name), f"{name}.net"), files=False)
    shape = network.input
    if shape is None or layout == "chw" or shape.bare:
        return network
    return network._replace(input=Shape((*shape.sizes[1:], shape.sizes[0]), layout))


def count(net: Net) -> int:
    """How many layers a net unrolls to, those in branches included."""
    total = 0
    for item in net:
        if isinstance(item, Group):
            total += item.times * count(item.body)
        else:
            total += item.layer.depth() + sum(count(branch) for branch in item.branches)
    return total
