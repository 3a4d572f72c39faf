"""The modules of torch.nn that work on spatial axes, as layers of the notation.

Arguments and their defaults: conv.py, pooling.py, padding.py and upsampling.py
under torch/nn/modules.
"""

from __future__ import annotations

from dlcalc.interop.torch.made import Handler, Made, Unknown
from dlcalc.interop.torch.module import Args
from dlcalc.interop.words import axes, ends, flag, short, word
from dlcalc.layers.shape import Shape


def _padded(args: Args, rank: int) -> str:
    found = args.get("padding", 0)
    if found in ("same", "valid"):
        return "" if found == "valid" else "p=same"
    return short("p", args.wholes("padding", rank, 0, 0), 0)


def _conv(args: Args, rank: int) -> Made:
    args.bind(
        "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"
    )
    kernel, dilation = args.wholes("kernel_size", rank), args.wholes("dilation", rank, 1)
    channels, groups = args.whole("in_channels"), args.whole("groups", 1)
    mode = args.get("padding_mode", "zeros")
    return Made(
        word(
            f"conv{rank}d",
            str(args.whole("out_channels")),
            f"k{axes(kernel)}",
            short("s", args.wholes("stride", rank, 1), 1),
            _padded(args, rank),
            short("d", dilation, 1),
            f"g{groups}" if groups != 1 else "",
            flag("bias", args.flag("bias", True), True),
        ),
        Shape((channels, *(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)))),
        "first",
        "" if mode == "zeros" else "its padding is shown as zeros",
    )


def _transposed(args: Args, rank: int) -> Made:
    args.bind(
        "in_channels out_channels kernel_size stride padding output_padding groups bias "
        "dilation padding_mode"
    )
    groups = args.whole("groups", 1)
    return Made(
        word(
            f"convtranspose{rank}d",
            str(args.whole("out_channels")),
            f"k{axes(args.wholes('kernel_size', rank))}",
            short("s", args.wholes("stride", rank, 1), 1),
            short("p", args.wholes("padding", rank, 0, 0), 0),
            short("op", args.wholes("output_padding", rank, 0, 0), 0),
            short("d", args.wholes("dilation", rank, 1), 1),
            f"g{groups}" if groups != 1 else "",
            flag("bias", args.flag("bias", True), True),
        ),
        Shape((args.whole("in_channels"), *(1,) * rank)),
        "first",
    )


def _stride(args: Args, rank: int, kernel: tuple[int, ...]) -> str:
    found = args.get("stride")
    stride = kernel if found in (None, ()) else args.wholes("stride", rank)
    return "" if stride == kernel else f"s{axes(stride)}"


def _ceil(args: Args) -> str:
    return flag("ceil", args.flag("ceil_mode", False), False)


def _maxpool(args: Args, rank: int) -> Made:
    args.bind("kernel_size stride padding dilation return_indices ceil_mode")
    if args.flag("return_indices", False):
        raise Unknown("it returns the indices as well")
    kernel = args.wholes("kernel_size", rank)
    padding = short("p", args.wholes("padding", rank, 0, 0), 0)
    dilation = short("d", args.wholes("dilation", rank, 1), 1)
    shown = (_stride(args, rank, kernel), padding, dilation, _ceil(args))
    return Made(word(f"maxpool{rank}d", f"k{axes(kernel)}", *shown))


def _avgpool(args: Args, rank: int) -> Made:
    args.bind("kernel_size stride padding ceil_mode count_include_pad divisor_override")
    kernel = args.wholes("kernel_size", rank)
    padding = short("p", args.wholes("padding", rank, 0, 0), 0)
    counted = flag("count_include_pad", args.flag("count_include_pad", True), True)
    shown = (_stride(args, rank, kernel), padding, _ceil(args), counted)
    standin = "its divisor is shown as the size of the window"
    made = word(f"avgpool{rank}d", f"k{axes(kernel)}", *shown)
    return Made(made, standin=standin if args.get("divisor_override") is not None else "")


def _lppool(args: Args, rank: int) -> Made:
    args.bind("norm_type kernel_size stride ceil_mode")
    kernel = args.wholes("kernel_size", rank)
    norm = f"norm={args.number('norm_type', 2):.10g}"
    made = (f"k{axes(kernel)}", _stride(args, rank, kernel), norm, _ceil(args))
    return Made(word(f"lppool{rank}d", *made))


def _adaptive(name: str) -> Handler:
    def handler(args: Args, rank: int) -> Made:
        args.bind("output_size return_indices")
        found = args.get("output_size")
        if args.flag("return_indices", False) or (isinstance(found, tuple) and None in found):
            raise Unknown("an output size of None and indices are not read")
        return Made(f"adaptive{name}pool{rank}d:{axes(args.wholes('output_size', rank))}")

    return handler


def _pad(args: Args, rank: int) -> Made:
    args.bind("padding value")
    found = args.get("padding")
    sizes = args.wholes("padding", 2 * rank, low=0)
    if isinstance(found, tuple) and len(found) != 2 * rank:
        raise args.wrong("padding", f"{2 * rank} whole numbers", found)
    # PyTorch names the ends of the last axis first.
    pairs = [(sizes[i], sizes[i + 1]) for i in range(2 * rank - 2, -1, -2)]
    return Made(f"pad{rank}d:{ends(pairs)}")


def _other_pad(args: Args, rank: int) -> Made:
    return _pad(args, rank)._replace(standin="what it adds is shown as zeros")


def _upsample(args: Args, rank: int) -> Made:
    args.bind("size scale_factor mode align_corners recompute_scale_factor")
    size, scale, mode = args.get("size"), args.get("scale_factor"), args.get("mode", "nearest")
    if size is not None or scale is None:
        raise Unknown("an upsampling to a size is not read")
    scales = scale if isinstance(scale, tuple) else (scale,)
    if not all(isinstance(n, int | float) and n == int(n) >= 1 for n in scales):
        raise Unknown("a scale that is not whole is not read")
    linear = flag("linear", mode != "nearest", False)
    plain = mode == "nearest" or (mode in ("linear", "bilinear") and not args.get("align_corners"))
    standin = "" if plain else "its interpolation is shown as linear without aligned corners"
    return Made(word("upsample", axes([int(n) for n in scales]), linear), standin=standin)


def _shuffle(name: str, key: str) -> Handler:
    return lambda args, rank: Made(f"{name}:{args.bind(key).whole(key)}")


WINDOWS: dict[str, tuple[Handler, int]] = {
    "PixelShuffle": (_shuffle("pixelshuffle", "upscale_factor"), 0),
    "PixelUnshuffle": (_shuffle("pixelunshuffle", "downscale_factor"), 0),
    "Upsample": (_upsample, 0),
}
for _rank in (1, 2, 3):
    WINDOWS |= {
        f"Conv{_rank}d": (_conv, _rank),
        f"ConvTranspose{_rank}d": (_transposed, _rank),
        f"MaxPool{_rank}d": (_maxpool, _rank),
        f"AvgPool{_rank}d": (_avgpool, _rank),
        f"LPPool{_rank}d": (_lppool, _rank),
        f"AdaptiveAvgPool{_rank}d": (_adaptive("avg"), _rank),
        f"AdaptiveMaxPool{_rank}d": (_adaptive("max"), _rank),
        f"ZeroPad{_rank}d": (_pad, _rank),
        f"ConstantPad{_rank}d": (_other_pad, _rank),
        f"ReflectionPad{_rank}d": (_other_pad, _rank),
        f"ReplicationPad{_rank}d": (_other_pad, _rank),
        f"CircularPad{_rank}d": (_other_pad, _rank),
    }
