"""How layers on positions are spelt in PyTorch: convolutions, pooling, padding, resampling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dlcalc.errors import LayerError
from dlcalc.interop.write.torch.spelling import (
    Speller,
    Spelling,
    Whole,
    flat,
    made,
    module,
    ranked,
)
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape
from dlcalc.layers.window import each, fixed_ends

# Convolutions.


def conv(layer: Any, shape: Shape, output: Shape) -> Spelling:
    windows = layer.windows(shape.spatial, TORCH)
    ones, ends = (1,) * len(windows), tuple(window.ends for window in windows)
    padding: object = layer.padding
    call = "self.{name}({x})"
    if not isinstance(padding, str):
        padding = tuple(begin for begin, _ in ends)
        if any(begin != end for begin, end in ends):
            padding = tuple(0 for _ in ends)
            call = f"self.{{name}}(F.pad({{x}}, {flat(ends)!r}))"
    built = module(
        ranked("Conv", shape),
        shape.channels,
        layer.out,
        tuple(window.kernel for window in windows),
        stride=(tuple(window.stride for window in windows), ones),
        padding=(padding, tuple(0 for _ in windows)),
        dilation=(tuple(window.dilation for window in windows), ones),
        groups=(layer.groups, 1),
        bias=(layer.bias, True),
    )
    return Spelling(built, call)


def convtranspose(layer: Any, shape: Shape, output: Shape) -> Spelling:
    rank = len(shape.spatial)
    ones, zeros = (1,) * rank, (0,) * rank
    kernel, stride = each(layer.kernel, rank, "kernel"), each(layer.stride, rank, "stride")
    dilation = each(layer.dilation, rank, "dilation")
    ends = fixed_ends(layer.padding, rank)
    # torch cuts both ends alike: the less of the two here, the rest behind it.
    cuts = tuple(min(pair) for pair in ends)
    # What the output has beyond what the input spreads to, however it was asked for.
    extra = tuple(
        max(0, m + begin - cut - ((n - 1) * s - 2 * cut + d * (k - 1) + 1))
        for m, n, k, s, d, (begin, _), cut in zip(
            output.spatial, shape.spatial, kernel, stride, dilation, ends, cuts, strict=True
        )
    )
    call = "self.{name}({x})"
    if any(begin != end for begin, end in ends):
        begins = (begin - cut for (begin, _), cut in zip(ends, cuts, strict=True))
        call += _slices(begins, output)
    built = module(
        ranked("ConvTranspose", shape),
        shape.channels,
        layer.out,
        kernel,
        stride=(stride, ones),
        padding=(cuts, zeros),
        output_padding=(extra, zeros),
        groups=(layer.groups, 1),
        bias=(layer.bias, True),
        dilation=(dilation, ones),
    )
    return Spelling(built, call)


def local(layer: Any, shape: Shape, output: Shape) -> Spelling:
    """A product of its own at every position, by a class of the source's own."""
    windows = layer.windows(shape.spatial, TORCH)
    ends = tuple(window.ends for window in windows)
    padded = f"F.pad({{x}}, {flat(ends)!r})" if any(map(any, ends)) else "{x}"
    built = made(
        ranked("LocallyConnected", shape),
        shape.channels,
        layer.out,
        bias=(layer.bias, True),
        positions=(Whole(output.spatial), None),
        kernel=(Whole(window.kernel for window in windows), None),
        stride=(Whole(window.stride for window in windows), None),
    )
    return Spelling(built, f"self.{{name}}({padded})")


# Pooling, and other layers on positions.


def pool(cls: str) -> Speller:
    def window_pool(layer: Any, shape: Shape, output: Shape) -> Spelling:
        windows = layer.windows(shape.spatial, TORCH)
        ends = tuple(window.ends for window in windows)
        if any(begin != end for begin, end in ends):
            return _uneven(layer, cls, shape, output)
        kernel = tuple(window.kernel for window in windows)
        # torch's stride is the kernel if left out.
        stride = tuple(window.stride for window in windows)
        ones, zeros = (1,) * len(windows), (0,) * len(windows)
        named: dict[str, tuple[object, object]] = {
            "stride": (stride, kernel),
            "padding": (tuple(begin for begin, _ in ends), zeros),
            "ceil_mode": (bool(layer.ceil), False),
        }
        if cls == "MaxPool":
            named["dilation"] = (tuple(window.dilation for window in windows), ones)
        if cls == "AvgPool":
            named["count_include_pad"] = (layer.counts_padding(TORCH), True)
        first: tuple[object, ...] = ()
        if cls == "LPPool":
            first = (layer.norm,)
            del named["padding"]
        return Spelling(module(ranked(cls, shape), *first, kernel, **named))

    return window_pool


