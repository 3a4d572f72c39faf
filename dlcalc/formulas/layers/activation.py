"""Functions of each value, prelu, and softmax over the channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from dlcalc.formulas.layers.table import At, Index, Rule, rule
from dlcalc.formulas.layers.worked import Worked, exponential, quotient, total

# Klambauer et al., "Self-Normalizing Neural Networks", 2017, appendix A1.
_ALPHA, _SCALE = 1.6732632423543772848, 1.0507009873554804934


def sigmoid(x: float) -> float:
    return 1 / (1 + exponential(-x))


def _softplus(x: float) -> float:
    return x if x > 30 else math.log1p(exponential(x))


def _relu(x: float, alpha: float) -> Worked:
    return Worked(_larger(x, 0.0), "max({}, 0)", (x,))


def _relu6(x: float, alpha: float) -> Worked:
    return Worked(_smaller(_larger(x, 0.0), 6.0), "min(max({}, 0), 6)", (x,))


def _leaky(x: float, alpha: float) -> Worked:
    return Worked(x, "{}", (x,)) if x > 0 else Worked(alpha * x, "{}*{}", (alpha, x))


def _elu(x: float, alpha: float) -> Worked:
    if x > 0:
        return Worked(x, "{}", (x,))
    return Worked(alpha * math.expm1(x), "{}*(exp({}) - 1)", (alpha, x), abs(alpha))


def _selu(x: float, alpha: float) -> Worked:
    if x > 0:
        return Worked(_SCALE * x, "{}*{}", (_SCALE, x))
    value = _SCALE * _ALPHA * math.expm1(x)
    return Worked(value, "{}*{}*(exp({}) - 1)", (_SCALE, _ALPHA, x), 2.0)


def _gelu(x: float, alpha: float) -> Worked:
    value = x * math.erfc(-x / math.sqrt(2)) / 2
    return Worked(value, "{}*(1 + erf({}/sqrt(2)))/2", (x, x), abs(x))


def _silu(x: float, alpha: float) -> Worked:
    return Worked(x * sigmoid(x), "{}/(1 + exp({}))", (x, -x))


def _mish(x: float, alpha: float) -> Worked:
    return Worked(x * math.tanh(_softplus(x)), "{}*tanh(log(1 + exp({})))", (x, x))


def _logistic(x: float, alpha: float) -> Worked:
    return Worked(sigmoid(x), "1/(1 + exp({}))", (-x,))


def _log_sigmoid(x: float, alpha: float) -> Worked:
    return Worked(-_softplus(-x), "-log(1 + exp({}))", (-x,))


def _hardsigmoid(x: float, alpha: float) -> Worked:
    value = _smaller(_larger(x / 6 + 0.5, 0.0), 1.0)
    return Worked(value, "min(max({}/6 + 1/2, 0), 1)", (x,), 1.0)


def _hardswish(x: float, alpha: float) -> Worked:
    value = x * _smaller(_larger(x / 6 + 0.5, 0.0), 1.0)
    return Worked(value, "{}*min(max({}/6 + 1/2, 0), 1)", (x, x), abs(x))


def _tanh(x: float, alpha: float) -> Worked:
    return Worked(math.tanh(x), "tanh({})", (x,))


def _hardtanh(x: float, alpha: float) -> Worked:
    return Worked(_smaller(_larger(x, -1.0), 1.0), "min(max({}, -1), 1)", (x,))


def _plus(x: float, alpha: float) -> Worked:
    return Worked(_softplus(x), "log(1 + exp({}))", (x,))


def _softsign(x: float, alpha: float) -> Worked:
    return Worked(quotient(x, 1 + abs(x)), "{}/(1 + abs({}))", (x, x))


def _same(x: float, alpha: float) -> Worked:
    return Worked(x)


def _larger(x: float, other: float) -> float:
    """The larger of two; NaN stays NaN."""
    return other if x < other else x


def _smaller(x: float, other: float) -> float:
    return other if x > other else x


_CURVES: dict[str, Callable[[float, float], Worked]] = {
    "relu": _relu,
    "relu6": _relu6,
    "leaky_relu": _leaky,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "sigmoid": _logistic,
    "log_sigmoid": _log_sigmoid,
    "hardsigmoid": _hardsigmoid,
    "hardswish": _hardswish,
    "tanh": _tanh,
    "hardtanh": _hardtanh,
    "softplus": _plus,
    "softsign": _softsign,
    "identity": _same,
}


def _elementwise(curve: Callable[[float, float], Worked], at: At) -> Rule:
    alpha = float(getattr(at.layer, "alpha", 0.0))
    return Rule(lambda index: curve(at.x.at(*index), alpha))


for _word, _curve in _CURVES.items():
    rule(_word)(partial(_elementwise, _curve))


@rule("prelu")
def prelu(at: At) -> Rule:
    """For x > 0 x, else w*x: one slope w, or one for each channel or each value."""
    weight = at.tensors["weight"]
    each = weight.sizes == at.x.sizes[1:]

    def element(index: Index) -> Worked:
        place = index[1:] if each else (index[at.channel_axis],)
        return _leaky(at.x.at(*index), weight.at(*place) if weight.size > 1 else weight.flat[0])

    return Rule(element)


def _row(at: At, index: Index) -> list[float]:
    """All channels at the place of an output."""
    axis = at.channel_axis
    return [at.x.at(*index[:axis], c, *index[axis + 1 :]) for c in range(at.x.sizes[axis])]


@rule("softmax")
def softmax(at: At) -> Rule:
    """exp(x - m) over the sum of all exp(x - m), m the largest, so that nothing overflows."""

    def element(index: Index) -> Worked:
        row, own = _row(at, index), at.x.at(*index)
        top = max(row)
        value = exponential(own - top) / total(exponential(x - top) for x in row)
        template = "exp({} - {})/(" + " + ".join(["exp({} - {})"] * len(row)) + ")"
        numbers = (own, top, *[number for x in row for number in (x, top)])
        named = f"exp({at.named(*index)})/exp({_all(at, index)}).sum()"
        return Worked(value, template, numbers, 0.0, named)

    return Rule(element, at.channels)


@rule("log_softmax")
def log_softmax(at: At) -> Rule:
    """The logarithm of softmax, x - m - log(sum of exp(x - m))."""

    def element(index: Index) -> Worked:
        row, own = _row(at, index), at.x.at(*index)
        top = max(row)
        logarithm = math.log(total(exponential(x - top) for x in row)) if top == top else top
        template = "{} - {} - log(" + " + ".join(["exp({} - {})"] * len(row)) + ")"
        numbers = (own, top, *[number for x in row for number in (x, top)])
        named = f"{at.named(*index)} - log(exp({_all(at, index)}).sum())"
        return Worked(own - top - logarithm, template, numbers, abs(own - top) + 1, named)

    return Rule(element, at.channels)


def _all(at: At, index: Index) -> str:
    """All channels at the place of an output, as NumPy writes them."""
    axis = at.channel_axis
    return at.named(*index[:axis], ":", *index[axis + 1 :])
