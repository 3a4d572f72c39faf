"""Dropout."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape


class Dropout(Layer):
    """Sets values to 0 at random while training; the shape stays.

    Srivastava et al., "Dropout", JMLR 2014.
    """

    words = ("dropout",)
    pinned = True
    arguments = (Argument("p", "number", "share of the values set to 0", default=0.5),)
    example = "4096 dropout:0.5 dense:10"

    p: float

    def check(self) -> None:
        if not 0 <= self.p <= 1:
            raise LayerError(f"p must be from 0 to 1, not {self.p:g}")

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        if convention.dropout_1d_checks_rank and self.rank == 1 and len(shape.sizes) > 2:
            raise LayerError(
                f"dropout1d needs features or CxL, but gets {shape}",
                "Write dropout, which takes any shape.",
            )
        return shape
