"""Operators on each value, of one tensor or of several that stretch to one shape."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose

from dlcalc.interop.onnx.fold import folded
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.pattern import matched
from dlcalc.interop.onnx.value import Value, broadcast
from dlcalc.interop.words import word
from dlcalc.layers.size import product

Rule = Callable[[Call], None]


def curve(name: str, *, why: str = "") -> Rule:
    """A function of each value, by its word in the notation."""

    def rule(call: Call) -> None:
        _curve(call, name, why)

    return rule


def _curve(call: Call, name: str, why: str = "") -> None:
    if call.op.kind != "Clip":
        call.takes(1, 1)
    if not call.active:
        folded(call)
        return
    if matched(call):
        return
    if why:
        call.stand_in(why)
    call.along(name, call.need(), {})


def leaky(call: Call) -> None:
    """LeakyRelu."""
    _curve(call, f"leaky_relu:{call.number('alpha', 0.01):.7g}")


def elu(call: Call) -> None:
    """Elu."""
    alpha = call.number("alpha", 1.0)
    _curve(call, word("elu", f"{alpha:.7g}" if alpha != 1 else ""))


def selu(call: Call) -> None:
    """Selu, of which the two numbers are those of its paper."""
    numbers = call.number("alpha", 1.673263), call.number("gamma", 1.050701)
    usual = all(map(isclose, numbers, (1.673263, 1.050701)))
    _curve(call, "selu", "" if usual else "its own alpha and gamma are not shown")


def hard_sigmoid(call: Call) -> None:
    """HardSigmoid, which the notation has with a slope of 1/6."""
    slope, middle = call.number("alpha", 0.2), call.number("beta", 0.5)
    usual = abs(slope - 1 / 6) < 1e-5 and middle == 0.5
    _curve(call, "hardsigmoid", "" if usual else f"its slope {slope:.6g} is shown as 1/6")


def gelu(call: Call) -> None:
    """Gelu."""
    near = call.text("approximate", "none") != "none"
    _curve(call, "gelu", "its approximation by tanh is shown as gelu" if near else "")


def swish(call: Call) -> None:
    """Swish, of which the notation has x*sigmoid(x)."""
    factor = call.number("alpha", 1.0)
    _curve(call, "silu", "" if factor == 1 else f"its alpha of {factor:.6g} is not shown")


def clip(call: Call) -> None:
    """Clip: from 0 to 6 it is relu6, from -1 to 1 hardtanh."""
    call.takes(1, 3)
    low, high = call.scalar(1, "min", 11, None), call.scalar(2, "max", 11, None)
    names = {(0, 6): "relu6", (-1, 1): "hardtanh", (0, None): "relu"}
    name = names.get((low, high)) if _bounds_known(call) else None  # type: ignore[arg-type]
    if name is not None:
        _curve(call, name)
        return
    elementwise(call)


def _bounds_known(call: Call) -> bool:
    return all(v is None or v.content is not None for v in (call.value(1), call.value(2)))


def prelu(call: Call) -> None:
    """PRelu, with one slope, one a channel, or others."""
    x, slope = call.need(), call.weight(1)
    if slope is None or x.constant:
        raise call.error("its slopes are left out")
    shape = slope.shape
    while len(shape) > 1 and shape[0] == 1 and len(shape) >= len(x.shape):
        shape = shape[1:]
    channels = x.shape[1] if len(x.shape) > 1 else None
    sides = len(x.shape) - 2
    if slope.single:
        call.along("prelu:1", x, {"weight": slope._replace(shape=(1,))})
    elif channels and shape == (channels, *(1,) * sides) and x.batch in (0, None):
        call.spatial(f"prelu:{channels}", x, {"weight": slope._replace(shape=(channels,))})
    else:
        parts = {"activation": product(x.shape)}
        call.plain([x, slope], broadcast([x.shape, slope.shape]), x.batch, parts=parts)


def softmax(call: Call) -> None:
    """Softmax and its kin; before opset 13 over all axes from one on together."""
    x = call.need()
    rank = len(x.shape)
    together = call.walk.opset < 13
    axis = call.axis(call.whole("axis", 1 if together else -1), rank)
    axes = range(axis, rank) if together else [axis]
    axes = [a for a in axes if x.shape[a] != 1] or [axis]
    if x.constant:
        call.fold(x._replace(content=None))
        return
    if x.batch in axes:
        call.walk.mixes()
        x = x._replace(batch=None)
    name = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}.get(call.op.kind)
    place = axes[0]
    if x.batch is not None and place > x.batch:
        place -= call.walk.of_one(x.shape[x.batch]) == 1
    if name and len(axes) == 1 and place == 0:
        call.along(name, x, {})
        return
    shown = f"{call.op.kind.lower()} along axis {', '.join(map(str, axes))}"
    call.plain(
        [x],
        x.shape,
        x.batch,
        parts={"activation": product(x.shape)},
        why=f"{shown} is no layer of the notation",
    )


def merging(name: str, most: int = 10_000) -> Rule:
    """Add, Sum or Mul: a merge of the notation where both hang on the model's inputs."""

    def rule(call: Call) -> None:
        call.takes(2 if most == 2 else 1, most)
        values = call.all
        active = call.active
        if len(active) == len(values) > 1:
            if matched(call):
                return
            shape = broadcast([value.shape for value in values])
            call.merge(name, values, shape, call.shared_batch(active, shape))
            return
        if len(values) == 1:
            call.alias(values[0])
            return
        elementwise(call)

    return rule


