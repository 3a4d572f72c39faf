"""The table of rules: for every operation its derivative by each argument, one line each.

Arguments are x, y, s in their order, written in the language itself. Where a
function has a kink, ``sided`` is its derivative with h for the share of the slope on
the right at the kink, and ``slopes`` with PyTorch's own choice; ``bends`` are the
arguments whose zero is the kink. Where it jumps there is no derivative at all.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """The derivative of one operation."""

    #: The derivative by each argument.
    slopes: tuple[str, ...]
    latex: str
    #: The same with h at kinks; empty where there is none.
    sided: tuple[str, ...] = ()
    #: What is 0 at a kink of the function.
    bends: tuple[str, ...] = ()
    #: What is 0 where the function itself jumps.
    jumps: tuple[str, ...] = ()
    #: What people call the rule, if that is not the name of the function.
    title: str = ""


_GAUSS = "exp(-x**2/2)/sqrt(2*pi)"
_UP, _UP_SIDED = "heaviside(x, 0)", "heaviside(x, h)"
_DOWN, _DOWN_SIDED = "(1 - heaviside(x, 0))", "(1 - heaviside(x, h))"
_SCALE, _LIMIT = "1.0507009873554805", "1.7580993408473766"

# fmt: off
RULES: dict[str, Rule] = {
    "+": Rule(("1", "1"), "", title="sum"),
    "-": Rule(("1", "-1"), "", title="sum"),
    "neg": Rule(("-1",), "", title="product"),
    "*": Rule(("y", "x"), "", title="product"),
    "/": Rule(("1/y", "-x/y**2"), "", title="quotient"),
    "**": Rule(("y*x**(y - 1)", "x**y*log(x)"), "", title="power"),
    "exp": Rule(("exp(x)",), r"\exp"),
    "log": Rule(("1/x",), r"\ln"),
    "log1p": Rule(("1/(1 + x)",), r"\operatorname{log1p}"),
    "expm1": Rule(("exp(x)",), r"\operatorname{expm1}"),
    "sqrt": Rule(("1/(2*sqrt(x))",), r"\sqrt"),
    "sin": Rule(("cos(x)",), r"\sin"),
    "cos": Rule(("-sin(x)",), r"\cos"),
    "tan": Rule(("1 + tan(x)**2",), r"\tan"),
    "sinh": Rule(("cosh(x)",), r"\sinh"),
    "cosh": Rule(("sinh(x)",), r"\cosh"),
    "tanh": Rule(("1 - tanh(x)**2",), r"\tanh"),
    "erf": Rule(("2*exp(-x**2)/sqrt(pi)",), r"\operatorname{erf}"),
    "sigmoid": Rule(("sigmoid(x)*(1 - sigmoid(x))",), r"\sigma"),
    "softplus": Rule(("sigmoid(x)",), r"\operatorname{softplus}"),
    "silu": Rule(("sigmoid(x)*(1 + x*(1 - sigmoid(x)))",), r"\operatorname{silu}"),
    "gelu": Rule((f"(1 + erf(x/sqrt(2)))/2 + x*{_GAUSS}",), r"\operatorname{gelu}"),
    "softsign": Rule(("1/(1 + abs(x))**2",), r"\operatorname{softsign}"),
    "abs": Rule(("sign(x)",), r"\lvert", ("2*heaviside(x, h) - 1",), ("x",)),
    "relu": Rule((_UP,), r"\operatorname{relu}", (_UP_SIDED,), ("x",)),
    "leaky_relu": Rule((f"{_UP} + y*{_DOWN}", "min(x, 0)"), r"\operatorname{leaky\_relu}", (f"{_UP_SIDED} + y*{_DOWN_SIDED}", "min(x, 0)"), ("x",)),
    "prelu": Rule((f"{_UP} + y*{_DOWN}", "min(x, 0)"), r"\operatorname{prelu}", (f"{_UP_SIDED} + y*{_DOWN_SIDED}", "min(x, 0)"), ("x",)),
    "elu": Rule((f"{_UP} + y*exp(min(x, 0))*{_DOWN}", "expm1(min(x, 0))"), r"\operatorname{elu}", (f"{_UP_SIDED} + y*exp(min(x, 0))*{_DOWN_SIDED}", "expm1(min(x, 0))"), ("x",)),
    "selu": Rule((f"{_SCALE}*{_UP} + {_LIMIT}*exp(min(x, 0))*{_DOWN}",), r"\operatorname{selu}", (f"{_SCALE}*{_UP_SIDED} + {_LIMIT}*exp(min(x, 0))*{_DOWN_SIDED}",), ("x",)),
    "hardtanh": Rule(("heaviside(x + 1, 0)*heaviside(1 - x, 0)",), r"\operatorname{hardtanh}", ("heaviside(x + 1, h)*heaviside(1 - x, 1 - h)",), ("x + 1", "x - 1")),
    "max": Rule(("heaviside(x - y, 1/2)", "heaviside(y - x, 1/2)"), r"\max", ("heaviside(x - y, h)", "heaviside(y - x, 1 - h)"), ("x - y",)),
    "min": Rule(("heaviside(y - x, 1/2)", "heaviside(x - y, 1/2)"), r"\min", ("heaviside(y - x, 1 - h)", "heaviside(x - y, h)"), ("x - y",)),
    "sign": Rule(("0",), r"\operatorname{sign}", jumps=("x",)),
    "heaviside": Rule(("0", "0"), r"\operatorname{H}", jumps=("x",)),
    "mse": Rule(("2*(x - y)", "2*(y - x)"), r"\operatorname{mse}"),
    "mae": Rule(("sign(x - y)", "sign(y - x)"), r"\operatorname{mae}", ("2*heaviside(x - y, h) - 1", "1 - 2*heaviside(x - y, h)"), ("x - y",)),
    "bce": Rule(("(x - y)/(x*(1 - x))", "log(1 - x) - log(x)"), r"\operatorname{bce}"),
    "huber": Rule(("max(min(x - y, s), -s)", "max(min(y - x, s), -s)", "max(abs(x - y) - s, 0)"), r"\operatorname{huber}"),
}
# fmt: on
#: The arguments of functions that may be left out.
DEFAULTS = {"leaky_relu": "0.01", "elu": "1", "huber": "1", "heaviside": "1/2"}
#: The share of the slope on the right.
SHARES = {"left": "0", "middle": "1/2", "right": "1"}
