"""Layers that bring branches together."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.base import Layer
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.layers.size import Size, counterexample, evaluate, total


class Residual(Layer):
    """Two branches added: the main one and the skip, which is the identity if left out.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015.
    """

    words = ("residual",)
    branches = (1, 2)
    example = "64x56x56 'residual[conv:64,k3,p1 bn relu conv:64,k3,p1 bn] relu'"

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        main, skip = _settled(outputs)
        if len(main.sizes) != len(skip.sizes) or _side(main) != _side(skip):
            raise _mismatch(main, skip, "What is added must have one shape.")
        for left, right in zip(main.sizes, skip.sizes, strict=True):
            _same(left, right, main, skip, _shortcut(main, skip))
        return main


class Concat(Layer):
    """Branches side by side along the channels."""

    words = ("concat",)
    branches = (2, 1_000)
    example = "192x28x28 'concat[conv:64,k1 | conv:32,k1 conv:32,k3,p1]'"

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        first, *others = _settled(outputs)
        for other in others:
            mend = "Side by side, only the channels may differ."
            if len(first.sizes) != len(other.sizes) or _side(first) != _side(other):
                raise _mismatch(first, other, mend)
            if len(first.sizes) > 1 or _side(first):
                for left, right in zip(first.spatial, other.spatial, strict=True):
                    _same(left, right, first, other, mend)
        channels = _channels((first, *others))
        if channels is None:
            return first
        if len(first.sizes) == 1:
            return first.with_sizes((channels,))
        return first.with_spatial(channels, first.spatial)

    def merge_formula(self, outputs: tuple[Shape, ...]) -> str:
        channels = _channels(_settled(outputs))
        if channels is None:
            return ""
        return f"{' + '.join(str(shape.channels or 0) for shape in outputs)} = {channels!s}"


def _settled(outputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """The branches' shapes; a size still open is a side if a sister branch says so."""
    if any(_side(shape) for shape in outputs):
        return tuple(shape.as_side() for shape in outputs)
    return outputs


def _side(shape: Shape) -> bool:
    return shape.kind == "side"


def _channels(outputs: tuple[Shape, ...]) -> Size | None:
    """All branches' channels together, or None where they are left out."""
    known = [shape.channels for shape in outputs if shape.channels is not None]
    return total(known) if len(known) == len(outputs) else None


def _same(left: Size, right: Size, first: Shape, second: Shape, mend: str) -> None:
    if left == right:
        return
    if isinstance(left, int) and isinstance(right, int):
        raise _mismatch(first, second, mend)
    values = counterexample(left, right)
    if values is None:
        raise LayerError(
            f"whether the branches' {sizes_text((left,))} and {sizes_text((right,))} are equal "
            "cannot be told"
        )
    given = ", ".join(f"{name} = {value}" for name, value in values.items())
    raise LayerError(
        f"the branches give {first} and {second}, which differ",
        f"For example with {given}: {evaluate(left, values)} and {evaluate(right, values)}.",
    )


def _mismatch(first: Shape, second: Shape, mend: str) -> LayerError:
    return LayerError(f"the branches give {first} and {second}, which do not match", mend)


def _shortcut(main: Shape, skip: Shape) -> str:
    """The layer behind the skip that would match the main branch, as a sentence."""
    layer = _matching_layer(main, skip)
    if not layer:
        return "What is added must have one shape."
    return f"The skip would match behind {layer}: 'residual[main | {layer}]'."


def _matching_layer(main: Shape, skip: Shape) -> str:
    """A dense layer, or a 1x1 convolution, that makes the skip's shape the main one's."""
    if len(main.sizes) == 1:
        return "" if _side(main) else f"dense:{main.sizes[0]}"
    strides = set()
    for n, m in zip(skip.spatial, main.spatial, strict=True):
        if not isinstance(n, int) or not isinstance(m, int):
            return ""
        stride = -(-n // m)
        if (n - 1) // stride + 1 != m:
            return ""
        strides.add(stride)
    if len(strides) > 1:
        return ""
    return f"conv:{main.channels},k1" + (f",s{stride}" if stride > 1 else "")
