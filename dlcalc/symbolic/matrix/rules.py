"""The derivatives of functions that work element by element: one line a function.

Each line is the rule's name and, for each argument in turn, the derivative by
it as text of the expression language, in x, y and s for the arguments. At kinks
the derivative is PyTorch's: 0 for abs, relu and hardtanh, the slope below 0
for leaky_relu, half each where max or min are tied.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr


class Rule(NamedTuple):
    """A rule's name, and the derivative by each argument."""

    title: str
    derivatives: tuple[str, ...]


# The first of these two numbers and their product, of selu: Klambauer et al., 2017.
SELU_SCALE, SELU_ALPHA = "1.0507009873554805", "1.6732632423543772"

RULES: dict[str, Rule] = {
    "power": Rule("power", ("y*x**(y - 1)", "x**y*log(x)")),
    "exp": Rule("exp", ("exp(x)",)),
    "log": Rule("log", ("1/x",)),
    "log1p": Rule("log1p", ("1/(1 + x)",)),
    "expm1": Rule("expm1", ("exp(x)",)),
    "abs": Rule("abs", ("sign(x)",)),
    "sign": Rule("sign, constant between jumps", ("0",)),
    "sin": Rule("sin", ("cos(x)",)),
    "cos": Rule("cos", ("-sin(x)",)),
    "tan": Rule("tan", ("1 + tan(x)**2",)),
    "sinh": Rule("sinh", ("cosh(x)",)),
    "cosh": Rule("cosh", ("sinh(x)",)),
    "tanh": Rule("tanh", ("1 - tanh(x)**2",)),
    "sigmoid": Rule("sigmoid", ("sigmoid(x)*(1 - sigmoid(x))",)),
    "relu": Rule("relu", ("heaviside(x, 0)",)),
    "leaky_relu": Rule("leaky_relu", ("heaviside(x, 0) + y*(1 - heaviside(x, 0))", "min(x, 0)")),
    "elu": Rule(
        "elu",
        (
            "heaviside(x, 0) + y*exp(min(x, 0))*(1 - heaviside(x, 0))",
            "exp(min(x, 0)) - 1",
        ),
    ),
    "selu": Rule(
        "selu",
        (f"{SELU_SCALE}*(heaviside(x, 0) + {SELU_ALPHA}*exp(min(x, 0))*(1 - heaviside(x, 0)))",),
    ),
    "gelu": Rule("gelu", ("(1 + erf(x/sqrt(2)))/2 + x*exp(-x**2/2)/sqrt(2*pi)",)),
    "silu": Rule("silu", ("sigmoid(x)*(1 + x*(1 - sigmoid(x)))",)),
    "softplus": Rule("softplus", ("sigmoid(x)",)),
    "softsign": Rule("softsign", ("1/(1 + abs(x))**2",)),
    "hardtanh": Rule("hardtanh", ("heaviside(x + 1, 0)*heaviside(1 - x, 0)",)),
    "erf": Rule("erf", ("2*exp(-x**2)/sqrt(pi)",)),
    "heaviside": Rule("heaviside, constant between jumps", ("0", "0")),
    "max": Rule("max", ("heaviside(x - y, 0.5)", "heaviside(y - x, 0.5)")),
    "min": Rule("min", ("heaviside(y - x, 0.5)", "heaviside(x - y, 0.5)")),
    "bce": Rule("bce", ("(x - y)/(x*(1 - x))", "log(1 - x) - log(x)")),
    "huber": Rule(
        "huber", ("max(min(x - y, s), -s)", "max(min(y - x, s), -s)", "max(abs(x - y) - s, 0)")
    ),
}

#: Functions of the graph that the language does not have, as it says them.
MEANINGS = {
    "bce": "-y*log(x) - (1 - y)*log(1 - x)",
    "huber": "max(min(x - y, s), -s)*(x - y - max(min(x - y, s), -s)/2)",
}


@cache
def derivative(name: str, argument: int) -> Expr:
    """The derivative of a function by one of its arguments."""
    return parse(RULES[name].derivatives[argument])


@cache
def meaning(name: str) -> Expr:
    """A function that the language does not have, in its words."""
    return parse(MEANINGS[name])
