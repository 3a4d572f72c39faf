"""The shape of one example: its sizes, and which of them are the channels."""

from __future__ import annotations

from typing import Literal

from dlcalc.errors import LayerError
from dlcalc.layers.size import Polynomial, Size

Layout = Literal["chw", "hwc"]
#: A bare size is one spatial side whose channels are left out, or features:
#: "open" until a layer decides, then "side". Every other shape is "whole".
Kind = Literal["whole", "open", "side"]

#: No size on the way through a net may be larger: 10**12.
MAX_SIZE = 1_000_000_000_000
#: No shape may have more axes.
MAX_AXES = 8


class Shape:
    """Sizes in the order of the layout, without the batch.

    >>> shape = Shape((3, 32, 32))
    >>> shape.channels, shape.spatial, str(shape.with_spatial(6, (28, 28)))
    (3, (32, 32), '6x28x28')
    """

    __slots__ = ("kind", "layout", "sizes")

    def __init__(
        self, sizes: tuple[Size, ...], layout: Layout = "chw", kind: Kind = "whole"
    ) -> None:
        self.sizes = sizes
        self.layout: Layout = layout
        self.kind: Kind = kind

    @property
    def bare(self) -> bool:
        """Whether it is a single size that may be one spatial side."""
        return self.kind != "whole"

    @property
    def channels(self) -> Size | None:
        """The channels, or the features where there is one axis; None if left out."""
        if self.kind == "side":
            return None
        return self.sizes[-1 if self.layout == "hwc" else 0]

    @property
    def spatial(self) -> tuple[Size, ...]:
        """The sizes that a window moves along."""
        if self.bare:
            return self.sizes
        return self.sizes[:-1] if self.layout == "hwc" else self.sizes[1:]

    def with_spatial(self, channels: Size | None, spatial: tuple[Size, ...]) -> Shape:
        """The shape that a window makes of this one."""
        if self.bare or channels is None:
            return Shape(spatial, self.layout, "side")
        if self.layout == "hwc":
            return Shape((*spatial, channels), self.layout)
        return Shape((channels, *spatial), self.layout)

    def as_side(self) -> Shape:
        """The shape as a window reads it: a bare size is one spatial side."""
        return Shape(self.sizes, self.layout, "side") if self.bare else self

    def as_features(self) -> Shape:
        """The shape as most layers read it: a size that is still open is features."""
        return Shape(self.sizes, self.layout) if self.kind == "open" else self

    def with_sides(self, sides: tuple[Size, ...]) -> Shape:
        """The same channels with other spatial sizes."""
        if self.bare:
            return Shape(sides, self.layout, self.kind)
        return self.with_spatial(self.channels, sides)

    def with_sizes(self, sizes: tuple[Size, ...]) -> Shape:
        """A whole shape of these sizes in the same layout."""
        return Shape(sizes, self.layout)

    @property
    def looks_channels_last(self) -> bool:
        """Whether it was probably meant as HxWxC, though it is read as CxHxW."""
        if self.layout != "chw" or len(self.sizes) != 3 or self.sizes[2] not in (1, 3, 4):
            return False
        sides = self.sizes[:2]
        return all(s > 4 if isinstance(s, int) else str(s) not in "Cc" for s in sides)

    @property
    def symbolic(self) -> bool:
        """Whether any size is unknown."""
        return any(isinstance(size, Polynomial) for size in self.sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.sizes == other.sizes

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __str__(self) -> str:
        return sizes_text(self.sizes)

    def __repr__(self) -> str:
        return f"Shape({self})"


def sizes_text(sizes: tuple[Size, ...]) -> str:
    """Sizes joined by x, with room around it where a size is an expression.

    >>> from dlcalc.layers.size import letter
    >>> sizes_text((64, letter("H"), (letter("W") + 1)//2)), sizes_text((3, 224, 224))
    ('64 x H x (W + 1)//2', '3x224x224')
    """
    texts = [str(size) for size in sizes]
    if len(texts) == 1 or all(shown.isalnum() for shown in texts):
        return "x".join(texts)
    # A lone quotient reads well without brackets of its own, a sum does not.
    return " x ".join(
        f"({shown})" if any(sign in _outside_brackets(shown) for sign in ("+", " -")) else shown
        for shown in texts
    )


def check_sizes(shape: Shape) -> None:
    """Refuse a shape with a size beyond `MAX_SIZE`, or with more than `MAX_AXES` axes."""
    if len(shape.sizes) > MAX_AXES:
        raise LayerError(
            f"the output would have {len(shape.sizes)} axes; at most {MAX_AXES} are taken"
        )
    for size in shape.sizes:
        numbers = [size] if isinstance(size, int) else size.terms.values()
        if max(map(abs, numbers)) > MAX_SIZE:
            raise LayerError(f"a size grows beyond {MAX_SIZE:,}")


def _outside_brackets(shown: str) -> str:
    depth = 0
    kept = []
    for character in shown:
        depth += (character == "(") - (character == ")")
        if depth == 0:
            kept.append(character)
    return "".join(kept)
