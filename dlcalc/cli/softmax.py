"""The command ``dlcalc softmax``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.softmax import softmax as answer
from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.result import Result


@command(
    "softmax",
    "dlcalc softmax 1000,1001,1002",
    "dlcalc softmax -1000,-1001 --dtype float32",
    "dlcalc softmax 100,101 --dtype float32 --method naive --expect nan,nan",
    "dlcalc softmax 0,-1000 --target 1",
    "dlcalc softmax 1,2,3 --temperature 0.5 --jacobian",
    "dlcalc softmax 1,2,3 --find",
    "dlcalc softmax 1,2,3 --verify",
    "dlcalc softmax - < logits.txt",
)
@click.argument("logits", type=click.UNPROCESSED)
@click.option("--dtype", metavar="TYPE", help="One of float16, bfloat16, float32, float64.")
@click.option(
    "--method",
    metavar="NAME",
    help="One of naive, shifted, epsilon, log-softmax, log-sum-exp; in float64 if no type is said.",
)
@click.option(
    "--temperature", metavar="T", default="1", help="Divide the logits by T.", show_default=True
)
@click.option(
    "--epsilon", metavar="X", default="1e-8", help="Of the method epsilon.", show_default=True
)
@click.option(
    "--target", metavar="K", help="Cross-entropy of class K from 0, gradient, perplexity."
)
@click.option("--jacobian", is_flag=True, help="The derivative of each probability by each logit.")
@click.option("--find", is_flag=True, help="The smallest change that breaks each method.")
@click.option(
    "--digits",
    type=int,
    default=17,
    metavar="N",
    help="Of the exact values of one type, up to 50.",
    show_default=True,
)
@click.option("--verify", is_flag=True, help="Compute it by NumPy, the engine and mpmath as well.")
@click.pass_obj
def softmax(form: Form, /, logits: str, **settings: Any) -> Result | int:
    """Softmax by five methods in four float types, beside the exact values.

    LOGITS is a vector such as 1,2,3 or a file; a single - answers a line of standard
    input each. ulp is the error in units in the last place. Every operation is rounded
    to the type, sums run from left to right. limits are the largest logit before exp
    overflows and the smallest before it is 0; room is what the logits have to them.
    """
    if logits != "-":
        return answer(logits, **settings)
    from dlcalc.cli.stream import answer_lines

    return answer_lines(lambda line, _: answer(line, **settings), form)
