"""LSTM, GRU and RNN, of one layer, in one direction or both."""

from __future__ import annotations

from dlcalc.errors import LayerError, abridged
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import Sizes, Value, with_inferred
from dlcalc.interop.words import flag, word
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size
from dlcalc.nets.word import read_word

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_CURVES = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}


def recurrent(call: Call) -> None:
    """A recurrent layer; what its first output is turned to right behind it is its own form."""
    x, w, r, bias = call.need(), call.weight(1), call.weight(2), call.weight(3)
    kind, ways = call.op.kind, _ways(call)
    if w is None or r is None or len(x.shape) != 3 or len(r.shape) != 3:
        raise LayerError("it needs an input, a weight and a recurrent weight of 3 axes each")
    hidden = r.shape[2]
    if call.get("hidden_size") not in (None, hidden):
        raise call.error(f"hidden_size is not that of its weight, {hidden}")
    if call.get("layout") is not None and call.walk.opset < 14:
        raise call.error("layout exists from opset 14 on")
    rows = _GATES[kind] * hidden
    _check(call, {"W": (w, (ways, rows, x.shape[2])), "R": (r, (ways, rows, hidden))})
    if bias is not None:
        _check(call, {"B": (bias, (ways, 2 * rows))})
    text = _word(call, hidden, ways, bias is not None)
    _beside(call)
    first = call.flag("layout")
    time, size = (x.shape[1], x.shape[0]) if first else (x.shape[0], x.shape[1])
    at = 0 if first else 1
    if x.batch != at:
        call.walk.mixes()
    weights = {"W": w, "R": r, "B": bias, "P": call.weight(7)}
    _place(call, x, text, weights, (time, size, hidden, ways), first)


def _check(call: Call, wanted: dict[str, tuple[Value, Sizes]]) -> None:
    for name, (value, sizes) in wanted.items():
        if value.shape != sizes:
            shown = [Shape(s) for s in (value.shape, sizes)]
            raise call.error(f"its {name} is {shown[0]}, but it needs {shown[1]}")


def _ways(call: Call) -> int:
    direction = call.text("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise call.error(f"direction is {direction[:20]}, which is not known")
    if direction == "reverse":
        call.stand_in("it reads from the end, which is not shown")
    return 2 if direction == "bidirectional" else 1


def _word(call: Call, hidden: Size, ways: int, biased: bool) -> str:
    kind = call.op.kind
    given = call.get("activations")
    curves = tuple(str(name).lower() for name in given) if isinstance(given, tuple) else ()
    act = ""
    if kind == "RNN" and set(curves) == {"sigmoid"}:
        act = "act=sigmoid"
    elif curves and curves != _CURVES[kind] * ways:
        call.stand_in("its functions are shown as the usual ones")
    if call.get("clip") is not None or call.flag("input_forget"):
        call.stand_in("its clip or coupled gates are not shown")
    after = flag("reset_after", call.flag("linear_before_reset"), False) if kind == "GRU" else ""
    both = flag("bidirectional", ways == 2, False)
    return word(kind.lower(), str(hidden), both, flag("bias", biased, True), act, after)


def _beside(call: Call) -> None:
    """Lengths and states that it is given, where they are worked out."""
    for position, what in ((4, "the lengths of sequences"), (5, "the states"), (6, "the states")):
        value = call.value(position)
        if value is not None and not value.constant:
            call.walk.builder.also(call.op.name, f"{what} that it starts with"[:60])


def _place(
    call: Call,
    x: Value,
    text: str,
    weights: dict[str, Value | None],
    sizes: tuple[Size, Size, Size, int],
    first: bool,
) -> None:
    time, size, hidden, ways = sizes
    walk, op = call.walk, call.op
    every: Sizes = (size, time, ways, hidden) if first else (time, ways, size, hidden)
    last: Sizes = (size, ways, hidden) if first else (ways, size, hidden)
    at, at_last = (0, 0) if first else (2, 1)
    batched = walk.axis is not None and x.batch is not None
    joined = None if first else _joined(call, every)
    unread = not call.wanted(0)
    layer = read_word(text)
    inner = Shape((time, x.shape[2]))
    output = layer.output_shape(inner, walk.convention)
    own = batched and walk.of_one(size) == 1 and weights["P"] is None
    if own and (joined or unread) and call.owned(weights):
        assert x.vertex is not None
        vertex = walk.builder.add(walk.name(op), op.kind, text, x.vertex)
        walk.give(op, Value(every, vertex, at))
        for number in joined or ():
            ends = number == (joined or [0])[-1]
            shape = (time, size, ways * hidden) if ends else (time, size, ways, hidden)
            walk.give(walk.model.ops[number], Value(shape, vertex, 1))
            walk.done.add(number)
    else:
        parts = {part: size * n for part, n in layer.parts(inner, output).items()}
        origins = [o for value in weights.values() if value is not None for o in value.origins]
        call.plain(
            [x],
            every,
            at if batched else None,
            tensors={abridged(key, 80): n for key, n in walk.own(op, origins).items()},
            macs=size * layer.macs(inner, output),
            parts=parts,
            text=text,
            why="its output has an axis for the directions",
        )
        vertex = len(walk.builder.vertices) - 1
    for number in (1, 2):
        made = Value(every, vertex, at if batched else None)
        if not call.wanted(number):
            walk.give(op, made._replace(shape=last, batch=at_last if batched else None), number)
        else:
            why = "the states at its end are shown as a layer"
            batch = at_last if batched else None
            call.plain([made], last, batch, output=number, text="state", why=why)


def _joined(call: Call, every: Sizes) -> list[int] | None:
    """The nodes that alone read the first output and put its directions side by side."""
    walk = call.walk
    time, ways, size, hidden = every
    following = _reader(call, call.op.outputs[0])
    if following is None:
        return None
    op = walk.model.ops[following]
    if op.kind == "Squeeze" and ways == 1:
        axes = walk.values.get(op.inputs[1]) if len(op.inputs) > 1 else None
        named = op.attributes.get("axes") if axes is None else axes.content
        return [following] if named in ((1,), (-3,)) else None
    if op.kind != "Transpose" or op.attributes.get("perm") != (0, 2, 1, 3):
        return None
    behind = _reader(call, op.outputs[0])
    if behind is None or walk.model.ops[behind].kind != "Reshape":
        return None
    shape = walk.values.get(walk.model.ops[behind].inputs[1])
    if shape is None or shape.whole is None:
        return None
    wanted = with_inferred((time, size, ways, hidden), shape.whole, True)
    return [following, behind] if wanted == (time, size, ways * hidden) else None


def _reader(call: Call, name: str) -> int | None:
    """The only node that reads a value."""
    readers = call.walk.readers.get(name or " ", [])
    return readers[0] if len(readers) == 1 and readers[0] >= 0 else None
