"""Answers about model files that leave the flow of data open."""

from __future__ import annotations

from typing import NamedTuple

from dlcalc.answers.params_table import grouped, shown_tensors
from dlcalc.errors import InputError
from dlcalc.interop.graph import Graph, Vertex
from dlcalc.layers.base import Tensors
from dlcalc.layers.size import Size, as_json, product, total
from dlcalc.result import Block, Result, Row


class Counted(NamedTuple):
    """A vertex with its tensors by their full names."""

    vertex: Vertex
    tensors: Tensors
    buffers: Tensors

    @property
    def parameters(self) -> Size:
        """How many numbers are trained."""
        return total(product(sizes) for sizes in self.tensors.values())


def count(graph: Graph) -> tuple[Counted, ...]:
    """Every vertex with its tensors."""
    found = []
    for vertex in graph.vertices:
        layer = vertex.layer
        if layer is None:
            found.append(Counted(vertex, dict(vertex.tensors), {}))
            continue
        shape = vertex.needs
        if shape is None:
            shape = graph.vertices[vertex.inputs[0]].output
        assert shape is not None
        tensors = layer.parameters(shape, graph.convention)
        buffers = layer.buffers(shape, graph.convention)
        found.append(Counted(vertex, _named(vertex, tensors), _named(vertex, buffers)))
    return tuple(found)


def _named(vertex: Vertex, tensors: Tensors) -> Tensors:
    return {f"{vertex.name}.{key}": sizes for key, sizes in tensors.items()}


class OpenParams(Result):
    """The parameters of a model whose flow of data is open. Its value is their number."""

    #: Multiply-accumulates, which hang on shapes.
    macs: Size | None = None

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers = count(graph)
        self.value: Size = total(layer.parameters for layer in self.layers)
        self.buffers: Size = total(
            product(sizes) for layer in self.layers for sizes in layer.buffers.values()
        )

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        """What of the file is open."""
        return [f"shapes and MACs are not told: {self.graph.open}", *self.graph.notes]

    def blocks(self) -> list[Block]:
        """A row for each layer with tensors, then the sums."""
        rows = [Row(("name", "layer", "output", "parameters", ""), "aside")]
        for layer in self.layers:
            if not (layer.tensors or layer.buffers):
                continue
            vertex = layer.vertex
            own = {k.removeprefix(f"{vertex.name}."): s for k, s in layer.tensors.items()}
            word = vertex.kind if vertex.node is None else vertex.node.text
            output = "" if vertex.output is None else str(vertex.output)
            shown = ", ".join(shown_tensors(own))
            rows.append(Row((vertex.name, word, output, grouped(layer.parameters), shown)))
        sums = []
        if self.buffers != 0:
            sums.append(Row(("buffers", grouped(self.buffers), "kept, not trained")))
        sums.append(Row(("MACs", "none", "they hang on shapes that the file leaves open")))
        sums.append(Row(("parameters", grouped(self.value)), "answer"))
        return [Block("lllrl", rows), Block("lrl", sums)]

    def document(self) -> dict[str, object]:
        """The sums and ``layers``, as `dlcalc params --json` prints them."""
        graph = self.graph
        return {
            "file": graph.source,
            "format": graph.format,
            "like": graph.convention.name,
            "parameters": as_json(self.value),
            "buffers": as_json(self.buffers),
            "macs": None,
            "open": graph.open,
            "layers": [_document(layer) for layer in self.layers],
            "notes": self.notes,
        }


def _document(layer: Counted) -> dict[str, object]:
    vertex = layer.vertex
    output = None if vertex.output is None else [as_json(size) for size in vertex.output.sizes]
    return {
        "name": vertex.name,
        "kind": vertex.kind,
        "layer": None if vertex.node is None else vertex.node.text,
        "output": output,
        "parameters": as_json(layer.parameters),
        "tensors": {k: [as_json(n) for n in s] for k, s in layer.tensors.items()},
        "buffers": {k: [as_json(n) for n in s] for k, s in layer.buffers.items()},
    }


def undetermined(graph: Graph) -> InputError:
    """The refusal to tell an output, with the shapes that are determined."""
    return InputError(
        f"{graph.source}: the output is not determined: {graph.open}",
        mend="dlcalc params counts its parameters all the same.",
        worked=Determined(graph),
    )


class Determined(Result):
    """The shapes before the flow of data is lost."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.value = ""

    def blocks(self) -> list[Block]:
        """A row for each vertex whose output is known."""
        rows = []
        for vertex in self.graph.vertices:
            if vertex.output is not None:
                word = "input" if vertex.node is None else vertex.node.text
                rows.append(Row((vertex.name, word, str(vertex.output))))
        return [Block("lll", rows)] if rows else []

    def document(self) -> dict[str, object]:
        """The same as ``layers``."""
        return {
            "layers": [
                {"name": v.name, "kind": v.kind, "output": [as_json(n) for n in v.output.sizes]}
                for v in self.graph.vertices
                if v.output is not None
            ]
        }
