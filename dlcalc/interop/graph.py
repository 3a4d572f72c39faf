"""What every model file is read to: a directed acyclic graph of layers of the notation.

A reader goes through its file once, in an order in which inputs come first, and
lets a `Builder` add one vertex after another. The shapes are worked out on the
way, by the layers' own algebra, so that a reader knows what goes into a layer
before it has to say which layer of the notation that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import NamedTuple

from dlcalc.errors import InputError, LayerError, Place, Source, abridged
from dlcalc.layers.base import Layer, Tensors
from dlcalc.layers.convention import Convention
from dlcalc.layers.merge import Concat, Multiply, Residual
from dlcalc.layers.shape import Layout, Shape, check_sizes
from dlcalc.layers.size import Size
from dlcalc.nets.parser import Node
from dlcalc.nets.trace import Step
from dlcalc.nets.word import read_word

#: No file may hold more layers than this.
MAX_VERTICES = 100_000
#: The kind of an input that is a sequence of words by their numbers.
TOKENS = "tokens"
#: What merges several inputs into one, by its word.
MERGES: dict[str, type[Layer]] = {"residual": Residual, "concat": Concat, "multiply": Multiply}


class Vertex(NamedTuple):
    """One layer of the file, an input of the model, or tensors whose use the file leaves open.

    ``kind`` is what the file calls it. ``node`` is the layer in the notation, None for an
    input or for bare ``tensors``. ``inputs`` are positions in the graph; ``output`` is None
    where the file does not determine it, and then ``needs`` is the least input of which the
    layer's tensors can be told.
    """

    name: str
    kind: str
    node: Node | None
    inputs: tuple[int, ...] = ()
    output: Shape | None = None
    tensors: Mapping[str, tuple[Size, ...]] = MappingProxyType({})
    needs: Shape | None = None

    @property
    def layer(self) -> Layer | None:
        """The layer itself."""
        return None if self.node is None else self.node.layer


class Graph(NamedTuple):
    """A model as its file describes it.

    ``open`` says where the file leaves the flow of data unknown; it is empty where all is
    known. ``standins`` are layers that the notation has not, with what stands for them: their
    shapes and numbers of parameters are right, their values are not.
    """

    source: str
    format: str
    vertices: tuple[Vertex, ...]
    outputs: tuple[int, ...]
    convention: Convention
    open: str = ""
    notes: tuple[str, ...] = ()
    standins: tuple[str, ...] = ()
    #: What a layer reads beside its input, as a sentence; empty if none does.
    beside: str = ""
    #: The type in which the weights are kept, where the file says it.
    dtype: str = ""

    @property
    def inputs(self) -> tuple[Vertex, ...]:
        """The model's inputs, in the order of the file."""
        return tuple([v for v in self.vertices if v.node is None and v.output is not None])

    def steps(self) -> tuple[Step, ...]:
        """One step for each layer, in the order of the file; merges have no branches here."""
        return tuple([step for step, _ in self.placed()])

    def placed(self) -> list[tuple[Step, Vertex]]:
        """The steps, each with its vertex. A graph whose flow is open has none."""
        found = []
        for vertex in self.vertices:
            if vertex.node is None or vertex.output is None or not vertex.inputs:
                continue
            shape = self.vertices[vertex.inputs[0]].output
            assert shape is not None
            found.append((Step(vertex.node, vertex.node.place, shape, vertex.output), vertex))
        return found


