"""The layers that Keras has not, as source: short classes that the exported file brings along."""

from __future__ import annotations

#: Stands before each class; ``{package}`` is the name of the net.
REGISTERED = '@keras.saving.register_keras_serializable(package="{package}")'

CLASSES = {
    "MeanPooling": '''\
class MeanPooling(layers.Layer):
    """Means over windows; of the padding only ``counted`` of each end are in the divisor."""

    def __init__(
        self,
        size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        counted: Sequence[Sequence[int]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.strides = tuple(size), tuple(strides)
        self.padding, self.counted = padding, counted

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        ones = ops.ones((1, *x.shape[1:-1], 1), dtype=x.dtype)
        rest = [[a - c, b - d] for (a, b), (c, d) in zip(self.padding, self.counted)]
        ones = ops.pad(ones, [[0, 0], *self.counted, [0, 0]], constant_values=1)
        ones = ops.pad(ones, [[0, 0], *rest, [0, 0]])
        x = ops.pad(x, [[0, 0], *self.padding, [0, 0]])
        means, shares = (
            ops.average_pool(each, self.size, self.strides, data_format="channels_last")
            for each in (x, ones)
        )
        return means / shares
''',
    "LocallyConnected": '''\
class LocallyConnected(layers.Layer):
    """A convolution with a kernel of its own at every position."""

    def __init__(
        self,
        filters: int,
        size: Sequence[int],
        strides: Sequence[int],
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.use_bias = filters, use_bias
        self.size, self.strides = tuple(size), tuple(strides)

    def build(self, shape: tuple[int, ...]) -> None:
        taps = math.prod(self.size)
        self.sides = [
            (n - k) // s + 1 for n, k, s in zip(shape[1:-1], self.size, self.strides)
        ]
        # Positions, then the window and its channels, then the filters.
        sizes = (math.prod(self.sides), taps * shape[-1], self.filters)
        self.kernel = self.add_weight(sizes, name="kernel")
        if self.use_bias:
            bias = (*self.sides, self.filters)
            self.bias = self.add_weight(bias, initializer="zeros", name="bias")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        taps = []
        for starts in itertools.product(*map(range, self.size)):
            cut = (
                slice(start, start + (m - 1) * s + 1, s)
                for start, m, s in zip(starts, self.sides, self.strides)
            )
            taps.append(x[(slice(None), *cut)])
        windows = ops.stack(taps, axis=-2)
        windows = ops.reshape(windows, (-1, *self.kernel.shape[:2]))
        y = ops.einsum("bpi,pio->bpo", windows, self.kernel)
        y = ops.reshape(y, (-1, *self.sides, self.filters))
        return y + self.bias if self.use_bias else y
''',
    "Subsampling": '''\
class Subsampling(layers.Layer):
    """The sum of each window, times a number and plus a number for each channel."""

    def __init__(self, size: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = tuple(size)

    def build(self, shape: tuple[int, ...]) -> None:
        self.weight = self.add_weight((shape[-1],), initializer="ones", name="weight")
        self.bias = self.add_weight((shape[-1],), initializer="zeros", name="bias")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        means = ops.average_pool(x, self.size, self.size, data_format="channels_last")
        return means * math.prod(self.size) * self.weight + self.bias
''',
    "Distances": '''\
class Distances(layers.Layer):
    """Squared distances to prototypes of -1 and 1, which are not trained."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def build(self, shape: tuple[int, ...]) -> None:
        signs = keras.random.randint((self.count, shape[-1]), 0, 2, seed=1998)
        self.weight = self.add_weight(
            (self.count, shape[-1]), initializer="zeros", trainable=False, name="weight"
        )
        self.weight.assign(2 * ops.cast(signs, self.weight.dtype) - 1)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return ops.sum(ops.square(x[:, None] - self.weight), axis=-1)
''',
    "ResponseNormalization": '''\
class ResponseNormalization(layers.Layer):
    """Each value by a power of the squares of its neighbours among the channels."""

    def __init__(
        self, size: int, alpha: float, beta: float, k: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        ends = (self.size // 2, (self.size - 1) // 2)
        squares = ops.pad(ops.square(x), [*[[0, 0]] * (len(x.shape) - 1), ends])
        total = sum(squares[..., i : i + x.shape[-1]] for i in range(self.size))
        return x / ops.power(self.k + self.alpha / self.size * total, self.beta)
''',
    "Position": '''\
class Position(layers.Layer):
    """A trained row added at each step of a sequence."""

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = length

    def build(self, shape: tuple[int, ...]) -> None:
        sizes = (self.length, shape[-1])
        self.weight = self.add_weight(sizes, initializer="uniform", name="weight")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + self.weight[: x.shape[1]]
''',
    "Segment": '''\
class Segment(layers.Layer):
    """A trained row added for the segment of each step; all are of segment 0 if not given."""

    def __init__(self, kinds: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kinds = kinds

    def build(self, shape: tuple[int, ...]) -> None:
        sizes = (self.kinds, shape[-1])
        self.weight = self.add_weight(sizes, initializer="uniform", name="weight")

    def call(
        self, x: keras.KerasTensor, segments: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        rows = self.weight[0] if segments is None else ops.take(self.weight, segments, 0)
        return x + rows
''',
    "Token": '''\
class Token(layers.Layer):
    """Trained steps put before a sequence, the same for each example."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def build(self, shape: tuple[int, ...]) -> None:
        sizes = (self.count, shape[-1])
        self.weight = self.add_weight(sizes, initializer="zeros", name="weight")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        steps = ops.broadcast_to(self.weight, (ops.shape(x)[0], *self.weight.shape))
        return ops.concatenate([steps, x], axis=1)
''',
    "Experts": '''\
class Experts(layers.Layer):
    """Perceptrons, of which a router chooses some at each step, by shares of a softmax.

    All of them are computed and those not chosen have the share 0: right, but no saving.
    """

    def __init__(
        self,
        experts: int,
        active: int,
        width: int,
        gated: bool,
        use_bias: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.experts, self.active, self.width = experts, active, width
        self.gated, self.use_bias = gated, use_bias

    def build(self, shape: tuple[int, ...]) -> None:
        features, wide, narrow = shape[-1], {}, {}
        for name in ("up", "down", "gate")[: 3 if self.gated else 2]:
            ends = (self.width, features) if name == "down" else (features, self.width)
            wide[name] = self.add_weight((self.experts, *ends), name=name)
            if self.use_bias:
                sizes = (self.experts, ends[1])
                narrow[name] = self.add_weight(
                    sizes, initializer="zeros", name=f"{name}_bias"
                )
        self.kernels, self.biases = wide, narrow
        self.router = self.add_weight((features, self.experts), name="router")

    def through(self, name: str, x: keras.KerasTensor, sums: str) -> keras.KerasTensor:
        y = ops.einsum(sums, x, self.kernels[name])
        return y + self.biases[name] if self.use_bias else y

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        best, chosen = ops.top_k(ops.matmul(x, self.router), self.active)
        shares = ops.expand_dims(ops.softmax(best, axis=-1), -1)
        shares = ops.sum(shares * ops.one_hot(chosen, self.experts), axis=-2)
        h = self.through("up", x, "btf,efw->btew")
        if self.gated:
            h = h * ops.silu(self.through("gate", x, "btf,efw->btew"))
        else:
            h = ops.gelu(h, approximate=False)
        h = self.through("down", h, "btew,ewf->btef")
        return ops.sum(h * ops.expand_dims(shares, -1), axis=-2)
''',
}
