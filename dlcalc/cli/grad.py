"""The command ``dlcalc grad``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.result import Result

_OPTIONS = (
    click.option(
        "--wrt", multiple=True, metavar="X", help="The variable to derive by, or several: w,b."
    ),
    click.option("--at", metavar="X=1,Y=2", default="", help="Also give the number at this point."),
    click.option("--order", type=int, default=1, metavar="N", help="Give the N-th derivative."),
    click.option("--hessian", is_flag=True, help="Give all second derivatives."),
    click.option("--jacobian", is_flag=True, help="Give the derivatives as one matrix."),
    click.option("--hvp", metavar="V", default="", help="Give the Hessian times V."),
    click.option(
        "--at-kink",
        type=click.Choice(["left", "middle", "right"]),
        help="Which slope counts at a kink.  [default: PyTorch's]",
    ),
    click.option("--shape", metavar="X=nxd", default="", help="Shapes of vectors and matrices."),
    click.option("--symmetric", metavar="A", default="", help="Matrices that equal their A.T."),
    click.option(
        "--view",
        type=click.Choice(["matrix", "index", "code", "all"]),
        help="In which form to write the gradient.",
    ),
    click.option(
        "--code", type=click.Choice(["numpy", "torch"]), help="The gradient as runnable code."
    ),
    click.option("--latex", is_flag=True, help="The gradient in LaTeX."),
    click.option("--net", metavar="NET", default="", help="Derive a network, such as 2-2-2."),
    click.option("--activation", metavar="NAME", default="", help="Of the network."),
    click.option("--loss", metavar="NAME", default="", help="Of the network."),
    click.option("--unit", type=int, default=0, metavar="K", help="Only output K has an error."),
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
    "dlcalc grad 'mse(sigmoid(w*x + b), t)' --wrt w,b --at w=0.5,x=2,b=-1,t=1",
    "dlcalc grad 'x^2*exp(-x)' --order 2 -q",
    "dlcalc grad 'log(1 + exp(w*x))' --wrt w,x --hessian",
    "dlcalc grad 'r*cos(phi)' 'r*sin(phi)' --wrt r,phi --jacobian -q",
    "dlcalc grad 'tanh(x)' --expect '1/cosh(x)^2'",
    "dlcalc grad 'relu(x)' --at x=0 --at-kink right",
    "dlcalc grad 'silu(x)' --code torch -q",
    "dlcalc grad 'sum((X@w - y)^2)' --wrt w --shape X=nxd,w=d,y=n",
    "dlcalc grad --net 2-2-2 --wrt 'w[3,1,1]' --at notes",
    "dlcalc grad --net 'dense:32 relu dense:2' --loss cross-entropy",
    "dlcalc grad 'logdet(X)' --shape X=nxn --view all",
    formulas=True,
)
@click.argument("expressions", nargs=-1, type=click.UNPROCESSED, metavar="EXPR...")
@_options
@click.pass_obj
def grad(form: Form, /, expressions: tuple[str, ...], **settings: Any) -> Result | int:
    """The gradient of an expression, every step of its derivation named and verified.

    EXPR is written as in Python, with ^ or ** for powers, and single-quoted.
    Without --wrt it is derived by every variable. A single - reads one EXPR a
    line from standard input; several on a line are parted by semicolons.
    """
    from dlcalc.answers.grad import grad as answer

    if expressions != ("-",):
        return answer(*expressions, **settings)
    from dlcalc.cli.stream import answer_lines

    def answer_line(line: str, number: int) -> Result:
        source = line.partition("#")[0]
        result = answer(*source.split(";"), **settings)
        result.separator = "; "
        return result

    return answer_lines(answer_line, form)
