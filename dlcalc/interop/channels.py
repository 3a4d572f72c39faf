"""A net with its channels last, as the net with its channels first that computes the same.

What slides along positions or looks at channels reads them first; what takes the values in
their order, such as a flatten, reads them as they stood in the file. Between the two an
explicit permute is put, and nowhere else. Of each layer the wanted rules must make what
its own rules made of it; padding and vectors of biases that they would count otherwise are
written in numbers.
"""

from __future__ import annotations

from typing import Any

from dlcalc.errors import LayerError, NotationError
from dlcalc.interop.graph import node_of
from dlcalc.layers.activation import Activation
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer
from dlcalc.layers.convention import Convention
from dlcalc.layers.pool import AvgPool
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size
from dlcalc.nets.parser import Net, Node
from dlcalc.nets.trace import Step

#: Layers that read the channels first: they move along positions, or act by channel.
_FIRST = {
    *("conv", "convtranspose", "maxpool", "avgpool", "lppool", "globalavgpool", "globalmaxpool"),
    *("adaptiveavgpool", "adaptivemaxpool", "pad", "crop", "upsample"),
    *("bn", "gn", "instancenorm", "lrn"),
    *("softmax", "log_softmax", "prelu"),
}
#: Layers that take the values in the order in which they stand.
_AS_THEY_STAND = {
    *("flatten", "reshape", "permute", "dense", "embedding", "position", "last", "first"),
    *("rnn", "lstm", "gru", "attention", "ln", "rmsnorm"),
}
_MERGES = ("residual", "multiply", "concat")


def channels_first(
    start: Shape, steps: tuple[Step, ...], own: Convention, wanted: Convention
) -> tuple[Shape, Net]:
    """The net of these steps, which have their channels last, and its input.

    Raises `NotationError` at a layer that is another one that way.
    """
    turning = _Turning(own, wanted)
    first = len(start.sizes) > 2
    net, ended = turning.through(steps, first)
    output = steps[-1].output
    # Maps come out as they go in elsewhere, channels first; sequences step by step.
    if len(output.sizes) > 1 and ended != (len(output.sizes) > 2):
        net.append(_turn(output, first=not ended))
    return turned(start) if first else Shape(start.sizes), tuple(net)


def turned(shape: Shape) -> Shape:
    """The shape with its channels first.

    >>> turned(Shape((28, 20, 3), "hwc"))
    Shape(3x28x20)
    """
    return Shape((shape.sizes[-1], *shape.sizes[:-1]))


