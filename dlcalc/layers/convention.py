"""What frameworks do differently, as data.

A layer is handed a `Convention` and asks it for a rule, never for a
framework's name (which it only says in messages).
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Convention(NamedTuple):
    """The rules of one framework. Sources stand beside the instances below."""

    name: str

    #: Layers that it has not: they are answered by the usual rule, which is said.
    absent: frozenset[str]

    #: The words that ``padding`` takes on convolution, on pooling and on transposed convolution.
    conv_words: tuple[str, ...]
    pooling_words: tuple[str, ...]
    transposed_words: tuple[str, ...]
    #: ``padding=same`` with a stride: allowed, or refused.
    same_with_stride: bool
    #: Padding may differ at begin and end.
    uneven_padding: bool
    #: Numeric padding is a layer of its own, before.
    pads_by_layer: bool
    #: A stride and a dilation above 1 together: allowed, or refused.
    stride_with_dilation: bool

    #: Pooling pads by at most half its kernel, by less than its kernel, or freely.
    pooling_padding: Literal["half", "below", "free"]
    #: Its own pooling moves by 1 if no stride is given, not by the kernel as the notation does.
    pooling_stride_one: bool
    #: Pooling rounds up if nothing else is said; and whether it can be said.
    pooling_ceil: bool
    pooling_ceil_choice: bool
    #: ``padding=valid`` on pooling rounds down whatever else is said.
    pooling_valid_rounds_down: bool
    #: When rounding up, a last window that begins behind the input is dropped: always,
    #: only where there is padding, or never.
    pooling_drops: Literal["always", "padded", "never"]
    pooling_dilation: Literal["free", "unless strided", "none"]
    #: The spatial ranks that pooling has.
    pooling_ranks: tuple[int, ...]
    #: The divisor of average pooling counts padding in numbers, and that of padding=same;
    #: and whether it can be said.
    average_counts_padding: bool
    average_counts_same: bool
    average_counts_choice: bool
    #: Average pooling may be dilated.
    average_dilation: bool
    #: In 3-D the kernel of average pooling must fit into the input without its padding.
    average_3d_fits_unpadded: bool
    #: Global pooling keeps its axes at size 1, or drops them.
    global_pooling_keeps_axes: bool

    #: Transposed convolution without padding reaches at least n*stride; padding in
    #: numbers is refused, and ``output_padding`` must be less than the stride.
    transposed_fills_stride: bool
    #: ``output_padding`` exists.
    transposed_output_padding: bool
    #: The output size asked for may be any that the padding can make, one of the stride
    #: sizes that a convolution maps to the input, or cannot be given.
    transposed_output: Literal["free", "interval", "none"]

    #: Bias vectors of a recurrent gate, and of a gated recurrent unit.
    recurrent_biases: int
    #: What may squash the sums of its plain recurrent layer, of what the notation has.
    recurrent_curves: tuple[str, ...]
    gru_biases: int
    #: Its gated recurrent unit always resets after the product with the state.
    gru_resets_after: bool
    #: An LSTM may project its state.
    projection: bool
    #: An embedding adds a trained bias to each feature.
    embedding_bias: bool
    #: The plain recurrent layer has an output layer of its own behind the state.
    plain_recurrent_output: bool
    #: A dense layer flattens its input first, or acts on the last axis.
    dense_flattens: bool
    #: Slopes of prelu if nothing is said: one, one a channel, or one a value.
    prelu_slopes: Literal["one", "channel", "value"]
    #: What batch normalisation keeps beside its statistics.
    batch_norm_extra: dict[str, tuple[int, ...]]
    #: Instance normalisation without statistics of its own needs more than one position.
    instance_norm_needs_two: bool
    #: Dropout pinned to a rank refuses other ranks: never, too many axes in 1-D, or always.
    dropout_checks_rank: Literal["never", "1d", "always"]


_IN_NONE = {"local", "stochasticpool", "subsample", "rbf", "moe"}

#: torch/nn/modules/conv.py (same needs stride 1), ATen/native/Pool.h (padding, rounding);
#: torch/nn/functional.py (dropout1d); global pooling is AdaptiveAvgPool with output 1;
#: torch/nn/modules/rnn.py (two biases).
TORCH = Convention(
    name="torch",
    absent=frozenset(),
    conv_words=("same", "valid"),
    pooling_words=("valid",),
    transposed_words=("valid",),
    same_with_stride=False,
    uneven_padding=True,
    pads_by_layer=False,
    stride_with_dilation=True,
    pooling_padding="half",
    pooling_stride_one=False,
    pooling_ceil=False,
    pooling_ceil_choice=True,
    pooling_valid_rounds_down=False,
    pooling_drops="always",
    pooling_dilation="free",
    pooling_ranks=(1, 2, 3),
    average_counts_padding=True,
    average_counts_same=False,
    average_counts_choice=True,
    average_dilation=False,
    average_3d_fits_unpadded=True,
    global_pooling_keeps_axes=True,
    transposed_fills_stride=False,
    transposed_output_padding=True,
    transposed_output="interval",
    recurrent_biases=2,
    recurrent_curves=("tanh",),
    gru_biases=2,
    gru_resets_after=True,
    projection=True,
    embedding_bias=False,
    plain_recurrent_output=False,
    dense_flattens=False,
    prelu_slopes="one",
    batch_norm_extra={"num_batches_tracked": ()},
    instance_norm_needs_two=True,
    dropout_checks_rank="1d",
)

#: keras/src/backend/common/backend_utils.py (transposed convolution),
#: keras/src/layers/convolutional/base_conv.py (stride with dilation),
#: keras/src/ops/operation_utils.py (sizes), keras/src/layers/rnn/gru.py (reset_after).
KERAS = TORCH._replace(
    name="keras",
    absent=frozenset(_IN_NONE | {"lppool", "lrn", "pixelshuffle", "pixelunshuffle"}),
    conv_words=("same", "valid", "causal"),
    pooling_words=("same", "valid"),
    transposed_words=("same", "valid"),
    same_with_stride=True,
    pads_by_layer=True,
    stride_with_dilation=False,
    pooling_padding="free",
    pooling_ceil_choice=False,
    pooling_dilation="none",
    average_counts_choice=False,
    average_3d_fits_unpadded=False,
    global_pooling_keeps_axes=False,
    transposed_fills_stride=True,
    transposed_output="none",
    recurrent_biases=1,
    recurrent_curves=("tanh", "sigmoid"),
    gru_resets_after=False,
    projection=False,
    prelu_slopes="value",
    batch_norm_extra={},
    instance_norm_needs_two=False,
    dropout_checks_rank="always",
)

#: tensorflow/python/ops/nn_ops.py and tensorflow/core/framework/common_shape_fns.cc
#: (GetWindowedOutputSize): SAME and VALID, padding in numbers as padding=EXPLICIT; layers
#: that hold parameters are those of Keras.
TF = KERAS._replace(
    name="tf",
    absent=frozenset(_IN_NONE),
    conv_words=("same", "valid"),
    pads_by_layer=False,
    stride_with_dilation=True,
    pooling_dilation="unless strided",
    average_dilation=True,
)

#: The ONNX operators Conv, MaxPool, AveragePool, ConvTranspose, LSTM and GRU at opset 22
#: (github.com/onnx/onnx/blob/main/docs/Operators.md); padding below the kernel as
#: onnxruntime/core/providers/cpu/nn/pool_attributes.h asks for.
ONNX = TORCH._replace(
    name="onnx",
    recurrent_curves=("tanh", "sigmoid"),
    absent=frozenset(_IN_NONE | {"adaptiveavgpool", "adaptivemaxpool"}),
    conv_words=("same", "same_upper", "same_lower", "valid"),
    pooling_words=("same", "same_upper", "same_lower", "valid"),
    transposed_words=("same", "same_upper", "same_lower", "valid"),
    same_with_stride=True,
    pooling_padding="below",
    pooling_stride_one=True,
    pooling_valid_rounds_down=True,
    average_counts_padding=False,
    average_dilation=True,
    average_3d_fits_unpadded=False,
    transposed_output="free",
    gru_resets_after=False,
    projection=False,
    prelu_slopes="channel",
    batch_norm_extra={},
    instance_norm_needs_two=False,
    dropout_checks_rank="never",
)

#: Up to opset 21 rounding up kept a last window that begins behind the input.
ONNX21 = ONNX._replace(name="onnx21", pooling_drops="never")

#: github.com/BVLC/caffe: src/caffe/layers/pooling_layer.cpp (rounds up; clips only with
#: padding), conv_layer.cpp, deconv_layer.cpp, inner_product_layer.cpp (flattens),
#: prelu_layer.cpp, batch_norm_layer.cpp, lstm_layer.cpp (one bias).
CAFFE = TORCH._replace(
    name="caffe",
    absent=frozenset(
        _IN_NONE - {"stochasticpool"}
        | {"lppool", "adaptiveavgpool", "adaptivemaxpool", "pad", "permute", "upsample"}
        | {"gru", "attention", "encoder", "decoder", "ln", "gn", "rmsnorm", "instancenorm"}
        | {"position", "segment", "token", "first", "last", "pixelshuffle", "pixelunshuffle"}
        | {"relu6", "selu", "gelu", "silu", "mish", "log_sigmoid", "hardsigmoid", "hardswish"}
        | {"hardtanh", "softplus", "softsign", "log_softmax"}
    ),
    embedding_bias=True,
    plain_recurrent_output=True,
    conv_words=("valid",),
    pooling_words=("valid",),
    transposed_words=("valid",),
    uneven_padding=False,
    pooling_padding="below",
    pooling_stride_one=True,
    pooling_ceil=True,
    pooling_drops="padded",
    pooling_dilation="none",
    pooling_ranks=(2,),
    average_counts_choice=False,
    average_3d_fits_unpadded=False,
    transposed_output_padding=False,
    transposed_output="none",
    recurrent_biases=1,
    gru_biases=1,
    projection=False,
    dense_flattens=True,
    prelu_slopes="channel",
    batch_norm_extra={"scale_factor": (1,)},
    instance_norm_needs_two=False,
    dropout_checks_rank="never",
)

#: Every convention by its name; the first is the one that holds if none is asked for.
CONVENTIONS = {c.name: c for c in (TORCH, KERAS, TF, ONNX, ONNX21, CAFFE)}

#: Those that ``--compare`` shows side by side.
COMPARED = (TORCH, KERAS, TF, ONNX, CAFFE)