def _uneven(layer: Any, cls: str, shape: Shape, output: Shape) -> Spelling:
    """Pooling with padding that differs at both ends, which torch's has not: it comes before."""
    windows = layer.windows(shape.spatial, TORCH)
    amounts = flat(tuple(window.ends for window in windows))
    # In torch no window may begin in the padding behind the input, but here it is input.
    cut = _slices((0,) * len(windows), output) if layer.ceil else ""
    kernel = tuple(window.kernel for window in windows)
    stride = tuple(window.stride for window in windows)
    ceil: tuple[object, object] = (bool(layer.ceil), False)
    if cls == "MaxPool":
        ones = (1,) * len(windows)
        dilation = tuple(window.dilation for window in windows)
        built = module(
            ranked(cls, shape), kernel, stride, ceil_mode=ceil, dilation=(dilation, ones)
        )
        padded = f'F.pad({{x}}, {amounts!r}, value=float("-inf"))'
        return Spelling(built, f"self.{{name}}({padded}){cut}")
    if layer.counts_padding(TORCH):
        built = module(ranked(cls, shape), kernel, stride, ceil_mode=ceil)
        return Spelling(built, f"self.{{name}}(F.pad({{x}}, {amounts!r})){cut}")
    sizes = map(Whole, (kernel, stride, amounts))
    built = made(ranked(f"Uneven{cls}", shape), *sizes, ceil_mode=ceil)
    return Spelling(built, f"self.{{name}}({{x}}){cut}")


def subsample(layer: Any, shape: Shape, output: Shape) -> Spelling:
    kernel = Whole(each(layer.kernel, len(shape.spatial), "kernel"))
    return Spelling(made(ranked("Subsample", shape), shape.channels, kernel))


def stochasticpool(layer: Any, shape: Shape, output: Shape) -> Spelling:
    windows = layer.windows(shape.spatial, TORCH)
    over = tuple(
        (0, max(0, (m - 1) * window.stride + window.kernel - n))
        for n, m, window in zip(shape.spatial, output.spatial, windows, strict=True)
    )
    sizes = (tuple(w.kernel for w in windows), tuple(w.stride for w in windows), flat(over))
    return Spelling(made(ranked("StochasticPool", shape), *map(Whole, sizes)))


def adaptive(cls: str) -> Speller:
    return lambda layer, shape, output: Spelling(module(ranked(cls, shape), output.spatial))


def pad(layer: Any, shape: Shape, output: Shape) -> Spelling:
    ends = each(layer.padding, len(shape.spatial), "padding")
    return Spelling(module(ranked("ZeroPad", shape), flat(ends)))


def crop(layer: Any, shape: Shape, output: Shape) -> Spelling:
    if layer.size is None:
        begins = [begin for begin, _ in each(layer.margin, len(shape.spatial), "margin")]
    else:
        pairs = zip(shape.spatial, output.spatial, strict=True)
        begins = [(n - m) // 2 for n, m in pairs]
    return Spelling(call=f"{{x}}{_slices(begins, output)}")


def _slices(begins: Iterable[Any], output: Shape) -> str:
    """What cuts an image down to the sides of the output, from these begins on."""
    parts = [f"{b}:{b + m!s}" for b, m in zip(begins, output.spatial, strict=True)]
    return f"[:, :, {', '.join(parts)}]"


def upsample(layer: Any, shape: Shape, output: Shape) -> Spelling:
    rank = len(shape.spatial)
    if rank > 3:
        raise LayerError(f"torch has no Upsample for {rank} spatial axes")
    mode = ("linear", "bilinear", "trilinear")[rank - 1] if layer.linear else "nearest"
    size = None if layer.size is None else output.spatial
    scale = None if layer.scale is None else each(layer.scale, rank, "scale")
    scaled: object = scale
    if scale is not None:
        scaled = tuple(float(factor) for factor in scale)
    named = {"size": (size, None), "scale_factor": (scaled, None), "mode": (mode, "nearest")}
    return Spelling(module("Upsample", **named))
