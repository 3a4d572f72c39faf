"""Several nodes that are one activation, as exporters write those that ONNX had not yet.

What a group of nodes computes is told by its values: it is run at some points, and is
the activation that has these values there, if any has. So the order in which an
exporter writes a product does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from dlcalc.formulas.activations.registry import activation
from dlcalc.interop.onnx.made import Call
from dlcalc.interop.onnx.model import Op
from dlcalc.interop.onnx.walk import Walk

_POINTS = (-7.3, -3.1, -1.7, -0.6, -0.2, 0.35, 0.9, 2.2, 4.1, 7.9)
# The numbers of a file have 32 bits.
_CLOSE = 2e-5
_MOST = 12
# So many nodes are run in search of groups, and no more; nets that people train need fewer.
_MOST_TRIED = 1_000_000
_WORDS = (
    *("gelu", "silu", "mish", "hardswish", "hardsigmoid", "softsign", "log_sigmoid"),
    *("softplus", "relu6", "hardtanh"),
)
_NEAR_GELU = "its approximation by tanh is shown as gelu"


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


_CURVES: dict[str, Callable[..., float]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a / b,
    "Pow": lambda a, b: float(a) ** int(b) if b == int(b) else a**b,
    "Max": max,
    "Min": min,
    "Relu": lambda x: max(x, 0.0),
    "Sigmoid": _sigmoid,
    "Tanh": math.tanh,
    "Erf": math.erf,
    "Exp": math.exp,
    "Log": math.log,
    "Neg": lambda x: -x,
    "Abs": abs,
    "Reciprocal": lambda x: 1 / x,
    "Softplus": lambda x: math.log1p(math.exp(x)),
}


def matched(call: Call) -> bool:
    """Whether a node begins a group that is one activation, which is then made."""
    walk, op = call.walk, call.op
    names = {name for name in op.inputs if name and not walk.values[name].constant}
    if len(names) != 1 or walk.tried > _MOST_TRIED or not _is_curve(walk, op, names):
        return False
    (name,) = names
    for wide in (False, True):
        found = _grown(walk, call.place, name, wide)
        if found is not None:
            group, word, why = found
            if why:
                call.stand_in(why)
            call.along(word, walk.values[name], {})
            made = walk.values[op.outputs[0]]
            for number in group - {call.place}:
                walk.values[walk.model.ops[number].outputs[0]] = made
            walk.done |= group
            return True
    return False


def _grown(walk: Walk, first: int, name: str, wide: bool) -> tuple[set[int], str, str] | None:
    """The largest group from a node on that is an activation of ``name``.

    ``wide`` says whether other nodes that read ``name`` may be in it.
    """
    group = {first}
    found = None
    while len(group) < _MOST:
        known = {name} | {walk.model.ops[number].outputs[0] for number in group}
        sources = known if wide else known - {name}
        following = next(_following(walk, group, known, sources), None)
        if following is None:
            break
        group.add(following)
        word = _word(walk, group, name)
        if word is not None:
            found = (set(group), *word)
    return found


def _following(walk: Walk, group: set[int], known: set[str], sources: set[str]) -> Iterator[int]:
    """Nodes that read what is known and nothing else but numbers."""
    numbers = (n for source in sorted(sources) for n in islice(walk.readers.get(source, ()), 16))
    for number in sorted(set(numbers)):
        op = walk.model.ops[number]
        old = number < 0 or number in group or number in walk.done
        if not old and _is_curve(walk, op, known):
            yield number


def _is_curve(walk: Walk, op: Op, known: set[str]) -> bool:
    if op.kind not in _CURVES and op.kind not in ("HardSigmoid", "Clip"):
        return False
    for name in filter(None, op.inputs):
        value = walk.values.get(name)
        single = value is not None and value.constant and value.single and len(value.shape) < 2
        if name not in known and not (single and value is not None and value.content):
            return False
    return len(op.outputs) == 1


def _word(walk: Walk, group: set[int], name: str) -> tuple[str, str] | None:
    """The activation that a group is, and what is to be said of it."""
    ops = [walk.model.ops[number] for number in sorted(group)]
    exits = [op for op in ops if set(walk.readers.get(op.outputs[0], ())) - group]
    if exits != ops[-1:]:
        return None
    left = list(_usual())
    for place, point in enumerate(_POINTS):
        walk.tried += len(ops)
        try:
            value = _run(walk, ops, name, point)
        except (ArithmeticError, ValueError, KeyError, TypeError):
            return None
        left = [word for word in left if _close(value, _usual()[word][place])]
        if not left:
            return None
    return ("gelu", _NEAR_GELU) if left[0] == "tanh" else (left[0], "")


def _close(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _run(walk: Walk, ops: list[Op], name: str, point: float) -> float:
    values = {name: point}
    for op in ops:
        read = [_number(walk, values, source) for source in op.inputs]
        if op.kind == "HardSigmoid":
            slope, middle = op.attributes.get("alpha", 0.2), op.attributes.get("beta", 0.5)
            found = min(max(slope * read[0] + middle, 0.0), 1.0)
        elif op.kind == "Clip":
            found = _clipped(op, *read)
        else:
            found = _CURVES[op.kind](*read)
        values[op.outputs[0]] = float(found)
    return values[ops[-1].outputs[0]]


def _number(walk: Walk, values: dict[str, float], source: str) -> Any:
    """What a node reads: what was worked out before it, or a constant; None if left out."""
    if source in values:
        return values[source]
    content = walk.values[source].content
    return content[0] if content else None


def _clipped(op: Op, x: float, low: float | None = None, high: float | None = None) -> float:
    low, high = op.attributes.get("min", low), op.attributes.get("max", high)
    x = x if low is None else max(x, low)
    return x if high is None else min(x, high)


@cache
def _usual() -> dict[str, tuple[float, ...]]:
    """The values of each activation at the points; ``tanh`` is GELU's approximation by it."""
    found = {}
    for word in _WORDS:
        function = activation(word)
        found[word] = tuple(function.value(x) for x in _POINTS)
    inner = [math.sqrt(2 / math.pi) * (x + 0.044715 * x**3) for x in _POINTS]
    pairs = zip(_POINTS, inner, strict=True)
    found["tanh"] = tuple(x * (1 + math.tanh(y)) / 2 for x, y in pairs)
    return found