class Builder:
    """A graph in the making. ``source`` is the name of its file for people."""

    def __init__(self, source: str, format: str, convention: Convention, layout: Layout) -> None:
        self.source = source
        self.format = format
        self.convention = convention
        self.layout: Layout = layout
        self.vertices: list[Vertex] = []
        self.notes: list[str] = []
        self.standins: list[str] = []
        self.beside = ""
        self._names: set[str] = set()

    def shape(self, position: int) -> Shape:
        """What comes out of a vertex. Raises `InputError` where the file leaves that open."""
        vertex = self.vertices[position]
        if vertex.output is None:
            raise self.error(vertex.name, vertex.kind, "its output is not determined by the file")
        return vertex.output

    def input(self, name: str, kind: str, shape: Shape) -> int:
        """An input of the model."""
        return self._append(Vertex(name, kind, None, (), shape))

    def add(self, name: str, kind: str, word: str | Node, before: int) -> int:
        """A layer in the notation, such as conv:64,k3, behind another vertex."""
        shape = self.shape(before)
        try:
            node = word if isinstance(word, Node) else node_of(word, name)
            output = node.layer.output_shape(shape, self.convention)
            check_sizes(output)
        except LayerError as error:
            raise self.error(name, kind, error.rule, error.mend) from error
        return self._append(Vertex(name, kind, node._replace(name=name), (before,), output))

    def chain(self, name: str, kind: str, words: Sequence[tuple[str, str]], before: int) -> int:
        """One layer of the file that is several in the notation: (suffix, word) each."""
        for suffix, word in words:
            before = self.add(f"{name}.{suffix}" if suffix else name, kind, word, before)
        return before

    def merge(self, name: str, kind: str, word: str, inputs: Sequence[int]) -> int:
        """Several vertices added, side by side or multiplied, by a word of `MERGES`."""
        layer = read_word(word)
        shapes = tuple(map(self.shape, inputs))
        if len(inputs) < 2:
            raise self.error(name, kind, f"it merges {len(inputs)} input, not at least two")
        try:
            output = merged(layer, shapes)
            check_sizes(output)
        except LayerError as error:
            raise self.error(name, kind, error.rule, error.mend) from error
        between = " | ".join(abridged(self.vertices[i].name, 30) for i in inputs)
        node = _placed(layer, f"{word}[{between}]", name)
        return self._append(Vertex(name, kind, node, tuple(inputs), output))

    def place(self, name: str, kind: str, node: Node, inputs: Sequence[int], output: Shape) -> int:
        """A layer on one or more vertices, of which the reader has worked out the output."""
        return self._append(Vertex(name, kind, node._replace(name=name), tuple(inputs), output))

    def unplaced(self, name: str, kind: str, word: str | Node, needs: Shape) -> int:
        """A layer whose input the file leaves open; ``needs`` is the least it must be."""
        try:
            node = word if isinstance(word, Node) else node_of(word, name)
            node.layer.parameters(needs, self.convention)
        except LayerError as error:
            raise self.error(name, kind, error.rule, error.mend) from error
        return self._append(Vertex(name, kind, node, needs=needs))

    def tensors(self, name: str, kind: str, tensors: Tensors) -> int:
        """Tensors of which the file tells no more than their shapes."""
        return self._append(Vertex(name, kind, None, tensors=tensors))

    def stand_in(self, name: str, kind: str, why: str) -> None:
        """Say that a layer of the file is shown as one that computes other values."""
        self.standins.append(f"{name} ({kind}): {why}")

    def also(self, name: str, what: str) -> None:
        """Say that a layer reads something beside its input, which no net in the notation does."""
        self.beside = self.beside or f"{name} also reads {what}"

    def graph(self, outputs: Sequence[int], *, open: str = "", dtype: str = "") -> Graph:
        """What was built."""
        return Graph(
            self.source,
            self.format,
            tuple(self.vertices),
            tuple(outputs),
            self.convention,
            open,
            tuple(dict.fromkeys(self.notes)),
            tuple(dict.fromkeys(self.standins)),
            self.beside,
            dtype,
        )

    def error(self, name: str, kind: str, rule: str, mend: str = "") -> InputError:
        """A refusal that names the layer of the file."""
        what = abridged(name, 60) + (f" ({abridged(kind, 40)})" if kind and kind != name else "")
        return InputError(f"{self.source}: {what}: {rule}", mend=mend)

    def _append(self, vertex: Vertex) -> int:
        if len(self.vertices) >= MAX_VERTICES:
            raise InputError(f"{self.source} holds more than {MAX_VERTICES:,} layers")
        if vertex.name in self._names:
            raise self.error(vertex.name, vertex.kind, "two layers have this name")
        self._names.add(vertex.name)
        self.vertices.append(vertex)
        return len(self.vertices) - 1


def node_of(word: str, name: str = "") -> Node:
    """The layer that a word means, under its name in the file. Raises `LayerError`."""
    return _placed(read_word(word), word, name)


def special(layer: Layer, text: str, name: str = "") -> Node:
    """A layer that the notation cannot write, under a text that says what it is."""
    return _placed(layer, text, name)


def _placed(layer: Layer, text: str, name: str) -> Node:
    return Node(layer, text, Place(Source(text), 0, len(text)), (), name)


def merged(layer: Layer, shapes: tuple[Shape, ...]) -> Shape:
    """The shape that inputs become together; more than the layer takes are merged by twos."""
    if len(shapes) <= layer.branches[1]:
        return layer.merge(shapes)
    return reduce(lambda left, right: layer.merge((left, right)), shapes)
