"""The command ``dlcalc split``."""

from __future__ import annotations

from typing import Any

import click

from dlcalc.answers.split import split as answer
from dlcalc.cli.command import command
from dlcalc.cli.output import Form
from dlcalc.result import Result


@command(
    "split",
    "dlcalc split 103 --kfold 10",
    "dlcalc split 101 --holdout 7:3 --expect 70,31",
    "dlcalc split 1000 --holdout 8:1:1 --batch 64",
    "dlcalc split 1000 --batch 64 --epochs 10",
    "dlcalc split 1000 --bootstrap --repeat 5",
    "dlcalc split --stratify iris.csv:species --kfold 5",
    "dlcalc split --groups a,a,b,b,b,c --holdout 2:1 -q",
    "dlcalc split 1e12 --kfold 10",
)
@click.argument("n", required=False, type=click.UNPROCESSED, metavar="[N]")
@click.option("--kfold", metavar="K", help="K folds, each to be tested on once.")
@click.option("--holdout", metavar="RATIO", help="Parts such as 7:3, or 8:1:1.")
@click.option("--bootstrap", is_flag=True, help="N draws with replacement, and the rest.")
@click.option(
    "--stratify", metavar="FILE:COLUMN", help="The same share of each class; or labels a,a,b."
)
@click.option("--groups", metavar="FILE:COLUMN", help="No group in two parts; or labels a,a,b.")
@click.option("--repeat", metavar="R", help="Draw R rounds.")
@click.option("--batch", metavar="B", help="The steps of an epoch in batches of B.")
@click.option("--drop-last", is_flag=True, help="Leave out a last batch that is not full.")
@click.option("--epochs", metavar="E", help="The steps of E epochs.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the order.", show_default=True)
@click.option(
    "--no-shuffle",
    "shuffle",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Keep the examples in their order.",
)
@click.option("--verify", is_flag=True, help="Check the indices as sets, and count.")
@click.pass_obj
def split(form: Form, /, n: str | None, **settings: Any) -> Result | int:
    """Split N examples into folds or parts, stratified or by groups; count batches.

    Sizes are those of scikit-learn, for any N; -q prints the indices, from 0, one a
    line, with an empty line between parts, of folds those to test on. They come from
    Python's random.Random(seed). A single - answers a line of standard input each.
    """
    if n != "-":
        return answer(n, **settings)
    from dlcalc.cli.stream import answer_lines

    return answer_lines(lambda line, _: answer(line, **settings), form)
