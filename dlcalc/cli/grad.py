"""The command ``dlcalc grad``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.result import Result

_OPTIONS = (
    click.option("--wrt", multiple=True, metavar="X", help="The variables to derive by."),
    click.option("--at", metavar="X=1,Y=2", default="", help="Also the number at this point."),
    click.option("--order", type=int, default=1, metavar="N", help="The N-th derivative."),
    click.option("--hessian", is_flag=True, help="All second derivatives."),
    click.option("--jacobian", is_flag=True, help="Of several EXPR by several variables."),
    click.option(
        "--at-kink",
        type=click.Choice(["left", "middle", "right"]),
        help="Which slope counts at a kink.  [default: PyTorch's]",
    ),
    click.option("--shape", metavar="X=nxd", default="", help="Shapes of vectors and matrices."),
    click.option(
        "--view",
        type=click.Choice(["matrix", "index", "code", "all"]),
        default=None,
        help="In which form to write the gradient.",
    ),
    click.option(
        "--code", type=click.Choice(["numpy", "torch"]), help="The gradient as runnable code."
    ),
    click.option("--latex", is_flag=True, help="The gradient as LaTeX."),
    click.option("--net", metavar="NET", default="", help="Derive a network, such as 2-2-2."),
    click.option("--activation", metavar="NAME", default="", help="Of the network."),
    click.option("--loss", metavar="NAME", default="", help="Of the network."),
    click.option("--verify", is_flag=True, help="Ask SymPy and the engine as well."),
    click.option("--steps/--no-steps", default=True, help="Show the derivation.  [default: yes]"),
)


def _options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command(
    "grad",
    "dlcalc grad 'sigmoid(w*x + b)' --wrt w",
)
@click.argument("expressions", nargs=-1, type=click.UNPROCESSED, metavar="EXPR...")
@_options
@click.pass_obj
def grad(form: Form, /, expressions: tuple[str, ...], **settings: Any) -> Result | int:
    """The gradient of an expression, every step of its derivation named and verified.

    EXPR is written as in Python, with ^ or ** for powers, and is single-quoted.
    Several EXPR, or one with several variables, give all their derivatives.
    """
    from dlcalc.answers.grad import grad as answer

    return answer(*expressions, **settings)
