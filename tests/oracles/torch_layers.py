"""PyTorch as the witness of shapes and parameters, one random layer after the other.

A draw is a line of the notation ("3x17x9 conv:6,k3x5,s2,p1") together with the
very same layers as torch modules. The modules are built from the drawn numbers
and never from the parsed line, so a misreading of the notation shows as well.
They run on the CPU and on real tensors: the meta device accepts layers that the
CPU then rejects. Any exception of torch, at construction or forward, is a
rejection.

Torch is asked what dlcalc means, which needs three definitions:

* Tensors always have a batch. A window layer of torch takes a tensor with one
  axis less for an example without a batch; that reading counts as a rejection,
  because dlcalc's shapes never hold the batch.
* ``pad2d`` takes CxHxW. ``ZeroPad2d`` pads the last two axes of anything; where
  the rank is another one, that counts as a rejection.
* ``globalavgpool2d`` takes CxHxW as well. ``AdaptiveAvgPool2d`` with output 1
  is a mean over the last two axes that looks at no others.
* ``residual`` adds equal shapes. Where torch would broadcast, that counts as a
  rejection.
* An output without a single value counts as a rejection. Torch itself is of two
  minds: a transposed convolution of this size is refused by its own kernels
  ("Output size is too small") and taken by oneDNN, and which of them runs
  depends on the batch and on the sizes.

Never drawn, as dlcalc says there what torch has no word for: padding=valid and
padding of different ends on pooling and on the transposed convolution, an INPUT
that is one side without channels before a window or lrn, and sizes below 1.

    python tests/oracles/torch_layers.py --record     writes tests/data/torch_layers.jsonl
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")
Sizes = tuple[int, ...]
Ends = tuple[tuple[int, int], ...]
#: What a line gives: ``line`` and ``output``, ``parameters``, ``buffers`` and
#: ``tensors``; ``output`` alone, and None, where it is rejected.
Row = dict[str, object]

RECORD = Path(__file__).resolve().parent.parent / "data" / "torch_layers.jsonl"
RECORD_SEED = 20_260
RECORD_DRAWS = 3_300

LARGEST = 12

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "leaky-relu:0.2": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "elu:0.5": lambda: nn.ELU(0.5),
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "sigmoid": nn.Sigmoid,
    "logistic": nn.Sigmoid,
    "log_sigmoid": nn.LogSigmoid,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "hardtanh": nn.Hardtanh,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "softmax": lambda: nn.Softmax(1),
    "log_softmax": lambda: nn.LogSoftmax(1),
}

_CLASSES: dict[str, tuple[type[nn.Module], ...]] = {
    "conv": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "convtranspose": (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    "maxpool": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    "avgpool": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    "adaptiveavgpool": (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    "adaptivemaxpool": (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    "globalavgpool": (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    "globalmaxpool": (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    "pad": (nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
    "bn": (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    "dropout": (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
}
_SYNONYMS = {
    "conv": ("conv", "conv", "convolution"),
    "convtranspose": ("convtranspose", "convtranspose", "deconv"),
    "avgpool": ("avgpool", "avgpool", "meanpool"),
    "globalavgpool": ("globalavgpool", "gap"),
    "globalmaxpool": ("globalmaxpool", "gmp"),
    "pad": ("pad", "zeropad"),
    "bn": ("bn", "bn", "batchnorm"),
    "dense": ("dense", "linear", "fc"),
}


class Rejected(Exception):
    """A layer that torch rejects, or that counts as rejected by the definitions above."""


class Part(NamedTuple):
    """One layer: how it is written, and how torch makes it for an input of given sizes."""

    kind: str
    text: str
    build: Callable[[Sizes], nn.Module] | None = None
    branches: tuple[tuple[Part, ...], ...] = ()


Build = Callable[[Sizes], nn.Module]


class _Option(NamedTuple):
    """An argument as it may be written; an empty value is left out."""

    name: str
    value: str
    short: str = ""
    positional: bool = False


class _Padding(NamedTuple):
    """Padding of a convolution: as written, as torch is given it, and what it adds.

    ``before`` says that a module of its own pads, as its ends may differ.
    """

    text: str
    given: int | Sizes | str
    ends: Ends
    before: bool = False


class Draw(NamedTuple):
    """A line, and the same as sizes and layers for torch."""

    kind: str
    sizes: Sizes
    parts: tuple[Part, ...]
    batch: int

    @property
    def line(self) -> str:
        """The draw in the notation."""
        return " ".join(["x".join(map(str, self.sizes)), *(part.text for part in self.parts)])


class Answer(NamedTuple):
    """What torch says to a line: the row to compare, and why it rejected it."""

    row: Row
    reason: str


def answer(draw: Draw) -> Answer:
    """Run a draw on the CPU, in eval mode and without gradients."""
    tensors: dict[str, list[int]] = {}
    counts = Counter[str]()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            output = _run(draw.parts, torch.zeros(draw.batch, *draw.sizes), "", tensors, counts)
        except Rejected as error:
            return Answer({"line": draw.line, "output": None}, str(error))
    row: Row = {
        "line": draw.line,
        "output": list(output.shape[1:]),
        "parameters": counts["parameters"],
        "buffers": counts["buffers"],
        "tensors": tensors,
    }
    return Answer(row, "")


def _run(
    parts: tuple[Part, ...],
    x: Tensor,
    prefix: str,
    tensors: dict[str, list[int]],
    counts: Counter[str],
    ordinals: Counter[str] | None = None,
) -> Tensor:
    """Layers one after the other. Tensors are named by kind and ordinal within brackets."""
    ordinals = Counter() if ordinals is None else ordinals
    for part in parts:
        ordinals[part.kind] += 1
        name = f"{prefix}{part.kind}{ordinals[part.kind]}."
        if part.build is None:
            inner = Counter[str]()
            outputs = [_run(b, x, name, tensors, counts, inner) for b in part.branches]
            x = _merged(part.kind, outputs if len(outputs) > 1 else [*outputs, x])
            continue
        module, x = _forward(part.build, x)
        for kind, found in (
            ("parameters", module.named_parameters()),
            ("buffers", module.named_buffers()),
        ):
            for key, tensor in found:
                tensors[name + key.rpartition(".")[2]] = list(tensor.shape)
                counts[kind] += tensor.numel()
    return x


def _forward(build: Build, x: Tensor) -> tuple[nn.Module, Tensor]:
    """Every exception that torch raises is a rejection, of whatever type it is."""
    try:
        module = build(tuple(x.shape[1:])).eval()
        output = module(x)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise Rejected(f"{type(error).__name__}: {error}") from error
    if not output.numel():
        raise Rejected("by definition: no value comes out")
    return module, output


def _merged(kind: str, outputs: list[Tensor]) -> Tensor:
    if kind == "concat":
        try:
            return torch.cat(outputs, 1)
        except (RuntimeError, IndexError) as error:
            raise Rejected(f"{type(error).__name__}: {error}") from error
    main, skip = outputs
    if main.shape != skip.shape:
        raise Rejected("by definition: residual adds equal shapes")
    return main + skip


def draws(count: int, seed: int) -> Iterator[Draw]:
    """That many draws; the same for the same seed."""
    drawer = _Drawer(random.Random(seed))
    for _ in range(count):
        yield drawer.draw()


class _Drawer:
    """Draws layers, many of them right where a rule begins to refuse."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        weights: tuple[tuple[Callable[[], tuple[Sizes, Part | list[Part]]], int], ...] = (
            (self.conv, 26),
            (self.convtranspose, 18),
            (self.maxpool, 18),
            (self.avgpool, 16),
            (self.adaptive, 5),
            (self.globalpool, 3),
            (self.dense, 3),
            (self.bn, 6),
            (self.dropout, 4),
            (self.flatten, 2),
            (self.pad, 4),
            (self.activation, 7),
            (self.prelu, 4),
            (self.lrn, 2),
            (self.chain, 8),
            (self.residual, 10),
            (self.concat, 10),
        )
        self.kinds = [kind for kind, weight in weights for _ in range(weight)]

    def draw(self) -> Draw:
        """One line of any kind."""
        sizes, drawn = self.rng.choice(self.kinds)()
        parts = (drawn,) if isinstance(drawn, Part) else tuple(drawn)
        # Statistics over one example of one value are refused for their values, not their shape.
        normalised = any("bn" in part.text or "batchnorm" in part.text for part in parts)
        batch = 2 if normalised else self.rng.choice((1, 2))
        return Draw(parts[0].kind, sizes, parts, batch)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def rank(self) -> int:
        return self.rng.choice((1, 1, 2, 2, 2, 3))

    def near(self, least: int, rank: int) -> int:
        """A size around the least that is taken, now and then just below it, or any size."""
        if self.chance(0.3):
            size = self.rng.randint(least, LARGEST) if least < LARGEST else least
        elif self.chance(0.5 / rank):
            size = least - self.rng.choice((1, 1, 1, 2))
        else:
            size = least + self.rng.choice((0, 0, 0, 1, 1, 2, 3))
        return min(max(size, 1), LARGEST)

    def axes(self, rank: int, low: int, high: int) -> Sizes:
        """One value for all axes or one for each; rarely for another number of axes."""
        count = rank if self.chance(0.4) else 1
        if self.chance(0.006):
            count = rank + 1 if rank < 3 or self.chance(0.5) else rank - 1
        return tuple(self.rng.randint(low, high) for _ in range(count))

    def word(self, kind: str, rank: int) -> tuple[str, int | None]:
        """The word for a kind, at times with a rank, which at times is another one."""
        word = self.rng.choice(_SYNONYMS.get(kind, (kind,)))
        if not self.chance(0.2):
            return word, None
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.2) else rank
        return f"{word}{pinned}d", pinned

    def written(self, word: str, *options: _Option) -> str:
        """The layer as a word, its arguments written in any way that is allowed."""
        parts = []
        positional = True
        for name, value, short, plain in options:
            positional = positional and plain and self.chance(0.4 if short else 0.8)
            if not value:
                positional = False
            elif positional:
                parts.append(value)
            elif short and value[0].isdigit() and self.chance(0.7):
                parts.append(short + value)
            else:
                parts.append(f"{self.rng.choice((name, short or name))}={value}")
        return word + (":" + ",".join(parts) if parts else "")

    def sides(self, rank: int, high: int = LARGEST) -> Sizes:
        return tuple(self.rng.randint(1, high) for _ in range(rank))

    def anything(self) -> Sizes:
        """An input for a layer that takes every rank, features included."""
        return tuple(self.rng.randint(1, 8) for _ in range(self.rng.choice((1, 2, 3, 3, 4))))

    def grouped(self) -> tuple[int, int, int]:
        """Input channels, output channels and groups, which sometimes do not quite divide."""
        if self.chance(0.6):
            return self.rng.randint(1, 4), self.rng.randint(1, 6), 1
        groups = self.rng.randint(1, 4)
        inputs, out = groups * self.rng.randint(1, 2), groups * self.rng.randint(1, 2)
        if self.chance(0.15):
            inputs += self.rng.choice((-1, 1))
        elif self.chance(0.15):
            out += self.rng.choice((-1, 1))
        return max(inputs, 1), max(out, 1), groups

    def conv(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        kernel, stride = self.axes(rank, 1, 4), self.axes(rank, 1, 3)
        dilation = self.axes(rank, 1, 3) if self.chance(0.3) else (1,)
        padding, bias = self.conv_padding(rank), self.chance(0.75)
        word, pinned = self.word("conv", rank)
        text = self.written(
            word,
            *self.window_options(out, kernel, stride, padding.text),
            _Option("dilation", self.unless(dilation), "d"),
            _Option("groups", self.unless((groups,)), "g"),
            _Option("bias", self.flag(bias, True)),
        )
        values = {
            "stride": _given(stride),
            "dilation": _given(dilation),
            "groups": groups,
            "bias": bias,
            "padding": 0 if padding.before else padding.given,
        }

        def build(sizes: Sizes) -> nn.Module:
            module = _class("conv", pinned, sizes)(sizes[0], out, _given(kernel), **values)
            if not padding.before:
                return module
            return nn.Sequential(_zero_pad(padding.ends, sizes), module)

        def least(axis: int) -> int:
            if padding.given == "same":
                return 1
            return _covered(kernel, dilation, axis) - sum(_at(padding.ends, axis))

        sides = tuple(self.near(least(axis), rank) for axis in range(rank))
        return (inputs, *sides), Part("conv", text, build)

    def window_options(
        self, out: int, kernel: Sizes, stride: Sizes, padding: str
    ) -> tuple[_Option, ...]:
        """The arguments that convolutions may have without a name, in their order."""
        return (
            _Option("out", str(out), positional=True),
            _Option("kernel", _by(kernel), "k", True),
            _Option("stride", self.unless(stride), "s", True),
            _Option("padding", padding, "p", True),
        )

    def conv_padding(self, rank: int) -> _Padding:
        if self.chance(0.1):
            word = self.rng.choice(("same", "same", "valid"))
            return _Padding(word, word, ((0, 0),))
        if self.chance(0.12):
            ends = self.ends(rank, 3)
            return _Padding(_ends_text(ends), 0, ends, before=True)
        padding = self.axes(rank, 0, 3) if self.chance(0.6) else (0,)
        ends = tuple((amount, amount) for amount in padding)
        return _Padding(self.unless(padding, 0), _given(padding), ends)

    def ends(self, rank: int, high: int) -> Ends:
        count = rank if self.chance(0.5) else 1
        return tuple((self.rng.randint(0, high), self.rng.randint(0, high)) for _ in range(count))

    def convtranspose(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        inputs, out, groups = self.grouped()
        kernel, stride = self.axes(rank, 1, 4), self.axes(rank, 1, 3)
        dilation = self.axes(rank, 1, 3) if self.chance(0.3) else (1,)
        padding = self.axes(rank, 0, 3) if self.chance(0.6) else (0,)
        extra = self.output_padding(rank, stride, dilation)
        same, bias = self.chance(0.01), self.chance(0.75)
        word, pinned = self.word("convtranspose", rank)
        text = self.written(
            word,
            *self.window_options(out, kernel, stride, "same" if same else self.unless(padding, 0)),
            _Option("output_padding", self.unless(extra, 0), "op"),
            _Option("dilation", self.unless(dilation), "d"),
            _Option("groups", self.unless((groups,)), "g"),
            _Option("bias", self.flag(bias, True)),
        )
        values = {
            "stride": _given(stride),
            "padding": "same" if same else _given(padding),
            "output_padding": _given(extra),
            "dilation": _given(dilation),
            "groups": groups,
            "bias": bias,
        }

        def build(sizes: Sizes) -> nn.Module:
            cls = _class("convtranspose", pinned, sizes)
            return cls(sizes[0], out, _given(kernel), **values)

        def least(axis: int) -> int:
            kept = _covered(kernel, dilation, axis) + _at(extra, axis) - 2 * _at(padding, axis)
            return 1 - (kept - 1) // _at(stride, axis)

        sides = tuple(min(self.near(least(axis), rank), 7) for axis in range(rank))
        return (inputs, *sides), Part("convtranspose", text, build)

    def output_padding(self, rank: int, stride: Sizes, dilation: Sizes) -> Sizes:
        """Mostly none; else up to one more than is allowed."""
        if self.chance(0.5):
            return (0,)
        limits = [max(_at(stride, axis), _at(dilation, axis)) for axis in range(rank)]
        if self.chance(0.5):
            limits = [min(limits)]
        return tuple(
            self.rng.randint(limit, limit + 1)
            if self.chance(0.25 / rank)
            else self.rng.randint(max(limit - 2, 0), limit - 1)
            for limit in limits
        )

    def pooling(self, kind: str, rank: int, dilation: Sizes) -> tuple[Sizes, Part]:
        """What maximum and mean share."""
        kernel = self.axes(rank, 1, 5)
        stride = None if self.chance(0.4) else self.axes(rank, 1, 4)
        padding = self.pool_padding(rank, kernel, dilation)
        ceil, counted, same = self.chance(0.45), self.chance(0.6), self.chance(0.01)
        word, pinned = self.word(kind, rank)
        maximum = kind == "maxpool"
        text = self.written(
            word,
            _Option("kernel", _by(kernel), "k", True),
            _Option("stride", _by(stride or ()), "s", True),
            _Option("padding", "same" if same else self.unless(padding, 0), "p", True),
            _Option("dilation", self.unless(dilation) if maximum else "", "d"),
            _Option("ceil", self.flag(ceil, False)),
            _Option("count_include_pad", "" if maximum else self.flag(counted, True)),
        )
        values = {
            "stride": None if stride is None else _given(stride),
            "padding": "same" if same else _given(padding),
            "ceil_mode": ceil,
            **({"dilation": _given(dilation)} if maximum else {"count_include_pad": counted}),
        }

        def least(axis: int) -> int:
            slack = _at(stride or kernel, axis) - 1 if ceil and self.chance(0.7) else 0
            return _covered(kernel, dilation, axis) - 2 * _at(padding, axis) - slack

        sides = tuple(self.near(least(axis), rank) for axis in range(rank))
        build = _builder(kind, pinned, _given(kernel), **values)
        return (self.rng.randint(1, 3), *sides), Part(kind, text, build)

    def pool_padding(self, rank: int, kernel: Sizes, dilation: Sizes) -> Sizes:
        """Up to half the kernel; sometimes just over it, or half of what dilation covers."""
        if self.chance(0.4):
            return (0,)
        halves = [_at(kernel, axis) // 2 for axis in range(rank)]
        if self.chance(0.15):
            halves = [_at(dilation, a) * (_at(kernel, a) - 1) // 2 + 1 for a in range(rank)]
        if self.chance(0.6):
            halves = [min(halves)]
        over = 0.15 / len(halves)
        return tuple(
            half + 1 if self.chance(over) else self.rng.randint(max(half - 1, 0), half)
            for half in halves
        )

    def maxpool(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        dilation = self.axes(rank, 1, 3) if self.chance(0.35) else (1,)
        return self.pooling("maxpool", rank, dilation)

    def avgpool(self) -> tuple[Sizes, Part]:
        return self.pooling("avgpool", self.rank(), (1,))

    def adaptive(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kind = self.rng.choice(("adaptiveavgpool", "adaptivemaxpool"))
        wrong = rank % 3 + 1 if self.chance(0.3) else rank
        output = self.axes(wrong, 1, LARGEST)
        word, pinned = self.word(kind, rank)
        text = self.written(word, _Option("output", _by(output), positional=True))
        build = _builder(kind, pinned, _given(output))
        return (self.rng.randint(1, 4), *self.sides(rank)), Part(kind, text, build)

    def globalpool(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        kind = self.rng.choice(("globalavgpool", "globalmaxpool"))
        word, pinned = self.word(kind, rank)
        part = Part(kind, word, _builder(kind, pinned, 1))
        return (self.rng.randint(1, 6), *self.sides(rank)), part

    def dense(self) -> tuple[Sizes, Part]:
        return self.anything(), self.dense_part(self.rng.randint(1, 12))

    def dense_part(self, out: int) -> Part:
        bias = self.chance(0.7)
        word = self.rng.choice(_SYNONYMS["dense"])
        text = self.written(
            word, _Option("out", str(out), positional=True), _Option("bias", self.flag(bias, True))
        )
        return Part("dense", text, lambda sizes: nn.Linear(sizes[-1], out, bias=bias))

    def bn(self) -> tuple[Sizes, Part]:
        sizes = self.anything()
        rank = len(sizes) - 1
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.4) else None
        if self.chance(0.3):
            pinned = max(rank, 1)
        return sizes, self.bn_part(pinned)

    def bn_part(self, pinned: int | None = None) -> Part:
        affine, track = self.chance(0.7), self.chance(0.7)
        word = self.rng.choice(_SYNONYMS["bn"]) + (f"{pinned}d" if pinned else "")
        text = self.written(
            word,
            _Option("affine", self.flag(affine, True)),
            _Option("track", self.flag(track, True)),
            _Option("eps", self.rng.choice(("", "", "1e-3", "0.01"))),
            _Option("momentum", self.rng.choice(("", "", "0.01"))),
        )

        def build(sizes: Sizes) -> nn.Module:
            rank = pinned or max(len(sizes) - 1, 1)
            return _CLASSES["bn"][rank - 1](sizes[0], affine=affine, track_running_stats=track)

        return Part("bn", text, build)

    def dropout(self) -> tuple[Sizes, Part]:
        share = self.rng.choice(("", "0", "0.5", ".25", "1", "1.0", "1.01", "1.5", "-0.1", "2"))
        pinned = self.rng.choice((1, 2, 3)) if self.chance(0.4) else None
        word = f"dropout{pinned}d" if pinned else "dropout"
        text = self.written(word, _Option("p", share, positional=True))
        cls = _CLASSES["dropout"][pinned - 1] if pinned else nn.Dropout
        p = float(share) if share else 0.5
        return self.anything(), Part("dropout", text, lambda sizes: cls(p))

    def flatten(self) -> tuple[Sizes, Part]:
        return self.anything(), Part("flatten", "flatten", lambda sizes: nn.Flatten())

    def pad(self) -> tuple[Sizes, Part]:
        rank = self.rank()
        ends = self.ends(rank, 4)
        if self.chance(0.4):
            ends = tuple((begin, begin) for begin, _ in ends)
        word, pinned = self.word("pad", rank)
        text = self.written(word, _Option("padding", _ends_text(ends), "p", True))

        def build(sizes: Sizes) -> nn.Module:
            if pinned is not None and pinned != len(sizes) - 1:
                raise ValueError(f"by definition: pad{pinned}d pads {pinned} axes")
            return _zero_pad(ends, sizes)

        return (self.rng.randint(1, 4), *self.sides(rank, 8)), Part("pad", text, build)

    def activation(self) -> tuple[Sizes, Part]:
        return self.anything(), self.activation_part()

    def activation_part(self) -> Part:
        text, make = self.rng.choice(list(ACTIVATIONS.items()))
        kind = text.partition(":")[0]
        return Part(kind, text, lambda sizes: make())

    def prelu(self) -> tuple[Sizes, Part]:
        sizes = self.anything()
        slopes = self.rng.choice((1, sizes[0], sizes[0], sizes[0] + 1, sizes[-1]))
        text = f"prelu:{slopes}" if slopes != 1 or self.chance(0.4) else "prelu"
        return sizes, Part("prelu", text, lambda sizes: nn.PReLU(slopes))

    def lrn(self) -> tuple[Sizes, Part]:
        size = self.rng.randint(1, 7)
        text = self.rng.choice((f"lrn:{size}", f"lrn:size={size}", f"lrn:{size},k=2"))
        sizes = (self.rng.randint(1, 6), *self.sides(self.rank(), 6))
        return sizes, Part("lrn", text, lambda sizes: nn.LocalResponseNorm(size))

    def chain(self) -> tuple[Sizes, list[Part]]:
        """A window and what commonly comes behind it."""
        sizes, first = self.rng.choice((self.conv, self.maxpool, self.convtranspose))()
        parts = [first]
        for _ in range(self.rng.randint(1, 3)):
            parts.append(self.rng.choice(self.followers())())
        return sizes, parts

    def followers(self) -> list[Callable[[], Part]]:
        return [
            self.bn_part,
            self.activation_part,
            lambda: self.flatten()[1],
            lambda: self.dense_part(self.rng.randint(1, 6)),
            lambda: self.maxpool()[1],
            lambda: self.conv()[1],
            lambda: self.globalpool()[1],
        ]

    def residual(self) -> tuple[Sizes, Part]:
        """A main branch that mostly keeps the shape, with a shortcut or without."""
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 7))
        stride = self.rng.choice((1, 1, 1, 2)) if self.chance(0.5) else 1
        out = self.rng.randint(1, 4) if self.chance(0.5) else sizes[0]
        if stride == 1 and out == sizes[0] and self.chance(0.6):
            branches = [self.branch(out, 1)]
        else:
            branches = [self.branch(out, stride), self.branch(out, stride)]
            if self.chance(0.25):
                branches[1] = self.branch(self.rng.choice((1, out, out + 1)), stride)
        return sizes, _merge("residual", branches)

    def concat(self) -> tuple[Sizes, Part]:
        """Branches that mostly agree in their sides; on features as well."""
        if self.chance(0.2):
            outs = [self.rng.randint(1, 6) for _ in range(self.rng.randint(2, 3))]
            return self.anything(), _merge("concat", [(self.dense_part(out),) for out in outs])
        sizes = (self.rng.randint(1, 4), *self.sides(self.rank(), 7))
        stride = self.rng.choice((1, 1, 2))
        count = self.rng.randint(2, 3)
        branches = [self.branch(self.rng.randint(1, 4), stride) for _ in range(count)]
        return sizes, _merge("concat", branches)

    def branch(self, out: int, stride: int) -> tuple[Part, ...]:
        """Layers that give ``out`` channels and n//stride sides, or rarely something else."""
        kernel = self.rng.choice((1, 3, 3, 5))
        parts = [self.same_conv(out, kernel, stride)]
        if self.chance(0.4):
            parts.append(self.rng.choice((self.bn_part, self.activation_part))())
        if self.chance(0.3):
            parts.append(self.same_conv(out, 3, 1))
        if stride == 1 and self.chance(0.2):
            parts.append(Part("maxpool", "maxpool:3,s1,p1", _same_maxpool))
        if self.chance(0.05):
            parts.append(Part("flatten", "flatten", lambda sizes: nn.Flatten()))
        if self.chance(0.05):
            parts = [Part("identity", "identity", lambda sizes: nn.Identity())]
        return tuple(parts)

    def same_conv(self, out: int, kernel: int, stride: int) -> Part:
        padding = kernel // 2 if self.chance(0.93) else self.rng.randint(0, 2)
        bias = self.chance(0.6)
        text = self.written(
            "conv",
            *self.window_options(out, (kernel,), (stride,), self.unless((padding,), 0)),
            _Option("bias", self.flag(bias, True)),
        )

        def build(sizes: Sizes) -> nn.Module:
            cls = _class("conv", None, sizes)
            return cls(sizes[0], out, kernel, stride=stride, padding=padding, bias=bias)

        return Part("conv", text, build)

    def unless(self, values: Sizes, default: int = 1) -> str:
        """The values as they are written; mostly nothing for the default."""
        return "" if values == (default,) and self.chance(0.8) else _by(values)

    def flag(self, value: bool, default: bool) -> str:
        return "" if value == default and self.chance(0.9) else ("yes" if value else "no")


def _class(kind: str, pinned: int | None, sizes: Sizes) -> type[nn.Module]:
    """The torch class of a rank: the pinned one, else that of the input.

    Raises ValueError where torch has none or would read the input as one
    without a batch.
    """
    rank = len(sizes) - 1 if pinned is None else pinned
    unchecked = kind in ("adaptiveavgpool", "globalavgpool") and rank != len(sizes) - 1
    if not 1 <= rank <= 3 or rank == len(sizes) or unchecked:
        raise ValueError(f"by definition: a batch of {_by(sizes)} has no {rank} spatial axes")
    return _CLASSES[kind][rank - 1]


def _builder(kind: str, pinned: int | None, *given: object, **values: object) -> Build:
    """What makes a window module that need not know its input's channels."""
    return lambda sizes: _class(kind, pinned, sizes)(*given, **values)


def _zero_pad(ends: Ends, sizes: Sizes) -> nn.Module:
    """Zero padding; torch begins with the last axis."""
    rank = len(sizes) - 1
    if not 1 <= rank <= 3 or len(ends) not in (1, rank):
        raise ValueError(f"by definition: {len(ends)} paddings for {rank} axes")
    flat = [amount for axis in reversed(range(rank)) for amount in _at(ends, axis)]
    return _CLASSES["pad"][rank - 1](tuple(flat))


def _same_maxpool(sizes: Sizes) -> nn.Module:
    return _class("maxpool", None, sizes)(3, 1, 1)


def _merge(kind: str, branches: list[tuple[Part, ...]]) -> Part:
    inside = " | ".join(" ".join(part.text for part in branch) for branch in branches)
    return Part(kind, f"{kind}[{inside}]", None, tuple(branches))


def _by(values: Sizes) -> str:
    return "x".join(map(str, values))


def _ends_text(ends: Ends) -> str:
    return "x".join(str(b) if b == e else f"{b}+{e}" for b, e in ends)


def _given(values: Sizes) -> int | Sizes:
    """Values as torch is given them: a number for all axes, or a tuple."""
    return values[0] if len(values) == 1 else values


def _at(values: tuple[T, ...], axis: int) -> T:
    return values[axis % len(values)]


def _covered(kernel: Sizes, dilation: Sizes, axis: int) -> int:
    """How many positions the window covers."""
    return _at(dilation, axis) * (_at(kernel, axis) - 1) + 1


def record_rows() -> list[Row]:
    """The rows of the recorded table, each line once."""
    rows = (answer(draw).row for draw in draws(RECORD_DRAWS, RECORD_SEED))
    return list({row["line"]: row for row in rows}.values())


def record() -> None:
    """Write the recorded table."""
    rows = record_rows()
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    RECORD.write_text(text, encoding="utf-8")
    refused = sum(row["output"] is None for row in rows)
    print(f"{len(rows):,} rows, {refused:,} of them rejected, torch {torch.__version__}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] != ["--record"]:
        sys.exit("usage: python tests/oracles/torch_layers.py --record")
    record()
