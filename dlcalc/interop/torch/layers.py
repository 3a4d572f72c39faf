"""The modules of torch.nn as layers of the notation.

Arguments and their defaults: the classes of the same names under torch/nn/modules.
"""

from __future__ import annotations

from dlcalc.interop.graph import special
from dlcalc.interop.special import PartNorm
from dlcalc.interop.torch.made import Handler, Made, Unknown
from dlcalc.interop.torch.module import Args
from dlcalc.interop.torch.windows import WINDOWS
from dlcalc.interop.words import flag, number, word
from dlcalc.layers.base import Tensors
from dlcalc.layers.shape import Shape


def _linear(args: Args, rank: int) -> Made:
    args.bind("in_features out_features bias")
    bias = flag("bias", args.flag("bias", True), True)
    made = word("dense", str(args.whole("out_features")), bias)
    return Made(made, Shape((args.whole("in_features"),)), "last")


def _momentum(args: Args) -> str:
    # None is the mean over all batches, which changes no shape and no tensor.
    if args.get("momentum", 0.1) is None:
        return ""
    return number("momentum", args.number("momentum", 0.1), 0.1)


def _tracked(name: str, usual: bool) -> Handler:
    def handler(args: Args, rank: int) -> Made:
        args.bind("num_features eps momentum affine track_running_stats bias")
        affine = args.flag("affine", usual)
        shown = word(
            # BatchNorm1d takes features alone as well; SyncBatchNorm any axes.
            f"{name}{rank}d" if rank > 1 else name,
            flag("affine", affine, usual),
            flag("track", args.flag("track_running_stats", usual), usual),
            number("eps", args.number("eps", 1e-5), 1e-5),
            _momentum(args),
        )
        needs = Shape((args.whole("num_features"), *(2,) * rank))
        if affine and not args.flag("bias", True):
            if name != "bn" or "track" in shown:
                raise args.wrong("bias", "True in this class", False)
            node = special(PartNorm("weight", args.number("eps", 1e-5)), shown)
            return Made(node, needs, "first", "the notation has no bn without its shift")
        return Made(shown, needs, "first")

    return handler


def _group_norm(args: Args, rank: int) -> Made:
    args.bind("num_groups num_channels eps affine bias")
    if not args.flag("bias", True):
        raise args.wrong("bias", "True in this class", False)
    made = word(
        "gn",
        str(args.whole("num_groups")),
        flag("affine", args.flag("affine", True), True),
        number("eps", args.number("eps", 1e-5), 1e-5),
    )
    return Made(made, Shape((args.whole("num_channels"), 2, 2)), "first")


def _normalised(args: Args) -> tuple[int, ...]:
    found = args.get("normalized_shape")
    return args.wholes("normalized_shape", len(found) if isinstance(found, tuple) else 1)


def _layer_norm(args: Args, rank: int) -> Made:
    args.bind("normalized_shape eps elementwise_affine bias")
    sizes, affine = _normalised(args), args.flag("elementwise_affine", True)
    made = word(
        "ln",
        str(len(sizes)) if len(sizes) > 1 else "",
        flag("affine", affine, True),
        flag("bias", args.flag("bias", True), True) if affine else "",
        number("eps", args.number("eps", 1e-5), 1e-5),
    )
    return Made(made, Shape(sizes), "last")


def _rms_norm(args: Args, rank: int) -> Made:
    args.bind("normalized_shape eps elementwise_affine")
    sizes, affine = _normalised(args), args.flag("elementwise_affine", True)
    eps = args.get("eps")
    made = word(
        "rmsnorm",
        str(len(sizes)) if len(sizes) > 1 else "",
        flag("affine", affine, True),
        "" if eps is None else number("eps", args.number("eps", 1e-6), 1e-6),
    )
    return Made(made, Shape(sizes), "last")


def _response(args: Args, rank: int) -> Made:
    args.bind("size alpha beta k")
    values = [("alpha", 1e-4), ("beta", 0.75), ("k", 1.0)]
    shown = [f"{key}={args.number(key, usual):.10g}" for key, usual in values]
    return Made(word("lrn", str(args.whole("size")), *shown))


def _flatten(args: Args, rank: int) -> Made:
    args.bind("start_dim end_dim")
    if (args.get("start_dim", 1), args.get("end_dim", -1)) != (1, -1):
        raise Unknown("it flattens some axes only")
    return Made("flatten")


def _embedding(args: Args, rank: int) -> Made:
    args.bind(
        "num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse"
    )
    sizes = args.whole("num_embeddings"), args.whole("embedding_dim")
    return Made(f"embedding:{sizes[0]},{sizes[1]}", Shape((1,)))


