"""Values that hang on no input: shapes on their way, worked out with letters in them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from dlcalc.errors import LayerError
from dlcalc.interop.onnx.content import stretched
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.model import INT64, WHOLE, Constant
from dlcalc.interop.onnx.value import MAX_CONTENT, Content, Sizes, Undetermined, Value, broadcast
from dlcalc.layers.size import Polynomial, product, quotient, total

_LARGEST = 2**63


class _Unknown(Exception):
    """A number that hangs on letters in a way that is not followed."""


def _divided(left: Any, right: Any) -> Any:
    """As C divides whole numbers, towards 0."""
    if isinstance(left, Polynomial) or isinstance(right, Polynomial):
        found = quotient(left, right)
        if found is not None:
            return found
        if isinstance(right, int) and right > 0:
            return left // right
        raise _Unknown
    if isinstance(left, int) and isinstance(right, int):
        found = abs(left) // abs(right)
        return found if (left < 0) == (right < 0) else -found
    return left / right


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers alone; equal letters are compared all the same."""

    def asked(*values: Any) -> Any:
        if any(isinstance(value, Polynomial) for value in values):
            raise _Unknown
        return function(*values)

    return asked


def _equal(left: Any, right: Any) -> int:
    if left != right and (isinstance(left, Polynomial) or isinstance(right, Polynomial)):
        # A size is never below 0; otherwise letters may be anything.
        if isinstance(right, int | float) and right < 0:
            return 0
        raise _Unknown
    return int(left == right)


def _greatest(*values: Any) -> Any:
    if len(set(values)) == 1:
        return values[0]
    return _plain(max)(*values)


_BINARY: dict[str, Callable[..., Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": _divided,
    "Mod": _plain(operator.mod),
    "Pow": _plain(lambda a, b: a**b if abs(a) < 1e6 and abs(b) < 64 else float("nan")),
    "Max": _greatest,
    "Min": lambda *v: v[0] if len(set(v)) == 1 else _plain(min)(*v),
    "Equal": _equal,
    "Greater": _plain(lambda a, b: int(a > b)),
    "GreaterOrEqual": _plain(lambda a, b: int(a >= b)),
    "Less": _plain(lambda a, b: int(a < b)),
    "LessOrEqual": _plain(lambda a, b: int(a <= b)),
    "And": _plain(lambda a, b: int(bool(a and b))),
    "Or": _plain(lambda a, b: int(bool(a or b))),
    "Where": lambda c, a, b: a if _plain(bool)(c) else b,
}
_UNARY: dict[str, Callable[..., Any]] = {
    "Neg": operator.neg,
    "Abs": _plain(abs),
    "Floor": lambda a: a if not isinstance(a, float) else float(math.floor(a)),
    "Ceil": lambda a: a if not isinstance(a, float) else float(math.ceil(a)),
    "Sqrt": _plain(lambda a: math.sqrt(a)),
    "Reciprocal": _plain(lambda a: 1 / a),
    "Not": _plain(lambda a: int(not a)),
    "Sign": _plain(lambda a: (a > 0) - (a < 0)),
}
_OVER: dict[str, Callable[..., Any]] = {
    "ReduceProd": product,
    "ReduceSum": total,
    "ReduceMax": lambda values: _greatest(*values),
    "ReduceMin": lambda values: _BINARY["Min"](*values),
}


def numbers(kind: str, values: list[Value]) -> Content | None:
    """What an operator on each value makes of constants, None where that is not known."""
    function = _BINARY.get(kind) or _UNARY.get(kind)
    if function is None or any(value.content is None for value in values):
        return None
    shape = broadcast([value.shape for value in values])
    contents = [content for v in values if (content := stretched(v, shape)) is not None]
    if len(contents) < len(values):
        return None
    try:
        found = tuple([function(*each) for each in zip(*contents, strict=True)])
    except (_Unknown, ArithmeticError, TypeError, ValueError):
        return None
    # No size is as large, and numbers that are squared again and again have no end.
    large = any(isinstance(number, int) and abs(number) > _LARGEST for number in found)
    return None if large else found


def reduced_numbers(kind: str, x: Value, shape: Sizes) -> Content | None:
    """All numbers of a list as one."""
    if kind not in _OVER or len(x.shape) > 1 or not x.content or product(shape) != 1:
        return None
    try:
        return (_OVER[kind](x.content),)
    except (_Unknown, TypeError):
        return None


def folded(call: Call) -> None:
    """An operator on each value, of constants alone."""
    values = call.all
    kind = call.op.kind
    shape = broadcast([value.shape for value in values])
    # Of what is compared nothing is left that was trained.
    origins = tuple(dict.fromkeys(o for value in values for o in value.origins))
    call.fold(Value(shape, content=numbers(kind, values), origins=origins, type=values[-1].type))


def constant(call: Call) -> None:
    """Constant: a tensor, a number, or several."""
    tensor = call.get("value")
    if isinstance(tensor, Constant):
        call.fold(call.walk.of_constant(tensor._replace(name=call.op.outputs[0])))
        return
    for key, kind in (("value_int", INT64), ("value_float", 1)):
        if call.get(key) is not None:
            call.fold(Value((), content=(call.get(key),), type=kind))
            return
    for key, kind in (("value_ints", INT64), ("value_floats", 1)):
        found = call.get(key)
        if isinstance(found, tuple):
            call.fold(Value((len(found),), content=found, type=kind))
            return
    raise call.error("its value is not of a kind that is known")


def filled(call: Call) -> None:
    """ConstantOfShape."""
    shape = call.sizes(0)
    if shape is None:
        raise call.error("its shape is left out")
    tensor = call.get("value")
    known = isinstance(tensor, Constant)
    number = (tensor.values or (None,))[0] if known else 0.0
    count = product(shape)
    content = None
    if number is not None and isinstance(count, int) and 0 <= count <= MAX_CONTENT:
        content = (number,) * count
    call.fold(Value(shape, content=content, type=tensor.type if known else 1))


def counted(call: Call) -> None:
    """Range, of whole numbers."""
    found = [call.need(position).content for position in range(3)]
    if any(content is None or len(content) != 1 for content in found):
        raise Undetermined("how far it counts hangs on the data")
    start, limit, step = (content[0] for content in found if content)
    size: Any
    if step == 1 and not isinstance(limit, float) and not isinstance(start, float):
        size = limit - start
        if isinstance(size, int):
            size = max(size, 0)
    elif any(isinstance(n, Polynomial) for n in (start, limit, step)) or step == 0:
        raise LayerError(f"how far it counts by {step} cannot be told")
    else:
        size = max(math.ceil((limit - start) / step), 0)  # type: ignore[operator]
    content = None
    if isinstance(size, int) and size <= MAX_CONTENT:
        content = tuple([start + i * step for i in range(size)])  # type: ignore[operator]
    kind = call.need().type
    call.fold(Value((size,), content=content, type=kind if kind in WHOLE else 1))