class _Turning:
    def __init__(self, own: Convention, wanted: Convention) -> None:
        self.own = own
        self.wanted = wanted

    def through(self, steps: tuple[Step, ...], first: bool) -> tuple[list[Node], bool]:
        """The layers one behind the other, and whether what comes out has its channels first."""
        found: list[Node] = []
        for step in steps:
            try:
                needed = self._needed(step)
                if needed is not None and needed != first and len(step.input.sizes) > 1:
                    found.append(_turn(step.input, first=needed))
                    first = needed
                found += self._branched(step, first) if step.branches else self._layer(step, first)
            except LayerError as error:
                name = step.node.name or step.node.head
                rule = f"{name} ({step.node.head}): {error.rule}"
                raise NotationError(rule, mend=error.mend) from error
            # Of one axis both orders are one, and what is made of it stands as it is made.
            first = first and len(step.output.sizes) > 1
        return found, first

    def _needed(self, step: Step) -> bool | None:
        """Whether a layer reads the channels first; None if it does not matter."""
        layer, word = step.node.layer, step.node.layer.words[0]
        if word in _FIRST or (word == "dropout" and layer.rank is not None) or word == "concat":
            return True
        if word in _AS_THEY_STAND:
            return False
        if isinstance(layer, Activation) or word in ("dropout", "identity", *_MERGES):
            return None
        raise LayerError("with channels last it is not written")

    def _branched(self, step: Step, first: bool) -> list[Node]:
        """A layer with branches, all of which end as they begin."""
        node = step.node
        axis = getattr(node.layer, "axis", None)
        if node.layer.words[0] not in _MERGES or axis not in (None, len(step.output.sizes) - 1):
            raise LayerError("with channels last it is not written")
        branches = []
        for steps in step.branches:
            branch, ended = self.through(steps, first)
            output = steps[-1].output if steps else step.input
            if ended != first and len(output.sizes) > 1:
                branch.append(_turn(output, first=first))
            branches.append(tuple(branch))
        layer = node.layer if axis is None else _with(node.layer, axis=None)
        return [node._replace(layer=layer, branches=tuple(branches))]

    def _layer(self, step: Step, first: bool) -> list[Node]:
        """A layer of which the wanted rules make the same; axes that they keep are dropped."""
        layer = step.node.layer
        shape = turned(step.input) if first else Shape(step.input.sizes)
        output = turned(step.output) if first else Shape(step.output.sizes)
        if self._differs(layer, step, shape, output):
            layer = self._explicit(layer, step)
            if why := self._differs(layer, step, shape, output):
                raise LayerError(why)
        made = layer.output_shape(shape, self.wanted)
        more = [node_of("flatten")] if len(made.sizes) > len(output.sizes) else []
        return [step.node._replace(layer=layer), *more]

    def _differs(self, layer: Layer, step: Step, shape: Shape, output: Shape) -> str:
        """Why a layer is another one under the wanted rules; empty where it is not."""
        mine, own, wanted = step.node.layer, self.own, self.wanted
        try:
            made = layer.output_shape(shape, wanted)
            # Global pooling keeps its axes in some frameworks, and drops them in others.
            kept = len(output.sizes) == 1 and set(made.sizes[1:]) == {1}
            same = made == output or (kept and made.sizes[0] == output.sizes[0])
            same = same and layer.parameters(shape, wanted) == mine.parameters(step.input, own)
            if layer.spatial and not kept:
                sides = step.input.spatial
                seen = (
                    _seen(layer.axes(shape, wanted), sides),
                    _seen(mine.axes(step.input, own), sides),
                )
                same = same and seen[0] == seen[1]
            if isinstance(mine, AvgPool) and any(map(any, mine.ends(step.input.spatial, own))):
                assert isinstance(layer, AvgPool)
                same = same and layer.counts_padding(wanted) == mine.counts_padding(own)
        except LayerError as error:
            return error.rule
        return "" if same else f"the rules of {wanted.name} make another layer of it"

    def _explicit(self, layer: Layer, step: Step) -> Layer:
        """The layer with what its own rules leave unsaid in numbers: padding, vectors of biases."""
        made: Any = layer
        word = layer.words[0]
        if word in ("rnn", "lstm", "gru") and made.bias:
            if word == "gru" and made.reset_after is None:
                return layer
            return _with(layer, biases=made.bias_vectors(self.own))
        if not isinstance(getattr(layer, "padding", None), str) or not hasattr(layer, "windows"):
            return layer
        ends = tuple(window.ends for window in made.windows(step.input.spatial, self.own))
        settings: dict[str, Any] = {"padding": ends}
        if isinstance(layer, AvgPool):
            settings["count_include_pad"] = layer.counts_padding(self.own)
        return _with(layer, **settings)


def _seen(axes: tuple[Axis, ...] | None, sides: tuple[Size, ...]) -> object:
    """What each output along each axis sees, and how many there are."""
    if axes is None:
        return None
    return [
        (axis.s, axis.begin, axis.extent, axis.up, axis.size(n))
        for n, axis in zip(sides, axes, strict=True)
    ]


def _with(layer: Layer, **changed: Any) -> Layer:
    """The layer with other arguments."""
    settings: dict[str, Any] = {a.name: getattr(layer, a.name) for a in layer.arguments}
    if layer.rank is not None:
        settings["rank"] = layer.rank
    changed_one: Layer = type(layer)(**settings | changed)
    return changed_one


def _turn(shape: Shape, *, first: bool) -> Node:
    """A permute of a shape with its channels last: to channels first, or back again."""
    last = len(shape.sizes) - 1
    order = (last, *range(last)) if first else (*range(1, last + 1), 0)
    return node_of(f"permute:{'x'.join(map(str, order))}")
