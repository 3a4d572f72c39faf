"""An ONNX file, read to a graph."""

from __future__ import annotations

from dlcalc.errors import InputError
from dlcalc.interop.graph import Graph
from dlcalc.interop.onnx.model import Model
from dlcalc.interop.onnx.value import Unbatched
from dlcalc.interop.onnx.walk import Walk
from dlcalc.layers.shape import Shape


def read(path: str, name: str, given: Shape | None) -> Graph:
    """The graph of an ONNX file.

    Raises `InputError` if it is damaged, holds what is not supported, or if the onnx
    package, which parses it, is not installed.
    """
    from dlcalc.interop.onnx.proto import load

    return graph_of(load(path, name), name, given)


def graph_of(model: Model, name: str, given: Shape | None) -> Graph:
    """The graph of a model: of one example where its batch can be followed, else of them all.

    The batch is the first axis of the inputs, or the second, as in sequences of PyTorch.
    """
    return followed(model, name, given)[1]


def followed(model: Model, name: str, given: Shape | None) -> tuple[Walk, Graph]:
    """The walk that led to the graph as well, with the shape of every value."""
    try:
        walk = Walk(model, name, given, 0)
        return walk, walk.run()
    except Unbatched:
        pass
    try:
        walk = Walk(model, name, given, 1)
        return walk, walk.run()
    except (Unbatched, InputError):
        walk = Walk(model, name, given, None)
        return walk, walk.run()
