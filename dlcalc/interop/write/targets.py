"""The languages that a net is written in, and what a writer is given.

To add one: enter it in `TARGETS`; its module has a function ``write(wanted)``, which
raises `NotationError` at the first layer that cannot be written, and ``NAMES``, the
names that its source uses and a class there cannot have.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from dlcalc.layers.convention import KERAS, TORCH, Convention
from dlcalc.layers.shape import Layout, Shape

if TYPE_CHECKING:
    from dlcalc.nets.trace import Step


class Scale(NamedTuple):
    """How a training took its columns: (x - mean)/deviation."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class Weights(NamedTuple):
    """The file of a net's numbers, held against the net: each tensor by dlcalc's name.

    ``trained`` and ``kept`` (running statistics) have the sizes of each tensor, in the
    order of the net. In a ``flat`` file, one of ``train-toy --save``, the trained ones
    stand one behind the other in the array ``parameters``, and the others are called
    ``statistics.NAME``; in any other file each stands under its own name.

    ``loss`` is the one that a saved training minimised; ``inputs`` and ``targets`` are how
    it took the columns of a table, where the file says so; ``scaled`` is whether it did.
    ``columns`` and ``classes`` are the names of what comes in and out of a table's net.
    """

    path: str
    trained: Mapping[str, tuple[int, ...]]
    kept: Mapping[str, tuple[int, ...]]
    flat: bool = False
    loss: str = ""
    scaled: bool = False
    inputs: Scale | None = None
    targets: Scale | None = None
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """What is to be written: layers in whole numbers behind an input, and what goes with them.

    ``about`` is the docstring of the class. ``train`` asks for a loop that trains it,
    ``weights`` for a function that reads the numbers of a file into it.
    """

    start: Shape
    steps: tuple[Step, ...]
    class_name: str
    about: str
    train: bool = False
    weights: Weights | None = None


class Writer(Protocol):
    """The module of a target."""

    NAMES: frozenset[str]

    def write(self, wanted: Wanted) -> str:
        """The source."""


class Target(NamedTuple):
    """A language: its module, what it is in a few words, the rules that nets are traced by
    and counted, and the options it takes.

    ``layouts`` are those that a model file may have; the net of words is channels first.
    """

    module: str
    summary: str
    convention: Convention = TORCH
    takes: tuple[str, ...] = ("class_name", "train", "weights")
    layouts: tuple[Layout, ...] = ("chw",)

    @property
    def like(self) -> str:
        """The name of its rules."""
        return self.convention.name

    def writer(self) -> Writer:
        """Its module, imported now."""
        return cast(Writer, import_module(f"dlcalc.interop.write.{self.module}"))


TARGETS = {
    "torch": Target("torch.net", "PyTorch"),
    "keras": Target(
        "keras.net",
        "Keras",
        # What Keras has no argument for its source does in other words: a window that
        # hangs over is padding at the end, and what a mean counts is counted.
        KERAS._replace(pooling_ceil_choice=True, average_counts_choice=True),
    ),
    "net": Target("net", "the notation", takes=(), layouts=("chw", "hwc")),
}
