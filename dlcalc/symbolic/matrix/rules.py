"""The derivatives of functions that work element by element, from the table for numbers.

One table serves numbers and matrices (`dlcalc.symbolic.scalar.rules`): a line a
function, its derivatives written in the language itself. At kinks they are
PyTorch's, or with a share of the slope on the right that is asked for.
"""

from __future__ import annotations

from functools import cache

from dlcalc.expr.parse import parse
from dlcalc.expr.tree import Expr
from dlcalc.symbolic.scalar.rules import RULES

#: Functions of the graph that the language does not have, as it says them.
MEANINGS = {
    "bce": "-y*log(x) - (1 - y)*log(1 - x)",
    "huber": "max(min(x - y, s), -s)*(x - y - max(min(x - y, s), -s)/2)",
}
_NAMES = {"power": "**"}


def title(name: str) -> str:
    """What people call a rule."""
    return RULES[_NAMES.get(name, name)].title or name


@cache
def derivative(name: str, argument: int, is_sided: bool = False) -> Expr:
    """The derivative of a function by one of its arguments, x, y and s.

    If it is sided, h is the share of the slope on the right at a kink.
    """
    rule = RULES[_NAMES.get(name, name)]
    return parse((rule.sided if is_sided and rule.sided else rule.slopes)[argument])


@cache
def meaning(name: str) -> Expr:
    """A function that the language does not have, in its words."""
    return parse(MEANINGS[name])
