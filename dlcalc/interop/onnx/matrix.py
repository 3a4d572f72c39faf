"""Operators that multiply matrices: dense layers, and products of what is worked out."""

from __future__ import annotations

from dlcalc.errors import LayerError, abridged
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.value import Sizes, Value, broadcast
from dlcalc.interop.words import flag, word
from dlcalc.layers.size import Size, product

_NO_PRODUCT = "the notation has no product of two tensors by itself"
_MAX_EQUATION = 200


def gemm(call: Call) -> None:
    """Gemm: alpha*A*B + beta*C, of which B and C are the weights of a dense layer."""
    x, weight, bias = call.need(), call.need(1), call.value(2)
    if len(x.shape) != 2 or len(weight.shape) != 2:
        raise LayerError(f"it multiplies {len(x.shape)} by {len(weight.shape)} axes, not 2 by 2")
    turned = call.flag("transA")
    b = weight if call.flag("transB") else _turned(weight)
    a = _turned(x) if turned else x
    if a.shape[1] != b.shape[1]:
        raise LayerError(f"{a.shape[1]} inputs meet a weight of {b.shape[1]}")
    shape = (a.shape[0], b.shape[0])
    plain = bias is None or (bias.constant and bias.shape in ((b.shape[0],), (1, b.shape[0])))
    if not x.constant and weight.constant and not turned and plain:
        for key in ("alpha", "beta"):
            if call.number(key, 1.0) != 1 and (key == "alpha" or bias is not None):
                call.stand_in(f"its {key} of {call.number(key, 1.0):.6g} is not shown")
        made = word("dense", str(b.shape[0]), flag("bias", bias is not None, True))
        row = None if bias is None else bias._replace(shape=(b.shape[0],))
        call.along(made, x, {"weight": b, "bias": row}, last=b.shape[0])
        return
    _multiplied(call, a, _turned(b), shape, [] if bias is None else [bias])


def matmul(call: Call) -> None:
    """MatMul; with a constant on its right it is a dense layer, with the sum behind it."""
    a, b = call.need(), call.need(1)
    if a.constant and b.constant:
        origins = tuple(dict.fromkeys(a.origins + b.origins))
        call.fold(Value(_product_shape(a.shape, b.shape), origins=origins, type=a.type))
        return
    shape = _product_shape(a.shape, b.shape)
    if not a.constant and b.constant and len(b.shape) == 2 and len(a.shape) > 1:
        _dense(call, a, _turned(b))
        return
    _multiplied(call, a, b, shape, [])


def _dense(call: Call, x: Value, weight: Value) -> None:
    out = weight.shape[0]
    found = _bias(call, out)
    made = word("dense", str(out), flag("bias", found is not None, True))
    row = None if found is None else found[1]
    call.along(made, x, {"weight": weight, "bias": row}, last=out)
    if found is not None:
        # The sum is in the layer already.
        walk = call.walk
        value = walk.values[call.op.outputs[0]]
        walk.give(walk.model.ops[found[0]], value)
        walk.done.add(found[0])


def _bias(call: Call, out: Size) -> tuple[int, Value] | None:
    """The sum that alone reads the product and adds a number to each feature, and that row."""
    walk, name = call.walk, call.op.outputs[0]
    readers = walk.readers.get(name, [])
    if len(readers) != 1 or readers[0] < 0:
        return None
    op = walk.model.ops[readers[0]]
    if op.kind != "Add" or len(op.inputs) != 2:
        return None
    row = walk.values.get(op.inputs[1 - op.inputs.index(name)])
    if row is None or not row.constant or row.shape != (out,) or not row.origins:
        return None
    return readers[0], row


def _turned(value: Value) -> Value:
    batch = None if value.batch is None else 1 - value.batch
    return value._replace(shape=value.shape[::-1], batch=batch, content=None)


def _product_shape(a: Sizes, b: Sizes) -> Sizes:
    if not a or not b:
        raise LayerError("it multiplies a single number")
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (*b, 1)
    if left[-1] != right[-2]:
        raise LayerError(f"{left[-1]} columns meet {right[-2]} rows")
    outer = broadcast([left[:-2] or (1,), right[:-2] or (1,)])
    outer = outer if len(left) > 2 or len(right) > 2 else ()
    rows = left[-2:-1] if len(a) > 1 else ()
    columns = right[-1:] if len(b) > 1 else ()
    return (*outer, *rows, *columns)


