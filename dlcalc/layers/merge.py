"""Layers with branches: they add, join, multiply or choose among them."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.base import Layer, Parts, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape, sizes_text
from dlcalc.layers.size import Size, counterexample, evaluate, product, total


class Residual(Layer):
    """Two branches added: the main one and the skip, which is the identity if left out.

    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015.
    """

    words = ("residual",)
    on_each_token = True
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
    """Branches side by side along the channels, or along another axis."""

    words = ("concat",)
    on_each_token = True
    arguments = (
        Argument(
            "axis",
            "count",
            "the axis along which they are joined, counted from 0; the channels if left out",
            default=None,
            positional=False,
            low=0,
        ),
    )
    branches = (2, 1_000)
    example = "192x28x28 'concat[conv:64,k1 | conv:32,k1 conv:32,k3,p1]'"

    axis: int | None

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        if self.axis is not None:
            return self._along(self.axis, outputs)
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

    def _along(self, axis: int, outputs: tuple[Shape, ...]) -> Shape:
        first, *others = outputs
        known_channels(first, "concat along an axis")
        if axis >= len(first.sizes):
            raise LayerError(
                f"concat joins along axis {axis}, but {first} has axes 0 to {len(first.sizes) - 1}"
            )
        for other in others:
            mend = f"Side by side along axis {axis}, only its sizes may differ."
            if len(first.sizes) != len(other.sizes) or _side(other):
                raise _mismatch(first, other, mend)
            for position, (left, right) in enumerate(zip(first.sizes, other.sizes, strict=True)):
                if position != axis:
                    _same(left, right, first, other, mend)
        joined = total(shape.sizes[axis] for shape in outputs)
        return first.with_sizes((*first.sizes[:axis], joined, *first.sizes[axis + 1 :]))

    def merge_formula(self, outputs: tuple[Shape, ...]) -> str:
        if self.axis is not None:
            terms = [shape.sizes[self.axis] for shape in outputs]
            return f"{' + '.join(map(str, terms))} = {total(terms)!s}"
        channels = _channels(_settled(outputs))
        if channels is None:
            return ""
        return f"{' + '.join(str(shape.channels or 0) for shape in outputs)} = {channels!s}"


class Multiply(Layer):
    """Two branches multiplied value by value, or one with the input; sizes of 1 stretch.

    As squeeze and excitation weighs channels: Hu, Shen and Sun,
    "Squeeze-and-Excitation Networks", 2018.
    """

    words = ("multiply",)
    on_each_token = True
    branches = (1, 2)
    example = "64x56x56 'multiply[globalavgpool conv:4,k1 relu conv:64,k1 sigmoid]'"

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        left, right = _settled(outputs)
        if len(left.sizes) != len(right.sizes) or _side(left) != _side(right):
            raise _mismatch(left, right, _kept_axes(left, right))
        mend = "What is multiplied must have one shape, but for sizes of 1."
        for n, m in zip(left.sizes, right.sizes, strict=True):
            if 1 not in (n, m):
                _same(n, m, left, right, mend)
        sizes = tuple(m if n == 1 else n for n, m in zip(left.sizes, right.sizes, strict=True))
        return Shape(sizes, left.layout, left.kind)

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"gates": product(output.sizes)}


class Aux(Layer):
    """An auxiliary head, which works in training only: the input goes on unchanged.

    Szegedy et al., "Going Deeper with Convolutions", 2015, section 5.
    """

    words = ("aux",)
    branches = (1, 1)
    auxiliary = True
    example = "512x14x14 'aux[globalavgpool flatten dense:10] conv:512,k3,p1'"

    def activations(self, shape: Shape, output: Shape) -> Size:
        """None: what goes on is the input itself."""
        return 0

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        return outputs[-1]


class Moe(Layer):
    """A mixture of experts: a router sends each token through a few of many equal nets.

    Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated
    Mixture-of-Experts Layer", 2017.
    """

    words = ("moe",)
    merges_input = False
    branches_on_each_token = True
    on_each_token = True
    arguments = (
        Argument("experts", "count", "how many nets there are"),
        Argument(
            "active", "count", "how many of them work on a token", default=2, positional=False
        ),
    )
    branches = (1, 1)
    example = "128x4096 'moe:8,active=2[dense:14336 silu dense:4096]'"

    experts: int
    active: int

    def check(self) -> None:
        if self.active > self.experts:
            raise LayerError(
                f"active={self.active} is more than the experts, which are {self.experts}",
                f"Write moe:{self.experts},active={self.experts} to let all of them work.",
            )

    def merge(self, outputs: tuple[Shape, ...]) -> Shape:
        expert, tokens = outputs
        known_channels(tokens, "moe")
        if len(tokens.sizes) > 2:
            raise LayerError(
                f"moe needs features or TIMExFEATURES, but gets {tokens}",
                "reshape and permute bring an image to TIMExFEATURES.",
            )
        if expert.sizes[:-1] != tokens.sizes[:-1]:
            raise LayerError(
                f"an expert works on each token alone, but this one makes {expert} of {tokens}"
            )
        return expert

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        return {"router.weight": (self.experts, shape.sizes[-1])}

    def macs(self, shape: Shape, output: Shape) -> Size:
        return product(shape.sizes) * self.experts

    def parts(self, shape: Shape, output: Shape) -> Parts:
        """What an expert makes of a token, times its share."""
        return {"gates": self.active * product(output.sizes)}

    def copies(self) -> int:
        return self.experts

    def runs(self) -> int:
        return self.active


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


def _kept_axes(left: Shape, right: Shape) -> str:
    """The reshape that gives features their sides of 1 back, as a sentence."""
    few, many = sorted((left, right), key=lambda shape: len(shape.sizes))
    if _side(few) or _side(many) or len(few.sizes) > 1 or few.channels != many.channels:
        return "What is multiplied must have as many axes."
    stretched = many.with_spatial(few.channels, (1,) * len(many.spatial))
    return f"Sizes of 1 stretch: end the branch of {few} with reshape:{stretched}."
