"""The layers of Keras as layers of the notation: windows, norms, what acts on each value.

Settings and their defaults: the classes of the same names under keras/src/layers.
"""

from __future__ import annotations

from collections.abc import Callable

from dlcalc.interop.keras.activation import activation
from dlcalc.interop.keras.call import Call
from dlcalc.interop.special import PartNorm, Repeat, Standardise
from dlcalc.interop.words import axes, ends, flag, number, short, word
from dlcalc.layers.size import Size

Handler = Callable[[Call], list[int]]

_PADDINGS = ("valid", "same", "causal")


def rank_of(call: Call) -> int:
    """The spatial axes in a class's name, such as Conv2D."""
    return next(int(digit) for digit in reversed(call.kind) if digit.isdigit())


def sizes(call: Call, key: str, rank: int, usual: object = None) -> tuple[int, ...]:
    """One number for each axis, from one for all or one for each."""
    found = call.config.wholes(key, usual)
    if len(found) not in (1, rank):
        raise call.config.wrong(key, f"{rank} whole numbers", list(found))
    return found * rank if len(found) == 1 else found


def padding(call: Call) -> str:
    """The word that ``padding`` is; empty for valid."""
    found = call.config.text("padding", "valid").lower()
    if found not in _PADDINGS:
        raise call.config.wrong("padding", "valid, same or causal", found)
    return "" if found == "valid" else f"p={found}"


def _window(call: Call, rank: int) -> tuple[str, ...]:
    return (
        f"k{axes(sizes(call, 'kernel_size', rank))}",
        short("s", sizes(call, "strides", rank, 1), 1),
        padding(call),
        short("d", sizes(call, "dilation_rate", rank, 1), 1),
    )


def _bias(call: Call) -> str:
    return flag("bias", call.config.flag("use_bias", True), True)


def _conv(call: Call) -> list[int]:
    rank, groups = rank_of(call), call.config.whole("groups", 1)
    made = call.add(
        word(
            f"conv{rank}d",
            str(call.config.whole("filters")),
            *_window(call, rank),
            f"g{groups}" if groups != 1 else "",
            _bias(call),
        )
    )
    return [activation(call, made)]


def _transposed(call: Call) -> list[int]:
    rank = rank_of(call)
    more = call.config.get("output_padding")
    outward = "" if more is None else f"op{axes(sizes(call, 'output_padding', rank))}"
    kernel, stride, padded, dilation = _window(call, rank)
    made = call.add(
        word(
            f"convtranspose{rank}d",
            str(call.config.whole("filters")),
            *(kernel, stride, padded, outward, dilation, _bias(call)),
        )
    )
    return [activation(call, made)]


def _depthwise(call: Call) -> list[int]:
    return [activation(call, call.add(_each_channel(call, _bias(call))))]


def _each_channel(call: Call, bias: str) -> str:
    """A convolution of each channel alone."""
    rank, channels = rank_of(call), call.channels
    outputs = channels * call.config.whole("depth_multiplier", 1)
    return word(f"conv{rank}d", str(outputs), *_window(call, rank), f"g{channels}", bias)


def _separable(call: Call) -> list[int]:
    depthwise = call.add(_each_channel(call, "bias=no"), "depthwise")
    filters = call.config.whole("filters")
    pointwise = word(f"conv{rank_of(call)}d", str(filters), "k1", _bias(call))
    return [activation(call, call.add(pointwise, "pointwise", depthwise))]


def _pool(kind: str) -> Handler:
    def handler(call: Call) -> list[int]:
        rank = rank_of(call)
        kernel = sizes(call, "pool_size", rank, 2)
        stride = sizes(call, "strides", rank, list(kernel))
        moved = "" if stride == kernel else f"s{axes(stride)}"
        return [call.add(word(f"{kind}{rank}d", axes(kernel), moved, padding(call)))]

    return handler


def _global(kind: str) -> Handler:
    def handler(call: Call) -> list[int]:
        rank = rank_of(call)
        if call.config.flag("keepdims", False):
            # The same values: a pooling to one position keeps the axes.
            return [call.add(f"adaptive{kind}pool{rank}d:1")]
        return [call.add(f"global{kind}pool{rank}d")]

    return handler


def _both_ends(call: Call, key: str, usual: object) -> list[tuple[int, int]]:
    """Padding or cropping: 1, [1, 2] for each axis, or [[1, 2], [3, 4]]."""
    rank, found = rank_of(call), call.config.get(key, usual)
    if type(found) is int:
        found = [found] * rank
    if rank == 1 and isinstance(found, list) and len(found) == 2:
        found = [found]
    if not isinstance(found, list) or len(found) != rank:
        raise call.config.wrong(key, f"whole numbers for {rank} axes", found)
    pairs = []
    for each in found:
        pair = each if isinstance(each, list) else [each, each]
        if len(pair) != 2 or not all(type(n) is int and n >= 0 for n in pair):
            raise call.config.wrong(key, "whole numbers from 0", found)
        pairs.append((pair[0], pair[1]))
    return pairs


