"""How layers on positions are spelt in Keras: convolutions, pooling, padding, resampling."""

from __future__ import annotations

from math import prod
from typing import Any

from dlcalc.errors import LayerError
from dlcalc.interop.write.keras.spelling import (
    Ends,
    Line,
    Speller,
    Spelling,
    Use,
    Verbatim,
    ends_text,
)
from dlcalc.interop.write.targets import TARGETS
from dlcalc.layers.window import Window, each

#: What nets are traced by.
RULES = TARGETS["keras"].convention

_NONE = (0, 0)


def conv(use: Use) -> Spelling:
    layer = use.layer
    windows = layer.windows(use.shape.spatial, RULES)
    ones = (1,) * len(windows)
    kernel = tuple(window.kernel for window in windows)
    strides = tuple(window.stride for window in windows)
    lines, padding = _padded(use, windows)
    named: dict[str, tuple[object, object]] = {
        "strides": (strides, ones),
        "padding": (padding, "valid"),
        "dilation_rate": (tuple(window.dilation for window in windows), ones),
    }
    bias: dict[str, tuple[object, object]] = {"use_bias": (layer.bias, True)}
    if depthwise(use):
        # TensorFlow trains no convolution in groups on a CPU, but one in each channel.
        named["depth_multiplier"] = (layer.out // layer.groups, 1)
        call = use.made(use.ranked("DepthwiseConv"), kernel, **named, **bias)
    else:
        named["groups"] = (layer.groups, 1)
        call = use.made(use.ranked("Conv"), layer.out, kernel, **named, **bias)
    return Spelling((*lines, call), True)


def depthwise(use: Use) -> bool:
    """Whether each channel has kernels of its own, as Keras has them for up to two axes."""
    layer = use.layer
    if layer.groups == 1 or layer.groups != use.shape.channels or use.rank > 2:
        return False
    return len(set(layer.stride)) == 1 and layer.padding != "causal"


def _padded(use: Use, windows: tuple[Window, ...]) -> tuple[tuple[Line, ...], str]:
    """The padding that goes before a convolution, and the word for what is left of it."""
    padding = use.layer.padding
    if isinstance(padding, str):
        return (), padding
    ends: Ends = tuple(window.ends or _NONE for window in windows)
    if not any(map(any, ends)):
        return (), "valid"
    if all(window.stride == 1 for window in windows) and ends == _same(use, windows):
        return (), "same"
    return (_zeros(use, ends),), "valid"


def _same(use: Use, windows: tuple[Window, ...]) -> Ends:
    """What padding="same" adds at this size."""
    found = []
    for n, window in zip(use.sides, windows, strict=True):
        total = max((-(-n // window.stride) - 1) * window.stride + window.extent - n, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _zeros(use: Use, ends: Ends, name: str = "pad") -> Line:
    """A layer of zeros around a map."""
    sizes = _around(use, ends)
    return Line(use.part(name, use.ranked("ZeroPadding"), ends_text(ends)), sizes)


def _around(use: Use, ends: Ends) -> tuple[object, ...]:
    pairs = zip(use.sides, ends, strict=True)
    return (*(n + begin + end for n, (begin, end) in pairs), use.shape.channels)


def convtranspose(use: Use) -> Spelling:
    layer, rank = use.layer, use.rank
    if layer.groups != 1:
        raise LayerError("the transposed convolution of keras has no groups")
    extra = layer.output_padding
    call = use.made(
        f"Conv{rank}DTranspose",
        layer.out,
        each(layer.kernel, rank, "kernel"),
        strides=(each(layer.stride, rank, "stride"), (1,) * rank),
        padding=(layer.padding if isinstance(layer.padding, str) else "valid", "valid"),
        output_padding=(extra and each(extra, rank, "output_padding"), None),
        dilation_rate=(each(layer.dilation, rank, "dilation"), (1,) * rank),
        use_bias=(layer.bias, True),
    )
    return Spelling((call,), True)


# Pooling.


def _overhang(use: Use, windows: tuple[Window, ...]) -> Ends:
    """Begin and end of the padding, and at the end what the last window has beyond it."""
    found = []
    for n, m, window in zip(use.sides, use.output_sides, windows, strict=True):
        begin, end = window.ends or _NONE
        reach = (m - 1) * window.stride + window.extent
        found.append((begin, max(end, reach - n - begin)))
    return tuple(found)


def _moved(windows: tuple[Window, ...]) -> dict[str, tuple[object, object]]:
    """The stride, which in Keras is the window if nothing is said."""
    kernel = tuple(window.kernel for window in windows)
    return {"strides": (tuple(window.stride for window in windows), kernel)}


def maxpool(use: Use) -> Spelling:
    windows = use.layer.windows(use.shape.spatial, RULES)
    kernel, moved = tuple(window.kernel for window in windows), _moved(windows)
    ends = _overhang(use, windows)
    padding = use.layer.padding if isinstance(use.layer.padding, str) else "valid"
    lines: tuple[Line, ...] = ()
    if padding == "valid" and any(map(any, ends)):
        if ends == _same(use, windows):
            padding = "same"
        else:
            # Zeros would win over what is below them: padding is never the greatest.
            amounts = f"({_NONE}, {', '.join(map(str, ends))}, {_NONE})"
            call = f'ops.pad({{x}}, {amounts}, constant_values=float("-inf"))'
            lines = (Line(call, _around(use, ends)),)
    pooled = use.made(use.ranked("MaxPooling"), kernel, **moved, padding=(padding, "valid"))
    return Spelling((*lines, pooled), True)


def avgpool(use: Use) -> Spelling:
    lines, classes = _means(use, use.layer.counts_padding(RULES), use.made)
    return Spelling(lines, True, classes)


def _means(use: Use, counted: bool, name: Any) -> tuple[tuple[Line | str, ...], tuple[str, ...]]:
    """Means over windows, and the classes that they take."""
    windows = use.layer.windows(use.shape.spatial, RULES)
    kernel, moved = tuple(window.kernel for window in windows), _moved(windows)
    cls, given = use.ranked("AveragePooling"), use.layer.padding
    ends, asked = _overhang(use, windows), tuple(window.ends or _NONE for window in windows)
    if given == "valid" or not any(map(any, ends)):
        return (name(cls, kernel, **moved),), ()
    if counted and ends == asked:
        return (_zeros(use, ends), name(cls, kernel, **moved)), ()
    # padding="same" counts none of it, but where the ends differ Keras on torch repeats the
    # border instead (keras/src/backend/torch/nn.py, _apply_same_padding).
    even = all(begin == end for begin, end in ends)
    if even and ends == _same(use, windows) and not (counted and any(map(any, asked))):
        return (name(cls, kernel, **moved, padding=("same", "valid")),), ()
    shown = [Verbatim(repr(each)) for each in (kernel, moved["strides"][0], ends)]
    counts = Verbatim(repr(asked if counted else (_NONE,) * len(ends)))
    return (name("MeanPooling", *shown, counts),), ("MeanPooling",)


def lppool(use: Use) -> Spelling:
    """The root of a mean of powers, times the window: as torch counts what hangs over."""
    power = use.layer.norm
    means, classes = _means(use, False, use.made)
    windows = use.layer.windows(use.shape.spatial, RULES)
    full = prod(window.kernel for window in windows)
    root = f"ops.power({full} * {{x}}, {1 / power!r})"
    raised = Line(f"ops.power({{x}}, {power!r})", (*use.shape.spatial, use.shape.channels))
    pooled = [
        Line(line, (*use.output.spatial, use.output.channels)) if isinstance(line, str) else line
        for line in means
    ]
    return Spelling((raised, *pooled, root), True, classes)


def adaptive(cls: str) -> Speller:
    return lambda use: Spelling((use.made(use.ranked(cls), use.output.spatial),), True)


def globally(cls: str) -> Speller:
    return lambda use: Spelling((use.made(use.ranked(cls)),), False)


# Other layers on positions.


def pad(use: Use) -> Spelling:
    ends = each(use.layer.padding, use.rank, "padding")
    return Spelling((use.made(use.ranked("ZeroPadding"), ends_text(ends)),), True)


def crop(use: Use) -> Spelling:
    layer = use.layer
    if layer.size is None:
        ends = each(layer.margin, use.rank, "margin")
    else:
        pairs = zip(use.sides, use.output_sides, strict=True)
        ends = tuple(((n - m) // 2, n - m - (n - m) // 2) for n, m in pairs)
    return Spelling((use.made(use.ranked("Cropping"), ends_text(ends)),), True)


def upsample(use: Use) -> Spelling:
    pairs = tuple(zip(use.sides, use.output_sides, strict=True))
    if any(m % n for n, m in pairs):
        raise LayerError("the upsampling of keras makes a whole number of positions of each")
    scale = tuple(m // n for n, m in pairs)
    if use.layer.linear and use.rank != 2:
        raise LayerError("keras draws lines between positions of images alone")
    named: dict[str, tuple[object, object]] = {}
    if use.layer.linear:
        named["interpolation"] = ("bilinear", "nearest")
    return Spelling((use.made(use.ranked("UpSampling"), scale, **named),), True)


def pixelshuffle(use: Use) -> Spelling:
    (height, width), factor, channels = use.shape.spatial, use.layer.factor, use.output.channels
    apart = (height, width, channels, factor, factor)
    mixed = (height, factor, width, factor, channels)
    lines = (
        Line(use.part("apart", "Reshape", Verbatim(repr(apart))), apart),
        Line(use.part("turned", "Permute", Verbatim("(1, 4, 2, 5, 3)")), mixed),
        use.made("Reshape", Verbatim(repr((*use.output.spatial, channels)))),
    )
    return Spelling(lines, True)


def pixelunshuffle(use: Use) -> Spelling:
    (height, width), factor, channels = use.output.spatial, use.layer.factor, use.shape.channels
    apart = (height, factor, width, factor, channels)
    mixed = (height, width, channels, factor, factor)
    lines = (
        Line(use.part("apart", "Reshape", Verbatim(repr(apart))), apart),
        Line(use.part("turned", "Permute", Verbatim("(1, 3, 5, 2, 4)")), mixed),
        use.made("Reshape", Verbatim(repr((height, width, use.output.channels)))),
    )
    return Spelling(lines, True)


def local(use: Use) -> Spelling:
    layer = use.layer
    windows = layer.windows(use.shape.spatial, RULES)
    ends: Ends = tuple(window.ends or _NONE for window in windows)
    lines = (_zeros(use, ends),) if any(map(any, ends)) else ()
    kernel, strides = (
        Verbatim(repr(tuple(getattr(window, name) for window in windows)))
        for name in ("kernel", "stride")
    )
    call = use.made("LocallyConnected", layer.out, kernel, strides, use_bias=(layer.bias, True))
    return Spelling((*lines, call), True, ("LocallyConnected",))


def subsample(use: Use) -> Spelling:
    kernel = Verbatim(repr(each(use.layer.kernel, use.rank, "kernel")))
    return Spelling((use.made("Subsampling", kernel),), True, ("Subsampling",))
