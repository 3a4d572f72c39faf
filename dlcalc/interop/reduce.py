"""From a graph to a net in the notation, where branches only part and meet again.

Such a graph is called series-parallel: between the point where branches part and
the one where they meet, nobody else reads or writes. The point where they parted
is the nearest vertex that every way from the input to all of them passes, their
immediate dominator: Cooper, Harvey and Kennedy, "A Simple, Fast Dominance
Algorithm", 2001.
"""

from __future__ import annotations

from dlcalc.errors import Place, Source
from dlcalc.interop.graph import Graph, node_of
from dlcalc.layers.base import Layer
from dlcalc.nets.parser import MAX_DEPTH, Net, Node

# The nearest common dominator is looked for by walking; no net that people draw needs more.
_MAX_WALK = 5_000_000


class Unreduced(Exception):
    """Why a graph is no net of branches that part and meet again, as a part of a sentence."""


def reduced(graph: Graph) -> Net:
    """The net that a graph is. Raises `Unreduced` with the reason if it is none."""
    if graph.open:
        raise Unreduced(graph.open)
    if graph.beside:
        raise Unreduced(graph.beside)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise Unreduced(
            f"it has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, and a net in "
            "the notation has one of each"
        )
    return _Reduction(graph).net()


class _Reduction:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.vertices = graph.vertices
        self.used: set[int] = set()
        self.walked = 0
        self._dominators()

    def net(self) -> Net:
        start = self.vertices.index(self.graph.inputs[0])
        net = self._between(start, self.graph.outputs[0], 0)
        for position, vertex in enumerate(self.vertices):
            if vertex.node is not None and position not in self.used:
                raise Unreduced(f"the output does not depend on {vertex.name}")
        return net

    def _dominators(self) -> None:
        """For each vertex the nearest one that every way to it passes, and how deep that is."""
        self.dominator: list[int] = []
        self.depth: list[int] = []
        for position, vertex in enumerate(self.vertices):
            found = vertex.inputs[0] if vertex.inputs else position
            for other in vertex.inputs[1:]:
                found = self._meeting(found, other)
            self.dominator.append(found)
            self.depth.append(self.depth[found] + 1 if found != position else 0)

    def _meeting(self, left: int, right: int) -> int:
        while left != right:
            self.walked += 1
            if self.walked > _MAX_WALK:
                raise Unreduced("it is too large to look for branches in it")
            if self.depth[left] >= self.depth[right]:
                left = self.dominator[left]
            else:
                right = self.dominator[right]
        return left

    def _between(self, start: int, end: int, depth: int) -> Net:
        """The layers behind one vertex up to another, of which the first dominates the second."""
        if depth > MAX_DEPTH:
            raise Unreduced(f"its branches nest more than {MAX_DEPTH} deep")
        found: list[Node] = []
        while end != start:
            vertex = self.vertices[end]
            if end in self.used:
                raise Unreduced(f"{vertex.name} is read in more than one branch")
            self.used.add(end)
            assert vertex.node is not None
            if len(vertex.inputs) == 1:
                found.append(vertex.node)
                end = vertex.inputs[0]
                continue
            parting = self.dominator[end]
            if self.depth[parting] < self.depth[start]:
                raise Unreduced(f"{vertex.name} reads from outside its branch")
            branches = [self._between(parting, i, depth + 1) for i in vertex.inputs]
            found.append(_together(vertex.node, branches))
            end = parting
        return tuple(reversed(found))


def _together(merge: Node, branches: list[Net]) -> Node:
    """The branches in the brackets of one merge, or of several where it takes only two."""
    layer = merge.layer
    while len(branches) > layer.branches[1]:
        first = _bracketed(layer, branches[:2], merge.head, "")
        branches = [(first,), *branches[2:]]
    return _bracketed(layer, branches, merge.head, merge.name)


def _bracketed(layer: Layer, branches: list[Net], head: str, name: str) -> Node:
    if len(branches) == 2 and layer.branches[0] == 1 and not all(branches):
        # What is merged with the input itself needs no branch for it.
        branches = [branch for branch in branches if branch] or [()]
    filled = [branch or (node_of("identity"),) for branch in branches]
    text = f"{head}[{' | '.join(_text(branch) for branch in filled)}]"
    return Node(layer, text, Place(Source(text), 0, len(text)), tuple(filled), name)


def _text(net: Net) -> str:
    return " ".join(item.text for item in net if isinstance(item, Node))
