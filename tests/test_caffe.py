"""Shapes, parameters and refusals against Caffe's rules, written down anew from its source.

Caffe itself is hardly to be had any more, so each rule stands here as
github.com/BVLC/caffe has it, with the file that it comes from; no rule is
dlcalc's. Another DLCALC_SEED draws other layers.

Two things that Caffe's arithmetic lets pass are refused on purpose:

- C++ divides integers towards zero, so in compute_output_shape of
  src/caffe/layers/conv_layer.cpp a padded input up to stride - 1 smaller than
  the kernel gives (n + 2*pad - kernel)/stride + 1 = 0 + 1: one output, of a
  window that reaches behind the input. Here a window must fit.
- A size of 0 passes CHECK_GE(shape[i], 0) in src/caffe/blob.cpp. Here every
  size is at least 1.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from math import prod
from random import Random
from typing import Any, NamedTuple

import pytest
from conftest import Run

from dlcalc.answers.network import load_line
from dlcalc.answers.params import answer as params_answer
from dlcalc.answers.shape import answer as shape_answer
from dlcalc.errors import InputError
from dlcalc.layers.convention import CAFFE, TORCH, Convention

DRAWS = 3_000
SEED = int(os.environ.get("DLCALC_SEED", "0"))

Sizes = tuple[int, ...]


class Check(Exception):
    """A CHECK that fails, or a field that Caffe's messages do not have."""


class Made(NamedTuple):
    """What a layer makes: its output's sizes without the batch, numbers trained and kept."""

    output: Sizes
    parameters: int
    buffers: int = 0


class Draw(NamedTuple):
    """A layer in the notation, and what Caffe makes of it: None if it refuses."""

    kind: str
    line: str
    made: Made | None
    #: Caffe lets it pass, and dlcalc refuses it on purpose.
    on_purpose: bool = False


# --- Caffe's rules --------------------------------------------------------------


def divided(over: int, under: int) -> int:
    """The quotient of C++, towards zero.

    >>> divided(-1, 2), -1 // 2
    (0, -1)
    """
    return over // under if over >= 0 else -(-over // under)