def _recurrent(name: str) -> Handler:
    curve = "nonlinearity " if name == "rnn" else ""
    more = " proj_size" if name == "lstm" else ""

    def handler(args: Args, rank: int) -> Made:
        args.bind(
            f"input_size hidden_size num_layers {curve}bias batch_first dropout bidirectional{more}"
        )
        layers, projected = args.whole("num_layers", 1), args.whole("proj_size", 0, 0)
        made = word(
            name,
            str(args.whole("hidden_size")),
            f"layers={layers}" if layers != 1 else "",
            flag("bidirectional", args.flag("bidirectional", False), False),
            flag("bias", args.flag("bias", True), True),
            f"proj={projected}" if projected else "",
        )
        return Made(
            made,
            Shape((1, args.whole("input_size"))),
            "features",
            "" if args.get("nonlinearity", "tanh") == "tanh" else "its function is shown as tanh",
            "it returns its state beside its output",
        )

    return handler


def _cell(gates: int) -> Handler:
    def handler(args: Args, rank: int) -> Made:
        args.bind("input_size hidden_size bias nonlinearity")
        inputs, hidden = args.whole("input_size"), args.whole("hidden_size")
        rows = gates * hidden
        tensors: Tensors = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden)}
        if args.flag("bias", True):
            tensors |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        raise Unknown("it takes a state", tensors)

    return handler


def _bilinear(args: Args, rank: int) -> Made:
    args.bind("in1_features in2_features out_features bias")
    out = args.whole("out_features")
    inputs = args.whole("in1_features"), args.whole("in2_features")
    tensors: Tensors = {"weight": (out, *inputs)}
    if args.flag("bias", True):
        tensors |= {"bias": (out,)}
    raise Unknown("it takes two inputs", tensors)


def _bag(args: Args, rank: int) -> Made:
    args.bind(
        "num_embeddings embedding_dim max_norm norm_type scale_grad_by_freq mode sparse "
        "_weight include_last_offset padding_idx"
    )
    sizes = args.whole("num_embeddings"), args.whole("embedding_dim")
    raise Unknown("it takes bags of words", {"weight": sizes})


def _alpha(name: str, key: str, usual: float) -> Handler:
    def handler(args: Args, rank: int) -> Made:
        args.bind(f"{key} inplace")
        return Made(word(name, f"{args.number(key, usual):.10g}"))

    return handler


def _prelu(args: Args, rank: int) -> Made:
    args.bind("num_parameters init")
    count = args.whole("num_parameters", 1)
    needs = Shape((count, 1, 1))
    return Made(f"prelu:{count}", needs, "first" if count > 1 else "")


def _softmax(name: str) -> Handler:
    def handler(args: Args, rank: int) -> Made:
        dim = args.bind("dim").get("dim")
        standin = "" if dim in (-1, 1) else "it is shown along the channels or features"
        return Made(name, standin=standin)

    return handler


def _plain(name: str, names: str = "inplace", standin: str = "") -> Handler:
    def handler(args: Args, rank: int) -> Made:
        args.bind(names)
        return Made(name, standin=standin)

    return handler


def _gelu(args: Args, rank: int) -> Made:
    found = args.bind("approximate").get("approximate", "none")
    return Made("gelu", standin="" if found == "none" else "its approximation is shown as gelu")


def _hardtanh(args: Args, rank: int) -> Made:
    args.bind("min_val max_val inplace")
    ends = args.number("min_val", -1.0), args.number("max_val", 1.0)
    return Made("hardtanh", standin="" if ends == (-1, 1) else "its ends are shown as -1 and 1")


def _layer_norm_2d(args: Args, rank: int) -> Made:
    """A LayerNorm of torchvision and timm along the channels of images."""
    layer = _layer_norm(args, rank)
    assert layer.needs is not None
    sizes = layer.needs.sizes
    kept = ("weight", "bias") if args.flag("bias", True) else ("weight",)
    tensors: Tensors = dict.fromkeys(kept, sizes)
    affine = args.flag("elementwise_affine", True)
    raise Unknown("it normalises along the channels", tensors if affine else {})


def _scale(args: Args, rank: int) -> Made:
    """The root-mean-square norms of transformers, which print the shape of their weight."""
    args.bind("weight eps")
    sizes = args.get("weight")
    found = args.wholes("weight", len(sizes) if isinstance(sizes, tuple) else 1)
    raise Unknown("its arguments do not say along which axes", {"weight": found})


