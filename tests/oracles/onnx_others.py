"""Draws of the layers without a moving window for ONNX, and of branches."""

from __future__ import annotations

from oracles.drawing import Option, Sizes, bracketed
from oracles.onnx_parts import Graph, Padding, Part, Writer

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


class Others(Writer):
    """Draws recurrent and dense layers, normalisation, activations and branches."""

    def recurrent(self) -> tuple[Sizes, Part]:
        """One layer of TIMExFEATURES, in one direction or both; rarely of another rank."""
        kind = self.rng.choice(("lstm", "gru", "rnn"))
        hidden, gates = self.rng.randint(1, 6), GATES[kind]
        both, (bias, bias_option) = self.chance(0.4), self.bias()
        reset = self.chance(0.5) if kind == "gru" and self.chance(0.4) else None
        text = self.written(
            kind,
            Option("out", str(hidden), positional=True),
            Option("layers", self.unless((1,))),
            Option("bidirectional", self.flag(both, False)),
            bias_option,
            Option("reset_after", "" if reset is None else "yes" if reset else "no"),
        )

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            directions, rows = 2 if both else 1, gates * hidden
            tensors = [graph.weight(directions, rows, sizes[-1])]
            tensors += [graph.weight(directions, rows, hidden)]
            tensors += [graph.weight(directions, 2 * rows)] if bias else []
            return graph.node(
                kind.upper(),
                x,
                *tensors,
                hidden_size=hidden,
                direction="bidirectional" if both else None,
                linear_before_reset=None if reset is None else int(reset),
            )

        rank = self.rng.choice((3, 3, 4)) if self.chance(0.25) else 2
        return self.sides(rank, 7), Part(kind, text, build)

    def dense(self) -> tuple[Sizes, Part]:
        """Gemm on features, MatMul and Add on the last of more axes."""
        out, flipped = self.rng.randint(1, 12), self.chance(0.5)
        bias, bias_option = self.bias()
        text = self.written(
            self.synonym("dense"), Option("out", str(out), positional=True), bias_option
        )

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            features = sizes[-1]
            if len(sizes) > 1:
                y = graph.node("MatMul", x, graph.weight(features, out))
                return graph.node("Add", y, graph.weight(out)) if bias else y
            weight = graph.weight(out, features) if flipped else graph.weight(features, out)
            tensors = [weight, *([graph.weight(out)] if bias else [])]
            return graph.node("Gemm", x, *tensors, transB=int(flipped))

        return self.anything(), Part("dense", text, build)

    def norm(self) -> tuple[Sizes, Part]:
        """Batch, layer or instance normalisation."""
        kind = self.rng.choice(("bn", "ln", "ln", "instancenorm"))
        if kind == "ln":
            return self.layernorm()
        if kind == "bn":
            return self.anything(), self.bn()
        rank = self.rank()
        eps = Option("eps", self.rng.choice(("", "1e-3")))
        text = self.written(self.named("instancenorm", rank), Option("affine", "yes"), eps)

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            tensors = graph.weight(sizes[0]), graph.weight(sizes[0])
            return graph.node("InstanceNormalization", x, *tensors)

        return (self.rng.randint(1, 6), *self.sides(rank, 7)), Part("instancenorm", text, build)

    def bn(self) -> Part:
        """Batch normalisation; its statistics are not trained."""
        eps = Option("eps", self.rng.choice(("", "", "1e-3")))

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            trained = [graph.weight(sizes[0]) for _ in range(2)]
            kept = [graph.weight(sizes[0], trained=False) for _ in range(2)]
            return graph.node("BatchNormalization", x, *trained, *kept)

        return Part("bn", self.written(self.synonym("bn"), eps), build)

    def layernorm(self) -> tuple[Sizes, Part]:
        """The last axes; sometimes more than there are, the batch included."""
        sizes, (bias, bias_option) = self.anything(), self.bias()
        axes = min(self.rng.choice((1, 1, 2, 3)), len(sizes))
        axes += 2 if self.chance(0.12) and axes == len(sizes) else 0
        text = self.written(
            "ln", Option("axes", self.unless((axes,)), positional=True), bias_option
        )

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            tensors = [graph.weight(*sizes[-axes:]) for _ in range(2 if bias else 1)]
            return graph.node("LayerNormalization", x, *tensors, axis=-axes)

        return sizes, Part("ln", text, build)

    def groupnorm(self) -> tuple[Sizes, Part]:
        """Groups that sometimes do not quite divide the channels."""
        groups = self.rng.randint(1, 5)
        channels = self.parted(groups, 3, beside=0.4)
        text = self.written("gn", Option("groups", str(groups), positional=True))

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            tensors = graph.weight(sizes[0]), graph.weight(sizes[0])
            return graph.node("GroupNormalization", x, *tensors, num_groups=groups)

        return (channels, *self.anything()[1:]), Part("gn", text, build)

    def prelu(self) -> tuple[Sizes, Part]:
        """One slope, or one a channel, which stands before axes of 1."""
        sizes = self.anything()
        slopes = self.slopes(sizes)

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            return graph.node("PRelu", x, graph.weight(slopes, *(1,) * (len(sizes) - 1)))

        def says(opset: int) -> Sizes:
            return sizes if slopes in (1, sizes[0]) else (0,)

        return sizes, Part("prelu", f"prelu:{slopes}", build, says=says)

    def plain(self) -> tuple[Sizes, Part]:
        """Activations, flatten and lrn."""
        if self.chance(0.35):
            part = Part("flatten", "flatten", lambda graph, x, sizes: graph.node("Flatten", x))
            return self.anything(), part
        if self.chance(0.5):
            return self.anything(), self.activation()
        sizes, text, size = self.local_response()
        return sizes, Part("lrn", text, lambda graph, x, sizes: graph.node("LRN", x, size=size))

    def activation(self) -> Part:
        kinds = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu"}
        kind, op = self.rng.choice(list(kinds.items()))
        return Part(kind, kind, lambda graph, x, sizes: graph.node(op, x))

    def residual(self) -> tuple[Sizes, Part]:
        """A main branch that mostly keeps the shape, with a shortcut or without."""
        sizes, branches = self.shortcut((1, 2), self.branch)
        return sizes, _merge("residual", branches)

    def concat(self) -> tuple[Sizes, Part]:
        """Branches that mostly agree in their sides."""
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 7))
        stride = self.rng.choice((1, 1, 2))
        count = self.rng.randint(2, 3)
        branches = [self.branch(self.rng.randint(1, 4), stride) for _ in range(count)]
        return sizes, _merge("concat", branches)

    def branch(self, out: int, stride: int) -> tuple[Part, ...]:
        """Layers that give ``out`` channels and ceil(n/stride) sides, or rarely others."""
        parts = [self.same_conv(out, stride)]
        if self.chance(0.4):
            parts.append(self.rng.choice((self.bn, self.activation))())
        if self.chance(0.3):
            parts.append(self.same_conv(out, 1))
        if stride == 1 and self.chance(0.2):
            parts.append(Part("maxpool", "maxpool:3,s1,p1", _same_maxpool))
        return tuple(parts)

    def same_conv(self, out: int, stride: int) -> Part:
        kernel = self.rng.choice((1, 3, 3, 5))
        amount = kernel // 2 if self.chance(0.95) else self.rng.randint(0, 2)
        padding = Padding(self.unless((amount,), 0), "", ((amount, amount),))
        if self.chance(0.3):
            padding = Padding("same_lower", "same_lower")
        bias, bias_option = self.bias()
        options = self.conv_options(out, (kernel,), (stride,), padding.text)

        def build(graph: Graph, x: str, sizes: Sizes) -> str:
            rank = len(sizes) - 1
            tensors = [graph.weight(out, sizes[0], *(kernel,) * rank)]
            tensors += [graph.weight(out)] if bias else []
            attributes = padding.attributes(rank)
            return graph.node("Conv", x, *tensors, strides=[stride] * rank, **attributes)

        return Part("conv", self.written("conv", *options, bias_option), build, out)


def _same_maxpool(graph: Graph, x: str, sizes: Sizes) -> str:
    rank = len(sizes) - 1
    return graph.node(
        "MaxPool", x, kernel_shape=[3] * rank, strides=[1] * rank, pads=[1] * 2 * rank
    )


def _merge(kind: str, branches: list[tuple[Part, ...]]) -> Part:
    def build(graph: Graph, x: str, sizes: Sizes) -> str:
        outputs = []
        for branch in branches:
            y, channels = x, sizes[0]
            for part in branch:
                y = part.build(graph, y, (channels, *sizes[1:]))
                channels = part.out or channels
            outputs.append(y)
        if kind == "concat":
            return graph.node("Concat", *outputs, axis=1)
        main, skip = outputs if len(outputs) > 1 else (*outputs, x)
        graph.equal.append((main, skip))
        return graph.node("Add", main, skip)

    return Part(kind, bracketed(kind, branches), build)
