"""Operators that normalise."""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import Value
from dlcalc.interop.words import flag, number, word
from dlcalc.layers.size import product


def batch_norm(call: Call) -> None:
    """BatchNormalization: scale and shift are trained, mean and variance kept."""
    x = call.need()
    eps = number("eps", call.number("epsilon", 1e-5), 1e-5)
    momentum = number("momentum", round(1 - call.number("momentum", 0.9), 10), 0.1)
    call.spatial(
        word("bn", eps, momentum),
        x,
        {
            "weight": call.weight(1),
            "bias": call.weight(2),
            "running_mean": call.weight(3),
            "running_var": call.weight(4),
        },
    )
    for output in range(1, min(len(call.op.outputs), 5)):
        # In training it gives its statistics as well, which nobody goes on with.
        call.fold(Value((x.shape[1],)), output)


def instance_norm(call: Call) -> None:
    """InstanceNormalization."""
    eps = number("eps", call.number("epsilon", 1e-5), 1e-5)
    weight, bias = call.weight(1), call.weight(2)
    # PyTorch writes a group normalisation so, with ones and zeros for what it trains behind.
    unused = _all(weight, 1) and _all(bias, 0)
    weights = {} if unused else {"weight": weight, "bias": bias}
    affine = "affine=no" if unused else "affine=yes"
    call.spatial(word("instancenorm", affine, eps), call.need(), weights)


def _all(value: Value | None, number: float) -> bool:
    return (
        value is not None
        and not value.origins
        and value.content is not None
        and set(value.content) == {number}
    )


def group_norm(call: Call) -> None:
    """GroupNormalization; before opset 21 it has one scale and shift a group."""
    x, weight, bias = call.need(), call.weight(1), call.weight(2)
    groups = call.whole("num_groups", 0)
    eps = number("eps", call.number("epsilon", 1e-5), 1e-5)
    if len(x.shape) < 2 or groups < 1:
        raise LayerError(f"num_groups is {groups} for an input of {len(x.shape)} axes")
    if call.walk.opset < 21 and x.shape[1] != groups:
        for value in (weight, bias):
            if value is not None and value.shape != (groups,):
                raise call.error(f"its scale and shift must be {groups} numbers, one a group")
        held = [value for value in (weight, bias) if value is not None]
        call.plain([x, *held], x.shape, x.batch, parts={"normalisation": product(x.shape)})
        return
    call.spatial(word("gn", str(groups), eps), x, {"weight": weight, "bias": bias})


def layer_norm(call: Call) -> None:
    """LayerNormalization, and RMSNormalization without a shift."""
    x, weight, bias = call.need(), call.weight(1), call.weight(2)
    rank = len(x.shape)
    count = rank - call.axis(call.whole("axis", -1), rank)
    if x.batch is not None and x.batch >= rank - count:
        call.walk.mixes()
        x = x._replace(batch=None)
    rms = call.op.kind == "RMSNormalization"
    eps = call.number("epsilon", 1e-5)
    made = word(
        "rmsnorm" if rms else "ln",
        str(count) if count > 1 else "",
        "" if rms else flag("bias", bias is not None, True),
        number("eps", eps, 1e-6 if rms else 1e-5),
    )
    call.along(made, x, {"weight": weight, "bias": bias})
    if call.wanted(1) or call.wanted(2):
        raise call.error("its mean and deviation are read, which is not supported")


def local(call: Call) -> None:
    """LRN."""
    call.spatial(
        word(
            "lrn",
            str(call.whole("size", 5)),
            number("alpha", call.number("alpha", 1e-4), 1e-4),
            number("beta", call.number("beta", 0.75), 0.75),
            number("k", call.number("bias", 1.0), 1.0),
        ),
        call.need(),
        {},
    )
