"""Operators that move a window along sides: convolutions and poolings.

Settings and rules: the operators of the same names in docs/Operators.md and
docs/Changelog.md of ONNX.
"""

from __future__ import annotations

from collections.abc import Callable

from dlcalc.errors import LayerError
from dlcalc.interop.onnx.fold import reduced_numbers
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import Value
from dlcalc.interop.words import axes, flag, number, short, word
from dlcalc.layers.size import product
from dlcalc.layers.window import padding_text

_AUTO = {"SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower", "VALID": "valid"}


def _padding(call: Call, rank: int) -> str:
    """The argument for padding: the word of auto_pad, or the numbers of pads."""
    auto = call.text("auto_pad", "NOTSET")
    if auto in _AUTO:
        if call.get("pads") is not None:
            raise call.error(f"it has pads beside auto_pad {auto}, which exclude one another")
        return f"p={_AUTO[auto]}"
    if auto not in ("NOTSET", ""):
        raise call.error(f"auto_pad is {auto[:20]}, which is not known")
    pads = call.wholes("pads", 2 * rank)
    if not any(pads):
        return ""
    return padding_text(tuple(zip(pads[:rank], pads[rank:], strict=True)))


def _kernel(call: Call, weight: Value) -> tuple[int, ...]:
    """The kernel, which the weight has in any case; an attribute must agree with it."""
    sizes = weight.shape[2:]
    if not sizes or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise call.error("its weight has no sides")
    kernel: tuple[int, ...] = sizes  # type: ignore[assignment]
    if call.get("kernel_shape") is not None and call.wholes("kernel_shape") != kernel:
        raise call.error(f"kernel_shape is not that of its weight, {axes(kernel)}")
    return kernel


def _sliding(call: Call, kernel: tuple[int, ...]) -> tuple[str, ...]:
    rank = len(kernel)
    return (
        f"k{axes(kernel)}",
        short("s", call.wholes("strides", rank, 1, 1), 1),
        _padding(call, rank),
        short("d", call.wholes("dilations", rank, 1, 1), 1),
    )


def _groups(call: Call) -> int:
    groups = call.whole("group", 1)
    if groups < 1:
        raise call.error(f"group must be from 1, not {groups}")
    return groups


def conv(call: Call) -> None:
    """Conv. A kernel that is worked out is a node as it is."""
    weight, x = call.need(1), call.need()
    groups, kernel = _groups(call), _kernel(call, weight)
    made = word(
        "conv",
        str(weight.shape[0]),
        *_sliding(call, kernel),
        f"g{groups}" if groups != 1 else "",
        flag("bias", call.value(2) is not None, True),
    )
    if not weight.constant:
        raise call.error("its kernel is worked out, and not a constant")
    call.spatial(made, x, {"weight": weight, "bias": call.weight(2)})


def transposed(call: Call) -> None:
    """ConvTranspose, of which the weight has the input channels first."""
    x, weight = call.need(), call.weight(1)
    if weight is None:
        raise call.error("its weight is left out")
    groups, kernel = _groups(call), _kernel(call, weight)
    rank = len(kernel)
    window, stride, padded, dilation = _sliding(call, kernel)
    more, wanted = call.wholes("output_padding", rank), call.get("output_shape")
    outward, asked = short("op", more, 0), ""
    if wanted is not None:
        sizes = call.wholes("output_shape")
        # Some exporters write the batch and the channels as well.
        sizes = sizes[-rank:] if len(sizes) == rank + 2 else call.wholes("output_shape", rank, 1, 1)
        asked, outward = f"output={axes(sizes)}", ""
        if not padded.startswith("p=same"):
            padded = ""
    channels = weight.shape[1] * groups
    made = (window, stride, padded, outward, dilation, f"g{groups}" if groups != 1 else "")
    biased = flag("bias", call.value(2) is not None, True)
    call.spatial(
        word("convtranspose", str(channels), *made, biased, asked),
        x,
        {"weight": weight, "bias": call.weight(2)},
    )


