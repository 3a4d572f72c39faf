"""Multiply-accumulates against forward passes whose numbers count their own products.

The passes know nothing of dlcalc: they are plain loops over lists, with
weights of their own. Where torch is installed, their outputs are torch's.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, product
from typing import Any, ClassVar, NamedTuple

import pytest

from dlcalc.layers.attention import Attention
from dlcalc.layers.base import Layer
from dlcalc.layers.conv import Conv
from dlcalc.layers.convention import TORCH
from dlcalc.layers.dense import Dense
from dlcalc.layers.embedding import Embedding
from dlcalc.layers.recurrent import Gru, Lstm, Rnn
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size
from dlcalc.layers.transformer import Decoder, Encoder
from dlcalc.layers.transposed import ConvTranspose

RNG = random.Random(0)


class Number:
    """A number that counts: products with trained numbers as macs, others by ``kind``."""

    counts: ClassVar[Counter[str]] = Counter()
    kind = "others"

    def __init__(self, value: float, trained: bool = False) -> None:
        self.value = value
        self.trained = trained

    def __mul__(self, other: Number) -> Number:
        Number.counts["macs" if self.trained or other.trained else Number.kind] += 1
        return Number(self.value * other.value)

    def __add__(self, other: Number) -> Number:
        return Number(self.value + other.value)

    def through(self, function: Callable[[float], float]) -> Number:
        """The value of an activation function."""
        Number.counts["activation"] += 1
        return Number(function(self.value))


@contextmanager
def counting(kind: str) -> Iterator[None]:
    """Products of untrained numbers are of this kind."""
    before, Number.kind = Number.kind, kind
    yield
    Number.kind = before


Row = list[Number]
Matrix = list[Row]
Weights = dict[str, Any]


def numbers(*sizes: int, trained: bool = False) -> Any:
    """Random numbers in nested lists of these sizes."""
    if not sizes:
        return Number(RNG.uniform(-1, 1), trained)
    return [numbers(*sizes[1:], trained=trained) for _ in range(sizes[0])]


def weights(*sizes: int) -> Any:
    """Trained numbers."""
    return numbers(*sizes, trained=True)


def zero() -> Number:
    return Number(0.0)


def dot(left: Row, right: Row) -> Number:
    result = zero()
    for a, b in zip(left, right, strict=True):
        result = result + a * b
    return result


def linear(x: Row, weight: Matrix, bias: Row | None = None) -> Row:
    """One step through a matrix, then the bias."""
    outputs = [dot(row, x) for row in weight]
    if bias is None:
        return outputs
    Number.counts["bias"] += len(outputs)
    return [output + b for output, b in zip(outputs, bias, strict=True)]


def add(*rows: Row) -> Row:
    return [Number(sum(number.value for number in column)) for column in zip(*rows, strict=True)]


def times(left: Row, right: Row) -> Row:
    """Elementwise products."""
    with counting("gates"):
        return [a * b for a, b in zip(left, right, strict=True)]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def relu(x: float) -> float:
    return max(x, 0.0)


def through(function: Callable[[float], float], row: Row) -> Row:
    return [number.through(function) for number in row]


def counted(run: Callable[[], object]) -> dict[str, int]:
    """What a forward pass counts."""
    Number.counts = Counter()
    run()
    return {kind: count for kind, count in Number.counts.items() if count}


def claimed(layer: Layer, *sizes: int, layout: Any = "chw") -> dict[str, Size]:
    """What the layer says that it counts."""
    shape = Shape(sizes, layout)
    output = layer.output_shape(shape, TORCH)
    every = {"macs": layer.macs(shape, output), **layer.parts(shape, output)}
    return {kind: count for kind, count in every.items() if count}


def plain(value: Any) -> Any:
    """Nested lists of numbers as nested lists of floats."""
    return [plain(part) for part in value] if isinstance(value, list) else value.value


def double(value: Any) -> Any:
    """Nested lists of numbers as a tensor in double precision."""
    import torch

    return torch.tensor(plain(value), dtype=torch.float64)


# --- recurrent -------------------------------------------------------------------


class Cell(NamedTuple):
    """The weights of one cell, and its step: (input, state) to (output, state)."""

    ih: Matrix
    hh: Matrix
    bias: Row | None
    hr: Matrix | None
    hidden: int

    def gates(self, x: Row, h: Row) -> Row:
        """Both products, summed; the bias is added once."""
        return add(linear(x, self.ih, self.bias), linear(h, self.hh))

    def blocks(self, row: Row) -> list[Row]:
        return [row[i : i + self.hidden] for i in range(0, len(row), self.hidden)]

    def rnn(self, x: Row, state: tuple[Row, Row]) -> tuple[Row, Row]:
        h = through(math.tanh, self.gates(x, state[0]))
        return h, h

    def lstm(self, x: Row, state: tuple[Row, Row]) -> tuple[Row, Row]:
        h, c = state
        i, f, g, o = self.blocks(self.gates(x, h))
        i, f, o = through(sigmoid, i), through(sigmoid, f), through(sigmoid, o)
        c = add(times(f, c), times(i, through(math.tanh, g)))
        h = times(o, through(math.tanh, c))
        return (linear(h, self.hr) if self.hr else h), c

    def gru(self, x: Row, state: tuple[Row, Row]) -> tuple[Row, Row]:
        (h, _) = state
        (xr, xz, xn) = self.blocks(linear(x, self.ih, self.bias))
        (hr, hz, hn) = self.blocks(linear(h, self.hh))
        r, z = through(sigmoid, add(xr, hr)), through(sigmoid, add(xz, hz))
        n = through(math.tanh, add(xn, times(r, hn)))
        rest = [Number(1 - number.value) for number in z]
        h = add(times(rest, n), times(z, h))
        return h, h


class Recurrent(NamedTuple):
    """Cells in layers and directions."""

    word: str
    inputs: int
    hidden: int
    layers: int = 1
    both: bool = False
    bias: bool = True
    proj: int = 0

    def cells(self) -> list[list[Cell]]:
        rows = {"rnn": 1, "lstm": 4, "gru": 3}[self.word] * self.hidden
        state, found, inputs = self.proj or self.hidden, [], self.inputs
        for _ in range(self.layers):
            layer = [
                Cell(
                    weights(rows, inputs),
                    weights(rows, state),
                    weights(rows) if self.bias else None,
                    weights(self.proj, self.hidden) if self.proj else None,
                    self.hidden,
                )
                for _ in range(1 + self.both)
            ]
            found.append(layer)
            inputs = state * len(layer)
        return found

    def run(self, cells: list[list[Cell]], sequence: Matrix) -> Matrix:
        for layer in cells:
            passes = []
            for direction, cell in enumerate(layer):
                order = sequence[::-1] if direction else sequence
                output = self.passed(cell, order)
                passes.append(output[::-1] if direction else output)
            sequence = [list(chain(*steps)) for steps in zip(*passes, strict=True)]
        return sequence

    def passed(self, cell: Cell, sequence: Matrix) -> Matrix:
        h = [zero() for _ in range(self.proj or self.hidden)]
        c = [zero() for _ in range(self.hidden)]
        outputs = []
        for x in sequence:
            h, c = getattr(cell, self.word)(x, (h, c))
            outputs.append(h)
        return outputs

    def layer(self) -> Layer:
        kinds: dict[str, type[Layer]] = {"rnn": Rnn, "lstm": Lstm, "gru": Gru}
        values: dict[str, Any] = {"proj": self.proj} if self.proj else {}
        return kinds[self.word](
            out=self.hidden,
            layers=self.layers,
            bidirectional=self.both,
            bias=self.bias,
            **values,
        )


CASES = [
    Recurrent(word, inputs, hidden, layers, both, bias, proj)
    for word, inputs, hidden, layers, both, bias in product(
        ("rnn", "lstm", "gru"), (1, 2), (1, 3), (1, 2), (False, True), (False, True)
    )
    for proj in ((0, 2) if word == "lstm" and hidden == 3 else (0,))
]


@pytest.mark.parametrize("time", [1, 5])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_recurrent(case: Recurrent, time: int) -> None:
    cells, sequence = case.cells(), numbers(time, case.inputs)
    assert claimed(case.layer(), time, case.inputs) == counted(lambda: case.run(cells, sequence))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_the_recurrent_pass_is_that_of_torch(case: Recurrent) -> None:
    torch = pytest.importorskip("torch")
    cells, sequence = case.cells(), numbers(4, case.inputs)
    module = getattr(torch.nn, case.word.upper())(
        case.inputs,
        case.hidden,
        case.layers,
        bias=case.bias,
        bidirectional=case.both,
        batch_first=True,
        dtype=torch.float64,
        **({"proj_size": case.proj} if case.proj else {}),
    )
    state: dict[str, Any] = {}
    for number, layer in enumerate(cells):
        for cell, suffix in zip(layer, ("", "_reverse")):
            end = f"_l{number}{suffix}"
            tensors = {"weight_ih": cell.ih, "weight_hh": cell.hh, "weight_hr": cell.hr}
            if cell.bias:
                tensors |= {"bias_ih": cell.bias, "bias_hh": [zero() for _ in cell.bias]}
            state |= {name + end: double(w) for name, w in tensors.items() if w}
    module.load_state_dict(state)
    expected = module(double([sequence]))[0][0].tolist()
    for ours, theirs in zip(plain(case.run(cells, sequence)), expected, strict=True):
        assert ours == pytest.approx(theirs)


# --- attention -------------------------------------------------------------------


def softmax(row: Row) -> Row:
    """Not an activation function in these counts."""
    powers = [math.exp(number.value) for number in row]
    return [Number(power / sum(powers)) for power in powers]


def attention_weights(
    features: int, heads: int, kv: int, dim: int, memory: int, bias: tuple[bool, bool]
) -> Weights:
    sizes = {
        "query": (heads * dim, features),
        "key": (kv * dim, memory),
        "value": (kv * dim, memory),
        "output": (features, heads * dim),
    }
    found: Weights = {name: weights(*size) for name, size in sizes.items()}
    biased = [*(["query", "key", "value"] if bias[1] else []), *(["output"] if bias[0] else [])]
    return found | {f"{name}.bias": weights(sizes[name][0]) for name in biased}


def attention(
    w: Weights, sequence: Matrix, memory: Matrix, heads: int, kv: int, causal: bool = False
) -> Matrix:
    """All scores are computed; those of steps behind are counted as masked, and weigh 0."""

    def projected(name: str, steps: Matrix, parts: int) -> list[list[Row]]:
        rows = [linear(step, w[name], w.get(f"{name}.bias")) for step in steps]
        dim = len(rows[0]) // parts
        return [[row[h * dim : (h + 1) * dim] for h in range(parts)] for row in rows]

    queries = projected("query", sequence, heads)
    keys, values = projected("key", memory, kv), projected("value", memory, kv)
    outputs = []
    for step, query in enumerate(queries):
        context: Row = []
        for head, q in enumerate(query):
            group = head // (heads // kv)
            hidden = [causal and other > step for other in range(len(memory))]
            scores = []
            for hides, key in zip(hidden, keys):
                with counting("masked" if hides else "attention"):
                    score = dot(q, key[group]).value / math.sqrt(len(q))
                scores.append(Number(-math.inf if hides else score))
            total = [zero() for _ in q]
            for hides, share, value in zip(hidden, softmax(scores), values):
                with counting("masked" if hides else "attention"):
                    total = add(total, [share * number for number in value[group]])
            context += total
        outputs.append(linear(context, w["output"], w.get("output.bias")))
    return outputs


@pytest.mark.parametrize(("heads", "kv", "dim"), [(2, 2, None), (4, 2, None), (4, 1, 3), (1, 1, 5)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bias", list(product((False, True), repeat=2)))
@pytest.mark.parametrize("time", [1, 5])
def test_attention(
    heads: int, kv: int, dim: int | None, causal: bool, bias: tuple[bool, bool], time: int
) -> None:
    w = attention_weights(8, heads, kv, dim or 8 // heads, 8, bias)
    x = numbers(time, 8)
    layer = Attention(heads=heads, kv=kv, dim=dim, causal=causal, bias=bias[0], qkv_bias=bias[1])
    assert claimed(layer, time, 8) == counted(lambda: attention(w, x, x, heads, kv, causal))


# --- transformer -----------------------------------------------------------------


class Block(NamedTuple):
    """A block with norms behind, as in torch, and what the layer is to be told."""

    heads: int = 2
    ff: int = 5
    kv: int = 2
    bias: bool = True
    gated: bool = False
    causal: bool = False
    experts: int = 0
    active: int = 0
    memory: tuple[int, int] | None = None

    def weights(self, features: int) -> Weights:
        dim, bias = features // self.heads, (self.bias, self.bias)
        own = attention_weights(features, self.heads, self.kv, dim, features, bias)
        found: Weights = {"attention": own}
        if self.memory:
            width = self.memory[1]
            cross = attention_weights(features, self.heads, self.kv, dim, width, bias)
            found["cross"] = cross
        found["router"] = weights(self.experts, features) if self.experts else None
        found["experts"] = [
            {
                "up": (weights(self.ff, features), weights(self.ff) if self.bias else None),
                "gate": (weights(self.ff, features), weights(self.ff) if self.bias else None),
                "down": (weights(features, self.ff), weights(features) if self.bias else None),
            }
            for _ in range(self.experts or 1)
        ]
        return found

    def run(self, w: Weights, x: Matrix, memory: Matrix) -> Matrix:
        looked = attention(w["attention"], x, x, self.heads, self.kv, self.causal)
        x = [norm(add(a, b)) for a, b in zip(x, looked)]
        if self.memory:
            looked = attention(w["cross"], x, memory, self.heads, self.kv)
            x = [norm(add(a, b)) for a, b in zip(x, looked)]
        return [norm(add(step, self.mixed(w, step))) for step in x]

    def mixed(self, w: Weights, x: Row) -> Row:
        """The perceptrons that the router chooses, each times its share."""
        if not self.experts:
            return self.perceptron(w["experts"][0], x)
        scores = linear(x, w["router"])
        chosen = sorted(range(self.experts), key=lambda i: scores[i].value)[-self.active :]
        shares = softmax([scores[i] for i in chosen])
        outputs = [self.perceptron(w["experts"][i], x) for i in chosen]
        return add(*(times([share] * len(x), output) for share, output in zip(shares, outputs)))

    def perceptron(self, expert: Weights, x: Row) -> Row:
        if not self.gated:
            return linear(through(relu, linear(x, *expert["up"])), *expert["down"])
        gate = through(relu, linear(x, *expert["gate"]))
        return linear(times(gate, linear(x, *expert["up"])), *expert["down"])

    def layer(self) -> Layer:
        values: dict[str, Any] = {"heads": self.heads, "ff": self.ff, "kv": self.kv}
        values |= {"bias": self.bias, "gated": self.gated}
        if self.experts:
            values |= {"experts": self.experts, "active": self.active}
        return Decoder(memory=self.memory, **values) if self.causal else Encoder(**values)


def norm(row: Row) -> Row:
    """Layer normalisation with scale 1 and shift 0."""
    Number.counts["normalisation"] += len(row)
    values = [number.value for number in row]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return [Number((value - mean) / math.sqrt(variance + 1e-5)) for value in values]


BLOCKS = [
    Block(bias=bias, gated=gated, causal=causal, **more)
    for bias, gated, causal, more in product(
        (False, True),
        (False, True),
        (False, True),
        (
            {},
            {"heads": 4, "kv": 1},
            {"experts": 3, "active": 2},
            {"experts": 2, "active": 1},
            {"memory": (3, 4)},
            {"memory": (7, 6), "experts": 4, "active": 3},
        ),
    )
    if causal or "memory" not in more
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: "-".join(map(str, block)))
def test_blocks(block: Block) -> None:
    w, x = block.weights(4), numbers(5, 4)
    memory = numbers(*block.memory) if block.memory else []
    assert claimed(block.layer(), 5, 4) == counted(lambda: block.run(w, x, memory))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("memory", [None, (3, 4)])
def test_the_pass_through_a_block_is_that_of_torch(
    bias: bool, memory: tuple[int, int] | None
) -> None:
    torch = pytest.importorskip("torch")
    block = Block(bias=bias, causal=memory is not None, memory=memory)
    kinds = torch.nn.TransformerDecoderLayer, torch.nn.TransformerEncoderLayer
    module = kinds[memory is None](4, 2, 5, bias=bias, batch_first=True, dtype=torch.float64)
    w, x = block.weights(4), numbers(5, 4)
    state = module.state_dict()
    for name, theirs in (("attention", "self_attn"), ("cross", "multihead_attn")):
        if own := w.get(name):
            state[f"{theirs}.in_proj_weight"] = double(own["query"] + own["key"] + own["value"])
            state[f"{theirs}.out_proj.weight"] = double(own["output"])
            if bias:
                shifts = own["query.bias"] + own["key.bias"] + own["value.bias"]
                state[f"{theirs}.in_proj_bias"] = double(shifts)
                state[f"{theirs}.out_proj.bias"] = double(own["output.bias"])
    for name, theirs in (("up", "linear1"), ("down", "linear2")):
        matrix, shift = w["experts"][0][name]
        state[f"{theirs}.weight"] = double(matrix)
        if bias:
            state[f"{theirs}.bias"] = double(shift)
    module.load_state_dict(state)
    module.eval()
    remembered = numbers(*memory) if memory else []
    inputs = [double([x]), *([double([remembered])] if memory else [])]
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected = module(*inputs, **({"tgt_mask": hidden} if memory else {}))[0].tolist()
    for ours, theirs in zip(plain(block.run(w, x, remembered)), expected, strict=True):
        assert ours == pytest.approx(theirs)


# --- embedding and dense ---------------------------------------------------------


def test_embedding_multiplies_nothing() -> None:
    table = weights(10, 3)
    assert counted(lambda: [table[word] for word in (1, 5, 5)]) == {}
    assert claimed(Embedding(vocabulary=10, features=3), 3) == {}


@pytest.mark.parametrize("sizes", [(4,), (3, 4), (2, 3, 4)])
def test_dense_acts_on_the_last_axis(sizes: tuple[int, ...]) -> None:
    weight, bias = weights(5, 4), weights(5)

    def acted(x: Any) -> Any:
        if isinstance(x[0], list):
            return [acted(part) for part in x]
        return linear(x, weight, bias)

    x = numbers(*sizes)
    layer = Dense(out=5)
    shape = Shape(sizes)
    products = counted(lambda: acted(x))["macs"]
    assert layer.macs(shape, layer.output_shape(shape, TORCH)) == products


# --- convolution -----------------------------------------------------------------


class Window(NamedTuple):
    """A convolution along one or two axes, or its transpose, with these sizes."""

    inputs: int
    out: int
    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    extra: int = 0

    def layer(self, kind: type[Layer]) -> Layer:
        values: dict[str, Any] = {"output_padding": (self.extra,)} if self.extra else {}
        return kind(
            out=self.out,
            kernel=self.kernel,
            stride=(self.stride,),
            padding=((self.padding, self.padding),),
            dilation=(self.dilation,),
            groups=self.groups,
            **values,
        )

    def claimed(self, kind: type[Layer]) -> tuple[Size, Shape]:
        """The layer's multiply-accumulates and its output."""
        shape, layer = Shape((self.inputs, *self.sizes)), self.layer(kind)
        output = layer.output_shape(shape, TORCH)
        return layer.macs(shape, output), output

    def convolved(self) -> tuple[int, ...]:
        """Every window over the zero-padded input; gives the output's sizes."""
        w = weights(self.out, self.inputs // self.groups, math.prod(self.kernel))
        x = self.input()
        line = [n + 2 * self.padding - self.dilation * (k - 1) for n, k in self.axes()]
        corners = list(product(*(range(0, room, self.stride) for room in line)))
        for channel, corner in product(range(self.out), corners):
            total = zero()
            for source, tap in self.taps(channel):
                place = [c + t * self.dilation - self.padding for c, t in zip(corner, tap)]
                number = x.get((source, *place), zero())
                index = source % (self.inputs // self.groups)
                total = total + w[channel][index][self.number(tap)] * number
        return (self.out, *(len(range(0, room, self.stride)) for room in line))

    def scattered(self, cut: bool) -> tuple[int, ...]:
        """Every input spread by the kernel; ``cut`` skips what falls outside the output."""
        w = weights(self.out, self.inputs // self.groups, math.prod(self.kernel))
        x = self.input()
        canvas = [(n - 1) * self.stride + self.dilation * (k - 1) + 1 for n, k in self.axes()]
        ends = [size - 2 * self.padding + self.extra for size in canvas]
        output: dict[tuple[int, ...], Number] = {}
        for channel in range(self.out):
            for source, tap in self.taps(channel):
                for position in product(*map(range, self.sizes)):
                    place = tuple(
                        p * self.stride + t * self.dilation - self.padding
                        for p, t in zip(position, tap)
                    )
                    inside = all(0 <= p < end for p, end in zip(place, ends))
                    if cut and not inside:
                        continue
                    index = source % (self.inputs // self.groups)
                    made = w[channel][index][self.number(tap)] * x[(source, *position)]
                    if inside:
                        key = (channel, *place)
                        output[key] = output.get(key, zero()) + made
        return (self.out, *ends)

    def axes(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes, self.kernel, strict=True))

    def input(self) -> dict[tuple[int, ...], Number]:
        positions = product(range(self.inputs), *map(range, self.sizes))
        return {position: numbers() for position in positions}

    def taps(self, channel: int) -> list[tuple[int, tuple[int, ...]]]:
        """The input channels of this output channel's group, each with every tap."""
        size = self.inputs // self.groups
        first = channel // (self.out // self.groups) * size
        return list(product(range(first, first + size), product(*map(range, self.kernel))))

    def number(self, tap: tuple[int, ...]) -> int:
        """The place of a tap in a row of all taps."""
        place = 0
        for t, k in zip(tap, self.kernel):
            place = place * k + t
        return place


WINDOWS = [
    Window(1, 1, (5,), (3,)),
    Window(2, 3, (6,), (3,), stride=2, padding=1),
    Window(4, 6, (7,), (2,), padding=1, dilation=2, groups=2),
    Window(3, 2, (4, 5), (3, 2), padding=1),
    Window(4, 4, (5, 4), (3, 3), stride=2, padding=1, groups=4),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_convolution_multiplies_its_padding_too(window: Window) -> None:
    macs, output = window.claimed(Conv)
    assert counted(lambda: window.convolved())["macs"] == macs
    assert output.sizes == window.convolved()


@pytest.mark.parametrize("window", [*WINDOWS, Window(2, 2, (3,), (3,), stride=3, extra=2)], ids=str)
def test_transposed_convolution_counts_every_product(window: Window) -> None:
    """All products that the scatter makes, as a matrix product with its kernel does.

    A loop that skips what the padding cuts off would make fewer.
    """
    macs, output = window.claimed(ConvTranspose)
    every = counted(lambda: window.scattered(cut=False))["macs"]
    kept = counted(lambda: window.scattered(cut=True))["macs"]
    assert macs == every
    assert (kept < every) == (window.padding > 0)
    assert output.sizes == window.scattered(cut=False)


def test_the_transpose_of_a_strided_window_in_numbers() -> None:
    """2 channels of 6 spread by 3 taps to 3 channels: 108 products, of which 12 are cut off."""
    window = Window(2, 3, (6,), (3,), stride=2, padding=1)
    assert window.claimed(ConvTranspose)[0] == 2 * 3 * 6 * 3 == 108
    # Each end loses one tap of one input, for each of the 2*3 pairs of channels.
    assert counted(lambda: window.scattered(cut=True))["macs"] == 108 - 12
