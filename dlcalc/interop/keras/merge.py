"""The layers and operations of Keras that merge several tensors, or act on each value."""

from __future__ import annotations

from collections.abc import Callable

from dlcalc.interop.keras.call import Call

Handler = Callable[[Call], list[int]]


def _merged(word: str, why: str = "") -> Handler:
    def handler(call: Call) -> list[int]:
        inputs, constants = call.inputs, call.constants
        if len(inputs) == 1 and len(constants) == 1:
            # An operation such as x + 3, which Keras has in the same class as x + y.
            constant = constants[0]
            if not isinstance(constant, int | float):
                raise call.error("it merges a tensor with a constant that is no number")
            call.stand_in(f"its constant {constant:.6g} is not shown")
            return [call.add("identity")]
        if why:
            call.stand_in(why)
        return [call.builder.merge(call.name, call.kind, word, inputs)]

    return handler


def _concatenate(call: Call) -> list[int]:
    inputs = call.inputs
    if not inputs:
        raise call.error("it merges nothing")
    shape = call.builder.shape(inputs[0])
    rank = len(shape.sizes)
    axis = call.config.whole("axis", -1)
    place = axis + rank if axis < 0 else axis - 1
    if not 0 <= place < rank:
        raise call.error(f"axis {axis} is not one of {shape}, the batch being axis 0")
    usual = place == (0 if shape.layout == "chw" else rank - 1)
    word = "concat" if usual else f"concat:axis={place}"
    return [call.builder.merge(call.name, call.kind, word, inputs)]


def _scaled_sum(call: Call) -> list[int]:
    """InceptionResNet's own layer: the first tensor, and the second times a constant."""
    scale = call.config.number("scale", 1.0)
    call.stand_in(f"the factor {scale:.6g} of its second input is not shown")
    return [call.builder.merge(call.name, call.kind, "residual", call.inputs)]


def _each_value(word: str, why: str = "") -> Handler:
    def handler(call: Call) -> list[int]:
        if why:
            call.stand_in(why)
        return [call.add(word)]

    return handler


_AS_SUM = "{} is shown as a sum"
MERGING: dict[str, Handler] = {
    "Add": _merged("residual"),
    "Multiply": _merged("multiply"),
    "Subtract": _merged("residual", _AS_SUM.format("a difference")),
    "Average": _merged("residual", _AS_SUM.format("a mean")),
    "Maximum": _merged("residual", _AS_SUM.format("a maximum")),
    "Minimum": _merged("residual", _AS_SUM.format("a minimum")),
    "TrueDivide": _merged("multiply", "a quotient is shown as a product"),
    "Divide": _merged("multiply", "a quotient is shown as a product"),
    "Concatenate": _concatenate,
    "CustomScaleLayer": _scaled_sum,
    "Relu": _each_value("relu"),
    "Relu6": _each_value("relu6"),
    "Sigmoid": _each_value("sigmoid"),
    "Tanh": _each_value("tanh"),
    "Gelu": _each_value("gelu"),
    "Silu": _each_value("silu"),
    "Softplus": _each_value("softplus"),
    "HardSigmoid": _each_value("hardsigmoid"),
    "HardSilu": _each_value("hardswish"),
    "Exp": _each_value("identity", "exp is shown as identity"),
    "Log": _each_value("identity", "log is shown as identity"),
    "Sqrt": _each_value("identity", "sqrt is shown as identity"),
    "Square": _each_value("identity", "square is shown as identity"),
    "Negative": _each_value("identity", "the sign is not shown"),
}
