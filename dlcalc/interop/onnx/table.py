"""The operators that are known, by their names."""

from __future__ import annotations

from collections.abc import Callable

from dlcalc.interop.onnx import elementwise as each
from dlcalc.interop.onnx import fold, matrix, norms, positions, rearrange, recurrent, windows
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import Undetermined

Rule = Callable[[Call], None]


def _hangs(why: str) -> Rule:
    """An operator whose output has sizes that the data decide."""

    def rule(call: Call) -> None:
        raise Undetermined(why)

    return rule


# Operators on each value that the notation has not, by how many tensors they read.
_EACH = {
    1: "Neg Abs Sqrt Exp Log Reciprocal Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh "
    "Floor Ceil Round Sign Not IsNaN IsInf Celu ThresholdedRelu Shrink",
    2: "Sub Div Pow Mod And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual BitShift",
    3: "Where",
}
#: The inputs that are kept and not trained, of those that have names for them.
BUFFERS = {"BatchNormalization": (3, 4)}
RULES: dict[str, Rule] = {
    "Constant": fold.constant,
    "ConstantOfShape": fold.filled,
    "Range": fold.counted,
    "Conv": windows.conv,
    "ConvTranspose": windows.transposed,
    "MaxPool": windows.maxpool,
    "AveragePool": windows.avgpool,
    "LpPool": windows.lppool,
    "GlobalAveragePool": windows.global_pool("globalavgpool"),
    "GlobalMaxPool": windows.global_pool("globalmaxpool"),
    "GlobalLpPool": windows.global_pool("globalavgpool", "its norm is shown as globalavgpool"),
    "Resize": windows.upsampled,
    "Upsample": windows.upsampled,
    "BatchNormalization": norms.batch_norm,
    "InstanceNormalization": norms.instance_norm,
    "GroupNormalization": norms.group_norm,
    "LayerNormalization": norms.layer_norm,
    "RMSNormalization": norms.layer_norm,
    "LRN": norms.local,
    "Gemm": matrix.gemm,
    "MatMul": matrix.matmul,
    "Einsum": matrix.einsum,
    "Attention": matrix.attention,
    "LSTM": recurrent.recurrent,
    "GRU": recurrent.recurrent,
    "RNN": recurrent.recurrent,
    "Reshape": rearrange.reshape,
    "Flatten": rearrange.flatten,
    "Squeeze": rearrange.squeeze,
    "Unsqueeze": rearrange.unsqueeze,
    "Transpose": rearrange.transpose,
    "Concat": rearrange.concat,
    "Split": positions.split,
    "Slice": positions.cut,
    "Gather": positions.gather,
    "GatherElements": positions.gather_elements,
    "ScatterND": positions.scattered,
    "ScatterElements": positions.scattered,
    "Expand": positions.expand,
    "Tile": positions.expand,
    "Pad": positions.pad,
    "DepthToSpace": rearrange.shuffled,
    "SpaceToDepth": rearrange.shuffled,
    "Shape": rearrange.shape_of,
    "Size": rearrange.shape_of,
    "Cast": rearrange.cast,
    "Identity": each.same,
    "Dropout": each.dropout,
    "LeakyRelu": each.leaky,
    "Elu": each.elu,
    "Selu": each.selu,
    "HardSigmoid": each.hard_sigmoid,
    "Swish": each.swish,
    "Gelu": each.gelu,
    "Clip": each.clip,
    "PRelu": each.prelu,
    "Softmax": each.softmax,
    "LogSoftmax": each.softmax,
    "Hardmax": each.softmax,
    "Add": each.merging("residual", 2),
    "Sum": each.merging("residual"),
    "Mul": each.merging("multiply", 2),
    "Max": each.elementwise,
    "Min": each.elementwise,
    "Mean": each.elementwise,
    "NonZero": _hangs("how many values are not 0 hangs on the data"),
    "Compress": _hangs("how many values it keeps hangs on the data"),
    "Unique": _hangs("how many values differ hangs on the data"),
    "NonMaxSuppression": _hangs("how many boxes it keeps hangs on the data"),
}
for _kind, _word in {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSwish": "hardswish",
    "Mish": "mish",
}.items():
    RULES[_kind] = each.curve(_word)
for _count, _kinds in _EACH.items():
    for _kind in _kinds.split():
        RULES[_kind] = each.of_so_many(_count)
for _kind in ["L1", "L2", "LogSum", "LogSumExp", "Max", "Min", "Prod", "Sum", "SumSquare"]:
    RULES[f"Reduce{_kind}"] = windows.reduced("globalmaxpool" if _kind == "Max" else "")
RULES["ReduceMean"] = windows.reduced("globalavgpool")
