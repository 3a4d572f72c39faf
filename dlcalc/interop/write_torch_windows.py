"""How layers on positions are spelt in PyTorch: convolutions, pooling, padding, resampling."""

from __future__ import annotations

from typing import Any

from dlcalc.errors import LayerError
from dlcalc.interop.write_torch_spelling import Speller, Spelling, flat, module, ranked, uneven
from dlcalc.layers.convention import TORCH
from dlcalc.layers.shape import Shape
from dlcalc.layers.window import each

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
    made = module(
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
    return Spelling(made, call)


def convtranspose(layer: Any, shape: Shape, output: Shape) -> Spelling:
    rank = len(shape.spatial)
    ones, zeros = (1,) * rank, (0,) * rank
    kernel, stride = each(layer.kernel, rank, "kernel"), each(layer.stride, rank, "stride")
    dilation = each(layer.dilation, rank, "dilation")
    if isinstance(layer.padding, str):
        raise LayerError(f"convtranspose takes no padding={layer.padding} in torch")
    ends = each(layer.padding, rank, "padding")
    if any(begin != end for begin, end in ends):
        raise uneven(layer, ends)
    # What the output has beyond what the input spreads to, however it was asked for.
    extra = tuple(
        m - ((n - 1) * s - 2 * begin + d * (k - 1) + 1)
        for m, n, k, s, d, (begin, _) in zip(
            output.spatial, shape.spatial, kernel, stride, dilation, ends, strict=True
        )
    )
    made = module(
        ranked("ConvTranspose", shape),
        shape.channels,
        layer.out,
        kernel,
        stride=(stride, ones),
        padding=(tuple(begin for begin, _ in ends), zeros),
        output_padding=(extra, zeros),
        groups=(layer.groups, 1),
        bias=(layer.bias, True),
        dilation=(dilation, ones),
    )
    return Spelling(made)


# Pooling, and other layers on positions.


def pool(cls: str) -> Speller:
    def window_pool(layer: Any, shape: Shape, output: Shape) -> Spelling:
        windows = layer.windows(shape.spatial, TORCH)
        ends = tuple(window.ends for window in windows)
        if any(begin != end for begin, end in ends):
            raise uneven(layer, ends)
        kernel = tuple(window.kernel for window in windows)
        # torch's stride is the kernel if left out.
        stride = tuple(window.stride for window in windows)
        named: dict[str, tuple[object, object]] = {
            "stride": (stride, kernel),
            "padding": (tuple(begin for begin, _ in ends), (0,) * len(ends)),
            "ceil_mode": (bool(layer.ceil), False),
        }
        if cls == "MaxPool":
            dilation = tuple(window.dilation for window in windows)
            named["dilation"] = (dilation, (1,) * len(windows))
        if cls == "AvgPool":
            named["count_include_pad"] = (layer.counts_padding(TORCH), True)
        first: tuple[object, ...] = ()
        if cls == "LPPool":
            first = (layer.norm,)
            del named["padding"]
        return Spelling(module(ranked(cls, shape), *first, kernel, **named))

    return window_pool


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
    parts = [f"{b}:{b + m!s}" for b, m in zip(begins, output.spatial, strict=True)]
    return Spelling(call=f"{{x}}[:, :, {', '.join(parts)}]")


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