def convolution(shape: Sizes, layer: dict[str, Any]) -> Made:
    """conv_layer.cpp, compute_output_shape."""
    kernel, pad, stride = _window(shape, layer)
    sizes = tuple(
        divided(n + 2 * p - (d * (k - 1) + 1), s) + 1
        for n, k, p, s, d in zip(shape[1:], kernel, pad, stride, layer["dilation"])
    )
    weight = (layer["out"], shape[0] // layer["group"], *kernel)
    return Made((layer["out"], *sizes), _blobs(weight, layer))


def deconvolution(shape: Sizes, layer: dict[str, Any]) -> Made:
    """deconv_layer.cpp, compute_output_shape; reverse_dimensions swaps the channels."""
    kernel, pad, stride = _window(shape, layer)
    if layer["output_padding"]:
        raise Check("ConvolutionParameter has no output padding")
    sizes = tuple(
        s * (n - 1) + d * (k - 1) + 1 - 2 * p
        for n, k, p, s, d in zip(shape[1:], kernel, pad, stride, layer["dilation"])
    )
    weight = (shape[0], layer["out"] // layer["group"], *kernel)
    return Made((layer["out"], *sizes), _blobs(weight, layer))


def _window(shape: Sizes, layer: dict[str, Any]) -> tuple[Sizes, Sizes, Sizes]:
    """base_conv_layer.cpp, LayerSetUp."""
    if shape[0] % layer["group"] or layer["out"] % layer["group"]:
        raise Check("CHECK_EQ(channels_ % group_, 0); CHECK_EQ(num_output_ % group_, 0)")
    if any(begin != end for begin, end in layer["pad"]):
        raise Check("pad is one number for both ends of an axis")
    return layer["kernel"], tuple(begin for begin, _ in layer["pad"]), layer["stride"]


def _blobs(weight: Sizes, layer: dict[str, Any]) -> int:
    return prod(weight) + (layer["out"] if layer["bias"] else 0)


def pooling(shape: Sizes, layer: dict[str, Any]) -> Made:
    """pooling_layer.cpp, LayerSetUp and Reshape."""
    kernel, stride = layer["kernel"], layer["stride"]
    if len(shape) != 3:
        raise Check("CHECK_EQ(4, bottom[0]->num_axes())")
    if any(begin != end for begin, end in layer["pad"]):
        raise Check("pad is one number for both ends of an axis")
    if any(d > 1 for d in layer["dilation"]):
        raise Check("PoolingParameter has no dilation")
    if layer["count_include_pad"] is False:
        raise Check("the divisor is (hend - hstart)*(wend - wstart), padding in")
    pad = tuple(begin for begin, _ in layer["pad"])
    if any(pad) and any(p >= k for p, k in zip(pad, kernel)):
        raise Check("CHECK_LT(pad_h_, kernel_h_)")
    pooled = []
    for n, k, p, s in zip(shape[1:], kernel, pad, stride):
        room = n + 2 * p - k
        # static_cast<float>(room) / stride, then ceil or floor.
        size = (-(-room // s) if layer["round_mode"] == "CEIL" else room // s) + 1
        if any(pad):
            if (size - 1) * s >= n + p:
                size -= 1
            assert (size - 1) * s < n + p, "CHECK_LT in Reshape"
        pooled.append(size)
    return Made((shape[0], *pooled), 0)


def inner_product(shape: Sizes, layer: dict[str, Any]) -> Made:
    """inner_product_layer.cpp: axis 1 and all behind it are one row of K_ values."""
    return Made((layer["out"],), _blobs((layer["out"], prod(shape)), layer))


def prelu(shape: Sizes, layer: dict[str, Any]) -> Made:
    """prelu_layer.cpp: a slope for each channel, or with channel_shared one."""
    slopes = 1 if layer["slopes"] == 1 else shape[0]
    if layer["slopes"] not in (None, slopes):
        raise Check("CHECK_EQ(this->blobs_[0]->count(), channels)")
    return Made(shape, slopes)


def batch_norm(shape: Sizes, layer: dict[str, Any]) -> Made:
    """batch_norm_layer.cpp: mean, variance and one factor, none of them trained.

    The trained scale and shift are a Scale layer behind it: scale_layer.cpp.
    """
    return Made(shape, 2 * shape[0] if layer["affine"] else 0, 2 * shape[0] + 1)


def lstm(shape: Sizes, layer: dict[str, Any]) -> Made:
    """lstm_layer.cpp: W_xc with b_c, and W_hc, each of 4*num_output rows."""
    if layer["proj"]:
        raise Check("RecurrentParameter has no projection")
    (time, inputs), out = shape, layer["out"]
    return Made((time, out), 4 * out * inputs + 4 * out + 4 * out * out)


def flatten(shape: Sizes, layer: dict[str, Any]) -> Made:
    """flatten_layer.cpp: from axis 1 to the last."""
    return Made((prod(shape),), 0)


RULES: dict[str, Callable[[Sizes, dict[str, Any]], Made]] = {
    "conv": convolution,
    "convtranspose": deconvolution,
    "maxpool": pooling,
    "avgpool": pooling,
    "dense": inner_product,
    "prelu": prelu,
    "bn": batch_norm,
    "lstm": lstm,
    "flatten": flatten,
}


# --- draws ----------------------------------------------------------------------


def joined(values: Sizes) -> str:
    return "x".join(map(str, values))


def window(rng: Random, rank: int, pooled: bool) -> tuple[dict[str, Any], list[str]]:
    """Kernel, stride, padding and dilation, and the words for them."""

    def each(*choices: int) -> Sizes:
        return tuple(rng.choice(choices) for _ in range(rank))

    kernel, stride = each(1, 2, 3, 4, 5), each(1, 1, 2, 3, 4)
    dilation = each(1) if rng.random() < (0.95 if pooled else 0.7) else each(1, 2, 3)
    begins = each(0) if rng.random() < 0.3 else each(0, 0, 1, 2)
    if pooled and rng.random() < 0.8:
        begins = tuple(min(p, k - 1) for p, k in zip(begins, kernel))
    ends = begins if rng.random() < 0.93 else each(0, 1, 2)
    pad = tuple(zip(begins, ends))
    layer = {"kernel": kernel, "stride": stride, "dilation": dilation, "pad": pad}
    words = [f"k{joined(kernel)}", f"s{joined(stride)}"]
    words.append("p=" + "x".join(f"{b}+{e}" if b != e else f"{b}" for b, e in pad))
    if set(dilation) != {1} or not pooled:
        words.append(f"d{joined(dilation)}")
    return layer, words


def convolved(rng: Random, kind: str) -> tuple[Sizes, dict[str, Any], str]:
    rank = rng.choice((1, 2, 2, 3))
    shape = (rng.choice((1, 2, 3, 4, 6)), *[rng.randint(1, 12) for _ in range(rank)])
    layer, words = window(rng, rank, pooled=False)
    layer |= {"group": rng.choice((1, 1, 1, 2, 3)), "out": rng.choice((1, 2, 3, 4, 6))}
    layer |= {"bias": rng.random() < 0.7, "output_padding": 0}
    words += [f"g{layer['group']}"] + ([] if layer["bias"] else ["bias=no"])
    if kind == "convtranspose" and rng.random() < 0.1 and min(layer["stride"]) > 1:
        layer["output_padding"] = 1
        words.append("op1")
    return shape, layer, f"{kind}:{layer['out']},{','.join(words)}"


def pooled(rng: Random, kind: str) -> tuple[Sizes, dict[str, Any], str]:
    rank = rng.choice((2,) * 12 + (1, 3))
    shape = (rng.randint(1, 4), *[rng.randint(1, 12) for _ in range(rank)])
    layer, words = window(rng, rank, pooled=True)
    mode = rng.choice((None, "yes", "no"))
    layer |= {"round_mode": "FLOOR" if mode == "no" else "CEIL", "count_include_pad": None}
    words += [f"ceil={mode}"] if mode else []
    if rng.random() < 0.1:
        del words[1]
        layer["stride"] = layer["kernel"]
    if kind == "avgpool" and rng.random() < 0.2:
        layer["count_include_pad"] = rng.random() < 0.5
        words.append(f"count_include_pad={'yes' if layer['count_include_pad'] else 'no'}")
    return shape, layer, f"{kind}:{','.join(words)}"


def other(rng: Random, kind: str) -> tuple[Sizes, dict[str, Any], str]:
    shape = tuple(rng.randint(1, 8) for _ in range(rng.randint(1, 4)))
    out, words = rng.randint(1, 9), []
    layer: dict[str, Any] = {"out": out, "bias": True}
    if kind == "dense":
        layer["bias"] = rng.random() < 0.7
        words = [str(out)] + ([] if layer["bias"] else ["bias=no"])
    if kind == "prelu":
        layer["slopes"] = rng.choice((None, None, 1, shape[0], shape[0] + 1))
        words = [str(layer["slopes"])] if layer["slopes"] else []
    if kind == "bn":
        layer["affine"] = rng.random() < 0.6
        words = [] if layer["affine"] else ["affine=no"]
    if kind == "lstm":
        shape = (rng.randint(1, 8), rng.randint(1, 8))
        layer["proj"] = rng.random() < 0.2 and out > 1
        words = [str(out)] + (["proj=1"] if layer["proj"] else [])
    return shape, layer, f"{kind}:{','.join(words)}".rstrip(":")


def drawn(rng: Random) -> Draw:
    """A layer on an input, with Caffe's verdict."""
    kind = rng.choice(("conv", "convtranspose", "maxpool", "avgpool") * 3 + tuple(RULES)[4:])
    draw = {"conv": convolved, "convtranspose": convolved, "maxpool": pooled, "avgpool": pooled}
    shape, layer, word = draw.get(kind, other)(rng, kind)
    line = f"{joined(shape)} {word}"
    try:
        made = RULES[kind](shape, layer)
    except Check:
        return Draw(kind, line, None)
    if min(made.output) < 1:
        return Draw(kind, line, None, min(made.output) == 0)
    too_small = kind == "conv" and any(
        n + b + e < d * (k - 1) + 1
        for n, k, (b, e), d in zip(shape[1:], layer["kernel"], layer["pad"], layer["dilation"])
    )
    return Draw(kind, line, None if too_small else made, too_small)


@cache
def draws() -> tuple[Draw, ...]:
    rng = Random(SEED)
    return tuple(drawn(rng) for _ in range(DRAWS))


# --- the comparison -------------------------------------------------------------


def computed(line: str, convention: Convention = CAFFE) -> Made | None:
    """What dlcalc makes of a line."""
    try:
        start, net = load_line(line)
        output = shape_answer(start, net, convention=convention).value.sizes
        params = params_answer(start, net, convention=convention)
    except InputError:
        return None
    numbers = [*output, params.value, params.buffers]
    assert all(isinstance(number, int) for number in numbers)
    return Made(output, params.value, params.buffers)  # type: ignore[arg-type]


def differences(convention: Convention = CAFFE) -> Iterator[str]:
    """One message for each draw in which dlcalc says something else than Caffe."""
    for draw in draws():
        mine = computed(draw.line, convention)
        if mine != draw.made:
            yield f"{draw.line}: Caffe {draw.made}, dlcalc {mine}"


def test_caffe() -> None:
    found = list(differences())
    assert not found, "\n".join([f"DLCALC_SEED={SEED}: {len(found):,} differ", *found[:20]])


def test_draws_are_broad() -> None:
    """Every kind is drawn, accepted and (but for those that refuse nothing) refused."""
    accepted = Counter(draw.kind for draw in draws() if draw.made)
    refused = Counter(draw.kind for draw in draws() if not draw.made)
    assert set(accepted) == set(RULES)
    assert set(refused) == set(RULES) - {"dense", "bn", "flatten"}
    assert 0.15 < refused.total() / DRAWS < 0.4
    assert sum(draw.on_purpose for draw in draws()) >= 20


@pytest.mark.parametrize(
    "change",
    [
        {"uneven_padding": True},
        {"stride_with_dilation": False},
        {"pooling_padding": "half"},
        {"pooling_padding": "free"},
        {"pooling_ceil": False},
        {"pooling_ceil_choice": False},
        {"pooling_drops": "always"},
        {"pooling_drops": "never"},
        {"pooling_dilation": "free"},
        {"pooling_ranks": (1, 2, 3)},
        {"average_counts_padding": False},
        {"average_counts_choice": True},
        {"transposed_fills_stride": True},
        {"transposed_output_padding": True},
        {"recurrent_biases": 2},
        {"projection": True},
        {"dense_flattens": False},
        {"prelu_slopes": "one"},
        {"prelu_slopes": "value"},
        {"batch_norm_extra": {}},
    ],
    ids=lambda change: "-".join(map(str, change)),
)
def test_comparison_notices_a_change(change: dict[str, Any]) -> None:
    """Each rule of the convention is one that the draws would miss."""
    assert next(differences(CAFFE._replace(**change)), None)


@pytest.mark.parametrize(
    ("line", "output"),
    [
        # The clip at the end is for padding alone: without it the last window sees nothing.
        ("1x6x6 maxpool:2,s3,ceil=yes", (1, 3, 3)),
        ("1x6x6 maxpool:2,s3", (1, 3, 3)),
        ("1x6x6 maxpool:2,s3,ceil=no", (1, 2, 2)),
        ("1x6x6 maxpool:2,s3,p1", (1, 3, 3)),
        ("1x7x7 maxpool:2,s3,p1", (1, 3, 3)),
        # One padded axis clips the other too.
        ("1x6x6 maxpool:2,s3,p=1x0", (1, 3, 2)),
        # Rounded up, a window may hang over an input smaller than itself.
        ("1x2x2 maxpool:3,s2", (1, 1, 1)),
        ("1x2x2 maxpool:3,s1", None),
        # GoogLeNet's and AlexNet's own sizes: 112 to 56, 55 to 27.
        ("64x112x112 maxpool:3,s2", (64, 56, 56)),
        ("96x55x55 maxpool:3,s2", (96, 27, 27)),
    ],
)
def test_pooling(line: str, output: Sizes | None) -> None:
    made = computed(line)
    assert (made and made.output) == output


@pytest.mark.parametrize(("like", "output"), [("caffe", "1x3x3\n"), ("torch", "1x2x2\n")])
def test_two_frameworks_on_one_command_line(run: Run, like: str, output: str) -> None:
    done = run("shape", "1x6x6", "maxpool:2,s3,ceil=yes", "--like", like, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")


def test_padding_by_a_word_is_not_caffes() -> None:
    for word in ("conv:1,k3", "maxpool:3,s1", "convtranspose:1,k3"):
        assert computed(f"1x9x9 {word},p=valid") == computed(f"1x9x9 {word},p0") is not None
        for padding in ("same", "same_upper", "same_lower", "causal"):
            assert computed(f"1x9x9 {word},p={padding}") is None


def test_where_integers_are_divided_towards_zero_it_is_refused() -> None:
    """Caffe makes one output of a 4x4 kernel on 3x3 with stride 2; torch and dlcalc refuse."""
    line, layer = "1x3x3 conv:1,k4,s2", {"out": 1, "group": 1, "bias": True}
    layer |= {"kernel": (4, 4), "stride": (2, 2), "dilation": (1, 1), "pad": ((0, 0),) * 2}
    assert convolution((1, 3, 3), layer).output == (1, 1, 1)
    assert computed(line) is None
    assert computed(line, TORCH) is None
    assert computed("1x3x3 conv:1,k4,s1") is None
    assert computed("1x4x4 conv:1,k4,s2") == Made((1, 1, 1), 17)
