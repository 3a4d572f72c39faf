"""What a module of torch.nn becomes in the notation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dlcalc.interop.torch.module import Args
from dlcalc.layers.base import Tensors
from dlcalc.layers.shape import Shape
from dlcalc.nets.parser import Node


class Made(NamedTuple):
    """A layer in the notation.

    ``needs`` is the least input it takes, where its arguments tell one, and ``fixed`` the axes
    of it that an input must have: "first", "last" (all of ``needs``, as the last ones) or "".
    ``standin`` says in what the layer differs, ``ends`` why nothing can follow it in a chain.
    """

    word: str | Node
    needs: Shape | None = None
    fixed: str = ""
    standin: str = ""
    ends: str = ""


class Unknown(Exception):
    """A module whose shapes are not told. ``tensors`` are its own."""

    def __init__(self, why: str, tensors: Tensors | None = None) -> None:
        super().__init__(why)
        self.tensors = tensors or {}


#: Takes the arguments, and the spatial axes in a class's name.
Handler = Callable[[Args, int], Made]
