"""What the draws of ONNX layers are made of, and how ONNX is given their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from oracles.drawing import Drawer, Ends, Option, Sizes, ends_text, everywhere, line

AUTO_PADS = {
    "same": "SAME_UPPER",
    "same_upper": "SAME_UPPER",
    "same_lower": "SAME_LOWER",
    "valid": "VALID",
}


class Graph:
    """The nodes and initialisers of a model in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        #: Pairs of tensors that must have equal shapes, by definition.
        self.equal: list[tuple[str, str]] = []
        self.parameters = 0

    def weight(self, *sizes: int, trained: bool = True) -> str:
        """A new initialiser of zeros."""
        name = f"w{len(self.initialisers)}"
        zeros = np.zeros(sizes, np.float32)
        self.initialisers.append(numpy_helper.from_array(zeros, name))
        self.parameters += zeros.size if trained else 0
        return name

    def node(self, op: str, *inputs: str, **attributes: object) -> str:
        """A new node; the name of its first output."""
        name = f"t{len(self.nodes)}"
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, list(inputs), [name], **given))
        return name

    def model(self, sizes: Sizes, output: str, opset: int) -> onnx.ModelProto:
        """The model; tensors that must be equal are outputs as well."""
        names = dict.fromkeys([output, *(name for pair in self.equal for name in pair)])
        names.pop("x", None)
        graph = helper.make_graph(
            self.nodes,
            "draw",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
            self.initialisers,
        )
        imports = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)


#: Adds a layer to a graph: tensor in and its sizes without the batch; tensor out.
Build = Callable[[Graph, str, Sizes], str]
#: The output sizes by the operator's text, in an opset.
Text = Callable[[int], Sizes]


class Part(NamedTuple):
    """One layer: how it is written, how ONNX makes it, and what its operator's text says.

    ``out`` are its output channels if they are not the input's. ``traits`` tell
    the classes of disagreement apart.
    """

    kind: str
    text: str
    build: Build
    out: int | None = None
    says: Text | None = None
    traits: frozenset[str] = frozenset()


class Draw(NamedTuple):
    """A line, and the same as sizes and a layer for ONNX."""

    like: str
    sizes: Sizes
    part: Part

    @property
    def line(self) -> str:
        """The draw in the notation."""
        return line(self.sizes, [self.part])


class Padding(NamedTuple):
    """Padding as written: a word, or the ends."""

    text: str = ""
    word: str = ""
    ends: Ends = ((0, 0),)

    @property
    def same(self) -> bool:
        """Whether the output size is set rather than the padding."""
        return "same" in self.word

    def attributes(self, rank: int) -> dict[str, object]:
        """As ONNX is given it: begins of all axes, then ends."""
        if self.word:
            return {"auto_pad": AUTO_PADS[self.word]}
        ends = everywhere(self.ends, rank)
        return {"pads": [begin for begin, _ in ends] + [end for _, end in ends]}


class Writer(Drawer):
    """Draws as ONNX makes them worth it, whose readings part on what does not fit."""

    below = 1.1
    beneath = (1, 1, 1, 1, 2, 3)
    undivided = (0.2, 0.25)
    short_axes = False

    def named(self, kind: str, rank: int) -> str:
        """A word for a kind, at times pinned to its rank and never to another one."""
        word = self.synonym(kind)
        return f"{word}{rank}d" if self.chance(0.15) else word

    def bias(self) -> tuple[bool, Option]:
        """Whether there is a bias, and how that is written."""
        bias = self.chance(0.7)
        return bias, Option("bias", self.flag(bias, True))

    def padding(self, rank: int, highs: Sizes, words: float, over: float) -> Padding:
        """A word, or ends up to the given ones; sometimes just beyond them."""
        if self.chance(words):
            word = self.rng.choice(("same", "same_upper", "same_lower", "valid", "valid"))
            return Padding(word, word)
        if self.chance(0.3):
            return Padding(self.unless((0,), 0))
        count = rank if self.chance(0.4) else 1
        uneven = self.chance(0.4)
        ends = []
        for axis in range(count):
            high = highs[axis] if count > 1 else min(highs)
            high += 1 if self.chance(over / count) else 0
            low = max(high - 2, 0)
            begin, end = self.rng.randint(low, high), self.rng.randint(low, high)
            ends.append((begin, end if uneven else begin))
        return Padding(ends_text(tuple(ends)), "", tuple(ends))