def _pad(call: Call) -> list[int]:
    return [call.add(f"pad{rank_of(call)}d:{ends(_both_ends(call, 'padding', 1))}")]


def _crop(call: Call) -> list[int]:
    return [call.add(f"crop{rank_of(call)}d:{ends(_both_ends(call, 'cropping', 1))}")]


def _upsample(call: Call) -> list[int]:
    rank = rank_of(call)
    how = call.config.text("interpolation", "nearest")
    if how not in ("nearest", "bilinear"):
        call.stand_in(f"{how[:20]} interpolation is shown as linear")
    return [
        call.add(
            word(
                f"upsample{rank}d",
                axes(sizes(call, "size", rank, 2)),
                flag("linear", how != "nearest", False),
            )
        )
    ]


def _dense(call: Call) -> list[int]:
    made = call.add(word("dense", str(call.config.whole("units")), _bias(call)))
    return [activation(call, made)]


def _embedding(call: Call) -> list[int]:
    config = call.config
    return [call.add(f"embedding:{config.whole('input_dim')},{config.whole('output_dim')}")]


def last_axes(call: Call) -> int:
    """How many of the last axes ``axis`` names. Raises `InputError` if it names others."""
    rank = len(call.shape.sizes)
    found = sorted(_axis(call, axis, rank) for axis in call.config.wholes("axis", -1))
    if found != list(range(rank - len(found), rank)):
        raise call.error(f"it normalises along axes {found} of {call.shape}, not along the last")
    return len(found)


def _axis(call: Call, axis: int, rank: int) -> int:
    """An axis counted from 0 without the batch, from one that counts the batch or from the end."""
    found = axis + rank if axis < 0 else axis - 1
    if not 0 <= found < rank:
        raise call.error(f"axis {axis} is not one of {call.shape}, the batch being axis 0")
    return found


def _batch_norm(call: Call) -> list[int]:
    config, shape = call.config, call.shape
    rank = len(shape.sizes)
    (axis,) = config.wholes("axis", -1)[:1]
    place = 0 if shape.layout == "chw" else rank - 1
    if _axis(call, axis, rank) != place:
        raise call.error(f"it normalises along axis {axis}, which is not that of the channels")
    scale, shift = config.flag("scale", True), config.flag("center", True)
    arguments = (
        flag("affine", scale or shift, True),
        number("eps", config.number("epsilon", 1e-3), 1e-5),
        number("momentum", round(1 - config.number("momentum", 0.99), 10), 0.1),
    )
    if scale == shift:
        return [call.add(word("bn", *arguments))]
    kept, missing = ("bias", "scale") if shift else ("weight", "shift")
    call.stand_in(f"the notation has no bn without its {missing}")
    eps = config.number("epsilon", 1e-3)
    return [call.add_special(PartNorm(kept, eps), word("bn", *arguments))]


def _layer_norm(call: Call) -> list[int]:
    config = call.config
    scale, shift = config.flag("scale", True), config.flag("center", True)
    if shift and not scale:
        raise call.error("a layer normalisation with a shift but no scale is not known")
    count = last_axes(call)
    arguments = [str(count) if count > 1 else "", flag("affine", scale, True)]
    eps = config.number("epsilon", 1e-3)
    if config.flag("rms_scaling", False):
        return [call.add(word("rmsnorm", *arguments, number("eps", eps, 1e-6)))]
    arguments.append(flag("bias", shift, True) if scale else "")
    return [call.add(word("ln", *arguments, number("eps", eps, 1e-5)))]


def _rms_norm(call: Call) -> list[int]:
    count = last_axes(call)
    eps = number("eps", call.config.number("epsilon", 1e-6), 1e-6)
    return [call.add(word("rmsnorm", str(count) if count > 1 else "", eps))]


def _group_norm(call: Call) -> list[int]:
    config = call.config
    scale, shift = config.flag("scale", True), config.flag("center", True)
    if scale != shift:
        raise call.error("a group normalisation with only one of scale and shift is not known")
    groups = config.whole("groups", 32)
    eps = number("eps", config.number("epsilon", 1e-3), 1e-5)
    count: Size = call.channels if groups == -1 else groups
    return [call.add(word("gn", str(count), flag("affine", scale, True), eps))]


def _normalization(call: Call) -> list[int]:
    """Kept statistics: of each value along ``axis``, and how many were seen."""
    config, shape = call.config, call.shape
    if config.get("mean") is not None:
        call.stand_in("its constants are not shown")
        return [call.add("identity")]
    rank = len(shape.sizes)
    given = config.get("axis")
    places = [_axis(call, axis, rank) for axis in config.wholes("axis", -1)] if given != [] else []
    kept = tuple(shape.sizes[place] for place in sorted(places)) if given is not None else ()
    held: dict[str, tuple[Size, ...]] = {"mean": kept, "variance": kept, "count": ()}
    call.stand_in("the notation has no normalisation by kept statistics alone")
    return [call.add_special(Standardise(held=held), "identity")]


