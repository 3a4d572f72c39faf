"""The command ``dlcalc bootstrap``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.bootstrap import bootstrap as answer
from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.result import Result


@command(
    "bootstrap",
    "dlcalc bootstrap 10 100 1000",
    "dlcalc bootstrap 1000 --expect 0.368",
    "dlcalc bootstrap 1000 -m 500",
    "dlcalc bootstrap 1000 --batch 50",
    "dlcalc bootstrap 10 --derive --exact --verify",
    "dlcalc bootstrap 10 100 --simulate 10000",
    "dlcalc bootstrap --within 0.001",
    "dlcalc bootstrap --errors 0.05,0.3,0.5",
)
@click.argument("counts", nargs=-1, type=click.UNPROCESSED, metavar="N...")
@click.option("-m", "draws", metavar="M", help="Draw M times instead of N.")
@click.option("--batch", metavar="B", help="Draw in batches of B distinct examples.")
@click.option("--within", metavar="X", help="The smallest N within X of the limit 1/e.")
@click.option(
    "--errors",
    metavar="TRAIN,OUT[,CHANCE]",
    help="The .632 estimate from a model's error in training and out of the bag; with "
    "the error of one that knows nothing, .632+.",
)
@click.option("--simulate", metavar="R", help="Draw for real as well, R times.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the draws.", show_default=True)
@click.option("--derive", is_flag=True, help="Derive the limit step by step.")
@click.option("--exact", is_flag=True, help="Write the share as a fraction, up to N = 1000.")
@click.option("--verify", is_flag=True, help="Ask SymPy, fractions and a simulation as well.")
@click.pass_obj
def bootstrap(form: Form, /, counts: tuple[str, ...], **settings: Any) -> Result | int:
    """The share of N examples that N draws with replacement never take: (1 - 1/N)**N, to 1/e.

    It is 0.368 in the limit, the out-of-bag share; 0.632 is drawn at least once.
    N may be as large as 1e18. A single - answers a line of standard input each.
    """
    if counts != ("-",):
        return answer(*counts, **settings)
    from dlcalc.cli.stream import answer_lines

    return answer_lines(lambda line, _: answer(*line.split(), **settings), form)
