"""What the tests of gradients share: the table of derivatives, and values by Python's own rules.

`value` computes an expression's text with functions of its own, and so shares no
code with the product. It evaluates text, which is ours here and nobody else's.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parent / "data" / "derivatives.txt"


class Case(NamedTuple):
    """An expression, a variable, and the derivative as it was written down by hand."""

    expression: str
    variable: str
    derivative: str


def cases() -> list[Case]:
    """Every line of the table."""
    lines = [line.strip() for line in TABLE.read_text(encoding="utf-8").splitlines()]
    return [Case(*line.split(" ; ")) for line in lines if line and not line.startswith("#")]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _elu(x: float, alpha: float = 1.0) -> float:
    return x if x > 0 else alpha * (math.exp(x) - 1)


def _huber(x: float, y: float, delta: float = 1.0) -> float:
    gap = abs(x - y)
    assert delta > 0
    return gap**2 / 2 if gap <= delta else delta * gap - delta**2 / 2


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


FUNCTIONS = {
    **{name: getattr(math, name) for name in dir(math) if not name.startswith("_")},
    "abs": abs,
    "max": max,
    "min": min,
    "sign": _sign,
    "sigmoid": _sigmoid,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x, slope=0.01: x if x > 0 else slope * x,
    "prelu": lambda x, slope: x if x > 0 else slope * x,
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "gelu": lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x: min(max(x, -1.0), 1.0),
    "heaviside": lambda x, h=0.5: h if x == 0 else float(x > 0),
    "mse": lambda x, y: (x - y) ** 2,
    "mae": lambda x, y: abs(x - y),
    "bce": lambda p, t: -t * math.log(p) - (1 - t) * math.log(1 - p),
    "huber": _huber,
}


def _of_reals(function: Callable[..., float]) -> Callable[..., float]:
    """The function, undefined at what Python makes of the root of a negative number."""

    def bounded(*arguments: float) -> float:
        if any(isinstance(argument, complex) for argument in arguments):
            raise ValueError("no real number")
        return function(*arguments)

    return bounded


REAL = {name: _of_reals(found) if callable(found) else found for name, found in FUNCTIONS.items()}


def plain(text: str) -> str:
    """A text with a name for each variable with a subscript: w_3_1 for w[3,1]."""
    return re.sub(r"\[([\d,]+)\]", lambda match: "_" + match[1].replace(",", "_"), text)


def value(text: str, point: Mapping[str, float]) -> float:
    """The value of an expression's text. Raises `ValueError` outside its domain."""
    names = {plain(name): number for name, number in point.items()}
    try:
        found = eval(plain(text).replace("^", "**"), {"__builtins__": {}}, {**REAL, **names})
    except (ZeroDivisionError, OverflowError, AssertionError) as error:
        raise ValueError(str(error)) from None
    if isinstance(found, complex) or not math.isfinite(found):
        raise ValueError("no real number")
    return float(found)


def names_of(text: str) -> list[str]:
    """The variables of an expression's text."""
    words = re.findall(r"[^\W\d]\w*(?:\[[\d,]+\])?", text)
    return [word for word in dict.fromkeys(words) if word not in FUNCTIONS]


def slope(text: str, point: Mapping[str, float], by: str) -> float:
    """The derivative by central differences, with Richardson's step.

    Raises `ValueError` where one-sided slopes differ: at a kink.
    """

    def at(move: float) -> float:
        return value(text, {**point, by: point[by] + move})

    step = 1e-4 * max(1.0, abs(point[by]))
    left, right = (at(0) - at(-step)) / step, (at(step) - at(0)) / step
    inner = (at(step / 2) - at(-step / 2)) / step
    if abs(right - left) > 1e-2 * (1 + abs(inner)):
        raise ValueError("a kink")
    return (4 * inner - (at(step) - at(-step)) / (2 * step)) / 3


def points(text: str, also: str, count: int, seed: int = 0) -> list[dict[str, float]]:
    """Random points at which an expression has a slope by every variable."""
    source = random.Random(seed)
    names = names_of(f"{text} + {also}")
    found: list[dict[str, float]] = []
    for attempt in range(2_000):
        low, high = [(-2.0, 2.0), (0.05, 0.95), (0.1, 4.0)][attempt % 3]
        point = {name: source.uniform(low, high) for name in names}
        try:
            for name in names:
                slope(text, point, name)
        except ValueError:
            continue
        found.append(point)
        if len(found) == count:
            break
    return found
