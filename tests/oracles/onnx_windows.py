"""Draws of convolution, transposed convolution and pooling for ONNX."""

from __future__ import annotations

from typing import NamedTuple

from oracles.drawing import Option, Sizes, at, by, covered, everywhere, window_options
from oracles.onnx_parts import Graph, Padding, Part, Writer

POOLS = {"maxpool": "MaxPool", "avgpool": "AveragePool", "lppool": "LpPool"}
_NONE = Padding()


class _Window(NamedTuple):
    """The numbers of a window, one for all axes or one for each."""

    rank: int
    kernel: Sizes
    stride: Sizes
    dilation: Sizes = (1,)
    padding: Padding = _NONE

    def attributes(self) -> dict[str, object]:
        """As ONNX is given it."""
        return {
            "kernel_shape": everywhere(self.kernel, self.rank),
            "strides": everywhere(self.stride, self.rank),
            "dilations": everywhere(self.dilation, self.rank),
            **self.padding.attributes(self.rank),
        }

    def covered(self, axis: int) -> int:
        """How many positions the window covers."""
        return covered(self.kernel, self.dilation, axis)

    def least(self, axis: int) -> int:
        """The smallest side that it fits into."""
        return 1 if self.padding.same else self.covered(axis) - sum(at(self.padding.ends, axis))

    def traits(self, sides: Sizes) -> set[str]:
        """What may set the readings apart."""
        found = {
            "same": self.padding.same,
            "valid": self.padding.word == "valid",
            "dilated": max(self.dilation) > 1,
            "large": any(n < self.least(axis) for axis, n in enumerate(sides)),
            "wide": any(
                max(at(self.padding.ends, axis)) >= at(self.kernel, axis)
                for axis in range(self.rank)
            ),
        }
        return {name for name, true in found.items() if true}


class _Transposed(NamedTuple):
    """The numbers of a transposed convolution: its window and what sets its output size."""

    window: _Window
    sides: Sizes
    extra: Sizes
    wanted: Sizes | None

    def size(self, axis: int) -> int:
        """The output size, as the text of ConvTranspose has it."""
        window, n = self.window, self.sides[axis]
        if self.wanted is not None:
            return at(self.wanted, axis)
        if window.padding.same:
            return n * at(window.stride, axis)
        cut = sum(at(window.padding.ends, axis))
        return self.full(axis) + at(self.extra, axis) - cut

    def full(self, axis: int) -> int:
        """The output size where nothing is cut off or added."""
        window = self.window
        return at(window.stride, axis) * (self.sides[axis] - 1) + window.covered(axis)

    def traits(self) -> set[str]:
        """What may set the readings apart."""
        window = self.window
        found = window.traits(self.sides) - {"large"}
        found |= {"extra"} if any(self.extra) else set()
        for axis, n in enumerate(self.sides):
            s, d, op = at(window.stride, axis), at(window.dilation, axis), at(self.extra, axis)
            found |= {"between"} if s <= op < d else set()
            found |= {"beyond"} if op >= max(s, d) else set()
            found |= {"nothing"} if self.size(axis) < 1 else set()
            if self.wanted:
                found |= {"below"} if at(self.wanted, axis) < n else set()
                found |= {"above"} if at(self.wanted, axis) >= self.full(axis) + s else set()
        return found