def _multiplied(call: Call, a: Value, b: Value, shape: Sizes, added: list[Value]) -> None:
    """A product that is no dense layer: with constants it is counted as one all the same."""
    inner = a.shape[-1]
    both = not a.constant and not b.constant
    batch = _batch(call, a, b, shape)
    count = product(shape) * inner
    call.plain(
        [a, b, *added],
        shape,
        batch,
        macs=0 if both else count,
        parts={"attention": count} if both else {},
        why=_NO_PRODUCT if both else "the notation has no product with such a weight",
    )


def _batch(call: Call, a: Value, b: Value, shape: Sizes) -> int | None:
    """The axis of the batch in a product. Raises `Unbatched` where examples are added up."""
    found: set[int | None] = set()
    for value, summed in ((a, len(a.shape) - 1), (b, max(len(b.shape) - 2, 0))):
        if value.constant:
            continue
        if value.batch is None or value.batch == summed:
            found.add(None)
            continue
        axis = value.batch - len(value.shape) + len(shape)
        if value is a and len(b.shape) == 1:
            axis += 1
        found.add(axis)
    if len(found) != 1 or None in found:
        call.walk.mixes()
        return None
    return found.pop()


def einsum(call: Call) -> None:
    """Einsum of one or two tensors, without dots."""
    values = call.all
    equation = call.text("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(equation) > _MAX_EQUATION or not arrow or len(terms) != len(values):
        raise call.error(f"the equation {abridged(equation)} is not supported")
    sizes: dict[str, Size] = {}
    for term, value in zip(terms, values, strict=True):
        if len(term) != len(value.shape) or not term.isalpha() or len(set(term)) < len(term):
            raise call.error(f"the equation {abridged(equation)} is not supported")
        for letter, size in zip(term, value.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise LayerError(f"{letter} is {sizes[letter]} and {size}")
    if not set(right) <= set(sizes) or len(set(right)) < len(right):
        raise call.error(f"the equation {abridged(equation)} is not supported")
    shape = tuple(sizes[letter] for letter in right)
    _contracted(call, dict(zip(terms, values, strict=True)), right, shape, product(sizes.values()))


def _contracted(call: Call, terms: dict[str, Value], right: str, shape: Sizes, count: Size) -> None:
    values = call.all
    if not call.active:
        call.fold(Value(shape, type=values[0].type))
        return
    active = [(term, value) for term, value in terms.items() if not value.constant]
    letters = {"" if value.batch is None else term[value.batch] for term, value in active}
    batch = None
    if len(letters) == 1 and letters <= set(right):
        batch = right.index(letters.pop())
    else:
        call.walk.mixes()
    both = len(call.active) > 1
    macs, parts = (0, {"attention": count}) if both else (count if len(values) > 1 else 0, {})
    call.plain(values, shape, batch, macs=macs, parts=parts, why=_NO_PRODUCT)


def attention(call: Call) -> None:
    """Attention of opset 23: scores and weighted sums, of heads in an axis of their own or not."""
    q, k, v = (call.need(position) for position in range(3))
    if any(call.value(position) is not None for position in (4, 5)):
        raise call.error("keys and values of the past are not supported")
    if any(call.wanted(output) for output in (1, 2, 3)):
        raise call.error("only its first output is supported")
    if not len(q.shape) == len(k.shape) == len(v.shape) or len(q.shape) not in (3, 4):
        raise LayerError("queries, keys and values must have 3 axes each, or 4")
    batch: int | None = 0
    if any(value.batch != 0 for value in call.active):
        call.walk.mixes()
        batch = None
    if len(q.shape) == 4:
        size, heads, time, dim = q.shape
        length, width = v.shape[2], v.shape[3]
        shape: Sizes = (size, heads, time, width)
    else:
        heads, pairs = call.whole("q_num_heads", 0), call.whole("kv_num_heads", 0)
        if heads < 1 or pairs < 1:
            raise call.error("q_num_heads and kv_num_heads are not both above 0")
        size, time, length = q.shape[0], q.shape[1], v.shape[1]
        dim, width = _parted(call, q.shape[2], heads), _parted(call, v.shape[2], pairs)
        shape = (size, time, heads * width)
    pairs_of_steps = product([size, heads, time, length])
    call.plain(call.all, shape, batch, parts={"attention": pairs_of_steps * (dim + width)})


def _parted(call: Call, size: Size, heads: int) -> Size:
    from dlcalc.layers.size import quotient

    found = quotient(size, heads)
    if found is None:
        raise LayerError(f"{size} features do not divide into {heads} heads")
    return found
