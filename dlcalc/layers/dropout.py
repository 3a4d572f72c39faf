"""Dropout."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape

_FORMS = {1: "CxL", 2: "CxHxW", 3: "CxDxHxW"}


class Dropout(Layer):
    """Sets values to 0 at random while training; the shape stays.

    Srivastava et al., "Dropout", JMLR 2014.
    """

    words = ("dropout",)
    on_each_token = True
    pinned = True
    arguments = (Argument("p", "number", "share of the values set to 0", default=0.5),)
    example = "4096 dropout:0.5 dense:10"

    p: float

    def check(self) -> None:
        if not 0 <= self.p <= 1:
            raise LayerError(f"p must be from 0 to 1, not {self.p:g}")

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        rank = self.rank
        if rank is None or convention.dropout_checks_rank == "never":
            return shape
        axes, always = len(shape.sizes), convention.dropout_checks_rank == "always"
        if axes != rank + 1 and (always or (rank == 1 and axes > 2)):
            form = _FORMS[rank] if always else "features or CxL"
            raise LayerError(
                f"dropout{rank}d needs {form} in {convention.name}, but gets {shape}",
                "Write dropout, which takes any shape.",
            )
        return shape
