"""The base of all layers: a frozen value made of declared arguments."""

from __future__ import annotations

from typing import ClassVar

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import IDENTITY, Axis
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product

#: Name of a tensor to its shape; () is a single number.
Tensors = dict[str, tuple[Size, ...]]
#: Name of a tensor to the layer that it is shared with, and the sizes that it needs.
Ties = dict[str, tuple[str, tuple[Size, ...]]]
#: Products and sums by their kind.
Parts = dict[str, Size]

#: What is counted beside the products with trained tensors, and what it is.
PARTS = {
    "attention": "products of queries, keys and values that the mask keeps",
    "masked": "those that a causal mask hides, computed all the same",
    "gates": "elementwise products of gates and of multiply",
    "bias": "one addition for each output with a bias",
    "normalisation": "one for each normalised value",
    "activation": "one for each value of an activation function",
}


class Layer:
    """One kind of layer: all its algebra, in the standard library alone.

    The base is the layer that changes no shape and has no parameters. A
    subclass declares its arguments and overrides what differs. The arguments
    become attributes of the same names, which cannot be set again.
    """

    #: The word for it in the notation, then its other words.
    words: ClassVar[tuple[str, ...]] = ()
    #: Whether words with 1d, 2d and 3d behind pin its spatial rank.
    pinned: ClassVar[bool] = False
    #: Whether it reads channels and spatial axes, rather than values or features.
    spatial: ClassVar[bool] = False
    arguments: ClassVar[tuple[Argument, ...]] = ()
    #: The least and the greatest number of branches in brackets.
    branches: ClassVar[tuple[int, int]] = (0, 0)
    #: Whether it works on each step of a sequence alone; of branches, if they do.
    on_each_token: ClassVar[bool] = False
    #: Whether its branches must.
    branches_on_each_token: ClassVar[bool] = False
    #: Why its multiply-accumulates are not defined; empty where they are.
    macs_unknown: ClassVar[str] = ""
    #: Whether a lone branch is merged with the layer's own input.
    merges_input: ClassVar[bool] = True
    #: Whether its branches are at work in training only, and its output is its input.
    auxiliary: ClassVar[bool] = False
    #: An INPUT and a net that show it at work.
    example: ClassVar[str] = ""

    rank: int | None

    def __init__(self, *, rank: int | None = None, **values: object) -> None:
        """Make it from values by name; those left out take their defaults.

        Raises `LayerError` if one that is required is missing or they do not agree.
        """
        fields = self.__dict__
        fields["rank"] = rank
        for argument in self.arguments:
            if argument.name in values:
                fields[argument.name] = values.pop(argument.name)
            elif argument.required:
                raise LayerError(f"{self.words[0]} needs {argument.name}", self.hint())
            else:
                fields[argument.name] = argument.default
        if values:
            raise TypeError(f"{self.words[0]} takes no {', '.join(values)}")
        self.check()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a layer is frozen: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.__dict__.items())))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({values})"

    @classmethod
    def hint(cls) -> str:
        """A sentence that shows how the layer is written."""
        return f"Write it as in {cls.example}." if cls.example else ""

    def check(self) -> None:
        """Refuse arguments that do not agree with one another. Raises `LayerError`."""

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        """The shape after the layer. Raises `LayerError` if it does not fit."""
        return shape

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        """Its map along each spatial axis, or None where outputs see everything or vary."""
        return (IDENTITY,) * len(shape.spatial)

    def lows(self, shape: Shape, convention: Convention) -> tuple[int, ...]:
        """The least size it takes along each spatial axis; empty where that cannot be told."""
        return tuple([axis.low for axis in self.axes(shape, convention) or ()])

    def formula(self, shape: Shape, convention: Convention) -> str:
        """How the output size comes about, as Python evaluates it; may be empty."""
        return ""

    def note(self, shape: Shape, convention: Convention) -> str:
        """What a reader should be told about this use of the layer; may be empty."""
        return ""

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        """Its trained tensors, by name. Raises `LayerError` if channels are left out."""
        return {}

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        """Its tensors that are kept but not trained, by name."""
        return {}

    def ties(self, shape: Shape, convention: Convention) -> Ties:
        """Its tensors that are another layer's: that layer's name, and the sizes they need."""
        return {}

    def macs(self, shape: Shape, output: Shape) -> Size:
        """Multiply-accumulates with its trained tensors, for one example."""
        return 0

    def parts(self, shape: Shape, output: Shape) -> Parts:
        """Its other products and sums for one example, by the kinds of `PARTS`."""
        return {}

    def connections(self, shape: Shape, output: Shape) -> Size:
        """LeCun's count of 1998: every value that each output reads, its bias included."""
        return self.macs(shape, output) + self.parts(shape, output).get("bias", 0)

    def activations(self, shape: Shape, output: Shape) -> Size:
        """How many values of one example the backward pass needs kept."""
        return product(output.sizes)

    def kv_cache(self, shape: Shape) -> Size:
        """How many keys and values a decoder keeps for each token."""
        return 0

    def idle(self, shape: Shape, convention: Convention) -> Size:
        """How many of its parameters do not work on a token, another expert being chosen."""
        return 0

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size | None:
        """Parameters if every position had weights of its own; None where none are shared."""
        return None

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        """The shape that its branches' outputs become together."""
        raise NotImplementedError(self.words[0])

    def merge_formula(self, outputs: tuple[Shape, ...]) -> str:
        """How the merged size comes about; may be empty."""
        return ""

    def on_tokens(self, shape: Shape, convention: Convention) -> bool:
        """Whether it works on each step of this sequence alone, and on all of them alike."""
        return self.on_each_token

    def depth(self) -> int:
        """How many layers it stands for."""
        return 1

    def copies(self) -> int:
        """How often the tensors in its brackets exist, stacked along a first axis."""
        return 1

    def runs(self) -> int:
        """How many of those copies work on one token."""
        return 1


def known_channels(shape: Shape, word: str) -> Size:
    """The channels, or a refusal where the input left them out."""
    channels = shape.channels
    if channels is None:
        example = "28x28x1" if shape.layout == "hwc" else "1x28x28"
        raise LayerError(
            f"{word} needs the channels, but the input is one side without them",
            f"Give the input with its channels, such as {example}.",
        )
    return channels


class DoesNotFit(LayerError):
    """A window larger than its padded input; ``axes`` are the maps that refused."""

    def __init__(self, rule: str, axes: tuple[Axis, ...]) -> None:
        super().__init__(rule)
        self.axes = axes