def _rank(call: Call) -> int:
    rank = len(call.need().shape) - 2
    if rank < 1:
        raise LayerError(f"it gets {rank + 2} axes, but needs batch, channels and sides")
    return rank


def _pool(call: Call, name: str, *more: str) -> None:
    rank = _rank(call)
    kernel = call.wholes("kernel_shape", rank, 0, 1)
    _, stride, padded, dilation = _sliding(call, kernel)
    # The notation moves by the kernel where nothing is said, ONNX by 1.
    stride = f"s{axes(call.wholes('strides', rank, 1, 1))}"
    upward = flag("ceil", call.flag("ceil_mode"), False)
    made = word(name, f"k{axes(kernel)}", stride, padded, dilation, upward, *more)
    call.spatial(made, call.need(), {})


def maxpool(call: Call) -> None:
    """MaxPool. Its second output, places of the greatest values, has the shape of the first."""
    _pool(call, "maxpool")
    if call.wanted(1):
        if not call.op.outputs[0]:
            raise call.error("its first output is left out")
        first = call.walk.values[call.op.outputs[0]]
        call.plain([call.need()], first.shape, 0, output=1)


def avgpool(call: Call) -> None:
    """AveragePool."""
    counted = call.flag("count_include_pad")
    _pool(call, "avgpool", "count_include_pad=yes" if counted else "")


def lppool(call: Call) -> None:
    """LpPool; with padding or dilation, which the notation's has not, a stand-in."""
    kernel = call.wholes("kernel_shape", _rank(call), 0, 1)
    _, _, padded, dilation = _sliding(call, kernel)
    if padded or dilation:
        call.stand_in("a norm over padded or dilated windows is shown as maxpool")
        _pool(call, "maxpool")
        return
    _pool(call, "lppool", number("norm", call.number("p", 2), 2))


def global_pool(name: str, why: str = "") -> Callable[[Call], None]:
    """GlobalAveragePool and its kin, which keep the sides as 1."""

    def rule(call: Call) -> None:
        _rank(call)
        if why:
            call.stand_in(why)
        call.spatial(name, call.need(), {})

    return rule


def reduced(name: str) -> Callable[[Call], None]:
    """ReduceMean and its kin: over all sides they are a global pooling."""

    def rule(call: Call) -> None:
        x = call.need()
        rank = len(x.shape)
        # The axes became an input with opset 18, for ReduceSum with 13.
        given = call.ints(1, "axes", 13 if call.op.kind == "ReduceSum" else 18)
        empty = call.flag("noop_with_empty_axes") and not given
        if empty:
            call.alias(x)
            return
        over = sorted({call.axis(axis, rank) for axis in given or range(rank)})
        keep = call.flag("keepdims", True)
        shape = tuple(
            1 if axis in over else size
            for axis, size in enumerate(x.shape)
            if keep or axis not in over
        )
        if x.constant:
            call.fold(x._replace(shape=shape, content=reduced_numbers(call.op.kind, x, shape)))
            return
        if x.batch in over:
            call.walk.mixes()
            x = x._replace(batch=None)
        batch = x.batch
        if batch is not None and not keep:
            batch -= sum(axis < batch for axis in over)
        sides = over == list(range(2, rank)) and x.batch == 0 and 3 <= rank <= 5
        if name and sides and call.walk.of_one(x.shape[0]) == 1 and call.walk.axis is not None:
            pooled = [("", name)] if keep else [("", name), ("flatten", "flatten")]
            call.chain(pooled, x, shape, batch)
            return
        call.plain([x], shape, batch)

    return rule


def upsampled(call: Call) -> None:
    """Resize and Upsample, to sizes or by scales along some of the axes."""
    x = call.need()
    places = _axes_of(call, len(x.shape))
    sizes, scales = _targets(call, x, places)
    shape = list(x.shape)
    for place, size in zip(places, sizes, strict=True):
        shape[place] = size
    out = tuple(shape)
    if x.constant:
        call.fold(x._replace(shape=out, content=None))
        return
    if x.batch is None or out[x.batch] != x.shape[x.batch]:
        call.walk.mixes()
        x = x._replace(batch=None)
    _add_upsample(call, x, out, scales)


