"""An ONNX model as plain values: its nodes with their attributes, its constants, its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

#: Types by their codes in onnx.proto: those of numbers with a fraction, which may be trained.
FRACTIONS = {1, 10, 11, 16, 17, 18, 19, 20, 23, 24}
#: The names of those in which weights are usually kept.
TYPES = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}
#: Whole numbers.
WHOLE = {2, 3, 4, 5, 6, 7, 12, 13, 21, 22}
INT64, BOOL, FLOAT = 7, 9, 1


class Constant(NamedTuple):
    """A tensor that the file gives; ``values`` are its numbers, where they are few and read."""

    name: str
    shape: tuple[int, ...]
    type: int
    values: tuple[float, ...] | None = None


class Given(NamedTuple):
    """An input of the model: a size is a number, the name of an unknown one, or None."""

    name: str
    shape: tuple[int | str | None, ...]
    type: int


class Op(NamedTuple):
    """One node. An input or output that is left out has an empty name."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Model(NamedTuple):
    """What of a file is of interest."""

    opset: int
    ops: tuple[Op, ...]
    constants: Mapping[str, Constant]
    inputs: tuple[Given, ...]
    outputs: tuple[str, ...]