def of_so_many(count: int) -> Rule:
    """An operator on each value that reads just so many tensors."""

    def rule(call: Call) -> None:
        call.takes(count, count)
        elementwise(call)

    return rule


def elementwise(call: Call) -> None:
    """An operator on each value that the notation has not, constants included."""
    active = call.active
    if not active:
        folded(call)
        return
    if matched(call) or _position(call):
        return
    values = call.all
    shape = broadcast([value.shape for value in values])
    batch = call.shared_batch(active, shape)
    kind = "gates" if call.op.kind == "Mul" and not _lone(values) else "activation"
    parts = {} if call.op.kind in _FREE else {kind: product(shape)}
    call.plain(values, shape, batch, parts=parts, elementwise=True)


# What moves or compares values, or adds them, is no product and no function of them.
_FREE = {"Add", "Sub", "Sum", "Mean", "Where", "Equal", "Greater", "GreaterOrEqual", "Less"}
_FREE |= {"LessOrEqual", "And", "Or", "Not", "Xor", "Max", "Min", "Neg", "IsNaN", "IsInf"}


def _lone(values: list[Value]) -> bool:
    return any(value.constant and value.single for value in values)


def _position(call: Call) -> bool:
    """Whether an addition is that of a trained row at each position of a sequence."""
    values = call.all
    if call.op.kind != "Add" or len(values) != 2 or len(call.active) != 1:
        return False
    (x,) = call.active
    (rows,) = [value for value in values if value.constant]
    inner = call.walk.display(x.shape, x.batch)
    shape = rows.shape[1:] if len(rows.shape) == 3 and rows.shape[0] == 1 else rows.shape
    if not rows.origins or call.walk.axis is None or len(inner) != 2 or shape != inner:
        return False
    if x.batch != 0 or not isinstance(inner[0], int):
        return False
    call.along(f"position:{inner[0]}", x, {"weight": rows._replace(shape=shape)})
    return True


def dropout(call: Call) -> None:
    """Dropout, of which the mask has the shape of the values."""
    x = call.need()
    ratio = call.scalar(1, "ratio", 12, 0.5)
    if x.constant:
        call.alias(x)
        return
    call.along(f"dropout:{0.5 if ratio is None else ratio:.7g}", x, {})
    if call.wanted(1):
        call.plain([x], x.shape, x.batch, output=1, elementwise=True)


def same(call: Call) -> None:
    """Identity."""
    call.alias(call.need())