def _turned(args: Args, rank: int) -> Made:
    """Conv1D of transformers: a Linear whose weight stands the other way."""
    args.bind("nf nx")
    out, inputs = args.whole("nf"), args.whole("nx")
    raise Unknown("it is a class of transformers", {"weight": (inputs, out), "bias": (out,)})


def _identity(args: Args, rank: int) -> Made:
    return Made("identity")


_DROPOUT = _alpha("dropout", "p", 0.5)
_VALUES = "is shown as identity"
LAYERS: dict[str, tuple[Handler, int]] = {
    **WINDOWS,
    "Linear": (_linear, 0),
    "NonDynamicallyQuantizableLinear": (_linear, 0),
    "Bilinear": (_bilinear, 0),
    "SyncBatchNorm": (_tracked("bn", True), 0),
    "GroupNorm": (_group_norm, 0),
    "LayerNorm": (_layer_norm, 0),
    "RMSNorm": (_rms_norm, 0),
    "LocalResponseNorm": (_response, 0),
    "Flatten": (_flatten, 0),
    "Embedding": (_embedding, 0),
    "EmbeddingBag": (_bag, 0),
    "RNN": (_recurrent("rnn"), 0),
    "LSTM": (_recurrent("lstm"), 0),
    "GRU": (_recurrent("gru"), 0),
    "RNNCell": (_cell(1), 0),
    "LSTMCell": (_cell(4), 0),
    "GRUCell": (_cell(3), 0),
    "Dropout": (_DROPOUT, 0),
    "AlphaDropout": (_DROPOUT, 0),
    "FeatureAlphaDropout": (_DROPOUT, 0),
    "Identity": (_identity, 0),
    "ReLU": (_plain("relu"), 0),
    "ReLU6": (_plain("relu6"), 0),
    "LeakyReLU": (_alpha("leaky_relu", "negative_slope", 0.01), 0),
    "PReLU": (_prelu, 0),
    "ELU": (_alpha("elu", "alpha", 1.0), 0),
    "SELU": (_plain("selu"), 0),
    "GELU": (_gelu, 0),
    "SiLU": (_plain("silu"), 0),
    "Mish": (_plain("mish"), 0),
    "Sigmoid": (_plain("sigmoid"), 0),
    "LogSigmoid": (_plain("log_sigmoid"), 0),
    "Hardsigmoid": (_plain("hardsigmoid"), 0),
    "Hardswish": (_plain("hardswish"), 0),
    "Tanh": (_plain("tanh"), 0),
    "Hardtanh": (_hardtanh, 0),
    "Softsign": (_plain("softsign"), 0),
    "Softplus": (_plain("softplus", "beta threshold"), 0),
    "Softmax": (_softmax("softmax"), 0),
    "LogSoftmax": (_softmax("log_softmax"), 0),
    "CELU": (_plain("identity", "alpha inplace", f"CELU {_VALUES}"), 0),
    "Tanhshrink": (_plain("identity", "", f"Tanhshrink {_VALUES}"), 0),
    "Softshrink": (_plain("identity", "lambd", f"Softshrink {_VALUES}"), 0),
    "Hardshrink": (_plain("identity", "lambd", f"Hardshrink {_VALUES}"), 0),
}
_SCALES = ("Llama", "Mistral", "Mixtral", "Qwen2", "Qwen3", "Phi3", "Gemma", "Gemma2")
LAYERS |= {f"{name}RMSNorm": (_scale, 0) for name in _SCALES}
LAYERS |= {"LayerNorm2d": (_layer_norm_2d, 0), "Conv1D": (_turned, 0)}
for _rank in (1, 2, 3):
    LAYERS |= {
        f"BatchNorm{_rank}d": (_tracked("bn", True), _rank),
        f"InstanceNorm{_rank}d": (_tracked("instancenorm", False), _rank),
        f"Dropout{_rank}d": (_DROPOUT, 0),
    }
#: Modules of which the text tells the class and no more; they hold no tensors.
EMPTY = frozenset(
    {
        "ChannelShuffle",
        "CosineSimilarity",
        "Fold",
        "GLU",
        "MaxUnpool1d",
        "MaxUnpool2d",
        "MaxUnpool3d",
        "PairwiseDistance",
        "RReLU",
        "Softmax2d",
        "Softmin",
        "Threshold",
        "Unflatten",
        "Unfold",
        "UpsamplingBilinear2d",
        "UpsamplingNearest2d",
    }
)


def made(kind: str, args: Args) -> Made:
    """The layer that a module is. Raises `InputError` for its arguments, or `Unknown`."""
    handler, rank = LAYERS[kind]
    return handler(args, rank)