class Windows(Writer):
    """Draws layers with a moving window."""

    def conv(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        window = _Window(
            rank,
            self.axes(rank, 1, 4),
            self.axes(rank, 1, 3),
            self.dilation(rank),
            self.padding(rank, (3,) * rank, 0.25, 0),
        )
        bias, bias_option = self.bias()
        text = self.written(
            self.named("conv", rank),
            *self.conv_options(out, window.kernel, window.stride, window.padding.text),
            *self.reach_options(window.dilation, groups),
            bias_option,
        )

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            inside = max(sizes[0] // groups, 1)
            tensors = [graph.weight(out, inside, *everywhere(window.kernel, rank))]
            tensors += [graph.weight(out)] if bias else []
            return graph.node("Conv", x, *tensors, group=groups, **window.attributes())

        sides = self.around(window.least, rank)
        traits = window.traits(sides) | ({"uneven"} if inputs % groups or out % groups else set())
        return (inputs, *sides), Part("conv", text, build, out, traits=frozenset(traits))

    def convtranspose(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        out = -(-out // groups) * groups
        layer = self.transposed(rank)
        window, bias = layer.window, self.bias()
        text = self.written(
            self.named("convtranspose", rank),
            *self.conv_options(out, window.kernel, window.stride, window.padding.text),
            Option("output_padding", "" if layer.extra == (0,) else by(layer.extra), "op"),
            *self.reach_options(window.dilation, groups),
            bias[1],
            Option("output", by(layer.wanted or ())),
        )

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            kernel = everywhere(window.kernel, rank)
            tensors = [graph.weight(sizes[0], out // groups, *kernel)]
            tensors += [graph.weight(out)] if bias[0] else []
            return graph.node(
                "ConvTranspose",
                x,
                *tensors,
                output_padding=everywhere(layer.extra, rank) if any(layer.extra) else None,
                output_shape=everywhere(layer.wanted, rank) if layer.wanted else None,
                group=groups,
                **window.attributes(),
            )

        def says(opset: int) -> Sizes:
            return (out, *(layer.size(axis) for axis in range(rank)))

        traits = frozenset(layer.traits())
        return (inputs, *layer.sides), Part("convtranspose", text, build, out, says, traits)

    def transposed(self, rank: int) -> _Transposed:
        """Sides around the least of which something is left."""
        kernel, stride = self.axes(rank, 1, 4), self.axes(rank, 1, 3)
        dilation = self.dilation(rank)
        padding = self.padding(rank, (3,) * rank, 0.3, 0)
        window = _Window(rank, kernel, stride, dilation, padding)
        extra = self.output_padding(rank, stride, dilation)

        def least(axis: int) -> int:
            kept = window.covered(axis) + at(extra, axis) - sum(at(padding.ends, axis))
            return 1 - (kept - 1) // at(stride, axis)

        sides = tuple(min(self.near(least(axis), rank), 7) for axis in range(rank))
        layer = _Transposed(window, sides, extra, None)
        if self.chance(0.3):
            return layer._replace(wanted=self.wanted(layer), extra=(0,))
        return layer

    def wanted(self, layer: _Transposed) -> Sizes:
        """The output asked for, at times the first that is too large."""
        found = []
        for axis in range(layer.window.rank):
            s, full = at(layer.window.stride, axis), layer.full(axis)
            if self.chance(0.3 / layer.window.rank):
                found.append(full + s + self.rng.choice((0, 0, 1)))
            elif self.chance(0.5):
                found.append(full + self.rng.randint(0, s - 1))
            else:
                found.append(self.rng.randint(1, full))
        return tuple(found[:1]) if self.chance(0.3) else tuple(found)

    def maxpool(self) -> tuple[Sizes, Part]:
        return self.pooling("maxpool", self.padded_window(), {}, ())

    def avgpool(self) -> tuple[Sizes, Part]:
        counted = self.chance(0.5)
        option = Option("count_include_pad", self.flag(counted, False))
        values = {"count_include_pad": int(counted)}
        return self.pooling("avgpool", self.padded_window(), values, (option,))

    def lppool(self) -> tuple[Sizes, Part]:
        """Without padding and dilation, which it has not in the notation."""
        rank, power = self.rank(), self.rng.choice((1, 2, 3))
        window = _Window(rank, self.axes(rank, 1, 4), self.axes(rank, 1, 4))
        option = Option("norm", self.unless((power,), 2))
        return self.pooling("lppool", window, {"p": power, "dilations": None}, (option,))

    def padded_window(self) -> _Window:
        """A window of pooling, padded up to its kernel."""
        rank = self.rank()
        kernel, stride = self.axes(rank, 1, 4), self.axes(rank, 1, 4)
        dilation = self.dilation(rank)
        highs = tuple(at(kernel, axis) - 1 for axis in range(rank))
        return _Window(rank, kernel, stride, dilation, self.padding(rank, highs, 0.3, 0.35))

    def pooling(
        self, kind: str, window: _Window, values: dict[str, object], options: tuple[Option, ...]
    ) -> tuple[Sizes, Part]:
        """What every pooling shares."""
        rank, ceil, channels = window.rank, self.chance(0.5), self.rng.randint(1, 3)
        text = self.written(
            self.named(kind, rank),
            *window_options(window.kernel, by(window.stride), window.padding.text),
            Option("dilation", "" if kind == "lppool" else self.unless(window.dilation), "d"),
            Option("ceil", self.flag(ceil, False)),
            *options,
        )
        given = window.attributes() | {"ceil_mode": int(ceil)} | values

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            return graph.node(POOLS[kind], x, **given)

        def least(axis: int) -> int:
            slack = self.slack(ceil, window.stride, axis)
            return window.least(axis) - (0 if window.padding.same else slack)

        sides = self.around(least, rank)

        def says(opset: int) -> Sizes:
            found = (_pooled(n, window, axis, ceil, opset > 21) for axis, n in enumerate(sides))
            return (channels, *found)

        traits = window.traits(sides) | ({"ceil"} if ceil else set())
        return (channels, *sides), Part(kind, text, build, None, says, frozenset(traits))

    def globalpool(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kinds = {"globalavgpool": "GlobalAveragePool", "globalmaxpool": "GlobalMaxPool"}
        kind, op = self.rng.choice(list(kinds.items()))
        part = Part(kind, self.named(kind, rank), lambda graph, x, sizes: graph.node(op, x))
        return (self.rng.randint(1, 6), *self.sides(rank)), part


def _pooled(n: int, window: _Window, axis: int, ceil: bool, drops: bool) -> int:
    """The size after pooling, as the text of MaxPool and AveragePool has it."""
    stride, covered = at(window.stride, axis), window.covered(axis)
    if window.padding.same:
        return -(-n // stride)
    if window.padding.word == "valid":
        return -(-(n - covered + 1) // stride)
    begin, end = at(window.padding.ends, axis)
    room = n + begin + end - covered
    if not ceil:
        return room // stride + 1
    size = -(-room // stride) + 1
    return size - 1 if drops and (size - 1) * stride >= n + begin else size
