"""What the draws of ONNX layers are made of, and how their arguments are written."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

T = TypeVar("T")
Sizes = tuple[int, ...]
Ends = tuple[tuple[int, int], ...]

LARGEST = 12

AUTO_PADS = {
    "same": "SAME_UPPER",
    "same_upper": "SAME_UPPER",
    "same_lower": "SAME_LOWER",
    "valid": "VALID",
}
_SYNONYMS = {
    "conv": ("conv", "conv", "convolution"),
    "convtranspose": ("convtranspose", "convtranspose", "deconv"),
    "avgpool": ("avgpool", "avgpool", "meanpool"),
    "globalavgpool": ("globalavgpool", "gap"),
    "globalmaxpool": ("globalmaxpool", "gmp"),
    "bn": ("bn", "bn", "batchnorm"),
    "dense": ("dense", "linear", "fc"),
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
        return f"{by(self.sizes)} {self.part.text}"


class Option(NamedTuple):
    """An argument as it may be written; an empty value is left out."""

    name: str
    value: str
    short: str = ""
    positional: bool = False


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


class Writer:
    """Random numbers, many of them right where a rule begins to refuse, and their notation."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def rank(self) -> int:
        return self.rng.choice((1, 1, 2, 2, 2, 3))

    def near(self, least: int, rank: int) -> int:
        """A size around the least that is taken, now and then just below it, or any size."""
        if self.chance(0.2):
            size = self.rng.randint(least, LARGEST) if least < LARGEST else least
        elif self.chance(min(1.1 / rank, 0.7)):
            size = least - self.rng.choice((1, 1, 1, 1, 2, 3))
        else:
            size = least + self.rng.choice((0, 0, 0, 1, 1, 2, 3))
        return min(max(size, 1), LARGEST)

    def axes(self, rank: int, low: int, high: int) -> Sizes:
        """One value for all axes or one for each; rarely for another number of axes."""
        count = rank if self.chance(0.4) else 1
        if self.chance(0.006):
            count = rank + 1 if rank < 3 or self.chance(0.5) else rank - 1
        return tuple(self.rng.randint(low, high) for _ in range(count))

    def sides(self, rank: int, high: int = LARGEST) -> Sizes:
        return tuple(self.rng.randint(1, high) for _ in range(rank))

    def anything(self) -> Sizes:
        """An input for a layer that takes every rank, features included."""
        return self.sides(self.rng.choice((1, 2, 3, 3, 4)), 8)

    def word(self, kind: str, rank: int = 0) -> str:
        """A word for a kind; where it has a rank, at times pinned to it."""
        word = self.rng.choice(_SYNONYMS.get(kind, (kind,)))
        return f"{word}{rank}d" if rank and self.chance(0.15) else word

    def written(self, word: str, *options: Option) -> str:
        """The layer as a word, its arguments written in any way that is allowed."""
        parts = []
        positional = True
        for name, value, short, plain in options:
            positional = positional and plain and self.chance(0.4 if short else 0.8)
            if not value:
                positional = False
            elif positional:
                parts.append(value)
            elif short and value.isdigit() and self.chance(0.7):
                parts.append(short + value)
            else:
                parts.append(f"{self.rng.choice((name, short or name))}={value}")
        return word + (":" + ",".join(parts) if parts else "")

    def unless(self, values: Sizes, default: int = 1) -> str:
        """The values as they are written; mostly nothing for the default."""
        return "" if values == (default,) and self.chance(0.8) else by(values)

    def flag(self, value: bool, default: bool) -> str:
        return "" if value == default and self.chance(0.9) else ("yes" if value else "no")

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

    def grouped(self) -> tuple[int, int, int]:
        """Input channels, output channels and groups, which sometimes do not quite divide."""
        if self.chance(0.6):
            return self.rng.randint(1, 4), self.rng.randint(1, 6), 1
        groups = self.rng.randint(1, 4)
        inputs, out = groups * self.rng.randint(1, 2), groups * self.rng.randint(1, 2)
        if self.chance(0.2):
            inputs += self.rng.choice((-1, 1))
        elif self.chance(0.25):
            out += self.rng.choice((-1, 1))
        return max(inputs, 1), max(out, 1), groups

    def window_options(
        self, out: int, kernel: Sizes, stride: Sizes, padding: str
    ) -> tuple[Option, ...]:
        """The arguments that convolutions may have without a name, in their order."""
        return (
            Option("out", str(out), positional=True),
            Option("kernel", by(kernel), "k", True),
            Option("stride", self.unless(stride), "s", True),
            Option("padding", padding, "p", True),
        )


def by(values: Sizes) -> str:
    """3x5, as in the notation."""
    return "x".join(map(str, values))


def ends_text(ends: Ends) -> str:
    """1+2x0, as in the notation."""
    return "x".join(str(b) if b == e else f"{b}+{e}" for b, e in ends)


def everywhere(values: tuple[T, ...], rank: int) -> tuple[T, ...]:
    """One value for each axis; another number of values is left as it is."""
    return values * rank if len(values) == 1 else values


def at(values: tuple[T, ...], axis: int) -> T:
    """The value of an axis, from one for all or one for each."""
    return values[axis % len(values)]