def _same(why: str = "") -> Handler:
    def handler(call: Call) -> list[int]:
        if why:
            call.stand_in(why)
        return [call.add("identity")]

    return handler


def _dropout(call: Call) -> list[int]:
    return [call.add(word("dropout", f"{call.config.number('rate', 0.5):.10g}"))]


def _activation(call: Call) -> list[int]:
    return [activation(call, call.input, suffix=False)]


def _relu(call: Call) -> list[int]:
    config = call.config
    slope = config.number("negative_slope", 0.0)
    top, threshold = config.get("max_value"), config.number("threshold", 0.0)
    if threshold == 0 and slope == 0 and top in (None, 6):
        return [call.add("relu" if top is None else "relu6")]
    if threshold == 0 and top is None:
        return [call.add(f"leaky_relu:{slope:.10g}")]
    call.stand_in("relu with its own threshold or maximum is shown as relu")
    return [call.add("relu")]


def _leaky(call: Call) -> list[int]:
    slope = call.config.number("negative_slope", call.config.number("alpha", 0.3))
    return [call.add(f"leaky_relu:{slope:.10g}")]


def _elu(call: Call) -> list[int]:
    return [call.add(word("elu", f"{call.config.number('alpha', 1.0):.10g}"))]


def _prelu(call: Call) -> list[int]:
    shape = call.shape
    rank = len(shape.sizes)
    shared = {_axis(call, axis, rank) for axis in call.config.items("shared_axes")}
    if not shared:
        return [call.add("prelu")]
    place = 0 if shape.layout == "chw" else rank - 1
    if shared == set(range(rank)):
        return [call.add("prelu:1")]
    if shared == set(range(rank)) - {place}:
        return [call.add(f"prelu:{shape.sizes[place]}")]
    raise call.error("its slopes are shared along some axes only, which is not known")


def _softmax(call: Call) -> list[int]:
    if last_axes(call) != 1:
        call.stand_in("softmax over several axes is shown as softmax")
    return [call.add("softmax")]


def _flatten(call: Call) -> list[int]:
    return [call.add("flatten")]


def _reshape(call: Call) -> list[int]:
    target = call.config.wholes("target_shape")
    return [call.add(f"reshape:{'x'.join(map(str, target))}")]


def _permute(call: Call) -> list[int]:
    dims = call.config.wholes("dims")
    if min(dims) < 1:
        raise call.config.wrong("dims", "whole numbers from 1", list(dims))
    return [call.add(f"permute:{'x'.join(str(axis - 1) for axis in dims)}")]


def _repeat(call: Call) -> list[int]:
    times = call.config.whole("n")
    if times < 1:
        raise call.config.wrong("n", "a whole number from 1", times)
    call.stand_in("the notation has no layer that repeats features as steps")
    return [call.add_special(Repeat(times=times), f"repeat:{times}")]


def _layer_scale(call: Call) -> list[int]:
    """One trained factor for each channel: a convolution of each channel with a kernel of 1."""
    rank, channels = len(call.shape.sizes) - 1, call.config.whole("projection_dim")
    return [call.add(f"conv{rank}d:{channels},k1,g{channels},bias=no")]


_STOCHASTIC = _same("what it drops while training is not shown")
LAYERS: dict[str, Handler] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "BatchNormalization": _batch_norm,
    "BatchNormalizationV1": _batch_norm,
    "SyncBatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "GroupNormalization": _group_norm,
    "UnitNormalization": _same("unit normalisation is shown as identity"),
    "Normalization": _normalization,
    "Rescaling": _same("its constants are not shown"),
    "Dropout": _dropout,
    "SpatialDropout1D": _dropout,
    "SpatialDropout2D": _dropout,
    "SpatialDropout3D": _dropout,
    "AlphaDropout": _STOCHASTIC,
    "GaussianDropout": _STOCHASTIC,
    "GaussianNoise": _STOCHASTIC,
    "StochasticDepth": _STOCHASTIC,
    "ActivityRegularization": _same(),
    "Masking": _same("the mask that it makes is not shown"),
    "Identity": _same(),
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "ELU": _elu,
    "PReLU": _prelu,
    "Softmax": _softmax,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "LayerScale": _layer_scale,
}
for _rank in ("1D", "2D", "3D"):
    LAYERS |= {
        f"Conv{_rank}": _conv,
        f"Conv{_rank}Transpose": _transposed,
        f"MaxPooling{_rank}": _pool("maxpool"),
        f"AveragePooling{_rank}": _pool("avgpool"),
        f"GlobalMaxPooling{_rank}": _global("max"),
        f"GlobalAveragePooling{_rank}": _global("avg"),
        f"ZeroPadding{_rank}": _pad,
        f"Cropping{_rank}": _crop,
        f"UpSampling{_rank}": _upsample,
    }
for _rank in ("1D", "2D"):
    LAYERS |= {f"DepthwiseConv{_rank}": _depthwise, f"SeparableConv{_rank}": _separable}