def _add_upsample(call: Call, x: Value, out: tuple, scales: list) -> None:  # type: ignore[type-arg]
    from dlcalc.layers.resample import Upsample

    mode = call.text("mode", "nearest")
    linear = mode in ("linear", "bilinear")
    turn = call.text("coordinate_transformation_mode", "half_pixel")
    plain = mode == "nearest" or (linear and turn in ("half_pixel", "pytorch_half_pixel"))
    whole = all(isinstance(n, int) for n in (*x.shape, *out))
    times = [
        m // n if isinstance(n, int) and isinstance(m, int) and n and m % n == 0 else s
        for n, m, s in zip(x.shape, out, scales, strict=True)
    ]
    spatial = x.batch == 0 and len(out) > 2 and out[:2] == x.shape[:2]
    if not spatial or (not whole and not all(type(s) is int for s in times[2:])):
        call.plain([x], out, x.batch, parts={"activation": product(out) if linear else 0})
        return
    if not plain:
        call.stand_in(f"its interpolation is shown as {'linear' if linear else 'repeating'}")
    if all(type(s) is int for s in times[2:]):
        layer = Upsample(scale=tuple(times[2:]), linear=linear)
        text = word("upsample", axes(times[2:]), flag("linear", linear, False))
    else:
        layer = Upsample(size=out[2:], linear=linear)
        text = word("upsample", f"size={axes(out[2:])}", flag("linear", linear, False))
    call.node(layer, text, x, out, x.batch)


def _axes_of(call: Call, rank: int) -> list[int]:
    given = call.wholes("axes")
    return [call.axis(axis, rank) for axis in given] if call.get("axes") else list(range(rank))


def _targets(call: Call, x: Value, places: list[int]) -> tuple[list, list]:  # type: ignore[type-arg]
    """The sizes along these axes, and the scale of every axis; 1.5 where it is not whole."""
    if call.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise call.error("keep_aspect_ratio_policy is not supported")
    if call.text("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        raise call.error("tf_crop_and_resize is not supported")
    given = call.sizes(3) if call.op.kind == "Resize" else None
    every: list[object] = [1] * len(x.shape)
    if given:
        if len(given) != len(places):
            raise call.error(f"it asks for {len(given)} sizes of {len(places)} axes")
        for place, size in zip(places, given, strict=True):
            n = x.shape[place]
            same = size == n
            every[place] = 1 if same else 1.5
        return list(given), every
    scales = _scales(call)
    if len(scales) != len(places):
        raise call.error(f"it has {len(scales)} scales of {len(places)} axes")
    sizes = []
    for place, scale in zip(places, scales, strict=True):
        every[place] = int(scale) if scale == int(scale) else scale
        sizes.append(_scaled(call, x.shape[place], scale))
    return sizes, every


def _scales(call: Call) -> tuple[float, ...]:
    if call.get("scales") is not None:
        found = call.get("scales")
    else:
        value = call.value(1 if call.op.kind == "Upsample" or call.walk.opset < 11 else 2)
        found = None if value is None else value.content
    if not isinstance(found, tuple) or not all(
        isinstance(s, int | float) and 0 < s < 1e9 for s in found
    ):
        raise call.error("its scales are not known, or not above 0")
    return found


def _scaled(call: Call, n: object, scale: float) -> object:
    """floor(n*scale)."""
    if isinstance(n, int):
        return int(n * scale)
    over, under = scale.as_integer_ratio() if isinstance(scale, float) else (scale, 1)
    if under > 1_024:
        raise call.error(
            f"{n} times {scale:.6g} hangs on a size that is not known",
            "Give the INPUT in numbers.",
        )
    return n * over // under  # type: ignore[operator]
